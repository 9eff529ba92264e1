//! What a diagnosis found, as plain data: [`super::probe`] fills it in, [`super::verdict`] judges it,
//! [`super::render`] and `--json` show it. Nothing here reaches for a network, a file or a clock.

use serde::{Serialize, Serializer};
use std::time::Duration;

use super::chain::Chain;
use super::route::Route;
use super::text::{authority, milliseconds, utc};

/// The server in question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Target {
    /// A DNS name, or an IP address without brackets.
    pub host: String,
    pub port: u16,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::printable::printable(&authority(&self.host, self.port), 260))
    }
}

/// Everything that was found.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    pub target: Target,
    /// The local clock, seconds since the Unix epoch.
    #[serde(serialize_with = "as_utc")]
    pub clock: i64,
    pub trust: Trust,
    pub route: Route,
    /// In the order in which they were taken; the last one is the one that failed, if any did.
    pub steps: Vec<Step>,
    /// Of the verified handshake; absent when it did not come that far.
    pub tls: Option<TlsSession>,
    /// The unverified second look, taken only when the first handshake did not accept the certificates.
    pub look: Option<Look>,
    /// The certificates as the server sent them.
    pub chain: Option<Chain>,
    pub client_certificate: ClientCertificate,
    pub answer: Option<Answer>,
}

impl Facts {
    /// The step at which the diagnosis ended, and why.
    pub fn failure(&self) -> Option<(&Step, &Fault)> {
        self.steps.iter().find_map(|step| match &step.outcome {
            Outcome::Failed(fault) => Some((step, fault)),
            Outcome::Done(_) => None,
        })
    }
}

/// The roots in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trust {
    /// Where they come from, in words: "the operating system's store".
    pub source: String,
    pub roots: usize,
}

/// One step with its time.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    pub stage: Stage,
    /// Whom it was taken with: the target, or the proxy on the way.
    pub peer: String,
    #[serde(rename = "ms", serialize_with = "as_milliseconds")]
    pub took: Duration,
    #[serde(flatten)]
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Dns,
    Tcp,
    /// TLS with an `https://` proxy itself.
    ProxyTls,
    /// The CONNECT request, or the SOCKS exchange.
    Proxy,
    Tls,
    FirstByte,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// What came of it, in a few words.
    Done(String),
    Failed(Fault),
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// The name cannot be resolved, or is no name at all.
    Name {
        why: String,
    },
    Timeout,
    /// The TCP connection was actively refused.
    Refused,
    /// The connection was cut with a reset.
    Reset,
    /// The connection was closed where an answer was due.
    Closed,
    /// No route, or not permitted.
    Unreachable {
        why: String,
    },
    /// 407, or the SOCKS equivalent.
    ProxyLogin {
        sent: bool,
        scheme: String,
    },
    /// The proxy answered the CONNECT with a refusal.
    ProxyStatus {
        status: u16,
        line: String,
    },
    /// What answered is no proxy of the configured kind.
    NotAProxy {
        said: String,
    },
    /// The peer speaks plain HTTP where TLS is due.
    PlainHttp {
        line: String,
    },
    /// The peer speaks, but not TLS.
    NotTls {
        said: String,
    },
    /// No TLS version in common (rustls speaks 1.2 and 1.3).
    OldVersion {
        why: String,
    },
    /// No cipher suite or key exchange in common.
    NoCommonCipher {
        why: String,
    },
    /// The server serves no site of that name.
    UnknownServerName,
    /// The server did not take the client certificate, or the lack of one.
    ClientCertificate {
        why: String,
    },
    /// The server's certificates were not accepted.
    Certificate {
        problem: CertificateProblem,
    },
    /// Any other TLS failure.
    Tls {
        why: String,
    },
    /// Any other failure of the operating system.
    Io {
        why: String,
    },
}

/// What is wrong with the server's certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateProblem {
    UnknownIssuer,
    Expired,
    NotYetValid,
    WrongName,
    /// A signature does not fit the key of the issuer of that name.
    BadSignature,
    /// Any other reason, in words.
    Other(String),
}

/// The parameters of a completed handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TlsSession {
    pub version: String,
    pub cipher_suite: String,
    pub key_exchange: String,
    /// The server asked for another key share first (a second round trip).
    pub hello_retry: bool,
    pub alpn: Option<String>,
}

/// The unverified look at the chain: a handshake and nothing else.
#[derive(Debug, Clone, Serialize)]
pub struct Look {
    #[serde(rename = "ms", serialize_with = "as_milliseconds")]
    pub took: Duration,
    /// The handshake's parameters, or why there was no second handshake.
    #[serde(flatten)]
    pub outcome: LookOutcome,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LookOutcome {
    Seen(TlsSession),
    Failed(Fault),
}

/// What passed about client certificates (mTLS).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ClientCertificate {
    /// The server asked for one.
    pub requested: bool,
    /// The certificate authorities whose client certificates it says it accepts.
    pub accepted_issuers: Vec<String>,
    /// Where ours came from, if one was configured.
    pub configured: Option<String>,
}

/// The beginning of the server's HTTP answer to a request without token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    pub status: u16,
    pub status_line: String,
    pub server: Option<String>,
    /// The answer says in its body that a client certificate is missing.
    pub wants_client_certificate: bool,
}

fn as_milliseconds<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    // To a hundredth, so that the JSON stays readable.
    serializer.serialize_f64((took.as_secs_f64() * 100_000.0).round() / 100.0)
}

fn as_utc<S: Serializer>(seconds: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&utc(*seconds))
}

impl Stage {
    /// As the step is called in the report.
    pub fn label(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::ProxyTls => "proxy TLS",
            Self::Proxy => "proxy",
            Self::Tls => "TLS",
            Self::FirstByte => "first byte",
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name { why } => write!(f, "the name cannot be resolved ({why})"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::Refused => f.write_str("connection refused"),
            Self::Reset => f.write_str("connection reset"),
            Self::Closed => f.write_str("connection closed without an answer"),
            Self::Unreachable { why } => write!(f, "unreachable ({why})"),
            Self::ProxyLogin { sent: true, .. } => f.write_str("the proxy does not accept the login"),
            Self::ProxyLogin { sent: false, .. } => f.write_str("the proxy wants a login"),
            Self::ProxyStatus { line, .. } => write!(f, "the proxy answered: {line}"),
            Self::NotAProxy { said } => write!(f, "no proxy answer: {said}"),
            Self::PlainHttp { line } => write!(f, "plain HTTP, not TLS: {line}"),
            Self::NotTls { said } => write!(f, "not TLS: {said}"),
            Self::OldVersion { why } => write!(f, "no TLS version in common ({why})"),
            Self::NoCommonCipher { why } => write!(f, "no cipher in common ({why})"),
            Self::UnknownServerName => f.write_str("the server does not know this name"),
            Self::ClientCertificate { why } => write!(f, "client certificate: {why}"),
            Self::Certificate { problem } => write!(f, "certificate not accepted: {problem}"),
            Self::Tls { why } | Self::Io { why } => f.write_str(why),
        }
    }
}

impl std::fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownIssuer => f.write_str("its issuer is unknown"),
            Self::Expired => f.write_str("expired"),
            Self::NotYetValid => f.write_str("not valid yet"),
            Self::WrongName => f.write_str("issued for another name"),
            Self::BadSignature => f.write_str("a signature in the chain does not fit its issuer"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl std::fmt::Display for TlsSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}, {}, {}, {}, ALPN {}",
            self.version,
            self.cipher_suite,
            self.key_exchange,
            if self.hello_retry { "hello retry" } else { "no hello retry" },
            self.alpn.as_deref().unwrap_or("none")
        )
    }
}

impl Step {
    /// `12 ms`.
    pub fn time(&self) -> String {
        milliseconds(self.took)
    }
}
