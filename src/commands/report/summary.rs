//! What a report says. The names of the fields are those of `report --json`; docs/report.md describes them.

use serde::Serialize;

use super::latency::Latency;
use crate::commands::coverage::Coverage;
use crate::logging::DecisionLine;

/// Everything that a report says.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    pub version: &'static str,
    pub log: String,
    pub files: usize,
    /// Lines of the log that could not be read.
    pub unreadable_lines: u64,
    pub from: String,
    pub until: String,
    /// The one session that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The first and the last call.
    pub first: Option<String>,
    pub last: Option<String>,
    pub sessions: usize,
    #[serde(flatten)]
    pub all: Tally,
    /// By Codex's name of the event.
    pub events: Vec<Named<Tally>>,
    pub tools: Vec<Named<Tally>>,
    /// Scanners that objected: in how many calls, and what became of those.
    pub scanners: Vec<Named<Tally>>,
    /// Calls that were not scanned, by cause.
    pub not_scanned: Vec<Named<Cause>>,
    pub outages: Vec<Outage>,
    /// How many more there were before those that are listed.
    pub more_outages: u64,
    pub latency: Latency,
    pub days: Vec<Day>,
    /// How much of what the model was given was scanned; absent where Codex's home is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
}

/// Something with a name.
#[derive(Debug, Clone, Serialize)]
pub struct Named<T> {
    pub name: String,
    #[serde(flatten)]
    pub value: T,
}

/// How many calls, what was decided, and what the scans came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub calls: u64,
    pub decisions: Decisions,
    pub outcomes: Outcomes,
    /// Calls that went ahead whatever was found.
    #[serde(skip_serializing_if = "Observed::is_none")]
    pub observed: Observed,
}

/// Calls that were only observed, and what would have been decided for them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Observed {
    pub calls: u64,
    pub block: Decisions,
    pub project: Decisions,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Decisions {
    pub allow: u64,
    pub warn: u64,
    pub mask: u64,
    pub block: u64,
    pub deny: u64,
    pub withhold: u64,
    pub stop: u64,
    pub other: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    pub cleared: u64,
    pub flagged: u64,
    pub redacted: u64,
    pub blocked: u64,
    pub contradicted: u64,
    pub unknown: u64,
    pub not_scanned: u64,
    pub blank: u64,
    pub other: u64,
}

/// Calls that were not scanned for one reason.
#[derive(Debug, Clone, Serialize)]
pub struct Cause {
    pub calls: u64,
    pub went_ahead: u64,
    pub refused: u64,
    /// When it was so last, and in which words.
    pub last: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Two calls or more in a row that found no service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outage {
    pub from: String,
    /// The last call of them.
    pub until: String,
    pub seconds: u64,
    pub calls: u64,
    pub went_ahead: u64,
    pub refused: u64,
    /// The cause of the first.
    pub cause: String,
    /// Whether no call has been scanned since.
    pub goes_on: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct Day {
    /// In UTC.
    pub day: String,
    #[serde(flatten)]
    pub tally: Tally,
    pub latency: Latency,
}

impl Decisions {
    pub fn refused(&self) -> u64 {
        self.block + self.deny + self.withhold + self.stop
    }

    fn count(&mut self, word: &str) -> &mut u64 {
        match word {
            "allow" => &mut self.allow,
            "warn" => &mut self.warn,
            "mask" => &mut self.mask,
            "block" => &mut self.block,
            "deny" => &mut self.deny,
            "withhold" => &mut self.withhold,
            "stop" => &mut self.stop,
            _ => &mut self.other,
        }
    }
}

impl Outcomes {
    /// Scans that did not clear the text.
    pub fn objections(&self) -> u64 {
        self.flagged + self.redacted + self.blocked + self.contradicted + self.unknown
    }

    fn count(&mut self, word: &str) -> &mut u64 {
        match word {
            "cleared" => &mut self.cleared,
            "flagged" => &mut self.flagged,
            "redacted" => &mut self.redacted,
            "blocked" => &mut self.blocked,
            "contradicted" => &mut self.contradicted,
            "unknown" => &mut self.unknown,
            "not_scanned" => &mut self.not_scanned,
            "blank" => &mut self.blank,
            _ => &mut self.other,
        }
    }
}

impl Tally {
    pub fn add(&mut self, line: &DecisionLine) {
        self.calls += 1;
        *self.decisions.count(&line.decision) += 1;
        *self.outcomes.count(&line.outcome) += 1;
        if line.is_observed() {
            self.observed.calls += 1;
            let would = line.would_have.as_ref();
            *self.observed.block.count(would.map_or(&line.decision, |would| &would.block)) += 1;
            *self.observed.project.count(would.map_or(&line.decision, |would| &would.project)) += 1;
        }
    }
}

impl Observed {
    /// What would have become of how many calls by `block`, and by `project`.
    pub fn rows(&self) -> [(&'static str, u64, u64); 4] {
        let (block, project) = (&self.block, &self.project);
        [
            ("refused", block.refused(), project.refused()),
            ("masked", block.mask, project.mask),
            ("let pass with a warning", block.warn, project.warn),
            ("let pass", block.allow, project.allow),
        ]
    }

    pub fn is_none(&self) -> bool {
        self.calls == 0
    }
}

/// The day and the minute of a timestamp.
pub fn minute(timestamp: &str) -> String {
    timestamp.chars().take(16).map(|character| if character == 'T' { ' ' } else { character }).collect()
}
