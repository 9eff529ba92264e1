//! A second look at a server whose certificate no scan gets to see: with a key of a kind that can't be used here, a
//! server finds nothing in common and shows nothing. The look offers those kinds too, notes the chain, and ends the
//! handshake there: nothing is verified, and nothing is sent.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use url::Url;

use super::connect;
use super::exchange::Transport;
use super::peer::Peer;
use super::proxy::{Route, route};
use super::watch::Watched;

/// The chain that the server at `url` shows to clients that know more algorithms; empty where there is none.
pub async fn unverified_probe(transport: &Transport, url: &Url) -> Vec<CertificateDer<'static>> {
    let watched = Watched::default();
    let way = match route(url, &transport.proxies) {
        Ok(Route::Direct(_)) => None,
        Ok(Route::Through(proxy)) => Some(proxy),
        Err(_) => return Vec::new(),
    };
    let target = Peer::of(url);
    // No TLS yet: that is what follows.
    let Ok(wire) = connect::open_wire(&target, true, way.as_ref(), &transport.handshakes, &watched).await
    else {
        return Vec::new();
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let Ok(builder) = builder.with_safe_default_protocol_versions() else { return Vec::new() };
    let config = builder
        .dangerous() // nothing is accepted
        .with_custom_certificate_verifier(Arc::new(UnverifiedProbe(watched.clone())))
        .with_no_client_auth();
    // It ends with the verifier's refusal.
    let _ = connect::shake_hands(Arc::new(config), &target, wire, &watched, true).await;
    std::mem::take(&mut watched.lock().chain)
}

#[derive(Debug)]
struct UnverifiedProbe(Watched);

impl ServerCertVerifier for UnverifiedProbe {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = std::iter::once(end_entity).chain(intermediates);
        self.0.lock().chain = shown.map(|certificate| certificate.clone().into_owned()).collect();
        Err(refused())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(refused())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(refused())
    }

    /// What a scan offers, then P-521, Ed448, RSASSA-PSS keys, Brainpool and SHA-1.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = default_provider().signature_verification_algorithms.supported_schemes();
        let more = [0x0603, 0x0808, 0x0809, 0x080a, 0x080b, 0x081a, 0x081b, 0x081c, 0x0203, 0x0201];
        schemes.extend(more.map(SignatureScheme::from));
        schemes
    }
}

fn refused() -> Error {
    Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
}
