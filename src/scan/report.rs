//! What a scan found.

use std::fmt;
use std::time::{Duration, Instant};

use super::error::ScanError;
use super::mask::{Mask, Masked, TYPES};

/// The service's verdict on one text. `Ord` ranks by severity, so that the worst of several pieces is `max`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Cleared,
    Flagged,
    Redacted,
    /// A word that this version does not know; never treated as cleared.
    Unknown(String),
    /// The service said cleared, but one of its scanners failed the text; or it changed a text whose outcome does not
    /// say so.
    Contradicted,
    Blocked,
}

/// A scanner that objected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannerResult {
    /// The readable scanner type (`data.type`), for example `prompt_injection`; made printable.
    pub scanner_type: String,
    /// Text that the F5 operator wrote for this scanner; made printable.
    pub message: Option<String>,
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
    /// Where a text that was redacted is to be masked, until [`ScanReport::mask`] has done it.
    pub mask: Option<Box<Mask>>,
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
            Self::Contradicted => "contradictory",
            Self::Redacted => "redacted",
            Self::Flagged => "flagged",
            Self::Blocked => "blocked",
        })
    }
}

impl ScanReport {
    /// The same without the mask and the masked text: refused as a whole, without what the service may repeat of it.
    #[must_use]
    pub fn unmasked(mut self) -> Self {
        if self.by_modes.mask.take().is_some() | self.by_modes.masked.take().is_some() {
            self.scanners.retain(|scanner| TYPES.contains(&scanner.scanner_type.as_str()));
            self.scanners.iter_mut().for_each(|scanner| scanner.message = None);
            self.scan_ids.clear();
        }
        self
    }

    /// Whether the content may pass.
    pub fn is_cleared(&self) -> bool {
        self.outcome == Outcome::Cleared
    }

    /// Whether there is something that [`ScanReport::mask`] has not masked yet.
    pub fn has_mask(&self) -> bool {
        self.by_modes.mask.is_some()
    }

    /// Masks the text, which takes its time where very much is masked, and takes out of what the service says whatever is.
    pub fn mask(&mut self, content: &str) {
        let Some(mask) = self.by_modes.mask.take() else { return };
        let masked = self.by_modes.masked.insert(mask.over(content));
        let said = self
            .scanners
            .iter_mut()
            .flat_map(|scanner| std::iter::once(&mut scanner.scanner_type).chain(&mut scanner.message));
        masked.clean(said.chain(&mut self.scan_ids), content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_before_its_mask_repeats_nothing_and_shows_no_text() {
        let text = "key AKIAQ7EXAMPLE now";
        let scanner = |scanner_type: &str| ScannerResult {
            scanner_type: scanner_type.to_owned(),
            message: Some("found AKIAQ7EXAMPLE".to_owned()),
        };
        let mut report = ScanReport {
            outcome: Outcome::Redacted,
            scanners: vec![scanner("secret"), scanner("AKIAQ7EXAMPLE")],
            scan_ids: vec!["id-AKIAQ7EXAMPLE".to_owned(), "id-1".to_owned()],
            pieces: 1,
            characters: 21,
            complete: true,
            times: ScanTimes::default(),
            by_modes: ByModes {
                mask: Mask::of_redacted(text, "key ************* now", &[]).map(Box::new),
                ..ByModes::default()
            },
        };
        let early = report.clone().unmasked();
        assert_eq!((&early.outcome, &early.by_modes), (&Outcome::Redacted, &ByModes::default()));
        assert!(!format!("{early:?}").contains("AKIAQ7"), "{early:?}");
        assert_eq!(early.scanners.len(), 1);
        report.mask(text);
        assert!(!format!("{report:?}").contains("AKIAQ7"), "{report:?}");
        assert_eq!(report.by_modes.masked.map(|masked| masked.characters), Some(13));
        assert_eq!(report.scan_ids, ["(masked)", "id-1"]);
    }
}
