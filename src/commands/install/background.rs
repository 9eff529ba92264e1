//! Codex's server in the background, which keeps the hooks and the variables that it was started with.

use std::time::Duration;

use crate::cli::InstallArgs;
use crate::codex::background::{self, find};
use crate::codex::home::CodexHome;
use crate::codex::locate::{Codex, LocateError};
use crate::codex::start;
use crate::installation::{InstallContext, Scope};
use crate::printable::printable;
use crate::process::{self, End};
use crate::stdio::{has_terminal, says_yes};

const STOP_TIME: Duration = Duration::from_secs(20);
const STOP: &str = "`codex app-server daemon stop`";

/// Stops it with `--restart-codex`, or where somebody says so on the terminal; what is to know goes into the report.
pub fn offer_to_stop(
    args: &InstallArgs,
    scope: Scope,
    context: &InstallContext,
    codex: &Result<Codex, LocateError>,
) -> Option<String> {
    // Every user has one of their own.
    if scope == Scope::System {
        return None;
    }
    let server = find(&context.home.path)?;
    let process = server.process.map_or_else(String::new, |(id, _)| format!(" (process {id})"));
    let sessions = sessions(&context.home);
    let Ok(codex) = codex else {
        return Some(format!(
            "Codex's server runs in the background{process}, with the hooks and variables of its start: end it with {STOP}."
        ));
    };
    let question = format!(
        "Codex's server runs in the background{process}, with the hooks and variables of its start. Stop it now? \
         {} [y/N]",
        sessions.as_deref().unwrap_or("Its open sessions end.")
    );
    if !(args.restart_codex || has_terminal() && says_yes(&question, false)) {
        return Some(format!(
            "Codex's server runs in the background{process}, with the hooks and variables of its start, and so do the \
             sessions of `codex`: end it with {STOP}, or run this again with --restart-codex.{}",
            sessions.map(|sessions| format!(" {sessions}")).unwrap_or_default()
        ));
    }
    let mut command = start::command(&codex.program, Some(&context.home));
    command.args(["app-server", "daemon", "stop"]);
    let stopped = process::run(&mut command, b"", STOP_TIME);
    let is_gone =
        matches!(stopped, Ok(done) if done.end == End::Code(0)) && find(&context.home.path).is_none();
    Some(if is_gone {
        format!(
            "Codex's server in the background{process} was stopped; `codex` starts it again with these hooks."
        )
    } else {
        format!(
            "Codex's server in the background{process} could not be stopped with {STOP}: the user who started it has to stop it."
        )
    })
}

/// The sessions that would end, in a sentence.
fn sessions(home: &CodexHome) -> Option<String> {
    let mut server = background::speak(&home.path, STOP_TIME).ok()?;
    let threads = background::live_threads(&mut server).ok().filter(|threads| !threads.is_empty())?;
    let names: Vec<String> =
        threads.iter().map(|thread| printable(thread.folder.as_deref().unwrap_or(&thread.id), 200)).collect();
    let count =
        if names.len() == 1 { "One session is".to_owned() } else { format!("{} sessions are", names.len()) };
    Some(format!("{count} open in it, and would end: {}.", names.join(", ")))
}
