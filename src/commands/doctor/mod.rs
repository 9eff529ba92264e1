//! `f5-guard doctor`: looks at everything that an installation depends on, and says what is wrong and how to mend it.
//!
//! Looks only: no file is changed, nothing is trusted. Judging is [`crate::doctor`]'s part.

mod background;
mod binary;
mod codex;
mod collect;
mod desktop;
mod files;
mod hooks;
mod json;
mod left_out;
mod log;
mod runner;
mod service;
mod text;
mod visible_tokens;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::DoctorArgs;
use crate::doctor::diagnose;
use crate::logging;
use crate::settings::Env;

const PROCESS_ENV: Env<'static> = &|name| std::env::var_os(name);

/// Runs the doctor. Exit code 0: protected; 1: not protected; 2: it could not be found out.
pub fn run(args: &DoctorArgs) -> ExitCode {
    logging::quiet_panics();
    let facts = collect::collect(args, PROCESS_ENV);
    let diagnosis = diagnose(&facts);
    let report = if args.json {
        json::render(&facts, &diagnosis)
    } else {
        text::render(&facts, &diagnosis, super::smoketest::colour())
    };
    // Nothing can be done about a closed terminal.
    let _ = io::stdout().write_all(report.as_bytes()).and_then(|()| io::stdout().flush());
    ExitCode::from(diagnosis.verdict.exit_code())
}
