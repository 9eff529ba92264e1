//! `f5-guard doctor`: looks at everything that an installation depends on, and says what is wrong and how to fix it.
//!
//! `gather` looks (no file is changed, nothing is trusted), `judge` turns facts into findings and is pure, `report` shows
//! both.

mod codex_file;
mod facts;
pub mod finding;
mod gather;
mod judge;
mod proof;
mod report;
mod rows;
mod sanitizer;

use std::process::ExitCode;

use crate::cli::DoctorArgs;
use crate::commands::progress::Progress;
use crate::logging;
use crate::stdio::say;
use crate::system::PROCESS_ENV;
use crate::terminal::Paint;
use finding::Severity;
pub use finding::State;
pub use gather::{Question, greeting, shown_settings};
pub use proof::DotEnv;
use report::text::Layout;

#[cfg(test)]
pub use rows::SettingProblem;
pub use rows::SettingRow;
pub use sanitizer::Sanitizer;

/// Runs the doctor. Exit code 0: protected; 1: not protected; 2: it could not be found out.
pub fn run(args: &DoctorArgs) -> ExitCode {
    logging::quiet_panics();
    let question = Question {
        codex: args.codex.clone(),
        offline: args.offline,
        no_proof: args.no_proof,
        profile: args.profile.clone(),
        ..Question::default()
    };
    let (facts, report) = examine(&question);
    let shown = if args.json {
        report::json::render(&facts, &report)
    } else {
        report::text::render(&facts, &report, Layout { paint: Paint::for_stdout(), verbose: args.verbose })
    };
    say(&shown);
    ExitCode::from(report.verdict.exit_code())
}

/// Gathers and judges, and shows on a terminal what it waits for.
fn examine(question: &Question) -> (facts::Facts, finding::Report) {
    let progress = Progress::start("doctor");
    let facts = gather::gather(question, PROCESS_ENV, &|what| progress.says(what));
    let report = judge::judge(&facts);
    (facts, report)
}

/// What an examination comes to, for `install`.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub state: State,
    /// What is wrong or unknown, each with what to do about it; the cause of the others first.
    pub steps: Vec<String>,
}

impl Outcome {
    /// Examines this machine.
    pub fn of(question: &Question) -> Self {
        let (_, report) = examine(question);
        let has_cause = report.has_root_cause();
        let decisive = report.findings.iter().filter(|finding| finding.severity >= Severity::Unknown);
        let steps = decisive
            .filter(|finding| !(has_cause && finding.id.is_consequence()))
            .map(|finding| format!("{} {}", finding.text, finding.fix));
        Self { state: report.state, steps: steps.collect() }
    }
}
