//! What is known about an exchange, as plain data: [`super::verdict`] judges it, [`super::render`] and `--json` show it.

use serde::{Serialize, Serializer};

use super::chain::Chain;
use super::text::utc;
use crate::scan::ScanError;
use crate::settings::Origins;
use crate::transport::fault::Fault;
use crate::transport::proxy::Route;
use crate::transport::watch::Attempt;
use crate::transport::{Failure, Peer, TransportError, TrustSource};

/// Everything that is known.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    pub target: Peer,
    /// The local clock, seconds since the Unix epoch.
    #[serde(serialize_with = "as_utc")]
    pub clock: i64,
    pub trust: RootsInForce,
    pub route: Option<Route>,
    /// The last attempt, which decided.
    #[serde(serialize_with = "super::steps::attempt_as_json", flatten)]
    pub attempt: Attempt,
    /// How many attempts before it failed, and were worth another one.
    pub earlier_attempts: usize,
    /// The certificates as the server sent them.
    pub chain: Option<Chain>,
    /// The chain was seen on a second connection, which offered more kinds of keys than a scan can use.
    pub looked_again: bool,
    /// What the client certificate is set with, if one is.
    pub client_certificate: Option<&'static str>,
    #[serde(skip)]
    pub origins: Origins,
    /// The DNS servers of this machine, where they matter.
    pub name_servers: Vec<String>,
    /// Why there was no answer that could be used.
    #[serde(skip)]
    pub error: Option<ScanError>,
}

/// The roots in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RootsInForce {
    /// In words in JSON: "the system's certificate store".
    #[serde(serialize_with = "as_words")]
    pub source: TrustSource,
    pub roots: usize,
}

impl Facts {
    /// What failed on the way to an answer, if that is why there was none.
    pub fn failure(&self) -> Option<&Failure> {
        match self.error.as_ref()? {
            ScanError::Transport(TransportError::Failed(failure)) => Some(failure),
            ScanError::Deadline { pending, .. } => pending.as_deref(),
            _ => None,
        }
    }

    pub fn fault(&self) -> Option<&Fault> {
        self.failure().map(|failure| &failure.fault)
    }
}

fn as_words<S: Serializer>(source: &TrustSource, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(source)
}

fn as_utc<S: Serializer>(seconds: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&utc(*seconds))
}

/// The DNS servers that this machine asks; none where the system keeps them elsewhere.
pub fn name_servers() -> Vec<String> {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    servers.map(|server| crate::printable::printable(server.trim(), 60)).take(4).collect()
}
