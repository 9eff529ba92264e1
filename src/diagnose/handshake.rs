//! The two TLS handshakes of a diagnosis: the verified one, exactly as a scan would do it, and the unverified look,
//! which exists here and nowhere else, is never given anything to send, and is dropped as soon as the chain is known.

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, ring::default_provider, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind,
    InvalidMessage, PeerIncompatible, RootCertStore, SignatureScheme,
};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::certificate::name_of_der;
use super::chain::{problem_of, unix};
use super::facts::{Fault, TlsSession};
use super::wire::{Wire, fault_of_io};
use crate::printable::printable;

/// What the scan client offers: it speaks HTTP/1.1 only.
const ALPN: &[u8] = b"http/1.1";
/// More certificate authorities than this are not listed.
const MOST_ISSUERS: usize = 8;

/// The certificate to show to servers that ask for one.
#[derive(Debug, Clone)]
pub struct ClientIdentity {
    pub key: Arc<CertifiedKey>,
    /// "F5_GUARDRAILS_CLIENT_CERT (/path)".
    pub source: String,
}

/// Notes that, and with which words, the server asked for a client certificate.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    key: Option<Arc<CertifiedKey>>,
    asked: Mutex<Option<Vec<String>>>,
}

impl Resolver {
    pub fn new(identity: Option<&ClientIdentity>) -> Arc<Self> {
        Arc::new(Self { key: identity.map(|identity| Arc::clone(&identity.key)), asked: Mutex::default() })
    }

    /// The issuers that the server named when it asked for a certificate; `None` if it did not ask.
    pub fn asked(&self) -> Option<Vec<String>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesClientCert for Resolver {
    fn resolve(&self, issuers: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let issuers = issuers.iter().take(MOST_ISSUERS).map(|der| name_of_der(der)).collect();
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(issuers);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        // True also without a certificate, so that `resolve` is called and the request noted.
        true
    }
}

/// The clock that was handed in.
#[derive(Debug)]
struct Clock(i64);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix(self.0))
    }
}

/// The configuration of the verified handshake.
pub(super) fn verified(
    roots: &Arc<RootCertStore>,
    resolver: &Arc<Resolver>,
    now: i64,
) -> Result<Arc<ClientConfig>, Error> {
    let mut config = ClientConfig::builder_with_details(Arc::new(default_provider()), Arc::new(Clock(now)))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(Arc::clone(roots))
        .with_client_cert_resolver(Arc::<Resolver>::clone(resolver));
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// The configuration of the unverified look. Shows no client certificate.
pub(super) fn unverified() -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(LookOnly(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// Accepts any chain, but still checks that the peer holds the leaf's key.
#[derive(Debug)]
struct LookOnly(Arc<CryptoProvider>);

impl ServerCertVerifier for LookOnly {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A handshake that came to its end, or why it did not. The connection comes back in both cases: it may already know
/// the chain.
pub(super) fn shake_hands(
    config: Arc<ClientConfig>,
    name: &ServerName<'static>,
    wire: &mut Wire,
) -> (Option<ClientConnection>, Result<(), Fault>) {
    wire.forget();
    let mut connection = match ClientConnection::new(config, name.clone()) {
        Ok(connection) => connection,
        Err(error) => return (None, Err(fault_of_tls(&error, &wire.heard))),
    };
    while connection.is_handshaking() {
        match connection.complete_io(wire) {
            Ok((0, 0)) => return (Some(connection), Err(Fault::Closed)),
            Ok(_) => {}
            Err(error) => {
                let fault = fault_of_stream(&error, &wire.heard);
                return (Some(connection), Err(fault));
            }
        }
    }
    (Some(connection), Ok(()))
}

/// What was agreed on.
pub(super) fn session(connection: &ClientConnection) -> TlsSession {
    let unknown = || "unknown".to_owned();
    TlsSession {
        version: connection.protocol_version().map_or_else(unknown, |version| {
            match version.as_str().and_then(|name| name.strip_prefix("TLSv1_")) {
                Some(minor) => format!("TLS 1.{minor}"),
                None => format!("{version:?}"),
            }
        }),
        cipher_suite: connection
            .negotiated_cipher_suite()
            .map_or_else(unknown, |suite| format!("{:?}", suite.suite())),
        key_exchange: connection
            .negotiated_key_exchange_group()
            .map_or_else(unknown, |group| format!("{:?}", group.name())),
        hello_retry: connection.handshake_kind() == Some(HandshakeKind::FullWithHelloRetryRequest),
        alpn: connection.alpn_protocol().map(|name| printable(&String::from_utf8_lossy(name), 40)),
    }
}

/// An error of a TLS stream: rustls wraps its own in an [`io::Error`].
pub(super) fn fault_of_stream(error: &io::Error, heard: &[u8]) -> Fault {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(tls) => fault_of_tls(tls, heard),
        None => fault_of_io(error),
    }
}

fn fault_of_tls(error: &Error, heard: &[u8]) -> Fault {
    let why = || printable(&error.to_string(), 200);
    match error {
        Error::InvalidCertificate(problem) => Fault::Certificate { problem: problem_of(problem) },
        Error::AlertReceived(alert) => fault_of_alert(*alert, why()),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => Fault::OldVersion { why: why() },
        Error::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NoEcPointFormatsInCommon
            | PeerIncompatible::NoSignatureSchemesInCommon,
        ) => Fault::NoCommonCipher { why: why() },
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) if !is_tls(heard) => not_tls(heard),
        _ => Fault::Tls { why: why() },
    }
}

fn fault_of_alert(alert: AlertDescription, why: String) -> Fault {
    match alert {
        AlertDescription::ProtocolVersion => Fault::OldVersion { why },
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            Fault::NoCommonCipher { why }
        }
        AlertDescription::UnrecognisedName => Fault::UnknownServerName,
        // Alerts about certificates can only speak of ours.
        AlertDescription::CertificateRequired
        | AlertDescription::NoCertificate
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => Fault::ClientCertificate { why },
        _ => Fault::Tls { why },
    }
}

/// A TLS record starts with a type between 20 and 24 and the major version 3.
fn is_tls(heard: &[u8]) -> bool {
    matches!(heard, [20..=24, 3, ..])
}

fn not_tls(heard: &[u8]) -> Fault {
    let said = String::from_utf8_lossy(heard);
    let line = printable(said.lines().next().unwrap_or_default(), 80);
    if line.starts_with("HTTP/") { Fault::PlainHttp { line } } else { Fault::NotTls { said: line } }
}
