//! Which roots to trust, and from where.

mod bundle;
mod system_store;

use std::fmt;
use std::path::PathBuf;

use rustls::pki_types::UnixTime;

pub use bundle::contents_at;
use bundle::{bundle, contents_of, is_empty};
use system_store::{SystemStoreReader, built_in};

use super::material::TlsMaterialError;
use super::roots::RootSet;
use crate::printable::shown_path;
use crate::settings::values::SystemStore;
use crate::settings::{Setting, TlsSettings};

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
                let Some(contents) = contents_of(place, settings.strict, &mut notes)? else { continue };
                if contents.certificates.is_empty() {
                    return Err(is_empty(place, &contents));
                }
                codex.extend(contents.certificates);
            }
            let strict = settings.strict;
            Roots::InSystemStore(SystemStoreReader { choice, strict, codex, notes })
        }
    })
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
    fn of_openssls_two_the_empty_one_is_named_and_not_called_a_source() {
        let dir = tempfile::tempdir().unwrap();
        let file = path(&dir, "ca.p7b", &Authority::new().pem().replace("CERTIFICATE", "PKCS7"));
        let folder = tempfile::tempdir().unwrap();
        path(&folder, "0123abcd.0", Authority::new().pem());
        path(&folder, "0123abcd.1", "nothing");
        let folder_path = folder.path().display().to_string();
        let set = [("SSL_CERT_FILE", &*file), ("SSL_CERT_DIR", &*folder_path)];
        let trust = load_trust(&tls(&set, Enforced::default())).unwrap();
        assert!(!trust.source.to_string().contains("ca.p7b"), "{}", trust.source);
        let notes = trust.notes.concat();
        assert!(notes.contains("holds no usable certificate, but a PKCS#7 container"), "{notes}");
        assert!(notes.contains("a file without a certificate"), "{notes}");
    }

    #[test]
    fn a_folder_without_hash_names_says_so() {
        let folder = tempfile::tempdir().unwrap();
        path(&folder, "company.pem", Authority::new().pem());
        let folder_path = folder.path().display().to_string();
        let error = load_trust(&tls(&[("SSL_CERT_DIR", &*folder_path)], Enforced::default())).unwrap_err();
        assert!(error.to_string().contains("not named by a hash"), "{error}");
    }

    #[test]
    fn codexs_own_bundle_has_to_hold_a_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let file = path(&dir, "ca.p7b", &Authority::new().pem().replace("CERTIFICATE", "PKCS7"));
        let error = load_trust(&tls(&[("CODEX_CA_CERTIFICATE", &*file)], Enforced::default())).unwrap_err();
        assert!(matches!(error, TlsMaterialError::CaBundleEmpty { .. }), "{error}");
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
