//! The pieces of one text, put together: the worst verdict wins.

use super::error::ScanError;
use super::mask::Mask;
use super::report::{ByModes, Outcome, ScanReport, ScanTimes};
use super::response::{self, Verdict};

/// The verdicts and errors of the pieces so far.
#[derive(Default)]
pub struct Tally {
    /// Whether the scanners' own modes count.
    by_modes: bool,
    /// How many pieces were sent.
    pub pieces: usize,
    verdicts: Vec<Verdict>,
    /// What is masked, over all pieces.
    mask: Mask,
    /// Whether a piece has to be masked, and where is not known.
    mask_is_lost: bool,
    pub error: Option<ScanError>,
}

impl Tally {
    pub fn new(by_modes: bool) -> Self {
        Self { by_modes, ..Self::default() }
    }

    /// Takes in what came of the piece that begins at the byte `start` of the text.
    pub fn add(&mut self, start: usize, result: Result<Verdict, ScanError>) {
        match result {
            // Scanners are named where they object; of hundreds of pieces they would fill the memory.
            Ok(verdict) if verdict.outcome == Outcome::Cleared => {
                self.verdicts.push(Verdict { scanners: Vec::new(), ..verdict });
            }
            Ok(mut verdict) => {
                match verdict.mask.take() {
                    Some(mask) => self.mask.add(mask, start),
                    None => self.mask_is_lost = true,
                }
                self.verdicts.push(verdict);
            }
            Err(error) => self.error = self.error.take().or(Some(error)),
        }
    }

    /// Whether what is still to come can't change what becomes of the text.
    pub fn is_decided(&self) -> bool {
        self.verdicts.iter().any(|verdict| match verdict.outcome {
            Outcome::Cleared => false,
            Outcome::Flagged | Outcome::Redacted => !self.by_modes,
            Outcome::Unknown(_) | Outcome::Contradicted | Outcome::Blocked => true,
        })
    }

    /// `all` says whether every piece is in.
    pub fn into_report(self, characters: usize, all: bool) -> Result<ScanReport, ScanError> {
        let outcome = self.verdicts.iter().map(|verdict| verdict.outcome.clone()).max();
        let hit = outcome.as_ref().is_some_and(|outcome| *outcome != Outcome::Cleared);
        let complete = all && self.error.is_none() && self.verdicts.iter().all(|verdict| verdict.complete);
        let outcome = match (outcome, self.error.clone()) {
            (Some(outcome), _) if hit => outcome,
            (_, Some(error)) => return Err(error),
            (Some(outcome), None) => outcome,
            (None, None) => return Err(ScanError::Internal),
        };
        let doubt = || self.error.or_else(|| self.verdicts.iter().find_map(|verdict| verdict.doubt.clone()));
        let masked = outcome == Outcome::Redacted && complete && !self.mask_is_lost;
        let mut report = ScanReport {
            by_modes: match self.by_modes {
                true => ByModes { mask: masked.then(|| Box::new(self.mask)), masked: None, doubt: doubt() },
                false => ByModes::default(),
            },
            outcome,
            scanners: Vec::new(),
            scan_ids: Vec::new(),
            pieces: self.pieces,
            characters,
            complete,
            times: self
                .verdicts
                .iter()
                .fold(ScanTimes::default(), |times, verdict| times.with(verdict.times)),
        };
        for verdict in self.verdicts.into_iter().filter(|verdict| verdict.outcome == report.outcome) {
            report.scanners.extend(verdict.scanners);
            report.scan_ids.extend(verdict.scan_id);
        }
        report.scanners.truncate(response::MAX_SCANNERS);
        Ok(report)
    }
}
