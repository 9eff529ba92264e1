//! [`ConfigApi`] on loopback: HTTP/1.1 with kept connections, one thread each.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::{Answer, ConfigApi};

/// A running server; it stops when dropped.
#[derive(Debug)]
pub struct ConfigServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    api: ConfigApi,
    stopping: AtomicBool,
    requests: AtomicUsize,
}

impl ConfigServer {
    /// Starts it on a port of its own.
    ///
    /// # Panics
    /// When loopback gives no port: no test can go on without.
    #[must_use]
    pub fn start(api: ConfigApi) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback gives a port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared =
            Arc::new(Shared { api, stopping: AtomicBool::new(false), requests: AtomicUsize::new(0) });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.stopping.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// The base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests came so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// What it serves.
    #[must_use]
    pub fn api(&self) -> &ConfigApi {
        &self.shared.api
    }
}

impl Drop for ConfigServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees that it is over.
        drop(TcpStream::connect(self.address));
    }
}

/// Answers the requests of one connection until the client closes it.
fn serve(stream: &TcpStream, shared: &Shared) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (mut bearer, mut agent) = (None, false);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim_end().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "authorization" => bearer = value.trim().strip_prefix("Bearer ").map(str::to_owned),
                "user-agent" => agent = true,
                _ => {}
            }
        }
        shared.requests.fetch_add(1, Ordering::SeqCst);
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let answer = match method.as_str() {
            // The real service's edge refuses clients that do not say who they are.
            _ if !agent => Answer { status: 403, headers: Vec::new(), body: "<html>Forbidden</html>".into() },
            "GET" => shared.api.respond(path, query, bearer.as_deref()),
            _ => Answer { status: 405, headers: Vec::new(), body: String::new() },
        };
        let mut head =
            format!("HTTP/1.1 {} Answer\r\ncontent-length: {}\r\n", answer.status, answer.body.len());
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let message = format!("{head}\r\n{}", answer.body);
        (&*stream).write_all(message.as_bytes()).ok()?;
    }
}
