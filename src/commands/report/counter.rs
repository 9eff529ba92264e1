//! Counts the lines of the log.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use time::OffsetDateTime;

use super::latency::AllTimes;
use super::outages::Outages;
use super::summary::{Cause, Day, Named, Summary, Tally};
use crate::clock;
use crate::logging::read::Entry;

/// So many different names of one kind are told apart; those that come later are counted together. There are not nearly
/// so many but in a log that somebody made up.
const MOST_NAMES: usize = 200;
/// The name of the rest.
const OTHERS: &str = "(others)";
/// Days that are told apart.
const MOST_DAYS: usize = 4_000;

/// Which calls are counted.
#[derive(Debug, Clone)]
pub struct Period {
    pub from: OffsetDateTime,
    pub until: OffsetDateTime,
    pub session: Option<String>,
}

/// Counts lines.
#[derive(Debug)]
pub struct Counter {
    period: Period,
    first: Option<OffsetDateTime>,
    last: Option<OffsetDateTime>,
    /// Hashes: a name can be long, and there can be many.
    sessions: HashSet<u64>,
    all: Tally,
    times: AllTimes,
    events: BTreeMap<String, Tally>,
    tools: BTreeMap<String, Tally>,
    scanners: BTreeMap<String, Tally>,
    causes: BTreeMap<String, Cause>,
    days: BTreeMap<time::Date, (Tally, AllTimes)>,
    outages: Outages,
}

impl Counter {
    pub fn new(period: Period) -> Self {
        Self {
            period,
            first: None,
            last: None,
            sessions: HashSet::new(),
            all: Tally::default(),
            times: AllTimes::default(),
            events: BTreeMap::new(),
            tools: BTreeMap::new(),
            scanners: BTreeMap::new(),
            causes: BTreeMap::new(),
            days: BTreeMap::new(),
            outages: Outages::default(),
        }
    }

    pub fn until(&self) -> OffsetDateTime {
        self.period.until
    }

    pub fn add(&mut self, entry: &Entry) {
        let line = &entry.line;
        let other_session =
            self.period.session.as_ref().is_some_and(|session| line.session_id.as_ref() != Some(session));
        if entry.time < self.period.from || other_session {
            return;
        }
        self.first = Some(self.first.map_or(entry.time, |first| first.min(entry.time)));
        self.last = self.last.max(Some(entry.time));
        if let Some(session) = &line.session_id {
            let mut hasher = DefaultHasher::new();
            session.hash(&mut hasher);
            self.sessions.insert(hasher.finish());
        }
        self.all.add(line);
        self.times.add(line);
        of(&mut self.events, &line.event).add(line);
        if let Some(tool) = &line.tool {
            of(&mut self.tools, tool).add(line);
        }
        let mut types: Vec<&str> =
            line.scanners.iter().map(|scanner| scanner.scanner_type.as_str()).collect();
        types.sort_unstable();
        types.dedup();
        for scanner in types {
            of(&mut self.scanners, scanner).add(line);
        }
        if line.outcome == "not_scanned" {
            self.add_cause(entry);
        }
        let day = entry.time.date();
        if self.days.len() < MOST_DAYS || self.days.contains_key(&day) {
            let (tally, times) = self.days.entry(day).or_default();
            tally.add(line);
            times.add(line);
        }
        self.outages.add(entry);
    }

    fn add_cause(&mut self, entry: &Entry) {
        let line = &entry.line;
        let name = line.cause.as_deref().unwrap_or("not said");
        let name =
            if self.causes.len() < MOST_NAMES || self.causes.contains_key(name) { name } else { OTHERS };
        let cause = self.causes.entry(name.to_owned()).or_insert_with(|| Cause {
            calls: 0,
            went_ahead: 0,
            refused: 0,
            last: String::new(),
            error: None,
        });
        cause.calls += 1;
        *if line.is_refusal() { &mut cause.refused } else { &mut cause.went_ahead } += 1;
        cause.last.clone_from(&line.timestamp);
        cause.error.clone_from(&line.error);
    }

    pub fn summary(self, log: &Path, files: usize, unreadable_lines: u64) -> Summary {
        let shown = |time: OffsetDateTime| clock::timestamp(time.into());
        let (outages, more_outages) = self.outages.all();
        Summary {
            version: env!("CARGO_PKG_VERSION"),
            log: log.display().to_string(),
            files,
            unreadable_lines,
            from: shown(self.period.from),
            until: shown(self.period.until),
            session: self.period.session,
            first: self.first.map(shown),
            last: self.last.map(shown),
            sessions: self.sessions.len(),
            all: self.all,
            events: named(self.events, |tally| tally.calls),
            tools: named(self.tools, |tally| tally.calls),
            scanners: named(self.scanners, |tally| tally.calls),
            not_scanned: named(self.causes, |cause| cause.calls),
            outages,
            more_outages,
            latency: self.times.latency(),
            coverage: None,
            days: self
                .days
                .into_iter()
                .map(|(day, (tally, times))| Day { day: day.to_string(), tally, latency: times.latency() })
                .collect(),
        }
    }
}

fn of<'a>(map: &'a mut BTreeMap<String, Tally>, name: &str) -> &'a mut Tally {
    let name = if map.len() < MOST_NAMES || map.contains_key(name) { name } else { OTHERS };
    map.entry(name.to_owned()).or_default()
}

/// The most frequent first.
fn named<T>(map: BTreeMap<String, T>, calls: impl Fn(&T) -> u64) -> Vec<Named<T>> {
    let mut list: Vec<Named<T>> = map.into_iter().map(|(name, value)| Named { name, value }).collect();
    list.sort_by_key(|named| std::cmp::Reverse(calls(&named.value)));
    list
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::logging::{DecisionLine, ScannerLine};

    /// A call at this second.
    pub fn call(second: i64, decision: &str, outcome: &str) -> Entry {
        let time = clock::parse("2026-11-26T09:00:00Z").unwrap() + time::Duration::seconds(second);
        Entry {
            time,
            line: DecisionLine {
                timestamp: clock::timestamp(time.into()),
                event: "PreToolUse".to_owned(),
                tool: Some("Bash".to_owned()),
                session_id: Some("s".to_owned()),
                decision: decision.to_owned(),
                outcome: outcome.to_owned(),
                duration_ms: 300,
                ..DecisionLine::default()
            },
        }
    }

    pub fn failed(second: i64, decision: &str, cause: &str) -> Entry {
        let mut entry = call(second, decision, "not_scanned");
        entry.line.cause = Some(cause.to_owned());
        entry.line.error = Some("The connection was refused.".to_owned());
        entry
    }

    pub fn summary(entries: &[Entry]) -> Summary {
        let now = clock::parse("2026-11-26T12:00:00Z").unwrap();
        let mut counter = Counter::new(Period { from: now - time::Duration::DAY, until: now, session: None });
        entries.iter().for_each(|entry| counter.add(entry));
        counter.summary(Path::new("/log"), 1, 0)
    }

    #[test]
    fn calls_are_counted_by_decision_outcome_event_tool_and_scanner() {
        let mut flagged = call(1, "deny", "flagged");
        let scanner = |name: &str| ScannerLine { scanner_type: name.to_owned(), message: None };
        flagged.line.scanners = vec![scanner("pii"), scanner("pii"), scanner("toxicity")];
        let mut prompt = call(2, "allow", "cleared");
        prompt.line.event = "UserPromptSubmit".to_owned();
        prompt.line.tool = None;
        let summary = summary(&[flagged, prompt, call(3, "allow", "cleared"), call(4, "perhaps", "perhaps")]);
        assert_eq!((summary.all.calls, summary.sessions), (4, 1));
        assert_eq!((summary.all.decisions.deny, summary.all.decisions.other), (1, 1));
        assert_eq!((summary.all.outcomes.cleared, summary.all.outcomes.other), (2, 1));
        let counts: Vec<_> =
            summary.events.iter().map(|event| (event.name.as_str(), event.value.calls)).collect();
        assert_eq!(counts, [("PreToolUse", 3), ("UserPromptSubmit", 1)]);
        assert_eq!(summary.tools[0].value.calls, 3);
        let scanners: Vec<_> =
            summary.scanners.iter().map(|named| (named.name.as_str(), named.value.calls)).collect();
        assert_eq!(scanners, [("pii", 1), ("toxicity", 1)], "in how many calls, not how often");
    }

    #[test]
    fn only_the_period_and_the_session_count() {
        let now = clock::parse("2026-11-26T12:00:00Z").unwrap();
        let from = clock::parse("2026-11-26T09:00:01Z").unwrap();
        let mut counter = Counter::new(Period { from, until: now, session: Some("s".to_owned()) });
        let mut other = call(5, "allow", "cleared");
        other.line.session_id = Some("t".to_owned());
        for entry in [call(0, "allow", "cleared"), call(1, "allow", "cleared"), other] {
            counter.add(&entry);
        }
        assert_eq!(counter.summary(Path::new("/log"), 1, 0).all.calls, 1);
    }

    #[test]
    fn made_up_names_do_not_fill_the_memory() {
        let entries: Vec<Entry> = (0..1_000)
            .map(|number| {
                let mut entry = failed(number, "warn", &format!("cause_{number}"));
                entry.line.tool = Some(format!("tool_{number}"));
                entry
            })
            .collect();
        let summary = summary(&entries);
        assert_eq!((summary.tools.len(), summary.not_scanned.len()), (MOST_NAMES + 1, MOST_NAMES + 1));
        assert_eq!(summary.tools[0].name, OTHERS);
        assert_eq!(summary.tools.iter().map(|tool| tool.value.calls).sum::<u64>(), 1_000);
    }
}
