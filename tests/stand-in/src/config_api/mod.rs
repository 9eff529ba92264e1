//! The `GET` endpoints that hold the service's configuration: providers, projects, tokens. [`fixture`] makes up the
//! objects, [`ConfigApi`] answers like the service (paging, filters, faults), [`server`] puts it on loopback.

pub mod fixture;
pub mod server;

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

pub use fixture::{Fixture, Size};
pub use server::ConfigServer;

/// How the next page is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursors {
    /// The cursor itself.
    Plain,
    /// An address that carries it.
    Url,
    /// A path that carries it.
    Path,
    /// The last page names itself, for ever.
    Repeating,
}

/// A request that goes wrong.
#[derive(Debug)]
pub struct Fault {
    /// Part of the path with its query.
    pub matching: String,
    pub status: u16,
    /// How often; `usize::MAX` for always.
    pub times: usize,
    pub body: String,
    hits: AtomicUsize,
}

impl Fault {
    /// Answers `status` to the first `times` requests whose path and query contain `matching`.
    #[must_use]
    pub fn new(matching: impl Into<String>, status: u16, times: usize) -> Self {
        Self { matching: matching.into(), status, times, body: "no".into(), hits: AtomicUsize::new(0) }
    }

    /// The same with a body.
    #[must_use]
    pub fn with_body(self, body: impl Into<String>) -> Self {
        Self { body: body.into(), ..self }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// The service.
#[derive(Debug)]
pub struct ConfigApi {
    pub fixture: Fixture,
    pub cursors: Cursors,
    pub faults: Vec<Fault>,
    /// The only token that is accepted.
    pub token: String,
}

impl ConfigApi {
    /// A service without faults that accepts `token`.
    #[must_use]
    pub fn new(fixture: Fixture, token: &str) -> Self {
        Self { fixture, cursors: Cursors::Plain, faults: Vec::new(), token: token.to_owned() }
    }

    /// Answers `GET path?query`.
    #[must_use]
    pub fn respond(&self, path: &str, query: &str, bearer: Option<&str>) -> Answer {
        if bearer != Some(self.token.as_str()) {
            return answer(401, &json!({"detail": "Invalid token"}));
        }
        let target = format!("{path}?{query}");
        for fault in &self.faults {
            if target.contains(&fault.matching) && fault.hits.fetch_add(1, Ordering::SeqCst) < fault.times {
                let headers =
                    if fault.status == 429 { vec![("retry-after", "0".to_owned())] } else { Vec::new() };
                return Answer { status: fault.status, headers, body: fault.body.clone() };
            }
        }
        let parameters = Parameters::parse(query);
        match path {
            "/backend/v1/providers" => {
                self.page(path, "providers", &self.providers(&parameters), &parameters)
            }
            "/backend/v1/projects" => self.page(path, "projects", &self.fixture.projects, &parameters),
            "/backend/v1/tokens" => {
                let machine = parameters.get("machine") == Some("true");
                let tokens: Vec<Value> =
                    self.fixture.tokens.iter().filter(|t| t["machine"] == machine).cloned().collect();
                self.page(path, "tokens", &tokens, &parameters)
            }
            _ => answer(404, &json!({"detail": "Not Found"})),
        }
    }

    fn providers(&self, parameters: &Parameters) -> Vec<Value> {
        for (filter, relation) in [
            ("addedToProjectId", &self.fixture.added),
            ("accessibleToProjectId", &self.fixture.accessible),
            ("enabledForProjectId", &self.fixture.enabled),
        ] {
            if let Some(project) = parameters.get(filter) {
                let chosen = relation.get(project).map_or(&[][..], Vec::as_slice);
                return chosen.iter().map(|&index| self.fixture.providers[index].clone()).collect();
            }
        }
        self.fixture.providers.clone()
    }

    fn page(&self, path: &str, key: &str, items: &[Value], parameters: &Parameters) -> Answer {
        let limit: usize = parameters.get("limit").map_or(Ok(10), str::parse).unwrap_or(0);
        let start = match parameters.get("cursor") {
            None => Some(0),
            Some(cursor) => cursor
                .strip_prefix("at+")
                .and_then(|rest| rest.strip_suffix("/="))
                .and_then(|n| n.parse().ok()),
        };
        let (Some(start), 1..=100) = (start, limit) else {
            return answer(
                422,
                &json!({"detail": [{"loc": ["query"], "msg": "Input is out of range", "type": "value_error"}]}),
            );
        };
        let end = (start + limit).min(items.len());
        // `+`, `/` and `=` have to be encoded in a query and decoded from one.
        let cursor = |offset: usize| format!("at+{offset}/=");
        let encoded = |offset: usize| format!("at%2B{offset}%2F%3D");
        let next = match self.cursors {
            Cursors::Repeating if end >= items.len() => Some(cursor(start)),
            _ if end >= items.len() => None,
            Cursors::Plain | Cursors::Repeating => Some(cursor(end)),
            Cursors::Url => {
                Some(format!("https://elsewhere.invalid{path}?limit={limit}&cursor={}", encoded(end)))
            }
            Cursors::Path => Some(format!("{path}?cursor={}", encoded(end))),
        };
        answer(200, &json!({key: items.get(start..end).unwrap_or_default(), "next": next, "prev": null}))
    }
}

fn answer(status: u16, body: &Value) -> Answer {
    Answer { status, headers: vec![("content-type", "application/json".to_owned())], body: body.to_string() }
}

struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(name, value)| (decode(name), decode(value))).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Form decoding, as the service's framework does it.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&hex, 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
