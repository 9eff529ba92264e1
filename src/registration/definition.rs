//! What is registered with Codex: four hooks, their matchers, timeouts, status messages and commands.

use super::command::{Argument, CommandError, Launcher};

/// A Codex event that f5-guard registers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HookEvent {
    UserPromptSubmit,
    PreToolUse,
    PostToolUse,
    Stop,
}

impl HookEvent {
    /// In the order in which a turn meets them.
    pub const ALL: [Self; 4] = [Self::UserPromptSubmit, Self::PreToolUse, Self::PostToolUse, Self::Stop];

    /// Codex's name in configuration files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UserPromptSubmit => "UserPromptSubmit",
            Self::PreToolUse => "PreToolUse",
            Self::PostToolUse => "PostToolUse",
            Self::Stop => "Stop",
        }
    }

    /// The f5-guard subcommand that answers it.
    #[must_use]
    pub fn subcommand(self) -> &'static str {
        match self {
            Self::UserPromptSubmit => "user-prompt-submit",
            Self::PreToolUse => "pre-tool-use",
            Self::PostToolUse => "post-tool-use",
            Self::Stop => "stop",
        }
    }

    /// The Python integration's script for it.
    #[must_use]
    pub fn python_script(self) -> &'static str {
        match self {
            Self::UserPromptSubmit => "user_prompt_submit.py",
            Self::PreToolUse => "pre_tool_use.py",
            Self::PostToolUse => "post_tool_use.py",
            Self::Stop => "stop.py",
        }
    }

    /// What Codex shows while the hook runs: the words that the Python integration's users know.
    #[must_use]
    pub fn status_message(self) -> &'static str {
        match self {
            Self::UserPromptSubmit => "F5 Guardrails: scanning prompt",
            Self::PreToolUse => "F5 Guardrails: scanning tool input",
            Self::PostToolUse => "F5 Guardrails: scanning output",
            Self::Stop => "F5 Guardrails: scanning assistant response",
        }
    }

    /// Codex matches tool names only for these.
    #[must_use]
    pub fn has_matcher(self) -> bool {
        matches!(self, Self::PreToolUse | Self::PostToolUse)
    }
}

/// The matcher that leaves no tool out.
pub const MATCH_ALL_TOOLS: &str = ".*";
/// Seconds that Codex gives a hook unless the scan timeout asks for more.
pub const DEFAULT_HOOK_TIMEOUT: u64 = 15;
/// Seconds that a hook gets beyond the scan timeout, for its start, its answer and a retry's end.
const HOOK_TIMEOUT_MARGIN: u64 = 5;

/// What `install` was told. The values are those of f5-guard's own flags, already checked; the registered command
/// repeats the ones given, so that they win over the user's environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistrationOptions {
    /// Which tools are scanned, a regular expression of Codex; [`MATCH_ALL_TOOLS`] where `None`.
    pub matcher: Option<String>,
    pub fail_mode: Option<String>,
    pub base_url: Option<String>,
    pub project_id: Option<String>,
    pub post_strict: Option<String>,
    /// Seconds, as the user wrote them.
    pub timeout: Option<String>,
    pub ca_bundle: Option<String>,
    pub token_file: Option<String>,
    /// The timeout of a scan in effect, in whole seconds rounded up, wherever it was set: it decides how long Codex
    /// has to wait. `None` for the default, which fits [`DEFAULT_HOOK_TIMEOUT`].
    pub scan_timeout_seconds: Option<u64>,
}

impl RegistrationOptions {
    /// Seconds that Codex must give each hook.
    #[must_use]
    pub fn hook_timeout(&self) -> u64 {
        let wanted = self.scan_timeout_seconds.unwrap_or(0).saturating_add(HOOK_TIMEOUT_MARGIN);
        wanted.max(DEFAULT_HOOK_TIMEOUT)
    }

    fn arguments(&self, event: HookEvent) -> Vec<Argument> {
        let mut arguments = vec![
            Argument::Word(event.subcommand().to_owned()),
            Argument::Flag { name: "--hook-timeout", value: self.hook_timeout().to_string() },
        ];
        let given = [
            ("--fail-mode", &self.fail_mode),
            ("--base-url", &self.base_url),
            ("--project-id", &self.project_id),
            ("--post-strict", &self.post_strict),
            ("--timeout", &self.timeout),
            ("--ca-bundle", &self.ca_bundle),
            ("--token-file", &self.token_file),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                arguments.push(Argument::Flag { name, value: value.clone() });
            }
        }
        arguments
    }
}

/// One hook as it is registered: a matcher group of its own with one handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookDefinition {
    pub event: HookEvent,
    pub matcher: Option<String>,
    /// What Unix runs, and Windows too where `command_windows` is absent.
    pub command: String,
    pub command_windows: Option<String>,
    /// Seconds.
    pub timeout: u64,
    pub status_message: String,
}

/// The four hooks of one registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    pub hooks: Vec<HookDefinition>,
    /// The binaries that the commands name, so that these hooks are known as ours wherever the binary is.
    pub(super) binaries: Vec<String>,
}

impl Registration {
    /// Builds the four hooks. `command` starts the binary where Codex reads `command`; `command_windows` is for a
    /// file that serves Windows with a command of its own.
    ///
    /// # Errors
    /// [`CommandError`] where a command would be read differently by different shells.
    pub fn new(
        options: &RegistrationOptions,
        command: &Launcher,
        command_windows: Option<&Launcher>,
    ) -> Result<Self, CommandError> {
        let matcher = options.matcher.as_deref().unwrap_or(MATCH_ALL_TOOLS);
        let hooks = HookEvent::ALL.into_iter().map(|event| {
            let arguments = options.arguments(event);
            Ok(HookDefinition {
                event,
                matcher: event.has_matcher().then(|| matcher.to_owned()),
                command: command.command(&arguments)?,
                command_windows: command_windows.map(|launcher| launcher.command(&arguments)).transpose()?,
                timeout: options.hook_timeout(),
                status_message: event.status_message().to_owned(),
            })
        });
        let binaries = [Some(command), command_windows].into_iter().flatten().filter_map(Launcher::binary);
        Ok(Self {
            hooks: hooks.collect::<Result<_, CommandError>>()?,
            binaries: binaries.map(str::to_owned).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix() -> Launcher {
        Launcher::Unix { binary: "/home/ann/.codex/hooks/f5_guardrails/f5-guard".into() }
    }

    #[test]
    fn the_hook_timeout_outlasts_the_scan_timeout_by_five_seconds() {
        let with =
            |seconds| RegistrationOptions { scan_timeout_seconds: Some(seconds), ..Default::default() };
        assert_eq!(RegistrationOptions::default().hook_timeout(), 15);
        assert_eq!(with(10).hook_timeout(), 15);
        assert_eq!(with(30).hook_timeout(), 35);
    }

    #[test]
    fn enforcement_flags_stand_in_every_command() {
        let options = RegistrationOptions {
            fail_mode: Some("closed".into()),
            base_url: Some("https://eu1.example/x y".into()),
            post_strict: Some("true".into()),
            ..Default::default()
        };
        let registration = Registration::new(&options, &unix(), None).unwrap();
        assert_eq!(
            registration.hooks[1].command,
            "/home/ann/.codex/hooks/f5_guardrails/f5-guard pre-tool-use --hook-timeout 15 --fail-mode closed \
             --base-url 'https://eu1.example/x y' --post-strict true"
        );
        assert!(registration.hooks.iter().all(|hook| hook.command.contains("--fail-mode closed")));
    }

    #[test]
    fn only_tool_events_carry_a_matcher() {
        let registration = Registration::new(&RegistrationOptions::default(), &unix(), None).unwrap();
        let matchers: Vec<_> = registration.hooks.iter().map(|hook| hook.matcher.as_deref()).collect();
        assert_eq!(matchers, [None, Some(".*"), Some(".*"), None]);
    }
}
