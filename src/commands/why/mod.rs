//! `f5-guard why`: what a refusal, a warning or a missing scan was about, from the log.

mod text;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::SystemTime;

use time::OffsetDateTime;

use crate::cli::WhyArgs;
use crate::commands::own_log;
use crate::logging;
use crate::logging::read::Entry;
use crate::printable::printable;
use crate::stdio::{say, say_error};

/// Which decisions are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    /// The last refusal or masking; where there is none, the last that was not let through in silence.
    LastRefusal,
    /// The last so many that were not let through in silence.
    Last(usize),
    /// The one with this scan id.
    Scan(String),
}

impl Which {
    fn of(args: &WhyArgs) -> Self {
        match (args.number, args.which.as_str()) {
            (Some(number), _) => Self::Last(number.into()),
            (None, "last") => Self::LastRefusal,
            (None, id) => Self::Scan(printable(id, logging::NAME)),
        }
    }

    fn has(&self, entry: &Entry) -> bool {
        let line = &entry.line;
        match self {
            Self::LastRefusal | Self::Last(_) => {
                line.decision != "allow" || !matches!(line.outcome.as_str(), "cleared" | "blank")
            }
            Self::Scan(id) => line.scan_ids.contains(id),
        }
    }

    /// No scan id belongs to more than a few calls; what somebody made up is cut.
    fn most(&self) -> usize {
        match self {
            Self::LastRefusal => 1,
            Self::Last(number) => *number,
            Self::Scan(_) => 10,
        }
    }

    fn nothing(&self) -> String {
        match self {
            Self::LastRefusal | Self::Last(_) => {
                "The log has no call that was refused, masked, warned about or not scanned, and none with a hit."
                    .to_owned()
            }
            Self::Scan(id) => format!(
                "No call in the log has the scan id {id}.\n`f5-guard why -n 5` shows the last refusals, warnings and missing scans."
            ),
        }
    }
}

/// Runs the subcommand.
pub fn run(args: &WhyArgs) -> ExitCode {
    logging::quiet_panics();
    match why(args) {
        Ok(text) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(problem) => {
            say_error(&problem);
            ExitCode::from(1)
        }
    }
}

/// The calls after a refusal that went ahead, and not in silence.
#[derive(Debug, Default)]
struct Since {
    without_a_scan: usize,
    with_a_hit: usize,
    last: Option<OffsetDateTime>,
}

impl Since {
    fn add(&mut self, entry: &Entry) {
        match entry.line.outcome.as_str() {
            "not_scanned" => self.without_a_scan += 1,
            _ => self.with_a_hit += 1,
        }
        self.last = Some(entry.time);
    }
}

/// What was asked for, as far as the log has been read.
#[derive(Debug, Default)]
struct Found {
    /// In their order.
    entries: VecDeque<Entry>,
    since: Since,
}

impl Found {
    fn add(&mut self, entry: Entry, which: &Which) {
        let keeps = *which == Which::LastRefusal && self.entries.back().is_some_and(text::is_a_cut);
        if keeps && !text::is_a_cut(&entry) {
            return self.since.add(&entry);
        }
        if self.entries.len() == which.most() {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
        self.since = Since::default();
    }
}

fn why(args: &WhyArgs) -> Result<String, String> {
    let log = own_log::place()?;
    let which = Which::of(args);
    let mut found = Found::default();
    let seen = own_log::read(&log, |entry| {
        if which.has(&entry) {
            found.add(entry, &which);
        }
    })?;
    if seen.files == 0 {
        return Err(format!("There is no log yet: {}", log.display()));
    }
    if found.entries.is_empty() {
        return Err(which.nothing());
    }
    let now = OffsetDateTime::from(SystemTime::now());
    let texts: Vec<String> = found
        .entries
        .iter()
        .map(|entry| if args.report { text::report(entry) } else { text::explain(entry, now) })
        .collect();
    let since = if args.report { String::new() } else { text::since(&found.since, now) };
    Ok(texts.join("\n") + &since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::DecisionLine;

    /// What is shown of calls with these decisions and outcomes, in their order, and what since.
    fn shown(which: &Which, calls: &[(&str, &str)]) -> (Vec<usize>, usize, usize) {
        let mut found = Found::default();
        for (number, (decision, outcome)) in calls.iter().enumerate() {
            let line = DecisionLine {
                decision: (*decision).to_owned(),
                outcome: (*outcome).to_owned(),
                duration_ms: number as u64,
                ..DecisionLine::default()
            };
            let entry = Entry { time: OffsetDateTime::UNIX_EPOCH, line };
            if which.has(&entry) {
                found.add(entry, which);
            }
        }
        let numbers = found.entries.iter().map(|entry| entry.line.duration_ms as usize).collect();
        (numbers, found.since.without_a_scan, found.since.with_a_hit)
    }

    const PASSED: (&str, &str) = ("allow", "cleared");
    const UNSCANNED: (&str, &str) = ("warn", "not_scanned");
    const WARNED: (&str, &str) = ("warn", "flagged");
    const AUDITED: (&str, &str) = ("allow", "flagged");

    #[test]
    fn what_went_ahead_later_hides_no_refusal() {
        for cut in [
            ("block", "flagged"),
            ("deny", "blocked"),
            ("withhold", "flagged"),
            ("stop", "flagged"),
            ("mask", "redacted"),
            ("deny", "not_scanned"),
        ] {
            let calls = [("block", "flagged"), UNSCANNED, cut, PASSED, UNSCANNED, WARNED, UNSCANNED, AUDITED];
            assert_eq!(shown(&Which::LastRefusal, &calls), (vec![2], 2, 2), "{cut:?}");
        }
    }

    #[test]
    fn without_a_refusal_the_last_of_the_rest_is_shown() {
        assert_eq!(shown(&Which::LastRefusal, &[WARNED, UNSCANNED, PASSED]), (vec![1], 0, 0));
        assert_eq!(shown(&Which::LastRefusal, &[PASSED]), (vec![], 0, 0));
    }

    #[test]
    fn a_number_asks_for_all_kinds() {
        let calls = [("block", "flagged"), UNSCANNED, PASSED, WARNED, AUDITED];
        assert_eq!(shown(&Which::Last(3), &calls), (vec![1, 3, 4], 0, 0));
    }
}
