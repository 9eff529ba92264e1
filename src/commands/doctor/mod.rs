//! `f5-guard doctor`: looks at everything that an installation depends on, and says what is wrong and how to fix it.
//!
//! `gather` looks (no file is changed, nothing is trusted), `judge` turns facts into findings and is pure, `report` shows
//! both.

mod facts;
pub mod finding;
mod gather;
mod judge;
mod progress;
mod proof;
mod report;
mod sanitizer;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::DoctorArgs;
use crate::logging;
use crate::system::Env;
use progress::Progress;
use report::text::Style;

pub use facts::SettingRow;
pub use gather::shown_settings;
pub use sanitizer::Sanitizer;

const PROCESS_ENV: Env<'static> = &|name| std::env::var_os(name);

/// Runs the doctor. Exit code 0: protected; 1: not protected; 2: it could not be found out.
pub fn run(args: &DoctorArgs) -> ExitCode {
    logging::quiet_panics();
    let progress = Progress::start();
    let facts = gather::gather(args, PROCESS_ENV, &|what| progress.says(what));
    drop(progress);
    let report = judge::judge(&facts);
    let shown = if args.json {
        report::json::render(&facts, &report)
    } else {
        report::text::render(
            &facts,
            &report,
            Style { colour: super::smoketest::colour(), verbose: args.verbose },
        )
    };
    // Nothing can be done about a closed terminal.
    let _ = io::stdout().write_all(shown.as_bytes()).and_then(|()| io::stdout().flush());
    ExitCode::from(report.verdict.exit_code())
}
