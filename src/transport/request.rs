//! A request in the making.

use http::Method;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::body::Bytes;
use url::Url;

/// A request in the making.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Request {
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = Bytes::from(body);
        self
    }
}

/// The service's edge answers 403 to requests without a User-Agent.
pub(super) fn user_agent() -> &'static str {
    use std::sync::LazyLock;
    static USER_AGENT: LazyLock<String> = LazyLock::new(|| {
        let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
        format!("f5-guard/{} ({system}; {machine})", env!("CARGO_PKG_VERSION"))
    });
    &USER_AGENT
}
