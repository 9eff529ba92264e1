//! TLS and network diagnostics: "why does TLS fail here and not in the browser?"
//!
//! [`run`] makes connections of its own, step by step, and returns [`Facts`]; [`judge`] finds the [`Verdict`] in them;
//! [`Report`] shows all of it. It never sends a token, and it is the only place in this program where a handshake is
//! done without verifying the certificates: announced, with nothing sent on it, and only to describe the chain.
//!
//! Left to others: which roots, client certificate and proxy are in force (the caller passes what its scans use), and
//! the scan itself.

mod certificate;
mod chain;
mod environment;
mod facts;
mod fix;
mod handshake;
mod inspection;
mod probe;
mod render;
mod route;
mod sentence;
mod text;
mod tunnel;
mod verdict;
mod wire;

pub use certificate::{Certificate, Content, Details};
pub use chain::{Chain, ChainEnd, TrustSource};
pub use environment::{Environment, FileState, Variable, report as environment_report};
pub use facts::{
    Answer, CertificateProblem, ClientCertificate, Facts, Fault, Look, LookOutcome, Outcome, Stage, Step,
    Target, TlsSession, Trust,
};
pub use fix::{Os, fix};
pub use handshake::ClientIdentity;
pub use inspection::recognise;
pub use probe::{LOOK_ANNOUNCEMENT, Request, run};
pub use render::{Judgement, Report};
pub use route::{Login, Proxy, ProxyScheme, Route};
pub use text::without_secrets;
pub use verdict::{Verdict, judge};

/// Sent with every request of a diagnosis: the firewall in front of F5's service refuses clients without one.
const USER_AGENT: &str = concat!("f5-guard/", env!("CARGO_PKG_VERSION"), " (diagnostics)");
