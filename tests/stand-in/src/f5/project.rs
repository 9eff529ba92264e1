//! A project whose scanners have modes, as the vendor's console sets them: audit, redact or block.
//!
//! Shapes are those of the vendor's OpenAPI 9.189.0: with `flagOnly` (the default) every hit is `flagged` and
//! `redactedInput` is the input; without it the scanner's mode decides, and what redacting scanners found is asterisks.

use std::ops::Range;

use serde_json::{Map, Value, json};

use super::{Outcome, Request, Scanner, Verdict};

/// What a scanner does about a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    Audit,
    Redact,
    Block,
}

impl Mode {
    /// The word of the vendor's `ScanMode`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Redact => "redact",
            Self::Block => "block",
        }
    }
}

/// A scanner of a project: a type, a mode, and the words that it finds.
#[derive(Debug, Clone)]
pub struct ProjectScanner {
    kind: String,
    mode: Mode,
    words: Vec<String>,
    off_by: usize,
}

impl ProjectScanner {
    pub fn new(kind: &str, mode: Mode, words: &[&str]) -> Self {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Self { kind: kind.to_owned(), mode, words, off_by: 0 }
    }

    /// Reports its spans so many characters too early, as the vendor's own example of a named entity does. What it masks is
    /// right.
    pub fn off_by(mut self, characters: usize) -> Self {
        self.off_by = characters;
        self
    }

    /// Where the words are, in characters.
    fn found(&self, input: &str) -> Vec<(&str, Range<usize>)> {
        let mut found = Vec::new();
        for word in &self.words {
            for (at, _) in input.match_indices(word.as_str()) {
                let start = input.get(..at).unwrap_or_default().chars().count();
                found.push((word.as_str(), start..start + word.chars().count()));
            }
        }
        found
    }

    fn result(&self, found: &[(&str, Range<usize>)]) -> Scanner {
        let outcome = if found.is_empty() { "passed" } else { "failed" };
        let scanner = Scanner::new(&self.kind, outcome);
        let spans: Vec<Value> = found
            .iter()
            .map(|(_, range)| {
                json!([range.start.saturating_sub(self.off_by), range.end.saturating_sub(self.off_by)])
            })
            .collect();
        if spans.is_empty() {
            return scanner;
        }
        match self.kind.as_str() {
            "pii_detection" => scanner.detail("detections", json!({"email_address": spans})),
            "regex" => scanner.detail("matches", json!(spans)),
            "secret" => scanner.detail("matches", json!({"regex": {"AWS": spans}})),
            "keyword" => {
                let mut words = Map::new();
                for ((word, _), span) in found.iter().zip(spans) {
                    let list = words.entry((*word).to_owned()).or_insert_with(|| json!([]));
                    if let Value::Array(list) = list {
                        list.push(span);
                    }
                }
                scanner.detail("matches", Value::Object(words))
            }
            "named_entity" => {
                let entities = found.iter().zip(spans).map(|((word, _), span)| {
                    json!({"person": {"category": "person", "score": 97.4, "span": span, "span_text": word}})
                });
                scanner.detail("entities", entities.collect())
            }
            // Others have scores at most.
            _ => scanner,
        }
    }
}

/// The scanners of a project.
#[derive(Debug, Clone)]
pub struct Project(Vec<ProjectScanner>);

impl Project {
    pub fn new(scanners: impl IntoIterator<Item = ProjectScanner>) -> Self {
        Self(scanners.into_iter().collect())
    }

    /// What this project's scanners say of a request.
    pub fn verdict(&self, request: &Request) -> Verdict {
        let flag_only = request.field("flagOnly").and_then(Value::as_bool).unwrap_or(true);
        self.verdict_on(request.input().unwrap_or_default(), flag_only)
    }

    fn verdict_on(&self, input: &str, flag_only: bool) -> Verdict {
        let mut worst = None;
        let mut redacted: Vec<char> = input.chars().collect();
        let mut results = Vec::new();
        for scanner in &self.0 {
            let found = scanner.found(input);
            if !found.is_empty() {
                worst = worst.max(Some(scanner.mode));
            }
            if scanner.mode == Mode::Redact && !flag_only {
                for (_, range) in &found {
                    redacted.iter_mut().take(range.end).skip(range.start).for_each(|letter| *letter = '*');
                }
            }
            results.push(scanner.result(&found));
        }
        let outcome = match worst {
            None => Outcome::Cleared,
            Some(_) if flag_only => Outcome::Flagged,
            Some(Mode::Audit) => Outcome::Flagged,
            Some(Mode::Redact) => Outcome::Redacted,
            Some(Mode::Block) => Outcome::Blocked,
        };
        Verdict::new(outcome).scanners(results).redacted_input(&redacted.into_iter().collect::<String>())
    }

    /// The body of `GET /backend/v1/projects/{project}/scanners`.
    pub fn configuration(&self) -> Value {
        let id = |number: usize| format!("018f2f24-eca0-70a6-9447-{number:012}");
        let mut scanners = Map::new();
        let mut configs = Map::new();
        for (number, scanner) in self.0.iter().enumerate() {
            let id = id(number);
            scanners.insert(
                id.clone(),
                json!({"id": id, "name": format!("{} of the team", scanner.kind), "config": {"type": scanner.kind}, "versionMeta": {}}),
            );
            configs.insert(id.clone(), json!({"id": id, "enabled": true, "mode": scanner.mode.word()}));
        }
        json!({"projectScanners": {"scanners": scanners, "configs": configs, "forcedScanners": {}}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> Project {
        Project::new([
            ProjectScanner::new("regex", Mode::Audit, &["build 7"]),
            ProjectScanner::new("pii_detection", Mode::Redact, &["ann@example.com"]),
            ProjectScanner::new("secret", Mode::Block, &["AKIA"]),
        ])
    }

    fn outcome(input: &str, flag_only: bool) -> (String, String) {
        let body = project().verdict_on(input, flag_only).body(input, "request", 1);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&body["result"]["outcome"]), text(&body["redactedInput"]))
    }

    #[test]
    fn the_strictest_mode_of_those_that_found_something_counts() {
        for (input, expected) in [
            ("x", "cleared"),
            ("build 7", "flagged"),
            ("build 7 by ann@example.com", "redacted"),
            ("ann@example.com has AKIA", "blocked"),
        ] {
            assert_eq!(outcome(input, false).0, expected, "{input}");
            assert_eq!(
                outcome(input, true),
                (if expected == "cleared" { "cleared" } else { "flagged" }.to_owned(), input.to_owned())
            );
        }
        assert_eq!(outcome("é ann@example.com", false).1, "é ***************");
    }
}
