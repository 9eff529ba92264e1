//! CA bundles: files with certificates, and folders as OpenSSL reads them.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::TrustSource;
use crate::printable::shown_path;
use crate::settings::{Setting, Source};
use crate::transport::material::{TlsMaterialError, read_small, reason};
use crate::transport::pem::Contents;
use crate::transport::roots::RootSet;

/// The roots of a bundle, and which of its places were there; `None` where the next one may be taken.
pub fn bundle(
    places: &[Setting<PathBuf>],
    strict: bool,
    notes: &mut Vec<String>,
) -> Result<Option<(RootSet, TrustSource)>, TlsMaterialError> {
    let (mut roots, mut found, mut empty) = (RootSet::default(), Vec::new(), Vec::new());
    for place in places {
        let Some(contents) = contents_of(place, strict, notes)? else { continue };
        if contents.certificates.is_empty() {
            empty.push(is_empty(place, &contents));
        } else {
            found.push(place.clone());
        }
        roots.extend(contents.certificates);
    }
    match (roots.is_empty(), empty.first()) {
        (false, _) => {
            notes.extend(empty.iter().map(ToString::to_string));
            Ok(Some((roots, TrustSource::CaBundle(found))))
        }
        (true, Some(error)) => Err(error.clone()),
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

/// That a place holds no certificate, and what it holds instead.
pub fn is_empty(place: &Setting<PathBuf>, contents: &Contents) -> TlsMaterialError {
    let reason = contents.unread.first().map_or(String::new(), |form| format!(", but {form}"));
    TlsMaterialError::CaBundleEmpty { path: place.value.clone(), from: place.source, reason }
}

/// What is in a file or folder; `None` where it is missing and that is no error.
pub fn contents_of(
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
    let (hashed, others): (Vec<_>, Vec<_>) =
        fs::read_dir(path)?.flatten().partition(|entry| is_hash_name(&entry.file_name()));
    for entry in &hashed {
        match read_small(&entry.path()).map(|bytes| Contents::of(&bytes)) {
            Ok(found) if found.certificates.is_empty() && found.unread.is_empty() => {
                contents.unread.push("a file without a certificate");
            }
            Ok(found) => contents.merge(found),
            // A link whose file was taken away.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(_) => contents.unread.push("a file that can't be read"),
        }
    }
    if hashed.is_empty() && !others.is_empty() {
        contents.unread.push("only files that are not named by a hash (name them with openssl rehash)");
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
