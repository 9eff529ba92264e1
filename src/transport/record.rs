//! A record of HTTP exchanges for `--verbose-http`: request and response lines, headers, sizes and times.
//!
//! Secrets are taken out when something is recorded, not when it is shown: a record never holds one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::header::{HeaderMap, HeaderValue};
use http::{Version, response};
use serde::{Serialize, Serializer};

use super::request::Request;
use crate::printable::printable;
use crate::secret::{Secret, SecretFinder};

/// More of a body than this many bytes is not kept.
const BODY_BYTES: usize = 64 * 1024;
/// The longest header value shown.
const VALUE_CHARS: usize = 400;
const REDACTED: &str = "(redacted)";
/// Headers whose values open doors, in lower case.
const SECRET_HEADERS: [&str; 9] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "www-authenticate",
    "proxy-authenticate",
    "authentication-info",
    "proxy-authentication-info",
];

/// Whether bodies are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bodies {
    SizesOnly,
    Kept,
}

/// One request and what came back.
#[derive(Debug, Clone, Serialize)]
pub struct Exchange {
    pub request: Message,
    #[serde(flatten)]
    pub result: ExchangeResult,
}

/// A request or a response.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// The request line or the status line.
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// How an exchange ended.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExchangeResult {
    /// It was still under way when the time was up.
    Unanswered,
    Response {
        #[serde(flatten)]
        message: Message,
        /// From the start of the request to the response's head.
        #[serde(serialize_with = "as_milliseconds")]
        head_ms: Duration,
        /// From the start of the request to the body's end.
        #[serde(serialize_with = "as_milliseconds")]
        total_ms: Duration,
    },
    Failed {
        error: String,
        #[serde(serialize_with = "as_milliseconds")]
        total_ms: Duration,
    },
}

fn as_milliseconds<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}

/// Where exchanges are recorded; clones write to the same record.
#[derive(Debug, Clone)]
pub struct ExchangeLog {
    bodies: Bodies,
    secrets: Arc<[SecretFinder]>,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

/// An exchange under way.
#[derive(Debug)]
pub(super) struct Recording {
    log: ExchangeLog,
    index: usize,
    started: Instant,
    head: Option<(Message, Duration)>,
}

impl ExchangeLog {
    /// An empty record. `secrets` are taken out wherever they turn up, also where a server repeats them.
    pub fn new(bodies: Bodies, secrets: Vec<Secret>) -> Self {
        let secrets = secrets.iter().map(SecretFinder::new).collect();
        Self { bodies, secrets, exchanges: Arc::default() }
    }

    /// What was recorded so far, in the order in which the requests were sent.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Exchange>> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn start(&self, request: &Request, user_agent: &str) -> Recording {
        let url = &request.url;
        let query = if url.query().is_some() { "?…" } else { "" };
        let line = format!("{} {}{query} HTTP/1.1", request.method, url.path());
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let mut headers = vec![("host".to_owned(), host), ("user-agent".to_owned(), user_agent.to_owned())];
        headers.extend(self.headers(&request.headers));
        let request = self.message(&line, headers, &request.body);
        let mut exchanges = self.lock();
        exchanges.push(Exchange { request, result: ExchangeResult::Unanswered });
        let index = exchanges.len() - 1;
        drop(exchanges);
        Recording { log: self.clone(), index, started: Instant::now(), head: None }
    }

    fn headers(&self, headers: &HeaderMap) -> Vec<(String, String)> {
        headers.iter().map(|(name, value)| (name.to_string(), self.header(name.as_str(), value))).collect()
    }

    fn header(&self, name: &str, value: &HeaderValue) -> String {
        if value.is_sensitive() || SECRET_HEADERS.contains(&name) {
            return REDACTED.to_owned();
        }
        self.shown(&header_text(value), VALUE_CHARS)
    }

    fn message(&self, line: &str, headers: Vec<(String, String)>, body: &[u8]) -> Message {
        let kept = (self.bodies == Bodies::Kept && !body.is_empty())
            .then(|| self.shown(&without_logins(&String::from_utf8_lossy(body)), BODY_BYTES));
        let line = self.shown(line, VALUE_CHARS);
        Message { line, headers, body_bytes: body.len(), body: kept }
    }

    /// A text as it is shown. Secrets are looked for in what is left of it: what is taken out could part one, and a part
    /// that a cut leaves is found too.
    fn shown(&self, text: &str, max: usize) -> String {
        let text = printable(text, max);
        self.secrets.iter().fold(text, |text, secret| secret.without(&text).into_owned())
    }
}

/// A header's value without what an address in it may give away: a login, which may hold anything that a header may, and
/// the query, where a redirect carries its state.
pub(super) fn header_text(value: &HeaderValue) -> String {
    let text = without_login(&String::from_utf8_lossy(value.as_bytes()));
    match text.split_once('?') {
        Some((address, _)) => format!("{address}?{REDACTED}"),
        None => text,
    }
}

/// An address without user name and password, which end at the last `@`. Before them only what can be no part of them is
/// shown.
fn without_login(address: &str) -> String {
    const SCHEMES: [&str; 6] = ["https://", "http://", "<https://", "<http://", r"https:\/\/", r"http:\/\/"];
    let Some((login, host)) = address.rsplit_once('@') else { return address.to_owned() };
    let scheme = SCHEMES.into_iter().find(|scheme| login.starts_with(scheme)).unwrap_or_default();
    format!("{scheme}{REDACTED}@{host}")
}

/// A text whose addresses have no logins: words with an `@` after a colon or two slashes. An e-mail address stays.
fn without_logins(text: &str) -> String {
    let ends_word = |char: char| char.is_whitespace() || matches!(char, '"' | '<' | '>');
    let words = text.split_inclusive(ends_word).map(|word| match word.rsplit_once('@') {
        Some((before, _)) if before.contains([':', '/']) => without_login(word),
        _ => word.to_owned(),
    });
    words.collect()
}

impl Recording {
    /// The response's head has come.
    pub fn head(&mut self, response: &response::Parts) {
        let version = match response.version {
            Version::HTTP_10 => "HTTP/1.0",
            _ => "HTTP/1.1",
        };
        let line = format!("{version} {}", response.status);
        let message = self.log.message(&line, self.log.headers(&response.headers), &[]);
        self.head = Some((message, self.started.elapsed()));
    }

    /// The exchange has ended, with this body or with this error.
    pub fn end(mut self, result: Result<&[u8], &dyn std::fmt::Display>) {
        let total_ms = self.started.elapsed();
        let result = match (result, self.head.take()) {
            (Ok(body), Some((head, head_ms))) => {
                let message = self.log.message(&head.line, head.headers, body);
                ExchangeResult::Response { message, head_ms, total_ms }
            }
            (Ok(_), None) => return,
            (Err(error), _) => {
                let error = self.log.shown(&error.to_string(), VALUE_CHARS);
                ExchangeResult::Failed { error, total_ms }
            }
        };
        if let Some(exchange) = self.log.lock().get_mut(self.index) {
            exchange.result = result;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a login may be made of besides its marks: `allowed` bytes, and half of them delimiters.
    fn junk(allowed: fn(u8) -> bool) -> impl Strategy<Value = Vec<u8>> {
        let delimiter = prop::sample::select(b":/?#[]@!$&'()*+,;=%\\".to_vec());
        prop::collection::vec(prop_oneof![delimiter, any::<u8>().prop_filter("", move |b| allowed(*b))], 0..8)
    }

    fn shown(name: &str, value: &[u8], body: &[u8]) -> String {
        let log = ExchangeLog::new(Bodies::Kept, Vec::new());
        let value = HeaderValue::from_bytes(value).unwrap();
        let message = log.message("", vec![(name.to_owned(), log.header(name, &value))], body);
        format!("{message:?}")
    }

    fn around(login: [Vec<u8>; 3], scheme: &str) -> Vec<u8> {
        let [a, b, c] = login;
        [scheme.as_bytes(), &a, b"USERqx7", &b, b"SECRETqx7", &c, b"@host.example/path"].concat()
    }

    proptest! {
        #[test]
        fn no_header_shows_a_part_of_a_login(
            a in junk(|byte| byte == b'\t' || (byte >= 32 && byte != 127)),
            b in junk(|byte| byte == b'\t' || (byte >= 32 && byte != 127)),
            c in junk(|byte| byte == b'\t' || (byte >= 32 && byte != 127)),
            scheme in prop::sample::select(vec!["https://", "//", "", "<https://", "0; url=http://", "https:\\\\"]),
            name in prop::sample::select(vec!["location", "content-location", "link", "refresh", "x-any"]),
        ) {
            let text = shown(name, &around([a, b, c], scheme), b"");
            prop_assert!(!text.contains("USERqx7") && !text.contains("SECRETqx7"), "{}", text);
            prop_assert!(text.contains("@host.example/path"), "{}", text);
        }

        #[test]
        fn no_body_shows_a_part_of_a_login(
            a in junk(|byte| byte > 32 && !b"\"<>\x7f".contains(&byte) && byte < 128),
            b in junk(|byte| byte > 32 && !b"\"<>\x7f".contains(&byte) && byte < 128),
            c in junk(|byte| byte > 32 && !b"\"<>\x7f".contains(&byte) && byte < 128),
            scheme in prop::sample::select(vec!["https://", "//", r"https:\/\/", "socks5:"]),
        ) {
            let (start, end) = (b"{\"next\":\"".as_slice(), b"\", \"by\": \"me@example.com\"}".as_slice());
            let text = shown("x-any", b"", &[start, &around([a, b, c], scheme), end].concat());
            prop_assert!(!text.contains("USERqx7") && !text.contains("SECRETqx7"), "{}", text);
            prop_assert!(text.contains("me@example.com"), "{}", text);
        }
    }

    #[test]
    fn of_an_address_its_query_is_hidden_and_its_host_is_shown() {
        let text = shown("link", b"<https://u:p@h.example/a?state=secret>; rel=next", b"");
        assert!(text.contains("<https://(redacted)@h.example/a?(redacted)"), "{text}");
    }
}
