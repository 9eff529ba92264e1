//! What a registration adds to refusals and to the service's records: `--contact` and `--metadata`.

use std::ffi::OsString;

use super::escape::unescaped;
use super::setting::{Setting, Source};
use crate::printable::printable;

/// The longest contact, in characters.
const LONGEST_CONTACT: usize = 200;
/// The most pairs: with our own five the service takes no more than ten.
const MOST_PAIRS: usize = 5;
/// The service's limits, in characters.
const LONGEST_KEY: usize = 50;
const LONGEST_VALUE: usize = 255;
/// The keys that every scan has.
const OURS: [&str; 5] = ["hook", "tool_name", "session_id", "turn_id", "part"];

/// A key and its value, within the service's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataPair {
    pub key: String,
    pub value: String,
}

impl MetadataPair {
    /// Reads `KEY=VALUE`.
    ///
    /// # Errors
    /// What is wrong with it, as a clause.
    fn parse(text: &OsString) -> Result<Self, String> {
        let text = unescaped(text.to_str().ok_or("it is not Unicode")?);
        let (key, value) = text.split_once('=').ok_or("it is not KEY=VALUE")?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() || value.is_empty() {
            return Err("key or value is empty".to_owned());
        }
        if key.chars().count() > LONGEST_KEY || value.chars().count() > LONGEST_VALUE {
            return Err(format!(
                "the service takes keys of {LONGEST_KEY} and values of {LONGEST_VALUE} characters at most"
            ));
        }
        if text.chars().any(char::is_control) {
            return Err("it holds a control character".to_owned());
        }
        if OURS.contains(&key) {
            return Err(format!("f5-guard itself sends {}", OURS.join(", ")));
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

/// Why these pairs can't be used together; `None` where they can.
#[must_use]
pub fn metadata_problem(pairs: &[OsString]) -> Option<String> {
    let mut keys = Vec::new();
    for pair in pairs {
        match MetadataPair::parse(pair) {
            Err(problem) => return Some(problem),
            Ok(pair) if keys.contains(&pair.key) => {
                return Some(format!("the key {} is given twice", printable(&pair.key, LONGEST_KEY)));
            }
            Ok(pair) => keys.push(pair.key),
        }
    }
    (keys.len() > MOST_PAIRS).then(|| format!("there may be {MOST_PAIRS} pairs at most"))
}

/// The pairs of a registered command. What can't be used is left out, because it must not keep a text from being
/// scanned.
pub(super) fn metadata(given: &[OsString]) -> Setting<Vec<MetadataPair>> {
    let mut pairs: Vec<MetadataPair> = Vec::new();
    for pair in given.iter().filter_map(|pair| MetadataPair::parse(pair).ok()) {
        if pairs.len() < MOST_PAIRS && pairs.iter().all(|other| other.key != pair.key) {
            pairs.push(pair);
        }
    }
    Setting {
        problem: metadata_problem(given).map(|why| format!("--metadata can't be used as it is: {why}.")),
        source: if given.is_empty() { Source::Default } else { Source::Flag("--metadata") },
        value: pairs,
    }
}

/// Why this is no contact; `None` where it is.
#[must_use]
pub fn contact_problem(text: &OsString) -> Option<String> {
    let Some(text) = text.to_str().map(unescaped) else { return Some("it is not Unicode".to_owned()) };
    let shown = printable(&text, LONGEST_CONTACT);
    match text.trim() {
        "" => Some("it is empty".to_owned()),
        text if text.chars().count() > LONGEST_CONTACT => {
            Some(format!("it has more than {LONGEST_CONTACT} characters"))
        }
        text if text != shown => Some("it holds characters that can't be shown".to_owned()),
        _ => None,
    }
}

/// The contact of a registered command, as far as it can be shown.
pub(super) fn contact(given: Option<&OsString>) -> Setting<Option<String>> {
    let Some(text) = given else { return Setting::default_value(None) };
    let shown = printable(&unescaped(&text.to_string_lossy()), LONGEST_CONTACT);
    Setting {
        value: Some(shown).filter(|shown| !shown.is_empty()),
        source: Source::Flag("--contact"),
        problem: contact_problem(text).map(|why| format!("--contact can't be shown as it is: {why}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(texts: &[&str]) -> Vec<OsString> {
        texts.iter().map(OsString::from).collect()
    }

    #[test]
    fn pairs_beyond_the_services_limits_are_refused() {
        let (key, value) = ("k".repeat(50), "ü".repeat(255));
        assert_eq!(metadata_problem(&pairs(&[&format!("{key}={value}"), "team=a=b"])), None);
        for bad in [
            &format!("k{key}=x")[..],
            &format!("k={value}ü"),
            "team",
            "=x",
            "team=",
            "team= ",
            "a\nb=c",
            "hook=x",
            "session_id=x",
        ] {
            assert!(metadata_problem(&pairs(&[bad])).is_some(), "{bad}");
        }
        assert!(metadata_problem(&pairs(&["a=1", "a=2"])).is_some());
        assert_eq!(metadata_problem(&pairs(&["a=1", "b=1", "c=1", "d=1", "e=1"])), None);
        assert!(metadata_problem(&pairs(&["a=1", "b=1", "c=1", "d=1", "e=1", "f=1"])).is_some());
    }

    #[test]
    fn of_unusable_pairs_the_usable_ones_are_sent_and_the_rest_is_a_problem() {
        let read = metadata(&pairs(&["hook=x", "a=1", "a=2", "b=1", "c=1", "d=1", "e=1", "f=1"]));
        let keys: Vec<&str> = read.value.iter().map(|pair| pair.key.as_str()).collect();
        assert_eq!(keys, ["a", "b", "c", "d", "e"]);
        assert!(read.problem.is_some());
    }

    #[test]
    fn a_contact_is_one_printable_line_of_200_characters() {
        assert_eq!(contact_problem(&"security@example.com, Jörg".into()), None);
        assert_eq!(contact_problem(&"x".repeat(200).into()), None);
        for bad in ["", " ", &"x".repeat(201), "a\u{1b}[31m", "a\nb", "a\u{202e}b"] {
            assert!(contact_problem(&bad.into()).is_some(), "{bad:?}");
        }
        assert_eq!(contact(Some(&"a\u{1b}b".into())).value.as_deref(), Some("ab"));
    }
}
