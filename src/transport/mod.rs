//! HTTP to the F5 service: trust, proxies, one exchange, retries. Shared by scans and by the commands that
//! read the service's configuration.
//!
//! Nothing here knows what a scan is. No option turns certificate verification off, redirects are never
//! followed, and answers are capped. What happens can be [watched](watch::Watch).

pub mod algorithms;
pub mod certificate_problem;
mod connect;
mod exchange;
pub mod failure;
pub mod fault;
mod issuing;
mod key_log;
mod look;
mod material;
mod peer;
mod pem;
pub mod proxy;
mod record;
mod request;
mod retry;
pub mod roots;
mod trust;
mod tunnel;
mod verifier;
pub mod watch;
mod wire;

pub use exchange::Transport;
pub use failure::{Failure, TransportError};
pub use key_log::key_log_note;
pub use look::unverified_probe;
pub use material::{TlsMaterialError, client_identity, private_key, read_small, reason};
pub use peer::{Peer, authority};
pub use pem::Contents;
pub use record::{Bodies, Exchange, ExchangeLog, ExchangeResult, Message};
pub use retry::with_retries;
pub use trust::{Trust, TrustSource, alternatives, contents_at, load_trust};
