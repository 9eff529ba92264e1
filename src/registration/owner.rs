//! Whose hook a registered command is. Only what is certainly ours, or certainly the Python integration's, is ever
//! changed or removed; what merely resembles them is reported and left alone.

use super::command::split_unix;
use super::portable;
use crate::hook::Event;

/// The folder below `$CODEX_HOME/hooks` (and, as a rule, below a managed folder) that f5-guard is installed to.
pub const FOLDER: &str = "f5_guardrails";
/// The binary's name there, without Windows' extension.
pub const BINARY: &str = "f5-guard";
/// How the Python integration's status messages begin.
const STATUS_PREFIX: &str = "F5 Guardrails:";

/// Where f5-guard is or was installed on this machine, as paths in the spelling that commands may use (on Windows
/// the 8.3 short form too). Commands that name one of them are ours, besides those at the standard place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OurPlaces {
    pub binaries: Vec<String>,
}

/// Whose hook it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// It runs f5-guard at a place of ours, with a hook subcommand, and does nothing else.
    Ours,
    /// It runs one of the Python integration's scripts.
    Python,
    /// It mentions f5-guard or the scripts, in a form that neither wrote.
    Lookalike,
    Foreign,
}

impl Owner {
    /// Whether an installation of ours takes the hook over.
    #[must_use]
    pub fn is_replaced(self) -> bool {
        matches!(self, Self::Ours | Self::Python)
    }
}

/// The commands of one handler: they must agree before it counts as anybody's.
#[must_use]
pub fn owner_of(
    command: Option<&str>,
    command_windows: Option<&str>,
    status_message: Option<&str>,
    places: &OurPlaces,
) -> Owner {
    let owners: Vec<Owner> =
        command.iter().chain(command_windows.iter()).map(|c| owner_of_command(c, places)).collect();
    if owners.is_empty() || owners.iter().all(|owner| *owner == Owner::Foreign) {
        return Owner::Foreign;
    }
    // Both together is what a hook of the integration is while it is being replaced.
    if owners.iter().all(|owner| owner.is_replaced()) {
        return if owners.contains(&Owner::Ours) { Owner::Ours } else { Owner::Python };
    }
    // The integration's managed file has a place holder as `command`, beside the true `command_windows`.
    let status = status_message.is_some_and(|message| message.starts_with(STATUS_PREFIX));
    let commands = command.iter().chain(command_windows.iter());
    if commands.zip(&owners).all(|(c, owner)| owner.is_replaced() || (status && runs_script(c, None))) {
        return Owner::Python;
    }
    Owner::Lookalike
}

fn owner_of_command(command: &str, places: &OurPlaces) -> Owner {
    let portable = portable::unix_arguments(command).or_else(|| portable::windows_arguments(command));
    if let Some(arguments) = portable {
        return if is_hook_call(&arguments) { Owner::Ours } else { Owner::Lookalike };
    }
    for words in readings(command) {
        if let [program, arguments @ ..] = words.as_slice() {
            if is_our_binary(program, places) && is_hook_call(arguments) {
                return Owner::Ours;
            }
        }
    }
    if runs_script(command, Some(FOLDER)) {
        return Owner::Python;
    }
    let lower = command.to_lowercase();
    let resembles = lower.contains(BINARY) || lower.contains(FOLDER);
    if resembles || runs_script(command, None) { Owner::Lookalike } else { Owner::Foreign }
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

fn is_hook_call(arguments: &[String]) -> bool {
    arguments.first().is_some_and(|first| Event::ALL.iter().any(|event| event.subcommand() == first))
}

fn is_our_binary(program: &str, places: &OurPlaces) -> bool {
    if places.binaries.iter().any(|place| same_path(place, program)) {
        return true;
    }
    let parts: Vec<String> = program.split(['/', '\\']).map(str::to_lowercase).collect();
    let [.., hooks, folder, binary] = parts.as_slice() else { return false };
    let binary = binary.strip_suffix(".exe").unwrap_or(binary);
    // `F5_GUA~1` is the folder's 8.3 short name.
    binary == BINARY && hooks == "hooks" && (folder == FOLDER || folder.starts_with("f5_gua~"))
}

fn same_path(a: &str, b: &str) -> bool {
    let windows = |path: &str| path.chars().nth(1) == Some(':');
    if windows(a) && windows(b) {
        let plain = |path: &str| path.replace('/', "\\").to_lowercase();
        plain(a) == plain(b)
    } else {
        a == b
    }
}

/// Whether a command is `[python] …/<folder>/<script>.py`, with one of the integration's script names.
fn runs_script(command: &str, folder: Option<&str>) -> bool {
    readings(command).iter().any(|words| {
        let script = match words.as_slice() {
            [script] => script,
            [interpreter, script] if is_python(interpreter) => script,
            [interpreter, option, script] if is_python(interpreter) && option.starts_with('-') => script,
            _ => return false,
        };
        let parts: Vec<String> = script.split(['/', '\\']).map(str::to_lowercase).collect();
        let [.., parent, name] = parts.as_slice() else { return false };
        let known = Event::ALL.iter().any(|event| event.python_script() == name);
        known && folder.is_none_or(|folder| parent == folder || parent.starts_with("f5_gua~"))
    })
}

fn is_python(program: &str) -> bool {
    let name = program.rsplit(['/', '\\']).next().unwrap_or("").to_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let version = name.strip_prefix("pythonw").or_else(|| name.strip_prefix("python"));
    name == "py" || version.is_some_and(|v| v.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(command: &str) -> Owner {
        let places = OurPlaces {
            binaries: vec!["/opt/f5/bin/f5-guard".into(), r"C:\ProgramData\F5\f5-guard.exe".into()],
        };
        owner_of(Some(command), None, None, &places)
    }

    #[test]
    fn commands_that_install_writes_are_ours() {
        for command in [
            "/home/ann/.codex/hooks/f5_guardrails/f5-guard pre-tool-use --hook-timeout 15",
            "'/home/an na/.codex/hooks/f5_guardrails/f5-guard' stop --hook-timeout 15 --base-url 'https://x/ y'",
            "$HOME/.codex/hooks/f5_guardrails/f5-guard stop",
            "/opt/f5/bin/f5-guard post-tool-use",
            r"C:\Users\ann\.codex\hooks\f5_guardrails\f5-guard.exe user-prompt-submit --hook-timeout 15",
            r"C:\Users\ANN~1\CODEX~1\hooks\F5_GUA~1\F5-GUARD.EXE stop",
            r"c:\programdata\f5\f5-guard.exe stop",
        ] {
            assert_eq!(owner(command), Owner::Ours, "{command}");
        }
    }

    #[test]
    fn what_only_resembles_ours_is_not_ours() {
        for command in [
            "f5-guard pre-tool-use",
            "/home/ann/bin/f5-guard pre-tool-use",
            "/home/ann/.codex/hooks/f5_guardrails/f5-guard doctor",
            "/home/ann/.codex/hooks/f5_guardrails/f5-guard stop && echo done",
            "LOG=1 /home/ann/.codex/hooks/f5_guardrails/f5-guard stop",
            "/home/ann/.codex/hooks/f5_guardrails/f5-guard-wrapper stop",
            "bash -c '/home/ann/.codex/hooks/f5_guardrails/f5-guard stop'",
            "python3 /home/ann/.codex/hooks/f5_guardrails/my_own.py",
            "python3 /home/ann/.codex/hooks/f5_guardrails/stop.py; echo hi",
        ] {
            assert_eq!(owner(command), Owner::Lookalike, "{command}");
        }
        assert_eq!(owner("bash \"$HOME/.codex/hooks/guardrails.sh\""), Owner::Foreign);
    }

    #[test]
    fn the_python_integrations_scripts_are_known_in_every_spelling_it_used() {
        for command in [
            "/usr/bin/python3 $HOME/.codex/hooks/f5_guardrails/user_prompt_submit.py",
            "python %USERPROFILE%\\.codex\\hooks\\f5_guardrails\\pre_tool_use.py",
            r"C:\Python\python.exe C:\CodexHooks\f5_guardrails\stop.py",
            "python3.12 '/opt/enterprise/codex hooks/f5_guardrails/post_tool_use.py'",
            r"py -3 C:\Users\a\.codex\hooks\f5_guardrails\stop.py",
        ] {
            assert_eq!(owner(command), Owner::Python, "{command}");
        }
    }

    #[test]
    fn the_managed_files_place_holder_is_pythons_only_with_its_status_message() {
        let of = |status| {
            let windows = r"C:\Python\python.exe C:\CodexHooks\f5_guardrails\stop.py";
            owner_of(Some("python3 /enterprise/hooks/stop.py"), Some(windows), status, &OurPlaces::default())
        };
        assert_eq!(of(Some("F5 Guardrails: scanning assistant response")), Owner::Python);
        assert_eq!(of(Some("House rules")), Owner::Lookalike);
        let alone =
            owner_of(Some("python3 /x/stop.py"), None, Some("F5 Guardrails: x"), &OurPlaces::default());
        assert_eq!(alone, Owner::Python);
        let foreign = owner_of(Some("python3 /x/stop.py"), None, None, &OurPlaces::default());
        assert_eq!(foreign, Owner::Lookalike);
    }

    #[test]
    fn a_handler_whose_commands_disagree_is_left_alone() {
        let ours = "/home/ann/.codex/hooks/f5_guardrails/f5-guard stop";
        assert_eq!(owner_of(Some(ours), Some("echo hi"), None, &OurPlaces::default()), Owner::Lookalike);
    }
}
