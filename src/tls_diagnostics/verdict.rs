//! From facts to a verdict: why it does not work, or that it does. Pure.
//! The words for it are in [`super::sentence`]; what to do about it is [`super::fix`]'s part.

use serde::Serialize;

use super::chain::{Chain, ChainEnd};
use super::facts::Facts;
use super::inspection::recognise;
use crate::transport::certificate_problem::CertificateProblem;
use crate::transport::fault::{Fault, Stage};
use crate::transport::watch::{Address, AddressOutcome};

/// What is wrong, or that nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verdict {
    Works {
        /// TLS is inspected on the way by this product, whose root is trusted.
        inspection: Option<&'static str>,
    },
    /// The way is free, and the scan failed for another reason.
    NotTheWay,
    /// The failure itself says all that is known.
    Failed {
        stage: Option<Stage>,
        #[serde(flatten)]
        fault: Option<Fault>,
    },
    UnknownRoot {
        /// The name at which the chain ends.
        issuer: String,
        inspection: Option<&'static str>,
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
        trusted_by: Vec<String>,
    },
    Expired {
        subject: String,
        not_after: String,
        days_ago: u64,
    },
    NotYetValid {
        subject: String,
        not_before: String,
    },
    WrongName {
        names: Vec<String>,
        inspection: Option<&'static str>,
    },
    /// Refused for another reason.
    Certificate {
        problem: CertificateProblem,
        inspection: Option<&'static str>,
    },
    /// Nothing in common, because the server's certificate has a key of this kind.
    KeyKind {
        key: String,
        inspection: Option<&'static str>,
    },
}

/// Judges the facts.
pub fn judge(facts: &Facts) -> Verdict {
    let Some(failure) = facts.failure() else {
        return match facts.error {
            None => Verdict::Works { inspection: facts.chain.as_ref().and_then(inspection) },
            Some(_) => Verdict::NotTheWay,
        };
    };
    match (&failure.fault, &facts.chain) {
        (Fault::Certificate(problem), Some(chain)) if failure.stage == Stage::Tls => {
            certificate(facts, problem, chain)
        }
        (Fault::NothingInCommon, Some(chain)) if facts.looked_again => match chain.leaf() {
            Some(leaf) => Verdict::KeyKind { key: leaf.key.clone(), inspection: inspection(chain) },
            None => Verdict::Failed { stage: Some(failure.stage), fault: Some(failure.fault.clone()) },
        },
        (fault, _) => Verdict::Failed { stage: Some(failure.stage), fault: Some(fault.clone()) },
    }
}

/// The certificates were not accepted: for the reason that the handshake gave, in the light of the chain as sent.
fn certificate(facts: &Facts, problem: &CertificateProblem, chain: &Chain) -> Verdict {
    let inspection = inspection(chain);
    let other = || Verdict::Certificate { problem: problem.clone(), inspection };
    let out_of_date = |wrong: &dyn Fn(i64, i64) -> bool| {
        chain.path_details().find(|c| wrong(c.valid_from, c.valid_to)).or_else(|| chain.leaf())
    };
    match problem {
        CertificateProblem::UnknownIssuer => untrusted(chain).unwrap_or_else(other),
        // webpki refuses a self-signed certificate authority as a server before it asks who issued it.
        CertificateProblem::CaAsServer if matches!(chain.end, ChainEnd::SelfSigned { .. }) => {
            untrusted(chain).unwrap_or_else(other)
        }
        CertificateProblem::Expired => {
            out_of_date(&|_, to| to < facts.clock).map_or_else(other, |found| Verdict::Expired {
                subject: found.subject.clone(),
                not_after: found.not_after.clone(),
                days_ago: found.days_ago(),
            })
        }
        CertificateProblem::NotYetValid => {
            out_of_date(&|from, _| from > facts.clock).map_or_else(other, |found| Verdict::NotYetValid {
                subject: found.subject.clone(),
                not_before: found.not_before.clone(),
            })
        }
        CertificateProblem::WrongName => Verdict::WrongName {
            names: chain.leaf().map(|leaf| leaf.names.clone()).unwrap_or_default(),
            inspection,
        },
        _ => other(),
    }
}

fn untrusted(chain: &Chain) -> Option<Verdict> {
    let inspection = inspection(chain);
    let trusted_by = chain.trusted_by.clone();
    let unknown = |issuer: &str| Verdict::UnknownRoot {
        issuer: issuer.to_owned(),
        inspection,
        trusted_by: chain.trusted_by.clone(),
    };
    match &chain.end {
        ChainEnd::SelfSigned { subject } if inspection.is_none() => {
            Some(Verdict::SelfSigned { subject: subject.clone(), trusted_by })
        }
        ChainEnd::SelfSigned { subject } | ChainEnd::UnknownRoot { subject } => Some(unknown(subject)),
        // With an intermediate there, only the root is not sent, as is usual. Without one, an intermediate may be
        // missing, unless the product that made the certificate up is known: those sign with their root.
        ChainEnd::MissingIssuer { issuer, .. } if chain.path.len() > 1 || inspection.is_some() => {
            Some(unknown(issuer))
        }
        ChainEnd::MissingIssuer { issuer, url } => Some(Verdict::IncompleteChain {
            missing: issuer.clone(),
            url: url.clone(),
            certain: url.is_some() || chain.leaf().is_some_and(|leaf| leaf.in_public_logs),
            trusted_by,
        }),
        ChainEnd::TrustedRoot { .. } | ChainEnd::Unreadable => None,
    }
}

/// The inspecting product that the chain gives away.
fn inspection(chain: &Chain) -> Option<&'static str> {
    recognise(chain.path_details())
}

/// What else is to be known: more that is wrong with the certificates, and addresses that did not answer.
pub fn also(facts: &Facts) -> Vec<String> {
    let named = match facts.fault() {
        Some(Fault::Certificate(problem)) => Some(problem),
        _ => None,
    };
    let problems = facts.chain.iter().filter(|_| named.is_some()).flat_map(|chain| &chain.problems);
    let problems = problems.filter(|problem| Some(*problem) != named);
    let certificates = problems.map(|problem| format!("The certificate {problem}."));
    let addresses = facts.attempt.addresses.iter().filter_map(silent);
    certificates.chain(addresses).collect()
}

fn silent(tried: &Address) -> Option<String> {
    let (ip, ms) = (tried.address.ip(), tried.took.as_millis());
    match &tried.outcome {
        AddressOutcome::Connected => None,
        AddressOutcome::Pending => Some(format!("The address {ip} had not answered after {ms} ms.")),
        AddressOutcome::Failed(fault) => Some(format!("The address {ip} failed after {ms} ms: {fault}.")),
    }
}

impl Verdict {
    /// Whether an answer came that could be used.
    pub fn works(&self) -> bool {
        matches!(self, Self::Works { .. })
    }
}
