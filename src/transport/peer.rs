//! Whom a connection is made with.

use std::fmt;

use serde::Serialize;
use url::Url;

use crate::printable::printable;

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
