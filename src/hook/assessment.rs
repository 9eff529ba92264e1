//! What came of the attempt to scan one hook call, and why where nothing did.

use std::time::Duration;

use thiserror::Error;

use super::payload::{Coverage, PayloadError};
use crate::outage::Cause;
use crate::scan::{Outcome, ScanError, ScanReport};
use crate::settings::Origins;
use crate::settings::values::Enforcement;
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

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::scan::report::{ByModes, ScanTimes};

    pub fn scanned(outcome: Outcome) -> Assessment {
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

    pub fn incomplete(outcome: Outcome) -> Assessment {
        match scanned(outcome) {
            Assessment::Scanned(report) => Assessment::Scanned(ScanReport { complete: false, ..report }),
            other => other,
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
}
