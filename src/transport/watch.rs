//! What was seen of an exchange: each step with its peer, its time and its outcome, what TLS agreed on, which
//! certificates came. Always on, so that the diagnosis explains the very exchange that failed; a hook pays some
//! hundred instructions for it and keeps nothing.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConnection, HandshakeKind, NamedGroup};
use serde::{Serialize, Serializer};

use super::fault::{Context, Fault, Stage};
use super::peer::Peer;
use super::proxy::Proxy;
use super::record::header_text;
use crate::phase;
use crate::printable::printable;

/// One request: on a connection of its own, or on one that was there.
#[derive(Debug, Default, Clone)]
pub struct Attempt {
    pub steps: Vec<Step>,
    pub proxy: Option<Proxy>,
    /// What each look-up of a name found.
    pub resolved: Vec<Vec<SocketAddr>>,
    /// Each address that was tried, in order.
    pub addresses: Vec<Address>,
    /// As the server sent them, its own first; of the handshake with the server, not with a proxy.
    pub chain: Vec<CertificateDer<'static>>,
    pub tls: Option<Session>,
    /// The issuers (as DER) that the server named when it asked for a client certificate.
    pub client_issuers: Option<Vec<Vec<u8>>>,
    pub certificate_shown: bool,
    pub head: Option<Head>,
    /// The first bytes that came where TLS was due.
    heard: Vec<u8>,
}

/// One step. Without an outcome it was under way when the time was up.
#[derive(Debug, Clone)]
pub struct Step {
    pub stage: Stage,
    pub peer: Peer,
    pub begun: Instant,
    pub took: Option<Duration>,
    pub outcome: Option<Result<(), Fault>>,
}

/// One address and what became of the attempt to connect with it.
#[derive(Debug, Clone, Serialize)]
pub struct Address {
    pub address: SocketAddr,
    #[serde(rename = "ms", serialize_with = "as_milliseconds")]
    pub took: Duration,
    #[serde(flatten)]
    pub outcome: AddressOutcome,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressOutcome {
    Connected,
    Failed(Fault),
    /// Nothing had come of it when another address answered.
    Pending,
}

/// The parameters of a completed handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    pub version: &'static str,
    pub cipher_suite: &'static str,
    pub key_exchange: &'static str,
    /// The server asked for another key share first (a second round trip).
    pub hello_retry: bool,
}

/// The head of the HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    pub(super) server: Option<HeaderValue>,
}

impl Head {
    /// The software that answered, as it calls itself.
    pub fn server(&self) -> Option<String> {
        self.server.as_ref().map(|name| printable(&header_text(name), 80))
    }
}

/// How far the attempts of a transport came: the furthest of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// No byte of a request was sent.
    Nowhere,
    /// A request may have been sent.
    Sent,
    /// A request may have been sent, and the connection failed before an answer came.
    Cut,
    /// A gateway answered that it has no answer (502 to 504).
    Gateway,
    Answer,
}

/// The attempts of a transport; clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Watch(Arc<Mutex<Vec<Watched>>>);

/// One attempt, as it goes on.
#[derive(Debug, Clone, Default)]
pub struct Watched(Arc<Mutex<Attempt>>);

/// More attempts are not kept: a long text in hundreds of pieces is no matter for a diagnosis.
const MOST_ATTEMPTS: usize = 64;
/// How much is kept of what came instead of TLS.
const HEARD_BYTES: usize = 64;

impl Watch {
    pub(super) fn attempt(&self) -> Watched {
        let attempt = Watched::default();
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.len() >= MOST_ATTEMPTS {
            attempts.remove(0);
        }
        attempts.push(attempt.clone());
        attempt
    }

    /// How far the attempts came. Where there were so many that some were forgotten, one of those may have come furthest.
    pub fn reached(&self) -> Reached {
        let attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.len() >= MOST_ATTEMPTS {
            return Reached::Answer;
        }
        attempts.iter().map(|attempt| attempt.lock().reached()).max().unwrap_or(Reached::Nowhere)
    }

    /// How long the last attempt has been waiting in the step that it has come to.
    pub fn waited(&self) -> Duration {
        let attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = attempts.last().and_then(|attempt| attempt.lock().steps.last().map(Step::time));
        last.unwrap_or_default()
    }

    /// All attempts so far, in the order in which they were begun.
    pub fn attempts(&self) -> Vec<Attempt> {
        let attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.iter().map(|attempt| attempt.lock().clone()).collect()
    }
}

impl Watched {
    pub(super) fn lock(&self) -> MutexGuard<'_, Attempt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one step, and notes its time and what came of it.
    pub(super) async fn step<T>(
        &self,
        stage: Stage,
        peer: &Peer,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let begun = Instant::now();
        self.lock().steps.push(Step { stage, peer: peer.clone(), begun, took: None, outcome: None });
        let result = work.await;
        let took = begun.elapsed();
        if let Some(step) = self.lock().steps.last_mut() {
            (step.took, step.outcome) = (Some(took), Some(result.as_ref().map(drop).map_err(Clone::clone)));
        }
        if result.is_ok() {
            phase::took(stage.phase(), took);
        }
        result
    }

    /// Another handshake begins.
    pub(super) fn listen_anew(&self) {
        self.lock().heard.clear();
    }

    pub(super) fn heard(&self, bytes: &[u8]) {
        let heard = &mut self.lock().heard;
        let room = HEARD_BYTES.saturating_sub(heard.len()).min(bytes.len());
        heard.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    /// What is known when an error of the connection is to be read.
    pub(super) fn fault(&self, error: &(dyn std::error::Error + 'static)) -> Fault {
        let attempt = self.lock();
        Fault::of(
            error,
            Context {
                heard: &attempt.heard,
                through_proxy: attempt.proxy.is_some(),
                certificate_wanted: attempt.client_issuers.is_some(),
                certificate_shown: attempt.certificate_shown,
            },
        )
    }
}

impl Attempt {
    fn reached(&self) -> Reached {
        let sent = self.steps.iter().find(|step| step.stage == Stage::Request);
        match (&self.head, sent) {
            (Some(head), _) if matches!(head.status, 502..=504) => Reached::Gateway,
            (Some(_), _) => Reached::Answer,
            (None, Some(step)) if matches!(step.outcome, Some(Err(_))) => Reached::Cut,
            (None, Some(_)) => Reached::Sent,
            (None, None) => Reached::Nowhere,
        }
    }

    /// The step at which it ended, if it did not succeed.
    pub fn failed_step(&self) -> Option<&Step> {
        self.steps.last().filter(|step| !matches!(step.outcome, Some(Ok(()))))
    }
}

impl Step {
    pub fn fault(&self) -> Option<Fault> {
        match &self.outcome {
            Some(Ok(())) => None,
            Some(Err(fault)) => Some(fault.clone()),
            None => Some(Fault::TimedOut),
        }
    }

    pub fn time(&self) -> Duration {
        self.took.unwrap_or_else(|| self.begun.elapsed())
    }
}

impl Session {
    pub(super) fn of(connection: &ClientConnection) -> Self {
        const UNKNOWN: &str = "unknown";
        let version = match connection.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => UNKNOWN,
        };
        let key_exchange = match connection.negotiated_key_exchange_group().map(|group| group.name()) {
            Some(NamedGroup::X25519) => "X25519",
            Some(NamedGroup::secp256r1) => "P-256",
            Some(NamedGroup::secp384r1) => "P-384",
            _ => UNKNOWN,
        };
        Self {
            version,
            cipher_suite: connection
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or(UNKNOWN),
            key_exchange,
            hello_retry: connection.handshake_kind() == Some(HandshakeKind::FullWithHelloRetryRequest),
        }
    }
}

pub fn as_milliseconds<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    // To a hundredth, so that the JSON stays readable.
    serializer.serialize_f64((took.as_secs_f64() * 100_000.0).round() / 100.0)
}
