//! Certificates and keys from files.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use crate::settings::{Source, TlsSettings};

/// TLS material that was configured and can't be used. Paths are the user's own words and may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TlsMaterialError {
    #[error("The CA bundle {path} (from {from}) can't be read: {reason}.", path = .path.display())]
    CaBundleUnreadable { path: PathBuf, from: Source, reason: String },
    #[error("The CA bundle {path} (from {from}) holds no usable certificate.", path = .path.display())]
    CaBundleEmpty { path: PathBuf, from: Source },
    #[error("The system's certificate store holds no usable certificate.")]
    SystemStoreEmpty,
    #[error("The client certificate {path} can't be used: {reason}.", path = .path.display())]
    ClientCertificate { path: PathBuf, reason: String },
    #[error("A client key is set (F5_GUARDRAILS_CLIENT_KEY), but no client certificate.")]
    ClientKeyAlone,
    #[error("TLS can't be set up: {0}.")]
    Setup(String),
}

impl TlsMaterialError {
    /// What to do about it.
    #[must_use]
    pub fn fix(&self) -> String {
        match self {
            Self::CaBundleUnreadable { from, .. } | Self::CaBundleEmpty { from, .. } => {
                format!("Point {from} to a readable PEM file with the CA certificates to trust, or remove it.")
            }
            Self::SystemStoreEmpty => "Install the system's CA certificates (on Debian: ca-certificates), unset SSL_CERT_FILE and SSL_CERT_DIR if they name nothing useful, or set F5_GUARDRAILS_USE_SYSTEM_CERT_STORE=false for the built-in roots.".into(),
            Self::ClientCertificate { .. } => "Set F5_GUARDRAILS_CLIENT_CERT to a PEM file with the certificate chain and F5_GUARDRAILS_CLIENT_KEY to its unencrypted PEM key (the key may be in the certificate's file).".into(),
            Self::ClientKeyAlone => "Set F5_GUARDRAILS_CLIENT_CERT as well.".into(),
            Self::Setup(_) => "Report this with the version of f5-guard.".into(),
        }
    }
}

/// A client certificate with its key, for servers that demand one (mTLS).
#[derive(Debug)]
pub struct ClientIdentity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

/// Reads the client certificate and key that the settings name; `None` where they name none.
///
/// # Errors
/// Files that are missing or hold no certificate or key.
pub fn client_identity(settings: &TlsSettings) -> Result<Option<ClientIdentity>, TlsMaterialError> {
    let Some(cert_path) = settings.client_cert.as_deref() else {
        return if settings.client_key.is_some() { Err(TlsMaterialError::ClientKeyAlone) } else { Ok(None) };
    };
    let key_path = settings.client_key.as_deref().unwrap_or(cert_path);
    let unusable =
        |path: &Path, reason: String| TlsMaterialError::ClientCertificate { path: path.into(), reason };
    let pem = read_small(cert_path).map_err(|error| unusable(cert_path, error.to_string()))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
    if chain.is_empty() {
        return Err(unusable(cert_path, "it holds no certificate in PEM form".into()));
    }
    let key_pem = read_small(key_path).map_err(|error| unusable(key_path, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(&key_pem)
        .map_err(|_| unusable(key_path, "it holds no unencrypted private key in PEM form".into()))?;
    Ok(Some(ClientIdentity { chain, key }))
}

/// Certificates and keys are small; a file of more bytes than this is something else (a device that never ends).
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Reads a file of at most 16 MiB.
pub(super) fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 16 MiB"));
    }
    Ok(bytes)
}

/// The certificates of a PEM file, or the one of a DER file; empty where there is none.
pub(crate) fn certificates(bytes: &[u8]) -> Vec<CertificateDer<'static>> {
    // A DER certificate is one ASN.1 SEQUENCE of more than 255 bytes, which starts with 30 82.
    if bytes.starts_with(&[0x30, 0x82]) {
        return vec![CertificateDer::from(bytes.to_vec())];
    }
    CertificateDer::pem_slice_iter(bytes).filter_map(Result::ok).collect()
}
