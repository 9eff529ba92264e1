//! Reads a registered command back: which f5-guard it starts, for which event, with which flags.
//!
//! Wider than [`super::owner_of`], which decides what may be changed: a command that somebody registered by hand, with
//! the binary at a place of their own, runs f5-guard all the same.

use super::owner::{BINARY, readings};
use super::portable;
use crate::hook::Event;

/// A command that starts f5-guard as a hook, and does nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookCall {
    pub program: CalledProgram,
    /// The event that its subcommand is for.
    pub event: Event,
    /// What follows the subcommand.
    pub arguments: Vec<String>,
}

/// How the command finds f5-guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalledProgram {
    /// By this path, or by a bare name; variables such as `$HOME` are not expanded.
    Named(String),
    /// The command of a project's registration: at the user installation's place, else on `PATH`.
    LookedUp,
}

/// Reads a command; `None` where it is not certain to run f5-guard and nothing else.
#[must_use]
pub fn hook_call(command: &str) -> Option<HookCall> {
    let looked_up = portable::unix_arguments(command).or_else(|| portable::windows_arguments(command));
    if let Some(words) = looked_up {
        return call(CalledProgram::LookedUp, &words);
    }
    readings(command).iter().find_map(|words| {
        let [program, rest @ ..] = words.as_slice() else { return None };
        let name = program.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
        let is_f5_guard = name.strip_suffix(".exe").unwrap_or(&name) == BINARY;
        is_f5_guard.then(|| call(CalledProgram::Named(program.clone()), rest)).flatten()
    })
}

fn call(program: CalledProgram, words: &[String]) -> Option<HookCall> {
    let [subcommand, arguments @ ..] = words else { return None };
    let event = Event::ALL.into_iter().find(|event| event.subcommand() == subcommand)?;
    Some(HookCall { program, event, arguments: arguments.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_back_wherever_the_binary_is() {
        for (command, program) in [
            ("/usr/local/bin/f5-guard stop --hook-timeout 15", "/usr/local/bin/f5-guard"),
            ("'/home/an na/f5-guard' stop --hook-timeout 15", "/home/an na/f5-guard"),
            ("f5-guard stop --hook-timeout 15", "f5-guard"),
            (r"C:\F5\F5-GUARD.EXE stop --hook-timeout 15", r"C:\F5\F5-GUARD.EXE"),
        ] {
            let call = hook_call(command).unwrap();
            assert_eq!(call.program, CalledProgram::Named(program.to_owned()), "{command}");
            assert_eq!(
                (call.event, call.arguments),
                (Event::Stop, vec!["--hook-timeout".into(), "15".into()])
            );
        }
    }

    #[test]
    fn a_projects_command_is_read_back() {
        let words = ["stop", "--fail-mode", "closed"].map(String::from);
        let expected = HookCall {
            program: CalledProgram::LookedUp,
            event: Event::Stop,
            arguments: vec!["--fail-mode".into(), "closed".into()],
        };
        assert_eq!(hook_call(&portable::unix_command(&words)), Some(expected.clone()));
        assert_eq!(hook_call(&portable::windows_command(&words)), Some(expected));
    }

    #[test]
    fn a_command_that_does_more_or_something_else_is_not_taken_for_a_hook() {
        for command in [
            "/opt/f5-guard stop; true",
            "bash -c '/opt/f5-guard stop'",
            "/opt/f5-guard doctor",
            "/opt/f5-guard-wrapper stop",
            "X=1 /opt/f5-guard stop",
            "/opt/f5-guard",
        ] {
            assert_eq!(hook_call(command), None, "{command}");
        }
    }
}
