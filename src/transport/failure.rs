//! A failed exchange in sentences: what happened, in which part of it, with whom; and what to do about it.

use thiserror::Error;

use super::certificate_problem::{CertificateProblem, Party};
use super::fault::{Fault, Stage};
use super::material::TlsMaterialError;
use super::peer::Peer;
use super::proxy::{Origin, Proxy, ProxyProblem};
use super::watch::Step;
use crate::printable::printable;
use crate::settings::Origins;

/// An exchange that brought no complete answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransportError {
    #[error("{0}")]
    Failed(Box<Failure>),
    #[error("{0}")]
    Proxy(#[from] ProxyProblem),
    #[error("{0}")]
    TlsMaterial(#[from] TlsMaterialError),
}

/// What happened where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub stage: Stage,
    pub peer: Peer,
    pub proxy: Option<Proxy>,
    pub fault: Fault,
    /// Answers came, to this request or to others.
    pub answered: bool,
}

impl From<Failure> for TransportError {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl Failure {
    pub(super) fn at(step: &Step, proxy: Option<Proxy>, fault: &Fault) -> Self {
        Self {
            stage: step.stage,
            peer: step.peer.clone(),
            proxy,
            fault: fault.clone(),
            answered: step.stage == Stage::Body,
        }
    }
}

impl TransportError {
    /// Whether asking again can help: the connection failed, nothing was decided.
    pub fn is_retryable(&self) -> bool {
        let Self::Failed(failure) = self else { return false };
        match &failure.fault {
            Fault::NoSuchName
            | Fault::NameServerSilent
            | Fault::Refused
            | Fault::NoConnection
            | Fault::Unreachable(_)
            | Fault::Unknown(_)
            | Fault::Reset
            | Fault::Closed => true,
            Fault::ProxyStatus { status, .. } => matches!(status, 429 | 502..=504),
            Fault::SocksRefused { passing, .. } => *passing,
            _ => false,
        }
    }

    /// When to ask again, where a proxy said so.
    pub(super) fn retry_after(&self) -> Option<&str> {
        match self {
            Self::Failed(failure) => match &failure.fault {
                Fault::ProxyStatus { retry_after, .. } => retry_after.as_deref(),
                _ => None,
            },
            _ => None,
        }
    }

    /// A short stable name for the log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Failed(failure) => failure.kind(),
            Self::Proxy(_) => "proxy",
            Self::TlsMaterial(_) => "tls_material",
        }
    }

    /// What to do about it.
    pub fn fix(&self, origins: Origins) -> String {
        match self {
            Self::Failed(failure) => failure.fix(origins),
            Self::Proxy(problem) => problem.fix(),
            Self::TlsMaterial(error) => error.fix(),
        }
    }
}

impl Failure {
    pub(super) fn after_answers(mut self, answered: bool) -> Self {
        self.answered |= answered;
        self
    }

    /// Whether the proxy is the peer of the step that failed.
    pub fn is_at_proxy(&self) -> bool {
        let address = self.proxy.as_ref().map(|proxy| &proxy.address);
        match self.stage {
            Stage::Dns | Stage::Tcp => {
                address.is_some_and(|at| at.host == self.peer.host && at.port == self.peer.port)
            }
            Stage::ProxyTls | Stage::Proxy => true,
            Stage::Tls | Stage::Request | Stage::Body => false,
        }
    }

    /// ` through the proxy http://host:port`; empty where none is used.
    fn via(&self) -> String {
        match &self.proxy {
            Some(proxy) if !self.is_at_proxy() => format!(" through the proxy {proxy}"),
            _ => String::new(),
        }
    }

    /// The peer, with what names it.
    fn whom(&self) -> String {
        match &self.proxy {
            Some(proxy) if self.is_at_proxy() => format!("the proxy {proxy} (from {})", proxy.from),
            _ if self.stage == Stage::Dns => printable(&self.peer.host, 260),
            _ => self.peer.short(),
        }
    }

    fn kind(&self) -> &'static str {
        match (self.stage, &self.fault) {
            (_, Fault::SignIn) => "sign_in",
            (Stage::ProxyTls | Stage::Proxy, _) => "proxy",
            (Stage::Dns | Stage::Tcp, _) if self.is_at_proxy() => "proxy",
            (Stage::Dns, _) => "dns",
            (Stage::Tls, Fault::Reset | Fault::Closed | Fault::TimedOut) => "network",
            (Stage::Tls, _) | (_, Fault::ClientCertificate { .. } | Fault::Alert(_) | Fault::BrokenTls) => {
                "tls"
            }
            (Stage::Body, _) | (_, Fault::NotHttp | Fault::Encoded(_) | Fault::TooLarge { .. }) => "bad_body",
            _ => "network",
        }
    }

    /// What had not happened when the time was up, as a clause.
    pub fn waiting_for(&self) -> String {
        let (whom, via) = (self.whom(), self.via());
        match self.stage {
            Stage::Dns => format!("the DNS server did not say which address {whom} has"),
            Stage::Tcp => format!("{whom} did not answer the attempt to connect"),
            Stage::ProxyTls => {
                format!("{whom} accepted the connection and said nothing in the TLS handshake")
            }
            Stage::Proxy => format!("{whom} accepted the connection and did not answer"),
            Stage::Tls => {
                format!("{whom} accepted the connection and said nothing in the TLS handshake{via}")
            }
            Stage::Request if self.answered => format!("{whom} answers slowly{via}"),
            Stage::Request => format!("{whom} was connected, but no answer came{via}"),
            Stage::Body => format!("{whom} began its answer and did not end it{via}"),
        }
    }

    /// What to do about it.
    pub fn fix(&self, origins: Origins) -> String {
        let base_url = origins.base_url();
        match (&self.fault, &self.proxy) {
            (_, Some(proxy)) if self.is_at_proxy() => self.proxy_fix(proxy, origins),
            (Fault::NoSuchName, None) => format!("Check {base_url}, the network and the VPN; {}.", origins.other_way()),
            (Fault::NoSuchName, Some(_)) => format!("Check {base_url}; a proxy that resolves names itself is written with socks5h:// or socks4a://."),
            (Fault::NameServerSilent, _) => "Check the network, the VPN and this machine's DNS server.".to_owned(),
            (Fault::TimedOut, _) if self.stage == Stage::Dns => "Check the network, the VPN and this machine's DNS server.".to_owned(),
            (Fault::Certificate(problem), _) => certificate_fix(problem, origins),
            (Fault::ClientCertificate { shown: false }, _) if origins.client_certificate => {
                "Check that the certificate in F5_GUARDRAILS_CLIENT_CERT is of a kind that the server takes: it asked for one with another kind of key.".to_owned()
            }
            (Fault::ClientCertificate { shown: false }, _) => "Set F5_GUARDRAILS_CLIENT_CERT (and F5_GUARDRAILS_CLIENT_KEY) to a certificate that the server accepts.".to_owned(),
            (Fault::ClientCertificate { shown: true }, _) => "Check the certificate in F5_GUARDRAILS_CLIENT_CERT. It must be for this server, complete with its intermediates, and not expired.".to_owned(),
            (Fault::PlainHttp | Fault::NotTls, _) => format!("Check scheme and port of {base_url}."),
            (Fault::UnknownServerName, _) => format!("Check the host in {base_url}."),
            (Fault::SignIn, _) => "Sign in to this network in a browser, then try again.".to_owned(),
            (Fault::OldTls, _) => "Have TLS 1.2 or 1.3 switched on at the server, or at the gateway in front of it.".to_owned(),
            (Fault::NothingInCommon | Fault::Alert(_) | Fault::BrokenTls | Fault::TlsSetup, _) => "Run `f5-guard smoketest --tls-diagnostics`. The operator of the server, or of the gateway in front of it, needs the result.".to_owned(),
            (Fault::NotHttp | Fault::TooLarge { .. } | Fault::Truncated | Fault::Encoded(_), _) => format!("Check that {base_url} and the proxy settings lead to the F5 service itself; a gateway in front of it may change answers."),
            (Fault::TimedOut, _) if self.stage == Stage::Request => format!("Try again; if it stays, check the state of the F5 service and {base_url}."),
            (Fault::Reset | Fault::Closed, _) => "Try again. A firewall or proxy on the way may cut the connection: run `f5-guard smoketest --tls-diagnostics`.".to_owned(),
            (_, None) => format!("Check the network, the firewall and {base_url}; {}.", origins.other_way()),
            (_, Some(proxy)) => format!("Check the network, {base_url} and {}.", named(proxy)),
        }
    }

    fn proxy_fix(&self, proxy: &Proxy, origins: Origins) -> String {
        let (from, exceptions) = (named(proxy), origins.exceptions);
        match &self.fault {
            Fault::NoSuchName
            | Fault::Refused
            | Fault::NoConnection
            | Fault::Unreachable(_)
            | Fault::Unknown(_) => {
                format!(
                    "Check {from} and the VPN that the proxy belongs to, or exempt the host with {exceptions} where it is reachable directly."
                )
            }
            Fault::NameServerSilent => "Check the network, the VPN and this machine's DNS server.".to_owned(),
            Fault::ProxyLogin { offers, .. } if !offers.is_empty() && !offers.contains(&"Basic") => format!(
                "f5-guard logs in by name and password only (Basic). Run a local helper proxy that speaks {} (Px, \
                 cntlm) and point {from} at it, or ask for an exception.",
                offers.join(" or ")
            ),
            Fault::ProxyLogin { sent: false, .. } => {
                format!(
                    "Put user and password into {from} (http://user:password@proxy:port), special characters percent-encoded."
                )
            }
            Fault::ProxyLogin { sent: true, .. } => {
                format!("Check user and password in {from}, special characters percent-encoded.")
            }
            Fault::ProxyStatus { status: 429 | 500..=599, .. } => {
                "Try again in a moment; if it stays, ask the proxy's administrator.".to_owned()
            }
            Fault::ProxyStatus { .. } | Fault::SocksRefused { passing: false, .. } => {
                format!(
                    "Ask the proxy's administrator to allow the host, or exempt it with {exceptions} where it is reachable directly."
                )
            }
            Fault::SocksRefused { .. } => {
                format!("Check {}; if it is right, ask the proxy's administrator.", origins.base_url())
            }
            Fault::Socks4Ipv6 => format!("Use socks5:// or http:// in {from}."),
            Fault::SignIn => "Sign in to this network in a browser, then try again.".to_owned(),
            Fault::Certificate(problem) if self.stage == Stage::ProxyTls => format!(
                "Most proxies are addressed with http://, also for https:// traffic: check {from}. With https:// the \
                 proxy's own certificate has to be trusted: {}",
                certificate_fix(problem, origins)
            ),
            _ if self.stage == Stage::ProxyTls => {
                format!("Most proxies are addressed with http://, also for https:// traffic: check {from}.")
            }
            _ => format!("Check scheme, host and port in {from}."),
        }
    }
}

fn named(proxy: &Proxy) -> String {
    match proxy.from {
        Origin::Variable(name) => name.to_owned(),
        Origin::System => "the system's proxy settings".to_owned(),
    }
}

fn certificate_fix(problem: &CertificateProblem, origins: Origins) -> String {
    const OPERATOR: &str = "The server's operator has to replace the certificate or its chain. Where TLS is inspected, that is the inspecting product's administrator.";
    match (problem, problem.party()) {
        (CertificateProblem::RootMayNotIssue(_), _) => {
            "Trust the CA that issued it. Its administrator has the right certificate.".to_owned()
        }
        (CertificateProblem::BundleExpired, _) => {
            "Check this machine's clock; if it is right, put current CA certificates into the bundle."
                .to_owned()
        }
        (CertificateProblem::CaAsServer, _) => format!(
            "Only if the server is yours: {}.",
            origins.add_root().replace("its root certificate", "that very certificate")
        ),
        (_, Party::User) => format!(
            "Where TLS is inspected, {}. `f5-guard smoketest --tls-diagnostics` shows the issuer.",
            origins.add_root()
        ),
        (_, Party::Clock) => {
            "Check this machine's clock; if it is right, the server's certificate must be renewed.".to_owned()
        }
        (CertificateProblem::WrongName, _) => format!(
            "Check the host in {}; `f5-guard smoketest --tls-diagnostics` shows the certificate's names.",
            origins.base_url()
        ),
        (_, Party::Name) => format!(
            "Its operator must add the subject alternative name. Until then, set {} to a host that the certificate names.",
            origins.base_url()
        ),
        (_, Party::Issuer) => OPERATOR.to_owned(),
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whom, via) = (self.whom(), self.via());
        let capital = |text: &str| match text.strip_prefix("the ") {
            Some(rest) => format!("The {rest}"),
            None => text.to_owned(),
        };
        match (self.stage, &self.fault) {
            (_, Fault::TimedOut) => write!(f, "{}.", capital(&self.waiting_for())),
            (_, Fault::SignIn) => {
                write!(
                    f,
                    "The network wants you to sign in: its own page came instead of the service's answer{via}."
                )
            }
            (Stage::Dns, fault) => write!(f, "The name of {whom} could not be resolved{via}: {fault}."),
            (Stage::Tcp, Fault::Refused) => write!(f, "The connection to {whom} was refused{via}."),
            (Stage::Tcp, fault) => write!(f, "No connection to {whom} could be made{via}: {fault}."),
            (Stage::ProxyTls, fault) => write!(f, "The TLS connection to {whom} failed: {fault}."),
            (
                Stage::Proxy,
                Fault::ProxyLogin { .. } | Fault::SocksRefused { .. } | Fault::ProxyStatus { .. },
            ) => {
                let words = self.fault.to_string();
                let what = words.strip_prefix("the proxy ").unwrap_or(&words);
                write!(f, "{} {what}.", capital(&whom))
            }
            (Stage::Proxy, Fault::NotHttp | Fault::NotAProxy) => {
                write!(f, "What answers at the address of {whom} is not such a proxy.")
            }
            (Stage::Proxy, fault) => write!(f, "{} made no connection: {fault}.", capital(&whom)),
            (Stage::Tls, fault) => write!(f, "The TLS connection to {whom} failed{via}: {fault}."),
            (_, Fault::ClientCertificate { .. } | Fault::Alert(_) | Fault::BrokenTls) => {
                write!(f, "The TLS connection to {whom} failed{via}: {}.", self.fault)
            }
            (_, Fault::Reset | Fault::Closed) => {
                write!(f, "The connection to {whom} was closed or reset before an answer came{via}.")
            }
            (_, Fault::NotHttp) => write!(f, "{} did not answer in valid HTTP{via}.", capital(&whom)),
            (_, Fault::Truncated) => write!(f, "The answer of {whom} broke off before its end{via}."),
            (_, Fault::TooLarge { most }) => {
                write!(f, "The answer of {whom} is larger than {} KiB.", most.div_ceil(1024))
            }
            (_, Fault::Encoded(how)) => {
                write!(f, "The answer of {whom} is compressed ({how}), which f5-guard did not ask for.")
            }
            (_, fault) => write!(f, "The request to {whom} failed{via}: {fault}."),
        }
    }
}

/// A failure with that fault, wherever it may occur.
#[cfg(test)]
pub(crate) fn example(fault: Fault) -> TransportError {
    example_at(Stage::Tcp, fault).into()
}

/// The same in another stage.
#[cfg(test)]
pub(crate) fn example_at(stage: Stage, fault: Fault) -> Failure {
    let peer = Peer { host: "f5.example".to_owned(), port: 443 };
    Failure { stage, peer, proxy: None, fault, answered: false }
}
