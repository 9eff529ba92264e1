//! Whose hook a registered command is: ours is what `install` has written, never what looks like it. Only what is
//! certainly ours, or certainly the Python integration's, is ever trusted, changed or removed; what merely resembles them
//! is reported and left alone.

use super::call::{CalledProgram, readings, written_call};
use crate::event::Event;

/// The folder below `$CODEX_HOME/hooks` (and, as a rule, below a managed folder) that f5-guard is installed to.
pub const FOLDER: &str = "f5_guardrails";
/// How the Python integration's status messages begin.
const STATUS_PREFIX: &str = "F5 Guardrails:";

/// What is ours in one layer of Codex's configuration. By default what it is in a project's: only the command that looks
/// for f5-guard itself, because whatever else a checked-in file names is the repository's word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownBinaries {
    /// Where f5-guard is or was installed for this layer, as paths in the spellings that commands may use (on Windows the
    /// 8.3 short form too).
    pub binaries: Vec<String>,
    pub python: Python,
}

impl KnownBinaries {
    /// Whether the program of a command is one of these.
    pub fn has(&self, program: &str) -> bool {
        self.binaries.iter().any(|place| same_path(place, program))
    }
}

/// What becomes of the Python integration's hooks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Python {
    /// They are somebody else's: its installers registered in no project, so that nothing there is certain to be it.
    #[default]
    LeftAlone,
    /// An installation of ours replaces them.
    TakenOver,
}

/// Whose hook it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Its command is one that we write for this event: a binary of ours, or the project's way to look for it; the event's
    /// subcommand; our flags and nothing else.
    Ours,
    /// It runs the Python integration's script for this event.
    Python,
    /// It mentions f5-guard or the scripts, in a form that neither wrote.
    Lookalike,
    Foreign,
}

impl Owner {
    /// Whether an installation of ours takes the hook over.
    pub fn is_replaced(self) -> bool {
        matches!(self, Self::Ours | Self::Python)
    }
}

/// The owner of one handler by its event's name, its commands (which must agree before it counts as anybody's) and its
/// status message.
pub fn owner_of(
    event: &str,
    command: Option<&str>,
    command_windows: Option<&str>,
    status_message: Option<&str>,
    places: &KnownBinaries,
) -> Owner {
    let event = Event::from_name(event);
    let commands = || command.iter().chain(command_windows.iter());
    let owners: Vec<Owner> = commands().map(|command| owner_of_command(event, command, places)).collect();
    if owners.is_empty() || owners.iter().all(|owner| *owner == Owner::Foreign) {
        return Owner::Foreign;
    }
    // Both together is what a hook of the integration is while it is being replaced.
    if owners.iter().all(|owner| owner.is_replaced()) {
        return if owners.contains(&Owner::Ours) { Owner::Ours } else { Owner::Python };
    }
    // The integration's managed file has a place holder as `command`, beside the true `command_windows`.
    let status = status_message.is_some_and(|message| message.starts_with(STATUS_PREFIX));
    let is_pythons = |command: &str| status && runs_script(command, event, None);
    if places.python == Python::TakenOver
        && commands().zip(&owners).all(|(command, owner)| owner.is_replaced() || is_pythons(command))
    {
        return Owner::Python;
    }
    Owner::Lookalike
}

fn owner_of_command(event: Option<Event>, command: &str, places: &KnownBinaries) -> Owner {
    if let (Some(event), Some(call)) = (event, written_call(command)) {
        let is_our_binary = match &call.program {
            CalledProgram::LookedUp => true,
            CalledProgram::Named(program) => places.has(program),
        };
        if is_our_binary && call.event.same_subcommand(event) {
            return Owner::Ours;
        }
    }
    if places.python == Python::TakenOver && runs_script(command, event, Some(FOLDER)) {
        return Owner::Python;
    }
    if resembles(command) { Owner::Lookalike } else { Owner::Foreign }
}

/// Whether a command mentions f5-guard: as a program's name, or the folder that it is installed to.
fn resembles(command: &str) -> bool {
    let ends_a_word = |c: char| c.is_whitespace() || "'\"`$(){}[];&|<>=,".contains(c);
    command.split(ends_a_word).any(|word| {
        let parts: Vec<String> = word.split(['/', '\\']).map(str::to_lowercase).collect();
        let is_name =
            |name: &String| ["f5-guard", "f5_guard", "f5-gua~"].iter().any(|start| name.starts_with(start));
        parts.iter().any(|part| is_our_folder(part)) || parts.last().is_some_and(is_name)
    })
}

/// `F5_GUA~1` is the folder's 8.3 short name.
fn is_our_folder(name: &str) -> bool {
    name == FOLDER || name.starts_with("f5_gua~")
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

/// Whether a command is `[python] …/<folder>/<script>.py`, with the integration's script for this event.
fn runs_script(command: &str, event: Option<Event>, folder: Option<&str>) -> bool {
    readings(command).iter().any(|words| {
        let script = match words.as_slice() {
            [script] => script,
            [interpreter, script] if is_python(interpreter) => script,
            [interpreter, option, script] if is_python(interpreter) && option.starts_with('-') => script,
            _ => return false,
        };
        let parts: Vec<String> = script.split(['/', '\\']).map(str::to_lowercase).collect();
        let [.., parent, name] = parts.as_slice() else { return false };
        let known = event.is_some_and(|event| event.python_script() == name);
        known && (folder.is_none() || is_our_folder(parent))
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
    use crate::registration::{Launcher, Registration, RegistrationOptions};
    use proptest::prelude::*;

    const HOME: &str = "/home/ann/.codex/hooks/f5_guardrails/f5-guard";
    const WINDOWS: &str = r"C:\ProgramData\F5\f5-guard.exe";

    fn places() -> KnownBinaries {
        KnownBinaries {
            binaries: vec![HOME.into(), "/home/an na/f5-guard".into(), WINDOWS.into()],
            python: Python::TakenOver,
        }
    }

    fn owner(event: &str, command: &str) -> Owner {
        owner_of(event, Some(command), None, None, &places())
    }

    #[test]
    fn commands_that_install_writes_are_ours_for_their_event() {
        for (event, command) in [
            ("PreToolUse", format!("{HOME} pre-tool-use")),
            ("PreToolUse", format!("{HOME} pre-tool-use --hook-timeout 15")),
            ("SubagentStop", format!("{HOME} stop --timeout 5 --fail-mode closed")),
            ("Stop", "'/home/an na/f5-guard' stop --base-url 'https://x/ y'".into()),
            ("UserPromptSubmit", format!("{WINDOWS} user-prompt-submit --hook-timeout 15")),
            ("Stop", r"c:\programdata\f5\F5-GUARD.EXE stop".into()),
        ] {
            assert_eq!(owner(event, &command), Owner::Ours, "{event} {command}");
        }
    }

    #[test]
    fn what_only_resembles_ours_is_not_ours() {
        for command in [
            "f5-guard stop",
            "./hooks/f5_guardrails/f5-guard stop",
            "hooks/f5_guardrails/f5-guard stop",
            "/home/ben/.codex/hooks/f5_guardrails/f5-guard stop",
            "$HOME/.codex/hooks/f5_guardrails/f5-guard stop",
            "\"$HOME/.codex/hooks/f5_guardrails/f5-guard\" stop",
            "~/.codex/hooks/f5_guardrails/f5-guard stop",
            "/home/ann/.codex/hooks/f5_guardrails/../f5_guardrails/f5-guard stop",
            "/home/ann/.codex/hooks/f5_guardrails/f5-guard doctor",
            "/home/ann/.codex/hooks/f5_guardrails/f5-guard stop && echo done",
            "/home/ann/.codex/hooks/f5_guardrails/f5-guard stop --project-id \"$(touch x)\"",
            "/home/ann/.codex/hooks/f5_guardrails/f5-guard stop --project-id $X",
            "/home/ann/.codex/hooks/f5_guardrails/f5-guard stop --bogus",
            "/home/ann/.codex/hooks/f5_guardrails/f5-guard stop more",
            "/home/ann/.codex/hooks/f5_guardrails/f5-guard  stop",
            "\"/home/ann/.codex/hooks/f5_guardrails/f5-guard\" stop",
            "LOG=1 /home/ann/.codex/hooks/f5_guardrails/f5-guard stop",
            "/home/ann/.codex/hooks/f5_guardrails/f5-guard-wrapper stop",
            "bash -c '/home/ann/.codex/hooks/f5_guardrails/f5-guard stop'",
            r"C:\Users\ben\.codex\hooks\f5_guardrails\f5-guard.exe stop",
            r".\F5-GUA~1.EXE stop",
            "python3 /home/ann/.codex/hooks/f5_guardrails/my_own.py",
            "python3 /home/ann/.codex/hooks/f5_guardrails/stop.py; echo hi",
        ] {
            assert_eq!(owner("Stop", command), Owner::Lookalike, "{command}");
        }
        for command in [
            "bash \"$HOME/.codex/hooks/guardrails.sh\"",
            "/src/f5-guard/lint.sh stop",
            "python3 tools/stop.py",
        ] {
            assert_eq!(owner("Stop", command), Owner::Foreign, "{command}");
        }
    }

    #[test]
    fn under_another_event_a_command_of_ours_or_a_script_is_a_look_alike() {
        for event in ["SessionStart", "PreToolUse", "PermissionRequest", "stop"] {
            assert_eq!(owner(event, &format!("{HOME} stop")), Owner::Lookalike, "{event}");
            assert_eq!(owner(event, "python3 /h/f5_guardrails/stop.py"), Owner::Lookalike, "{event}");
        }
    }

    #[test]
    fn in_a_project_only_the_command_that_looks_for_f5_guard_is_ours() {
        let project = KnownBinaries::default();
        let registration = Registration::new(
            &RegistrationOptions::default(),
            &Launcher::PortableUnix,
            Some(&Launcher::PortableWindows),
        );
        for hook in registration.unwrap().hooks {
            let windows = hook.command_windows.as_deref();
            assert_eq!(
                owner_of(hook.event.name(), Some(&hook.command), windows, None, &project),
                Owner::Ours
            );
            let twin = windows.map(|command| format!("{command}\nStart-Process evil"));
            assert_eq!(
                owner_of(hook.event.name(), Some(&hook.command), twin.as_deref(), None, &project),
                Owner::Lookalike
            );
        }
        for command in [format!("{HOME} stop"), "python3 /h/f5_guardrails/stop.py".into()] {
            assert_eq!(
                owner_of("Stop", Some(&command), None, Some("F5 Guardrails: x"), &project),
                Owner::Lookalike
            );
        }
    }

    #[test]
    fn the_python_integrations_scripts_are_known_in_every_spelling_it_used() {
        for (event, command) in [
            ("UserPromptSubmit", "/usr/bin/python3 $HOME/.codex/hooks/f5_guardrails/user_prompt_submit.py"),
            ("PreToolUse", "python %USERPROFILE%\\.codex\\hooks\\f5_guardrails\\pre_tool_use.py"),
            ("Stop", r"C:\Python\python.exe C:\CodexHooks\f5_guardrails\stop.py"),
            ("PostToolUse", "python3.12 '/opt/enterprise/codex hooks/f5_guardrails/post_tool_use.py'"),
            ("SubagentStop", r"py -3 C:\Users\a\.codex\hooks\f5_guardrails\stop.py"),
        ] {
            assert_eq!(owner(event, command), Owner::Python, "{command}");
        }
    }

    #[test]
    fn the_managed_files_place_holder_is_pythons_only_with_its_status_message() {
        let of = |command, windows, status| owner_of("Stop", Some(command), windows, status, &places());
        let place_holder = "python3 /enterprise/hooks/stop.py";
        let windows = Some(r"C:\Python\python.exe C:\CodexHooks\f5_guardrails\stop.py");
        assert_eq!(
            of(place_holder, windows, Some("F5 Guardrails: scanning assistant response")),
            Owner::Python
        );
        assert_eq!(of(place_holder, windows, Some("House rules")), Owner::Lookalike);
        assert_eq!(of(place_holder, None, None), Owner::Foreign);
    }

    #[test]
    fn a_handler_whose_commands_disagree_is_left_alone() {
        let ours = format!("{HOME} stop");
        assert_eq!(owner_of("Stop", Some(&ours), Some("echo hi"), None, &places()), Owner::Lookalike);
    }

    /// What a shell would do something with, and what our own commands are made of.
    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            Just(HOME.to_owned()),
            Just("'/home/an na/f5-guard'".to_owned()),
            Just(WINDOWS.to_owned()),
            Just("f5-guard".to_owned()),
            Just("stop".to_owned()),
            Just("pre-tool-use".to_owned()),
            Just("--fail-mode".to_owned()),
            Just("closed".to_owned()),
            Just("--base-url".to_owned()),
            Just("https://f5.example/x".to_owned()),
            Just("--post-strict".to_owned()),
            Just("--hook-timeout=15".to_owned()),
            Just("--timeout".to_owned()),
            Just("5".to_owned()),
            Just(" ".to_owned()),
            Just("/bin/sh -c".to_owned()),
            "[ -~\\n\\t]{0,6}",
        ]
    }

    /// What `install` would write for what was read, with `--flag=value` as it was found.
    fn written(command: &str) -> String {
        let call = written_call(command).unwrap();
        let CalledProgram::Named(program) = call.program else { return command.to_owned() };
        let words: Vec<String> =
            [program, call.event.subcommand().into()].into_iter().chain(call.arguments).collect();
        if command.starts_with(['c', 'C']) {
            return words.join(" ");
        }
        let quote = crate::registration::quoting::quote_unix;
        let spelled = words.iter().map(|word| match word.split_once('=') {
            Some((flag, value)) if command.contains(&format!(" {flag}=")) => {
                format!("{flag}={}", quote(value))
            }
            _ => quote(word),
        });
        spelled.collect::<Vec<_>>().join(" ")
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

        #[test]
        fn no_command_that_is_not_made_of_our_words_is_ours(pieces in proptest::collection::vec(piece(), 1..7), tight in any::<bool>()) {
            let command = pieces.join(if tight { "" } else { " " });
            if owner("Stop", &command) == Owner::Ours {
                prop_assert_eq!(written(&command), command);
            }
        }

        #[test]
        fn a_command_of_ours_with_one_more_character_in_it_is_ours_only_as_one_that_we_write(
            at in 0_usize..200, more in "[ -~\\n]{1,3}", timeout in any::<bool>(),
        ) {
            let flags = if timeout { " --timeout 5" } else { "" };
            let command = format!("{HOME} stop --fail-mode closed{flags} --project-id 'a b'");
            let at = at % (command.len() + 1);
            let changed = format!("{}{more}{}", &command[..at], &command[at..]);
            if owner("Stop", &changed) == Owner::Ours {
                prop_assert_eq!(written(&changed), changed);
            }
        }
    }
}
