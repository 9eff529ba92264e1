//! What a scan answer says of one scanner: an entry of `result.scannerResults`.

use super::mask::{Claim, positions};
use super::report::ScannerResult;
use crate::json::{Field, Json};
use crate::printable::printable;

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

/// The type of a scanner (`data.type`), as far as its result says.
pub enum Kind {
    /// Live bodies leave it out.
    Unnamed,
    Named(String),
    /// Where a type should be there is something else.
    Unreadable,
}

impl Kind {
    pub fn of(result: Json<'_>) -> Self {
        let [data] = result.pick(["data"]);
        let kind = match data {
            _ if data.is_absent() => return Self::Unnamed,
            Field::Once(data) if data.is_object() => {
                let [kind] = data.pick(["type"]);
                kind
            }
            _ => return Self::Unreadable,
        };
        match kind.as_string() {
            Some(kind) => Self::Named(kind.into_owned()),
            None if kind.is_absent() => Self::Unnamed,
            None => Self::Unreadable,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Named(kind) => kind,
            Self::Unnamed | Self::Unreadable => "",
        }
    }

    /// As it is shown.
    fn shown(&self) -> String {
        let named = printable(self.name(), 60);
        if named.is_empty() { "unnamed scanner".to_owned() } else { named }
    }

    /// In any case: the doubt is against the scanner.
    pub fn says(&self, word: &str) -> bool {
        matches!(self, Self::Named(kind) if kind.trim().eq_ignore_ascii_case(word))
    }
}

/// What the scanner says of the text; any doubt is no pass.
pub fn judge(result: Json<'_>, kind: &Kind) -> ScannerOutcome {
    let said: Vec<_> = result
        .fields()
        .filter(|(key, _)| key == "outcome")
        .map(|(_, said)| said.as_string())
        .take(2)
        .collect();
    let says = |word: &str| said.iter().any(|said| said.as_deref() == Some(word));
    match said.as_slice() {
        _ if says("failed") => ScannerOutcome::Failed,
        _ if kind.says("error") => ScannerOutcome::Error,
        [_] if says("passed") => match kind {
            Kind::Unreadable => ScannerOutcome::Unknown,
            _ if kind.says("N/A") => ScannerOutcome::NotRun,
            _ => ScannerOutcome::Passed,
        },
        _ => ScannerOutcome::Unknown,
    }
}

/// Whether a scanner that failed a text says so and nothing else, as one that ran.
pub fn is_clearly_failed(result: Json<'_>, kind: &Kind) -> bool {
    let [outcome] = result.pick(["outcome"]);
    outcome.as_string().is_some() && !matches!(kind, Kind::Unreadable) && !kind.says("N/A")
}

/// What is kept of a scanner that objects.
pub fn scanner(result: Json<'_>, kind: &Kind) -> ScannerResult {
    let [message] = result.pick(["message"]);
    ScannerResult {
        scanner_type: kind.shown(),
        message: message
            .as_string()
            .map(|message| printable(&message, 300))
            .filter(|message| !message.is_empty()),
    }
}

/// What the scanner claims to have found, and where; `None` where that is not understood.
pub fn claim(result: Json<'_>, kind: &Kind, outcome: ScannerOutcome) -> Option<Claim> {
    let [data] = result.pick(["data"]);
    let positions = match data {
        _ if data.is_absent() => Vec::new(),
        Field::Once(data) => positions(kind.name(), data)?,
        Field::Missing | Field::Repeated => return None,
    };
    Some(Claim { scanner_type: kind.shown(), objects: outcome == ScannerOutcome::Failed, positions })
}
