//! Why the service can't be reached.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::printable::seconds;

/// Why the service can't be reached, in words that nobody else has a say in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Cause {
    NoSuchName {
        at_proxy: bool,
    },
    NameServerSilent,
    Refused {
        at_proxy: bool,
    },
    NoConnection {
        at_proxy: bool,
    },
    Dropped {
        at_proxy: bool,
    },
    Unreachable {
        at_proxy: bool,
    },
    ProxyStatus {
        status: u16,
    },
    SocksRefused,
    /// Connected, and nothing came for so many milliseconds.
    Silent {
        at_proxy: bool,
        waited: u64,
    },
    Gateway {
        status: u16,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |at_proxy: bool| if at_proxy { "the proxy: " } else { "" };
        match *self {
            Self::NoSuchName { at_proxy } => write!(f, "{}the name has no address", at(at_proxy)),
            Self::NameServerSilent => f.write_str("the DNS server does not answer"),
            Self::Refused { at_proxy } => write!(f, "{}the connection is refused", at(at_proxy)),
            Self::NoConnection { at_proxy } => {
                write!(f, "{}no answer to the attempt to connect", at(at_proxy))
            }
            Self::Dropped { at_proxy } => write!(f, "{}the connection is dropped", at(at_proxy)),
            Self::Unreachable { at_proxy } => {
                write!(f, "{}the network or the host is unreachable", at(at_proxy))
            }
            Self::ProxyStatus { status } => write!(f, "the proxy answers HTTP {status}"),
            Self::SocksRefused => f.write_str("the proxy can't connect to it"),
            Self::Silent { at_proxy, waited } => {
                let seconds = seconds(&Duration::from_millis(waited));
                write!(f, "{}connected, no answer in {seconds}", at(at_proxy))
            }
            Self::Gateway { status } => write!(f, "it answers HTTP {status}"),
        }
    }
}
