//! The log: human lines on stderr, JSON lines in a file.
//!
//! A hook's lines are collected in memory and written after the answer, so that neither a slow, full or
//! read-only disk nor a stderr that nobody reads has a say in a decision. No scanned content and no secret is ever logged.
//! The line of the call itself is always written; the level governs all others.

mod decision_line;
mod file;
mod key;
pub mod read;
mod rotation;

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::prelude::*;

pub use decision_line::{
    DecisionLine, MAX_LISTED, MAX_MASKED, MESSAGE, MaskedLine, NAME, OPERATORS_MESSAGE, SCANNER_TYPE,
    SENTENCE, ScannerLine, WouldHaveLine, fitting,
};
use file::Immediate;
pub use file::{CallLine, Log, StderrOwner, check};
pub use key::{key_file, key_next_to};

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

/// Events for people: the file has a line of its own about the same.
pub const ON_STDERR_ONLY: &str = "f5_guard::decision";

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
        .with_writer(log.file())
        .with_filter(filter_fn(|event| event.target() != ON_STDERR_ONLY));
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
