//! Which way a connection goes: directly or through a proxy, and why. The choice is made by the very code that the
//! scan client uses (hyper-util's matcher, inside reqwest); this module only finds the words for it.

use hyper_util::client::proxy::matcher::Matcher;
use serde::Serialize;
use std::ffi::OsString;

use super::facts::Target;
use super::text::{authority, without_secrets};
use crate::printable::printable;

/// The variables that name a proxy for `https://`, in the order in which the matcher asks for them: the first that
/// *exists* wins within a pair, even when it is empty.
const HTTPS_VARIABLES: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const ALL_VARIABLES: [&str; 2] = ["ALL_PROXY", "all_proxy"];
const NO_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The way to the server.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "via", rename_all = "snake_case")]
pub enum Route {
    Direct { why: String },
    Proxy(Proxy),
}

/// The proxy that will be used.
#[derive(Debug, Clone, Serialize)]
pub struct Proxy {
    pub scheme: ProxyScheme,
    pub host: String,
    pub port: u16,
    /// Whether a login is configured; the login itself is never shown.
    #[serde(serialize_with = "as_presence")]
    pub login: Login,
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyScheme {
    Http,
    Https,
    Socks4,
    Socks4a,
    Socks5,
    Socks5h,
}

/// A proxy login; `Debug` and JSON say only whether there is one.
#[derive(Clone, Default)]
pub enum Login {
    #[default]
    None,
    /// The value of `Proxy-Authorization`.
    Basic(String),
    /// For SOCKS.
    Plain { user: String, password: String },
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_some() { "Login(…)" } else { "None" })
    }
}

impl Login {
    /// Whether there is one.
    pub fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }
}

fn as_presence<S: serde::Serializer>(login: &Login, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(login.is_some())
}

impl Proxy {
    /// `http://proxy:8080`, without the login.
    pub fn url(&self) -> String {
        printable(&format!("{}://{}", self.scheme.as_str(), authority(&self.host, self.port)), 260)
    }
}

impl ProxyScheme {
    /// As it stands in a URL.
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

    fn of(scheme: &str) -> Option<Self> {
        Some(match scheme {
            "http" => Self::Http,
            "https" => Self::Https,
            "socks4" => Self::Socks4,
            "socks4a" => Self::Socks4a,
            "socks5" => Self::Socks5,
            "socks5h" => Self::Socks5h,
            _ => return None,
        })
    }

    /// What the matcher's users assume where the URL names no port.
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks4 | Self::Socks4a | Self::Socks5 | Self::Socks5h => 1080,
        }
    }

    /// Whether the proxy is given the server's name rather than an address.
    pub fn resolves_names(self) -> bool {
        !matches!(self, Self::Socks4 | Self::Socks5)
    }
}

impl Route {
    /// The route to `target` by `matcher`; `env` (the same environment that the matcher was made from) is read only to
    /// say why. Pass [`Matcher::from_system`] for the choice that scans make.
    pub fn choose(matcher: &Matcher, target: &Target, env: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let set = |names: &[&'static str]| -> Option<(&'static str, String)> {
            names.iter().find_map(|name| env(name).and_then(|v| v.into_string().ok()).map(|v| (*name, v)))
        };
        let configured =
            [set(&HTTPS_VARIABLES), set(&ALL_VARIABLES)].into_iter().flatten().find(|(_, v)| !v.is_empty());
        let Ok(uri) =
            http::Uri::try_from(format!("https://{}/", authority(&target.host, target.port)).as_str())
        else {
            return Self::Direct { why: "the host is not one that a URL can hold".to_owned() };
        };
        let exceptions = set(&NO_VARIABLES);
        // The matcher takes `*` for names only; the scan client takes it for addresses too, as curl does.
        let exempt = exceptions.as_ref().filter(|(_, list)| list.split(',').any(|entry| entry.trim() == "*"));
        if let Some((exception, _)) = exempt {
            return Self::Direct { why: format!("{exception} excludes every host") };
        }
        if let Some(intercept) = matcher.intercept(&uri) {
            let why = configured.map_or_else(
                || "the system's proxy settings say so".to_owned(),
                |(name, _)| format!("{name} says so"),
            );
            return Self::through(&intercept, why)
                .unwrap_or(Self::Direct { why: "the configured proxy's address cannot be used".to_owned() });
        }
        Self::Direct { why: why_direct(configured, exceptions, &uri, env("REQUEST_METHOD").is_some()) }
    }

    fn through(intercept: &hyper_util::client::proxy::matcher::Intercept, why: String) -> Option<Self> {
        let scheme = ProxyScheme::of(intercept.uri().scheme_str()?)?;
        let login = match (intercept.basic_auth(), intercept.raw_auth()) {
            (Some(value), _) => Login::Basic(value.to_str().ok()?.to_owned()),
            (None, Some((user, password))) => {
                Login::Plain { user: user.to_owned(), password: password.to_owned() }
            }
            (None, None) => Login::None,
        };
        let host = intercept.uri().host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = intercept.uri().port_u16().unwrap_or(scheme.default_port());
        Some(Self::Proxy(Proxy { scheme, host, port, login, why }))
    }
}

/// Why the matcher chose no proxy, found by asking a matcher that knows the proxy variable only.
fn why_direct(
    configured: Option<(&'static str, String)>,
    no_proxy: Option<(&'static str, String)>,
    uri: &http::Uri,
    cgi: bool,
) -> String {
    let Some((name, value)) = configured else {
        return "no proxy is configured for https://".to_owned();
    };
    if cgi {
        return format!("REQUEST_METHOD is set, as in a CGI script, so {name} is ignored");
    }
    let usable = Matcher::builder().https(value.as_str()).build().intercept(uri).is_some();
    match no_proxy {
        Some((exception, _)) if usable => format!("{exception} excludes this host from {name}"),
        _ if usable => format!("the system's settings exclude this host from {name}"),
        _ => format!(
            "{name} is not a usable proxy address ({}), so it is ignored",
            printable(&without_secrets(&value).0, 120)
        ),
    }
}
