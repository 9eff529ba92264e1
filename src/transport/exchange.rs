//! One request and its answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring::default_provider;
use url::Url;

use super::connect::open;
use super::failure::{Failure, TransportError};
use super::fault::{Fault, Stage};
use super::key_log::KeyLog;
use super::material::{TlsMaterialError, client_identity};
use super::peer::Peer;
use super::proxy::{Proxy, Route, route};
use super::record::{ExchangeLog, Recording};
use super::request::{Request, user_agent};
use super::trust::{Roots, choose_roots};
use super::verifier::{Handshakes, RootsVerifier};
use super::watch::{Head, Watch, Watched};
use super::wire::lenient;
use crate::phase;
use crate::settings::{ProxySettings, TlsSettings};

/// Answers larger than this many bytes are refused, unless the caller says otherwise.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// A client that is set up once and used for all exchanges of the process.
#[derive(Debug, Clone)]
pub struct Transport {
    verifier: Arc<RootsVerifier>,
    pub(super) handshakes: Arc<Handshakes>,
    pub(super) proxies: Arc<ProxySettings>,
    /// Connections between two requests.
    idle: Arc<Mutex<Vec<Connection>>>,
    watch: Watch,
    log: Option<ExchangeLog>,
}

/// A complete answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// When its first byte was there.
    pub first_byte: Instant,
}

/// A connection that can carry requests to one server.
#[derive(Debug)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    origin: url::Origin,
}

impl Response {
    /// A header's value, where it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Transport {
    /// Sets up TLS and proxies; fails for configured certificates or keys that can't be used.
    ///
    /// The system's roots are read meanwhile; where that fails [`Transport::send`] says so.
    pub fn new(tls: &TlsSettings, proxies: &ProxySettings) -> Result<Self, TlsMaterialError> {
        let begun = Instant::now();
        let provider = Arc::new(default_provider());
        let verifier = Arc::new(match choose_roots(tls)? {
            Roots::Ready(trust) => RootsVerifier::with(trust, provider),
            Roots::InSystemStore(store) => RootsVerifier::loading(Arc::new(store), provider),
        });
        let mut notes = Vec::new();
        let identity = match client_identity(tls) {
            Ok(identity) => identity,
            // Where both are broken the roots are reported first.
            Err(error) => return Err(verifier.wait().err().unwrap_or(error)),
        };
        let key_log = tls.key_log.as_deref().and_then(|path| match KeyLog::open(path) {
            Ok(log) => Some(Arc::new(log) as Arc<dyn rustls::KeyLog>),
            Err(why) => {
                notes.push(format!("SSLKEYLOGFILE can't be written: {why}."));
                None
            }
        });
        for note in &notes {
            tracing::warn!("{note}");
        }
        let handshakes = Arc::new(Handshakes::new(Arc::clone(&verifier), identity, key_log)?);
        phase::ended("client", begun);
        let proxies = Arc::new(proxies.clone());
        Ok(Self { verifier, handshakes, proxies, idle: Arc::default(), watch: Watch::default(), log: None })
    }

    /// Records every exchange in `log`, where there is one.
    pub fn recording(mut self, log: Option<ExchangeLog>) -> Self {
        self.log = log;
        self
    }

    /// Lets what happens be seen in `watch`.
    pub fn watched_by(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// Starts a request; add headers and a body, then pass it to [`Transport::send`].
    pub fn request(&self, method: Method, url: Url) -> Request {
        Request { method, url, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// Sends one request and reads the whole answer, whatever its status.
    pub async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.send_capped(request, MAX_BODY).await
    }

    /// The same, where an answer of more than `most` bytes is refused as soon as that is known. Of an error page the
    /// status counts, so that its end is left unread.
    pub async fn send_capped(&self, request: Request, most: usize) -> Result<Response, TransportError> {
        let mut recording = self.log.as_ref().map(|log| log.start(&request, user_agent()));
        let result = self.exchange(request, most, recording.as_mut()).await;
        // Roots that can't be loaded are reported whatever else happened, and no answer counts without them.
        let result = self.verifier.wait().map_err(TransportError::from).and(result);
        if let Some(recording) = recording {
            recording.end(result.as_ref().map(|r| r.body.as_slice()).map_err(|error| error as _));
        }
        result
    }

    /// What the time ran out on, in the exchange that was begun last.
    pub fn pending(&self) -> Option<Box<Failure>> {
        let attempts = self.watch.attempts();
        let waiting = attempts
            .iter()
            .rev()
            .find(|attempt| attempt.failed_step().is_some_and(|step| step.outcome.is_none()))?;
        let step = waiting.failed_step()?;
        let answered = attempts.iter().any(|attempt| attempt.head.is_some());
        Some(Box::new(Failure::at(step, waiting.proxy.clone(), &Fault::TimedOut).after_answers(answered)))
    }

    async fn exchange(
        &self,
        request: Request,
        most: usize,
        recording: Option<&mut Recording>,
    ) -> Result<Response, TransportError> {
        let way = match route(&request.url, &self.proxies)? {
            Route::Direct(_) => None,
            Route::Through(proxy) => Some(proxy),
        };
        let watched = self.watch.attempt();
        watched.lock().proxy.clone_from(&way);
        let result = self.exchange_over(request, most, way.as_ref(), &watched, recording).await;
        result.map_err(|fault| match fault {
            Fault::Material(error) => TransportError::TlsMaterial(error),
            fault => {
                let attempt = watched.lock();
                match attempt.steps.last() {
                    Some(step) => Failure::at(step, way, &fault).into(),
                    None => {
                        TransportError::TlsMaterial(TlsMaterialError::Setup("a request was not valid".into()))
                    }
                }
            }
        })
    }

    async fn exchange_over(
        &self,
        request: Request,
        most: usize,
        proxy: Option<&Proxy>,
        watched: &Watched,
        recording: Option<&mut Recording>,
    ) -> Result<Response, Fault> {
        let target = Peer::of(&request.url);
        let origin = request.url.origin();
        let tls = request.url.scheme() != "http";
        let mut connection = match self.idle_connection(&origin).await {
            Some(connection) => connection,
            None => {
                let wire = open(&target, tls, proxy, &self.handshakes, watched).await?;
                let (sender, driver) =
                    lenient().handshake(TokioIo::new(wire)).await.map_err(|error| watched.fault(&error))?;
                tokio::spawn(driver);
                Connection { sender, origin }
            }
        };
        let request = http_request(request, proxy.filter(|proxy| !tls && !proxy.address.scheme.is_socks()))?;
        let answer = watched
            .step(Stage::Request, &target, async {
                connection.sender.send_request(request).await.map_err(|error| watched.fault(&error))
            })
            .await?;
        let first_byte = Instant::now();
        let (head, body) = answer.into_parts();
        watched.lock().head =
            Some(Head { status: head.status.as_u16(), server: head.headers.get(header::SERVER).cloned() });
        if let Some(recording) = recording {
            recording.head(&head);
        }
        let status = head.status.as_u16();
        let body = watched
            .step(Stage::Body, &target, async {
                let body = whole(&head.headers, body, most, head.status.is_success()).await?;
                portal_or_gateway(status, &body, watched).map_or(Ok(body), Err)
            })
            .await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(Response { status, headers: head.headers, body, first_byte })
    }

    /// A connection with that server that is still open.
    async fn idle_connection(&self, origin: &url::Origin) -> Option<Connection> {
        loop {
            let mut connection = {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                let at = idle.iter().rposition(|connection| connection.origin == *origin)?;
                idle.swap_remove(at)
            };
            if connection.sender.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }
}

/// The request as it goes over the wire: with the whole address for a proxy that passes it on, else with the path.
fn http_request(request: Request, proxy: Option<&Proxy>) -> Result<http::Request<Full<Bytes>>, Fault> {
    let Request { method, url, mut headers, body } = request;
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let uri = match proxy {
        Some(proxy) => {
            if let Some(login) = proxy.address.login.as_ref().and_then(|login| login.basic()) {
                headers.insert(header::PROXY_AUTHORIZATION, login);
            }
            format!("{}://{host}{path}", url.scheme())
        }
        None => path,
    };
    let invalid = |_| Fault::NoSuchName;
    headers.insert(header::HOST, HeaderValue::try_from(host).map_err(invalid)?);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(user_agent()));
    headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let mut request = http::Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = Uri::try_from(uri).map_err(|_| Fault::NoSuchName)?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Answers that are not the service's own. A gateway that misses a client certificate may say so in its page only (495
/// and 496 are nginx' codes for it).
fn portal_or_gateway(status: u16, body: &[u8], watched: &Watched) -> Option<Fault> {
    if status == 511 {
        return Some(Fault::SignIn);
    }
    let attempt = watched.lock();
    if !matches!(status, 400 | 403 | 495 | 496) || attempt.client_issuers.is_none() {
        return None;
    }
    let body = String::from_utf8_lossy(body.get(..4096).unwrap_or(body)).to_ascii_lowercase();
    let is_said = body.contains("ssl certificate") || body.contains("client certificate");
    is_said.then_some(Fault::ClientCertificate { shown: attempt.certificate_shown })
}

/// The whole body, if it is neither too large nor compressed. Of an error page (not `is_success`) the status counts: it
/// may be anything, and its end is left unread.
async fn whole(
    headers: &HeaderMap,
    mut body: Incoming,
    most: usize,
    is_success: bool,
) -> Result<Vec<u8>, Fault> {
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes().trim_ascii()) {
        const KNOWN: [&str; 5] = ["gzip", "br", "deflate", "zstd", "compress"];
        if is_success && !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity") {
            let known = KNOWN.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(encoding));
            return Err(Fault::Encoded(known.copied().unwrap_or("in an unusual way")));
        }
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if is_success && announced.is_some_and(|length: u64| length > most as u64) {
        return Err(Fault::TooLarge { most });
    }
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Fault::Truncated)?;
        let Ok(bytes) = frame.into_data() else { continue };
        if whole.len() + bytes.len() > most {
            if is_success {
                return Err(Fault::TooLarge { most });
            }
            break;
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole)
}
