//! What can still be read from a hook's command line that can't be parsed.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::hook_event;
use crate::event::Event;
use crate::printable::printable;
use crate::settings::values::FailMode;

/// The hook that a command line names, in whatever place.
pub fn named_event(args: &[OsString]) -> Option<Event> {
    args.iter().skip(1).find_map(|arg| hook_event(arg.to_str()?))
}

/// Whether somebody asks for help or the version, rather than for something that does not exist.
pub fn wants_help(error: &clap::Error) -> bool {
    matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
}

/// The values of every `--fail-mode` on the command line; the strictest counts. So does `closed` in any other
/// argument: a misspelt flag must not open what its author wanted closed.
pub fn strictest_fail_mode(args: &[OsString]) -> Option<OsString> {
    let mut found: Option<OsString> = None;
    for (index, arg) in args.iter().enumerate() {
        let text = arg.to_string_lossy();
        let value = match text.strip_prefix("--fail-mode") {
            Some("") => args.get(index + 1).cloned().unwrap_or_default(),
            Some(rest) => OsString::from(rest.strip_prefix('=').unwrap_or(rest)),
            None if text.to_lowercase().contains("closed") => OsString::from("closed"),
            None => continue,
        };
        let is_open = |value: &OsString| value.to_str().and_then(FailMode::parse) == Some(FailMode::Open);
        if found.as_ref().is_none_or(is_open) {
            found = Some(value);
        }
    }
    found
}

/// Which argument was wrong, without its value, which could be a secret.
pub fn usage_problem(error: &clap::Error) -> String {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.as_str(),
        _ => "",
    };
    let name = printable(argument.split(['=', ' ']).next().unwrap_or_default(), 40);
    let kind = match error.kind() {
        ErrorKind::DisplayHelp => return "it asks for help".to_owned(),
        ErrorKind::DisplayVersion => return "it asks for the version".to_owned(),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            return "it names no subcommand".to_owned();
        }
        kind => kind,
    };
    if name.starts_with("--") { format!("{kind} ({name})").to_lowercase() } else { kind.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strictest(line: &str) -> Option<String> {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        strictest_fail_mode(&args).map(|value| value.into_string().unwrap())
    }

    #[test]
    fn the_strictest_fail_mode_of_an_unusable_command_line_counts() {
        assert_eq!(strictest("x stop --nonsense"), None);
        assert_eq!(strictest("x stop --fail-mode open --nonsense").as_deref(), Some("open"));
        assert_eq!(strictest("x stop --fail-mode=open --fail-mode closed").as_deref(), Some("closed"));
        assert_eq!(strictest("x stop --fail-mode closed --fail-mode=open").as_deref(), Some("closed"));
        assert_eq!(
            strictest("x stop --fail-mode").as_deref(),
            Some(""),
            "unreadable, so it is treated as closed"
        );
        assert_eq!(strictest("x stop --fail-mod Closed").as_deref(), Some("closed"));
        assert_eq!(strictest("x stop --fail-mod=closed").as_deref(), Some("closed"));
        assert_eq!(strictest("x stop --fail-modeclosed").as_deref(), Some("closed"));
    }
}
