//! Certificates that are trusted, and the check of a server's chain against them.
//!
//! The check is webpki's. What it leaves to its caller is added here, so that trust is no wider than OpenSSL's: a
//! root is looked at as closely as any other certificate. It vouches only if it may issue ([`Obstacle`]) and is not
//! expired. A certificate that is itself among the trusted ones is a pin: it matches byte for byte, while its name,
//! dates and purpose are checked.

use std::cell::Cell;
use std::net::IpAddr;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, VerifiedPath, anchor_from_trusted_cert};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::algorithms::{self, rsa_bits};
use super::certificate_problem::{CertificateProblem, Obstacle};
use super::issuing::{
    constrains_mail, may_issue, may_serve, may_sign_certificates, names_another_issuer, names_mail, odd_size,
    validity,
};

/// Trusted certificates.
#[derive(Debug, Clone, Default)]
pub struct RootSet {
    certificates: Vec<CertificateDer<'static>>,
    /// What webpki needs of each.
    anchors: Vec<TrustAnchor<'static>>,
    /// How many certificates were left out because they can't be read.
    pub unusable: usize,
}

/// What is to be known of trusted certificates beyond their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    pub expired: usize,
    /// Not a CA's: trusted as server's certificates, for themselves only.
    pub pins: usize,
}

impl RootSet {
    pub fn new(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        let mut set = Self::default();
        set.extend(certificates);
        set
    }

    pub fn extend(&mut self, certificates: impl IntoIterator<Item = CertificateDer<'static>>) {
        for certificate in certificates {
            match anchor_from_trusted_cert(&certificate).map(|anchor| anchor.to_owned()) {
                Ok(anchor) => {
                    self.anchors.push(anchor);
                    self.certificates.push(certificate);
                }
                Err(_) => self.unusable += 1,
            }
        }
    }

    pub fn len(&self) -> usize {
        self.anchors.len()
    }

    pub fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    /// The names, as DER without their outermost header.
    pub fn subjects(&self) -> impl Iterator<Item = &[u8]> {
        self.anchors.iter().map(|anchor| anchor.subject.as_ref())
    }

    pub fn survey(&self, now: UnixTime) -> Survey {
        let mut survey = Survey::default();
        for certificate in &self.certificates {
            match may_issue(certificate, 0, now) {
                Err(Obstacle::Expired) => survey.expired += 1,
                Err(Obstacle::NotCa) => survey.pins += 1,
                _ => {}
            }
        }
        survey
    }

    fn pins(&self, leaf: &CertificateDer<'_>) -> bool {
        self.certificates.iter().any(|pin| pin == leaf)
    }

    fn all_expired(&self, now: UnixTime) -> bool {
        !self.is_empty() && self.survey(now).expired == self.len()
    }

    /// Whether a server called `name` may show this chain.
    pub fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), CertificateProblem> {
        self.vouch(leaf, intermediates, now).map_err(|problem| {
            if (problem.is_about_trust() || self.pins(leaf)) && self.all_expired(now) {
                CertificateProblem::BundleExpired
            } else {
                problem
            }
        })?;
        check_name(leaf, name)
    }

    /// Trust and dates, without the name.
    pub fn vouch(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), CertificateProblem> {
        if self.pins(leaf) {
            return check_pin(leaf, now);
        }
        let obstacle = Cell::new(None);
        let issuers_may = |path: &VerifiedPath<'_>| {
            self.issuers_may(leaf, path, now).map_err(|problem| {
                obstacle.set(Some(problem));
                Error::UnknownIssuer
            })
        };
        let algorithms = default_provider().signature_verification_algorithms.all;
        let parsed = EndEntityCert::try_from(leaf).map_err(|error| self.explain(&error, leaf, &[]))?;
        let checked = parsed.verify_for_usage(
            algorithms,
            &self.anchors,
            intermediates,
            now,
            KeyUsage::server_auth(),
            None,
            Some(&issuers_may),
        );
        match (checked, obstacle.take()) {
            (Ok(_), _) => may_serve(leaf),
            (Err(Error::UnknownIssuer), Some(problem)) => Err(problem),
            (Err(error), _) => Err(self.explain(&error, leaf, intermediates)),
        }
    }

    /// What webpki does not ask of a path that it found: the right of each issuer, the key that each certificate says it
    /// was signed with, and constraints on addresses of mail in a subject.
    fn issuers_may(
        &self,
        leaf: &CertificateDer<'_>,
        path: &VerifiedPath<'_>,
        now: UnixTime,
    ) -> Result<(), CertificateProblem> {
        let intermediates: Vec<CertificateDer<'_>> =
            path.intermediate_certificates().map(|intermediate| intermediate.der()).collect();
        let names_mail = || intermediates.iter().any(|der| names_mail(der)) || names_mail(leaf);
        let (mut below, mut child) = (0, &**leaf);
        for issuer in &intermediates {
            let own_issuer = may_sign_certificates(issuer).map_err(CertificateProblem::IssuerMayNot)?;
            if names_another_issuer(child, issuer) {
                return Err(CertificateProblem::UnknownIssuer);
            }
            if constrains_mail(issuer) && names_mail() {
                return Err(CertificateProblem::UnknownConstraint);
            }
            below += usize::from(!own_issuer);
            child = issuer;
        }
        let anchor = path.anchor();
        let mut problem = CertificateProblem::RootMayNotIssue(Obstacle::Unreadable);
        for (candidate, certificate) in self.anchors.iter().zip(&self.certificates) {
            // A root may be there twice, renewed with the same key.
            if candidate.subject == anchor.subject
                && candidate.subject_public_key_info == anchor.subject_public_key_info
            {
                problem = match may_issue(certificate, below, now) {
                    Err(found) => CertificateProblem::RootMayNotIssue(found),
                    Ok(()) if names_another_issuer(child, certificate) => {
                        CertificateProblem::SameNameOtherIssue
                    }
                    Ok(()) if constrains_mail(certificate) && names_mail() => {
                        CertificateProblem::UnknownConstraint
                    }
                    Ok(()) => return Ok(()),
                }
            }
        }
        Err(problem)
    }

    /// webpki's reason in our words. Where it is too terse, the chain is looked at again.
    fn explain(
        &self,
        error: &Error,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> CertificateProblem {
        match error {
            Error::InvalidSignatureForPublicKey => {
                let chain = Chain::of(leaf, intermediates, &self.certificates);
                match chain.odd_rsa_issuer() {
                    Some(problem) => problem,
                    None if chain.is_named_root() => CertificateProblem::SameNameOtherKey,
                    None => CertificateProblem::BadSignature,
                }
            }
            Error::UnsupportedSignatureAlgorithmContext(context) => {
                let chain = Chain::of(leaf, intermediates, &self.certificates);
                let algorithm = chain.algorithm(&context.signature_algorithm_id);
                CertificateProblem::Algorithm { algorithm }
            }
            Error::UnsupportedSignatureAlgorithmForPublicKeyContext(context) => {
                CertificateProblem::Algorithm {
                    algorithm: format!(
                        "{} by a key of the kind {}",
                        algorithms::name(&context.signature_algorithm_id),
                        algorithms::name(&context.public_key_algorithm_id)
                    ),
                }
            }
            // webpki refuses whatever is under a constraint of a kind that it does not check.
            Error::NameConstraintViolation
                if Chain::of(leaf, intermediates, &self.certificates).has_unchecked_constraint() =>
            {
                CertificateProblem::UnknownConstraint
            }
            other => problem_of(other),
        }
    }
}

/// webpki's reason in our words, by itself.
pub(super) fn problem_of(error: &Error) -> CertificateProblem {
    use CertificateProblem as P;
    match error {
        Error::UnknownIssuer => P::UnknownIssuer,
        Error::CertExpired { .. } | Error::InvalidCertValidity => P::Expired,
        Error::CertNotValidYet { .. } => P::NotYetValid,
        Error::CertNotValidForName(_) => P::WrongName,
        Error::InvalidSignatureForPublicKey | Error::SignatureAlgorithmMismatch => P::BadSignature,
        Error::CaUsedAsEndEntity => P::CaAsServer,
        Error::EndEntityUsedAsCa => P::IssuerMayNot(Obstacle::NotCa),
        Error::PathLenConstraintViolated => P::IssuerMayNot(Obstacle::PathLength),
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => P::Purpose,
        Error::NameConstraintViolation => P::NameConstraints,
        Error::UnsupportedNameType
        | Error::MalformedNameConstraint
        | Error::InvalidNetworkMaskConstraint
        | Error::MaximumNameConstraintComparisonsExceeded => P::UnknownConstraint,
        Error::UnsupportedCriticalExtension => P::CriticalExtension,
        Error::MaximumPathDepthExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumSignatureChecksExceeded => P::ChainTooLong,
        Error::UnsupportedCertVersion => P::Version1,
        Error::UnsupportedSignatureAlgorithmContext(context) => {
            P::Algorithm { algorithm: algorithms::name(&context.signature_algorithm_id).to_owned() }
        }
        Error::BadDer
        | Error::BadDerTime
        | Error::ExtensionValueInvalid
        | Error::InvalidSerialNumber
        | Error::MalformedDnsIdentifier
        | Error::MalformedExtensions
        | Error::TrailingData(_) => P::Unreadable,
        _ => P::Other,
    }
}

fn check_pin(leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), CertificateProblem> {
    let parsed = parse(leaf).ok_or(CertificateProblem::Unreadable)?;
    validity(&parsed, now).map_err(|obstacle| match obstacle {
        Obstacle::NotYetValid => CertificateProblem::NotYetValid,
        _ => CertificateProblem::Expired,
    })?;
    match parsed.extended_key_usage() {
        Ok(None) => {}
        Ok(Some(usage)) if usage.value.server_auth => {}
        _ => return Err(CertificateProblem::Purpose),
    }
    may_serve(leaf)
}

/// Only names in the extension for them count.
pub fn check_name(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), CertificateProblem> {
    let parsed = EndEntityCert::try_from(leaf).map_err(|error| problem_of(&error))?;
    match parsed.verify_is_valid_for_subject_name(name) {
        Ok(()) => Ok(()),
        Err(Error::CertNotValidForName(_)) => Err(name_problem(leaf, &name.to_str())),
        Err(error) => Err(problem_of(&error)),
    }
}

/// Whether the name stands in the certificate after all, where it does not count.
fn name_problem(leaf: &CertificateDer<'_>, name: &str) -> CertificateProblem {
    let Some(parsed) = parse(leaf) else { return CertificateProblem::WrongName };
    let is = |text: &str| text.eq_ignore_ascii_case(name);
    match parsed.subject_alternative_name() {
        Ok(Some(names)) => {
            let as_dns = |given: &GeneralName<'_>| matches!(given, GeneralName::DNSName(text) if is(text));
            if name.parse::<IpAddr>().is_ok() && names.value.general_names.iter().any(as_dns) {
                return CertificateProblem::AddressAsName;
            }
            let is_dns = |given: &GeneralName<'_>| matches!(given, GeneralName::DNSName(_));
            if names.value.general_names.iter().any(is_dns) {
                return CertificateProblem::WrongName;
            }
        }
        Ok(None) => {}
        Err(_) => return CertificateProblem::WrongName,
    }
    if parsed.subject().iter_common_name().any(|common| common.as_str().is_ok_and(is)) {
        return CertificateProblem::OnlyCommonName;
    }
    CertificateProblem::WrongName
}

pub(super) fn parse<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(der).ok().map(|(_, parsed)| parsed)
}

/// A chain that was refused, with all that could have issued a part of it.
struct Chain<'a> {
    shown: Vec<X509Certificate<'a>>,
    roots: Vec<X509Certificate<'a>>,
}

impl<'a> Chain<'a> {
    fn of(
        leaf: &'a CertificateDer<'_>,
        intermediates: &'a [CertificateDer<'_>],
        roots: &'a [CertificateDer<'_>],
    ) -> Self {
        let shown = std::iter::once(leaf).chain(intermediates).filter_map(parse).collect();
        Self { shown, roots: roots.iter().filter_map(parse).collect() }
    }

    fn issuers_of(&self, certificate: &X509Certificate<'a>) -> impl Iterator<Item = &X509Certificate<'a>> {
        let name = certificate.issuer().as_raw();
        self.shown.iter().chain(&self.roots).filter(move |issuer| issuer.subject().as_raw() == name)
    }

    fn odd_rsa_issuer(&self) -> Option<CertificateProblem> {
        let issuers = self.shown.iter().flat_map(|shown| self.issuers_of(shown));
        issuers.filter_map(rsa_bits).find_map(odd_size)
    }

    /// Whether an issuer's name constraints are about more than hosts.
    fn has_unchecked_constraint(&self) -> bool {
        let issuers = self.shown.iter().flat_map(|shown| self.issuers_of(shown));
        let constraints = issuers.filter_map(|issuer| Some(issuer.name_constraints().ok()??.value));
        constraints
            .flat_map(|names| [&names.permitted_subtrees, &names.excluded_subtrees])
            .flatten()
            .flatten()
            .any(|subtree| matches!(subtree.base, GeneralName::DirectoryName(_) | GeneralName::URI(_)))
    }

    /// Whether a certificate that was shown names a root as its issuer.
    fn is_named_root(&self) -> bool {
        let is_root = |name: &[u8]| self.roots.iter().any(|root| root.subject().as_raw() == name);
        self.shown.iter().any(|shown| is_root(shown.issuer().as_raw()))
    }

    /// The algorithm, with the kind of key that signed, where the chain tells.
    fn algorithm(&self, id: &[u8]) -> String {
        let name = algorithms::name(id);
        let signed = self.shown.iter().find(|shown| algorithms::signature_name(shown) == name);
        match signed.and_then(|signed| self.issuers_of(signed).next()) {
            Some(issuer) if algorithms::key_name(issuer) != name => {
                format!("{name} by a key of the kind {}", algorithms::key_name(issuer))
            }
            _ => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
