//! Takes the steps to the server one by one, each with its time, and collects the [`Facts`]: DNS, TCP, proxy, verified
//! TLS, first byte; where the certificates are not accepted, the unverified look at them. It never has a token to send.

use rustls::pki_types::{CertificateDer, ServerName};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::chain::{Chain, TrustSource};
use super::facts::{
    Answer, ClientCertificate, Facts, Fault, Look, LookOutcome, Outcome, Stage, Step, Target, Trust,
};
use super::handshake::{
    ClientIdentity, Resolver, fault_of_stream, session, shake_hands, unverified, verified,
};
use super::route::{Proxy, ProxyScheme, Route};
use super::text::authority;
use super::tunnel;
use super::wire::{Wire, plain_http, resolve};
use crate::printable::printable;

/// What is said before the unverified look.
pub const LOOK_ANNOUNCEMENT: &str = "Now an unverified look at the certificates: a second connection on which nothing \
    but the TLS handshake is done. No token and no text is sent on it.";

/// How much of the first answer is read.
const ANSWER_BYTES: u64 = 4096;
/// Addresses shown.
const ADDRESSES_SHOWN: usize = 8;

/// What to diagnose, and with what.
pub struct Request {
    pub target: Target,
    /// The roots in force.
    pub trust: TrustSource,
    /// Other roots of this machine, to tell whether the server would be accepted under them. They are compared with
    /// the chain and never used for a connection.
    pub alternatives: Vec<TrustSource>,
    pub client: Option<ClientIdentity>,
    pub route: Route,
    /// The local clock.
    pub now: SystemTime,
    /// The longest that one step may take.
    pub step_timeout: Duration,
    /// The longest that all steps together may take.
    pub total_timeout: Duration,
}

/// Carries the diagnosis out. `announce` is given [`LOOK_ANNOUNCEMENT`] just before an unverified look.
pub fn run(request: &Request, announce: &mut dyn FnMut(&str)) -> Facts {
    let now = seconds(request.now);
    let facts = Facts {
        target: request.target.clone(),
        clock: now,
        trust: Trust { source: request.trust.source.clone(), roots: request.trust.roots.len() },
        route: request.route.clone(),
        steps: Vec::new(),
        tls: None,
        look: None,
        chain: None,
        client_certificate: ClientCertificate {
            configured: request.client.as_ref().map(|client| client.source.clone()),
            ..ClientCertificate::default()
        },
        answer: None,
    };
    let mut probe = Probe { request, facts, now, end: Instant::now() + request.total_timeout };
    match ServerName::try_from(request.target.host.clone()) {
        Ok(name) => probe.diagnose(&name, announce),
        Err(error) => probe.fail(
            Stage::Dns,
            request.target.host.clone(),
            Duration::ZERO,
            Fault::Name { why: printable(&error.to_string(), 200) },
        ),
    }
    probe.facts
}

/// Seconds since the Unix epoch; negative before it.
fn seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |secs| -secs),
    }
}

struct Probe<'a> {
    request: &'a Request,
    facts: Facts,
    now: i64,
    end: Instant,
}

impl Probe<'_> {
    fn deadline(&self) -> Instant {
        self.end.min(Instant::now() + self.request.step_timeout)
    }

    fn push(&mut self, stage: Stage, peer: String, took: Duration, outcome: Outcome) {
        let peer = printable(&peer, 260);
        self.facts.steps.push(Step { stage, peer, took, outcome });
    }

    fn fail(&mut self, stage: Stage, peer: String, took: Duration, fault: Fault) {
        self.push(stage, peer, took, Outcome::Failed(fault));
    }

    /// Runs one step, notes its time and what came of it.
    fn step<T>(
        &mut self,
        stage: Stage,
        peer: &str,
        words: impl FnOnce(&T) -> String,
        work: impl FnOnce(Instant) -> Result<T, Fault>,
    ) -> Option<T> {
        let deadline = self.deadline();
        let start = Instant::now();
        let result = work(deadline);
        let took = start.elapsed();
        match result {
            Ok(value) => {
                let words = printable(&words(&value), 260);
                self.push(stage, peer.to_owned(), took, Outcome::Done(words));
                Some(value)
            }
            Err(fault) => {
                self.fail(stage, peer.to_owned(), took, fault);
                None
            }
        }
    }

    fn diagnose(&mut self, name: &ServerName<'static>, announce: &mut dyn FnMut(&str)) {
        let Some(mut wire) = self.open() else { return };
        let resolver = Resolver::new(self.request.client.as_ref());
        let config = match verified(&self.request.trust.roots, &resolver, self.now) {
            Ok(config) => config,
            Err(error) => {
                let why = printable(&error.to_string(), 200);
                return self.fail(Stage::Tls, self.peer(), Duration::ZERO, Fault::Tls { why });
            }
        };
        wire.until(self.deadline());
        let start = Instant::now();
        let (connection, result) = shake_hands(config, name, &mut wire);
        let took = start.elapsed();
        self.note_client_certificate(&resolver);
        match (connection, result) {
            (Some(connection), Ok(())) => {
                let session = session(&connection);
                self.push(Stage::Tls, self.peer(), took, Outcome::Done(session.to_string()));
                self.facts.tls = Some(session);
                let sent = connection.peer_certificates().unwrap_or_default().to_vec();
                self.note_chain(&sent, name);
                self.first_byte(connection, wire);
                // TLS 1.3 servers refuse a client certificate only after the handshake.
                self.note_client_certificate(&resolver);
            }
            (_, Err(fault)) => {
                let silent = wire.heard.is_empty() || matches!(fault, Fault::NotTls { .. });
                drop(wire);
                let fault = if silent { self.plain_http().unwrap_or(fault) } else { fault };
                let look = matches!(fault, Fault::Certificate { .. });
                self.fail(Stage::Tls, self.peer(), took, fault);
                if look {
                    announce(LOOK_ANNOUNCEMENT);
                    self.look(name);
                }
            }
            (None, Ok(())) => {}
        }
    }

    fn peer(&self) -> String {
        authority(&self.request.target.host, self.request.target.port)
    }

    fn note_client_certificate(&mut self, resolver: &Resolver) {
        if let Some(issuers) = resolver.asked() {
            self.facts.client_certificate.requested = true;
            self.facts.client_certificate.accepted_issuers = issuers;
        }
    }

    fn note_chain(&mut self, sent: &[CertificateDer<'_>], name: &ServerName<'_>) {
        let Request { trust, alternatives, .. } = self.request;
        self.facts.chain = Some(Chain::analyse(sent, name, &trust.roots, alternatives, self.now));
    }

    /// A connection on which the server's own bytes come next.
    fn open(&mut self) -> Option<Wire> {
        match &self.request.route {
            Route::Direct { .. } => {
                let Target { host, port } = &self.request.target;
                self.open_tcp(host, *port)
            }
            Route::Proxy(proxy) => self.open_through(proxy),
        }
    }

    fn open_tcp(&mut self, host: &str, port: u16) -> Option<Wire> {
        let peer = authority(host, port);
        let addresses = self.step(
            Stage::Dns,
            host,
            |found: &Vec<_>| list(found),
            |deadline| resolve(host, port, deadline),
        )?;
        self.step(
            Stage::Tcp,
            &peer,
            |(_, address): &(Wire, SocketAddr)| address.to_string(),
            |deadline| Wire::connect(&addresses, deadline),
        )
        .map(|(wire, _)| wire)
    }

    fn open_through(&mut self, proxy: &Proxy) -> Option<Wire> {
        let target = &self.request.target;
        let resolved = if proxy.scheme.resolves_names() {
            None
        } else {
            let all = self.step(
                Stage::Dns,
                &target.host,
                |found: &Vec<_>| list(found),
                |until| resolve(&target.host, target.port, until),
            )?;
            all.first().copied()
        };
        let mut wire = self.open_tcp(&proxy.host, proxy.port)?;
        let url = proxy.url();
        if proxy.scheme == ProxyScheme::Https {
            let (request, now) = (self.request, self.now);
            wire = self.step(
                Stage::ProxyTls,
                &url,
                |_| "done".to_owned(),
                |deadline| {
                    wire.until(deadline);
                    proxy_tls(request, now, proxy, wire)
                },
            )?;
        }
        self.step(
            Stage::Proxy,
            &url,
            |(_, said): &(Wire, String)| said.clone(),
            |deadline| {
                wire.until(deadline);
                let said = tunnel::open(&mut wire, proxy, target, resolved)?;
                Ok((wire, said))
            },
        )
        .map(|(wire, _)| wire)
    }

    /// A request without token over the verified connection, to see that something answers.
    fn first_byte(&mut self, connection: rustls::ClientConnection, mut wire: Wire) {
        let Target { host, port } = &self.request.target;
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
            authority(host, *port),
            super::USER_AGENT
        );
        let answer = self.step(
            Stage::FirstByte,
            &self.peer(),
            |answer: &Answer| answer.status_line.clone(),
            |deadline| {
                wire.forget();
                wire.until(deadline);
                let mut stream = rustls::StreamOwned::new(connection, wire);
                let sent = stream.write_all(request.as_bytes()).and_then(|()| stream.flush());
                let mut bytes = Vec::new();
                // Also after a failed write: the alert that says why may be waiting to be read.
                let read = Read::take(&mut stream, ANSWER_BYTES).read_to_end(&mut bytes);
                match sent.and(read) {
                    Err(error) if bytes.is_empty() => Err(fault_of_stream(&error, &[20, 3])),
                    Ok(_) if bytes.is_empty() => Err(Fault::Closed),
                    _ => answer(&bytes),
                }
            },
        );
        self.facts.answer = answer;
    }

    /// Does the peer speak plain HTTP? Asked on a connection of its own where no TLS came back.
    fn plain_http(&mut self) -> Option<Fault> {
        let Target { host, port } = &self.request.target;
        let wire = self.open_quietly()?;
        plain_http(wire, host, *port).map(|line| Fault::PlainHttp { line })
    }

    /// Another connection, whose steps are the ones already reported.
    fn open_quietly(&mut self) -> Option<Wire> {
        let reported = self.facts.steps.len();
        let wire = self.open();
        self.facts.steps.truncate(reported);
        let wire = wire?;
        wire.until(self.deadline());
        Some(wire)
    }

    fn look(&mut self, name: &ServerName<'static>) {
        let start = Instant::now();
        let outcome = match (unverified(), self.open_quietly()) {
            (Ok(config), Some(mut wire)) => {
                let (connection, result) = shake_hands(config, name, &mut wire);
                if let Some(sent) = connection.as_ref().and_then(|tls| tls.peer_certificates()) {
                    let sent = sent.to_vec();
                    self.note_chain(&sent, name);
                }
                match (connection, result) {
                    (Some(connection), Ok(())) => LookOutcome::Seen(session(&connection)),
                    (_, Err(fault)) => LookOutcome::Failed(fault),
                    (None, Ok(())) => LookOutcome::Failed(Fault::Closed),
                }
            }
            (Err(error), _) => LookOutcome::Failed(Fault::Tls { why: printable(&error.to_string(), 200) }),
            (_, None) => LookOutcome::Failed(Fault::Closed),
        };
        self.facts.look = Some(Look { took: start.elapsed(), outcome });
    }
}

/// TLS with the proxy itself, verified with the same roots.
fn proxy_tls(request: &Request, now: i64, proxy: &Proxy, mut wire: Wire) -> Result<Wire, Fault> {
    let tls = |why: &dyn std::fmt::Display| Fault::Tls { why: printable(&why.to_string(), 200) };
    let name = ServerName::try_from(proxy.host.clone()).map_err(|error| tls(&error))?;
    let resolver = Resolver::new(request.client.as_ref());
    let mut config = (*verified(&request.trust.roots, &resolver, now).map_err(|error| tls(&error))?).clone();
    config.alpn_protocols.clear();
    match shake_hands(Arc::new(config), &name, &mut wire) {
        (Some(connection), Ok(())) => {
            Ok(wire.wrap(|stream| Box::new(rustls::StreamOwned::new(connection, stream))))
        }
        (_, Err(fault)) => Err(fault),
        (None, Ok(())) => Err(Fault::Closed),
    }
}

fn list(addresses: &[SocketAddr]) -> String {
    let shown: Vec<String> =
        addresses.iter().take(ADDRESSES_SHOWN).map(|address| address.ip().to_string()).collect();
    let more = addresses.len().saturating_sub(ADDRESSES_SHOWN);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

fn answer(bytes: &[u8]) -> Result<Answer, Fault> {
    let text = String::from_utf8_lossy(bytes);
    let status_line = printable(text.lines().next().unwrap_or_default(), 120);
    let Some(status) = tunnel::status(&status_line) else {
        return Err(Fault::Io { why: format!("the answer is not HTTP: {}", printable(&status_line, 80)) });
    };
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    // The words of nginx and of the gateways built on it (495, 496 are its own codes for this).
    let body = text.to_ascii_lowercase();
    let wants_client_certificate = matches!(status, 400 | 403 | 495 | 496)
        && (body.contains("ssl certificate") || body.contains("client certificate"));
    Ok(Answer {
        status,
        server: tunnel::header(head, "server").map(|server| printable(server, 80)),
        status_line,
        wants_client_certificate,
    })
}
