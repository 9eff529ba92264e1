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
mod pem;
pub mod proxy;
mod record;
mod retry;
pub mod roots;
mod trust;
mod tunnel;
mod verifier;
pub mod watch;

use std::fmt;

use serde::Serialize;
use url::Url;

use crate::printable::printable;
pub use exchange::Transport;
pub use failure::{Failure, TransportError};
pub use key_log::key_log_note;
pub use look::look;
pub use material::{TlsMaterialError, client_identity, private_key};
pub use pem::Contents;
pub use record::{Bodies, Exchange, ExchangeLog, ExchangeResult, Message};
pub use retry::with_retries;
pub use trust::{Trust, alternatives, is_hash_name, load_trust};

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// A DNS name, or an IP address without brackets.
    pub host: String,
    pub port: u16,
}

impl Peer {
    pub fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        Self { host: host.to_owned(), port: url.port_or_known_default().unwrap_or(443) }
    }

    /// As people write it: without the usual port.
    pub fn short(&self) -> String {
        match self.port {
            443 => printable(&self.host, 260),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&authority(&self.host, self.port), 260))
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
