//! What can go wrong on the way to an answer: one list for scans, log, checks and diagnosis, and the only place where
//! errors of other libraries are read. None of their own words get any further.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError, Error as TlsError, PeerIncompatible};
use serde::Serialize;
use thiserror::Error;

use super::certificate_problem::CertificateProblem;
use super::material::TlsMaterialError;

/// A part of an exchange.
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
    /// From the request to the head of the answer.
    Request,
    Body,
}

/// Why a stage failed, as a clause.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[serde(tag = "fault", content = "detail", rename_all = "snake_case")]
pub enum Fault {
    #[error("the name has no address")]
    NoSuchName,
    #[error("the DNS server did not answer")]
    NameServerSilent,
    #[error("the connection was refused")]
    Refused,
    #[error("nobody answered the attempt to connect")]
    NoConnection,
    #[error("{0}")]
    Unreachable(&'static str),
    /// No fault of the network that is known: this machine may be the cause, or out of something.
    #[error("{0}")]
    Unknown(&'static str),
    #[error("the connection was reset")]
    Reset,
    #[error("the connection was closed without an answer")]
    Closed,
    /// The stage was under way when the time was up.
    #[error("no answer in time")]
    TimedOut,

    #[error("the proxy {}{}", if *.sent { "did not accept the login" } else { "wants a login" }, offered(.offers))]
    ProxyLogin { sent: bool, offers: Vec<&'static str> },
    #[error("the proxy answered HTTP {status}")]
    ProxyStatus { status: u16, retry_after: Option<String> },
    #[error("the proxy refused: {why}")]
    SocksRefused { why: &'static str, passing: bool },
    #[error("what answers is not such a proxy")]
    NotAProxy,
    #[error("SOCKS 4 knows no IPv6")]
    Socks4Ipv6,
    #[error("the network wants you to sign in")]
    SignIn,

    #[error("its certificate {0}")]
    Certificate(CertificateProblem),
    #[error("the server speaks plain HTTP on this port, not TLS")]
    PlainHttp,
    #[error("the server does not speak TLS on this port")]
    NotTls,
    #[error("the server offers only TLS 1.1 or older, and f5-guard speaks TLS 1.2 and 1.3")]
    OldTls,
    #[error("both sides have no cipher suite, key exchange or signature algorithm in common")]
    NothingInCommon,
    #[error("the server knows no site of this name")]
    UnknownServerName,
    #[error("{}", if *.shown { "the server refused the client certificate" } else { "the server wants a client certificate, and none is set" })]
    ClientCertificate { shown: bool },
    #[error("the server ended it with the alert “{0}”")]
    Alert(&'static str),
    #[error("the server broke the rules of TLS")]
    BrokenTls,
    #[error("it could not be set up on this side")]
    TlsSetup,

    #[error("the answer was not valid HTTP")]
    NotHttp,
    #[error("the answer broke off before its end")]
    Truncated,
    /// `most` is in bytes.
    #[error("the answer is too large")]
    TooLarge { most: usize },
    #[error("the answer is compressed ({0}), which was not asked for")]
    Encoded(&'static str),
    /// No fault of the network: roots or keys can't be used.
    #[error("{0}")]
    Material(#[serde(skip)] TlsMaterialError),
}

fn offered(offers: &[&str]) -> String {
    if offers.is_empty() { String::new() } else { format!(" (it offers {})", offers.join(", ")) }
}

impl Stage {
    /// As it is called in reports.
    pub fn label(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::ProxyTls => "proxy TLS",
            Self::Proxy => "proxy",
            Self::Tls => "TLS",
            Self::Request => "answer",
            Self::Body => "body",
        }
    }

    /// As it is called in the log (docs/performance.md).
    pub(super) fn phase(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::ProxyTls => "proxy tls",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Request => "request",
            Self::Body => "body",
        }
    }
}

/// What is known of a connection when one of its errors is read.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Context<'a> {
    /// The first bytes that came where TLS was due.
    pub heard: &'a [u8],
    pub through_proxy: bool,
    /// Whether the server asked for a client certificate, and whether it got one.
    pub certificate_wanted: bool,
    pub certificate_shown: bool,
}

impl Fault {
    /// Reads an error of a name look-up. The system's words have no codes that Rust would pass on.
    pub(super) fn of_lookup(error: &io::Error) -> Self {
        let words = error.to_string().to_ascii_lowercase();
        let says = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
        // The constants of Windows: try again, no recovery; host not found, no data.
        match error.raw_os_error() {
            Some(11_002 | 11_003) => Self::NameServerSilent,
            Some(11_001 | 11_004) => Self::NoSuchName,
            _ if says(&["temporary failure", "try again", "timed out"]) => Self::NameServerSilent,
            _ if says(&["not known", "no address associated", "does not resolve"]) => Self::NoSuchName,
            _ => Self::Unknown("the look-up of the name failed"),
        }
    }

    pub(super) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::NoConnection,
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => Self::Reset,
            ErrorKind::UnexpectedEof => Self::Closed,
            ErrorKind::NetworkUnreachable => Self::Unreachable("the network is unreachable"),
            ErrorKind::HostUnreachable => Self::Unreachable("the host is unreachable"),
            ErrorKind::NetworkDown => Self::Unreachable("the network is down"),
            ErrorKind::PermissionDenied => Self::Unreachable("this machine does not permit it"),
            ErrorKind::AddrNotAvailable => Self::Unreachable("the address is not available"),
            _ => Self::Unknown("the system reports an error of the connection"),
        }
    }

    /// Reads an error of a connection that may wrap one of TLS or HTTP.
    pub(super) fn of(error: &(dyn StdError + 'static), context: Context<'_>) -> Self {
        let mut fault = None;
        let mut next = Some(error);
        while let Some(cause) = next {
            if let Some(tls) = cause.downcast_ref::<TlsError>() {
                return Self::of_tls(tls, context);
            }
            if let Some(error) = cause.downcast_ref::<io::Error>() {
                // `source()` of an I/O error skips the error that it wraps.
                if let Some(inner) =
                    error.get_ref().filter(|inner| inner.is::<TlsError>() || inner.is::<hyper::Error>())
                {
                    return Self::of(inner, context);
                }
                fault = Some(Self::of_io(error));
            } else if let Some(error) = cause.downcast_ref::<hyper::Error>() {
                // A peer that speaks before it was asked: the request is cancelled, and below it is an error that has
                // no name of its own.
                let spoke_first = !error.is_canceled()
                    && !error.is_incomplete_message()
                    && !error.is_closed()
                    && error.source().is_none();
                fault = fault.or_else(|| (error.is_parse() || spoke_first).then_some(Self::NotHttp));
            }
            next = cause.source();
        }
        match fault.unwrap_or(Self::Closed) {
            // Some servers just hang up on clients that show no good certificate.
            Self::Closed | Self::Reset if context.certificate_wanted => {
                Self::ClientCertificate { shown: context.certificate_shown }
            }
            fault => fault,
        }
    }

    fn of_tls(error: &TlsError, context: Context<'_>) -> Self {
        match error {
            TlsError::InvalidCertificate(problem) => Self::of_certificate(problem),
            TlsError::AlertReceived(alert) => Self::of_alert(*alert, context),
            TlsError::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled,
            ) => Self::OldTls,
            TlsError::PeerIncompatible(_) => Self::NothingInCommon,
            TlsError::InvalidMessage(_) if !is_tls(context.heard) => Self::of_other_protocol(context),
            TlsError::Other(other) => match other.0.downcast_ref::<TlsMaterialError>() {
                Some(material) => Self::Material(material.clone()),
                None => Self::TlsSetup,
            },
            TlsError::EncryptError
            | TlsError::General(_)
            | TlsError::FailedToGetCurrentTime
            | TlsError::FailedToGetRandomBytes
            | TlsError::InvalidCertRevocationList(_) => Self::TlsSetup,
            TlsError::NoCertificatesPresented => Self::Certificate(CertificateProblem::Missing),
            TlsError::InconsistentKeys(_) => Self::Certificate(CertificateProblem::ForeignKey),
            _ => Self::BrokenTls,
        }
    }

    /// Ours are wrapped by our own verifier; rustls itself has a word on the handshake's signature.
    fn of_certificate(problem: &CertificateError) -> Self {
        let ours = match problem {
            CertificateError::Other(other) => other.0.downcast_ref::<CertificateProblem>().cloned(),
            CertificateError::BadSignature => Some(CertificateProblem::ForeignKey),
            CertificateError::BadEncoding => Some(CertificateProblem::Unreadable),
            _ => None,
        };
        Self::Certificate(ours.unwrap_or(CertificateProblem::Other))
    }

    fn of_alert(alert: AlertDescription, context: Context<'_>) -> Self {
        use AlertDescription as A;
        match alert {
            A::ProtocolVersion => Self::OldTls,
            // TLS 1.2 servers say "handshake failure" also when a client certificate is missing.
            A::HandshakeFailure if context.certificate_wanted => {
                Self::ClientCertificate { shown: context.certificate_shown }
            }
            A::HandshakeFailure | A::InsufficientSecurity => Self::NothingInCommon,
            A::UnrecognisedName => Self::UnknownServerName,
            // Alerts about certificates can only speak of ours.
            A::CertificateRequired
            | A::NoCertificate
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied => Self::ClientCertificate { shown: context.certificate_shown },
            other => Self::Alert(alert_name(other)),
        }
    }

    fn of_other_protocol(context: Context<'_>) -> Self {
        let text = String::from_utf8_lossy(context.heard).to_ascii_lowercase();
        let text = text.trim_start();
        let is_http = text.starts_with("http/");
        // A server that takes the handshake for a bad request answers 400; a portal answers with its page.
        let is_page = text.starts_with('<') || (is_http && !text.contains(" 400"));
        if is_http && text.contains(" 511") || context.through_proxy && is_page {
            Self::SignIn
        } else if is_http {
            Self::PlainHttp
        } else {
            Self::NotTls
        }
    }

    pub(super) fn of_socks(error: &tokio_socks::Error, login_sent: bool) -> Self {
        use tokio_socks::Error as E;
        let refused = |why, passing| Self::SocksRefused { why, passing };
        match error {
            E::Io(error) => match Self::of_io(error) {
                // What is no SOCKS proxy hangs up on such a greeting.
                Self::Closed | Self::Reset => Self::Closed,
                fault => fault,
            },
            E::NoAcceptableAuthMethods | E::AuthorizationRequired | E::UnknownAuthMethod => {
                Self::ProxyLogin { sent: login_sent, offers: Vec::new() }
            }
            E::PasswordAuthFailure(_) | E::IdentdAuthFailure | E::InvalidUserIdAuthFailure => {
                Self::ProxyLogin { sent: true, offers: Vec::new() }
            }
            E::ConnectionNotAllowedByRuleset => refused("its rules do not allow it", false),
            E::GeneralSocksServerFailure => refused("general failure", true),
            E::NetworkUnreachable => refused("network unreachable from there", true),
            E::HostUnreachable => refused("host unreachable from there", true),
            E::ConnectionRefused => refused("the server refused its connection", true),
            E::TtlExpired => refused("time to live expired", true),
            E::CommandNotSupported => refused("it does not make connections", false),
            E::AddressTypeNotSupported => refused("it does not know this kind of address", false),
            _ => Self::NotAProxy,
        }
    }
}

/// A TLS record starts with a type between 20 and 24 and the major version 3.
fn is_tls(heard: &[u8]) -> bool {
    heard.is_empty() || matches!(heard, [20..=24, 3, ..])
}

/// RFC 8446, section 6.
fn alert_name(alert: AlertDescription) -> &'static str {
    use AlertDescription as A;
    match alert {
        A::CloseNotify => "close notify",
        A::UnexpectedMessage => "unexpected message",
        A::BadRecordMac => "bad record MAC",
        A::RecordOverflow => "record overflow",
        A::IllegalParameter => "illegal parameter",
        A::DecodeError => "decode error",
        A::DecryptError => "decrypt error",
        A::InternalError => "internal error",
        A::UserCanceled => "user cancelled",
        A::NoApplicationProtocol => "no application protocol",
        A::MissingExtension => "missing extension",
        A::UnsupportedExtension => "unsupported extension",
        _ => "an uncommon one",
    }
}

#[cfg(test)]
mod tests;
