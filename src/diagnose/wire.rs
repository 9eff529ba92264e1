//! A byte stream with a deadline: a peer that drips one byte a second cannot outlive it, unlike with the socket's own
//! time-out, which starts anew at every byte.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::facts::Fault;
use super::text::authority;
use crate::printable::printable;

/// How much of a peer's first words is kept for telling what it speaks.
const HEARD_BYTES: usize = 256;
/// The longest head of an HTTP answer that is read.
const HEAD_BYTES: usize = 16 * 1024;

/// Anything that can be read and written; a TCP connection, or TLS within it.
pub(super) trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A connection that keeps to a deadline and remembers the first bytes that the peer said.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    deadline: Rc<Cell<Instant>>,
    pub heard: Vec<u8>,
}

/// The socket itself: every call gets what is left until the deadline.
struct Timed {
    tcp: TcpStream,
    deadline: Rc<Cell<Instant>>,
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.get().saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tcp.set_read_timeout(Some(self.left()?))?;
        self.tcp.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(Some(self.left()?))?;
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

impl Wire {
    /// Connects to the first of `addresses` that answers. The time is shared out so that one silent address (an IPv6
    /// route that leads nowhere) leaves some for the next.
    pub fn connect(addresses: &[SocketAddr], deadline: Instant) -> Result<(Self, SocketAddr), Fault> {
        let mut fault = Fault::Name { why: "no address".to_owned() };
        for (index, address) in addresses.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            if share.is_zero() {
                return Err(Fault::Timeout);
            }
            match TcpStream::connect_timeout(address, share) {
                Ok(tcp) => {
                    // Only a matter of speed: without it the connection still works.
                    let _ = tcp.set_nodelay(true);
                    let deadline = Rc::new(Cell::new(deadline));
                    let stream = Box::new(Timed { tcp, deadline: Rc::clone(&deadline) });
                    return Ok((Self { stream, deadline, heard: Vec::new() }, *address));
                }
                Err(error) => fault = fault_of_io(&error),
            }
        }
        Err(fault)
    }

    /// The same connection with another protocol on top, whose own first words are then heard.
    pub fn wrap(self, layer: impl FnOnce(Box<dyn Stream>) -> Box<dyn Stream>) -> Self {
        Self { stream: layer(self.stream), deadline: self.deadline, heard: Vec::new() }
    }

    /// Sets the time by which the next step has to be done.
    pub fn until(&self, deadline: Instant) {
        self.deadline.set(deadline);
    }

    /// Starts a protocol anew: what was heard so far belongs to the one before.
    pub fn forget(&mut self) {
        self.heard.clear();
    }

    /// Reads the head of an HTTP answer up to its empty line, byte by byte so that nothing beyond it is taken.
    pub fn read_head(&mut self) -> io::Result<String> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") && head.len() < HEAD_BYTES {
            match self.read(&mut byte) {
                Ok(0) => break,
                Ok(_) => head.extend_from_slice(&byte),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(String::from_utf8_lossy(&head).into_owned())
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        let room = HEARD_BYTES.saturating_sub(self.heard.len()).min(count);
        self.heard.extend_from_slice(buffer.get(..room).unwrap_or_default());
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// All addresses of `host`. The system's look-up cannot be interrupted, so it runs in a thread of its own, which is
/// left behind when time is up.
pub(super) fn resolve(host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, Fault> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = mpsc::channel();
    let name = host.to_owned();
    std::thread::spawn(move || {
        let found = (name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        // Nobody listens any more when time was up first.
        let _ = sender.send(found);
    });
    match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(Ok(addresses)) if addresses.is_empty() => Err(Fault::Name { why: "no address".to_owned() }),
        Ok(Ok(mut addresses)) => {
            addresses.dedup();
            Ok(addresses)
        }
        Ok(Err(error)) => Err(Fault::Name { why: printable(&error.to_string(), 200) }),
        Err(_) => Err(Fault::Timeout),
    }
}

/// The operating system's error as a fault.
pub(super) fn fault_of_io(error: &io::Error) -> Fault {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Fault::Timeout,
        ErrorKind::ConnectionRefused => Fault::Refused,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => Fault::Reset,
        ErrorKind::UnexpectedEof => Fault::Closed,
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable | ErrorKind::PermissionDenied => {
            Fault::Unreachable { why: printable(&error.to_string(), 200) }
        }
        _ => Fault::Io { why: printable(&error.to_string(), 200) },
    }
}

/// Asks on a fresh connection whether the peer speaks plain HTTP: the status line, if it does. Without any token.
pub(super) fn plain_http(mut wire: Wire, host: &str, port: u16) -> Option<String> {
    let request = format!(
        "HEAD / HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nConnection: close\r\n\r\n",
        authority(host, port),
        super::USER_AGENT
    );
    wire.write_all(request.as_bytes()).ok()?;
    let head = wire.read_head().ok()?;
    let line = head.lines().next().unwrap_or_default();
    line.starts_with("HTTP/").then(|| printable(line, 120))
}
