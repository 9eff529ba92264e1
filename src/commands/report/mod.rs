//! `f5-guard report`: what the hooks decided, what it cost, and what was not scanned, from the log.

mod counter;
mod html;
mod latency;
mod outages;
mod page;
mod screen;
mod since;
mod summary;

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use time::{Duration, OffsetDateTime};

use counter::{Counter, Period};
use since::Since;
use summary::Summary;

use crate::cli::ReportArgs;
use crate::commands::coverage;
use crate::commands::own_log::{self, read};
use crate::logging;
use crate::printable::printable;
use crate::stdio::{hand_out, say_error};
use crate::terminal::Paint;

/// Lines from further ahead than this are no lines of ours: the clock may have been set since, but not by so much.
const AHEAD: Duration = Duration::days(1);

/// Runs the subcommand.
pub fn run(args: &ReportArgs) -> ExitCode {
    logging::quiet_panics();
    match report(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            say_error(&format!("[ERROR] {problem}"));
            ExitCode::from(1)
        }
    }
}

/// Reads, counts and shows. An error is a problem with its fix, in sentences.
fn report(args: &ReportArgs) -> Result<(), String> {
    let log = own_log::place()?;
    let now = OffsetDateTime::from(SystemTime::now());
    let since = Since::parse(&args.since, now).ok_or(
        "--since can't be used: give a number with m, h, d or w, such as 12h or 7d, or a day such as 2026-11-19.",
    )?;
    let session = match args.session.as_deref() {
        Some("last") => Some(last_session(&log)?.ok_or("There is no session in the log.")?),
        other => other.map(|id| printable(id, logging::NAME)),
    };
    let period = Period { from: since.from, until: now, session };
    let sessions = period.session.clone();
    let coverage = coverage::of_sessions(sessions.as_deref(), Some(SystemTime::from(since.from)));
    // Sessions of another Codex home, or none, are nothing to report.
    let summary = Summary { coverage: coverage.ok(), ..count(&log, period)? };
    if let Some(path) = &args.html {
        page::write(path, &html::render(&summary))
            .map_err(|error| format!("{} can't be written: {error}.", path.display()))?;
        return show(&format!("Written: {}\n", path.display()));
    }
    if args.json {
        let json = serde_json::to_string_pretty(&summary).map_err(|error| error.to_string())?;
        return show(&(json + "\n"));
    }
    show(&screen::render(&summary, &since.words, Paint::for_stdout()))
}

fn show(text: &str) -> Result<(), String> {
    hand_out(text.as_bytes()).map_err(|error| format!("stdout can't be written: {error}."))
}

fn last_session(log: &Path) -> Result<Option<String>, String> {
    let mut last = None;
    read(log, |entry| {
        if entry.line.session_id.is_some() {
            last = entry.line.session_id;
        }
    })?;
    Ok(last)
}

fn count(log: &Path, period: Period) -> Result<Summary, String> {
    let mut counter = Counter::new(period);
    let mut ahead = 0;
    let found = read(log, |entry| {
        if entry.time > counter.until() + AHEAD {
            ahead += 1;
        } else {
            counter.add(&entry);
        }
    })?;
    Ok(counter.summary(log, found.files, found.unreadable + ahead))
}
