//! From what a scan found to what Codex shall do.

use thiserror::Error;

use super::event::Event;
use super::payload::PayloadError;
use crate::scan::{ScanError, ScanReport};
use crate::settings::values::{FailMode, FlaggedOutput};

/// What came of the attempt to scan one hook call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assessment {
    /// The text is blank; there is nothing that could be objected to.
    NothingToScan,
    Scanned(ScanReport),
    NotScanned(Failure),
}

/// Why a hook call was not scanned (a "scan error": the fail mode decides).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    #[error("{0}")]
    Payload(#[from] PayloadError),
    /// The registered command line can't be used; the text says which part.
    #[error("The registered hook command can't be used: {0}.")]
    Usage(String),
    #[error("{0}")]
    Scan(#[from] ScanError),
}

impl Failure {
    /// What to do about it, in one or two sentences.
    #[must_use]
    pub fn fix(&self) -> String {
        match self {
            Self::Payload(PayloadError::TooLarge) => "Work on a smaller part at a time.".into(),
            Self::Payload(PayloadError::UnknownEvent) => "Register f5-guard for UserPromptSubmit, PreToolUse, PostToolUse, Stop and SubagentStop only.".into(),
            Self::Payload(_) => "Check that Codex and f5-guard are both up to date; report this with both versions if they are.".into(),
            Self::Usage(_) => "Correct the command in the hook's registration (config.toml, hooks.json or requirements.toml), or register again with `f5-guard install`.".into(),
            Self::Scan(error) => error.fix(),
        }
    }

    /// A short stable name for the log.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Payload(PayloadError::TooLarge) => "payload_too_large",
            Self::Payload(PayloadError::UnknownEvent) => "unknown_event",
            Self::Payload(_) => "unreadable_payload",
            Self::Usage(_) => "usage",
            Self::Scan(error) => error.kind(),
        }
    }
}

/// The two choices that the user or the administrator makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub fail_mode: FailMode,
    pub flagged_output: FlaggedOutput,
}

/// What Codex shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Go ahead without a word.
    Allow,
    /// Go ahead, and tell the user (and, for a tool output, the model).
    Warn,
    /// Stop: block the prompt, deny the tool, withhold its output, end the turn.
    Block,
}

/// The policy, whole.
#[must_use]
pub fn decide(event: Event, assessment: &Assessment, policy: Policy) -> Action {
    match assessment {
        Assessment::NothingToScan => Action::Allow,
        Assessment::Scanned(report) if report.is_cleared() => Action::Allow,
        Assessment::Scanned(_) => match (event, policy.flagged_output) {
            (Event::PostToolUse, FlaggedOutput::Warn) => Action::Warn,
            _ => Action::Block,
        },
        Assessment::NotScanned(_) => match policy.fail_mode {
            FailMode::Open => Action::Warn,
            FailMode::Closed => Action::Block,
        },
    }
}

/// The word for an action in the log.
#[must_use]
pub fn log_word(event: Event, action: Action) -> &'static str {
    match (action, event) {
        (Action::Allow, _) => "allow",
        (Action::Warn, _) => "warn",
        (Action::Block, Event::UserPromptSubmit) => "block",
        (Action::Block, Event::PreToolUse) => "deny",
        (Action::Block, Event::PostToolUse) => "withhold",
        (Action::Block, Event::Stop | Event::SubagentStop) => "stop",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Outcome;

    fn scanned(outcome: Outcome) -> Assessment {
        Assessment::Scanned(ScanReport {
            outcome,
            scanners: Vec::new(),
            scan_ids: Vec::new(),
            redacted_input: None,
            pieces: 1,
            characters: 1,
        })
    }

    fn policies() -> impl Iterator<Item = Policy> {
        [FailMode::Open, FailMode::Closed].into_iter().flat_map(|fail_mode| {
            [FlaggedOutput::Warn, FlaggedOutput::Withhold]
                .into_iter()
                .map(move |flagged_output| Policy { fail_mode, flagged_output })
        })
    }

    #[test]
    fn closed_mode_lets_nothing_unscanned_through() {
        for policy in policies() {
            for event in Event::ALL {
                let action = decide(event, &Assessment::NotScanned(ScanError::NoToken.into()), policy);
                let expected =
                    if policy.fail_mode == FailMode::Closed { Action::Block } else { Action::Warn };
                assert_eq!(action, expected, "{event:?} {policy:?}");
            }
        }
    }

    #[test]
    fn only_a_cleared_scan_and_blank_text_pass_in_silence() {
        for policy in policies() {
            for event in Event::ALL {
                assert_eq!(decide(event, &scanned(Outcome::Cleared), policy), Action::Allow);
                assert_eq!(decide(event, &Assessment::NothingToScan, policy), Action::Allow);
                for outcome in
                    [Outcome::Flagged, Outcome::Redacted, Outcome::Blocked, Outcome::Unknown("new".into())]
                {
                    let lenient = event == Event::PostToolUse && policy.flagged_output == FlaggedOutput::Warn;
                    let expected = if lenient { Action::Warn } else { Action::Block };
                    assert_eq!(decide(event, &scanned(outcome), policy), expected, "{event:?} {policy:?}");
                }
            }
        }
    }
}
