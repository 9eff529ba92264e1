//! The exchange with a proxy that opens the way to the server: HTTP CONNECT (RFC 9110), SOCKS 5 (RFC 1928, login by
//! RFC 1929) and SOCKS 4/4a. Only what is needed to say at which point a proxy refuses, and why.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};

use super::facts::{Fault, Target};
use super::route::{Login, Proxy, ProxyScheme};
use super::text::authority;
use super::wire::{Wire, fault_of_io};
use crate::printable::printable;

/// Asks `proxy` for a connection to `target`; `resolved` is the target's address for kinds of proxy that take only
/// addresses. Returns what the proxy said to it.
pub(super) fn open(
    wire: &mut Wire,
    proxy: &Proxy,
    target: &Target,
    resolved: Option<SocketAddr>,
) -> Result<String, Fault> {
    match proxy.scheme {
        ProxyScheme::Http | ProxyScheme::Https => connect(wire, proxy, target),
        ProxyScheme::Socks5 | ProxyScheme::Socks5h => socks5(wire, proxy, target, resolved),
        ProxyScheme::Socks4 | ProxyScheme::Socks4a => socks4(wire, proxy, target, resolved),
    }
}

fn io_fault(error: io::Error) -> Fault {
    fault_of_io(&error)
}

fn connect(wire: &mut Wire, proxy: &Proxy, target: &Target) -> Result<String, Fault> {
    let to = authority(&target.host, target.port);
    let login = match &proxy.login {
        Login::Basic(value) => format!("Proxy-Authorization: {value}\r\n"),
        Login::Plain { .. } | Login::None => String::new(),
    };
    let request =
        format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nUser-Agent: {}\r\n{login}\r\n", super::USER_AGENT);
    wire.write_all(request.as_bytes()).and_then(|()| wire.flush()).map_err(io_fault)?;
    let head = wire.read_head().map_err(io_fault)?;
    if head.is_empty() {
        return Err(Fault::Closed);
    }
    let line = printable(head.lines().next().unwrap_or_default(), 120);
    match status(&line) {
        Some(200..=299) => Ok(line),
        Some(407) => Err(Fault::ProxyLogin {
            sent: proxy.login.is_some(),
            scheme: header(&head, "proxy-authenticate").map_or_else(String::new, |offer| {
                // Only the scheme: the realm is the proxy's own prose.
                printable(offer.split_whitespace().next().unwrap_or_default(), 40)
            }),
        }),
        Some(status) => Err(Fault::ProxyStatus { status, line }),
        None => Err(Fault::NotAProxy { said: line }),
    }
}

/// The status of an HTTP status line.
pub(super) fn status(line: &str) -> Option<u16> {
    let rest = line.strip_prefix("HTTP/1.")?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// The first header of that (lower-case) name.
pub(super) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn no_socks() -> Fault {
    Fault::NotAProxy { said: "the answer is not SOCKS".to_owned() }
}

fn too_long() -> Fault {
    Fault::Io { why: "the name or the login is too long for SOCKS".to_owned() }
}

fn socks5(
    wire: &mut Wire,
    proxy: &Proxy,
    target: &Target,
    resolved: Option<SocketAddr>,
) -> Result<String, Fault> {
    const NO_LOGIN: u8 = 0;
    const USER_PASSWORD: u8 = 2;
    let greeting: &[u8] =
        if proxy.login.is_some() { &[5, 2, NO_LOGIN, USER_PASSWORD] } else { &[5, 1, NO_LOGIN] };
    wire.write_all(greeting).map_err(io_fault)?;
    match read_array::<2>(wire)? {
        [5, NO_LOGIN] => {}
        [5, USER_PASSWORD] => socks5_login(wire, &proxy.login)?,
        [5, 0xff] => {
            return Err(Fault::ProxyLogin { sent: false, scheme: "SOCKS".to_owned() });
        }
        _ => return Err(no_socks()),
    }
    let mut request = vec![5, 1, 0];
    match (resolved, target.host.parse::<IpAddr>()) {
        (Some(address), _) => push_address(&mut request, address.ip()),
        (None, Ok(address)) => push_address(&mut request, address),
        (None, Err(_)) => {
            request.extend([3, u8::try_from(target.host.len()).map_err(|_| too_long())?]);
            request.extend(target.host.bytes());
        }
    }
    request.extend(target.port.to_be_bytes());
    wire.write_all(&request).map_err(io_fault)?;
    let [version, reply, _, kind] = read_array::<4>(wire)?;
    if version != 5 {
        return Err(no_socks());
    }
    if reply != 0 {
        return Err(Fault::ProxyStatus { status: u16::from(reply), line: socks5_reply(reply) });
    }
    let bound = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(read_array::<1>(wire)?[0]),
        _ => return Err(no_socks()),
    };
    let mut rest = vec![0; bound + 2];
    wire.read_exact(&mut rest).map_err(io_fault)?;
    Ok("SOCKS 5: granted".to_owned())
}

fn socks5_login(wire: &mut Wire, login: &Login) -> Result<(), Fault> {
    let Login::Plain { user, password } = login else {
        return Err(Fault::ProxyLogin { sent: false, scheme: "SOCKS".to_owned() });
    };
    let mut message = vec![1];
    for part in [user, password] {
        message.push(u8::try_from(part.len()).map_err(|_| too_long())?);
        message.extend(part.bytes());
    }
    wire.write_all(&message).map_err(io_fault)?;
    match read_array::<2>(wire)? {
        [_, 0] => Ok(()),
        _ => Err(Fault::ProxyLogin { sent: true, scheme: "SOCKS".to_owned() }),
    }
}

fn push_address(request: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => {
            request.push(1);
            request.extend(v4.octets());
        }
        IpAddr::V6(v6) => {
            request.push(4);
            request.extend(v6.octets());
        }
    }
}

/// RFC 1928, section 6.
fn socks5_reply(code: u8) -> String {
    let words = match code {
        1 => "general failure",
        2 => "not allowed by the rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "unknown reply",
    };
    format!("SOCKS 5: {words} ({code})")
}

fn socks4(
    wire: &mut Wire,
    proxy: &Proxy,
    target: &Target,
    resolved: Option<SocketAddr>,
) -> Result<String, Fault> {
    let mut request = vec![4, 1];
    request.extend(target.port.to_be_bytes());
    let address = resolved.map(|address| address.ip()).or_else(|| target.host.parse().ok());
    match address {
        Some(IpAddr::V4(v4)) => request.extend(v4.octets()),
        Some(IpAddr::V6(_)) => return Err(Fault::Io { why: "SOCKS 4 knows no IPv6".to_owned() }),
        // 4a: an impossible address says that a name follows.
        None => request.extend([0, 0, 0, 1]),
    }
    if let Login::Plain { user, .. } = &proxy.login {
        request.extend(user.bytes());
    }
    request.push(0);
    if address.is_none() {
        request.extend(target.host.bytes());
        request.push(0);
    }
    wire.write_all(&request).map_err(io_fault)?;
    let [version, reply, ..] = read_array::<8>(wire)?;
    match (version, reply) {
        (0, 90) => Ok("SOCKS 4: granted".to_owned()),
        (0, 92 | 93) => Err(Fault::ProxyLogin { sent: proxy.login.is_some(), scheme: "SOCKS".to_owned() }),
        (0, code) => {
            Err(Fault::ProxyStatus { status: u16::from(code), line: format!("SOCKS 4: refused ({code})") })
        }
        _ => Err(no_socks()),
    }
}

fn read_array<const N: usize>(wire: &mut Wire) -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    wire.read_exact(&mut bytes).map_err(io_fault)?;
    Ok(bytes)
}
