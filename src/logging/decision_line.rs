//! The line that every hook call leaves in the log: its fields, for those who write it and for those who read it.
//!
//! docs/log.md describes it for others. From there on it is stable: fields and words may be added, none changes its
//! meaning or goes away.

use serde::{Deserialize, Serialize};

use crate::printable::printable;
use crate::secret::Hidden;

/// What `message` says on such a line, and on no other.
pub const MESSAGE: &str = "decision";

/// No line is longer, its line feed included: the most that is appended whole everywhere.
pub const MAX_LINE: usize = 16 * 1024;

/// So many scanners and scan ids are listed; the rest is counted.
pub const MAX_LISTED: usize = 10;

/// The bytes in JSON that a name, an id or an address may take.
pub const NAME: usize = 256;
/// The same for a scanner's type, where it is said a second time.
pub const SCANNER_TYPE: usize = 80;
/// So many are said a second time.
pub const MAX_MASKED: usize = 5;
/// The same for an operator's message.
pub const OPERATORS_MESSAGE: usize = 600;
/// The same for a sentence of ours.
pub const SENTENCE: usize = 1_500;

/// One hook call. It holds no scanned content, no path and no token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DecisionLine {
    /// When the answer was out (RFC 3339, UTC).
    pub timestamp: String,
    /// `INFO` where the call went ahead scanned or blank, `WARN` otherwise.
    pub level: String,
    /// [`MESSAGE`].
    pub message: String,
    /// Of f5-guard.
    pub version: String,
    pub event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_use_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_id: Option<String>,
    /// `allow`, `warn`, `mask`, `block`, `deny`, `withhold` or `stop`.
    pub decision: String,
    /// What the scan came to: `cleared`, `redacted`, `flagged`, `blocked`, `contradicted`, `unknown`, `not_scanned` or
    /// `blank`.
    pub outcome: String,
    /// The service's own word, where the outcome is `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome_word: Option<String>,
    /// The outcome is not of this call's own text, but of something else that the model is given: what kind of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// What `f5-guard allow-text` takes for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_text: Option<String>,
    /// A part of the text has no verdict, next to a hit.
    #[serde(skip_serializing_if = "is_false")]
    pub incomplete: bool,
    /// `open` or `closed`.
    pub fail_mode: String,
    /// `project` or `observe`; `None` for `block`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforcement: Option<String>,
    /// What the other two would have decided, where everything goes ahead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_have: Option<WouldHaveLine>,
    /// How many characters are masked, or would have been.
    #[serde(skip_serializing_if = "is_zero")]
    pub masked_characters: u64,
    /// How many of them by which scanner, as far as it says where it found something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<MaskedLine>,
    /// The options that the registered command carries, without their values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub enforced: Vec<String>,
    /// The scanners that objected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scanners: Vec<ScannerLine>,
    /// How many more objected.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_scanners: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scan_ids: Vec<String>,
    #[serde(skip_serializing_if = "is_zero")]
    pub more_scan_ids: u64,
    /// Why it was not scanned: a short stable name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The same as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Whom to ask about a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Of the text to scan; absent where there was none to be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub characters: Option<u64>,
    /// How many requests the text was cut into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pieces: Option<u64>,
    /// From the start of the process until the answer was out.
    pub duration_ms: u64,
    /// From the start of the process until the first byte of the service's answer; of several the last one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<u64>,
    /// What the service itself took, by its own clock; of several answers the longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_ms: Option<u64>,
    /// Scheme, host and port of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// HMAC-SHA-256 of the scanned text, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hmac_sha256: Option<String>,
}

/// A scanner that objected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScannerLine {
    #[serde(rename = "type")]
    pub scanner_type: String,
    /// What the operator of the F5 project wrote for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What would have been decided, in the words of `decision`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WouldHaveLine {
    pub block: String,
    pub project: String,
}

/// What is masked of what a type of scanner found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MaskedLine {
    #[serde(rename = "type")]
    pub scanner_type: String,
    pub characters: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's way to ask")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's way to ask")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl DecisionLine {
    /// The same without what is hidden, in whatever comes from outside. Our own words are nobody's secret.
    pub fn without(mut self, hidden: &Hidden) -> Self {
        let texts = [
            &mut self.tool,
            &mut self.tool_use_id,
            &mut self.session_id,
            &mut self.turn_id,
            &mut self.outcome_word,
            &mut self.error,
            &mut self.fix,
            &mut self.contact,
            &mut self.address,
        ];
        texts.into_iter().flatten().for_each(|text| hidden.clean(text));
        self.scan_ids.iter_mut().for_each(|id| hidden.clean(id));
        for scanner in &mut self.scanners {
            hidden.clean(&mut scanner.scanner_type);
            scanner.message.iter_mut().for_each(|message| hidden.clean(message));
        }
        self.masked.iter_mut().for_each(|masked| hidden.clean(&mut masked.scanner_type));
        self
    }

    /// Whether Codex was told to stop, in the words of any event.
    pub fn is_refusal(&self) -> bool {
        matches!(self.decision.as_str(), "block" | "deny" | "withhold" | "stop")
    }

    /// Whether the hook only watched.
    pub fn is_observed(&self) -> bool {
        self.enforcement.as_deref() == Some("observe")
    }

    /// The line, with its line feed.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// Text from outside, made printable and cut so that it takes at most `most` bytes of a line.
#[must_use]
pub fn fitting(text: &str, most: usize) -> String {
    let mut text = printable(text, most);
    let mut room = most;
    let in_json = |character: char| match character {
        '"' | '\\' => 2,
        other => other.len_utf8(),
    };
    let end = text.char_indices().find_map(|(at, character)| {
        let left = room.checked_sub(in_json(character));
        room = left.unwrap_or_default();
        left.is_none().then_some(at)
    });
    if let Some(end) = end {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every field as long as it can get.
    fn longest(text: &str) -> DecisionLine {
        let name = || fitting(text, NAME);
        let scanner = ScannerLine { scanner_type: name(), message: Some(fitting(text, OPERATORS_MESSAGE)) };
        DecisionLine {
            timestamp: name(),
            level: name(),
            message: name(),
            version: name(),
            event: name(),
            tool: Some(name()),
            tool_use_id: Some(name()),
            session_id: Some(name()),
            turn_id: Some(name()),
            decision: name(),
            outcome: name(),
            outcome_word: Some(name()),
            part: Some(fitting(text, 20)),
            allow_text: Some("0".repeat(32)),
            incomplete: true,
            fail_mode: name(),
            enforcement: Some("project".into()),
            would_have: Some(WouldHaveLine { block: "withhold".into(), project: "withhold".into() }),
            masked_characters: u64::MAX,
            masked: vec![
                MaskedLine { scanner_type: fitting(text, SCANNER_TYPE), characters: u64::MAX };
                MAX_MASKED
            ],
            enforced: vec![fitting(text, 20); 12],
            scanners: vec![scanner; MAX_LISTED],
            more_scanners: u64::MAX,
            scan_ids: vec![fitting(text, 128); MAX_LISTED],
            more_scan_ids: u64::MAX,
            // A hit and a failure do not meet on one line.
            cause: None,
            error: None,
            fix: None,
            contact: Some(fitting(text, 800)),
            characters: Some(u64::MAX),
            pieces: Some(u64::MAX),
            duration_ms: u64::MAX,
            first_byte_ms: Some(u64::MAX),
            service_ms: Some(u64::MAX),
            address: Some(name()),
            hmac_sha256: Some("0".repeat(64)),
        }
    }

    #[test]
    fn no_line_is_longer_than_16_kib() {
        for text in ["a", "\"", "\\", "\u{1f6e1}", "ü"] {
            let hit = longest(&text.repeat(9_000));
            let failed = DecisionLine {
                scanners: Vec::new(),
                scan_ids: Vec::new(),
                error: Some(fitting(&text.repeat(9_000), SENTENCE)),
                fix: Some(fitting(&text.repeat(9_000), SENTENCE)),
                ..hit.clone()
            };
            for line in [hit, failed] {
                assert!(line.to_json().len() <= MAX_LINE, "{} bytes of {text}", line.to_json().len());
            }
        }
    }

    proptest! {
        #[test]
        fn a_text_that_fits_takes_no_more_bytes_than_it_may(text in any::<String>(), most in 0usize..300) {
            let in_json = serde_json::to_string(&fitting(&text, most)).unwrap();
            prop_assert!(in_json.len() <= most + 2, "{in_json}");
        }

        #[test]
        fn what_is_written_is_read_again(text in any::<String>()) {
            let line = longest(&text);
            let read: DecisionLine = serde_json::from_slice(&line.to_json()).unwrap();
            prop_assert_eq!(read, line);
        }
    }
}
