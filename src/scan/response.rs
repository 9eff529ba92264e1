//! Reading a scan answer. Only `result.outcome` is relied on; live bodies leave other fields out.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::error::ScanError;
use super::report::{Outcome, ScannerOutcome, ScannerResult};
use crate::printable::printable;

/// The verdict on one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub outcome: Outcome,
    pub scanners: Vec<ScannerResult>,
    pub scan_id: Option<String>,
    pub redacted_input: Option<String>,
}

/// The place of the outcome. Reading it fails where a key on the way is there twice, of which a [`Value`] keeps one.
#[derive(Deserialize)]
struct Said {
    #[serde(rename = "result")]
    _result: SaidResult,
}

#[derive(Deserialize)]
struct SaidResult {
    #[serde(rename = "outcome")]
    _outcome: IgnoredAny,
}

/// Reads the body of an HTTP 200.
///
/// # Errors
/// [`ScanError::BadBody`] where there is no outcome to read; [`ScanError::ScannerFailed`] and
/// [`ScanError::NoScannerRan`] where the outcome is `cleared` although nobody looked properly.
pub fn parse(bytes: &[u8]) -> Result<Verdict, ScanError> {
    let body: Value = serde_json::from_slice(bytes).map_err(|_| ScanError::BadBody("it is not JSON"))?;
    let result = body.get("result").ok_or(ScanError::BadBody("it has no `result`"))?;
    let outcome = match result.get("outcome") {
        Some(Value::String(word)) => Outcome::from_word(word),
        _ => return Err(ScanError::BadBody("it has no `result.outcome`")),
    };
    if serde_json::from_slice::<Said>(bytes).is_err() {
        return Err(ScanError::BadBody("it has more than one `result.outcome`"));
    }
    let scanners: Vec<_> = match result.get("scannerResults") {
        Some(Value::Array(results)) => results.iter().map(scanner).collect(),
        _ => Vec::new(),
    };
    if outcome == Outcome::Cleared {
        let failed = scanners.iter().filter(|s| s.outcome == ScannerOutcome::Error).count();
        if failed > 0 {
            return Err(ScanError::ScannerFailed { failed, of: scanners.len() });
        }
        if !scanners.is_empty() && scanners.iter().all(|s| s.outcome == ScannerOutcome::NotRun) {
            return Err(ScanError::NoScannerRan);
        }
    }
    Ok(Verdict {
        outcome,
        scanners,
        scan_id: body.get("id").and_then(Value::as_str).map(|id| printable(id, 64)),
        redacted_input: body.get("redactedInput").and_then(Value::as_str).map(str::to_owned),
    })
}

fn scanner(result: &Value) -> ScannerResult {
    let data_type = result.pointer("/data/type").and_then(Value::as_str).unwrap_or_default();
    let outcome = result.get("outcome").and_then(Value::as_str).unwrap_or_default();
    let says = |word: &str| data_type.eq_ignore_ascii_case(word) || outcome.eq_ignore_ascii_case(word);
    ScannerResult {
        scanner_id: result.get("scannerId").and_then(Value::as_str).map(|id| printable(id, 64)),
        scanner_type: match printable(data_type, 60) {
            kind if kind.is_empty() => "unnamed scanner".to_owned(),
            kind => kind,
        },
        outcome: match outcome {
            _ if says("error") => ScannerOutcome::Error,
            _ if says("N/A") => ScannerOutcome::NotRun,
            "passed" => ScannerOutcome::Passed,
            "failed" => ScannerOutcome::Failed,
            _ => ScannerOutcome::Unknown,
        },
        message: result
            .get("message")
            .and_then(Value::as_str)
            .map(|message| printable(message, 300))
            .filter(|message| !message.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_contracts_example_is_read_in_full() {
        let body = r#"{"id":"019fb483-2087-7078-b24c-fa57585a52c7","result":{"outcome":"flagged","scannerResults":[
            {"scannerId":"a","outcome":"passed","data":{"type":"regex","matches":[]}},
            {"scannerId":"b","outcome":"failed","message":"operator's \u001b[1mflag text ","data":{"type":"prompt_injection"}}]},
            "redactedInput":"x"}"#;
        let verdict = parse(body.as_bytes()).unwrap();
        assert_eq!(verdict.outcome, Outcome::Flagged);
        assert_eq!(verdict.scan_id.as_deref(), Some("019fb483-2087-7078-b24c-fa57585a52c7"));
        assert_eq!(verdict.redacted_input.as_deref(), Some("x"));
        assert_eq!(verdict.scanners[0].outcome, ScannerOutcome::Passed);
        assert_eq!(verdict.scanners[1].scanner_type, "prompt_injection");
        assert_eq!(verdict.scanners[1].message.as_deref(), Some("operator's [1mflag text"));
    }

    #[test]
    fn a_body_with_nothing_but_the_outcome_is_enough() {
        assert_eq!(parse(br#"{"result":{"outcome":"cleared"}}"#).unwrap().outcome, Outcome::Cleared);
    }

    #[test]
    fn two_outcomes_are_none() {
        for body in [
            r#"{"result":{"outcome":"flagged","outcome":"cleared"}}"#,
            r#"{"result":{"outcome":"flagged","\u006futcome":"cleared"}}"#,
            r#"{"result":{"outcome":"flagged"},"result":{"outcome":"cleared"}}"#,
        ] {
            assert!(matches!(parse(body.as_bytes()), Err(ScanError::BadBody(_))), "{body}");
        }
    }

    #[test]
    fn an_unknown_outcome_is_not_cleared() {
        for word in ["Cleared", "clear", "ok", "", "cleared "] {
            let body = serde_json::json!({"result": {"outcome": word}}).to_string();
            assert_ne!(parse(body.as_bytes()).unwrap().outcome, Outcome::Cleared, "{word:?}");
        }
    }

    #[test]
    fn cleared_does_not_count_where_a_scanner_failed_or_none_ran() {
        let error = br#"{"result":{"outcome":"cleared","scannerResults":[{"outcome":"passed","data":{"type":"regex"}},{"outcome":"passed","data":{"type":"error"}}]}}"#;
        assert_eq!(parse(error), Err(ScanError::ScannerFailed { failed: 1, of: 2 }));
        let none = br#"{"result":{"outcome":"cleared","scannerResults":[{"outcome":"passed","data":{"type":"N/A"}}]}}"#;
        assert_eq!(parse(none), Err(ScanError::NoScannerRan));
        let some = br#"{"result":{"outcome":"cleared","scannerResults":[{"outcome":"passed","data":{"type":"N/A"}},{"outcome":"passed","data":{"type":"pii_detection"}}]}}"#;
        assert_eq!(parse(some).unwrap().outcome, Outcome::Cleared);
    }

    #[test]
    fn a_hit_counts_even_where_another_scanner_failed() {
        let body = br#"{"result":{"outcome":"flagged","scannerResults":[{"outcome":"failed","data":{"type":"error"}}]}}"#;
        assert_eq!(parse(body).unwrap().outcome, Outcome::Flagged);
    }

    #[test]
    fn wrong_types_are_a_bad_body() {
        for body in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"result":[]}"#,
            r#"{"result":{"outcome":1}}"#,
            r#"{"result":{"outcome":null}}"#,
        ] {
            assert!(matches!(parse(body.as_bytes()), Err(ScanError::BadBody(_))), "{body}");
        }
    }

    proptest! {
        #[test]
        fn only_the_literal_words_clear(word in any::<String>()) {
            let body = serde_json::json!({"result": {"outcome": word}}).to_string();
            let cleared = parse(body.as_bytes()).unwrap().outcome == Outcome::Cleared;
            prop_assert_eq!(cleared, word == "cleared" || word == "passed");
        }
    }
}
