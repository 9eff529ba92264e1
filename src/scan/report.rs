//! What a scan found.

use std::fmt;
use std::time::{Duration, Instant};

use super::error::ScanError;
use super::mask::Masked;

/// The service's verdict on one text. `Ord` ranks by severity, so that the worst of several pieces is `max`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Cleared,
    Flagged,
    Redacted,
    /// A word that this version does not know; never treated as cleared.
    Unknown(String),
    /// The service said cleared, but one of its scanners failed the text; or it masked a text whose outcome does not say
    /// so.
    Contradicted,
    Blocked,
}

/// The result of one scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannerResult {
    /// The readable scanner type (`data.type`), for example `prompt_injection`; made printable.
    pub scanner_type: String,
    pub outcome: ScannerOutcome,
    /// Text that the F5 operator wrote for this scanner; made printable.
    pub message: Option<String>,
}

/// What one scanner said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScannerOutcome {
    Passed,
    Failed,
    /// The scanner itself failed.
    Error,
    /// The scanner did not run (`N/A`).
    NotRun,
    /// The answer did not say, or said something unknown.
    Unknown,
}

/// The result of scanning one text, over all its pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanReport {
    pub outcome: Outcome,
    /// The scanners that objected to the pieces that decided the outcome; a hundred at most.
    pub scanners: Vec<ScannerResult>,
    /// The ids of those pieces' scans, where the service records scans.
    pub scan_ids: Vec<String>,
    /// How many pieces the text was cut into.
    pub pieces: usize,
    /// How many characters the text has.
    pub characters: usize,
    /// Whether every part of the text has a verdict of every scanner. Where not, a hit is only one of two things to say.
    pub complete: bool,
    pub times: ScanTimes,
    pub by_modes: ByModes,
}

/// What a hit means where the scanners' own modes count. Nothing is in it elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByModes {
    /// How the whole text is masked, where it was redacted and that can be trusted.
    pub masked: Option<Masked>,
    /// Why a text that was only flagged may not go ahead: of a part of it, it is not known whether it might.
    pub doubt: Option<ScanError>,
}

/// When a scan was answered, and how long it took the service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScanTimes {
    /// When the first byte of the service's answer was there; of several answers the last one's.
    pub first_byte: Option<Instant>,
    /// By the service's own clock; of several answers the longest. Answers need not tell it.
    pub service: Option<Duration>,
}

impl ScanTimes {
    /// Those of two answers together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self { first_byte: self.first_byte.max(other.first_byte), service: self.service.max(other.service) }
    }
}

impl Outcome {
    /// From the service's word. The comparison is exact: what is not literally `cleared` (or `passed`, which
    /// the Python integration accepted too) is not cleared.
    pub fn from_word(word: &str) -> Self {
        match word {
            "cleared" | "passed" => Self::Cleared,
            "redacted" => Self::Redacted,
            "flagged" => Self::Flagged,
            "blocked" => Self::Blocked,
            other => Self::Unknown(crate::printable::printable(other, 40)),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cleared => "cleared",
            Self::Unknown(word) => word,
            Self::Contradicted => "cleared, yet failed",
            Self::Redacted => "redacted",
            Self::Flagged => "flagged",
            Self::Blocked => "blocked",
        })
    }
}

impl ScanReport {
    /// The same without the masked text, and without scanners' messages, which could repeat what is masked.
    #[must_use]
    pub fn unmasked(mut self) -> Self {
        if self.by_modes.masked.take().is_some() {
            self.scanners.iter_mut().for_each(|scanner| scanner.message = None);
        }
        self
    }

    /// Whether the content may pass.
    pub fn is_cleared(&self) -> bool {
        self.outcome == Outcome::Cleared
    }

    /// Takes out of what the service says whatever it masked.
    pub(super) fn clean(&mut self, content: &str) {
        let Some(masked) = &self.by_modes.masked else { return };
        for scanner in &mut self.scanners {
            masked.clean(&mut scanner.scanner_type, content);
            scanner.message.iter_mut().for_each(|message| masked.clean(message, content));
        }
        self.scan_ids.iter_mut().for_each(|id| masked.clean(id, content));
    }

    /// The scanners that objected.
    pub fn objections(&self) -> impl Iterator<Item = &ScannerResult> {
        self.scanners.iter().filter(|scanner| scanner.outcome == ScannerOutcome::Failed)
    }
}
