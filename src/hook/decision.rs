//! From what a scan found to what Codex shall do.

use super::assessment::{Assessment, Proof};
use crate::event::Event;
use crate::scan::{Outcome, ScanReport};
use crate::settings::values::{Enforcement, FailMode, FlaggedOutput};

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
    use super::super::assessment::Failure;
    use super::super::assessment::tests::{incomplete, scanned};
    use super::*;
    use crate::scan::ScanError;

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
