//! One connection after the other: handshake, requests, and the reply that the script has for each.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::contract::Contract;
use super::{Action, Reply, SCANS};
use crate::http::{Reader, Request, Response};
use crate::server::{Connection, lock};

/// Scans that match get this reply.
pub(super) struct Rule {
    pub(super) matches: Box<dyn Fn(&Request) -> bool + Send + Sync>,
    pub(super) reply: Reply,
}

/// A path besides the scans.
pub(super) struct Route {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) answer: Box<dyn Fn(&Request) -> Response + Send + Sync>,
}

/// The stand-in's script, and what has happened so far.
pub(super) struct Service {
    contract: Contract,
    rules: Vec<Rule>,
    first: Mutex<VecDeque<Reply>>,
    always: Reply,
    routes: Vec<Route>,
    hold_until: usize,
    tls: Option<Arc<ServerConfig>>,
    pub(super) log: Mutex<Vec<Request>>,
    pub(super) handshake_failures: Mutex<Vec<String>>,
    /// Set when a connection met its fault before a request could be read.
    struck: AtomicBool,
    scans: AtomicUsize,
    at_work: AtomicUsize,
    most_at_work: AtomicUsize,
}

/// Counts a scan as being worked on until the first byte of its answer is about to be sent.
struct AtWork<'a>(&'a Service);

impl<'a> AtWork<'a> {
    fn begin(service: &'a Service, connection: &Connection) -> Self {
        let now = service.at_work.fetch_add(1, Ordering::SeqCst) + 1;
        service.most_at_work.fetch_max(now, Ordering::SeqCst);
        connection.stop.poke();
        Self(service)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Service {
    pub(super) fn new(
        contract: Contract,
        rules: Vec<Rule>,
        first: VecDeque<Reply>,
        always: Reply,
        routes: Vec<Route>,
        hold_until: usize,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        Self {
            contract,
            rules,
            first: Mutex::new(first),
            always,
            routes,
            hold_until,
            tls,
            log: Mutex::default(),
            handshake_failures: Mutex::default(),
            struck: AtomicBool::new(false),
            scans: AtomicUsize::new(0),
            at_work: AtomicUsize::new(0),
            most_at_work: AtomicUsize::new(0),
        }
    }

    /// Whether a client got as far as it could: to a request, or to the fault or the handshake that kept it from one.
    pub(super) fn was_called(&self) -> bool {
        !lock(&self.log).is_empty()
            || self.struck.load(Ordering::SeqCst)
            || !lock(&self.handshake_failures).is_empty()
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.most_at_work.load(Ordering::SeqCst)
    }

    /// Serves a connection to its end; what breaks it is the client's business.
    pub(super) fn serve(&self, connection: &Connection) {
        let _ = self.try_serve(connection);
    }

    fn try_serve(&self, connection: &Connection) -> io::Result<()> {
        if let Some(reply) = self.fault_for_connection() {
            self.struck.store(true, Ordering::SeqCst);
            connection.stop.wait(reply.delay);
            if let Action::Fault(fault) = &reply.action {
                fault.strike_connection(&connection.tcp, &connection.stop)?;
            }
            return Ok(());
        }
        let tcp = connection.wire();
        match &self.tls {
            None => self.talk(connection, &mut { tcp }),
            Some(config) => {
                let session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
                let mut stream = StreamOwned::new(session, tcp);
                while stream.conn.is_handshaking() {
                    if let Err(error) = stream.conn.complete_io(&mut stream.sock) {
                        lock(&self.handshake_failures).push(error.to_string());
                        return Err(error);
                    }
                }
                self.talk(connection, &mut stream)
            }
        }
    }

    /// The fault that this connection is to meet before anything is read from it.
    fn fault_for_connection(&self) -> Option<Reply> {
        let is_one =
            |reply: &Reply| matches!(&reply.action, Action::Fault(fault) if fault.is_of_the_connection());
        let mut first = lock(&self.first);
        if first.front().is_some_and(is_one) {
            return first.pop_front();
        }
        (first.is_empty() && is_one(&self.always)).then(|| self.always.clone())
    }

    fn talk(&self, connection: &Connection, wire: &mut (impl Read + Write)) -> io::Result<()> {
        let mut reader = Reader::new(connection.number);
        while let Some((request, stay)) = reader.next(wire)? {
            lock(&self.log).push(request.clone());
            if !self.reply(&request, connection, wire, stay)? {
                break;
            }
        }
        Ok(())
    }

    /// Answers a request, or not; says whether the connection can be used again.
    fn reply(
        &self,
        request: &Request,
        connection: &Connection,
        wire: &mut (impl Read + Write),
        stay: bool,
    ) -> io::Result<bool> {
        if let Some(refusal) = self.contract.refuse_caller(request) {
            refusal.send(wire, stay)?;
            return Ok(stay);
        }
        let is_here = |route: &&Route| route.method == request.method && route.path == request.path;
        if let Some(route) = self.routes.iter().find(is_here) {
            (route.answer)(request).send(wire, stay)?;
            return Ok(stay);
        }
        if (request.method.as_str(), request.path.as_str()) != ("POST", SCANS) {
            Response::json(404, &json!({"detail": "Not Found"})).send(wire, stay)?;
            return Ok(stay);
        }
        if let Some(refusal) = self.contract.refuse_scan(request) {
            refusal.send(wire, stay)?;
            return Ok(stay);
        }
        self.scan(request, connection, wire, stay)
    }

    fn scan(
        &self,
        request: &Request,
        connection: &Connection,
        wire: &mut (impl Read + Write),
        stay: bool,
    ) -> io::Result<bool> {
        let at_work = AtWork::begin(self, connection);
        let begun = SystemTime::now();
        let number = self.scans.fetch_add(1, Ordering::SeqCst) + 1;
        let reply = self.scripted(request);
        connection.stop.wait_until(|| self.most_at_once() >= self.hold_until);
        connection.stop.wait(reply.delay);
        let action = match reply.action {
            Action::Project(project) => Action::Verdict(project.verdict(request)),
            other => other,
        };
        match action {
            Action::Verdict(verdict) => {
                let input = request.input().unwrap_or_default();
                let direction = request.field("scanDirection").and_then(Value::as_str).unwrap_or("request");
                // A clock that was set back meanwhile makes no scan end before it began.
                let times = [begun, begun.max(SystemTime::now())];
                let body = verdict.body_of_scan(input, direction, number, times);
                let response = Response::json(200, &body);
                drop(at_work);
                response.send(wire, stay)?;
                Ok(stay)
            }
            // Asked above.
            Action::Project(_) => Ok(false),
            Action::Fault(fault) => {
                drop(at_work);
                fault.strike(wire, &connection.tcp, &connection.stop, stay)
            }
        }
    }

    fn scripted(&self, request: &Request) -> Reply {
        if let Some(reply) = lock(&self.first).pop_front() {
            return reply;
        }
        let rule = self.rules.iter().find(|rule| (rule.matches)(request));
        rule.map_or(&self.always, |rule| &rule.reply).clone()
    }
}
