//! Which roots to trust, and from where.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls_native_certs::CertificateResult;

use super::material::{TlsMaterialError, read_small, reason};
use super::pem::Contents;
use super::roots::RootSet;
use crate::printable::shown_path;
use crate::settings::values::SystemStore;
use crate::settings::{Setting, Source, TlsSettings};

/// The roots in force.
#[derive(Debug, Clone)]
pub struct Trust {
    pub roots: RootSet,
    pub source: TrustSource,
    /// What was skipped on the way, as sentences for the user.
    pub notes: Vec<String>,
}

/// Where the roots came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustSource {
    /// Files or folders that a flag or variables name.
    CaBundle(Vec<Setting<PathBuf>>),
    /// The operating system's store.
    System,
    /// The same, and what `CODEX_CA_CERTIFICATE` names.
    SystemAndCodex,
    /// Mozilla's roots, built in.
    BuiltIn,
    /// Mozilla's roots, because the system has no store.
    BuiltInForLack,
}

impl fmt::Display for TrustSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaBundle(places) => {
                for (index, place) in places.iter().enumerate() {
                    let start = if index == 0 { "CA bundle" } else { " and" };
                    write!(f, "{start} {} (from {})", shown_path(&place.value), place.source)?;
                }
                Ok(())
            }
            Self::System => f.write_str("the system's certificate store"),
            Self::SystemAndCodex => f.write_str("the system's certificate store and CODEX_CA_CERTIFICATE"),
            Self::BuiltIn => f.write_str("Mozilla's roots, built into f5-guard"),
            Self::BuiltInForLack => f.write_str(
                "Mozilla's roots, built into f5-guard, because the system has no certificate store",
            ),
        }
    }
}

/// The roots that the settings ask for: there, or still to be read from the operating system.
pub(super) enum Roots {
    Ready(Trust),
    InSystemStore(SystemStoreReader),
}

/// Where roots are read from.
pub(super) trait RootStore: Send + Sync {
    /// Roots that are quickly read: most of them, and none that [`Self::all`] does not have. `None` where there
    /// is nothing quicker than all.
    fn part(&self) -> Option<Trust>;

    /// All roots, or why there are none.
    fn all(&self) -> Result<Trust, TlsMaterialError>;
}

/// Reads the operating system's store, which can take long.
#[derive(Debug)]
pub(super) struct SystemStoreReader {
    choice: SystemStore,
    strict: bool,
    /// What `CODEX_CA_CERTIFICATE` names: Codex trusts it besides the system's store.
    codex: Vec<CertificateDer<'static>>,
    notes: Vec<String>,
}

/// Loads the roots that the settings ask for, and looks at each. A CA bundle replaces all other roots and spares the
/// time to read the system's store.
pub fn load_trust(settings: &TlsSettings) -> Result<Trust, TlsMaterialError> {
    let mut trust = match choose_roots(settings)? {
        Roots::Ready(trust) => trust,
        Roots::InSystemStore(store) => store.all()?,
    };
    let survey = trust.roots.survey(UnixTime::now());
    if let (TrustSource::CaBundle(places), true) = (&trust.source, survey.expired == trust.roots.len()) {
        if let Some(place) = places.first() {
            let (path, from) = (place.value.clone(), place.source);
            return Err(TlsMaterialError::CaBundleExpired { path, from });
        }
    }
    let plural = |count: usize, one: &str, more: &str| {
        if count == 1 { format!("1 certificate {one}") } else { format!("{count} certificates {more}") }
    };
    if survey.expired > 0 {
        let words = plural(survey.expired, "has expired and is", "have expired and are");
        trust.notes.push(format!("{words} ignored: {}.", trust.source));
    }
    if survey.pins > 0 && matches!(trust.source, TrustSource::CaBundle(_)) {
        let words = plural(survey.pins, "is not a CA's: it is", "are not a CA's: they are");
        trust.notes.push(format!("{words} trusted as a server's certificate only, and issues no others."));
    }
    Ok(trust)
}

/// As [`load_trust`], but leaves the system's store to be read by the caller, when and where it likes, and looks at a
/// root only when it is to vouch.
pub(super) fn choose_roots(settings: &TlsSettings) -> Result<Roots, TlsMaterialError> {
    let mut notes = Vec::new();
    for places in &settings.ca_bundles {
        if let Some((roots, source)) = bundle(places, settings.strict, &mut notes)? {
            return Ok(Roots::Ready(Trust { roots, source, notes }));
        }
    }
    Ok(match *settings.system_store {
        SystemStore::Never => Roots::Ready(Trust { roots: built_in(), source: TrustSource::BuiltIn, notes }),
        choice => {
            let mut codex = Vec::new();
            for place in &settings.codex_ca {
                codex.extend(
                    contents_of(place, settings.strict, &mut notes)?.unwrap_or_default().certificates,
                );
            }
            let strict = settings.strict;
            Roots::InSystemStore(SystemStoreReader { choice, strict, codex, notes })
        }
    })
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

/// The roots of a bundle, and which of its places were there; `None` where the next one may be taken.
fn bundle(
    places: &[Setting<PathBuf>],
    strict: bool,
    notes: &mut Vec<String>,
) -> Result<Option<(RootSet, TrustSource)>, TlsMaterialError> {
    let (mut roots, mut found, mut empty) = (RootSet::default(), Vec::new(), None);
    for place in places {
        let Some(contents) = contents_of(place, strict, notes)? else { continue };
        found.push(place.clone());
        if contents.certificates.is_empty() && empty.is_none() {
            empty =
                Some((place, contents.unread.first().map_or(String::new(), |form| format!(", but {form}"))));
        }
        roots.extend(contents.certificates);
    }
    match (roots.is_empty(), empty) {
        (false, _) => Ok(Some((roots, TrustSource::CaBundle(found)))),
        (true, Some((place, reason))) => {
            Err(TlsMaterialError::CaBundleEmpty { path: place.value.clone(), from: place.source, reason })
        }
        // What is in there looks like certificates and is none that webpki takes for one.
        (true, None) => match found.first() {
            Some(place) => {
                let (path, from) = (place.value.clone(), place.source);
                Err(TlsMaterialError::CaBundleEmpty { path, from, reason: String::new() })
            }
            None => Ok(None),
        },
    }
}

/// What is in a file or folder; `None` where it is missing and that is no error.
fn contents_of(
    place: &Setting<PathBuf>,
    strict: bool,
    notes: &mut Vec<String>,
) -> Result<Option<Contents>, TlsMaterialError> {
    let (path, from) = (place.value.as_path(), place.source);
    match contents_at(path) {
        Ok(contents) => {
            if !contents.unread.is_empty() && !contents.certificates.is_empty() {
                let words = contents.unread_words();
                notes.push(format!("Of the CA bundle {} (from {from}), {words}.", shown_path(path)));
            }
            Ok(Some(contents))
        }
        Err(error) if error.kind() == ErrorKind::NotFound && !must_exist(from, strict) => {
            notes.push(format!(
                "The CA bundle {} (from {from}) does not exist and is skipped.",
                shown_path(path)
            ));
            Ok(None)
        }
        Err(error) => {
            let (path, reason) = (path.to_path_buf(), reason(&error));
            Err(TlsMaterialError::CaBundleUnreadable { path, from, reason })
        }
    }
}

/// What is in a file or folder.
pub fn contents_at(path: &Path) -> io::Result<Contents> {
    if path.is_dir() { of_folder(path) } else { read_small(path).map(|bytes| Contents::of(&bytes)) }
}

/// A file that was named for f5-guard. What is set for other programs may be stale.
fn must_exist(from: Source, strict: bool) -> bool {
    match from {
        Source::Flag(_) | Source::Option(_) => true,
        Source::Environment(name) => {
            strict && matches!(name, "F5_GUARDRAILS_CA_BUNDLE" | "CODEX_CA_CERTIFICATE")
        }
        Source::Stored(_) | Source::Default => false,
    }
}

/// The files of a folder that OpenSSL would look at: those named by a certificate's hash, as `c_rehash` makes them. An
/// administrator who takes such a name away takes the trust away.
fn of_folder(path: &Path) -> io::Result<Contents> {
    let mut contents = Contents::default();
    for entry in fs::read_dir(path)?.flatten().filter(|entry| is_hash_name(&entry.file_name())) {
        if let Ok(bytes) = read_small(&entry.path()) {
            contents.certificates.extend(Contents::of(&bytes).certificates);
        }
    }
    // The same certificate under two kinds of hash.
    contents.certificates.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
    contents.certificates.dedup();
    Ok(contents)
}

/// Eight hexadecimal digits, a dot and a number.
fn is_hash_name(name: &OsStr) -> bool {
    let Some((hash, number)) = name.to_str().and_then(|name| name.split_once('.')) else { return false };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) && is_number
}

fn built_in() -> RootSet {
    RootSet::new(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned())
}

/// The other roots of this machine, to say under which of them a server would be accepted: each variable's, the
/// system's, Mozilla's.
pub fn alternatives(settings: &TlsSettings, in_force: &TrustSource) -> Vec<Trust> {
    let mut all: Vec<TlsSettings> = Vec::new();
    let alone = |places: &Vec<Setting<PathBuf>>, store| {
        let mut other = settings.clone();
        (other.ca_bundles, other.codex_ca, other.strict) = (vec![places.clone()], Vec::new(), true);
        other.system_store.value = store;
        other
    };
    let mut candidates: Vec<Vec<Setting<PathBuf>>> = settings.ca_bundles.clone();
    candidates.push(settings.codex_ca.clone());
    all.extend(
        candidates.iter().filter(|places| !places.is_empty()).map(|places| alone(places, SystemStore::Never)),
    );
    all.extend([SystemStore::Always, SystemStore::Never].map(|store| alone(&Vec::new(), store)));
    let loaded = all.iter().filter_map(|other| load_trust(other).ok());
    let mut found: Vec<Trust> = Vec::new();
    for trust in loaded {
        if trust.source != *in_force && !found.iter().any(|other| other.source == trust.source) {
            found.push(trust);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Enforced, Settings};
    use f5_stand_in::tls::Authority;
    use std::ffi::OsString;

    fn tls(variables: &[(&str, &str)], enforced: Enforced) -> TlsSettings {
        let env = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
        Settings::read(&enforced, &env).tls
    }

    fn path(dir: &tempfile::TempDir, name: &str, text: &str) -> String {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    #[test]
    fn a_missing_bundle_is_noted_in_open_mode_and_the_next_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing.pem").display().to_string();
        let next = path(&dir, "next.pem", Authority::new().pem());
        let set = [("F5_GUARDRAILS_CA_BUNDLE", &*missing), ("CURL_CA_BUNDLE", &*next)];
        let trust = load_trust(&tls(&set, Enforced::default())).unwrap();
        assert_eq!(trust.roots.len(), 1);
        assert!(trust.notes[0].contains("missing.pem"), "{:?}", trust.notes);
    }

    #[test]
    fn a_missing_bundle_is_an_error_in_closed_mode_and_for_a_flag() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing.pem").display().to_string();
        let closed = [("F5_GUARDRAILS_CA_BUNDLE", &*missing), ("F5_GUARDRAILS_FAIL_MODE", "closed")];
        let flag = Enforced { ca_bundle: Some(missing.clone().into()), ..Enforced::default() };
        for settings in [tls(&closed, Enforced::default()), tls(&[], flag)] {
            let error = load_trust(&settings).unwrap_err();
            assert!(matches!(error, TlsMaterialError::CaBundleUnreadable { .. }), "{error}");
        }
    }

    #[test]
    fn openssls_file_and_folder_count_together() {
        let dir = tempfile::tempdir().unwrap();
        let file = path(&dir, "public.pem", Authority::new().pem());
        let folder = tempfile::tempdir().unwrap();
        path(&folder, "0123abcd.0", Authority::new().pem());
        let folder_path = folder.path().display().to_string();
        let set = [("SSL_CERT_FILE", &*file), ("SSL_CERT_DIR", &*folder_path)];
        assert_eq!(load_trust(&tls(&set, Enforced::default())).unwrap().roots.len(), 2);
    }

    #[test]
    fn a_bundle_in_a_form_that_is_not_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = path(&dir, "ca.p7b", &Authority::new().pem().replace("CERTIFICATE", "PKCS7"));
        let error =
            load_trust(&tls(&[("F5_GUARDRAILS_CA_BUNDLE", &*file)], Enforced::default())).unwrap_err();
        assert!(
            error.to_string().ends_with("holds no usable certificate, but a PKCS#7 container."),
            "{error}"
        );
    }

    #[test]
    fn the_built_in_roots_are_there_without_any_file() {
        let settings = tls(&[("F5_GUARDRAILS_USE_SYSTEM_CERT_STORE", "false")], Enforced::default());
        let trust = load_trust(&settings).unwrap();
        assert_eq!(trust.source, TrustSource::BuiltIn);
        assert!(trust.roots.len() > 50 && trust.roots.unusable == 0);
    }
}
