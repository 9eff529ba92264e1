//! As much of a D-Bus client as the Secret Service takes: connect, call methods, wait for one signal.
//!
//! Of our own because the libraries cost too much for what is asked (docs/performance.md): zbus a megabyte and a half,
//! libdbus a C library; and rustbus waits without end for a bus that says nothing. Everything here ends at a
//! deadline, and no answer can make it panic or take much memory.

mod wire;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr, setsockopt, socket, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::printable::hexadecimal;
use crate::system::{Env, non_empty};
pub use wire::{Body, Cursor, Malformed};
use wire::{Kind, Message};

/// A message that is larger ends the conversation. The bus itself allows 128 MiB.
const MOST_BYTES: usize = 1024 * 1024;

/// Why the bus or a service on it gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusError {
    /// There is no bus to talk to, for this reason.
    NoBus(String),
    /// Nothing came before the deadline.
    TimedOut,
    /// The connection broke, or what came is no D-Bus.
    Broken(String),
    /// The service, or the bus instead, answered with this error name.
    Refused(String),
}

impl From<Malformed> for BusError {
    fn from(_: Malformed) -> Self {
        Self::Broken("its answer could not be read".to_owned())
    }
}

impl From<io::Error> for BusError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Broken("the connection to the session's bus broke".to_owned()),
        }
    }
}

/// Where the session's bus listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Path(PathBuf),
    /// Linux' sockets without a file.
    Abstract(Vec<u8>),
}

/// The addresses to try, in order: `DBUS_SESSION_BUS_ADDRESS`, else the place of a systemd session, as libdbus has it.
pub fn addresses(env: Env<'_>) -> Vec<Address> {
    if let Some(text) = non_empty(env, "DBUS_SESSION_BUS_ADDRESS") {
        return parse_addresses(text.as_bytes());
    }
    let folder = non_empty(env, "XDG_RUNTIME_DIR");
    folder.map(|folder| Address::Path(PathBuf::from(folder).join("bus"))).into_iter().collect()
}

/// Those of a list that are local sockets; others (TCP, a command to run) are passed over.
fn parse_addresses(text: &[u8]) -> Vec<Address> {
    let local = text.split(|&byte| byte == b';').filter_map(|one| {
        let pairs = one.strip_prefix(b"unix:")?;
        pairs.split(|&byte| byte == b',').find_map(|pair| {
            let path = |value: &[u8]| Address::Path(PathBuf::from(OsString::from_vec(unescaped(value))));
            match (pair.strip_prefix(b"path="), pair.strip_prefix(b"abstract=")) {
                (Some(value), _) => Some(path(value)),
                (_, Some(value)) => Some(Address::Abstract(unescaped(value))),
                _ => None,
            }
        })
    });
    local.collect()
}

/// `%2f` and the like.
fn unescaped(text: &[u8]) -> Vec<u8> {
    percent_encoding::percent_decode(text).collect()
}

/// A conversation with the session's bus.
pub struct Bus {
    stream: UnixStream,
    deadline: Instant,
    serial: u32,
    unread: Vec<u8>,
    /// Messages that came while another was waited for.
    waiting: Vec<Message>,
}

/// A method of an object of a service.
#[derive(Debug, Clone, Copy)]
pub struct Method<'a> {
    pub destination: &'a str,
    pub path: &'a str,
    pub interface: &'a str,
    pub name: &'a str,
}

impl Bus {
    /// Connects to the first address that accepts. All that follows has to be over by `deadline`.
    pub fn connect(addresses: &[Address], uid: u32, deadline: Instant) -> Result<Self, BusError> {
        let mut why = "no session bus is known to this process".to_owned();
        for address in addresses {
            match connect(address, deadline) {
                Ok(stream) => {
                    let mut bus =
                        Self { stream, deadline, serial: 0, unread: Vec::new(), waiting: Vec::new() };
                    bus.introduce(uid)?;
                    return Ok(bus);
                }
                Err(error) => {
                    why = match error.kind() {
                        io::ErrorKind::WouldBlock => return Err(BusError::TimedOut),
                        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                            "no session bus is running".to_owned()
                        }
                        io::ErrorKind::PermissionDenied => "the session bus is another user's".to_owned(),
                        _ => "the session bus can't be reached".to_owned(),
                    }
                }
            }
        }
        Err(BusError::NoBus(why))
    }

    /// Says who is calling, and says hello.
    fn introduce(&mut self, uid: u32) -> Result<(), BusError> {
        let hex = hexadecimal(uid.to_string().as_bytes());
        self.write(format!("\0AUTH EXTERNAL {hex}\r\n").as_bytes())?;
        let answer = self.line()?;
        if !answer.starts_with(b"OK ") {
            return Err(BusError::NoBus("the session bus does not accept this user".to_owned()));
        }
        self.write(b"BEGIN\r\n")?;
        let hello = Method {
            destination: "org.freedesktop.DBus",
            path: "/org/freedesktop/DBus",
            interface: "org.freedesktop.DBus",
            name: "Hello",
        };
        self.call(hello, Body::default()).map(drop)
    }

    /// Calls a method and waits for its answer.
    pub fn call(&mut self, method: Method<'_>, body: Body) -> Result<Vec<u8>, BusError> {
        let serial = self.send(method, body)?;
        self.answer(serial)
    }

    /// Calls a method; [`Bus::answer`] waits for what it returns.
    pub fn send(&mut self, method: Method<'_>, body: Body) -> Result<u32, BusError> {
        self.serial += 1;
        self.write(&wire::call(self.serial, method, &body))?;
        Ok(self.serial)
    }

    /// The body of the answer to the call `serial`.
    pub fn answer(&mut self, serial: u32) -> Result<Vec<u8>, BusError> {
        let message =
            self.wait_for(|message| message.reply_to == Some(serial) && message.kind != Kind::Signal)?;
        match message.kind {
            Kind::Error => Err(BusError::Refused(message.error)),
            _ => Ok(message.body),
        }
    }

    /// The body of the next signal of this name from this object.
    pub fn signal(&mut self, path: &str, name: &str) -> Result<Vec<u8>, BusError> {
        let wanted = |message: &Message| {
            message.kind == Kind::Signal && message.path == path && message.member == name
        };
        Ok(self.wait_for(wanted)?.body)
    }

    fn wait_for(&mut self, wanted: impl Fn(&Message) -> bool) -> Result<Message, BusError> {
        if let Some(index) = self.waiting.iter().position(&wanted) {
            return Ok(self.waiting.remove(index));
        }
        loop {
            let message = self.next_message()?;
            if wanted(&message) {
                return Ok(message);
            }
            // A bus that floods is not remembered.
            if self.waiting.len() < 32 {
                self.waiting.push(message);
            }
        }
    }

    fn next_message(&mut self) -> Result<Message, BusError> {
        loop {
            if let Some(length) = wire::length(&self.unread)? {
                if length > MOST_BYTES {
                    return Err(BusError::Broken("its answer is too large".to_owned()));
                }
                if self.unread.len() >= length {
                    let rest = self.unread.split_off(length);
                    let bytes = std::mem::replace(&mut self.unread, rest);
                    return Ok(wire::message(&bytes)?);
                }
            }
            self.read()?;
        }
    }

    /// A line of the conversation before the messages, without its end.
    fn line(&mut self) -> Result<Vec<u8>, BusError> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\r\n") {
                let rest = self.unread.split_off(end + 2);
                let mut line = std::mem::replace(&mut self.unread, rest);
                line.truncate(end);
                return Ok(line);
            }
            if self.unread.len() > 16 * 1024 {
                return Err(BusError::Broken("it is not a D-Bus".to_owned()));
            }
            self.read()?;
        }
    }

    fn read(&mut self) -> Result<(), BusError> {
        let mut bytes = [0; 4096];
        loop {
            self.stream.set_read_timeout(Some(self.time_left()?))?;
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(BusError::Broken("the session's bus closed the connection".to_owned())),
                Ok(count) => {
                    self.unread.extend_from_slice(bytes.get(..count).unwrap_or_default());
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), BusError> {
        self.stream.set_write_timeout(Some(self.time_left()?))?;
        Ok(self.stream.write_all(bytes)?)
    }

    fn time_left(&self) -> Result<Duration, BusError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(BusError::TimedOut) } else { Ok(left) }
    }
}

/// Connects in time: the call waits for ever on a socket whose owner accepts nobody any more.
fn connect(address: &Address, deadline: Instant) -> io::Result<UnixStream> {
    let left = deadline.saturating_duration_since(Instant::now());
    let left = i64::try_from(left.as_micros()).unwrap_or(i64::MAX).max(1);
    let address = match address {
        Address::Path(path) => UnixAddr::new(path)?,
        Address::Abstract(name) => abstract_address(name)?,
    };
    let stream = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&stream, sockopt::SendTimeout, &TimeVal::microseconds(left))?;
    socket::connect(stream.as_raw_fd(), &address)?;
    Ok(stream.into())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_address(name: &[u8]) -> io::Result<UnixAddr> {
    Ok(UnixAddr::new_abstract(name)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn abstract_address(_name: &[u8]) -> io::Result<UnixAddr> {
    Err(io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests;
