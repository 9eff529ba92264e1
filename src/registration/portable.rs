//! The commands of a project's own registration, which is checked in and so names no place on one machine.
//!
//! A missing f5-guard must not mean "allow": Codex goes ahead after every exit code but 2, so the command itself says
//! 2 with a reason where it finds no f5-guard or can't start the one it finds. Only for `Stop` it says 1, because 2
//! would begin the turn again, endlessly.
//!
//! Limits, to be told to the user:
//! * Unix: whatever the login shell is (fish and csh too), it only has to start `/bin/sh -c '…'` with words that all
//!   shells quote alike.
//! * Windows: the first line is a bare command that PowerShell and `cmd.exe` both look up on `PATH`. `cmd.exe` reads
//!   no further. PowerShell, which Codex uses as a rule, goes on: it passes the exit code on, tries the user
//!   installation's place, and else exits 2 with a reason. So under `cmd.exe` a missing f5-guard lets the action
//!   through; where that matters, register for the whole system.

use super::command::{join_unix, split_unix};

/// Finds f5-guard and runs it with the arguments behind the script. It holds no single quote, backslash or `!`, so
/// that every shell takes it in single quotes unchanged. The user installation comes first: its place is the one that
/// upgrades keep. The exit codes 126 and 127 mean that there is a file which can't be run.
const UNIX_SCRIPT: &str = "for g in \"${CODEX_HOME:-$HOME/.codex}/hooks/f5_guardrails/f5-guard\" \
\"$(command -v f5-guard)\"; do if [ -f \"$g\" ] && [ -x \"$g\" ]; then \"$g\" \"$@\"; s=$?; \
if [ $s -ne 126 ] && [ $s -ne 127 ]; then exit $s; fi; fi; done; \
echo \"F5 Guardrails could not check this: this project wants f5-guard, and none is installed that runs. \
Install it (f5-guard install), or ask whoever set this project up.\" >&2; \
if [ \"$1\" = stop ]; then exit 1; fi; exit 2";

const SH: &str = "/bin/sh";
/// `$0` of the script: how it calls itself in its error messages.
const NAME: &str = "f5-guard";
const WINDOWS_MARK: &str = "if ($null -ne $LASTEXITCODE) { exit $LASTEXITCODE }";

/// The command for Unix shells; `words` are the subcommand and its flags.
pub(super) fn unix_command(words: &[String]) -> String {
    join_unix([SH, "-c", UNIX_SCRIPT, NAME].into_iter().chain(words.iter().map(String::as_str)))
}

/// The words behind the script, where `command` is one of [`unix_command`]'s.
pub(super) fn unix_arguments(command: &str) -> Option<Vec<String>> {
    let mut words = split_unix(command)?;
    let ours = matches!(words.as_slice(), [sh, c, script, name, ..]
        if sh == SH && c == "-c" && script == UNIX_SCRIPT && name == NAME);
    ours.then(|| words.split_off(4))
}

/// The command for PowerShell and `cmd.exe`. It holds no double quote, which `cmd.exe /C` and PowerShell would be
/// handed in different ways. `words` must be plain (see [`super::command::Launcher::command`]).
pub(super) fn windows_command(words: &[String]) -> String {
    let arguments = words.join(" ");
    let code = if words.first().is_some_and(|word| word == "stop") { 1 } else { 2 };
    [
        &format!("{NAME} {arguments}"),
        WINDOWS_MARK,
        "$f5 = Join-Path $HOME .codex",
        "if ($env:CODEX_HOME) { $f5 = $env:CODEX_HOME }",
        "$f5 = Join-Path $f5 hooks/f5_guardrails/f5-guard.exe",
        &format!("if (Test-Path -LiteralPath $f5) {{ & $f5 {arguments} }}"),
        WINDOWS_MARK,
        "Write-Error 'F5 Guardrails could not check this: this project wants f5-guard, and none is installed that \
         runs. Install it (f5-guard install), or ask whoever set this project up.'",
        &format!("exit {code}"),
    ]
    .join("\n")
}

/// The words behind the program, where `command` is one of [`windows_command`]'s.
pub(super) fn windows_arguments(command: &str) -> Option<Vec<String>> {
    let mut lines = command.lines();
    let first = lines.next()?;
    let words: Vec<String> = first.split(' ').skip(1).map(str::to_owned).collect();
    (windows_command(&words) == command).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_needs_only_the_quoting_that_all_shells_share() {
        assert!(!UNIX_SCRIPT.contains(['\'', '\\', '!', '\n']));
        assert!(UNIX_SCRIPT.is_ascii());
    }

    #[test]
    fn the_commands_are_recognised_again_and_only_those() {
        let words: Vec<String> = ["pre-tool-use", "--hook-timeout", "15"].map(String::from).to_vec();
        let unix = unix_command(&words);
        assert_eq!(unix_arguments(&unix), Some(words.clone()));
        assert_eq!(unix_arguments(&unix.replace("exit 2", "exit 0")), None);
        let windows = windows_command(&words);
        assert_eq!(windows_arguments(&windows), Some(words));
        assert_eq!(windows_arguments(&windows.replace("exit 2", "exit 0")), None);
        assert_eq!(windows_arguments("f5-guard pre-tool-use"), None);
    }

    #[test]
    fn cmd_reads_a_bare_command_on_the_first_line() {
        let command = windows_command(&["stop".to_owned()]);
        assert_eq!(command.lines().next(), Some("f5-guard stop"));
        assert!(command.ends_with("\nexit 1"), "exit 2 would begin the turn again");
        assert!(!command.contains('"'));
    }
}
