//! Each verdict in words: the cause as the scan itself names it, and what is known beyond it. Pure.

use super::facts::Facts;
use super::text::{ago, utc};
use super::verdict::Verdict;
use crate::transport::certificate_problem::CertificateProblem;
use crate::transport::fault::{Fault, Stage};

impl Verdict {
    /// The cause, and one or two sentences more where there is more to say.
    pub fn sentence(&self, facts: &Facts) -> String {
        let cause = facts.error.as_ref().map(ToString::to_string);
        [cause, self.detail(facts)].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn detail(&self, facts: &Facts) -> Option<String> {
        let target = &facts.target;
        let trust = &facts.trust.source;
        Some(match self {
            Self::Works { inspection: None } => {
                format!("TLS to {target} works: its certificate is accepted and the server answers.")
            }
            Self::Works { inspection: Some(product) } => format!(
                "TLS to {target} works; it is inspected on the way by {product}, whose root this machine trusts."
            ),
            Self::NotTheWay if facts.attempt.tls.is_some() => {
                "The network and TLS are not the cause: the certificate was accepted and the server answered."
                    .to_owned()
            }
            Self::NotTheWay => return None,
            Self::Failed {
                stage: Some(Stage::Dns),
                fault: Some(Fault::NameServerSilent | Fault::TimedOut),
            } => {
                let asked = match facts.name_servers.as_slice() {
                    [] => "This machine's DNS server".to_owned(),
                    servers => format!("The DNS server {}", servers.join(" or ")),
                };
                format!("{asked} does not answer, or not for both kinds of address (A and AAAA).")
            }
            Self::Failed { .. } => return None,
            Self::UnknownRoot { issuer, inspection: Some(product), .. } => format!(
                "TLS inspection by {product} stands between this machine and {}, and its root “{issuer}” is not \
                 among the trusted roots ({trust}).",
                target.host
            ),
            Self::UnknownRoot { issuer, .. } => {
                format!("It ends in “{issuer}”, which is not among the trusted roots ({trust}).")
            }
            Self::IncompleteChain { missing, certain: false, .. } => format!(
                "Its issuer “{missing}” is neither among the trusted roots ({trust}) nor sent along: it is a private \
                 root that this machine does not trust, or an intermediate that the server leaves out (incomplete \
                 chain)."
            ),
            Self::IncompleteChain { missing, .. } => format!(
                "The server sends an incomplete chain: the certificate of the issuer “{missing}” is missing, and it \
                 is not among the trusted roots ({trust}) either."
            ),
            Self::SelfSigned { .. } => {
                format!("It is self-signed, and not among the trusted certificates ({trust}).")
            }
            Self::Expired { subject, not_after, days_ago } => format!(
                "“{subject}” expired on {not_after}, {} by the local clock ({}).",
                ago(*days_ago),
                utc(facts.clock)
            ),
            Self::NotYetValid { subject, not_before } => {
                format!(
                    "“{subject}” is valid only from {not_before}, and the local clock says {}.",
                    utc(facts.clock)
                )
            }
            Self::WrongName { names, .. } if names.is_empty() => {
                format!("It is not for {}: it names no host.", target.host)
            }
            Self::WrongName { names, .. } => {
                format!("It is not for {}: it names {}.", target.host, names.join(", "))
            }
            Self::Certificate { inspection: Some(product), .. } => {
                format!("{product} made this certificate up: it inspects TLS on the way.")
            }
            Self::Certificate {
                problem: CertificateProblem::SameNameOtherKey | CertificateProblem::SameNameOtherIssue,
                ..
            } => "The root was renewed, or somebody borrows its name.".to_owned(),
            Self::Certificate { .. } => return None,
            Self::KeyKind { key, inspection } => {
                let who = inspection.map_or_else(String::new, |product| format!(", made up by {product},"));
                format!(
                    "The server's certificate{who} has a key of the kind {key}; f5-guard supports RSA from 2048 bits, \
                     P-256, P-384 and Ed25519."
                )
            }
        })
    }
}
