//! The certificates as the server sent them: the path from the leaf upwards, where it ends, and everything that is
//! wrong with it at once (a handshake reports only the first thing that it trips over).

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use serde::Serialize;
use std::time::Duration;

use super::certificate::{Certificate, Details, name_of_der};
use crate::transport::Trust;
use crate::transport::certificate_problem::CertificateProblem;
use crate::transport::roots::{RootSet, check_name};

/// A server may send any number; more than this is neither described nor searched.
const MOST_CERTIFICATES: usize = 16;

/// The chain and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct Chain {
    /// As sent, the server's own certificate first.
    pub certificates: Vec<Certificate>,
    /// How many the server sent beyond those described.
    pub left_out: usize,
    /// Indexes of the certificates that lead from the leaf upwards, by issuer name.
    pub path: Vec<usize>,
    pub end: ChainEnd,
    /// All that is wrong with it under the roots in force; empty for a good chain.
    pub problems: Vec<CertificateProblem>,
    /// Other trust sources of this machine under which it would be accepted.
    pub trusted_by: Vec<String>,
}

/// Where the path ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChainEnd {
    /// A name among the trusted roots (the key is compared by the verification, not here).
    TrustedRoot { subject: String },
    /// The leaf is its own issuer.
    SelfSigned { subject: String },
    /// A root that the server sent itself and that is not among the trusted ones.
    UnknownRoot { subject: String },
    /// An issuer that is neither sent nor trusted.
    MissingIssuer {
        issuer: String,
        /// Where its certificate can be had, as the certificate it issued says.
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// The server's own certificate cannot be read.
    Unreadable,
}

impl Chain {
    /// Looks at `sent` with the roots in force, with other `alternatives` for comparison, at `now` (seconds since the
    /// Unix epoch).
    pub fn analyse(
        sent: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        roots: &RootSet,
        alternatives: &dyn Fn() -> Vec<Trust>,
        now: i64,
    ) -> Self {
        let shown = sent.get(..MOST_CERTIFICATES).unwrap_or(sent);
        let certificates: Vec<Certificate> =
            shown.iter().map(|der| Certificate::describe(der, now)).collect();
        let anchors: Vec<&[u8]> = roots.subjects().collect();
        let (path, end) = walk(&certificates, &anchors);
        let problems = problems(shown, host, roots, &certificates, &path, now);
        // Read only where they can help.
        let others =
            if problems.iter().any(CertificateProblem::is_about_trust) { alternatives() } else { Vec::new() };
        let trusted_by = others
            .iter()
            .filter(|other| trusted(shown, &other.roots, now).is_ok())
            .map(|other| other.source.to_string())
            .collect();
        Self { left_out: sent.len() - shown.len(), certificates, path, end, problems, trusted_by }
    }

    /// The server's own certificate.
    pub fn leaf(&self) -> Option<&Details> {
        self.certificates.first().and_then(Certificate::details)
    }

    /// The readable certificates of the path, the leaf first.
    pub fn path_details(&self) -> impl Iterator<Item = &Details> {
        self.path.iter().filter_map(|&at| self.certificates.get(at)).filter_map(Certificate::details)
    }
}

/// Follows issuer names upwards. Names only: whether the signatures fit is what the verification answers.
fn walk(certificates: &[Certificate], anchors: &[&[u8]]) -> (Vec<usize>, ChainEnd) {
    let mut path = Vec::new();
    let mut at = 0;
    loop {
        let Some(here) = certificates.get(at).and_then(Certificate::details) else {
            return (path, ChainEnd::Unreadable);
        };
        path.push(at);
        if anchors
            .iter()
            .any(|anchor| here.issuer_der.ends_with(anchor) && here.issuer_der.len() <= anchor.len() + 4)
        {
            return (path, ChainEnd::TrustedRoot { subject: name_of_der(&here.issuer_der) });
        }
        if here.self_issued {
            let subject = here.subject.clone();
            let end =
                if at == 0 { ChainEnd::SelfSigned { subject } } else { ChainEnd::UnknownRoot { subject } };
            return (path, end);
        }
        let issuer = certificates.iter().enumerate().position(|(index, candidate)| {
            !path.contains(&index)
                && candidate.details().is_some_and(|details| details.subject_der == here.issuer_der)
        });
        match issuer {
            Some(next) => at = next,
            None => {
                let end =
                    ChainEnd::MissingIssuer { issuer: here.issuer.clone(), url: here.issuer_url.clone() };
                return (path, end);
            }
        }
    }
}

/// Every independent problem: trust, dates and name are asked about one by one.
fn problems(
    sent: &[CertificateDer<'_>],
    host: &ServerName<'_>,
    roots: &RootSet,
    certificates: &[Certificate],
    path: &[usize],
    now: i64,
) -> Vec<CertificateProblem> {
    let mut found = Vec::new();
    if let Err(problem) = trusted(sent, roots, now) {
        let dates = matches!(problem, CertificateProblem::Expired | CertificateProblem::NotYetValid);
        found.push(problem);
        // Dates are checked before trust: ask again at a time at which the dates are good.
        if let Some(then) = dates.then(|| a_valid_time(certificates, path)).flatten() {
            found.extend(trusted(sent, roots, then).err().filter(|other| !found.contains(other)));
        }
    }
    if let Some(leaf) = sent.first() {
        found.extend(check_name(leaf, host).err().filter(|other| !found.contains(other)));
    }
    found
}

/// The middle of the time in which all certificates of the path are valid, else of the leaf's.
fn a_valid_time(certificates: &[Certificate], path: &[usize]) -> Option<i64> {
    let details = || path.iter().filter_map(|&at| certificates.get(at)).filter_map(Certificate::details);
    let from = details().map(|certificate| certificate.valid_from).max()?;
    let to = details().map(|certificate| certificate.valid_to).min()?;
    let (from, to) =
        if from < to { (from, to) } else { details().next().map(|leaf| (leaf.valid_from, leaf.valid_to))? };
    Some(from.saturating_add(to.saturating_sub(from) / 2))
}

/// Asks as the handshake does.
fn trusted(sent: &[CertificateDer<'_>], roots: &RootSet, at: i64) -> Result<(), CertificateProblem> {
    let (leaf, intermediates) = sent.split_first().ok_or(CertificateProblem::Missing)?;
    // A time before 1970 counts as 1970.
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or(0)));
    roots.vouch(leaf, intermediates, at)
}
