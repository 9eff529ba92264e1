//! Which proxy a request goes through: [`route`] decides, for scans, checks and diagnosis alike, and `Display` shows.

mod address;
mod exceptions;
mod system;

use std::fmt;

use serde::Serialize;
use thiserror::Error;
use url::Url;

use address::Unusable;
pub use address::{Address, Scheme};
pub use exceptions::shown as shown_exceptions;

use super::peer::Peer;
use crate::settings::{ProxySettings, is_loopback_host};

/// The way to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    Direct(Direct),
    Through(Proxy),
}

/// Why no proxy is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direct {
    NotConfigured,
    Exempt { by: Origin, from: Origin },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    pub address: Address,
    pub from: Origin,
}

/// Where a proxy or an exception was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Origin {
    Variable(&'static str),
    #[serde(serialize_with = "as_words")]
    System,
}

/// A proxy that is set and can't be used. Going around it is not an option: it may be there for a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{} is set, but not to a usable proxy address: {why}.", .from.capital())]
pub struct ProxyProblem {
    from: Origin,
    why: Unusable,
}

impl ProxyProblem {
    pub fn fix(&self) -> String {
        match self.from {
            Origin::Variable(name) => format!(
                "Write {name} as http://proxy:port or http://user:password@proxy:port, with special characters of \
                 the login percent-encoded (# as %23, / as %2F, ? as %3F, % as %25)."
            ),
            Origin::System => "Correct the proxy in the system's settings, or set HTTPS_PROXY.".to_owned(),
        }
    }
}

/// The way of requests to `url`: what the variables say, else the system's settings (Windows, macOS).
pub fn route(url: &Url, settings: &ProxySettings) -> Result<Route, ProxyProblem> {
    let variable = if url.scheme() == "http" { &settings.http } else { &settings.https };
    let (from, text, system) = match variable {
        Some(variable) => (Origin::Variable(variable.name), variable.text.as_encoded_bytes().to_vec(), None),
        None => {
            let system = system::settings();
            match system.proxy_for(url.scheme()) {
                Some(proxy) => (Origin::System, proxy.into_bytes(), Some(system)),
                None => return Ok(Route::Direct(Direct::NotConfigured)),
            }
        }
    };
    let target = Peer::of(url);
    let exempt_by = match (&settings.exceptions, &system) {
        (Some(list), _) => exceptions::exempts(&list.text.to_string_lossy(), &target.host, target.port)
            .then_some(Origin::Variable(list.name)),
        (None, Some(system)) => system.exempts(&target.host).then_some(Origin::System),
        (None, None) => None,
    };
    if let Some(by) = exempt_by {
        return Ok(Route::Direct(Direct::Exempt { by, from }));
    }
    let address = Address::parse(&text).map_err(|why| ProxyProblem { from, why })?;
    Ok(Route::Through(Proxy { address, from }))
}

/// Whether a request to `url` would cross the network unencrypted although its host is this machine: plain http
/// through a proxy somewhere else.
pub fn exposes_plain_http(url: &Url, settings: &ProxySettings) -> bool {
    url.scheme() == "http"
        && matches!(route(url, settings), Ok(Route::Through(proxy)) if !is_loopback_host(&proxy.address.host))
}

/// Sentences on what is set and has no say.
pub fn notes(settings: &ProxySettings) -> Vec<String> {
    let mut notes: Vec<String> =
        settings.passed_over.iter().map(|(name, why)| format!("{name} has no effect: {why}.")).collect();
    if let Some(list) = &settings.exceptions {
        let count = exceptions::without_effect(&list.text.to_string_lossy());
        if count > 0 {
            let entries = if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") };
            notes.push(format!(
                "{entries} of {} can't match any host: write .example.com for all hosts below example.com, and * \
                 only on its own.",
                list.name
            ));
        }
    }
    if settings.https.is_none() && system::settings().script {
        notes.push(
            "The system's settings choose a proxy by a script (PAC), which f5-guard does not run: set HTTPS_PROXY \
             if the service is not reachable directly."
                .to_owned(),
        );
    }
    notes
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Variable(name) => name,
            Self::System => "the system's proxy setting",
        })
    }
}

impl Origin {
    fn capital(self) -> &'static str {
        match self {
            Self::Variable(name) => name,
            Self::System => "The system's proxy setting",
        }
    }
}

fn as_words<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Origin::System)
}

/// `http://proxy:8080, because HTTPS_PROXY says so`, or why there is none.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct(Direct::NotConfigured) => f.write_str("none, because none is configured"),
            Self::Direct(Direct::Exempt { by, from: Origin::System }) => {
                write!(f, "none, because {by} exempts this host")
            }
            Self::Direct(Direct::Exempt { by, from }) => {
                write!(f, "none, because {by} exempts this host from {from}")
            }
            Self::Through(proxy) => {
                let login = if proxy.address.login.is_some() { " with a login" } else { "" };
                write!(f, "{proxy}{login}, because {} says so", proxy.from)
            }
        }
    }
}

impl Serialize for Route {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Direct(_) => map.serialize_entry("via", "direct")?,
            Self::Through(Proxy { address, from }) => {
                map.serialize_entry("via", "proxy")?;
                map.serialize_entry("scheme", &address.scheme)?;
                map.serialize_entry("host", &address.host)?;
                map.serialize_entry("port", &address.port)?;
                map.serialize_entry("login", &address.login.is_some())?;
                map.serialize_entry("from", from)?;
            }
        }
        map.serialize_entry("words", &self.to_string())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn words(url: &str, set: &[(&str, &str)]) -> String {
        let settings = ProxySettings::read(&|name| {
            set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        });
        match route(&Url::parse(url).unwrap(), &settings) {
            Ok(route) => route.to_string(),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn the_reason_for_the_choice_of_a_proxy_is_told() {
        let proxy = ("HTTPS_PROXY", "http://u:p@proxy.example:8080");
        for (set, expected) in [
            (&[][..], "none, because none is configured"),
            (&[proxy][..], "http://proxy.example:8080 with a login, because HTTPS_PROXY says so"),
            (&[("all_proxy", "socks5h://h")][..], "socks5h://h:1080, because all_proxy says so"),
            (
                &[proxy, ("NO_PROXY", ".example.com")][..],
                "none, because NO_PROXY exempts this host from HTTPS_PROXY",
            ),
            (&[proxy, ("NO_PROXY", "*")][..], "none, because NO_PROXY exempts this host from HTTPS_PROXY"),
            (
                &[("HTTPS_PROXY", "ftp://u:p@h")][..],
                "HTTPS_PROXY is set, but not to a usable proxy address: its scheme is none of http, https, socks4, \
                 socks4a, socks5, socks5h.",
            ),
            (&[("HTTP_PROXY", "http://h:1")][..], "none, because none is configured"),
        ] {
            assert_eq!(words("https://f5.example.com/", set), expected);
        }
    }

    #[test]
    fn plain_http_counts_as_exposed_through_a_proxy_elsewhere() {
        let set =
            |proxy: &str| ProxySettings::read(&|name| (name == "http_proxy").then(|| OsString::from(proxy)));
        let url = Url::parse("http://127.0.0.1:1/").unwrap();
        assert!(exposes_plain_http(&url, &set("http://proxy.example:1")));
        assert!(!exposes_plain_http(&url, &set("http://[::1]:1")));
    }
}
