//! Checks the server's certificate with roots that may still be loading when the connection starts.
//!
//! Reading the operating system's store takes longer than anything else before the request (milliseconds of
//! work on Linux, far more at the first read on macOS), and nobody needs it before the server has shown its
//! certificate. So it runs on a thread of its own meanwhile. Every check is rustls' own; this module only
//! decides when there is something to check with, and without that it refuses.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, OtherError, SignatureScheme};

use super::connecting::Connecting;
use super::material::TlsMaterialError;
use super::trust::Trust;
use crate::phase;

/// A verifier whose roots are there, or on their way.
pub(super) struct RootsVerifier {
    provider: Arc<CryptoProvider>,
    roots: Loading,
    /// For certificates that a part of the roots does not vouch for.
    all_roots: OnceLock<Loading>,
    store: Option<Arc<dyn RootStore>>,
    connecting: Arc<Connecting>,
}

/// Where roots are read from.
pub(super) trait RootStore: Send + Sync {
    /// Roots that are quickly read: most of them, and none that [`Self::all`] does not have. `None` where there
    /// is nothing quicker than all.
    fn part(&self) -> Option<Trust>;

    /// All roots.
    ///
    /// # Errors
    /// There are none.
    fn all(&self) -> Result<Trust, TlsMaterialError>;
}

/// rustls' own verifier with roots; told apart is whether these are all.
#[derive(Debug)]
enum Checker {
    All(Arc<WebPkiServerVerifier>),
    Part(Arc<WebPkiServerVerifier>),
}

/// What loading comes to.
type Loaded = Result<Checker, TlsMaterialError>;

impl RootsVerifier {
    /// A verifier with roots that are there.
    ///
    /// # Errors
    /// rustls can't use them.
    pub(super) fn with(
        trust: Trust,
        provider: Arc<CryptoProvider>,
        connecting: Arc<Connecting>,
    ) -> Result<Self, TlsMaterialError> {
        let roots = Loading::done(Ok(Checker::All(verifier(trust, &provider)?)));
        Ok(Self { provider, roots, all_roots: OnceLock::new(), store: None, connecting })
    }

    /// A verifier whose roots are read on a thread of its own.
    pub(super) fn loading(
        store: Arc<dyn RootStore>,
        provider: Arc<CryptoProvider>,
        connecting: Arc<Connecting>,
    ) -> Self {
        let roots = {
            let (store, provider) = (Arc::clone(&store), Arc::clone(&provider));
            Loading::start(move || {
                let begun = Instant::now();
                let loaded = match store.part() {
                    Some(part) => verifier(part, &provider).map(Checker::Part),
                    None => all_of(&*store, &provider),
                };
                phase::ended("roots", begun);
                loaded
            })
        };
        Self { provider, roots, all_roots: OnceLock::new(), store: Some(store), connecting }
    }

    /// Waits until there are roots.
    ///
    /// # Errors
    /// Why there are none. Whoever gets no roots must trust nobody.
    pub(super) fn wait(&self) -> Result<(), TlsMaterialError> {
        self.roots.wait().map(drop)
    }

    /// The verifier with all roots, which are read here and now if they were not yet.
    fn with_all_roots(&self, store: &Arc<dyn RootStore>) -> Result<&Checker, TlsMaterialError> {
        let start = || {
            let (store, provider) = (Arc::clone(store), Arc::clone(&self.provider));
            Loading::start(move || all_of(&*store, &provider))
        };
        self.all_roots.get_or_init(start).wait()
    }
}

impl Checker {
    fn verifier(&self) -> &WebPkiServerVerifier {
        match self {
            Self::All(verifier) | Self::Part(verifier) => verifier,
        }
    }
}

/// Something that a thread loads.
struct Loading {
    loaded: OnceLock<Loaded>,
    /// Taken by whoever waits for it first.
    thread: Mutex<Option<JoinHandle<Loaded>>>,
}

impl Loading {
    fn done(loaded: Loaded) -> Self {
        Self { loaded: OnceLock::from(loaded), thread: Mutex::default() }
    }

    fn start(load: impl FnOnce() -> Loaded + Clone + Send + 'static) -> Self {
        // A size of its own, so that no RUST_MIN_STACK makes it overflow.
        let thread = thread::Builder::new().name("roots".into()).stack_size(2 * 1024 * 1024);
        match thread.spawn(load.clone()) {
            Ok(thread) => Self { loaded: OnceLock::new(), thread: Mutex::new(Some(thread)) },
            // No thread to be had: then it takes its time here.
            Err(_) => Self::done(load()),
        }
    }

    fn wait(&self) -> Result<&Checker, TlsMaterialError> {
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
        f.debug_struct("RootsVerifier").field("roots", &self.roots.loaded.get()).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for RootsVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |checker: &Checker| {
            let verifier = checker.verifier();
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        let arrived = Instant::now();
        let checker = self.roots.wait().map_err(refuse)?;
        phase::ended("waiting for roots", arrived);
        let result = match (verify(checker), checker, &self.store) {
            // More roots can only accept more: what a part of them vouches for, all of them do, and what it does
            // not is for all of them to say.
            (Err(_), Checker::Part(_), Some(store)) => verify(self.with_all_roots(store).map_err(refuse)?),
            (result, ..) => result,
        };
        if result.is_ok() {
            self.connecting.trusted();
        }
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.roots.wait().map_err(refuse)?.verifier().verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.roots.wait().map_err(refuse)?.verifier().verify_tls13_signature(message, certificate, signature)
    }

    /// The provider's, as rustls' own verifier says too; asked for before anything is sent, so it must not wait.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn all_of(store: &dyn RootStore, provider: &Arc<CryptoProvider>) -> Loaded {
    store.all().and_then(|all| verifier(all, provider)).map(Checker::All)
}

/// What rustls is told where there are no roots.
fn refuse(error: TlsMaterialError) -> Error {
    Error::Other(OtherError(Arc::new(error)))
}

/// rustls' own verifier; what was noted while loading goes to the log.
fn verifier(
    trust: Trust,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TlsMaterialError> {
    for note in &trust.notes {
        tracing::warn!("{note}");
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(trust.roots), Arc::clone(provider))
        .build()
        .map_err(|error| TlsMaterialError::Setup(error.to_string()))
}

fn failed() -> TlsMaterialError {
    TlsMaterialError::Setup("reading the trusted certificates failed".into())
}

#[cfg(test)]
mod tests;
