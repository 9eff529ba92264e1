//! Whether a certificate may issue others, by the rules that OpenSSL applies to every issuer, roots included.

use rustls::pki_types::UnixTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

use super::certificate_problem::Obstacle;

/// Whether a trusted certificate may issue a chain with so many intermediates below it.
pub(super) fn may_issue(der: &[u8], below: usize, now: UnixTime) -> Result<(), Obstacle> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Err(Obstacle::Unreadable) };
    validity(&certificate, now)?;
    // Version 1 has no extensions: such roots are old, and trusted because they are where they are.
    if certificate.version() == X509Version::V1 {
        return Ok(());
    }
    let constraints = certificate.basic_constraints().map_err(|_| Obstacle::Unreadable)?;
    let Some(constraints) = constraints.filter(|found| found.value.ca) else { return Err(Obstacle::NotCa) };
    if constraints
        .value
        .path_len_constraint
        .is_some_and(|most| usize::try_from(most).is_ok_and(|most| below > most))
    {
        return Err(Obstacle::PathLength);
    }
    key_usage(&certificate)?;
    match certificate.extended_key_usage() {
        Ok(None) => Ok(()),
        Ok(Some(usage)) if usage.value.server_auth => Ok(()),
        Ok(Some(_)) => Err(Obstacle::Purpose),
        Err(_) => Err(Obstacle::Unreadable),
    }
}

/// Whether an intermediate, whose other rights webpki has checked, may sign certificates; and whether it bears its own
/// name as its issuer's, as where a root changes its key.
pub(super) fn may_sign_certificates(der: &[u8]) -> Result<bool, Obstacle> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Err(Obstacle::Unreadable) };
    key_usage(&certificate)?;
    Ok(certificate.subject().as_raw() == certificate.issuer().as_raw())
}

fn key_usage(certificate: &X509Certificate<'_>) -> Result<(), Obstacle> {
    match certificate.key_usage() {
        Ok(None) => Ok(()),
        Ok(Some(usage)) if usage.value.key_cert_sign() => Ok(()),
        Ok(Some(_)) => Err(Obstacle::KeyUsage),
        Err(_) => Err(Obstacle::Unreadable),
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
