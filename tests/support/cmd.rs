//! Runs a command line through `cmd.exe`, as Codex does where there is no PowerShell.

use std::process::Command;

/// `cmd.exe /C <line>`, with the line as one argument: quoted by the standard library where it has spaces in it,
/// because Codex's own call is written like this.
pub fn cmd(line: &str) -> Command {
    let mut command = Command::new("cmd.exe");
    command.args(["/C", line]);
    command
}
