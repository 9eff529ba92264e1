//! The script of a stand-in: what it speaks, what it answers, how often it has to be called.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::contract::{Contract, ScanDirection};
use super::service::{Route, Rule, Service};
use super::{Expectation, F5, Reply, Request, Response, Transport, Verdict};
use crate::server::Server;
use crate::tls::{Authority, ClientAuth, Validity};

/// A stand-in in the making.
pub struct Builder {
    contract: Contract,
    rules: Vec<Rule>,
    first: VecDeque<Reply>,
    always: Reply,
    routes: Vec<Route>,
    hold_until: usize,
    tls: Option<TlsSetup>,
    expectation: Expectation,
}

struct TlsSetup {
    names: Vec<String>,
    validity: Validity,
    client_auth: ClientAuth,
}

impl Default for TlsSetup {
    fn default() -> Self {
        Self {
            names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            validity: Validity::Now,
            client_auth: ClientAuth::None,
        }
    }
}

impl Builder {
    /// Plain HTTP, everything cleared, expected to be called.
    pub(super) fn new() -> Self {
        Self {
            contract: Contract::default(),
            rules: Vec::new(),
            first: VecDeque::new(),
            always: Verdict::cleared().into(),
            routes: Vec::new(),
            hold_until: 0,
            tls: None,
            expectation: Expectation::Called,
        }
    }

    /// Scans whose input contains `text` get `reply`; the first rule that matches counts.
    pub fn when(self, text: impl Into<String>, reply: impl Into<Reply>) -> Self {
        let text = text.into();
        self.when_request(move |request| request.input().is_some_and(|input| input.contains(&text)), reply)
    }

    /// Scans for which `matches` says so get `reply`; the first rule that matches counts.
    pub fn when_request(
        mut self,
        matches: impl Fn(&Request) -> bool + Send + Sync + 'static,
        reply: impl Into<Reply>,
    ) -> Self {
        self.rules.push(Rule { matches: Box::new(matches), reply: reply.into() });
        self
    }

    /// The next scan, whatever it holds, gets `reply`; repeated, the one after it, and so on. Rules apply afterwards.
    ///
    /// A fault of the connection (`Fault::is_of_the_connection`) takes the next connection instead of the next scan.
    pub fn first(mut self, reply: impl Into<Reply>) -> Self {
        self.first.push_back(reply.into());
        self
    }

    /// Scans that no rule matches get `reply` (without this: cleared by two scanners).
    pub fn always(mut self, reply: impl Into<Reply>) -> Self {
        self.always = reply.into();
        self
    }

    /// The only token that is accepted, instead of [`TOKEN`].
    pub fn token(mut self, token: &str) -> Self {
        self.contract.token = token.to_owned();
        self
    }

    /// Behaves as a service that does not know `scanDirection` and refuses what it does not know.
    pub fn without_scan_direction(mut self) -> Self {
        self.contract.scan_direction = ScanDirection::Refused;
        self
    }

    /// No scan is answered before `count` of them are being worked on at once; from then on all are.
    pub fn hold_until(mut self, count: usize) -> Self {
        self.hold_until = count;
        self
    }

    /// Answers `method path` (without the query) by calling `answer`, once User-Agent and token were found in order.
    pub fn route(
        mut self,
        method: &str,
        path: &str,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        self.routes.push(Route {
            method: method.to_owned(),
            path: path.to_owned(),
            answer: Box::new(answer),
        });
        self
    }

    /// Speaks TLS, with a certificate for localhost and 127.0.0.1 of an authority made for this stand-in.
    pub fn tls(mut self) -> Self {
        self.tls.get_or_insert_default();
        self
    }

    /// Speaks TLS with a certificate for other names.
    pub fn tls_for(mut self, names: &[&str]) -> Self {
        self.tls.get_or_insert_default().names = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Speaks TLS with a certificate that has expired.
    pub fn tls_expired(mut self) -> Self {
        self.tls.get_or_insert_default().validity = Validity::Expired;
        self
    }

    /// Speaks TLS with clients only that show a certificate of the stand-in's authority ([`F5::client`]).
    pub fn tls_with_client_certificate(mut self) -> Self {
        self.tls.get_or_insert_default().client_auth = ClientAuth::Required;
        self
    }

    /// Fails the test on drop if anything connected.
    pub fn never_called(mut self) -> Self {
        self.expectation = Expectation::Never;
        self
    }

    /// Fails the test on drop if nobody called; this is so from the start.
    pub fn expect_called(mut self) -> Self {
        self.expectation = Expectation::Called;
        self
    }

    /// Does not mind whether anybody calls.
    pub fn may_stay_idle(mut self) -> Self {
        self.expectation = Expectation::Any;
        self
    }

    /// Starts it on a free port.
    ///
    /// # Panics
    /// Where loopback has no port left.
    pub fn start(self) -> F5 {
        self.start_at(0).expect("a free port on loopback")
    }

    /// Starts it on this port; 0 is any free one.
    ///
    /// # Errors
    /// The port is taken.
    pub fn start_at(self, port: u16) -> io::Result<F5> {
        let mut transport = Transport::Plain;
        let tls = self.tls.map(|setup| {
            let authority = Authority::new();
            let names: Vec<&str> = setup.names.iter().map(String::as_str).collect();
            let config =
                authority.server_config(&authority.server(&names, setup.validity), setup.client_auth);
            let client =
                (setup.client_auth == ClientAuth::Required).then(|| authority.client("f5-guard-test"));
            transport = Transport::Tls { authority: Box::new(authority), client };
            config
        });
        let service = Arc::new(Service::new(
            self.contract,
            self.rules,
            self.first,
            self.always,
            self.routes,
            self.hold_until,
            tls,
        ));
        let server = Server::start_at(port, {
            let service = Arc::clone(&service);
            move |connection| service.serve(&connection)
        })?;
        Ok(F5 { server, service, transport, expectation: self.expectation })
    }
}
