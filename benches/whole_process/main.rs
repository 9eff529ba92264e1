//! Whole-process benchmark: the built release binary, from fork to exit, against the F5 stand-in on loopback.
//!
//! `cargo bench` prints a table of every case and holds it against the targets; `cargo bench -- --help` tells
//! the rest. Nothing here needs an account, and no traffic leaves the machine. All ratios are of cases that ran
//! in turns in the same run, so that a machine that slows down slows all of them.

#![allow(clippy::restriction)] // a program for developers may panic

mod budget;
mod cases;
mod compare;
mod options;
mod process;
mod reference;
mod relay;
mod report;
mod stage;
mod statistics;
mod store;
mod targets;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use options::{Options, Task};
use report::Report;
use stage::Stage;
use store::Store;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    // The references first: what they cost is measured, so nothing may come before them.
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(code) = reference::played(&args) {
        return code;
    }
    match options::parse(&args).map_err(Into::into).and_then(|options| run(&args, &options)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("benchmark: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String], options: &Options) -> Outcome<ExitCode> {
    if options.task == Task::Help {
        print!("{}", options::HELP);
        return Ok(ExitCode::SUCCESS);
    }
    if options.task == Task::Stage {
        stage::serve()?;
        return Ok(ExitCode::SUCCESS);
    }
    let store = match store::enter(args)? {
        store::Entered::Here(store) => store,
        store::Entered::Ran(code) => return Ok(code),
    };
    let stage = Stage::start(&store)?;
    let binary = options.binary.as_deref().unwrap_or(Path::new(env!("CARGO_BIN_EXE_f5-guard")));
    match options.task {
        Task::Serve => stage.explain(binary, &store)?,
        Task::BlackHole { calls } => return cases::black_hole(binary, &stage, calls),
        Task::Budget(purpose) => return budget::run(binary, &stage, purpose),
        Task::Measure => return measure(binary, &stage, &store, options),
        Task::Help | Task::Stage => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(binary: &Path, stage: &Stage, store: &Store, options: &Options) -> Outcome<ExitCode> {
    let binaries = [Some(binary), options.versus.as_deref()];
    let lists: Vec<_> = binaries
        .into_iter()
        .flatten()
        .map(|binary| cases::all(binary, stage, options.only.as_deref()))
        .collect::<Outcome<_>>()?;
    let mut figures = cases::measure(&lists, options.rounds)?.into_iter();
    let report = Report::new(binary, store, figures.next().unwrap_or_default())?;
    report.print();
    let met = targets::print(&report);
    if let Some((file, figures)) = options.versus.as_deref().zip(figures.next()) {
        compare::print(&report, &Report::new(file, store, figures)?, &file.display().to_string());
    }
    if let Some(file) = &options.compare {
        compare::print(&report, &Report::read(file)?, &file.display().to_string());
    }
    if let Some(file) = &options.json {
        report.write(file)?;
    }
    Ok(if met || !options.strict { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
