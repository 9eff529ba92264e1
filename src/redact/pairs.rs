//! `key: value` and `key=value` in text that is not (or not quite) JSON: request templates with placeholders, form bodies,
//! header lines, YAML, environment files, JSON that is escaped inside other text.

use std::ops::Range;

use super::is_safe_placeholder;
use super::key::{self, KeyClass};
use super::kind::Kind;
use super::shape::Span;

/// Where a value without quotes ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unquoted {
    /// At white space: the text is prose, and the rest of the sentence should stay readable.
    Word,
    /// At the end of the line or of the form field: the text is part of a request.
    Line,
}

/// A quotation mark with the backslashes before it, which nested JSON brings along.
#[derive(Clone, Copy)]
struct Quote {
    mark: char,
    backslashes: usize,
}

/// Every value in `text` that follows a key which names a credential; in quotes also a person's name or address.
pub fn spans(text: &str, unquoted: Unquoted) -> Vec<Span> {
    text.match_indices([':', '=']).filter_map(|(at, _)| value_at(text, at, unquoted)).collect()
}

fn value_at(text: &str, separator: usize, unquoted: Unquoted) -> Option<Span> {
    let (name, key_quoted) = key_before(text.get(..separator)?)?;
    let kind = match key::classify(name) {
        KeyClass::Secret => Kind::Credential,
        KeyClass::Email if key_quoted => Kind::Email,
        KeyClass::Person if key_quoted => Kind::Person,
        _ => return None,
    };
    let mut start = separator + 1;
    let mut rest = text.get(start..)?;
    if rest.starts_with("//") {
        return None; // `token://` is a URL
    }
    if let Some(after_arrow) = rest.strip_prefix(['>', '=', ':']) {
        start += 1;
        rest = after_arrow;
    }
    let trimmed = rest.trim_start_matches([' ', '\t']);
    start += rest.len() - trimmed.len();
    let length = value_length(trimmed, name, key_quoted, unquoted)?;
    let (offset, length) = length;
    let value = trimmed.get(offset..offset + length)?;
    let shown = value.trim();
    let is_measure = key::counts_tokens(name) && shown.bytes().all(|byte| byte.is_ascii_digit());
    if shown.is_empty()
        || is_measure
        || matches!(shown, "null" | "true" | "false" | "[]" | "{}")
        || is_safe_placeholder(shown)
    {
        return None;
    }
    Some((start + offset..start + offset + length, kind))
}

/// The key right before a separator, and whether it is in quotes.
fn key_before(text: &str) -> Option<(&str, bool)> {
    let text = text.trim_end_matches([' ', '\t']);
    let unquoted = text.trim_end_matches(['"', '\'', '\\']);
    let is_key_char = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.');
    let name = unquoted.get(unquoted.trim_end_matches(is_key_char).len()..)?;
    (!name.is_empty()).then_some((name, unquoted.len() < text.len()))
}

/// Offset and length of the value at the start of `text`.
fn value_length(text: &str, name: &str, key_quoted: bool, unquoted: Unquoted) -> Option<(usize, usize)> {
    let backslashes = text.len() - text.trim_start_matches('\\').len();
    let after = text.get(backslashes..)?;
    if let Some(mark) = after.chars().next().filter(|char| matches!(char, '"' | '\'' | '`')) {
        let offset = backslashes + mark.len_utf8();
        let inner = text.get(offset..)?;
        return Some((offset, quoted_length(inner, Quote { mark, backslashes })));
    }
    for (open, close) in [("{{", "}}"), ("[", "]"), ("{", "}")] {
        if text.starts_with(open) {
            return Some((0, text.find(close).map_or(text.len(), |at| at + close.len())));
        }
    }
    let whole_line = unquoted == Unquoted::Line || takes_the_line(name);
    let ends = |char: char| match char {
        '\n' | '\r' | '&' | '"' => true,
        ',' | '}' => key_quoted,
        _ => !whole_line && char.is_whitespace(),
    };
    let mut from = 0;
    if !whole_line {
        // `Bearer abc` is one value of two words.
        let word = text.split_whitespace().next().unwrap_or_default();
        let is_scheme = ["bearer", "basic", "token", "apikey", "digest", "negotiate"]
            .iter()
            .any(|scheme| word.eq_ignore_ascii_case(scheme));
        if is_scheme && text.get(word.len()..).is_some_and(|rest| !rest.trim_start_matches(' ').is_empty()) {
            from = text.len() - text.get(word.len()..)?.trim_start_matches([' ', '\t']).len();
        }
    }
    let value = text.get(from..)?;
    Some((0, from + value.find(ends).unwrap_or(value.len())))
}

/// Headers whose value has spaces of its own.
fn takes_the_line(name: &str) -> bool {
    let compact = key::compact(name);
    ["authorization", "cookie", "connectionstring"].iter().any(|end| compact.ends_with(end))
}

/// Where the quote that opened before `text` closes; the whole of `text` if it does not.
fn quoted_length(text: &str, quote: Quote) -> usize {
    let closes: Option<Range<usize>> = text.match_indices(quote.mark).find_map(|(at, _)| {
        let before = text.get(..at)?;
        let backslashes = before.len() - before.trim_end_matches('\\').len();
        let closing =
            if quote.backslashes == 0 { backslashes % 2 == 0 } else { backslashes <= quote.backslashes };
        closing.then(|| at - backslashes.min(quote.backslashes)..at)
    });
    closes.map_or(text.len(), |range| range.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str, unquoted: Unquoted) -> Vec<&str> {
        spans(text, unquoted).into_iter().filter_map(|(range, _)| text.get(range)).collect()
    }

    #[test]
    fn values_are_found_in_json_with_placeholders() {
        let text = r#"{"model": {{model}}, "api_key": "hunter2", "max_tokens": 10, "x": "y"}"#;
        assert_eq!(hidden(text, Unquoted::Line), ["hunter2"]);
    }

    #[test]
    fn values_are_found_in_escaped_json() {
        assert_eq!(hidden(r#"body {\"password\":\"hun\\\"ter2\"} {{x}}"#, Unquoted::Word).len(), 1);
        assert_eq!(hidden(r#"{\"password\":\"hunter2\",\"a\":\"b\"}"#, Unquoted::Word), ["hunter2"]);
    }

    #[test]
    fn form_fields_header_lines_and_environment_files_are_understood() {
        assert_eq!(hidden("grant_type=x&client_secret=hunter2&scope=a", Unquoted::Line), ["hunter2"]);
        assert_eq!(hidden("Accept: a/b\nx-api-key: hunter 2\nHost: h", Unquoted::Line), ["hunter 2"]);
        assert_eq!(hidden("export API_KEY='hunter2'", Unquoted::Word), ["hunter2"]);
        assert_eq!(hidden("Authorization: Bearer hunter2, more", Unquoted::Word), ["Bearer hunter2, more"]);
        assert_eq!(hidden("password = hunter2 is wrong", Unquoted::Word), ["hunter2"]);
    }

    #[test]
    fn empty_values_measures_and_placeholders_stay() {
        for text in [
            r#""password": "", "token": null"#,
            "max_tokens: 500",
            r#""token": "{{ secrets.token }}""#,
            "see token://x",
            "tokenCount: 3",
        ] {
            assert_eq!(hidden(text, Unquoted::Line), [""; 0], "{text}");
        }
    }
}
