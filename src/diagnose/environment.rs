//! Every environment variable that influences whom we trust and which way we go: its value without logins, and what is
//! in the file it names. The environment comes in by parameter; the files are read here.

use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::text::without_secrets;
use crate::printable::printable;
use crate::settings::home_relative;
use crate::transport::certificates;

/// The longest value shown.
const VALUE_CHARS: usize = 200;
/// A bundle larger than this is not read (Mozilla's whole set is 0.25 MB).
const FILE_BYTES: u64 = 16 * 1024 * 1024;
/// The most files of an `SSL_CERT_DIR` that are looked into.
const MOST_FILES: usize = 2_000;

/// How a variable's value is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Certificates,
    Directory,
    Key,
    KeyLog,
    Switch,
    Proxy,
}

/// In the order of the report. On Windows names are not case-sensitive, so that both spellings are the same variable.
const VARIABLES: [(&str, Kind); 18] = [
    ("F5_GUARDRAILS_CA_BUNDLE", Kind::Certificates),
    ("REQUESTS_CA_BUNDLE", Kind::Certificates),
    ("SSL_CERT_FILE", Kind::Certificates),
    ("CURL_CA_BUNDLE", Kind::Certificates),
    ("SSL_CERT_DIR", Kind::Directory),
    ("F5_GUARDRAILS_USE_SYSTEM_CERT_STORE", Kind::Switch),
    ("F5_GUARDRAILS_CLIENT_CERT", Kind::Certificates),
    ("F5_GUARDRAILS_CLIENT_KEY", Kind::Key),
    ("SSLKEYLOGFILE", Kind::KeyLog),
    ("HTTPS_PROXY", Kind::Proxy),
    ("https_proxy", Kind::Proxy),
    ("HTTP_PROXY", Kind::Proxy),
    ("http_proxy", Kind::Proxy),
    ("ALL_PROXY", Kind::Proxy),
    ("all_proxy", Kind::Proxy),
    ("NO_PROXY", Kind::Proxy),
    ("no_proxy", Kind::Proxy),
    // Its mere presence switches proxies off, as in a CGI script.
    ("REQUEST_METHOD", Kind::Switch),
];

/// One variable that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    pub name: &'static str,
    /// Without user info and control characters.
    pub value: String,
    pub secrets_removed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileState>,
}

/// What a variable's file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum FileState {
    Missing,
    Unreadable {
        why: String,
    },
    /// Certificates; `unusable` of them cannot serve as a root.
    Certificates {
        count: usize,
        unusable: usize,
    },
    /// No certificate in PEM or DER form.
    NoCertificates,
    PrivateKey,
    NoPrivateKey,
    /// TLS secrets are written there.
    KeyLog {
        exists: bool,
    },
}

/// All variables of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Environment {
    pub set: Vec<Variable>,
    pub unset: Vec<&'static str>,
}

/// Reads the variables through `env`.
pub fn report(env: &dyn Fn(&str) -> Option<OsString>) -> Environment {
    let mut report = Environment { set: Vec::new(), unset: Vec::new() };
    for (name, kind) in VARIABLES {
        let Some(value) = env(name) else {
            // The small spellings would only lengthen the list of what is not set.
            if name != "REQUEST_METHOD" && !name.starts_with(|c: char| c.is_ascii_lowercase()) {
                report.unset.push(name);
            }
            continue;
        };
        let text = value.to_string_lossy();
        let (shown, secrets_removed) = if kind == Kind::Proxy || text.contains("://") {
            without_secrets(&text)
        } else {
            (text.into_owned(), false)
        };
        let file = if value.is_empty() { None } else { file_state(&home_relative(&value, env), kind) };
        report.set.push(Variable { name, value: printable(&shown, VALUE_CHARS), secrets_removed, file });
    }
    report
}

fn file_state(path: &Path, kind: Kind) -> Option<FileState> {
    match kind {
        Kind::Switch | Kind::Proxy => None,
        Kind::KeyLog => Some(FileState::KeyLog { exists: path.exists() }),
        // A folder is accepted here too, as OpenSSL's c_rehash makes it.
        Kind::Certificates if path.is_dir() => Some(directory(path)),
        Kind::Certificates => Some(read(path).map_or_else(|state| state, |bytes| count(&bytes))),
        Kind::Key => Some(read(path).map_or_else(
            |state| state,
            |pem| match PrivateKeyDer::from_pem_slice(&pem) {
                Ok(_) => FileState::PrivateKey,
                Err(_) => FileState::NoPrivateKey,
            },
        )),
        Kind::Directory => Some(directory(path)),
    }
}

fn unreadable(error: &std::io::Error) -> FileState {
    if error.kind() == std::io::ErrorKind::NotFound {
        FileState::Missing
    } else {
        FileState::Unreadable { why: printable(&error.to_string(), VALUE_CHARS) }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FileState> {
    let about = fs::metadata(path).map_err(|error| unreadable(&error))?;
    // Opening a pipe or a device could hang.
    if !about.is_file() {
        return Err(FileState::Unreadable { why: "it is not a regular file".to_owned() });
    }
    if about.len() > FILE_BYTES {
        return Err(FileState::Unreadable { why: "it is too large for a bundle".to_owned() });
    }
    fs::read(path).map_err(|error| unreadable(&error))
}

/// Reads what the scan client reads: PEM, or a single certificate as DER.
fn count(bytes: &[u8]) -> FileState {
    let certificates = certificates(bytes);
    if certificates.is_empty() {
        return FileState::NoCertificates;
    }
    let count = certificates.len();
    let (usable, _) = RootCertStore::empty().add_parsable_certificates(certificates);
    FileState::Certificates { count, unusable: count - usable }
}

/// `SSL_CERT_DIR` may name several folders, as `PATH` does.
fn directory(value: &Path) -> FileState {
    let (mut count_all, mut unusable_all, mut missing) = (0, 0, 0);
    for folder in std::env::split_paths(value.as_os_str()) {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                missing += 1;
                continue;
            }
            Err(error) => return unreadable(&error),
        };
        for entry in entries.take(MOST_FILES).flatten() {
            if let Ok(FileState::Certificates { count, unusable }) =
                read(&entry.path()).map(|pem| count(&pem))
            {
                count_all += count;
                unusable_all += unusable;
            }
        }
    }
    match (count_all, missing) {
        (0, 1..) => FileState::Missing,
        (0, 0) => FileState::NoCertificates,
        _ => FileState::Certificates { count: count_all, unusable: unusable_all },
    }
}

impl std::fmt::Display for FileState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("MISSING"),
            Self::Unreadable { why } => write!(f, "UNREADABLE: {why}"),
            Self::Certificates { count, unusable } => {
                write!(f, "{count} certificate{}", if *count == 1 { "" } else { "s" })?;
                if *unusable > 0 { write!(f, ", {unusable} unusable as a root") } else { Ok(()) }
            }
            Self::NoCertificates => f.write_str("NO CERTIFICATE in PEM or DER form"),
            Self::PrivateKey => f.write_str("a private key"),
            Self::NoPrivateKey => f.write_str("NO PRIVATE KEY in PEM form"),
            Self::KeyLog { .. } => f.write_str("WARNING: TLS secrets are written there"),
        }
    }
}
