//! The F5 AI Guardrails API on loopback: a simulation that scans nothing, but answers as it was told to.
//!
//! ```no_run
//! use f5_stand_in::f5::{F5, Fault, Verdict};
//!
//! let api = F5::builder()
//!     .when("ignore all previous", Verdict::flagged())
//!     .when("be slow", Fault::HangAfterRequest)
//!     .start();
//! // … run something against api.base_url(), then look at api.inputs()
//! ```
//! A request that the real service would refuse is refused (see `contract`); any other `POST /backend/v1/scans` gets, in
//! this order, the next reply of `first(…)`, the reply of the first rule that matches, or the reply of `always(…)`.
//! A stand-in that nobody called fails the test when it is dropped, unless it was told otherwise.

mod builder;
mod contract;
mod fault;
mod project;
mod service;
mod verdict;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

pub use crate::http::{Request, Response};
use crate::server::{Server, lock};
use crate::tls::{Authority, Identity};
pub use builder::Builder;
pub use fault::{Fault, RetryAfter};
pub use project::{Mode, Project, ProjectScanner};
use service::Service;
pub use verdict::{Outcome, Scanner, Verdict};

/// The token that a stand-in accepts unless it is told another one: easy to find in any output it must not be in.
pub const TOKEN: &str = "stand-in-token-5b1f0c77";

/// The path that scans are posted to.
pub const SCANS: &str = "/backend/v1/scans";

/// A running stand-in. It stops when it is dropped.
pub struct F5 {
    server: Server,
    service: Arc<Service>,
    transport: Transport,
    expectation: Expectation,
}

/// What the stand-in speaks, and what a client needs to speak with it.
enum Transport {
    Plain,
    Tls { authority: Box<Authority>, client: Option<Identity> },
}

/// How often the stand-in has to be called, checked when it is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expectation {
    Called,
    Never,
    Any,
}

/// What to do with one scan request: a verdict or a fault, at once or after a while.
#[derive(Debug, Clone)]
pub struct Reply {
    delay: Duration,
    action: Action,
}

#[derive(Debug, Clone)]
enum Action {
    Verdict(Verdict),
    Project(Arc<Project>),
    Fault(Fault),
}

impl Reply {
    /// Waits before it answers; the request counts as being worked on meanwhile.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

impl From<Verdict> for Reply {
    fn from(verdict: Verdict) -> Self {
        Self { delay: Duration::ZERO, action: Action::Verdict(verdict) }
    }
}

/// Every scan is answered as the project's scanners say.
impl From<Project> for Reply {
    fn from(project: Project) -> Self {
        Self { delay: Duration::ZERO, action: Action::Project(Arc::new(project)) }
    }
}

impl From<Fault> for Reply {
    fn from(fault: Fault) -> Self {
        Self { delay: Duration::ZERO, action: Action::Fault(fault) }
    }
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Fault::Answer(response).into()
    }
}

impl F5 {
    /// A stand-in in the making: plain HTTP, everything cleared, expected to be called.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A stand-in that clears everything, on plain HTTP.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A stand-in that gives every scan the same reply, on plain HTTP.
    pub fn answering(reply: impl Into<Reply>) -> Self {
        Self::builder().always(reply).start()
    }

    /// `http://127.0.0.1:PORT` or `https://127.0.0.1:PORT`.
    pub fn base_url(&self) -> String {
        let scheme = match self.transport {
            Transport::Plain => "http",
            Transport::Tls { .. } => "https",
        };
        format!("{scheme}://{}", self.address())
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The certificate of the authority that signed the stand-in's own.
    ///
    /// # Panics
    /// On a stand-in that speaks plain HTTP.
    pub fn ca_pem(&self) -> &str {
        self.authority().pem()
    }

    /// Writes [`Self::ca_pem`] to a file.
    ///
    /// # Panics
    /// On a stand-in that speaks plain HTTP, or where the file cannot be written.
    pub fn write_ca(&self, path: &Path) {
        self.authority().write_to(path).expect("the certificate can be written");
    }

    /// The certificate and key that a client has to show.
    ///
    /// # Panics
    /// On a stand-in that does not ask for one.
    pub fn client(&self) -> &Identity {
        match &self.transport {
            Transport::Tls { client: Some(client), .. } => client,
            _ => panic!("this stand-in asks for no client certificate"),
        }
    }

    fn authority(&self) -> &Authority {
        match &self.transport {
            Transport::Tls { authority, .. } => authority,
            Transport::Plain => panic!("this stand-in speaks plain HTTP and has no certificate"),
        }
    }

    /// Every request so far, in the order in which they were read; also those that were refused.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.service.log).clone()
    }

    /// The requests to one path: to see, for instance, whether somebody followed a redirect.
    pub fn requests_to(&self, path: &str) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.path == path).collect()
    }

    /// The scan requests so far.
    pub fn scans(&self) -> Vec<Request> {
        self.requests_to(SCANS)
    }

    /// What was asked to be scanned so far.
    pub fn inputs(&self) -> Vec<String> {
        self.scans().iter().filter_map(|request| request.input().map(str::to_owned)).collect()
    }

    /// The only scan request.
    ///
    /// # Panics
    /// Where there was none or more than one.
    pub fn only_scan(&self) -> Request {
        let mut scans = self.scans();
        assert_eq!(scans.len(), 1, "the stand-in expected exactly one scan request, got {}", scans.len());
        scans.remove(0)
    }

    /// How many scans were being worked on at once at the most.
    pub fn most_at_once(&self) -> usize {
        self.service.most_at_once()
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.server.stop().accepted()
    }

    /// The error of each TLS handshake that did not come to its end.
    pub fn handshake_failures(&self) -> Vec<String> {
        lock(&self.service.handshake_failures).clone()
    }
}

impl Drop for F5 {
    fn drop(&mut self) {
        // A client that has just gone may still stand in the queue: it is served, and counted, before the check.
        self.server.shut_down();
        if std::thread::panicking() {
            return;
        }
        let connections = self.connections();
        match self.expectation {
            Expectation::Called => assert!(
                self.service.was_called(),
                "the F5 stand-in was expected to be called and was not ({connections} connections, no request)"
            ),
            Expectation::Never => assert!(
                connections == 0,
                "the F5 stand-in was never to be called, but there were {connections} connections and {} requests",
                lock(&self.service.log).len()
            ),
            Expectation::Any => {}
        }
    }
}

/// A base URL on which nothing listens: connecting to it is refused.
///
/// # Errors
/// Loopback has no port left.
pub fn refusing_url() -> io::Result<String> {
    /// Bound and never listening, as long as the process lives: a port that is merely free may be another test's next.
    static TAKEN: OnceLock<(Socket, SocketAddr)> = OnceLock::new();
    if let Some((_, address)) = TAKEN.get() {
        return Ok(format!("http://{address}"));
    }
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let (_, address) = TAKEN.get_or_init(|| (socket, address));
    Ok(format!("http://{address}"))
}
