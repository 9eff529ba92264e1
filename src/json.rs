//! A reader over JSON text: fields, items and tokens in document order, without building a tree.
//!
//! A tree of `serde_json` values would take a hundred times the memory of a hostile text, drop all but one of
//! several equal keys, and end at 128 levels of nesting. Here nothing is dropped, and depth costs nothing.
//! `serde_json` decides what is JSON; only text that it accepted is walked.

use std::borrow::Cow;

use memchr::memchr2;
use serde::de::IgnoredAny;

/// One JSON value, as its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

/// A piece of a JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token<'a> {
    /// An object or an array begins.
    Open,
    /// It ends.
    Close,
    /// A field's name, decoded.
    Key(Cow<'a, str>),
    /// A string that is a value, decoded.
    String(Cow<'a, str>),
    /// A number, `true`, `false` or `null`, as it is written.
    Scalar(&'a str),
}

/// What an object holds under a name. Of two values with the same name nobody can say which one its writer meant, and
/// no two readers agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field<'a> {
    Missing,
    Once(Json<'a>),
    Repeated,
}

impl<'a> Field<'a> {
    /// The value of a field that is there exactly once.
    pub fn once(self) -> Option<Json<'a>> {
        match self {
            Self::Once(value) => Some(value),
            Self::Missing | Self::Repeated => None,
        }
    }

    /// The decoded text of a string that is there exactly once.
    pub fn as_string(self) -> Option<Cow<'a, str>> {
        self.once().and_then(Json::as_string)
    }

    /// Whether it is missing, or null.
    pub fn is_absent(self) -> bool {
        match self {
            Self::Missing => true,
            Self::Once(value) => value.is_null(),
            Self::Repeated => false,
        }
    }
}

impl<'a> Json<'a> {
    /// The value that `text` holds; `None` where it is not exactly one.
    pub fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str::<IgnoredAny>(text).ok()?;
        Some(Self(text.trim_matches([' ', '\t', '\n', '\r'])))
    }

    /// The decoded text of a string.
    pub fn as_string(self) -> Option<Cow<'a, str>> {
        self.is_string().then(|| decode(self.0))
    }

    /// The value as it is written.
    pub fn written(self) -> &'a str {
        self.0
    }

    /// How long it is, in bytes as it is written.
    pub fn length(self) -> usize {
        self.0.len()
    }

    pub fn is_string(self) -> bool {
        self.0.starts_with('"')
    }

    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// A number, `true`, `false` or `null`, as it is written.
    pub fn as_scalar(self) -> Option<&'a str> {
        (!self.is_string() && !self.is_object() && !self.is_array()).then_some(self.0)
    }

    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    pub fn is_array(self) -> bool {
        self.0.starts_with('[')
    }

    /// An object's fields; nothing for any other value. Names that are equal all come.
    pub fn fields(self) -> impl Iterator<Item = (Cow<'a, str>, Self)> {
        let mut inside = Reader(if self.is_object() { self.inner() } else { "" });
        std::iter::from_fn(move || {
            let key = inside.value()?;
            Some((decode(key), Self(inside.value()?)))
        })
    }

    /// The fields with these names, found in one pass.
    pub fn pick<const N: usize>(self, names: [&str; N]) -> [Field<'a>; N] {
        let mut found = [Field::Missing; N];
        for (key, value) in self.fields() {
            if let Some(place) = names.iter().position(|name| *name == key).and_then(|at| found.get_mut(at)) {
                *place = match place {
                    Field::Missing => Field::Once(value),
                    Field::Once(_) | Field::Repeated => Field::Repeated,
                };
            }
        }
        found
    }

    /// An array's items; nothing for any other value.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let mut inside = Reader(if self.is_array() { self.inner() } else { "" });
        std::iter::from_fn(move || inside.value().map(Self))
    }

    /// Everything in the value, in document order.
    pub fn tokens(self) -> impl Iterator<Item = Token<'a>> {
        let mut reader = Reader(self.0);
        std::iter::from_fn(move || reader.token())
    }

    fn inner(self) -> &'a str {
        self.0.get(1..self.0.len().saturating_sub(1)).unwrap_or_default()
    }
}

/// What is left of a text whose syntax is known to be right.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn skip(&mut self, between: &[char]) {
        self.0 = self.0.trim_start_matches(between);
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.0.split_at_checked(bytes).unwrap_or((self.0, ""));
        self.0 = rest;
        taken
    }

    /// The next whole value, with all that is in it.
    fn value(&mut self) -> Option<&'a str> {
        self.skip(&[' ', '\t', '\n', '\r', ',', ':']);
        let end = match self.0.bytes().next()? {
            b'"' => string_end(self.0),
            b'{' | b'[' => container_end(self.0),
            _ => scalar_end(self.0),
        };
        Some(self.take(end))
    }

    fn token(&mut self) -> Option<Token<'a>> {
        self.skip(&[' ', '\t', '\n', '\r', ',', ':']);
        Some(match self.0.bytes().next()? {
            b'{' | b'[' => {
                self.take(1);
                Token::Open
            }
            b'}' | b']' => {
                self.take(1);
                Token::Close
            }
            b'"' => {
                let text = decode(self.take(string_end(self.0)));
                self.skip(&[' ', '\t', '\n', '\r']);
                if self.0.starts_with(':') { Token::Key(text) } else { Token::String(text) }
            }
            _ => Token::Scalar(self.take(scalar_end(self.0))),
        })
    }
}

/// The length of the string literal that `text` begins with, quotes included.
fn string_end(text: &str) -> usize {
    let mut at = 1;
    while let Some(found) = text.as_bytes().get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        match text.as_bytes().get(at - 1) {
            Some(b'"') => return at,
            // What follows a backslash is neither an end nor a backslash of its own.
            _ => at += 1,
        }
    }
    text.len()
}

fn container_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += text.get(at..).map_or(1, string_end);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn scalar_end(text: &str) -> usize {
    let after = [',', ':', '}', ']', ' ', '\t', '\n', '\r'];
    // At least one byte, so that no reader stands still.
    text.find(after).unwrap_or(text.len()).max(1)
}

/// The text of a string literal.
fn decode(literal: &str) -> Cow<'_, str> {
    let raw = literal.get(1..literal.len().saturating_sub(1)).unwrap_or_default();
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let decoded =
        serde_json::from_str(literal).or_else(|_| serde_json::from_str(&without_lone_surrogates(literal)));
    // Should there be an escape that neither reads: better its letters than nothing.
    decoded.map_or(Cow::Borrowed(raw), Cow::Owned)
}

/// JSON escapes can name half of a surrogate pair, which no Rust string can hold. Each such half becomes
/// U+FFFD, so that one odd character does not make a whole payload unreadable.
fn without_lone_surrogates(literal: &str) -> String {
    let unit = |text: &str| u16::from_str_radix(text.get(..6)?.strip_prefix("\\u")?, 16).ok();
    let mut mended = String::with_capacity(literal.len());
    let mut rest = literal;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let low = escape.get(6..).and_then(unit);
        let length = match (unit(escape), low) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                mended.push_str("\\ufffd");
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            (Some(_), _) => 6,
            (None, _) => 2,
        };
        let (kept, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        mended.push_str(kept);
        rest = after;
    }
    mended.push_str(rest);
    mended
}

#[cfg(test)]
pub mod testing {
    use proptest::prelude::*;
    use serde_json::Value;

    /// Any JSON value, for property tests.
    pub fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec((any::<String>(), inner), 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn equal_names_all_come_and_depth_costs_nothing() {
        let json = Json::parse(r#" {"a": 1, "a" :[2,{"b":"x"}], "\u0061":null} "#).unwrap();
        let fields: Vec<_> = json.fields().map(|(key, value)| (key.into_owned(), value.0)).collect();
        assert_eq!(fields, [("a".into(), "1"), ("a".into(), r#"[2,{"b":"x"}]"#), ("a".to_owned(), "null")]);
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(Json::parse(&deep).unwrap().tokens().count(), 2_000_000);
    }

    #[test]
    fn a_field_is_picked_where_it_is_there_exactly_once() {
        let json = Json::parse(r#"{"a":"x","b":null,"c":1,"\u0063":2,"d":{"a":"y"}}"#).unwrap();
        let [a, b, c, missing] = json.pick(["a", "b", "c", "e"]);
        assert_eq!(a.as_string().as_deref(), Some("x"));
        assert!(b.is_absent() && missing.is_absent() && !c.is_absent());
        assert_eq!((c, missing), (Field::Repeated, Field::Missing));
        assert_eq!(Json::parse("[1]").unwrap().pick(["a"]), [Field::Missing]);
    }

    #[test]
    fn lone_surrogates_are_replaced_and_pairs_kept() {
        let literal = r#""\\ud800 \ud800x \udc00\ud83d\ude00 \ud83d\ud83d\ude00 \ud83d\n""#;
        assert_eq!(decode(literal), "\\ud800 \u{FFFD}x \u{FFFD}😀 \u{FFFD}😀 \u{FFFD}\n");
    }

    #[test]
    fn what_is_not_exactly_one_value_is_refused() {
        for text in ["", "{", "{}x", "[1,]", "{\"a\"}", "'a'", "\"a\nb\"", "01", "nul"] {
            assert_eq!(Json::parse(text), None, "{text}");
        }
    }

    fn rebuild(tokens: &mut impl Iterator<Item = Token<'static>>) -> Vec<String> {
        tokens.map(|token| format!("{token:?}")).collect()
    }

    fn expected(value: &Value, tokens: &mut Vec<String>) {
        match value {
            Value::Array(items) => {
                tokens.push("Open".into());
                items.iter().for_each(|item| expected(item, tokens));
                tokens.push("Close".into());
            }
            Value::Object(fields) => {
                tokens.push("Open".into());
                for (key, value) in fields {
                    tokens.push(format!("{:?}", Token::Key(key.as_str().into())));
                    expected(value, tokens);
                }
                tokens.push("Close".into());
            }
            Value::String(text) => tokens.push(format!("{:?}", Token::String(text.as_str().into()))),
            other => tokens.push(format!("{:?}", Token::Scalar(&other.to_string()))),
        }
    }

    proptest! {
        #[test]
        fn the_tokens_are_those_of_the_tree(value in super::testing::any_json()) {
            let mut tree = Vec::new();
            expected(&value, &mut tree);
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                // Leaked for the test's sake: the tokens borrow from the text.
                let text: &'static str = text.leak();
                prop_assert_eq!(rebuild(&mut Json::parse(text).unwrap().tokens()), tree.clone());
            }
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in r#"[\[\]{}",:\\ud8c0-9 é\n]{0,60}"#) {
            if let Some(json) = Json::parse(&text) {
                json.tokens().for_each(drop);
                json.fields().for_each(drop);
                json.items().for_each(drop);
            }
        }
    }
}
