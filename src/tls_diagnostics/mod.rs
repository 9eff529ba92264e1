//! TLS and network diagnostics: "why does TLS fail here and not in the browser?"
//!
//! Explains an exchange that was [watched](crate::transport::watch): the scan itself, or a request without a token where
//! there is none to send. [`Facts`] hold what was seen, [`judge`] finds the [`Verdict`] in them, [`Report`] shows all of
//! it. The cause that a verdict names is the sentence of the failed scan; what is added here is what the certificates,
//! the addresses and the environment tell beyond it.

mod certificate;
mod chain;
mod environment;
mod facts;
mod fix;
mod inspection;
mod render;
mod sentence;
mod steps;
mod text;
mod verdict;

pub use certificate::Certificate;
pub use chain::Chain;
pub use environment::{Environment, FileState, report as environment_report};
pub use facts::{Facts, RootsInForce, name_servers};
pub use render::Report;
