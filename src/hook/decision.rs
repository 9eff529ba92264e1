//! From what a scan found to what Codex shall do.

use std::time::Duration;

use thiserror::Error;

use super::payload::PayloadError;
use crate::event::Event;
use crate::outage::Cause;
use crate::scan::{Outcome, ScanError, ScanReport};
use crate::settings::Origins;
use crate::settings::values::{FailMode, FlaggedOutput};
use crate::transcript::Unread;

/// What came of the attempt to scan one hook call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assessment {
    /// The text is blank; there is nothing that could be objected to.
    NothingToScan,
    Scanned(ScanReport),
    NotScanned(Failure),
    /// A message of `f5-guard doctor` (see [`crate::proof`]), whose whole text is fixed.
    Proof(Proof),
}

/// What a hook does with a proof message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It is for a later hook.
    Passes,
    /// It is for this one, which answers with this text.
    Answers(String),
}

/// Why a hook call was not scanned (a "scan error": the fail mode decides).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    #[error("{0}")]
    Payload(#[from] PayloadError),
    /// The registered command line can't be used; the text says which part.
    #[error("The registered hook command can't be used: {0}.")]
    Usage(String),
    /// The model can get more of a tool's output than Codex handed over.
    #[error("Codex cut this output before the hook got it; what it left out was not scanned.")]
    CutOutput,
    #[error("{0}")]
    Scan(#[from] ScanError),
    /// Another hook could not reach the service, and it is not yet time to try again.
    #[error("{0}")]
    Outage(Outage),
    /// What the session's file says the model is given.
    #[error("{0}")]
    Transcript(#[from] Unread),
}

/// A service that can't be reached, as hooks say it that did not try themselves.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("F5 Guardrails can't reach {host} ({cause}). {}", until_it_answers(*.next_try))]
pub struct Outage {
    pub host: String,
    pub cause: Cause,
    /// `None` while another hook is trying.
    pub next_try: Option<Duration>,
}

/// What an outage means for the hooks that follow.
pub fn until_it_answers(next_try: Option<Duration>) -> String {
    let next_try = match next_try {
        Some(time) => format!("next try in {} s", whole_seconds(time)),
        None => "the next try is under way".to_owned(),
    };
    format!("Nothing is scanned until it answers; {next_try}.")
}

/// Rounded up, so that nobody comes too early.
pub fn whole_seconds(time: Duration) -> u128 {
    time.as_millis().div_ceil(1000).max(1)
}

impl Assessment {
    /// What a scan came to. A hit counts even where the scan did not see everything.
    pub fn of_scan(result: Result<ScanReport, ScanError>, is_cut: bool) -> Self {
        match result {
            Ok(report) if report.is_cleared() && is_cut => Self::NotScanned(Failure::CutOutput),
            Ok(report) => Self::Scanned(ScanReport { complete: report.complete && !is_cut, ..report }),
            Err(error) => Self::NotScanned(error.into()),
        }
    }
}

impl Failure {
    /// What to do about it, in one or two sentences.
    pub fn fix(&self, origins: Origins) -> String {
        match self {
            Self::Payload(PayloadError::TooLarge) => "Work on a smaller part at a time.".into(),
            Self::Payload(PayloadError::UnknownEvent) => {
                "Register f5-guard for UserPromptSubmit, PreToolUse, PostToolUse, Stop and SubagentStop only."
                    .into()
            }
            Self::Payload(_) => {
                "Update Codex and f5-guard; if that does not help, report this with both versions.".into()
            }
            Self::Usage(_) => {
                "Correct it in config.toml, hooks.json or requirements.toml, or run `f5-guard install` again."
                    .into()
            }
            Self::CutOutput => "Print less than 40,000 bytes at a time, without `max_output_tokens`.".into(),
            Self::Scan(error) => error.fix(origins),
            Self::Transcript(unread) => unread.fix().into(),
            Self::Outage(_) => "Check the network; `f5-guard smoketest` tries at once.".into(),
        }
    }

    /// A short stable name for the log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Payload(PayloadError::TooLarge) => "payload_too_large",
            Self::Payload(PayloadError::UnknownEvent) => "unknown_event",
            Self::Payload(_) => "unreadable_payload",
            Self::Usage(_) => "usage",
            Self::CutOutput => "cut_output",
            Self::Scan(error) => error.kind(),
            Self::Outage(_) => "outage",
            Self::Transcript(unread) => unread.kind(),
        }
    }
}

/// The two choices that the user or the administrator makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub fail_mode: FailMode,
    pub flagged_output: FlaggedOutput,
}

/// What Codex shall do. `Ord` ranks by strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Go ahead without a word.
    Allow,
    /// Go ahead, and tell the user (and, for a tool output, the model).
    Warn,
    /// Stop: block the prompt, deny the tool, withhold its output, end the turn.
    Block,
}

/// The policy, whole.
pub fn decide(event: Event, assessment: &Assessment, policy: Policy) -> Action {
    let not_cleared = match (event, policy.flagged_output) {
        (Event::PostToolUse, FlaggedOutput::Warn) => Action::Warn,
        _ => Action::Block,
    };
    let not_scanned = match policy.fail_mode {
        FailMode::Open => Action::Warn,
        FailMode::Closed => Action::Block,
    };
    match assessment {
        Assessment::NothingToScan => Action::Allow,
        Assessment::Scanned(report) => match report.outcome {
            Outcome::Cleared => Action::Allow,
            // It may mean a hit as well as a scan that failed.
            Outcome::Unknown(_) => not_cleared.max(not_scanned),
            // A hit in one part does not excuse another part that was not scanned.
            _ if !report.complete => not_cleared.max(not_scanned),
            Outcome::Contradicted | Outcome::Redacted | Outcome::Flagged | Outcome::Blocked => not_cleared,
        },
        Assessment::NotScanned(_) => not_scanned,
        Assessment::Proof(Proof::Passes) => Action::Allow,
        // What a hit would get, and in the same way: that is what is to be proven.
        Assessment::Proof(Proof::Answers(_)) => not_cleared,
    }
}

/// The word for an action in the log.
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
    use crate::scan::report::ScanTimes;

    fn scanned(outcome: Outcome) -> Assessment {
        Assessment::Scanned(ScanReport {
            outcome,
            scanners: Vec::new(),
            scan_ids: Vec::new(),
            pieces: 1,
            characters: 1,
            complete: true,
            times: ScanTimes::default(),
        })
    }

    fn incomplete(outcome: Outcome) -> Assessment {
        match scanned(outcome) {
            Assessment::Scanned(report) => Assessment::Scanned(ScanReport { complete: false, ..report }),
            other => other,
        }
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
                for outcome in [Outcome::Contradicted, Outcome::Flagged, Outcome::Redacted, Outcome::Blocked]
                {
                    let lenient = event == Event::PostToolUse && policy.flagged_output == FlaggedOutput::Warn;
                    let expected = if lenient { Action::Warn } else { Action::Block };
                    assert_eq!(decide(event, &scanned(outcome), policy), expected, "{event:?} {policy:?}");
                }
            }
        }
    }

    #[test]
    fn a_proof_gets_what_a_hit_would_get() {
        for policy in policies() {
            for event in Event::ALL {
                let proof = decide(event, &Assessment::Proof(Proof::Answers("R".into())), policy);
                assert_eq!(proof, decide(event, &scanned(Outcome::Flagged), policy), "{event:?} {policy:?}");
            }
        }
    }

    #[test]
    fn a_hit_next_to_an_unscanned_part_takes_the_stricter_action() {
        for policy in policies() {
            for event in Event::ALL {
                let error = decide(event, &Assessment::NotScanned(ScanError::Internal.into()), policy);
                for outcome in [Outcome::Contradicted, Outcome::Flagged, Outcome::Redacted, Outcome::Blocked]
                {
                    let hit = decide(event, &scanned(outcome.clone()), policy);
                    assert_eq!(
                        decide(event, &incomplete(outcome), policy),
                        hit.max(error),
                        "{event:?} {policy:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_hit_in_cut_output_is_not_complete() {
        let Assessment::Scanned(report) = scanned(Outcome::Flagged) else { unreachable!() };
        assert_eq!(Assessment::of_scan(Ok(report), true), incomplete(Outcome::Flagged));
    }

    #[test]
    fn an_unknown_outcome_is_treated_as_a_hit_and_as_a_failed_scan() {
        for policy in policies() {
            for event in Event::ALL {
                let unknown = decide(event, &scanned(Outcome::Unknown("new".into())), policy);
                let hit = decide(event, &scanned(Outcome::Flagged), policy);
                let error = decide(event, &Assessment::NotScanned(ScanError::Internal.into()), policy);
                assert!(unknown >= hit && unknown >= error, "{event:?} {policy:?}");
            }
        }
    }
}
