//! From facts to a verdict: why it does not work, or that it does. Pure.
//! The words for it are in [`super::sentence`]; what to do about it is [`super::fix`]'s part.

use serde::Serialize;

use super::chain::{Chain, ChainEnd};
use super::facts::{CertificateProblem, Facts, Fault, Stage};
use super::inspection::recognise;
use super::route::Route;
use super::text::authority;

/// What is wrong, or that nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verdict {
    Works {
        /// TLS is inspected on the way by this product, whose root is trusted.
        inspection: Option<&'static str>,
    },
    NameNotResolved {
        host: String,
        proxy: bool,
    },
    ConnectionRefused {
        peer: String,
        proxy: bool,
    },
    Unreachable {
        peer: String,
        proxy: bool,
        why: String,
    },
    /// DNS, TCP or the proxy did not answer in time.
    Timeout {
        peer: String,
        proxy: bool,
        during: Stage,
    },
    ProxyNeedsLogin {
        sent: bool,
        scheme: String,
    },
    ProxyRefuses {
        line: String,
    },
    NotAProxy {
        said: String,
    },
    /// TLS with an `https://` proxy itself failed.
    ProxyTls {
        why: String,
    },
    PlainHttp {
        line: String,
    },
    NotTls {
        said: String,
    },
    HandshakeReset,
    HandshakeClosed,
    HandshakeSilence,
    OldTlsOnly,
    NoCommonCipher,
    UnknownServerName,
    UnknownRoot {
        /// The name at which the chain ends.
        issuer: String,
        inspection: Option<&'static str>,
        /// A root of that name is trusted, but its key is another.
        same_name_trusted: bool,
        /// Other trust sources of this machine that know it.
        trusted_by: Vec<String>,
    },
    /// Only the server's own certificate was sent, and nobody trusted issued it.
    IncompleteChain {
        missing: String,
        url: Option<String>,
        /// The certificate shows that an intermediate is missing: it is publicly logged, or says where its issuer's
        /// certificate lies. Without that, the issuer may as well be a private root that need not be sent.
        certain: bool,
        trusted_by: Vec<String>,
    },
    SelfSigned {
        subject: String,
    },
    Expired {
        subject: String,
        not_after: String,
        days_ago: i64,
    },
    NotYetValid {
        subject: String,
        not_before: String,
    },
    WrongName {
        names: Vec<String>,
        inspection: Option<&'static str>,
    },
    CertificateNotAccepted {
        why: String,
    },
    ClientCertificateDemanded,
    ClientCertificateRefused {
        why: String,
    },
    /// TLS is fine, but no HTTP answer came.
    NoAnswer {
        why: String,
    },
    /// A failure that has no name of its own.
    Failed {
        why: String,
    },
}

/// Judges the facts.
pub fn judge(facts: &Facts) -> Verdict {
    let Some((step, fault)) = facts.failure() else {
        let refused = facts.answer.as_ref().is_some_and(|answer| answer.wants_client_certificate);
        return if refused && facts.client_certificate.requested {
            client_certificate(facts, "the server said so in its HTTP answer")
        } else {
            Verdict::Works { inspection: facts.chain.as_ref().and_then(inspection) }
        };
    };
    match step.stage {
        Stage::Dns | Stage::Tcp => unconnected(facts, step.stage, &step.peer, fault),
        Stage::ProxyTls => Verdict::ProxyTls { why: fault.to_string() },
        Stage::Proxy => proxy(&step.peer, fault),
        Stage::Tls => handshake(facts, fault),
        Stage::FirstByte => first_byte(facts, fault),
    }
}

fn unconnected(facts: &Facts, during: Stage, peer: &str, fault: &Fault) -> Verdict {
    let proxy = match &facts.route {
        Route::Proxy(proxy) => peer == proxy.host || peer == authority(&proxy.host, proxy.port),
        Route::Direct { .. } => false,
    };
    let peer = peer.to_owned();
    match fault {
        Fault::Name { .. } => Verdict::NameNotResolved { host: peer, proxy },
        Fault::Refused => Verdict::ConnectionRefused { peer, proxy },
        Fault::Timeout => Verdict::Timeout { peer, proxy, during },
        other => Verdict::Unreachable { peer, proxy, why: other.to_string() },
    }
}

fn proxy(peer: &str, fault: &Fault) -> Verdict {
    match fault {
        Fault::ProxyLogin { sent, scheme } => {
            Verdict::ProxyNeedsLogin { sent: *sent, scheme: scheme.clone() }
        }
        Fault::ProxyStatus { line, .. } => Verdict::ProxyRefuses { line: line.clone() },
        Fault::Timeout => Verdict::Timeout { peer: peer.to_owned(), proxy: true, during: Stage::Proxy },
        Fault::NotAProxy { said } => Verdict::NotAProxy { said: said.clone() },
        other => Verdict::NotAProxy { said: other.to_string() },
    }
}

fn handshake(facts: &Facts, fault: &Fault) -> Verdict {
    match fault {
        Fault::Certificate { problem } => certificate(facts, problem),
        Fault::PlainHttp { line } => Verdict::PlainHttp { line: line.clone() },
        Fault::NotTls { said } => Verdict::NotTls { said: said.clone() },
        Fault::OldVersion { .. } => Verdict::OldTlsOnly,
        // TLS 1.2 servers say "handshake failure" also when a client certificate is missing.
        Fault::NoCommonCipher { why } if facts.client_certificate.requested => client_certificate(facts, why),
        Fault::NoCommonCipher { .. } => Verdict::NoCommonCipher,
        Fault::UnknownServerName => Verdict::UnknownServerName,
        Fault::ClientCertificate { why } => client_certificate(facts, why),
        // A server that hangs up at once resets the connection before its alert is read.
        Fault::Reset | Fault::Closed if facts.client_certificate.requested => {
            client_certificate(facts, &fault.to_string())
        }
        Fault::Reset => Verdict::HandshakeReset,
        Fault::Closed => Verdict::HandshakeClosed,
        Fault::Timeout => Verdict::HandshakeSilence,
        other => Verdict::Failed { why: other.to_string() },
    }
}

fn first_byte(facts: &Facts, fault: &Fault) -> Verdict {
    match fault {
        Fault::ClientCertificate { why } => client_certificate(facts, why),
        // Some servers just hang up on whoever shows no good certificate.
        Fault::Reset | Fault::Closed if facts.client_certificate.requested => {
            client_certificate(facts, &fault.to_string())
        }
        Fault::NoCommonCipher { why } if facts.client_certificate.requested => client_certificate(facts, why),
        other => Verdict::NoAnswer { why: other.to_string() },
    }
}

fn client_certificate(facts: &Facts, why: &str) -> Verdict {
    if facts.client_certificate.configured.is_none() {
        Verdict::ClientCertificateDemanded
    } else {
        Verdict::ClientCertificateRefused { why: why.to_owned() }
    }
}

/// The certificates were not accepted: for the reason that the handshake gave, in the light of the chain as sent.
fn certificate(facts: &Facts, problem: &CertificateProblem) -> Verdict {
    let Some(chain) = &facts.chain else {
        return Verdict::CertificateNotAccepted { why: problem.to_string() };
    };
    let out_of_date = |wrong: &dyn Fn(i64, i64) -> bool| {
        chain.path_details().find(|c| wrong(c.valid_from, c.valid_to)).or_else(|| chain.leaf())
    };
    match problem {
        CertificateProblem::UnknownIssuer => untrusted(chain, facts),
        CertificateProblem::Expired => match out_of_date(&|_, to| to < facts.clock) {
            Some(found) => Verdict::Expired {
                subject: found.subject.clone(),
                not_after: found.not_after.clone(),
                days_ago: found.days_left.saturating_neg(),
            },
            None => Verdict::CertificateNotAccepted { why: problem.to_string() },
        },
        CertificateProblem::NotYetValid => match out_of_date(&|from, _| from > facts.clock) {
            Some(found) => {
                Verdict::NotYetValid { subject: found.subject.clone(), not_before: found.not_before.clone() }
            }
            None => Verdict::CertificateNotAccepted { why: problem.to_string() },
        },
        CertificateProblem::WrongName => Verdict::WrongName {
            names: chain.leaf().map(|leaf| leaf.names.clone()).unwrap_or_default(),
            inspection: inspection(chain),
        },
        // A root of the right name, but not the one that signed: it was renewed, or somebody borrows its name.
        CertificateProblem::BadSignature if matches!(chain.end, ChainEnd::TrustedRoot { .. }) => {
            untrusted(chain, facts)
        }
        CertificateProblem::BadSignature => Verdict::CertificateNotAccepted { why: problem.to_string() },
        // webpki refuses a self-signed certificate authority as a server before it asks who issued it.
        CertificateProblem::Other(_) if matches!(chain.end, ChainEnd::SelfSigned { .. }) => {
            untrusted(chain, facts)
        }
        CertificateProblem::Other(why) => Verdict::CertificateNotAccepted { why: why.clone() },
    }
}

fn untrusted(chain: &Chain, facts: &Facts) -> Verdict {
    let inspection = inspection(chain);
    let unknown = |issuer: &str, same_name_trusted: bool| Verdict::UnknownRoot {
        issuer: issuer.to_owned(),
        inspection,
        same_name_trusted,
        trusted_by: chain.trusted_by.clone(),
    };
    match &chain.end {
        ChainEnd::SelfSigned { subject } if inspection.is_none() => {
            Verdict::SelfSigned { subject: subject.clone() }
        }
        ChainEnd::SelfSigned { subject } | ChainEnd::UnknownRoot { subject } => unknown(subject, false),
        ChainEnd::TrustedRoot { subject } => unknown(subject, true),
        // With an intermediate there, only the root is not sent, as is usual. Without one, an intermediate may be
        // missing, unless the product that made the certificate up is known: those sign with their root.
        ChainEnd::MissingIssuer { issuer, url } => {
            if chain.path.len() > 1 || inspection.is_some() {
                unknown(issuer, false)
            } else {
                Verdict::IncompleteChain {
                    missing: issuer.clone(),
                    url: url.clone(),
                    certain: url.is_some() || chain.leaf().is_some_and(|leaf| leaf.in_public_logs),
                    trusted_by: chain.trusted_by.clone(),
                }
            }
        }
        ChainEnd::Unreadable => Verdict::CertificateNotAccepted {
            why: format!("what {} sent as its certificate cannot be read", facts.target),
        },
    }
}

/// The inspecting product that the chain gives away.
fn inspection(chain: &Chain) -> Option<&'static str> {
    recognise(chain.path_details())
}

/// Problems beyond the one that the verdict names.
pub fn also(facts: &Facts) -> Vec<String> {
    let Some(chain) = &facts.chain else { return Vec::new() };
    let named = match facts.failure() {
        Some((_, Fault::Certificate { problem })) => Some(problem),
        _ => None,
    };
    chain.problems.iter().filter(|problem| Some(*problem) != named).map(ToString::to_string).collect()
}

impl Verdict {
    /// Whether the connection works.
    pub fn works(&self) -> bool {
        matches!(self, Self::Works { .. })
    }
}
