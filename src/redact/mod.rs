//! Takes secrets and people out of JSON that is meant for sharing: by key, by place in the vendor's schema and by
//! shape of the value, at any depth, also inside JSON that is encoded in strings.
//!
//! What stays: empty values, booleans, structure, names, ids, dates, enums, numbers (unless their key names a
//! credential), and references to secrets such as `{{ secrets.key }}`. When in doubt a value is hidden. No input or
//! output happens here. What is read, and what becomes of the result, is `dump-config`'s.

mod entropy;
mod key;
mod kind;
mod pairs;
mod place;
mod shape;
mod url;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex_lite::Regex;
use serde_json::{Map, Value};

pub use entropy::is_uuid;
use key::KeyClass;
pub use kind::{Counts, Kind};
pub use place::Place;
use shape::Span;

/// What replaces a hidden value: the Python dump's word, so that scripts still find it.
pub const MARKER: &str = "<redacted>";

/// JSON in a string in JSON in a string …: beyond this depth a string is hidden unread.
const MAX_NESTED_JSON: usize = 16;

/// Redacts values. Holds what is known to be secret beforehand.
#[derive(Clone, Default)]
pub struct Redactor {
    own_tokens: Vec<String>,
}

impl Redactor {
    /// A redactor that also hides `own_tokens` verbatim wherever they are echoed. Texts of under 8 bytes are left out:
    /// they would blank unrelated words.
    pub fn new(own_tokens: impl IntoIterator<Item = String>) -> Self {
        Self { own_tokens: own_tokens.into_iter().filter(|token| token.len() >= 8).collect() }
    }

    /// `value` without its secrets, and what was taken out of it.
    pub fn redact(&self, value: Value, place: Place) -> (Value, Counts) {
        let mut walk = Walk { redactor: self, counts: Counts::default(), nested: 0 };
        let value = walk.value(value, place);
        (value, walk.counts)
    }

    /// `text` without its secrets, judged as prose: an error message, a URL.
    pub fn redact_text(&self, text: &str) -> (String, Counts) {
        let mut walk = Walk { redactor: self, counts: Counts::default(), nested: 0 };
        let text = walk.text(text, Place::Any).into_owned();
        (text, walk.counts)
    }
}

/// Whether `text` only refers to a value that is kept elsewhere: `{{ secrets.key }}`, `Bearer {{inputs.token}}`.
///
/// Only dotted names under a known root count: anything else in braces could be the secret itself.
fn is_safe_placeholder(text: &str) -> bool {
    static PLACEHOLDER: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"^(?:(?i:bearer|basic|token|key)\s+)?\{\{\s*(?:secrets?|inputs?|outputs?|provider)(?:\.[A-Za-z_]{1,40}){1,4}\s*\}\}$",
        )
        .ok()
    });
    PLACEHOLDER.as_ref().is_some_and(|pattern| pattern.is_match(text.trim()))
        && shape::spans(text).is_empty()
        && entropy::random_runs(text).is_empty()
}

struct Walk<'a> {
    redactor: &'a Redactor,
    counts: Counts,
    nested: usize,
}

impl Walk<'_> {
    fn value(&mut self, value: Value, place: Place) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value,
            Value::Number(_) => match place {
                Place::Hidden(kind) => self.hide(kind),
                Place::Headers => self.hide(Kind::Header),
                Place::UserSecrets => self.hide(Kind::UserSecret),
                Place::SecretReferences => self.hide(Kind::Credential),
                _ => value,
            },
            Value::String(text) => self.string(text, place),
            Value::Array(items) => self.array(items, place),
            Value::Object(object) => self.object(object, place),
        }
    }

    fn hide(&mut self, kind: Kind) -> Value {
        self.counts.add(kind);
        Value::String(MARKER.to_owned())
    }

    fn string(&mut self, text: String, place: Place) -> Value {
        if text.trim().is_empty() || text == MARKER {
            return Value::String(text);
        }
        let hidden = match place {
            Place::Hidden(kind) | Place::HiddenText(kind) => Some(kind),
            Place::Token => Some(Kind::TokenValue),
            Place::User => Some(Kind::Person),
            Place::Headers => Some(Kind::Header),
            Place::Query => Some(Kind::QueryParameter),
            Place::UserSecrets => Some(Kind::UserSecret),
            Place::SecretReferences if !is_uuid(&text) => Some(Kind::Credential),
            _ => None,
        };
        match hidden {
            Some(_) if is_safe_placeholder(&text) => Value::String(text),
            Some(kind) => self.hide(kind),
            None => match self.text(&text, place) {
                Cow::Borrowed(_) => Value::String(text),
                Cow::Owned(redacted) => Value::String(redacted),
            },
        }
    }

    fn array(&mut self, items: Vec<Value>, place: Place) -> Value {
        if matches!(place, Place::Headers | Place::Query) {
            return Value::Array(items.into_iter().map(|item| self.header_entry(item, place)).collect());
        }
        if let [Value::String(name), _] = items.as_slice() {
            let judged = matches!(place, Place::Any | Place::Body | Place::Template);
            if judged && key::classify(name) == KeyClass::Secret {
                return self.pair(items, Place::Hidden(Kind::Credential));
            }
        }
        Value::Array(items.into_iter().map(|item| self.value(item, place)).collect())
    }

    /// An element of a list of headers or parameters: `[name, value]`, `{name, value}` or text.
    fn header_entry(&mut self, item: Value, place: Place) -> Value {
        match item {
            Value::Array(pair) => {
                let is_name = |name: &&str| {
                    name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
                };
                let values = match pair.first().and_then(Value::as_str).filter(is_name) {
                    Some(name) if place::is_harmless(place, name) => Place::Any,
                    Some(name) => place::value_of(place, name),
                    None => {
                        return Value::Array(
                            pair.into_iter()
                                .map(|item| self.value(item, Place::Hidden(Kind::Header)))
                                .collect(),
                        );
                    }
                };
                self.pair(pair, values)
            }
            other => self.value(other, place),
        }
    }

    /// A list whose first element names the others.
    fn pair(&mut self, items: Vec<Value>, values: Place) -> Value {
        let mut items = items.into_iter();
        let name = items.next().map(|name| self.value(name, Place::Identity));
        Value::Array(name.into_iter().chain(items.map(|item| self.value(item, values))).collect())
    }

    fn object(&mut self, object: Map<String, Value>, place: Place) -> Value {
        let places: Vec<Place> =
            object.iter().map(|(key, value)| place::of_child(place, &object, key, value)).collect();
        let mut redacted = Map::with_capacity(object.len());
        for ((key, value), place) in object.into_iter().zip(places) {
            let key = self.key(key, &redacted);
            let value = self.value(value, place);
            redacted.insert(key, value);
        }
        Value::Object(redacted)
    }

    /// A key can be a secret too (`{"<token>": …}`); two hidden keys must not fall together.
    fn key(&mut self, key: String, taken: &Map<String, Value>) -> String {
        let place = if entropy::random_runs(&key).is_empty() { Place::Identity } else { Place::Any };
        let redacted = match self.text(&key, place) {
            Cow::Borrowed(_) => return key,
            Cow::Owned(redacted) => redacted,
        };
        let mut unique = redacted.clone();
        let mut number = 2_usize;
        while taken.contains_key(&unique) {
            unique = format!("{redacted}-{number}");
            number += 1;
        }
        unique
    }

    fn text<'t>(&mut self, text: &'t str, place: Place) -> Cow<'t, str> {
        if let Some(redacted) = self.nested_json(text, place) {
            return Cow::Owned(redacted);
        }
        let in_request = matches!(place, Place::Body | Place::Url | Place::Template);
        let query = if place == Place::Url { url::Query::KnownHarmless } else { url::Query::Unsuspicious };
        let mut spans = url::spans(text, query);
        // `pass@host` in a URL looks like an address; the host should stay readable.
        let user_info: Vec<_> =
            spans.iter().filter(|(_, kind)| *kind == Kind::UrlUserInfo).map(|(at, _)| at.clone()).collect();
        let in_user_info =
            |range: &Range<usize>| user_info.iter().any(|at| range.start < at.end && at.start < range.end);
        spans.extend(
            shape::spans(text).into_iter().filter(|(at, kind)| *kind != Kind::Email || !in_user_info(at)),
        );
        if place != Place::Identity {
            let unquoted = if in_request { pairs::Unquoted::Line } else { pairs::Unquoted::Word };
            spans.extend(entropy::random_runs(text).into_iter().map(|run| (run, Kind::HighEntropy)));
            // In a URL `=` belongs to the query, which is read with its own rules.
            if place != Place::Url {
                spans.extend(pairs::spans(text, unquoted));
            }
        }
        for token in &self.redactor.own_tokens {
            spans.extend(
                text.match_indices(token.as_str()).map(|(at, _)| (at..at + token.len(), Kind::OwnToken)),
            );
        }
        self.replace(text, spans)
    }

    /// JSON in a string is redacted as JSON. Always written anew, never kept as it was: of a key that occurs twice the
    /// parser shows only the last.
    fn nested_json(&mut self, text: &str, place: Place) -> Option<String> {
        let trimmed = text.trim();
        if !trimmed.starts_with(['{', '[', '"']) {
            return None;
        }
        if self.nested >= MAX_NESTED_JSON {
            self.counts.add(Kind::Credential);
            return Some(MARKER.to_owned());
        }
        let value: Value = serde_json::from_str(trimmed).ok()?;
        self.nested += 1;
        let value = self.value(value, place);
        self.nested -= 1;
        Some(value.to_string())
    }

    /// `text` with a marker for every span; what overlaps or touches becomes one.
    fn replace<'t>(&mut self, text: &'t str, mut spans: Vec<Span>) -> Cow<'t, str> {
        spans.retain(|(range, _)| {
            text.get(range.clone()).is_some_and(|part| part != MARKER && !part.is_empty())
        });
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        spans.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut redacted = String::with_capacity(text.len());
        let mut written = 0;
        let mut open = false;
        for (range, kind) in spans {
            if open && range.start <= written {
                written = written.max(range.end);
                continue;
            }
            redacted.push_str(text.get(written..range.start).unwrap_or_default());
            redacted.push_str(MARKER);
            self.counts.add(kind);
            written = range.end;
            open = true;
        }
        redacted.push_str(text.get(written..).unwrap_or_default());
        Cow::Owned(redacted)
    }
}

#[cfg(test)]
mod tests;
