//! Credentials in URLs: user info, and query parameters whose name or value gives them away.

use std::ops::Range;

use percent_encoding::percent_decode_str;

use super::key::{self, KeyClass};
use super::kind::Kind;
use super::shape::Span;
use super::{entropy, shape};

/// How much of a URL's query may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// What neither its name nor its shape gives away.
    Unsuspicious,
    /// Only parameters that are known to be harmless: the URL is part of a provider's template.
    KnownHarmless,
}

/// Parameters of the model vendors' APIs that select a version or a format.
const HARMLESS_PARAMETERS: &[&str] =
    &["apiversion", "version", "alt", "format", "stream", "limit", "model", "deployment"];

/// Whether a query parameter's value may be shown, if its shape does not give it away.
pub fn is_harmless_parameter(name: &str) -> bool {
    HARMLESS_PARAMETERS.contains(&key::compact(name).as_str())
}

/// Every part of the URLs in `text` that must not be shown.
pub fn spans(text: &str, query: Query) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("://")) {
        let start = from + at + 3;
        let rest = text.get(start..).unwrap_or_default();
        let end = start
            + rest.find(|char: char| char.is_whitespace() || "\"'<>`\\".contains(char)).unwrap_or(rest.len());
        spans.extend(user_info(text, start..end).map(|range| (range, Kind::UrlUserInfo)));
        from = start;
    }
    query_values(text, query, &mut spans);
    spans
}

/// The user info of a URL whose part behind `://` is `range`.
fn user_info(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let rest = text.get(range.clone())?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let at = match authority.rfind('@') {
        Some(at) => at,
        None => {
            // A raw `/`, `?` or `#` in a password cuts the authority short: then what looks like a port is none.
            let (_, port) = authority.rsplit_once(':')?;
            if authority.ends_with(']')
                || port.bytes().all(|byte| byte.is_ascii_digit())
                || port.starts_with('{')
            {
                return None;
            }
            rest.rfind('@')?
        }
    };
    (at > 0).then(|| range.start..range.start + at)
}

/// Finds `?name=value` and `&name=value`, also in relative URLs.
fn query_values(text: &str, query: Query, spans: &mut Vec<Span>) {
    for (at, _) in text.match_indices(['?', '&', '#']) {
        let start = at + 1;
        let rest = text.get(start..).unwrap_or_default();
        let end =
            rest.find(|char: char| char.is_whitespace() || "&#\"'<>`".contains(char)).unwrap_or(rest.len());
        let Some((name, value)) = rest.get(..end).and_then(|pair| pair.split_once('=')) else { continue };
        let decoded_name = percent_decode_str(name).decode_utf8_lossy();
        let range = start + name.len() + 1..start + end;
        if value.is_empty() || decoded_name.is_empty() || super::is_safe_placeholder(value) {
            continue;
        }
        let decoded = percent_decode_str(value).decode_utf8_lossy();
        let suspicious = key::classify(&decoded_name) == KeyClass::Secret
            || matches!(decoded_name.as_ref(), "code" | "auth" | "state")
            || !shape::spans(&decoded).is_empty()
            || !entropy::random_runs(&decoded).is_empty();
        if suspicious || (query == Query::KnownHarmless && !is_harmless_parameter(&decoded_name)) {
            spans.push((range, Kind::QueryParameter));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(url: &str, query: Query) -> Vec<&str> {
        spans(url, query).into_iter().filter_map(|(range, _)| url.get(range)).collect()
    }

    #[test]
    fn user_info_is_found_whatever_the_password_is_made_of() {
        assert_eq!(hidden("https://bob:hunter2@h.test/p", Query::Unsuspicious), ["bob:hunter2"]);
        assert_eq!(hidden("go to postgres://bob:p@ss@db:5432/x.", Query::Unsuspicious), ["bob:p@ss"]);
        assert_eq!(hidden("https://bob:pa/ss@h.test/", Query::Unsuspicious), ["bob:pa/ss"]);
        assert_eq!(hidden("https://h.test:8443/users/@me", Query::Unsuspicious), [""; 0]);
    }

    #[test]
    fn keys_in_the_query_are_found_under_any_spelling_of_their_name() {
        assert_eq!(
            hidden("https://h.test/p?key=abc&alt=sse&subscription-key=d#e", Query::Unsuspicious),
            ["abc", "d"]
        );
        assert_eq!(hidden("/p?api%5Fkey=abc", Query::Unsuspicious), ["abc"]);
        assert_eq!(
            hidden("/p?x=sk%2Dproj%2Dabcdefghijkl", Query::Unsuspicious),
            ["sk%2Dproj%2Dabcdefghijkl"]
        );
    }

    #[test]
    fn a_templates_query_shows_only_what_is_known_to_be_harmless() {
        let url = "https://h.test/p?api-version=2024-06-01&tenant=acme";
        assert_eq!(hidden(url, Query::KnownHarmless), ["acme"]);
        assert_eq!(hidden(url, Query::Unsuspicious), [""; 0]);
    }
}
