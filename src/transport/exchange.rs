//! One request and its answer.

use std::sync::Arc;
use std::time::Instant;

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Request, RequestBuilder, Url};
use rustls::client::Resumption;
use rustls::{ClientConfig, KeyLogFile};

use super::connecting::{Connecting, NoSessions, TimedResolver};
use super::failure::TransportError;
use super::material::{TlsMaterialError, client_identity};
use super::proxy;
use super::record::{ExchangeLog, Recording};
use super::trust::{Roots, choose_roots};
use super::verifier::RootsVerifier;
use crate::phase;
use crate::settings::TlsSettings;
use crate::stdio::is_stdout;

/// Answers larger than this many bytes are refused, unless the caller says otherwise.
pub const MAX_BODY: usize = 8 * 1024 * 1024;

/// A client that is set up once and used for all exchanges of the process.
#[derive(Debug, Clone)]
pub struct Transport {
    client: Client,
    verifier: Arc<RootsVerifier>,
    connecting: Arc<Connecting>,
    log: Option<ExchangeLog>,
}

/// A complete answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value, where it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Transport {
    /// Sets up TLS and proxies. The proxies come from the variables that curl knows, else from the system's
    /// settings (Windows, macOS).
    ///
    /// The system's roots are read meanwhile; where that fails [`Transport::send`] says so.
    ///
    /// # Errors
    /// Configured certificates or keys that can't be used.
    pub fn new(tls: &TlsSettings) -> Result<Self, TlsMaterialError> {
        let begun = Instant::now();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let connecting = Arc::new(Connecting::default());
        let verifier = Arc::new({
            let (provider, connecting) = (Arc::clone(&provider), Arc::clone(&connecting));
            match choose_roots(tls)? {
                Roots::Ready(trust) => RootsVerifier::with(trust, provider, connecting)?,
                Roots::InSystemStore(store) => RootsVerifier::loading(Arc::new(store), provider, connecting),
            }
        });
        let identity = match client_identity(tls) {
            Ok(identity) => identity,
            // Where both are broken the roots are told first.
            Err(error) => return Err(verifier.wait().err().unwrap_or(error)),
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsMaterialError::Setup(error.to_string()))?
            .dangerous() // what follows is checked by rustls' own verifier, see there
            .with_custom_certificate_verifier(Arc::<RootsVerifier>::clone(&verifier));
        let mut config = match identity {
            Some(identity) => builder.with_client_auth_cert(identity.chain, identity.key).map_err(|_| {
                TlsMaterialError::ClientCertificate {
                    path: tls.client_cert.value.clone().unwrap_or_default(),
                    reason: "its private key is of another certificate, or of a kind that is not supported"
                        .into(),
                }
            })?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::store(Arc::new(NoSessions(Arc::clone(&connecting))));
        let key_log = std::env::var_os("SSLKEYLOGFILE").filter(|_| tls.key_log);
        if key_log.is_some_and(|path| !is_stdout(path.as_ref())) {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        let mut builder = Client::builder();
        if proxy::exempts_everything() {
            builder = builder.no_proxy();
        }
        let client = builder
            .tls_backend_preconfigured(config)
            .dns_resolver(TimedResolver(Arc::clone(&connecting)))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .user_agent(user_agent())
            .build()
            .map_err(|_| TlsMaterialError::Setup("the HTTP client refused its configuration".into()))?;
        phase::ended("client", begun);
        Ok(Self { client, verifier, connecting, log: None })
    }

    /// Records every exchange in `log`, where there is one.
    #[must_use]
    pub fn recording(mut self, log: Option<ExchangeLog>) -> Self {
        self.log = log;
        self
    }

    /// Starts a request; add headers and a body, then pass it to [`Transport::send`].
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    /// See [`TransportError`]. A status is no error here.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, TransportError> {
        self.send_capped(request, MAX_BODY).await
    }

    /// The same, where an answer of more than `most` bytes is refused as soon as that is known. Of an error page the
    /// status counts, so that its end is left unread.
    ///
    /// # Errors
    /// See [`TransportError`]. A status is no error here.
    pub async fn send_capped(
        &self,
        request: RequestBuilder,
        most: usize,
    ) -> Result<Response, TransportError> {
        let request =
            request.build().map_err(|_| TransportError::Client { reason: "it is not valid".into() })?;
        let mut recording = self.log.as_ref().map(|log| log.start(&request, &user_agent()));
        let result = self.exchange(request, most, recording.as_mut()).await;
        // Roots that can't be loaded are told whatever else happened, and no answer counts without them.
        let result = self.verifier.wait().map_err(TransportError::from).and(result);
        if let Some(recording) = recording {
            recording.end(result.as_ref().map(|r| r.body.as_slice()).map_err(|error| error as _));
        }
        result
    }

    async fn exchange(
        &self,
        request: Request,
        most: usize,
        recording: Option<&mut Recording>,
    ) -> Result<Response, TransportError> {
        let url = request.url().clone();
        let host = host_and_port(&url);
        let failure =
            |error: reqwest::Error| TransportError::from_reqwest(&error, &host, &proxy::clause(&url));
        let sent = Instant::now();
        self.connecting.begin();
        let mut response = self.client.execute(request).await.map_err(failure)?;
        phase::ended("request", self.connecting.ready(sent));
        let answered = Instant::now();
        if let Some(recording) = recording {
            recording.head(&response);
        }
        let mut body = Vec::new();
        let too_large = || TransportError::TooLarge { host: host.clone(), most };
        let is_error_page = !response.status().is_success();
        if !is_error_page && response.content_length().is_some_and(|length| length > most as u64) {
            return Err(too_large());
        }
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            if body.len() + chunk.len() > most {
                if is_error_page {
                    break;
                }
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        phase::ended("body", answered);
        Ok(Response {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }
}

/// The service's edge answers 403 to requests without a User-Agent.
fn user_agent() -> String {
    format!("f5-guard/{} ({}; {})", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH)
}

fn host_and_port(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => "the F5 service".to_owned(),
    }
}
