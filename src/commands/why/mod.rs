//! `f5-guard why`: what a refusal, a warning or a missing scan was about, from the log.

mod text;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use time::OffsetDateTime;

use crate::cli::WhyArgs;
use crate::logging;
use crate::logging::read::{Entry, read};
use crate::printable::printable;
use crate::settings::LogSettings;
use crate::stdio::say_error;
use crate::system::Env;

const PROCESS_ENV: Env<'static> = &|name| std::env::var_os(name);

/// Which decisions are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    /// The last so many that were not let through in silence.
    Last(usize),
    /// The one with this scan id.
    Scan(String),
}

impl Which {
    fn of(args: &WhyArgs) -> Self {
        match (args.number, args.which.as_str()) {
            (Some(number), _) => Self::Last(number.into()),
            (None, "last") => Self::Last(1),
            (None, id) => Self::Scan(printable(id, logging::NAME)),
        }
    }

    fn has(&self, entry: &Entry) -> bool {
        let line = &entry.line;
        match self {
            Self::Last(_) => {
                line.decision != "allow" || !matches!(line.outcome.as_str(), "cleared" | "blank")
            }
            Self::Scan(id) => line.scan_ids.contains(id),
        }
    }

    /// No scan id belongs to more than a few calls; what somebody made up is cut.
    fn most(&self) -> usize {
        match self {
            Self::Last(number) => *number,
            Self::Scan(_) => 10,
        }
    }

    fn nothing(&self) -> String {
        match self {
            Self::Last(_) => {
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
            // Nothing can be done about a closed terminal.
            let _ = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
            ExitCode::SUCCESS
        }
        Err(problem) => {
            say_error(&problem);
            ExitCode::from(1)
        }
    }
}

fn why(args: &WhyArgs) -> Result<String, String> {
    let log = LogSettings::place(PROCESS_ENV)
        .ok_or("There is no log: neither CODEX_HOME nor a home folder is set.")?;
    let which = Which::of(args);
    let mut found: VecDeque<Entry> = VecDeque::new();
    let seen = read(&log, |entry| {
        if which.has(&entry) {
            if found.len() == which.most() {
                found.pop_front();
            }
            found.push_back(entry);
        }
    })
    .map_err(|error| format!("The log {} can't be read: {error}.", log.display()))?;
    if seen.files == 0 {
        return Err(format!("There is no log yet: {}", log.display()));
    }
    if found.is_empty() {
        return Err(which.nothing());
    }
    let now = OffsetDateTime::from(SystemTime::now());
    let texts: Vec<String> = found
        .iter()
        .map(|entry| if args.report { text::report(entry) } else { text::explain(entry, now) })
        .collect();
    Ok(texts.join("\n"))
}
