//! A proxy's address as people write it: what curl or Python's requests understand is understood. Nothing of a text
//! that is not understood is ever repeated: it may be a password that somebody misspelt.

use std::fmt;
use std::net::Ipv6Addr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode;
use serde::Serialize;
use thiserror::Error;
use url::Host;

use crate::transport::authority;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    Http,
    Https,
    Socks4,
    Socks4a,
    Socks5,
    Socks5h,
}

/// Where a proxy is, and how to log in there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub scheme: Scheme,
    /// A name, or an IP address without brackets.
    pub host: String,
    pub port: u16,
    pub login: Option<Login>,
}

/// A login; `Debug` shows that there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    user: Vec<u8>,
    password: Vec<u8>,
}

/// Why a text is no proxy's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unusable {
    #[error("it names no host")]
    NoHost,
    #[error("its host is not valid")]
    Host,
    #[error("its port is not a number from 1 to 65535")]
    Port,
    #[error("its scheme is none of http, https, socks4, socks4a, socks5, socks5h")]
    Scheme,
    #[error("its login holds a /, ? or # that is not percent-encoded")]
    Login,
    #[error("its login is too long for SOCKS, not UTF-8, or holds a NUL")]
    SocksLogin,
}

impl Address {
    pub fn parse(text: &[u8]) -> Result<Self, Unusable> {
        let text = text.trim_ascii();
        let (scheme, rest) = split_scheme(text)?;
        let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, b""));
        // Nobody can say where the login ends then; curl and requests refuse it too.
        let has_at = path.contains(&b'@') || path.windows(3).any(|part| part == b"%40");
        if has_at || path.starts_with(b"#") || path.starts_with(b"?") {
            return Err(Unusable::Login);
        }
        let (login, host) = match authority.iter().rposition(|byte| *byte == b'@') {
            Some(at) => {
                let (login, host) = authority.split_at_checked(at).unwrap_or((authority, b""));
                (Login::parse(login), host.get(1..).unwrap_or_default())
            }
            None => (None, authority),
        };
        let host = std::str::from_utf8(host).map_err(|_| Unusable::Host)?;
        let (host, port) = split_port(host)?;
        let port = port.unwrap_or(scheme.default_port());
        let address = Self { scheme, host: canonical(host)?, port, login };
        if scheme.is_socks() && address.login.as_ref().is_some_and(|login| login.for_socks().is_none()) {
            return Err(Unusable::SocksLogin);
        }
        Ok(address)
    }
}

/// The address without its login.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), authority(&self.host, self.port))
    }
}

/// Without a scheme it is HTTP. Between it and the host curl takes one to three slashes; requests takes two without it.
fn split_scheme(text: &[u8]) -> Result<(Scheme, &[u8]), Unusable> {
    let without = (Scheme::Http, text.strip_prefix(b"//").unwrap_or(text));
    let Some(at) = text.iter().position(|byte| *byte == b':') else { return Ok(without) };
    let (name, rest) = text.split_at_checked(at).unwrap_or((text, b""));
    let rest = rest.get(1..).unwrap_or_default();
    let slashes = rest.iter().take(3).take_while(|byte| **byte == b'/').count();
    // With such characters it is a login whose password holds "://".
    let is_name =
        !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    if slashes == 0 || !is_name {
        return Ok(without);
    }
    let name = name.to_ascii_lowercase();
    let scheme = match name.as_slice() {
        b"http" => Scheme::Http,
        b"https" => Scheme::Https,
        // Without a number it is version 4, as for curl.
        b"socks4" | b"socks" => Scheme::Socks4,
        b"socks4a" => Scheme::Socks4a,
        b"socks5" => Scheme::Socks5,
        b"socks5h" => Scheme::Socks5h,
        // The password of a login may begin with a slash.
        _ if slashes != 2 => return Ok(without),
        _ => return Err(Unusable::Scheme),
    };
    Ok((scheme, rest.get(slashes..).unwrap_or_default()))
}

fn split_port(host: &str) -> Result<(&str, Option<u16>), Unusable> {
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (host, ""),
    };
    match port {
        "" => Ok((host, None)),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => match digits.parse() {
            Ok(0) | Err(_) => Err(Unusable::Port),
            Ok(port) => Ok((host, Some(port))),
        },
        _ => Err(Unusable::Port),
    }
}

fn canonical(host: &str) -> Result<String, Unusable> {
    let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    match Host::parse(host) {
        _ if host.is_empty() => Err(Unusable::NoHost),
        Ok(Host::Domain(name)) if is_word(&name) => Ok(name),
        Ok(Host::Domain(_)) => Err(Unusable::Host),
        Ok(Host::Ipv4(address)) => Ok(address.to_string()),
        Ok(Host::Ipv6(address)) => Ok(address.to_string()),
        // Also of one link: with a zone, as the system's look-up takes it.
        Err(_) => {
            let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let (address, zone) = inner.and_then(|inner| inner.split_once('%')).ok_or(Unusable::Host)?;
            let zone = zone.strip_prefix("25").unwrap_or(zone);
            match address.parse::<Ipv6Addr>() {
                Ok(address) if is_word(zone) && !zone.is_empty() => Ok(format!("{address}%{zone}")),
                _ => Err(Unusable::Host),
            }
        }
    }
}

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks4 => "socks4",
            Self::Socks4a => "socks4a",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks4 | Self::Socks4a | Self::Socks5 | Self::Socks5h => 1080,
        }
    }

    pub fn is_socks(self) -> bool {
        !matches!(self, Self::Http | Self::Https)
    }

    /// Whether the proxy is given the server's name rather than an address.
    pub fn resolves_names(self) -> bool {
        !matches!(self, Self::Socks4 | Self::Socks5)
    }
}

impl Login {
    fn parse(text: &[u8]) -> Option<Self> {
        let colon = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
        let (user, password) = text.split_at_checked(colon).unwrap_or((text, b""));
        let decoded = |part: &[u8]| percent_decode(part).collect();
        let login = Self { user: decoded(user), password: decoded(password.get(1..).unwrap_or_default()) };
        (!login.user.is_empty() || !login.password.is_empty()).then_some(login)
    }

    /// The value of `Proxy-Authorization`.
    pub fn basic(&self) -> Option<HeaderValue> {
        let login = BASE64_STANDARD.encode([&self.user[..], b":", &self.password[..]].concat());
        let mut value = HeaderValue::try_from(format!("Basic {login}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// User and password, where SOCKS can carry them.
    pub fn for_socks(&self) -> Option<(&str, &str)> {
        let fits =
            |part| std::str::from_utf8(part).ok().filter(|text| text.len() <= 255 && !text.contains('\0'));
        Some((fits(&self.user)?, fits(&self.password)?))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of the address, and the login.
    fn parsed(text: &str) -> Result<(String, Option<(String, String)>), Unusable> {
        let address = Address::parse(text.as_bytes())?;
        let login = address.login.as_ref().and_then(Login::for_socks);
        let login = login.map(|(user, password)| (user.to_owned(), password.to_owned()));
        Ok((address.to_string(), login))
    }

    #[test]
    fn an_address_is_understood_as_curl_or_requests_do() {
        for (text, shown) in [
            ("http://127.0.0.1:3128 ", "http://127.0.0.1:3128"),
            ("\thttp://Proxy.Example:3128/\n", "http://proxy.example:3128"),
            ("proxy.example", "http://proxy.example:80"),
            ("HTTPS://proxy.example", "https://proxy.example:443"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("socks://h", "socks4://h:1080"),
            ("socks4a://h:9", "socks4a://h:9"),
            ("socks5h://h", "socks5h://h:1080"),
            ("http://bücher.example:1", "http://xn--bcher-kva.example:1"),
            ("http:/h:1", "http://h:1"),
            ("socks5h:///h", "socks5h://h:1080"),
            ("//h:1", "http://h:1"),
            ("http://[FE80::1%25eth0]:1", "http://[fe80::1%eth0]:1"),
            ("http://[fe80::1%eth0]", "http://[fe80::1%eth0]:80"),
        ] {
            assert_eq!(parsed(text), Ok((shown.to_owned(), None)), "{text}");
        }
    }

    #[test]
    fn a_login_may_hold_any_character_that_does_not_end_it() {
        for (text, user, password) in [
            (r"CORP\jd:pw@h:1", r"CORP\jd", "pw"),
            ("http://u:a^b|c\"d ö@h:1", "u", "a^b|c\"d ö"),
            ("http://u:p@ss@h:1", "u", "p@ss"),
            ("http://u:a%23b%40c%zz%5@h:1", "u", "a#b@c%zz%5"),
            ("u:a://b", "", ""),
            ("u@h:1", "u", ""),
        ] {
            match parsed(text) {
                Ok((shown, Some((found, secret)))) => {
                    assert_eq!((&*shown, &*found, &*secret), ("http://h:1", user, password), "{text}");
                }
                other => assert_eq!((other, user), (Err(Unusable::Host), ""), "{text}"),
            }
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, why) in [
            ("http://jdoe:Winter#2026@127.0.0.1:3128", Unusable::Login),
            ("http://jdoe:2026/x@127.0.0.1:3128", Unusable::Login),
            ("http://jdoe:Winter", Unusable::Port),
            ("http://h:0", Unusable::Port),
            ("http://h:65536", Unusable::Port),
            ("ftp://h", Unusable::Scheme),
            ("http://", Unusable::NoHost),
            ("http://u:p@", Unusable::NoHost),
            ("http://a b:1", Unusable::Host),
            ("http://[::1:1", Unusable::Host),
            ("http://[::1%]:1", Unusable::Host),
            ("\"http://h:1\"", Unusable::Host),
            (" ", Unusable::NoHost),
            ("http:////h", Unusable::NoHost),
            ("jdoe:/pw@h:1", Unusable::Login),
            ("http:h:1", Unusable::Host),
            ("socks4://u%00x@h", Unusable::SocksLogin),
        ] {
            assert_eq!(parsed(text), Err(why), "{text}");
        }
        let long = format!("socks5://u:{}@h", "p".repeat(256));
        assert_eq!(parsed(&long), Err(Unusable::SocksLogin));
    }
}
