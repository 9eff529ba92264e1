//! An HTTP proxy on loopback: tunnels (`CONNECT`) and plain requests, with a login where it is told so.
//!
//! It never leaves the machine: a target that is not on loopback has to be mapped to a local address first.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::http::{Reader, Request, Response};
use crate::server::{Connection, Server, lock};

/// A running proxy. It stops when it is dropped.
pub struct Proxy {
    server: Server,
    state: Arc<State>,
}

/// A proxy in the making.
#[derive(Default)]
pub struct Builder {
    login: Option<String>,
    everything_to: Option<SocketAddr>,
}

struct State {
    /// The value of `Proxy-Authorization` that is asked for.
    login: Option<String>,
    everything_to: Option<SocketAddr>,
    log: Mutex<Vec<Request>>,
}

impl Builder {
    /// Answers 407 to everybody who does not log in with this name and password.
    pub fn login(mut self, name: &str, password: &str) -> Self {
        self.login = Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{password}"))));
        self
    }

    /// Connects every target, whatever it is called, with this address.
    pub fn everything_to(mut self, address: SocketAddr) -> Self {
        self.everything_to = Some(address);
        self
    }

    /// Starts it on a free port.
    ///
    /// # Panics
    /// Where loopback has no port left.
    pub fn start(self) -> Proxy {
        let state =
            Arc::new(State { login: self.login, everything_to: self.everything_to, log: Mutex::default() });
        let server = Server::start({
            let state = Arc::clone(&state);
            move |connection| drop(state.serve(&connection))
        })
        .expect("a free port on loopback");
        Proxy { server, state }
    }
}

impl Proxy {
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A proxy without a login that reaches loopback only.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// `http://NAME:PASSWORD@127.0.0.1:PORT`
    pub fn url_with_login(&self, name: &str, password: &str) -> String {
        format!("http://{name}:{password}@{}", self.server.address())
    }

    /// What the clients asked for, with method: `CONNECT host:port`, or `POST http://host/path`.
    pub fn targets(&self) -> Vec<String> {
        lock(&self.state.log).iter().map(|request| format!("{} {}", request.method, request.path)).collect()
    }

    /// Every request so far, as it was received.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.state.log).clone()
    }
}

impl State {
    fn serve(&self, connection: &Connection) -> io::Result<()> {
        let mut client = &*connection.tcp;
        let mut reader = Reader::new(connection.number);
        while let Some((request, stay)) = reader.next(&mut client)? {
            lock(&self.log).push(request.clone());
            if self.login.is_some() && request.header("proxy-authorization") != self.login.as_deref() {
                let refusal = Response::html(407, "Proxy Authentication Required")
                    .header("Proxy-Authenticate", "Basic realm=\"stand-in\"");
                refusal.send(&mut client, stay)?;
                if stay {
                    continue;
                }
                return Ok(());
            }
            let Some(target) = self.reach(&request) else {
                return Response::html(502, "Bad Gateway").send(&mut client, false);
            };
            if request.method == "CONNECT" {
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            } else {
                (&target).write_all(&forwarded(&request))?;
            }
            return join(client, &target);
        }
        Ok(())
    }

    /// A connection with the target, if it is on this machine.
    fn reach(&self, request: &Request) -> Option<TcpStream> {
        if let Some(address) = self.everything_to {
            return TcpStream::connect(address).ok();
        }
        let (host, port) = authority(request).rsplit_once(':')?;
        let is_loopback = host == "localhost" || host == "127.0.0.1" || host == "[::1]";
        if !is_loopback {
            return None;
        }
        TcpStream::connect((host.trim_matches(['[', ']']), port.parse().ok()?)).ok()
    }
}

/// `host:port` of the target.
fn authority(request: &Request) -> &str {
    let target = request.path.strip_prefix("http://").unwrap_or(&request.path);
    target.split('/').next().unwrap_or(target)
}

/// The request as the target has to see it: a path instead of the whole URL, without the login. The connection ends
/// with the answer, because the next request on it may be for another target.
fn forwarded(request: &Request) -> Vec<u8> {
    let target = request.path.strip_prefix("http://").unwrap_or(&request.path);
    let path = target.find('/').map_or("/", |start| &target[start..]);
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    let mut head = format!("{} {path}{query} HTTP/1.1\r\n", request.method);
    for (name, value) in &request.headers {
        if !name.to_ascii_lowercase().starts_with("proxy-") && !name.eq_ignore_ascii_case("connection") {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str("Connection: close\r\n\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&request.body);
    bytes
}

/// Carries bytes both ways until both sides are done. HTTP clients close as a whole: a client that has gone ends the
/// target's side too, so that a target which never answers cannot keep the proxy alive.
fn join(client: &TcpStream, target: &TcpStream) -> io::Result<()> {
    // Small packets at once, as the client sends them: held back they would cost the benchmark 40 ms now and then.
    target.set_nodelay(true)?;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = io::copy(&mut &*client, &mut &*target);
            let _ = target.shutdown(Shutdown::Both);
        });
        let carried = io::copy(&mut &*target, &mut &*client);
        let _ = client.shutdown(Shutdown::Write);
        carried.map(|_| ())
    })
}
