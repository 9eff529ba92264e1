//! What a scan found, and the JSON body in which the service says so.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::Reply;

/// `result.outcome` of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Cleared,
    Flagged,
    Redacted,
    Blocked,
    /// A word that no published version of the API has.
    Unknown(&'static str),
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Cleared => "cleared",
            Self::Flagged => "flagged",
            Self::Redacted => "redacted",
            Self::Blocked => "blocked",
            Self::Unknown(word) => word,
        }
    }
}

/// One scanner's entry in `result.scannerResults`.
#[derive(Debug, Clone)]
pub struct Scanner {
    kind: String,
    outcome: String,
    message: Option<String>,
    details: Map<String, Value>,
}

impl Scanner {
    /// A scanner of this type that found nothing.
    pub fn passed(kind: &str) -> Self {
        Self::new(kind, "passed")
    }

    /// A scanner of this type that found something.
    pub fn failed(kind: &str) -> Self {
        Self::new(kind, "failed")
    }

    /// A scanner that broke: `data.type` is `error`.
    pub fn broken() -> Self {
        Self::new("error", "passed").detail("msg", json!("the scanner did not answer"))
    }

    /// A scanner that did not run: `data.type` is `N/A`.
    pub fn not_run() -> Self {
        Self::new("N/A", "passed").detail("msg", Value::Null)
    }

    /// A scanner with any outcome.
    pub fn new(kind: &str, outcome: &str) -> Self {
        Self { kind: kind.to_owned(), outcome: outcome.to_owned(), message: None, details: Map::new() }
    }

    /// The text that the operator wrote for a hit.
    pub fn message(mut self, message: &str) -> Self {
        self.message = Some(message.to_owned());
        self
    }

    /// A further field of `data`.
    pub fn detail(mut self, key: &str, value: Value) -> Self {
        self.details.insert(key.to_owned(), value);
        self
    }

    fn body(&self, number: usize, direction: &str, [begun, done]: [&str; 2]) -> Value {
        let mut data = Map::from_iter([("type".to_owned(), json!(self.kind))]);
        data.extend(required_details(&self.kind).map(|(key, value)| (key.to_owned(), value)));
        data.extend(self.details.clone());
        let mut body = json!({
            "scannerId": format!("01915be4-70f2-71c8-9b2d-{number:012}"),
            "outcome": self.outcome,
            "customConfig": false,
            "scanDirection": direction,
            "startedDate": begun,
            "completedDate": done,
            "data": data,
        });
        if let Some(message) = &self.message {
            body["message"] = json!(message);
        }
        body
    }
}

/// As the service writes a time: UTC with microseconds.
fn timestamp(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second, micro) = time.to_hms_micro();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}Z", u8::from(month))
}

/// What the vendor's schema demands in `data` of a scanner of this type, with nothing found.
fn required_details(kind: &str) -> Option<(&'static str, Value)> {
    match kind {
        "regex" => Some(("matches", json!([]))),
        "keyword" | "secret" | "source_code" => Some(("matches", json!({}))),
        "pii_detection" | "topics" => Some(("detections", json!({}))),
        "legal" | "prompt_injection" => Some(("scores", json!({}))),
        _ => None,
    }
}

/// The answer to a scan that went well, whatever it found.
#[derive(Debug, Clone)]
pub struct Verdict {
    outcome: Outcome,
    scanners: Vec<Scanner>,
    id: Id,
    redacting: Option<String>,
    redacted_input: Option<String>,
    detail: Detail,
}

#[derive(Debug, Clone)]
enum Id {
    /// Counts the scans of this stand-in, so that the first one's id is always the same.
    Counted,
    Given(String),
    Null,
}

/// How much of the documented body is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Whole,
    OutcomeOnly,
}

impl Verdict {
    /// Two scanners ran and found nothing.
    pub fn cleared() -> Self {
        Self::new(Outcome::Cleared)
            .scanner(Scanner::passed("prompt_injection").detail("scores", json!({"malicious": [0.2]})))
            .scanner(Scanner::passed("regex"))
    }

    /// The prompt injection scanner found something.
    pub fn flagged() -> Self {
        Self::hit(Outcome::Flagged)
    }

    /// As `flagged`, with a scanner whose mode is to block.
    pub fn blocked() -> Self {
        Self::hit(Outcome::Blocked)
    }

    /// A regex scanner found `text`; in `redactedInput` asterisks replace it.
    pub fn redacted(text: &str) -> Self {
        let mut verdict = Self::new(Outcome::Redacted)
            .scanner(Scanner::passed("prompt_injection"))
            .scanner(Scanner::failed("regex").message("Internal address"));
        verdict.redacting = Some(text.to_owned());
        verdict
    }

    /// The outcome is a word that is not in the contract.
    pub fn unknown(word: &'static str) -> Self {
        Self::new(Outcome::Unknown(word)).scanner(Scanner::passed("prompt_injection"))
    }

    /// Any outcome, without scanners: the list is empty, as where a project has none.
    pub fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            scanners: Vec::new(),
            id: Id::Counted,
            redacting: None,
            redacted_input: None,
            detail: Detail::Whole,
        }
    }

    fn hit(outcome: Outcome) -> Self {
        Self::new(outcome).scanner(Scanner::passed("regex")).scanner(
            Scanner::failed("prompt_injection")
                .message("Company policy forbids this ")
                .detail("scores", json!({"malicious": [97.5]})),
        )
    }

    /// One scanner more.
    pub fn scanner(mut self, scanner: Scanner) -> Self {
        self.scanners.push(scanner);
        self
    }

    /// These scanners and no others.
    pub fn scanners(mut self, scanners: impl IntoIterator<Item = Scanner>) -> Self {
        self.scanners = scanners.into_iter().collect();
        self
    }

    /// This scan id instead of a counted one.
    pub fn id(mut self, id: &str) -> Self {
        self.id = Id::Given(id.to_owned());
        self
    }

    /// `"id": null`, as the service answers where scans are not recorded.
    pub fn without_id(mut self) -> Self {
        self.id = Id::Null;
        self
    }

    /// This text as `redactedInput`.
    pub fn redacted_input(mut self, text: &str) -> Self {
        self.redacted_input = Some(text.to_owned());
        self
    }

    /// Nothing but `result.outcome`: the only field that may be relied on.
    pub fn outcome_only(mut self) -> Self {
        self.detail = Detail::OutcomeOnly;
        self
    }

    /// Waits before it answers.
    pub fn after(self, delay: Duration) -> Reply {
        Reply::from(self).after(delay)
    }

    /// The body of the answer to a scan of `input`, the `number`th of this stand-in, that took no time.
    pub fn body(&self, input: &str, direction: &str, number: usize) -> Value {
        let now = SystemTime::now();
        self.body_of_scan(input, direction, number, [now, now])
    }

    /// The body of the answer to a scan that began and ended at these times.
    pub(super) fn body_of_scan(
        &self,
        input: &str,
        direction: &str,
        number: usize,
        times: [SystemTime; 2],
    ) -> Value {
        let outcome = self.outcome.word();
        if self.detail == Detail::OutcomeOnly {
            return json!({"result": {"outcome": outcome}});
        }
        let [begun, done] = times.map(timestamp);
        let entry = |(scanner, number): (&Scanner, _)| scanner.body(number, direction, [&begun, &done]);
        let scanners: Vec<Value> = self.scanners.iter().zip(1..).map(entry).collect();
        let id = match &self.id {
            Id::Counted => json!(format!("019fb483-2087-7078-b24c-{number:012}")),
            Id::Given(id) => json!(id),
            Id::Null => Value::Null,
        };
        let redacted = match &self.redacting {
            _ if self.redacted_input.is_some() => self.redacted_input.clone().unwrap_or_default(),
            Some(text) => input.replace(text, &"*".repeat(text.chars().count())),
            None => input.to_owned(),
        };
        json!({
            "id": id,
            "result": {"outcome": outcome, "scannerResults": scanners},
            "redactedInput": redacted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scanner_names_when_it_began_and_ended_as_the_service_writes_it() {
        let begun = SystemTime::UNIX_EPOCH + Duration::from_micros(1_767_603_600_000_007);
        let done = begun + Duration::from_millis(12);
        let body = Verdict::cleared().body_of_scan("", "request", 1, [begun, done]);
        let scanner = &body["result"]["scannerResults"][0];
        assert_eq!(scanner["startedDate"], "2026-01-05T09:00:00.000007Z");
        assert_eq!(scanner["completedDate"], "2026-01-05T09:00:00.012007Z");
    }
}
