//! Reads a registered command back: which f5-guard it starts, for which event, with which flags.
//!
//! Twice: [`written_call`] reads what `install` writes, to the byte, and so decides what may be trusted, changed or
//! removed. [`hook_call`] also reads what somebody registered by hand, with a shell's other ways of quoting: it runs
//! f5-guard all the same.

use super::portable;
use super::quoting::{is_windows_safe, is_windows_word, quote_unix, split_unix};
use crate::event::Event;
use crate::settings::{Enforced, HOOK_TIMEOUT_FLAG};

/// The binary's name there, without Windows' extension.
pub const BINARY: &str = "f5-guard";

/// A command that starts f5-guard as a hook, and does nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookCall {
    pub program: CalledProgram,
    /// An event that its subcommand is for.
    pub event: Event,
    /// What follows the subcommand.
    pub arguments: Vec<String>,
}

impl HookCall {
    /// The flags as the hook itself reads them; `None` for a command line that it refuses.
    pub fn enforced(&self) -> Option<Enforced> {
        Enforced::parse(&self.arguments).ok()
    }
}

/// How the command finds f5-guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalledProgram {
    /// By this path, or by a bare name; variables such as `$HOME` are not expanded.
    Named(String),
    /// The command of a project's registration: at the user installation's place, else on `PATH`.
    LookedUp,
}

/// Reads a command that is byte for byte one that `install` could have written, with whatever binary: our own quoting,
/// a hook's subcommand, our own flags in any order, each once.
pub fn written_call(command: &str) -> Option<HookCall> {
    let written = looked_up(command).or_else(|| {
        let unix = split_unix(command).filter(|words| is_spelled_as_ours(command, words));
        let windows = || {
            let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
            let plain = words.first().is_some_and(|word| is_windows_safe(word))
                && words.iter().all(|w| is_windows_word(w));
            plain.then_some(words)
        };
        let words = unix.or_else(windows)?;
        let (program, rest) = words.split_first()?;
        call(CalledProgram::Named(program.clone()), rest)
    });
    written.filter(|call| are_our_flags(&call.arguments))
}

/// Reads a command; `None` where it is not certain to run f5-guard and nothing else.
pub fn hook_call(command: &str) -> Option<HookCall> {
    looked_up(command).or_else(|| {
        readings(command).iter().find_map(|words| {
            let [program, rest @ ..] = words.as_slice() else { return None };
            let name = program.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
            let is_f5_guard = name.strip_suffix(".exe").unwrap_or(&name) == BINARY;
            is_f5_guard.then(|| call(CalledProgram::Named(program.clone()), rest)).flatten()
        })
    })
}

fn looked_up(command: &str) -> Option<HookCall> {
    let words = portable::unix_arguments(command).or_else(|| portable::windows_arguments(command))?;
    call(CalledProgram::LookedUp, &words)
}

fn call(program: CalledProgram, words: &[String]) -> Option<HookCall> {
    let [subcommand, arguments @ ..] = words else { return None };
    let event = Event::ALL.into_iter().find(|event| event.subcommand() == subcommand)?;
    Some(HookCall { program, event, arguments: arguments.to_vec() })
}

/// Whether a Unix command is these words in our own quoting, to the byte. `--flag=value` may stand with only its value
/// quoted.
fn is_spelled_as_ours(command: &str, words: &[String]) -> bool {
    let mut rest = Some(command);
    for (index, word) in words.iter().enumerate() {
        let flag = word.split_once('=').filter(|(name, _)| name.starts_with("--"));
        let glued = flag.map(|(name, value)| format!("{}={}", quote_unix(name), quote_unix(value)));
        let forms = [Some(quote_unix(word)), glued];
        let after = if index == 0 { rest } else { rest.and_then(|rest| rest.strip_prefix(' ')) };
        rest = after.and_then(|text| {
            let mut behind = forms.iter().flatten().filter_map(|form| text.strip_prefix(form.as_str()));
            behind.find(|behind| behind.is_empty() || behind.starts_with(' '))
        });
    }
    rest == Some("")
}

fn are_our_flags(arguments: &[String]) -> bool {
    let mut seen = Vec::new();
    let mut words = arguments.iter().peekable();
    while let Some(word) = words.next() {
        let (name, value) =
            word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        let mut known = Enforced::FLAGS.iter().copied().chain([HOOK_TIMEOUT_FLAG]);
        let Some(flag) = known.find(|flag| *flag == name) else { return false };
        let value = value.or_else(|| words.next_if(|next| !next.starts_with('-')).map(String::as_str));
        let usable = match value {
            Some(value) => !value.is_empty() && !value.chars().any(char::is_control),
            None => flag == "--post-strict",
        };
        if !usable || seen.contains(&flag) && !Enforced::SEVERAL.contains(&flag) {
            return false;
        }
        seen.push(flag);
    }
    true
}

/// The words of a command, as a Unix shell and as Windows' shells would have them.
pub(super) fn readings(command: &str) -> Vec<Vec<String>> {
    let mut readings: Vec<Vec<String>> = split_unix(command).into_iter().collect();
    if command.contains('\\') && !command.contains(['&', '|', '<', '>', '^', ';', '\n', '\r', '`', '(', '\''])
    {
        let words = command.split_whitespace().map(|word| word.trim_matches('"').to_owned());
        readings.push(words.collect());
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_back_wherever_the_binary_is() {
        for (command, program) in [
            ("/usr/local/bin/f5-guard stop --hook-timeout 15", "/usr/local/bin/f5-guard"),
            ("'/home/an na/f5-guard' stop --hook-timeout 15", "/home/an na/f5-guard"),
            (r"C:\F5\F5-GUARD.EXE stop --hook-timeout 15", r"C:\F5\F5-GUARD.EXE"),
        ] {
            for call in [hook_call(command), written_call(command)] {
                let call = call.unwrap();
                assert_eq!(call.program, CalledProgram::Named(program.to_owned()), "{command}");
                assert_eq!(
                    (call.event, call.arguments),
                    (Event::Stop, vec!["--hook-timeout".into(), "15".into()])
                );
            }
        }
        for by_hand in ["f5-guard  stop", "\"/home/an na/f5-guard\" stop", r#""C:\x y\f5-guard.exe" stop"#] {
            assert!(hook_call(by_hand).is_some() && written_call(by_hand).is_none(), "{by_hand}");
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
        for command in [portable::unix_command(&words), portable::windows_command(&words)] {
            assert_eq!(hook_call(&command), Some(expected.clone()));
            assert_eq!(written_call(&command), Some(expected.clone()));
        }
    }

    #[test]
    fn only_our_flags_each_once_and_with_a_value_are_what_we_write() {
        let is_ours = |flags: &str| written_call(&format!("/g/f5-guard stop {flags}")).is_some();
        for flags in [
            "--timeout 5 --fail-mode closed",
            "--post-strict",
            "--post-strict --fail-mode=open",
            "--hook-timeout=15",
            "--token-file /etc/f5-guard/token",
            "--log on --contact 'the SOC, soc@example.com' --metadata 'site=Bad Homburg' --metadata 'team=blue'",
        ] {
            assert!(is_ours(flags), "{flags}");
        }
        for flags in [
            "--bogus",
            "more",
            "--fail-mode",
            "--fail-mode --timeout 5",
            "--fail-mode ''",
            "--timeout 5 --timeout 6",
            "--contact x --contact y",
            "--token-file",
            "--help",
            "--",
            "-h",
            "--fail-mode closed; true",
        ] {
            assert!(!is_ours(flags), "{flags}");
        }
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
            "/opt/f5-guard stop --project-id \"$(touch x)\"",
        ] {
            assert_eq!(hook_call(command), None, "{command}");
        }
    }
}
