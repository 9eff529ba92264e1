//! Which proxy a request goes through.
//!
//! reqwest chooses (environment first, then the system's settings on Windows and macOS) with the matcher that
//! is used here to tell the user; so this module reads the process's environment as reqwest does.

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::Url;

use crate::settings::is_loopback_host;

/// Whether `NO_PROXY` exempts every host. The matcher takes `*` for names only and not for IP addresses,
/// while curl and Python's requests take it for everything.
#[must_use]
pub fn exempts_everything() -> bool {
    let list = ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| std::env::var(name).ok());
    list.is_some_and(|list| list.split(',').any(|entry| entry.trim() == "*"))
}

/// The proxy for requests to `url`, if any.
#[must_use]
pub fn proxy_for(url: &Url) -> Option<Intercept> {
    if exempts_everything() {
        return None;
    }
    Matcher::from_system().intercept(&url.as_str().parse().ok()?)
}

/// Whether a request to `url` would cross the network unencrypted although its host is this machine: plain http
/// through a proxy somewhere else.
#[must_use]
pub fn exposes_plain_http(url: &Url) -> bool {
    url.scheme() == "http"
        && proxy_for(url).is_some_and(|proxy| !is_loopback_host(proxy.uri().host().unwrap_or_default()))
}

/// The proxy for requests to `url` as `http://host:port`, without its user info.
#[must_use]
pub fn shown_proxy_for(url: &Url) -> Option<String> {
    let proxy = proxy_for(url)?;
    let uri = proxy.uri();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit('@').next().unwrap_or_default();
    Some(format!("{}://{host}", uri.scheme_str().unwrap_or("http")))
}

/// ` through the proxy http://host:port`; empty where none is used.
pub(super) fn clause(url: &Url) -> String {
    shown_proxy_for(url).map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"))
}
