//! The roots of the operating system, and Mozilla's for a system without any.

use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use rustls_native_certs::CertificateResult;

use super::{RootStore, Trust, TrustSource};
use crate::printable::shown_path;
use crate::settings::values::SystemStore;
use crate::transport::material::{TlsMaterialError, reason};
use crate::transport::roots::RootSet;

/// Reads the operating system's store, which can take long.
#[derive(Debug)]
pub struct SystemStoreReader {
    pub choice: SystemStore,
    pub strict: bool,
    /// What `CODEX_CA_CERTIFICATE` names: Codex trusts it besides the system's store.
    pub codex: Vec<CertificateDer<'static>>,
    pub notes: Vec<String>,
}

impl SystemStoreReader {
    fn trust(&self, found: Vec<CertificateDer<'static>>, notes: Vec<String>) -> Trust {
        let mut roots = RootSet::new(self.codex.iter().cloned());
        roots.extend(found);
        let source = if self.codex.is_empty() { TrustSource::System } else { TrustSource::SystemAndCodex };
        Trust { roots, source, notes }
    }
}

impl RootStore for SystemStoreReader {
    /// The file that holds all roots on most Linux systems. What is read besides is a folder with the same
    /// roots again, one a file; only what somebody put there by hand is more.
    fn part(&self) -> Option<Trust> {
        let found = rustls_native_certs::load_certs_from_paths(Some(&system_bundle()?), None);
        (!found.certs.is_empty()).then(|| self.trust(found.certs, self.notes.clone()))
    }

    /// The store. Where the system has none, the built-in roots, if the settings allow that.
    fn all(&self) -> Result<Trust, TlsMaterialError> {
        let mut notes = self.notes.clone();
        let CertificateResult { certs, errors, .. } = system_certificates();
        if !certs.is_empty() {
            notes.extend(
                errors.iter().map(|_| "A part of the system's certificate store can't be read.".to_owned()),
            );
            notes.dedup();
            return Ok(self.trust(certs, notes));
        }
        match (errors.first(), self.choice) {
            (Some(error), choice) => {
                let error = TlsMaterialError::SystemStoreUnreadable { reason: store_reason(error) };
                if self.strict || choice != SystemStore::Auto {
                    return Err(error);
                }
                notes.push(format!("{error} Mozilla's built-in roots are used."));
            }
            (None, SystemStore::Auto) => {
                notes.push(
                    "The system has no certificate store; Mozilla's built-in roots are used.".to_owned(),
                );
            }
            (None, _) => return Err(TlsMaterialError::SystemStoreEmpty),
        }
        let mut roots = built_in();
        roots.extend(self.codex.iter().cloned());
        Ok(Trust { roots, source: TrustSource::BuiltInForLack, notes })
    }
}

fn store_reason(error: &rustls_native_certs::Error) -> String {
    match &error.kind {
        rustls_native_certs::ErrorKind::Io { inner, path } => {
            format!("{}: {}", shown_path(path), reason(inner))
        }
        _ => "it holds something that is not a certificate".to_owned(),
    }
}

/// The file with all of the system's roots.
#[cfg(all(unix, not(target_os = "macos")))]
fn system_bundle() -> Option<PathBuf> {
    // Variables that name another place were heeded before, or named nothing usable.
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().any(|name| std::env::var_os(name).is_some());
    if named { None } else { openssl_probe::probe().cert_file }
}

/// Windows and macOS keep their roots elsewhere.
#[cfg(not(all(unix, not(target_os = "macos"))))]
fn system_bundle() -> Option<PathBuf> {
    None
}

/// The library would read what the variables name, which counts as a bundle here.
#[cfg(all(unix, not(target_os = "macos")))]
fn system_certificates() -> CertificateResult {
    if system_bundle().is_some() {
        return rustls_native_certs::load_native_certs();
    }
    let mut all = CertificateResult::default();
    for folder in openssl_probe::candidate_cert_dirs() {
        let found = rustls_native_certs::load_certs_from_paths(None, Some(folder));
        all.certs.extend(found.certs);
        all.errors.extend(found.errors);
    }
    all
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn system_certificates() -> CertificateResult {
    rustls_native_certs::load_native_certs()
}

/// Mozilla's roots.
pub fn built_in() -> RootSet {
    RootSet::new(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned())
}
