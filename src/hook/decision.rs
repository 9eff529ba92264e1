//! From what a scan found to what Codex shall do.

use std::time::Duration;

use thiserror::Error;

use super::payload::{Coverage, PayloadError};
use crate::event::Event;
use crate::outage::Cause;
use crate::scan::{Outcome, ScanError, ScanReport};
use crate::settings::Origins;
use crate::settings::values::{Enforcement, FailMode, FlaggedOutput};
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

/// How the sentence begins on what an outage means for the hooks that follow.
pub const UNTIL_IT_ANSWERS: &str = "Nothing is scanned until it answers";

/// What an outage means for the hooks that follow.
pub fn until_it_answers(next_try: Option<Duration>) -> String {
    let next_try = match next_try {
        Some(time) => format!("next try in {} s", whole_seconds(time)),
        None => "the next try is under way".to_owned(),
    };
    format!("{UNTIL_IT_ANSWERS}; {next_try}.")
}

/// Rounded up, so that nobody comes too early.
pub fn whole_seconds(time: Duration) -> u128 {
    time.as_millis().div_ceil(1000).max(1)
}

impl Assessment {
    /// What a scan came to. A hit counts even where the scan did not see everything.
    pub fn of_scan(result: Result<ScanReport, ScanError>, coverage: Coverage) -> Self {
        match result {
            Ok(report) if report.is_cleared() && coverage.is_cut => Self::NotScanned(Failure::CutOutput),
            Ok(mut report) => {
                report.complete &= !coverage.is_cut;
                if coverage.has_copies {
                    report.by_modes.masked = None;
                }
                Self::Scanned(report)
            }
            Err(error) => Self::NotScanned(error.into()),
        }
    }

    /// The same for hooks of this enforcement: what a project's scanners let pass with a hit needs the evidence of what is
    /// cleared, and is not scanned without it.
    #[must_use]
    pub fn under(self, enforcement: Enforcement) -> Self {
        match self {
            Self::Scanned(report)
                if enforcement == Enforcement::Project
                    && report.outcome == Outcome::Flagged
                    && !report.complete =>
            {
                // Nothing else makes a report without an error incomplete.
                Self::NotScanned(report.by_modes.doubt.map_or(Failure::CutOutput, Failure::Scan))
            }
            other => other,
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

/// The choices that the user or the administrator makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub fail_mode: FailMode,
    pub flagged_output: FlaggedOutput,
    pub enforcement: Enforcement,
}

/// What Codex shall do. `Ord` ranks by strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Go ahead without a word to the model.
    Allow,
    /// Go ahead, and tell the user (and, for a tool output, the model).
    Warn,
    /// Give the model the masked text instead of a tool's output.
    Mask,
    /// Stop: block the prompt, deny the tool, withhold its output, end the turn.
    Block,
}

/// What becomes of a text that was not scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unscanned {
    IsBlocked,
    /// With a notice.
    GoesAhead,
    /// The same, without a word to the model.
    IsObserved,
}

impl Policy {
    pub fn unscanned(self) -> Unscanned {
        match (self.enforcement, self.fail_mode) {
            (Enforcement::Observe, _) => Unscanned::IsObserved,
            (_, FailMode::Open) => Unscanned::GoesAhead,
            (_, FailMode::Closed) => Unscanned::IsBlocked,
        }
    }
}

/// The policy, whole.
pub fn decide(event: Event, assessment: &Assessment, policy: Policy) -> Action {
    let not_scanned = match policy.unscanned() {
        Unscanned::IsBlocked => Action::Block,
        Unscanned::GoesAhead | Unscanned::IsObserved => Action::Warn,
    };
    let not_cleared = match (event, policy.flagged_output, policy.enforcement) {
        (Event::PostToolUse, FlaggedOutput::Warn, Enforcement::Block | Enforcement::Observe) => Action::Warn,
        _ => Action::Block,
    };
    match assessment {
        Assessment::NothingToScan | Assessment::Proof(Proof::Passes) => Action::Allow,
        Assessment::NotScanned(_) => not_scanned,
        // What a hit would get if it were refused, and in the same way: that is what is to be proven. It is no scanner
        // that objects, so it is never let pass.
        Assessment::Proof(Proof::Answers(_)) => not_cleared,
        Assessment::Scanned(report) => match policy.enforcement {
            Enforcement::Observe => Action::Allow,
            Enforcement::Project => by_project(event, report, not_scanned),
            Enforcement::Block => match report.outcome {
                Outcome::Cleared => Action::Allow,
                // It may mean a hit as well as a scan that failed.
                Outcome::Unknown(_) => not_cleared.max(not_scanned),
                // A hit in one part does not excuse another part that was not scanned.
                _ if !report.complete => not_cleared.max(not_scanned),
                Outcome::Contradicted | Outcome::Redacted | Outcome::Flagged | Outcome::Blocked => {
                    not_cleared
                }
            },
        },
    }
}

/// What the modes of the project's scanners say.
fn by_project(event: Event, report: &ScanReport, not_scanned: Action) -> Action {
    match report.outcome {
        Outcome::Cleared => Action::Allow,
        Outcome::Flagged if report.complete => Action::Allow,
        Outcome::Flagged => not_scanned,
        Outcome::Redacted if event == Event::PostToolUse && report.by_modes.masked.is_some() => Action::Mask,
        Outcome::Redacted | Outcome::Unknown(_) | Outcome::Contradicted | Outcome::Blocked => Action::Block,
    }
}

/// What the other enforcements would have done where one only observes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WouldHave {
    pub block: Action,
    pub project: Action,
}

/// `None` where what was decided counts, and where nothing would have been decided otherwise.
pub fn would_have(event: Event, assessment: &Assessment, policy: Policy) -> Option<WouldHave> {
    if policy.enforcement != Enforcement::Observe || matches!(assessment, Assessment::Proof(_)) {
        return None;
    }
    let under = |enforcement| decide(event, assessment, Policy { enforcement, ..policy });
    let would = WouldHave { block: under(Enforcement::Block), project: under(Enforcement::Project) };
    (would != WouldHave { block: Action::Allow, project: Action::Allow }).then_some(would)
}

/// The word for an action in the log.
pub fn log_word(event: Event, action: Action) -> &'static str {
    match (action, event) {
        (Action::Allow, _) => "allow",
        (Action::Warn, _) => "warn",
        (Action::Mask, _) => "mask",
        (Action::Block, Event::UserPromptSubmit) => "block",
        (Action::Block, Event::PreToolUse) => "deny",
        (Action::Block, Event::PostToolUse) => "withhold",
        (Action::Block, Event::Stop | Event::SubagentStop) => "stop",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::report::{ByModes, ScanTimes};

    fn scanned(outcome: Outcome) -> Assessment {
        Assessment::Scanned(ScanReport {
            outcome,
            scanners: Vec::new(),
            scan_ids: Vec::new(),
            pieces: 1,
            characters: 1,
            complete: true,
            times: ScanTimes::default(),
            by_modes: ByModes::default(),
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
            [FlaggedOutput::Warn, FlaggedOutput::Withhold].into_iter().map(move |flagged_output| Policy {
                fail_mode,
                flagged_output,
                enforcement: Enforcement::Block,
            })
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

    fn every_outcome() -> [Outcome; 6] {
        let unknown = Outcome::Unknown("new".into());
        [
            Outcome::Cleared,
            Outcome::Flagged,
            Outcome::Redacted,
            unknown,
            Outcome::Contradicted,
            Outcome::Blocked,
        ]
    }

    #[test]
    fn who_observes_refuses_nothing_but_a_proof() {
        for policy in policies().map(|policy| Policy { enforcement: Enforcement::Observe, ..policy }) {
            for event in Event::ALL {
                for outcome in every_outcome() {
                    for assessment in [scanned(outcome.clone()), incomplete(outcome)] {
                        assert_eq!(decide(event, &assessment, policy), Action::Allow);
                    }
                }
                let failed = Assessment::NotScanned(ScanError::NoToken.into());
                assert_eq!(decide(event, &failed, policy), Action::Warn);
                assert_eq!(policy.unscanned(), Unscanned::IsObserved);
                let proof = Assessment::Proof(Proof::Answers("R".into()));
                let by_block = Policy { enforcement: Enforcement::Block, ..policy };
                assert_eq!(decide(event, &proof, policy), decide(event, &proof, by_block));
                assert_eq!(would_have(event, &proof, policy), None);
            }
        }
    }

    #[test]
    fn in_project_only_what_is_cleared_or_audited_goes_ahead() {
        for policy in policies().map(|policy| Policy { enforcement: Enforcement::Project, ..policy }) {
            for event in Event::ALL {
                let error = decide(event, &Assessment::NotScanned(ScanError::Internal.into()), policy);
                for outcome in every_outcome() {
                    let expected = match outcome {
                        Outcome::Cleared | Outcome::Flagged => Action::Allow,
                        _ => Action::Block,
                    };
                    assert_eq!(decide(event, &scanned(outcome), policy), expected);
                }
                assert_eq!(decide(event, &incomplete(Outcome::Flagged), policy), error);
                assert_eq!(
                    incomplete(Outcome::Flagged).under(Enforcement::Project),
                    Assessment::NotScanned(Failure::CutOutput)
                );
                let proof = Assessment::Proof(Proof::Answers("R".into()));
                assert_eq!(decide(event, &proof, policy), Action::Block);
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
        assert_eq!(
            Assessment::of_scan(Ok(report), Coverage { is_cut: true, has_copies: false }),
            incomplete(Outcome::Flagged)
        );
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
