//! Certificates and keys from files.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use thiserror::Error;

use super::pem::{Contents, other_form, without_bom};
use crate::printable::shown_path;
use crate::settings::{Source, TlsSettings};

/// TLS material that was configured and can't be used. Paths are the user's own words and may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TlsMaterialError {
    #[error("The CA bundle {path} (from {from}) can't be read: {reason}.", path = shown_path(.path))]
    CaBundleUnreadable { path: PathBuf, from: Source, reason: String },
    #[error("The CA bundle {path} (from {from}) holds no usable certificate{reason}.", path = shown_path(.path))]
    CaBundleEmpty { path: PathBuf, from: Source, reason: String },
    #[error("Every certificate in the CA bundle {path} (from {from}) has expired.", path = shown_path(.path))]
    CaBundleExpired { path: PathBuf, from: Source },
    #[error("The system's certificate store can't be read: {reason}.")]
    SystemStoreUnreadable { reason: String },
    #[error("The system's certificate store holds no usable certificate.")]
    SystemStoreEmpty,
    #[error("The client certificate {path} can't be used: {reason}.", path = shown_path(.path))]
    ClientCertificate { path: PathBuf, reason: String },
    #[error("A client key is set (F5_GUARDRAILS_CLIENT_KEY), but no client certificate.")]
    ClientKeyAlone,
    #[error("TLS can't be set up: {0}.")]
    Setup(String),
}

impl TlsMaterialError {
    /// What to do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::CaBundleUnreadable { from, .. } | Self::CaBundleEmpty { from, .. } => {
                let named = from.or_variable("it");
                format!("Point {named} to a readable PEM file with the CA certificates to trust, or remove it.")
            }
            Self::CaBundleExpired { path, .. } => {
                format!("Check this machine's clock; if it is right, put current CA certificates into {}.", shown_path(path))
            }
            Self::SystemStoreUnreadable { .. } => {
                "Make the store readable for this user, or set F5_GUARDRAILS_CA_BUNDLE to a PEM file.".into()
            }
            Self::SystemStoreEmpty => "Install the system's CA certificates (on Debian: ca-certificates), or set F5_GUARDRAILS_USE_SYSTEM_CERT_STORE=false for the built-in roots.".into(),
            Self::ClientCertificate { .. } => "Set F5_GUARDRAILS_CLIENT_CERT to a PEM file with the certificate chain, the client's own first, and F5_GUARDRAILS_CLIENT_KEY to its unencrypted PEM key (the key may be in the certificate's file).".into(),
            Self::ClientKeyAlone => "Set F5_GUARDRAILS_CLIENT_CERT as well.".into(),
            Self::Setup(_) => "Report this with the version of f5-guard.".into(),
        }
    }
}

/// Reads the client certificate and key that the settings name, for servers that demand one (mTLS); `None` where they
/// name none.
pub fn client_identity(settings: &TlsSettings) -> Result<Option<Arc<CertifiedKey>>, TlsMaterialError> {
    let Some(cert_path) = settings.client_cert.as_deref() else {
        return if settings.client_key.is_some() { Err(TlsMaterialError::ClientKeyAlone) } else { Ok(None) };
    };
    let key_path = settings.client_key.as_deref().unwrap_or(cert_path);
    let unusable = |path: &Path, reason: &str| TlsMaterialError::ClientCertificate {
        path: path.into(),
        reason: reason.to_owned(),
    };
    let pem = read_small(cert_path).map_err(|error| unusable(cert_path, &reason(&error)))?;
    let Contents { certificates, unread, .. } = Contents::of(&pem);
    if certificates.is_empty() {
        let found = unread.first().map_or(String::new(), |form| format!(", but {form}"));
        return Err(unusable(cert_path, &format!("it holds no certificate in PEM form{found}")));
    }
    let key_pem = read_small(key_path).map_err(|error| unusable(key_path, &reason(&error)))?;
    let key = private_key(&key_pem).map_err(|why| unusable(key_path, &why))?;
    let key = any_supported_type(&key)
        .map_err(|_| unusable(key_path, "its private key is of a kind that is not supported"))?;
    let fits = |chain: Vec<_>| CertifiedKey::new(chain, Arc::clone(&key)).keys_match().is_ok();
    if !fits(certificates.clone()) {
        let other = certificates.iter().skip(1).any(|certificate| fits(vec![certificate.clone()]));
        return Err(unusable(
            cert_path,
            if other {
                "its first certificate is not the client's own, to which the private key belongs"
            } else {
                "its private key is of another certificate"
            },
        ));
    }
    Ok(Some(Arc::new(CertifiedKey::new(certificates, key))))
}

/// The key in a PEM file, or why there is none, as a clause.
pub fn private_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = without_bom(bytes);
    PrivateKeyDer::from_pem_slice(bytes).map_err(|_| {
        let holds = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
        let instead = if holds(b"ENCRYPTED") {
            ", but an encrypted one"
        } else if holds(b"BEGIN OPENSSH PRIVATE KEY") {
            ", but one in OpenSSH's own form"
        } else {
            return match other_form(bytes) {
                Some(form) => format!("it holds no unencrypted private key in PEM form, but {form}"),
                None => "it holds no unencrypted private key in PEM form".to_owned(),
            };
        };
        format!("it holds no unencrypted private key in PEM form{instead}")
    })
}

/// Certificates and keys are small; a file of more bytes than this is something else.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Reads a regular file of at most 16 MiB: a pipe would have to be waited for.
pub fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    let about = fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    // Room for all of it: `Take` has no size to go by, and would read the first 32 bytes alone, then 32, 64 …
    let mut bytes = Vec::with_capacity(usize::try_from(about.len().min(MAX_FILE) + 1).unwrap_or_default());
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::new(ErrorKind::InvalidData, "it is larger than 16 MiB"));
    }
    Ok(bytes)
}

/// The usual words for why a file can't be read, without Rust's.
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "it does not exist".to_owned(),
        ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        // Our own words.
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::Other => error.to_string(),
        kind => kind.to_string(),
    }
}
