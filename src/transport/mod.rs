//! HTTP to the F5 service: trust, proxies, one exchange, retries. Shared by scans and by the commands that
//! read the service's configuration.
//!
//! Nothing here knows what a scan is. No option turns certificate verification off, redirects are never
//! followed, and answers are capped.

mod connecting;
mod exchange;
mod failure;
mod material;
pub mod proxy;
mod record;
mod retry;
mod trust;
mod verifier;

pub use exchange::{MAX_BODY, Response, Transport};
pub use failure::{TlsFailure, TransportError};
pub(crate) use material::certificates;
pub use material::{ClientIdentity, TlsMaterialError, client_identity};
pub use record::{Bodies, Exchange, ExchangeLog, ExchangeResult, Message};
pub use retry::with_retries;
pub use trust::{Trust, TrustSource, load_trust};
