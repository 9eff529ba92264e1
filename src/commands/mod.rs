//! The subcommands, one file each, and the way from the command line to them.

mod allow_text;
mod coverage;
pub mod doctor;
mod dump_config;
mod hook;
pub mod install;
mod login;
mod own_log;
mod progress;
mod reference;
mod registered;
mod report;
mod result_file;
mod smoketest;
mod why;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use clap::error::ErrorKind;

use crate::cli::{self, Command, hook_line};
use crate::event::Event;
use crate::settings::Enforced;

/// Parses the command line and runs the subcommand. `started` is when the process began, as near as can be.
pub fn main(started: Instant, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some((event, args)) = hook_line(&args) {
        return hook::run(event, &args, started);
    }
    match cli::parse(&args) {
        Ok(cli) => run(cli.command, started),
        Err(error) => refused(&args, &error, started),
    }
}

/// A command line that clap refused, or that asks for help or the version.
fn refused(args: &[OsString], error: &clap::Error, started: Instant) -> ExitCode {
    hook::run_unusable(args, error, started).unwrap_or_else(|| {
        // Nothing can be done about a closed terminal.
        let _ = match error.kind() {
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                write!(anstream::stderr(), "{}", cli::short_help().ansi())
            }
            _ => error.print(),
        };
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}

fn run(command: Command, started: Instant) -> ExitCode {
    let hook = |event: Event, args: Enforced| hook::run(event, &args, started);
    match command {
        Command::UserPromptSubmit(args) => hook(Event::UserPromptSubmit, args),
        Command::PreToolUse(args) => hook(Event::PreToolUse, args),
        Command::PostToolUse(args) => hook(Event::PostToolUse, args),
        Command::Stop(args) => hook(Event::Stop, args),
        Command::Install(args) => install::run(&args),
        Command::Uninstall(args) => install::uninstall::run(&args),
        Command::Login(args) => login::run(&args),
        Command::Logout(args) => login::logout(&args),
        Command::DumpConfig(args) => dump_config::run(&args, started),
        Command::Doctor(args) => doctor::run(&args),
        Command::Smoketest(args) => smoketest::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Why(args) => why::run(&args),
        Command::Coverage(args) => coverage::run(&args),
        Command::AllowText(args) => allow_text::run(&args),
        Command::Completions(args) => reference::completions(&args),
        Command::Man(args) => reference::man(&args),
    }
}
