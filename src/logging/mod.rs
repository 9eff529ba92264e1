//! The log: human lines on stderr, JSON lines in a file.
//!
//! A hook's lines are collected in memory and written after the answer, so that neither a slow, full or
//! read-only disk nor a stderr that nobody reads has a say in a decision. No scanned content and no secret is ever logged.

mod file;

use std::collections::HashSet;
use std::io::{self, IsTerminal};
use std::time::Duration;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::prelude::*;

use file::Immediate;
pub use file::{Log, check};

use crate::event::Event;
use crate::hook::decision::log_word;
use crate::hook::{Action, Assessment};
use crate::printable::printable;
use crate::secret::Hidden;
use crate::settings::LogSettings;
use crate::settings::values::LogLevel;

/// When the human lines come out on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stderr {
    /// With the log file's lines, after the answer.
    Deferred,
    /// At once: somebody is watching.
    Immediate,
}

/// Sets up the process's log, which must be flushed before the process ends. Nothing of it shows what is `hidden`.
pub fn init(settings: &LogSettings, stderr: Stderr, hidden: &Hidden) -> Log {
    let log = Log::new(settings.file.value.clone(), hidden.clone());
    let level = match *settings.level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // Only our own events: what an HTTP library logs could hold headers or content.
    let ours = Targets::new().with_target("f5_guard", level);
    let human =
        fmt::layer().with_ansi(io::stderr().is_terminal()).with_target(false).with_writer(match stderr {
            Stderr::Deferred => BoxMakeWriter::new(log.stderr()),
            Stderr::Immediate => BoxMakeWriter::new(Immediate(hidden.clone())),
        });
    let json = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_writer(log.file());
    // A second call (in a test process) keeps the first subscriber.
    let _ = tracing_subscriber::registry().with(ours).with(human).with(json).try_init();
    log
}

/// Replaces the standard panic message, which can quote the text that a panic is about, by its place in our
/// source.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |l| format!(" at {}:{}", l.file(), l.line()));
        tracing::error!("internal error{place}");
    }));
}

/// One decision, for the log.
#[derive(Debug)]
pub struct Decided<'a> {
    pub event: Event,
    pub tool_name: Option<&'a str>,
    pub session_id: Option<&'a str>,
    pub turn_id: Option<&'a str>,
    /// Length of the text to scan; `None` where the payload could not be read.
    pub characters: Option<usize>,
    pub assessment: &'a Assessment,
    pub action: Action,
    /// Since the start of the process.
    pub duration: Duration,
}

/// So many different texts of one kind are logged; together with what else is cut a line stays below 16 KiB.
const LOGGED: usize = 10;

/// The first different ones of `texts`, and how many more there are.
fn some<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    let mut different = HashSet::new();
    let mut logged: Vec<&str> = Vec::new();
    for text in texts {
        if different.insert(text) && logged.len() < LOGGED {
            logged.push(text);
        }
    }
    match different.len() - logged.len() {
        0 => logged.join(","),
        more => format!("{},and {more} more", logged.join(",")),
    }
}

/// Logs a decision: at `warn` everything other than a plain allow, at `info` a cleared scan, at `debug` text
/// that was blank.
pub fn decided(decided: &Decided<'_>) {
    let report = match decided.assessment {
        Assessment::Scanned(report) => Some(report),
        _ => None,
    };
    let failure = match decided.assessment {
        Assessment::NotScanned(failure) => Some(failure),
        _ => None,
    };
    let outcome = match decided.assessment {
        Assessment::Scanned(report) => report.outcome.to_string(),
        Assessment::NotScanned(_) => "not_scanned".to_owned(),
        Assessment::NothingToScan => "blank".to_owned(),
        Assessment::Proof(_) => "proof".to_owned(),
    };
    let scanners = report.map(|report| some(report.objections().map(|scanner| &scanner.scanner_type)));
    let scan_ids = report.map(|report| some(&report.scan_ids));
    // From the payload, from paths and addresses, so of any length.
    let short = |text: Option<&str>| text.map(|text| printable(text, 255));
    let error = failure.map(|failure| printable(&failure.to_string(), 1000));
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    macro_rules! record {
        ($level:expr) => {
            tracing::event!(
                $level,
                event = decided.event.name(),
                tool = short(decided.tool_name),
                decision = log_word(decided.event, decided.action),
                outcome,
                scanner_types = scanners,
                scan_ids,
                error_kind = failure.map(|failure| failure.kind()),
                error = error.as_deref().map(tracing::field::display),
                duration_ms = u64::try_from(decided.duration.as_millis()).unwrap_or(u64::MAX),
                characters = decided.characters.map(count),
                pieces = report.map(|report| count(report.pieces)),
                session_id = short(decided.session_id),
                turn_id = short(decided.turn_id),
                "decision"
            )
        };
    }
    match (decided.action, decided.assessment) {
        (Action::Allow, Assessment::NothingToScan) => record!(Level::DEBUG),
        (Action::Allow, _) | (_, Assessment::Proof(_)) => record!(Level::INFO),
        _ => record!(Level::WARN),
    }
}
