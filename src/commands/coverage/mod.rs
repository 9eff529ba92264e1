//! `f5-guard coverage`: how much of what the model was given was scanned, and when, from the sessions' own files and from
//! what hooks noted.

mod count;
mod log;
mod text;

use std::process::ExitCode;
use std::time::SystemTime;

pub use count::Coverage;
pub use text::sentence;

use count::{Counter, Wanted};
use log::Calls;

use crate::cli::CoverageArgs;
use crate::logging;
use crate::printable::printable;
use crate::settings::LogSettings;
use crate::stdio::{say, say_error};
use crate::system::PROCESS_ENV;
use crate::terminal::Paint;
use crate::transcript::sessions::session_files;
use crate::transcript::{NO_HOME, Store};

/// Runs the subcommand.
pub fn run(args: &CoverageArgs) -> ExitCode {
    logging::quiet_panics();
    match show(args) {
        Ok(code) => code,
        Err(problem) => {
            say_error(&format!("[ERROR] {problem}"));
            ExitCode::from(2)
        }
    }
}

fn show(args: &CoverageArgs) -> Result<ExitCode, String> {
    let session = args.session.as_deref().map(|id| printable(id, logging::NAME));
    let coverage = of_sessions(session.as_deref(), None)?;
    let shown = if args.json {
        serde_json::to_string_pretty(&coverage).map_err(|error| error.to_string())? + "\n"
    } else {
        text::render(&coverage, Paint::for_stdout())
    };
    say(&shown);
    let Some(required) = args.require else { return Ok(ExitCode::SUCCESS) };
    if coverage.unreadable > 0 {
        return Err(format!("{} of the sessions' files could not be read whole.", coverage.unreadable));
    }
    match coverage.percent {
        None => Err("The model was given nothing in these sessions.".to_owned()),
        Some(percent) if percent >= required => Ok(ExitCode::SUCCESS),
        Some(_) => Ok(ExitCode::from(1)),
    }
}

/// Counts the sessions of this user: one, or the last one, or all that changed since a time.
///
/// # Errors
/// What is missing, in sentences.
pub fn of_sessions(session: Option<&str>, since: Option<SystemTime>) -> Result<Coverage, String> {
    let store = Store::of_this_user(PROCESS_ENV).ok_or(NO_HOME)?;
    let mut files = session_files(store.home());
    files.retain(|(changed, _)| since.is_none_or(|since| *changed >= since));
    let wanted = match session {
        None => Wanted::All,
        Some("last") => {
            let last = files.iter().rev().find_map(|(_, path)| count::session_of(&store, path));
            Wanted::Session(last.ok_or("There is no session.")?)
        }
        Some(id) => Wanted::Session(id.to_owned()),
    };
    let calls = LogSettings::place(PROCESS_ENV).map(|log| Calls::read(&log)).unwrap_or_default();
    let mut counter = Counter::new(&store, wanted, calls);
    files.iter().for_each(|(_, path)| counter.add(path));
    if session.is_some() && counter.is_empty() {
        return Err("This session has no file.".to_owned());
    }
    Ok(counter.finish())
}
