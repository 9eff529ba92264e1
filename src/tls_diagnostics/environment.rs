//! Every environment variable that influences which certificates are trusted and which way a request takes: its value without logins, and what is
//! in the file it names. The environment comes in by parameter; the files are read here.

use serde::Serialize;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::printable::{counted, printable};
use crate::settings::home_relative;
use crate::transport::proxy::{Address, shown_exceptions};
use crate::transport::roots::RootSet;
use crate::transport::{Contents, contents_at, key_log_note, private_key, read_small, reason};

/// The longest value shown.
const VALUE_CHARS: usize = 200;
/// How a variable's value is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Certificates,
    Directory,
    Key,
    KeyLog,
    Switch,
    Proxy,
    Exceptions,
}

/// In the order of the report. On Windows names are not case-sensitive, so that both spellings are the same variable.
const VARIABLES: [(&str, Kind); 19] = [
    ("F5_GUARDRAILS_CA_BUNDLE", Kind::Certificates),
    ("REQUESTS_CA_BUNDLE", Kind::Certificates),
    ("SSL_CERT_FILE", Kind::Certificates),
    ("CURL_CA_BUNDLE", Kind::Certificates),
    ("SSL_CERT_DIR", Kind::Directory),
    ("CODEX_CA_CERTIFICATE", Kind::Certificates),
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
    ("NO_PROXY", Kind::Exceptions),
    ("no_proxy", Kind::Exceptions),
    // Its mere presence makes HTTP_PROXY ignored, as in a CGI script.
    ("REQUEST_METHOD", Kind::Switch),
];

/// One variable that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    pub name: &'static str,
    /// Without logins and control characters.
    pub value: String,
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
        /// What else is in it and can't be read.
        #[serde(skip_serializing_if = "String::is_empty")]
        unread: String,
    },
    /// No certificate in PEM or DER form, and what there is instead.
    NoCertificates {
        instead: String,
    },
    PrivateKey,
    NoPrivateKey {
        why: String,
    },
    /// TLS secrets are written there, or why not.
    KeyLog {
        note: String,
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
        let file = if value.is_empty() { None } else { file_state(&home_relative(&value, env), kind) };
        report.set.push(Variable { name, value: printable(&shown(&value, kind), VALUE_CHARS), file });
    }
    report
}

/// The value as far as it can hold no login.
fn shown(value: &OsStr, kind: Kind) -> String {
    let text = value.to_string_lossy();
    match kind {
        Kind::Proxy if text.is_empty() => String::new(),
        Kind::Proxy => match Address::parse(value.as_encoded_bytes()) {
            Ok(address) if address.login.is_some() => format!("{address} with a login"),
            Ok(address) => address.to_string(),
            Err(why) => format!("NOT USABLE, so it is not shown: {why}"),
        },
        Kind::Exceptions => shown_exceptions(&text),
        _ if text.contains("://") => "not shown: it looks like an address, not a path".to_owned(),
        _ => text.into_owned(),
    }
}

fn file_state(path: &Path, kind: Kind) -> Option<FileState> {
    Some(match kind {
        Kind::Switch | Kind::Proxy | Kind::Exceptions => return None,
        Kind::KeyLog => FileState::KeyLog { note: key_log_note(path) },
        Kind::Certificates => certificates(&[path.to_owned()]),
        // It may name several folders, as `PATH` does.
        Kind::Directory => certificates(&std::env::split_paths(path.as_os_str()).collect::<Vec<_>>()),
        Kind::Key => match read_small(path).map(|pem| private_key(&pem)) {
            Ok(Ok(_)) => FileState::PrivateKey,
            Ok(Err(why)) => FileState::NoPrivateKey { why },
            Err(error) => unreadable(&error),
        },
    })
}

fn unreadable(error: &std::io::Error) -> FileState {
    match error.kind() {
        std::io::ErrorKind::NotFound => FileState::Missing,
        _ => FileState::Unreadable { why: reason(error) },
    }
}

/// Reads what the scan reads.
fn certificates(places: &[PathBuf]) -> FileState {
    let (mut all, mut missing) = (Contents::default(), 0);
    for place in places {
        match contents_at(place) {
            Ok(contents) => all.merge(contents),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => missing += 1,
            Err(error) => return unreadable(&error),
        }
    }
    if all.certificates.is_empty() {
        let instead = all.unread.first().map_or_else(String::new, |form| (*form).to_owned());
        return if missing > 0 { FileState::Missing } else { FileState::NoCertificates { instead } };
    }
    let unread = all.unread_words();
    let roots = RootSet::new(all.certificates);
    FileState::Certificates { count: roots.len() + roots.unusable, unusable: roots.unusable, unread }
}

impl std::fmt::Display for FileState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("MISSING"),
            Self::Unreadable { why } => write!(f, "UNREADABLE: {why}"),
            Self::Certificates { count, unusable, unread } => {
                f.write_str(&counted(*count, "certificate"))?;
                if *unusable > 0 {
                    write!(f, ", {unusable} unusable as a root")?;
                }
                if unread.is_empty() { Ok(()) } else { write!(f, "; {unread}") }
            }
            Self::NoCertificates { instead } if instead.is_empty() => {
                f.write_str("NO CERTIFICATE in PEM or DER form")
            }
            Self::NoCertificates { instead } => write!(f, "NO CERTIFICATE in PEM or DER form, but {instead}"),
            Self::PrivateKey => f.write_str("a private key"),
            Self::NoPrivateKey { why } => write!(f, "UNUSABLE: {why}"),
            Self::KeyLog { note } => write!(f, "WARNING: {note}"),
        }
    }
}
