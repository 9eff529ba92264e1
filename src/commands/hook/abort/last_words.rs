//! The answer of a signal's handler: composed without a single allocation, in the words that every other answer has.

use crate::event::Event;
use crate::hook::message::{UNSCANNED_OUTPUT, refused, thing};
use crate::settings::values::FailMode;

/// Why the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Somebody ends it.
    Signal,
    /// It has no memory or stack left, or is broken.
    Failure,
}

/// What is said of a call that was not scanned.
#[derive(Debug, Clone, Copy)]
pub struct LastWords {
    pub event: Event,
    pub mode: FailMode,
    pub cause: Cause,
}

const SIZE: usize = 1024;

const NOT_SCANNED: &str = "F5 Guardrails could not scan it (fail mode closed). ";

/// A text that grows in place. What does not fit is left out; a test holds that all of ours do.
pub struct Buffer {
    bytes: [u8; SIZE],
    length: usize,
}

impl Default for Buffer {
    fn default() -> Self {
        Self { bytes: [0; SIZE], length: 0 }
    }
}

impl Buffer {
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn set(&mut self, parts: &[&[&str]]) {
        self.length = 0;
        for part in parts.iter().copied().flatten() {
            let end = self.length + part.len();
            if let Some(place) = self.bytes.get_mut(self.length..end) {
                place.copy_from_slice(part.as_bytes());
                self.length = end;
            }
        }
    }
}

impl LastWords {
    fn why(self) -> [&'static str; 1] {
        [match self.cause {
            Cause::Signal => {
                "A signal ended f5-guard before the scan was done. Try again. If it happens again, find out what sends the signal: a limit on processor time, for instance."
            }
            Cause::Failure => {
                "f5-guard ran out of memory or failed internally. Report this with its version and the last lines of its log."
            }
        }]
    }

    fn notice(self) -> [&'static str; 4] {
        let thing = thing(self.event);
        match self.mode {
            FailMode::Closed => {
                let [before, thing, after] = refused(self.event, thing);
                [before, thing, after, ""]
            }
            FailMode::Open => {
                ["F5 Guardrails did NOT scan ", thing, "; it goes ahead (fail mode open). ", self.why()[0]]
            }
        }
    }

    /// One line for stderr.
    pub fn text(self, buffer: &mut Buffer) {
        match self.mode {
            FailMode::Closed => buffer.set(&[&self.notice(), &[" "], &[NOT_SCANNED], &self.why(), &["\n"]]),
            FailMode::Open => buffer.set(&[&self.notice(), &["\n"]]),
        }
    }

    /// One line of JSON for stdout. No word of ours needs an escape in it.
    pub fn json(self, buffer: &mut Buffer) {
        let reason = [NOT_SCANNED, self.why()[0]];
        let specific = ["{\"hookSpecificOutput\":{\"hookEventName\":\"", self.event.name(), "\",\""];
        let notice = self.notice();
        let end: &[&str] = &["\"}\n"];
        match (self.mode, self.event) {
            (FailMode::Open, Event::PostToolUse) => buffer.set(&[
                &specific,
                &["additionalContext\":\"", UNSCANNED_OUTPUT],
                &["\"},\"systemMessage\":\""],
                &notice,
                end,
            ]),
            (FailMode::Open, _) => buffer.set(&[&["{\"systemMessage\":\""], &notice, end]),
            (FailMode::Closed, Event::UserPromptSubmit | Event::PostToolUse) => buffer.set(&[
                &["{\"decision\":\"block\",\"reason\":\""],
                &reason,
                &["\",\"systemMessage\":\""],
                &notice,
                end,
            ]),
            (FailMode::Closed, Event::PreToolUse) => buffer.set(&[
                &specific,
                &["permissionDecision\":\"deny\",\"permissionDecisionReason\":\""],
                &reason,
                &["\"},\"systemMessage\":\""],
                &notice,
                end,
            ]),
            (FailMode::Closed, Event::Stop | Event::SubagentStop) => buffer.set(&[
                &["{\"continue\":false,\"stopReason\":\""],
                &reason,
                &["\",\"suppressOutput\":true,\"systemMessage\":\""],
                &notice,
                end,
            ]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook::message::Words;
    use crate::hook::{Action, answer};

    const EVENTS: [Event; 5] =
        [Event::UserPromptSubmit, Event::PreToolUse, Event::PostToolUse, Event::Stop, Event::SubagentStop];

    fn all() -> impl Iterator<Item = LastWords> {
        let modes = [FailMode::Open, FailMode::Closed];
        let of_event = move |event| modes.map(|mode| (event, mode));
        let causes = [Cause::Signal, Cause::Failure];
        EVENTS
            .into_iter()
            .flat_map(of_event)
            .flat_map(move |(event, mode)| causes.map(|cause| LastWords { event, mode, cause }))
    }

    /// The same answer from the code that everything else is answered by.
    fn rendered(words: LastWords) -> String {
        let why = words.why()[0];
        let (action, reason) = match words.mode {
            FailMode::Closed => (Action::Block, format!("{NOT_SCANNED}{why}")),
            FailMode::Open => (Action::Warn, UNSCANNED_OUTPUT.to_owned()),
        };
        let words = (words.event, Words { notice: words.notice().concat(), reason, whole: String::new() });
        answer::render(words.0, action, &words.1).unwrap().unwrap() + "\n"
    }

    #[test]
    fn the_json_is_what_every_other_answer_looks_like() {
        for words in all() {
            let mut buffer = Buffer::default();
            words.json(&mut buffer);
            assert_eq!(std::str::from_utf8(buffer.bytes()).unwrap(), rendered(words), "{words:?}");
        }
    }

    #[test]
    fn the_text_says_what_happened_why_and_what_to_do_in_one_line() {
        for words in all() {
            let mut buffer = Buffer::default();
            words.text(&mut buffer);
            let text = std::str::from_utf8(buffer.bytes()).unwrap();
            assert!(text.starts_with(&words.notice().concat()) && text.contains(words.why()[0]), "{text}");
            assert!(text.ends_with(".\n") && text.lines().count() == 1, "{text}");
        }
    }
}
