//! Which roots to trust, and from where.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

use rustls::RootCertStore;

use super::material::{TlsMaterialError, certificates, read_small};
use super::verifier::RootStore;
use crate::settings::values::SystemStore;
use crate::settings::{Setting, Source, TlsSettings};

/// The roots in force.
#[derive(Debug, Clone)]
pub struct Trust {
    pub roots: RootCertStore,
    pub source: TrustSource,
    /// What was skipped on the way, as sentences for the user.
    pub notes: Vec<String>,
}

/// Where the roots came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustSource {
    /// A file that a flag or variable names.
    CaBundle { path: PathBuf, from: Source },
    /// The operating system's store (or what `SSL_CERT_FILE`/`SSL_CERT_DIR` put in its place).
    System,
    /// Mozilla's roots, built in.
    BuiltIn,
    /// Mozilla's roots, because the system's store is empty.
    BuiltInForEmptySystem,
}

impl fmt::Display for TrustSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaBundle { path, from } => write!(f, "CA bundle {} (from {from})", path.display()),
            Self::System => f.write_str("the system's certificate store"),
            Self::BuiltIn => f.write_str("Mozilla's roots, built into f5-guard"),
            Self::BuiltInForEmptySystem => {
                f.write_str("Mozilla's roots, built into f5-guard, because the system's store is empty")
            }
        }
    }
}

/// The roots that the settings ask for: there, or still to be read from the operating system.
pub(super) enum Roots {
    Ready(Trust),
    InSystemStore(SystemStoreReader),
}

/// Reads the operating system's store, which can take long.
#[derive(Debug)]
pub(super) struct SystemStoreReader {
    choice: SystemStore,
    notes: Vec<String>,
}

/// Loads the roots that the settings ask for. A CA bundle replaces all other roots and spares the time to
/// read the system's store.
///
/// # Errors
/// A bundle that exists and can't be used (a missing one is noted and skipped, unless the registered command
/// names it), or an empty system store where nothing else is allowed.
pub fn load_trust(settings: &TlsSettings) -> Result<Trust, TlsMaterialError> {
    match choose_roots(settings)? {
        Roots::Ready(trust) => Ok(trust),
        Roots::InSystemStore(store) => store.all(),
    }
}

/// As [`load_trust`], but leaves the system's store to be read by the caller, when and where it likes.
///
/// # Errors
/// Those of the CA bundles.
pub(super) fn choose_roots(settings: &TlsSettings) -> Result<Roots, TlsMaterialError> {
    let mut notes = Vec::new();
    for bundle in &settings.ca_bundles {
        if let Some(roots) = bundle_roots(bundle, &mut notes)? {
            let source = TrustSource::CaBundle { path: bundle.value.clone(), from: bundle.source };
            return Ok(Roots::Ready(Trust { roots, source, notes }));
        }
    }
    Ok(match *settings.system_store {
        SystemStore::Never => Roots::Ready(Trust { roots: built_in(), source: TrustSource::BuiltIn, notes }),
        choice => Roots::InSystemStore(SystemStoreReader { choice, notes }),
    })
}

impl RootStore for SystemStoreReader {
    /// The file that holds all roots on most Linux systems. What is read besides is a folder with the same
    /// roots again, one a file; only what somebody put there by hand is more.
    fn part(&self) -> Option<Trust> {
        let found = rustls_native_certs::load_certs_from_paths(Some(&system_bundle()?), None);
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        let trust = Trust { roots, source: TrustSource::System, notes: self.notes.clone() };
        (!trust.roots.is_empty()).then_some(trust)
    }

    /// The store, or the built-in roots where it is empty and the settings allow that.
    fn all(&self) -> Result<Trust, TlsMaterialError> {
        let mut notes = self.notes.clone();
        let (roots, source) = match (system_roots(&mut notes), self.choice) {
            (Some(roots), _) => (roots, TrustSource::System),
            (None, SystemStore::Auto) => {
                notes.push(
                    "The system's certificate store is empty; Mozilla's built-in roots are used.".into(),
                );
                (built_in(), TrustSource::BuiltInForEmptySystem)
            }
            (None, _) => return Err(TlsMaterialError::SystemStoreEmpty),
        };
        Ok(Trust { roots, source, notes })
    }
}

/// The file with all of the system's roots, unless variables name another place for them.
#[cfg(all(unix, not(target_os = "macos")))]
fn system_bundle() -> Option<PathBuf> {
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().any(|name| std::env::var_os(name).is_some());
    if named { None } else { openssl_probe::probe().cert_file }
}

/// Windows and macOS keep their roots elsewhere.
#[cfg(not(all(unix, not(target_os = "macos"))))]
fn system_bundle() -> Option<PathBuf> {
    None
}

/// The roots of one bundle; `None` where the file is missing and the next one may be taken.
fn bundle_roots(
    bundle: &Setting<PathBuf>,
    notes: &mut Vec<String>,
) -> Result<Option<RootCertStore>, TlsMaterialError> {
    let (path, from) = (&bundle.value, bundle.source);
    let certificates = if path.is_dir() {
        // The form that OpenSSL's c_rehash makes, which the Python integration took as well.
        rustls_native_certs::load_certs_from_paths(None, Some(path)).certs
    } else {
        match read_small(path) {
            Ok(bytes) => certificates(&bytes),
            Err(error) if error.kind() == ErrorKind::NotFound && !matches!(from, Source::Flag(_)) => {
                notes.push(format!(
                    "The CA bundle {} (from {from}) does not exist and is skipped.",
                    path.display()
                ));
                return Ok(None);
            }
            Err(error) => {
                let reason = error.to_string();
                return Err(TlsMaterialError::CaBundleUnreadable { path: path.clone(), from, reason });
            }
        }
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err(TlsMaterialError::CaBundleEmpty { path: path.clone(), from });
    }
    Ok(Some(roots))
}

fn system_roots(notes: &mut Vec<String>) -> Option<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        notes.extend(found.errors.iter().map(|error| format!("The system's certificate store: {error}.")));
        return None;
    }
    Some(roots)
}

fn built_in() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Overrides, Settings};
    use std::ffi::OsString;

    fn tls(variables: &[(&str, &std::path::Path)], overrides: Overrides) -> TlsSettings {
        let env = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
        Settings::read(&overrides, &env).tls
    }

    #[test]
    fn a_missing_bundle_is_noted_and_the_next_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty.pem");
        std::fs::write(&empty, "no certificate").unwrap();
        let missing = dir.path().join("missing.pem");
        let settings =
            tls(&[("F5_GUARDRAILS_CA_BUNDLE", &missing), ("CURL_CA_BUNDLE", &empty)], Overrides::default());
        let error = load_trust(&settings).unwrap_err();
        assert_eq!(
            error,
            TlsMaterialError::CaBundleEmpty { path: empty, from: Source::Environment("CURL_CA_BUNDLE") }
        );
    }

    #[test]
    fn a_missing_bundle_that_the_registered_command_names_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing.pem");
        let overrides = Overrides { ca_bundle: Some(missing.into()), ..Overrides::default() };
        assert!(matches!(load_trust(&tls(&[], overrides)), Err(TlsMaterialError::CaBundleUnreadable { .. })));
    }

    #[test]
    fn the_built_in_roots_are_there_without_any_file() {
        let settings = tls(
            &[("F5_GUARDRAILS_USE_SYSTEM_CERT_STORE", std::path::Path::new("false"))],
            Overrides::default(),
        );
        let trust = load_trust(&settings).unwrap();
        assert_eq!(trust.source, TrustSource::BuiltIn);
        assert!(trust.roots.len() > 50);
    }
}
