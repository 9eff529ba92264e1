//! Network failures, told apart and put in sentences.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError, Error as RustlsError};
use thiserror::Error;

use super::material::TlsMaterialError;

/// An exchange that brought no complete answer. `via` is how the sentence names a proxy on the way: empty, or
/// ` through the proxy http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransportError {
    #[error("The name {host} could not be resolved{via}.")]
    Dns { host: String, via: String },
    #[error("The connection to {host} was refused{via}.")]
    Refused { host: String, via: String },
    #[error("The connection to {host} was closed or reset before an answer came{via}.")]
    Reset { host: String, via: String },
    #[error("No connection to {host} could be made{via}: {reason}.")]
    Unreachable { host: String, via: String, reason: String },
    #[error("The service could not be reached{via}: there was no connection to the proxy.")]
    ProxyUnreachable { via: String },
    #[error("The proxy wants a login{via}.")]
    ProxyLogin { via: String },
    #[error("The proxy refused the connection to {host}{via}.")]
    ProxyRefused { host: String, via: String },
    #[error("The TLS connection to {host} failed{via}: {failure}.")]
    Tls { host: String, via: String, failure: TlsFailure },
    #[error("{host} did not answer in valid HTTP{via}.")]
    NotHttp { host: String, via: String },
    #[error("The answer of {host} broke off before its end{via}.")]
    Truncated { host: String, via: String },
    /// `most` is in bytes.
    #[error("The answer of {host} is larger than {} KiB.", .most.div_ceil(1024))]
    TooLarge { host: String, most: usize },
    #[error("The HTTP request could not be made: {reason}.")]
    Client { reason: String },
    #[error("{0}")]
    TlsMaterial(#[from] TlsMaterialError),
}

/// Why TLS failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TlsFailure {
    #[error("its certificate was issued by an authority that is not trusted here")]
    UnknownIssuer,
    #[error("its certificate has expired")]
    Expired,
    #[error("its certificate is not valid yet, or this machine's clock is wrong")]
    NotValidYet,
    #[error("its certificate is for another name")]
    NameMismatch,
    #[error("its certificate was refused ({0})")]
    BadCertificate(String),
    #[error("the server refused the client certificate, or wants one")]
    ClientCertificate,
    #[error("both sides have no TLS version or cipher in common")]
    NothingInCommon,
    #[error("the server does not speak TLS on this port")]
    NotTls,
    #[error("{0}")]
    Other(String),
}

impl TransportError {
    /// Whether asking again can help: the connection failed, nothing was decided.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Dns { .. }
                | Self::Refused { .. }
                | Self::Reset { .. }
                | Self::Unreachable { .. }
                | Self::ProxyUnreachable { .. }
        )
    }

    /// A short stable name for the log.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dns { .. } => "dns",
            Self::Refused { .. } | Self::Reset { .. } | Self::Unreachable { .. } => "network",
            Self::ProxyUnreachable { .. } | Self::ProxyLogin { .. } | Self::ProxyRefused { .. } => "proxy",
            Self::Tls { .. } => "tls",
            Self::NotHttp { .. } | Self::Truncated { .. } | Self::TooLarge { .. } => "bad_body",
            Self::Client { .. } => "client",
            Self::TlsMaterial(_) => "tls_material",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn fix(&self) -> String {
        match self {
            Self::Dns { .. } => "Check the network, VPN and F5_GUARDRAILS_BASE_URL; behind a proxy, set HTTPS_PROXY.",
            Self::Refused { .. } | Self::Unreachable { .. } => "Check the network, F5_GUARDRAILS_BASE_URL and, behind a proxy, HTTPS_PROXY and NO_PROXY.",
            Self::Reset { .. } => "Try again; if it stays, a firewall or proxy on the way may cut the connection: run `f5-guard smoketest --tls-diagnostics`.",
            Self::ProxyUnreachable { .. } => "Check HTTPS_PROXY (or the system's proxy settings), or exempt the host with NO_PROXY.",
            Self::ProxyLogin { .. } => "Give the proxy's user and password in HTTPS_PROXY (http://user:password@proxy:port).",
            Self::ProxyRefused { .. } => "Ask the proxy's administrator to allow the host, or exempt it with NO_PROXY.",
            Self::Tls { failure, .. } => return failure.fix().to_owned(),
            Self::NotHttp { .. } | Self::Truncated { .. } | Self::TooLarge { .. } => "Check that F5_GUARDRAILS_BASE_URL and the proxy settings lead to the F5 service itself.",
            Self::Client { .. } => "Report this with the version of f5-guard.",
            Self::TlsMaterial(error) => return error.fix(),
        }
        .to_owned()
    }

    /// Reads a client error. `host` is the service's host, `via` names the proxy in use, if any.
    pub(super) fn from_reqwest(error: &reqwest::Error, host: &str, via: &str) -> Self {
        let (host, via) = (host.to_owned(), via.to_owned());
        let chain = Causes::of(error);
        if let Some(material) = chain.rustls.as_ref().and_then(material_error) {
            return Self::TlsMaterial(material.clone());
        }
        if let Some(failure) = chain.rustls.as_ref().map(TlsFailure::from_rustls) {
            return Self::Tls { host, via, failure };
        }
        match chain.tunnel.as_deref() {
            Some(text) if text.contains("authorization required") => return Self::ProxyLogin { via },
            Some(text) if text.contains("underlying connection") => return Self::ProxyUnreachable { via },
            Some(text) if text.contains("end of file") || text.contains("io error") => {
                return Self::Reset { host, via };
            }
            Some(_) => return Self::ProxyRefused { host, via },
            None => {}
        }
        if error.is_dns() {
            return if via.is_empty() { Self::Dns { host, via } } else { Self::ProxyUnreachable { via } };
        }
        if error.is_body() || error.is_decode() {
            return Self::Truncated { host, via };
        }
        match chain.io {
            Some(io::ErrorKind::ConnectionRefused) => Self::Refused { host, via },
            Some(
                io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof,
            ) => Self::Reset { host, via },
            Some(kind) if error.is_connect() => Self::Unreachable { host, via, reason: kind.to_string() },
            _ if chain.incomplete => Self::Reset { host, via },
            _ if chain.not_http => Self::NotHttp { host, via },
            _ if error.is_connect() => {
                Self::Unreachable { host, via, reason: "unknown network error".into() }
            }
            _ if error.is_builder() => Self::Client { reason: "it is not valid".into() },
            _ => Self::Reset { host, via },
        }
    }
}

impl TlsFailure {
    /// Reads rustls' own error.
    #[must_use]
    pub fn from_rustls(error: &RustlsError) -> Self {
        match error {
            RustlsError::InvalidCertificate(certificate) => match certificate {
                CertificateError::UnknownIssuer => Self::UnknownIssuer,
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Self::NotValidYet
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Self::NameMismatch
                }
                other => Self::BadCertificate(variant_name(other)),
            },
            RustlsError::AlertReceived(
                AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnknownCA
                | AlertDescription::CertificateUnknown,
            ) => Self::ClientCertificate,
            RustlsError::AlertReceived(
                AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion,
            )
            | RustlsError::PeerIncompatible(_) => Self::NothingInCommon,
            RustlsError::AlertReceived(alert) => Self::Other(format!("the server sent the alert {alert:?}")),
            RustlsError::InvalidMessage(_) => Self::NotTls,
            other => Self::Other(variant_name(other)),
        }
    }

    fn fix(&self) -> &'static str {
        match self {
            Self::UnknownIssuer => {
                "If your company inspects TLS, set F5_GUARDRAILS_CA_BUNDLE to a PEM file with its root certificate; `f5-guard smoketest --tls-diagnostics` shows the issuer."
            }
            Self::Expired | Self::NotValidYet => {
                "Check this machine's clock; if it is right, the server's certificate must be renewed."
            }
            Self::NameMismatch => {
                "Check the host in F5_GUARDRAILS_BASE_URL; `f5-guard smoketest --tls-diagnostics` shows the certificate's names."
            }
            Self::ClientCertificate => {
                "Set F5_GUARDRAILS_CLIENT_CERT (and F5_GUARDRAILS_CLIENT_KEY) to a certificate that the server accepts."
            }
            Self::NotTls => "Check scheme and port of F5_GUARDRAILS_BASE_URL.",
            Self::BadCertificate(_) | Self::NothingInCommon | Self::Other(_) => {
                "Run `f5-guard smoketest --tls-diagnostics` to see what the server offers."
            }
        }
    }
}

/// What our own verifier could not load.
fn material_error(error: &RustlsError) -> Option<&TlsMaterialError> {
    match error {
        RustlsError::Other(other) => other.0.downcast_ref(),
        _ => None,
    }
}

/// The variant's name alone: rustls' variants carry data that is of no use in a sentence.
fn variant_name(error: &impl std::fmt::Debug) -> String {
    let text = format!("{error:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// What the chain of causes below a client error holds.
#[derive(Default)]
struct Causes {
    rustls: Option<RustlsError>,
    io: Option<io::ErrorKind>,
    /// hyper-util does not export its tunnel error, so its text has to do.
    tunnel: Option<String>,
    incomplete: bool,
    not_http: bool,
}

impl Causes {
    fn of(error: &reqwest::Error) -> Self {
        let mut causes = Self::default();
        let mut next: Option<&(dyn StdError + 'static)> = error.source();
        while let Some(cause) = next {
            causes.note(cause);
            next = cause.source();
        }
        causes
    }

    fn note(&mut self, cause: &(dyn StdError + 'static)) {
        if let Some(tls) = cause.downcast_ref::<RustlsError>() {
            self.rustls = Some(tls.clone());
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            self.io = Some(io.kind());
            // `source()` of an I/O error skips the error that it wraps.
            if let Some(inner) = io.get_ref() {
                self.note(inner);
            }
        }
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
            self.incomplete |= hyper.is_incomplete_message();
            self.not_http |= hyper.is_parse();
        }
        let text = cause.to_string();
        if text.starts_with("tunnel error") {
            self.tunnel = Some(text);
        }
    }
}
