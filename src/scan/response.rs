//! Reading a scan answer. Only `result.outcome` is relied on to be there; live bodies leave other fields out.
//!
//! `cleared` counts only where nothing else in the answer says that the scanners did not all run and pass.

use std::borrow::Cow;
use std::time::Duration;

use time::OffsetDateTime;

use super::error::ScanError;
use super::mask::{Claim, Mask};
use super::report::{Outcome, ScanTimes, ScannerResult};
use super::scanner::{Kind, ScannerOutcome, claim, is_clearly_failed, judge, scanner};
use crate::clock;
use crate::json::{Field, Json};
use crate::printable::printable;

/// Of an answer at most so many objecting scanners are kept, however many it lists.
pub const MAX_SCANNERS: usize = 100;

/// The verdict on one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub outcome: Outcome,
    /// The scanners that objected, at most [`MAX_SCANNERS`].
    pub scanners: Vec<ScannerResult>,
    pub scan_id: Option<String>,
    /// Whether all scanners said what they found, as far as the answer shows.
    pub complete: bool,
    /// What the answer itself says of them: the service's own time.
    pub times: ScanTimes,
    /// Where the piece is masked, as far as that can be trusted. Only where the scanners' own modes count.
    pub mask: Option<Mask>,
    /// Why a text with this hit may not go ahead, as one that is cleared might not. Only where the scanners' own modes
    /// count.
    pub doubt: Option<ScanError>,
}

/// Reads the body of an HTTP 200, in time and memory that grow with its length only.
///
/// # Errors
/// [`ScanError::BadBody`] where there is no outcome to read, or no list of results to go with it; others where the
/// outcome is `cleared` although it is not shown that the scanners ran and passed.
pub fn parse(bytes: &[u8]) -> Result<Verdict, ScanError> {
    read(bytes, None)
}

/// The same of the answer to a scan for which the scanners' own modes count: a hit can let its text pass, as it is or
/// masked, so that the evidence for one is asked of the other. Masking that the outcome does not speak of is a
/// contradiction.
///
/// # Errors
/// As `parse`.
pub fn parse_by_modes(bytes: &[u8], input: &str) -> Result<Verdict, ScanError> {
    read(bytes, Some(input))
}

fn read(bytes: &[u8], input: Option<&str>) -> Result<Verdict, ScanError> {
    // The quick look first: with replacements it takes several times as long.
    let text = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
    let body = Json::parse(&text).ok_or(ScanError::BadBody("it is not JSON"))?;
    let [result, id, redacted] = body.pick(["result", "id", "redactedInput"]);
    let [outcome, results] = match result {
        Field::Once(result) => result.pick(["outcome", "scannerResults"]),
        Field::Missing => return Err(ScanError::BadBody("it has no `result`")),
        Field::Repeated => return Err(ScanError::BadBody("it has more than one `result`")),
    };
    let said = match (outcome, outcome.as_string()) {
        (Field::Repeated, _) => return Err(ScanError::BadBody("it has more than one `result.outcome`")),
        (_, None) => return Err(ScanError::BadBody("it has no `result.outcome`")),
        (_, Some(word)) => Outcome::from_word(&word),
    };
    let mut listed = Listed { by_modes: input.is_some(), ..Listed::default() };
    results.once().into_iter().flat_map(Json::items).for_each(|result| listed.add(result));
    let lossy = matches!(text, Cow::Owned(_));
    let outcome = match said {
        Outcome::Cleared if listed.failed > 0 => Outcome::Contradicted,
        // Bytes that had to be replaced may have said something else. A hit counts all the same.
        Outcome::Cleared if lossy => {
            return Err(ScanError::BadBody("it is not valid UTF-8"));
        }
        Outcome::Cleared => {
            listed.prove_a_pass(results)?;
            Outcome::Cleared
        }
        other => other,
    };
    let by_modes = input.map(|input| listed.by_modes(outcome.clone(), input, redacted, results, lossy));
    let ByModes { outcome, mask, doubt } = by_modes.unwrap_or(ByModes { outcome, mask: None, doubt: None });
    Ok(Verdict {
        complete: !lossy && doubt.is_none() && listed.is_complete(results),
        outcome,
        mask,
        doubt,
        times: ScanTimes { first_byte: None, service: listed.service_time() },
        scanners: listed.objecting,
        scan_id: id.as_string().map(|id| printable(&id, 64)),
    })
}

/// What the results of an answer's scanners come to.
#[derive(Default)]
struct Listed {
    count: usize,
    passed: usize,
    failed: usize,
    broken: usize,
    unclear: usize,
    objecting: Vec<ScannerResult>,
    /// Whether it matters where they found something.
    by_modes: bool,
    /// Where they did; `None` stands for a scanner that says so in a way that is not understood.
    claims: Vec<Option<Claim>>,
    /// When the first scanner began and the last one was done.
    begun: Option<OffsetDateTime>,
    done: Option<OffsetDateTime>,
}

impl Listed {
    fn add(&mut self, result: Json<'_>) {
        self.count += 1;
        self.note_times(result);
        let kind = Kind::of(result);
        let outcome = judge(result, &kind);
        *match outcome {
            ScannerOutcome::Passed => &mut self.passed,
            ScannerOutcome::Failed => &mut self.failed,
            ScannerOutcome::Error => &mut self.broken,
            ScannerOutcome::Unknown => &mut self.unclear,
            ScannerOutcome::NotRun => return,
        } += 1;
        if outcome == ScannerOutcome::Failed && kind.says("error") {
            // It may mean a hit as well as a scanner that failed.
            self.broken += 1;
        }
        if self.by_modes && outcome == ScannerOutcome::Failed && !is_clearly_failed(result, &kind) {
            self.unclear += 1;
        }
        if self.by_modes {
            self.claims.push(claim(result, &kind, outcome));
        }
        if outcome == ScannerOutcome::Failed && self.objecting.len() < MAX_SCANNERS {
            self.objecting.push(scanner(result, &kind));
        }
    }

    /// What the outcome is worth where the scanners' own modes count.
    fn by_modes(
        &mut self,
        outcome: Outcome,
        input: &str,
        redacted: Field<'_>,
        results: Field<'_>,
        lossy: bool,
    ) -> ByModes {
        let repeated = redacted.as_string();
        let contradicts = match (&outcome, &repeated) {
            (Outcome::Cleared | Outcome::Flagged, None) => !redacted.is_absent(),
            (Outcome::Cleared | Outcome::Flagged, Some(repeated)) => repeated.trim() != input.trim(),
            _ => false,
        };
        if contradicts {
            return ByModes { outcome: Outcome::Contradicted, mask: None, doubt: None };
        }
        let doubt = match outcome {
            Outcome::Cleared => None,
            _ if lossy => Some(ScanError::BadBody("it is not valid UTF-8")),
            _ => self.prove_a_pass(results).err(),
        };
        let claims: Option<Vec<Claim>> = std::mem::take(&mut self.claims).into_iter().collect();
        let mask = claims.filter(|_| doubt.is_none()).and_then(|claims| match outcome {
            Outcome::Flagged => Mask::of_flagged(input, &claims),
            Outcome::Redacted => Mask::of_redacted(input, &repeated?, &claims),
            _ => None,
        });
        ByModes { outcome, mask, doubt }
    }

    /// Of so many scanners the times are read, so that a long answer costs no more than that.
    fn note_times(&mut self, result: Json<'_>) {
        if self.count > MAX_SCANNERS {
            return;
        }
        let [begun, done] = result.pick(["startedDate", "completedDate"]);
        let time = |field: Field<'_>| field.as_string().and_then(|text| clock::parse(&text));
        if let (Some(begun), Some(done)) = (time(begun), time(done)) {
            self.begun = Some(self.begun.map_or(begun, |earlier| earlier.min(begun)));
            self.done = self.done.max(Some(done));
        }
    }

    fn service_time(&self) -> Option<Duration> {
        (self.done? - self.begun?).try_into().ok()
    }

    /// Whether no scanner is in doubt.
    fn is_complete(&self, results: Field<'_>) -> bool {
        let readable = results.is_absent() || results.once().is_some_and(Json::is_array);
        readable && self.broken == 0 && self.unclear == 0
    }

    /// Whether an outcome that lets a text pass may be believed: no list at all, or one with a scanner that ran and none
    /// that is in doubt.
    fn prove_a_pass(&self, results: Field<'_>) -> Result<(), ScanError> {
        let of = self.count;
        match results {
            _ if results.is_absent() => Ok(()),
            Field::Once(list) if list.is_array() => match self {
                Self { broken: 1.., .. } => Err(ScanError::ScannerFailed { failed: self.broken, of }),
                Self { unclear: 1.., .. } => Err(ScanError::ScannerUnclear { unclear: self.unclear, of }),
                Self { passed: 0, failed: 0, .. } => Err(ScanError::NoScannerRan),
                _ => Ok(()),
            },
            Field::Repeated => Err(ScanError::BadBody("it has more than one list of scanner results")),
            _ => Err(ScanError::BadBody("its scanner results are not a list")),
        }
    }
}

/// An outcome where the scanners' own modes count.
struct ByModes {
    outcome: Outcome,
    mask: Option<Mask>,
    doubt: Option<ScanError>,
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
        assert_eq!(verdict.scanners.len(), 1, "those that passed have no reader");
        assert_eq!(verdict.scanners[0].scanner_type, "prompt_injection");
        assert_eq!(verdict.scanners[0].message.as_deref(), Some("operator's [1mflag text"));
    }

    #[test]
    fn a_body_with_nothing_but_the_outcome_is_enough() {
        assert_eq!(parse(br#"{"result":{"outcome":"cleared"}}"#).unwrap().outcome, Outcome::Cleared);
    }

    #[test]
    fn bytes_that_are_not_utf8_clear_nothing_and_hide_no_hit() {
        let body = |outcome: &str| {
            [br#"{"id":""#, b"\xFF".as_slice(), br#"","result":{"outcome":""#, outcome.as_bytes(), b"\"}}"]
                .concat()
        };
        assert!(matches!(parse(&body("cleared")), Err(ScanError::BadBody(_))));
        assert_eq!(parse(&body("flagged")).unwrap().outcome, Outcome::Flagged);
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
            assert_eq!(parse(body.as_bytes()).unwrap().outcome, Outcome::from_word(word), "{word:?}");
            assert_ne!(Outcome::from_word(word), Outcome::Cleared, "{word:?}");
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

    fn results(list: &str) -> Result<Outcome, ScanError> {
        let body = format!(r#"{{"result":{{"outcome":"cleared","scannerResults":{list}}}}}"#);
        parse(body.as_bytes()).map(|verdict| verdict.outcome)
    }

    #[test]
    fn what_is_not_shown_to_have_passed_does_not_clear() {
        let unclear = |unclear, of| Err(ScanError::ScannerUnclear { unclear, of });
        assert_eq!(results("null"), Ok(Outcome::Cleared));
        assert_eq!(results("[]"), Err(ScanError::NoScannerRan));
        assert!(matches!(results("{}"), Err(ScanError::BadBody(_))));
        assert_eq!(results(r#"[{"outcome":"passed"}]"#), Ok(Outcome::Cleared));
        assert_eq!(results(r#"[{"outcome":"passed"},{"outcome":"timeout"},7]"#), unclear(2, 3));
        assert_eq!(results(r#"[{"outcome":"passed","data":[]}]"#), unclear(1, 1));
        assert_eq!(results(r#"[{"outcome":"passed"},{"outcome":"failed"}]"#), Ok(Outcome::Contradicted));
        assert_eq!(results(r#"[{"outcome":"failed"},{"outcome":"x"}]"#), Ok(Outcome::Contradicted));
    }

    #[test]
    fn of_many_results_only_some_are_kept() {
        let one = r#"{"outcome":"failed","data":{"type":"regex","matches":[[0,3]]}},"#;
        let body =
            format!(r#"{{"result":{{"outcome":"flagged","scannerResults":[{}7]}}}}"#, one.repeat(160_000));
        assert_eq!(parse(body.as_bytes()).unwrap().scanners.len(), MAX_SCANNERS);
        let cleared = body.replace("flagged", "cleared").replace("failed", "passed");
        let unclear = ScanError::ScannerUnclear { unclear: 1, of: 160_001 };
        assert_eq!(parse(cleared.as_bytes()), Err(unclear));
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

    /// Bodies of nothing but what an answer is made of, well-formed or not.
    fn any_body() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("{"),
            Just("}"),
            Just("["),
            Just("]"),
            Just(","),
            Just(":"),
            Just("\"result\""),
            Just("\"outcome\""),
            Just("\"scannerResults\""),
            Just("\"data\""),
            Just("\"type\""),
            Just("\"cleared\""),
            Just("\"passed\""),
            Just("\"failed\""),
            Just("\"error\""),
            Just("null"),
            Just("7"),
            Just("\"\\ud800\""),
        ];
        proptest::collection::vec(part, 0..30).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), body in any_body()) {
            let _ = parse(&bytes);
            let _ = parse(body.as_bytes());
        }

        #[test]
        fn a_list_clears_if_some_passed_and_the_others_did_not_run(list in proptest::collection::vec(0usize..5, 1..6)) {
            let entries = ["{\"outcome\":\"passed\"}", "{\"outcome\":\"passed\",\"data\":{\"type\":\"N/A\"}}",
                "{\"outcome\":\"passed\",\"data\":{\"type\":\"error\"}}", "{\"outcome\":\"failed\"}", "[]"];
            let text: Vec<_> = list.iter().map(|at| entries[*at]).collect();
            let clears = list.contains(&0) && list.iter().all(|at| *at < 2);
            prop_assert_eq!(results(&format!("[{}]", text.join(","))) == Ok(Outcome::Cleared), clears);
        }

        #[test]
        fn only_the_literal_words_clear(word in any::<String>()) {
            let body = serde_json::json!({"result": {"outcome": word}}).to_string();
            let cleared = parse(body.as_bytes()).unwrap().outcome == Outcome::Cleared;
            prop_assert_eq!(cleared, word == "cleared" || word == "passed");
        }
    }
}
