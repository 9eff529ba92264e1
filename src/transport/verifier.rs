//! Checks the server's certificate with roots that may still be loading when the connection starts.
//!
//! Reading the operating system's store takes longer than anything else before the request (milliseconds of
//! work on Linux, far more at the first read on macOS), and nobody needs it before the server has shown its
//! certificate. So it runs on a thread of its own meanwhile. Every check is rustls' own; this module only
//! decides when there is something to check with, and without that it refuses.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, OtherError, SignatureScheme};

use super::material::TlsMaterialError;
use super::trust::Trust;

/// What loading comes to.
type Loaded = Result<Arc<WebPkiServerVerifier>, TlsMaterialError>;

/// A verifier whose roots are there, or on their way.
pub(super) struct RootsVerifier {
    provider: Arc<CryptoProvider>,
    loaded: OnceLock<Loaded>,
    /// Taken by whoever waits for it first.
    loading: Mutex<Option<JoinHandle<Loaded>>>,
}

impl RootsVerifier {
    /// A verifier with roots that are there.
    ///
    /// # Errors
    /// rustls can't use them.
    pub(super) fn with(trust: Trust, provider: Arc<CryptoProvider>) -> Result<Self, TlsMaterialError> {
        let loaded = OnceLock::from(Ok(verifier(trust, &provider)?));
        Ok(Self { provider, loaded, loading: Mutex::default() })
    }

    /// A verifier whose roots `load` brings, on a thread of its own.
    pub(super) fn loading(
        load: impl FnOnce() -> Result<Trust, TlsMaterialError> + Send + 'static,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        let work = {
            let provider = Arc::clone(&provider);
            move || load().and_then(|trust| verifier(trust, &provider))
        };
        match thread::Builder::new().name("roots".into()).spawn(work) {
            Ok(thread) => Self { provider, loaded: OnceLock::new(), loading: Mutex::new(Some(thread)) },
            // The work went with the thread that could not be started.
            Err(_) => Self { provider, loaded: OnceLock::from(Err(failed())), loading: Mutex::default() },
        }
    }

    /// Waits until the roots are loaded.
    ///
    /// # Errors
    /// Why there are none. Whoever gets no roots must trust nobody.
    pub(super) fn wait(&self) -> Result<&Arc<WebPkiServerVerifier>, TlsMaterialError> {
        let join = || {
            let thread = self.loading.lock().unwrap_or_else(PoisonError::into_inner).take();
            // A thread that panicked leaves an error behind, and so does one that nobody knows of.
            thread.and_then(|thread| thread.join().ok()).unwrap_or_else(|| Err(failed()))
        };
        self.loaded.get_or_init(join).as_ref().map_err(Clone::clone)
    }

    fn ready(&self) -> Result<&Arc<WebPkiServerVerifier>, Error> {
        self.wait().map_err(|error| Error::Other(OtherError(Arc::new(error))))
    }
}

impl fmt::Debug for RootsVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootsVerifier").field("loaded", &self.loaded.get()).finish_non_exhaustive()
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
        self.ready()?.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.ready()?.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.ready()?.verify_tls13_signature(message, certificate, signature)
    }

    /// The provider's, as rustls' own verifier says too; asked for before anything is sent, so it must not wait.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// rustls' own verifier; what was noted while loading goes to the log.
fn verifier(trust: Trust, provider: &Arc<CryptoProvider>) -> Loaded {
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
