//! What is registered with Codex: hooks, their matchers, timeouts, status messages and commands.

use super::command::{Argument, CommandError, Launcher};
use crate::event::Event;
use crate::settings::values::timeout_seconds;
use crate::settings::{DEFAULT_TIMEOUT, Enforced, HOOK_TIMEOUT, STALL_ROOM};
use crate::system::System;

/// The matcher that leaves no tool out.
pub const MATCH_ALL_TOOLS: &str = ".*";
/// The options of `install` for the registration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistrationOptions {
    /// Which tools are scanned, a regular expression of Codex; [`MATCH_ALL_TOOLS`] where `None`.
    pub matcher: Option<String>,
    /// What every command carries, with values that were checked.
    pub enforced: Enforced,
}

impl RegistrationOptions {
    /// Seconds that Codex gives each hook: with room for a stall beyond the scan's own timeout, because Codex goes ahead
    /// when they are over. A timeout of the user's environment has no say: it is another one in each session.
    pub fn hook_timeout(&self) -> u64 {
        let given = self.enforced.timeout.as_ref().and_then(|timeout| timeout.to_str());
        let scan = given.and_then(timeout_seconds).unwrap_or(DEFAULT_TIMEOUT);
        let whole_seconds = scan.as_secs() + u64::from(scan.subsec_nanos() > 0);
        (whole_seconds + STALL_ROOM.as_secs()).max(HOOK_TIMEOUT.as_secs())
    }

    fn arguments(&self, event: Event) -> Result<Vec<Argument>, CommandError> {
        let mut arguments = vec![Argument::Word(event.subcommand().to_owned())];
        for (name, value) in self.enforced.given() {
            let value = value.to_str().ok_or(CommandError::Unprintable { flag: name })?;
            arguments.push(Argument::Flag { name, value: value.to_owned() });
        }
        Ok(arguments)
    }
}

/// One hook as it is registered: a matcher group of its own with one handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookDefinition {
    pub event: Event,
    pub matcher: Option<String>,
    /// What Unix runs, and Windows too where `command_windows` is absent.
    pub command: String,
    pub command_windows: Option<String>,
    /// Seconds.
    pub timeout: u64,
    pub status_message: String,
}

impl HookDefinition {
    /// The command that Codex runs on this system.
    pub fn command_on(&self, system: System) -> &str {
        match (system, &self.command_windows) {
            (System::Windows, Some(command)) => command,
            _ => &self.command,
        }
    }
}

/// The hooks of one registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    pub hooks: Vec<HookDefinition>,
    /// The binaries that the commands name, so that these hooks are known as ours wherever the binary is.
    pub binaries: Vec<String>,
}

impl Registration {
    /// Builds the hooks. `command` starts the binary where Codex reads `command`; `command_windows` is for a
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
        let hooks = Event::ALL.into_iter().map(|event| {
            let arguments = options.arguments(event)?;
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
    fn the_hook_timeout_leaves_room_for_a_stall_beyond_the_scan_timeout() {
        let with = |timeout: &str| RegistrationOptions {
            matcher: None,
            enforced: Enforced { timeout: Some(timeout.into()), ..Enforced::default() },
        };
        assert_eq!(RegistrationOptions::default().hook_timeout(), 60);
        for (timeout, hook) in [("1", 60), ("35", 60), ("35.1", 61), ("100", 125), ("3600", 3625)] {
            assert_eq!(with(timeout).hook_timeout(), hook, "{timeout}");
        }
    }

    #[test]
    fn enforcement_flags_stand_in_every_command() {
        let enforced = Enforced {
            fail_mode: Some("closed".into()),
            base_url: Some("https://eu1.example/x y".into()),
            post_strict: Some("true".into()),
            contact: Some("the SOC".into()),
            metadata: vec!["team=a".into(), "site=b".into()],
            ..Enforced::default()
        };
        let options = RegistrationOptions { matcher: None, enforced };
        let registration = Registration::new(&options, &unix(), None).unwrap();
        assert_eq!(
            registration.hooks[1].command,
            "/home/ann/.codex/hooks/f5_guardrails/f5-guard pre-tool-use --fail-mode closed \
             --base-url 'https://eu1.example/x y' --post-strict true --contact 'the SOC' --metadata 'team=a' \
             --metadata 'site=b'"
        );
        assert!(registration.hooks.iter().all(|hook| hook.command.contains("--fail-mode closed")));
    }

    #[test]
    fn only_tool_events_carry_a_matcher() {
        let registration = Registration::new(&RegistrationOptions::default(), &unix(), None).unwrap();
        let matchers: Vec<_> = registration.hooks.iter().map(|hook| hook.matcher.as_deref()).collect();
        assert_eq!(matchers, [None, Some(".*"), Some(".*"), None, None]);
    }
}
