//! Whether a certificate may issue others, by the rules that OpenSSL applies to every issuer, roots included.

use std::ops::RangeInclusive;

use rustls::pki_types::UnixTime;
use x509_parser::asn1_rs::Oid;
use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::error::X509Error;
use x509_parser::extensions::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, GeneralName, KeyIdentifier, KeyUsage,
    NSCertType, NameConstraints,
};
use x509_parser::nom::Parser as _;
use x509_parser::oid_registry::{
    OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER, OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_CERT_TYPE,
    OID_X509_EXT_CERTIFICATE_POLICIES, OID_X509_EXT_CRL_DISTRIBUTION_POINTS, OID_X509_EXT_EXTENDED_KEY_USAGE,
    OID_X509_EXT_INHIBIT_ANY_POLICY, OID_X509_EXT_KEY_USAGE, OID_X509_EXT_NAME_CONSTRAINTS,
    OID_X509_EXT_POLICY_CONSTRAINTS, OID_X509_EXT_POLICY_MAPPINGS, OID_X509_EXT_SUBJECT_ALT_NAME,
    OID_X509_EXT_SUBJECT_KEY_IDENTIFIER,
};
use x509_parser::prelude::FromDer;
use x509_parser::x509::{X509Name, X509Version};

use super::algorithms::rsa_bits;
use super::certificate_problem::{CertificateProblem, Obstacle};

/// What a root may call critical: what OpenSSL knows. Policies matter to neither, unless somebody asks for one.
const KNOWN: [Oid<'_>; 11] = [
    OID_X509_EXT_BASIC_CONSTRAINTS,
    OID_X509_EXT_CERT_TYPE,
    OID_X509_EXT_CERTIFICATE_POLICIES,
    OID_X509_EXT_CRL_DISTRIBUTION_POINTS,
    OID_X509_EXT_EXTENDED_KEY_USAGE,
    OID_X509_EXT_INHIBIT_ANY_POLICY,
    OID_X509_EXT_KEY_USAGE,
    OID_X509_EXT_NAME_CONSTRAINTS,
    OID_X509_EXT_POLICY_CONSTRAINTS,
    OID_X509_EXT_POLICY_MAPPINGS,
    OID_X509_EXT_SUBJECT_ALT_NAME,
];

/// The RSA keys that the library which checks signatures takes, in bits.
const RSA_BITS: RangeInclusive<usize> = 2048..=8192;

/// Whether a trusted certificate may issue a chain with so many intermediates below it.
pub(super) fn may_issue(der: &[u8], below: usize, now: UnixTime) -> Result<(), Obstacle> {
    let certificate = parse(der)?;
    validity(&certificate, now)?;
    // Version 1 has no extensions: such roots are old, and trusted because they are where they are. One that another
    // has issued is no root.
    if certificate.version() == X509Version::V1 {
        let is_root = certificate.subject().as_raw() == certificate.issuer().as_raw();
        return if is_root { Ok(()) } else { Err(Obstacle::NotCa) };
    }
    let constraints = extension::<BasicConstraints>(&certificate, &OID_X509_EXT_BASIC_CONSTRAINTS)?;
    let Some(constraints) = constraints.filter(|found| found.ca) else { return Err(Obstacle::NotCa) };
    let most = constraints.path_len_constraint.and_then(|most| usize::try_from(most).ok());
    if most.is_some_and(|most| below > most) {
        return Err(Obstacle::PathLength);
    }
    if certificate.extensions().iter().any(|found| found.critical && !KNOWN.contains(&found.oid)) {
        return Err(Obstacle::CriticalExtension);
    }
    key_usage(&certificate)?;
    match extension::<ExtendedKeyUsage<'_>>(&certificate, &OID_X509_EXT_EXTENDED_KEY_USAGE)? {
        Some(usage) if !usage.server_auth => Err(Obstacle::Purpose),
        _ => Ok(()),
    }
}

/// Whether an intermediate, whose other rights webpki has checked, may sign certificates; and whether it bears its own
/// name as its issuer's, as where a root changes its key.
pub(super) fn may_sign_certificates(der: &[u8]) -> Result<bool, Obstacle> {
    let certificate = parse(der)?;
    key_usage(&certificate)?;
    Ok(certificate.subject().as_raw() == certificate.issuer().as_raw())
}

/// Whether a server's certificate is one by its key usage and, where an old one has it, Netscape's type; webpki looks at
/// the extended key usage only. And whether its key can be used: otherwise the handshake's signature would be to blame.
pub(super) fn may_serve(der: &[u8]) -> Result<(), CertificateProblem> {
    let certificate = parse(der).map_err(|_| CertificateProblem::Unreadable)?;
    serves(&certificate).map_err(|_| CertificateProblem::Purpose)?;
    rsa_bits(&certificate).and_then(odd_size).map_or(Ok(()), Err)
}

/// What is wrong with an RSA key of that size.
pub(super) fn odd_size(bits: usize) -> Option<CertificateProblem> {
    if bits < *RSA_BITS.start() {
        Some(CertificateProblem::KeyTooSmall(bits))
    } else if bits > *RSA_BITS.end() {
        Some(CertificateProblem::KeyTooLarge(bits))
    } else {
        None
    }
}

fn serves(certificate: &X509Certificate<'_>) -> Result<(), Obstacle> {
    let usage = extension::<KeyUsage>(certificate, &OID_X509_EXT_KEY_USAGE)?;
    let fits =
        |usage: &KeyUsage| usage.digital_signature() || usage.key_encipherment() || usage.key_agreement();
    let kind = extension::<NSCertType>(certificate, &OID_X509_EXT_CERT_TYPE)?;
    if usage.as_ref().is_some_and(|usage| !fits(usage)) || kind.is_some_and(|kind| !kind.ssl_server()) {
        return Err(Obstacle::Purpose);
    }
    Ok(())
}

/// Whether a certificate says that another certificate than this has issued it (authority key identifier): by the key,
/// where both name one, or by the issuer's own serial number or issuer.
pub(super) fn names_another_issuer(child: &[u8], issuer: &[u8]) -> bool {
    let (Ok(child), Ok(issuer)) = (parse(child), parse(issuer)) else { return false };
    let named = extension::<AuthorityKeyIdentifier<'_>>(&child, &OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER);
    let Ok(Some(named)) = named else { return false };
    let own = extension::<KeyIdentifier<'_>>(&issuer, &OID_X509_EXT_SUBJECT_KEY_IDENTIFIER).ok().flatten();
    let other_key = named.key_identifier.zip(own).is_some_and(|(named, own)| named != own);
    let digits = |serial: &[u8]| serial.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<_>>();
    let other_serial =
        named.authority_cert_serial.is_some_and(|serial| digits(serial) != digits(issuer.raw_serial()));
    // Two spellings of one name are one: OpenSSL, too, compares them without case.
    let other_name =
        |name: &X509Name<'_>| name.to_string().to_lowercase() != issuer.issuer().to_string().to_lowercase();
    let names = named.authority_cert_issuer.unwrap_or_default();
    let mut names = names.iter().filter_map(|name| match name {
        GeneralName::DirectoryName(name) => Some(name),
        _ => None,
    });
    other_key || other_serial || names.next().is_some_and(other_name)
}

/// Whether an issuer's name constraints are about addresses of mail, which webpki looks for among alternative names only.
pub(super) fn constrains_mail(der: &[u8]) -> bool {
    let Ok(certificate) = parse(der) else { return false };
    let constraints = extension::<NameConstraints<'_>>(&certificate, &OID_X509_EXT_NAME_CONSTRAINTS);
    constraints.ok().flatten().is_some_and(|names| {
        let subtrees = [names.permitted_subtrees, names.excluded_subtrees];
        subtrees
            .into_iter()
            .flatten()
            .flatten()
            .any(|subtree| matches!(subtree.base, GeneralName::RFC822Name(_)))
    })
}

/// Whether there is an address of mail in the subject.
pub(super) fn names_mail(der: &[u8]) -> bool {
    parse(der).is_ok_and(|certificate| certificate.subject().iter_email().next().is_some())
}

fn key_usage(certificate: &X509Certificate<'_>) -> Result<(), Obstacle> {
    match extension::<KeyUsage>(certificate, &OID_X509_EXT_KEY_USAGE)? {
        Some(usage) if !usage.key_cert_sign() => Err(Obstacle::KeyUsage),
        _ => Ok(()),
    }
}

/// Without a look into the extensions: most do not matter here, and every hook pays for it.
fn parse(der: &[u8]) -> Result<X509Certificate<'_>, Obstacle> {
    let parsed = X509CertificateParser::new().with_deep_parse_extensions(false).parse(der);
    parsed.map(|(_, certificate)| certificate).map_err(|_| Obstacle::Unreadable)
}

/// One extension, if it is there. One that is there twice can't be read.
fn extension<'a, T: FromDer<'a, X509Error>>(
    certificate: &X509Certificate<'a>,
    oid: &Oid<'_>,
) -> Result<Option<T>, Obstacle> {
    let mut found = certificate.extensions().iter().filter(|extension| extension.oid == *oid);
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => {
            T::from_der(one.value).map(|(_, value)| Some(value)).map_err(|_| Obstacle::Unreadable)
        }
        (Some(_), Some(_)) => Err(Obstacle::Unreadable),
    }
}

pub(super) fn validity(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), Obstacle> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let dates = certificate.validity();
    if now > dates.not_after.timestamp() {
        Err(Obstacle::Expired)
    } else if now < dates.not_before.timestamp() {
        Err(Obstacle::NotYetValid)
    } else {
        Ok(())
    }
}
