//! The address of the F5 service, as people configure it in several ways.

use std::net::IpAddr;

use thiserror::Error;
use url::Url;

use super::setting::Literal;

/// A usable base address: `https`, or `http` where that is allowed; no user info, query or fragment; always
/// without the trailing `/backend/v1`, which the requests add themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Why a base URL can't be used. The messages never repeat the URL: it could hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BaseUrlError {
    #[error("The base URL is not a valid URL.")]
    Invalid,
    #[error("The base URL is not a valid URL{}.", .0.clause())]
    Literal(Literal),
    #[error("The base URL's scheme is neither https nor http.")]
    Scheme,
    #[error("The base URL uses plain http to another machine, which would send the token unencrypted.")]
    PlainHttp,
    #[error(
        "The base URL uses plain http through a proxy on another machine, which would send the token unencrypted."
    )]
    PlainHttpProxy,
    #[error("The base URL holds a user name or password, which f5-guard does not send.")]
    UserInfo,
    #[error("The base URL holds a query or a fragment.")]
    Query,
}

/// Whether `http://` is accepted for hosts other than loopback (`F5_GUARDRAILS_ALLOW_HTTP`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    LoopbackOnly,
    Allowed,
}

impl PlainHttp {
    /// From the switch.
    pub fn from_switch(allowed: bool) -> Self {
        if allowed { Self::Allowed } else { Self::LoopbackOnly }
    }
}

/// Every endpoint lives below this path; people configure the base URL with and without it.
const API_PREFIX: &str = "/backend/v1";

impl BaseUrl {
    /// Parses what the user configured.
    pub fn parse(text: &str, plain_http: PlainHttp) -> Result<Self, BaseUrlError> {
        let mut url = Url::parse(text.trim()).map_err(|_| match Literal::of(text) {
            Literal::Plain => BaseUrlError::Invalid,
            literal => BaseUrlError::Literal(literal),
        })?;
        match url.scheme() {
            "https" => {}
            "http" if plain_http == PlainHttp::Allowed || is_loopback(&url) => {}
            "http" => return Err(BaseUrlError::PlainHttp),
            _ => return Err(BaseUrlError::Scheme),
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(BaseUrlError::Invalid);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BaseUrlError::UserInfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BaseUrlError::Query);
        }
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix(API_PREFIX).unwrap_or(path).to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The address of one endpoint, for example `scans` → `https://host/backend/v1/scans`.
    pub fn endpoint(&self, name: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{API_PREFIX}/{name}", self.0.path().trim_end_matches('/')));
        url
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The host, for messages.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The address itself; it holds no user info, so it may be shown.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The same without a last slash, as people write it.
    pub fn shown(&self) -> &str {
        self.as_str().trim_end_matches('/')
    }

    /// The parsed address.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

fn is_loopback(url: &Url) -> bool {
    is_loopback_host(url.host_str().unwrap_or_default())
}

/// Whether a host, as written in a URL, is this machine.
pub fn is_loopback_host(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Result<String, BaseUrlError> {
        BaseUrl::parse(text, PlainHttp::LoopbackOnly).map(|base| base.endpoint("scans").to_string())
    }

    #[test]
    fn the_api_prefix_is_accepted_and_added_once() {
        for text in [
            "https://h.example",
            "https://h.example/",
            "https://h.example/backend/v1",
            " https://h.example/backend/v1/ ",
        ] {
            assert_eq!(endpoint(text).as_deref(), Ok("https://h.example/backend/v1/scans"), "{text}");
        }
        assert_eq!(
            endpoint("https://gw.example/f5").as_deref(),
            Ok("https://gw.example/f5/backend/v1/scans")
        );
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for text in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1", "http://127.9.9.9"] {
            assert!(endpoint(text).is_ok(), "{text}");
        }
        for text in ["http://h.example", "http://10.0.0.1", "http://localhost.evil.example"] {
            assert_eq!(endpoint(text), Err(BaseUrlError::PlainHttp), "{text}");
        }
        assert!(BaseUrl::parse("http://h.example", PlainHttp::Allowed).is_ok());
    }

    #[test]
    fn what_could_leak_or_mislead_is_refused() {
        assert_eq!(endpoint("https://u:p@h.example"), Err(BaseUrlError::UserInfo));
        assert_eq!(endpoint("https://h.example/?a=b"), Err(BaseUrlError::Query));
        assert_eq!(endpoint("ftp://h.example"), Err(BaseUrlError::Scheme));
        assert_eq!(endpoint("h.example"), Err(BaseUrlError::Invalid));
        assert_eq!(endpoint("https://"), Err(BaseUrlError::Invalid));
    }
}
