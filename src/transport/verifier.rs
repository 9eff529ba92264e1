//! Checks the server's certificate with roots that may still be loading when the connection starts.
//!
//! Reading the operating system's store takes longer than anything else before the request (milliseconds of
//! work on Linux, far more at the first read on macOS), and nobody needs it before the server has shown its
//! certificate. So it runs on a thread of its own meanwhile. Without roots to check with, everything is refused.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use super::material::TlsMaterialError;
use super::roots::RootSet;
use super::trust::{RootStore, Trust};
use super::watch::Watched;
use crate::phase;

/// A verifier whose roots are there, or on their way.
pub(super) struct RootsVerifier {
    provider: Arc<CryptoProvider>,
    roots: Loading,
    /// For certificates that a part of the roots does not vouch for.
    all_roots: OnceLock<Loading>,
    store: Option<Arc<dyn RootStore>>,
}

/// Roots, and whether these are all.
#[derive(Debug)]
enum Loaded {
    All(RootSet),
    Part(RootSet),
}

type Outcome = Result<Loaded, TlsMaterialError>;

impl RootsVerifier {
    /// A verifier with roots that are there.
    pub(super) fn with(trust: Trust, provider: Arc<CryptoProvider>) -> Self {
        let roots = Loading::done(Ok(Loaded::All(told(trust))));
        Self { provider, roots, all_roots: OnceLock::new(), store: None }
    }

    /// A verifier whose roots are read on a thread of its own.
    pub(super) fn loading(store: Arc<dyn RootStore>, provider: Arc<CryptoProvider>) -> Self {
        let roots = {
            let store = Arc::clone(&store);
            Loading::start(move || {
                let begun = Instant::now();
                let loaded = match store.part() {
                    Some(part) => Ok(Loaded::Part(told(part))),
                    None => all_of(&*store),
                };
                phase::ended("roots", begun);
                loaded
            })
        };
        Self { provider, roots, all_roots: OnceLock::new(), store: Some(store) }
    }

    /// Waits until there are roots; without them nobody may be trusted.
    pub(super) fn wait(&self) -> Result<(), TlsMaterialError> {
        self.roots.wait().map(drop)
    }

    /// Whether a server called `name` may show this chain.
    pub(super) fn check(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let verify = |roots: &RootSet| roots.verify(leaf, intermediates, name, now);
        let arrived = Instant::now();
        let loaded = self.roots.wait().map_err(refuse)?;
        phase::ended("waiting for roots", arrived);
        let result = match (verify(loaded.roots()), loaded, &self.store) {
            // More roots can only accept more: what a part of them vouches for, all of them do, and what it does
            // not is for all of them to say.
            (Err(_), Loaded::Part(_), Some(store)) => verify(self.with_all_roots(store).map_err(refuse)?),
            (result, ..) => result,
        };
        result.map_err(|problem| {
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(problem))))
        })
    }

    /// All roots, which are read here and now if they were not yet.
    fn with_all_roots(&self, store: &Arc<dyn RootStore>) -> Result<&RootSet, TlsMaterialError> {
        let start = || {
            let store = Arc::clone(store);
            Loading::start(move || all_of(&*store))
        };
        self.all_roots.get_or_init(start).wait().map(Loaded::roots)
    }
}

impl Loaded {
    fn roots(&self) -> &RootSet {
        match self {
            Self::All(roots) | Self::Part(roots) => roots,
        }
    }
}

/// Something that a thread loads.
struct Loading {
    loaded: OnceLock<Outcome>,
    /// Taken by the first that waits for it.
    thread: Mutex<Option<JoinHandle<Outcome>>>,
}

impl Loading {
    fn done(loaded: Outcome) -> Self {
        Self { loaded: OnceLock::from(loaded), thread: Mutex::default() }
    }

    fn start(load: impl FnOnce() -> Outcome + Clone + Send + 'static) -> Self {
        // A size of its own, so that no RUST_MIN_STACK makes it overflow.
        let thread = thread::Builder::new().name("roots".into()).stack_size(2 * 1024 * 1024);
        match thread.spawn(load.clone()) {
            Ok(thread) => Self { loaded: OnceLock::new(), thread: Mutex::new(Some(thread)) },
            // No thread to be had: then it takes its time here.
            Err(_) => Self::done(load()),
        }
    }

    fn wait(&self) -> Result<&Loaded, TlsMaterialError> {
        let join = || {
            let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            // A thread that panicked leaves an error behind.
            thread.and_then(|thread| thread.join().ok()).unwrap_or_else(|| Err(failed()))
        };
        self.loaded.get_or_init(join).as_ref().map_err(Clone::clone)
    }
}

impl fmt::Debug for RootsVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootsVerifier").finish_non_exhaustive()
    }
}

fn all_of(store: &dyn RootStore) -> Outcome {
    store.all().map(told).map(Loaded::All)
}

/// What rustls is told where there are no roots.
fn refuse(error: TlsMaterialError) -> Error {
    Error::Other(OtherError(Arc::new(error)))
}

/// What was noted while loading goes to the log.
fn told(trust: Trust) -> RootSet {
    for note in &trust.notes {
        tracing::warn!("{note}");
    }
    trust.roots
}

fn failed() -> TlsMaterialError {
    TlsMaterialError::Setup("reading the trusted certificates failed".into())
}

/// How handshakes are made: with the same roots for a server and for a proxy that itself speaks TLS.
#[derive(Debug)]
pub(super) struct Handshakes {
    config: ClientConfig,
    verifier: Arc<RootsVerifier>,
    identity: Option<Arc<CertifiedKey>>,
}

impl Handshakes {
    pub(super) fn new(
        verifier: Arc<RootsVerifier>,
        identity: Option<Arc<CertifiedKey>>,
        key_log: Option<Arc<dyn rustls::KeyLog>>,
    ) -> Result<Self, TlsMaterialError> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&verifier.provider))
            .with_safe_default_protocol_versions()
            .map_err(|_| TlsMaterialError::Setup("the library has no version of TLS".into()))?
            .dangerous() // the verifier is ours, see there
            .with_custom_certificate_verifier(Arc::new(Verifier {
                roots: Arc::clone(&verifier),
                watched: None,
            }))
            .with_no_client_auth();
        // Each of the few connections of a process shows its certificate.
        config.resumption = Resumption::disabled();
        if let Some(key_log) = key_log {
            config.key_log = key_log;
        }
        Ok(Self { config, verifier, identity })
    }

    /// With the server: it may ask for the client certificate, and what it shows is watched.
    pub(super) fn with_server(&self, watched: &Watched) -> Arc<ClientConfig> {
        let mut config = self.config.clone();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let resolver = Resolver { identity: self.identity.clone(), watched: watched.clone() };
        config.client_auth_cert_resolver = Arc::new(resolver);
        let (roots, watched) = (Arc::clone(&self.verifier), Some(watched.clone()));
        config.dangerous().set_certificate_verifier(Arc::new(Verifier { roots, watched }));
        Arc::new(config)
    }

    /// With a proxy, which is shown no client certificate.
    pub(super) fn with_proxy(&self) -> Arc<ClientConfig> {
        Arc::new(self.config.clone())
    }
}

/// What rustls asks: about the chain, our roots; about signatures in the handshake, its own provider.
#[derive(Debug)]
struct Verifier {
    roots: Arc<RootsVerifier>,
    /// Receives what the server showed.
    watched: Option<Watched>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(watched) = &self.watched {
            let shown = std::iter::once(end_entity).chain(intermediates);
            watched.lock().chain = shown.map(|certificate| certificate.clone().into_owned()).collect();
        }
        self.roots
            .check(end_entity, intermediates, server_name, now)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.roots.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.roots.provider.signature_verification_algorithms,
        )
    }

    /// Asked for before anything is sent, so it must not wait for roots.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.roots.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The client certificate, with a note that the server asked for one.
#[derive(Debug)]
struct Resolver {
    identity: Option<Arc<CertifiedKey>>,
    watched: Watched,
}

impl ResolvesClientCert for Resolver {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let identity = self.identity.clone().filter(|identity| identity.key.choose_scheme(schemes).is_some());
        let mut attempt = self.watched.lock();
        attempt.client_issuers = Some(issuers.iter().map(|issuer| issuer.to_vec()).collect());
        attempt.certificate_shown = identity.is_some();
        identity
    }

    fn has_certs(&self) -> bool {
        // True also without a certificate, so that `resolve` is called and the request noted.
        true
    }
}

#[cfg(test)]
mod tests;
