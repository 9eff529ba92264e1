//! A certificate authority for one run, the certificates it signs, and TLS servers that use them.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// A certificate authority that exists for one test only.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its private key.
pub struct Identity {
    pub certificate_pem: String,
    pub key_pem: String,
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    Now,
    Expired,
}

impl Authority {
    /// Makes a new authority that nobody trusts yet.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key for the authority");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "f5-guard stand-in authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).expect("the authority signs itself").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// The authority's certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Writes the authority's certificate to a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_to(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, &self.pem)
    }

    /// A server's certificate for these host names and addresses.
    pub fn server(&self, names: &[&str], validity: Validity) -> Identity {
        self.sign(names, validity, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client's certificate, for servers that ask for one.
    pub fn client(&self, name: &str) -> Identity {
        self.sign(&[name], Validity::Now, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, names: &[&str], validity: Validity, usage: ExtendedKeyUsagePurpose) -> Identity {
        let key = KeyPair::generate().expect("a key for the certificate");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names that a certificate can carry");
        params.distinguished_name.push(DnType::CommonName, "f5-guard stand-in");
        params.extended_key_usages = vec![usage];
        if validity == Validity::Expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2020, 2, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer).expect("the authority signs it");
        Identity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }

    /// A TLS server that shows `identity`, and asks for a certificate of this authority where `client_auth` says so.
    pub(crate) fn server_config(&self, identity: &Identity, client_auth: ClientAuth) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions");
        let builder = match client_auth {
            ClientAuth::None => builder.with_no_client_auth(),
            ClientAuth::Required => {
                let mut roots = RootCertStore::empty();
                roots.add(certificate(&self.pem)).expect("the authority's certificate is one");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .expect("a verifier for the authority's clients");
                builder.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).expect("the key is one");
        let mut config = builder
            .with_single_cert(vec![certificate(&identity.certificate_pem)], key)
            .expect("the key belongs to the certificate");
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a TLS server asks its clients for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientAuth {
    None,
    Required,
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("the certificate is one")
}
