//! A second installation keeps what the first one enforces: run again to upgrade or to mend something, without the
//! options of the first time, it must not turn `closed` into `open`.

use std::ffi::OsString;

use crate::cli::{Enforced, HookArgs, hook_line};
use crate::printable::printable;
use crate::registration::hook_call;
use crate::settings::values::{FailMode, switch};

/// The options that were taken over from registered commands, by flag, with their values.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Kept(Vec<(&'static str, String)>);

impl Kept {
    /// Completes `given` with what `commands`, the registered ones of ours, carry.
    pub fn complete(given: &mut Enforced, commands: &[String]) -> Self {
        let calls: Vec<HookArgs> = commands.iter().filter_map(|command| arguments(command)).collect();
        let mut kept = Self::default();
        let first = |read: fn(&HookArgs) -> Option<&OsString>| calls.iter().find_map(read).cloned();
        // Where the hooks differ, the strict one of them wins.
        let fail_modes: Vec<&OsString> = calls.iter().filter_map(|call| call.fail_mode.as_ref()).collect();
        kept.fill("--fail-mode", &mut given.fail_mode, strictest(&fail_modes, is_open, "closed", "open"));
        let stricts: Vec<&OsString> = calls.iter().filter_map(|call| call.post_strict.as_ref()).collect();
        kept.fill("--post-strict", &mut given.post_strict, strictest(&stricts, is_lenient, "true", "false"));
        let service = &mut given.service;
        kept.fill("--base-url", &mut service.base_url, first(|call| call.service.base_url.as_ref()));
        kept.fill("--project-id", &mut service.project_id, first(|call| call.service.project_id.as_ref()));
        kept.fill("--timeout", &mut service.timeout, first(|call| call.service.timeout.as_ref()));
        kept.fill("--ca-bundle", &mut service.ca_bundle, first(|call| call.service.ca_bundle.as_ref()));
        kept.fill("--token-file", &mut service.token_file, first(|call| call.service.token_file.as_ref()));
        kept
    }

    fn fill(&mut self, flag: &'static str, given: &mut Option<OsString>, registered: Option<OsString>) {
        if given.is_some() {
            return;
        }
        if let Some(value) = &registered {
            self.0.push((flag, value.to_string_lossy().into_owned()));
        }
        *given = registered;
    }

    /// Whether this option's value is one that stood there before.
    #[must_use]
    pub fn has(&self, flag: &str) -> bool {
        self.0.iter().any(|(kept, _)| *kept == flag)
    }

    /// A sentence for the user; `None` where nothing was kept.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let options: Vec<String> =
            self.0.iter().map(|(flag, value)| format!("{flag} {}", printable(value, 200))).collect();
        (!options.is_empty()).then(|| {
            format!(
                "Kept from the registration that was there: {}. Give an option again to change it; uninstall first \
                 to be without it.",
                options.join(", ")
            )
        })
    }
}

fn arguments(command: &str) -> Option<HookArgs> {
    let call = hook_call(command)?;
    let start = ["f5-guard", call.event.subcommand()].map(OsString::from);
    let line: Vec<OsString> =
        start.into_iter().chain(call.arguments.into_iter().map(OsString::from)).collect();
    hook_line(&line).map(|(_, arguments)| arguments)
}

/// `lenient` where every value given is that; a value that can't be read counts as strict, as it does for the hooks.
fn strictest(
    values: &[&OsString],
    is_lenient: fn(&str) -> bool,
    strict: &str,
    lenient: &str,
) -> Option<OsString> {
    let all_lenient = values.iter().all(|value| value.to_str().is_some_and(|value| is_lenient(value.trim())));
    (!values.is_empty()).then(|| if all_lenient { lenient } else { strict }.into())
}

fn is_open(value: &str) -> bool {
    FailMode::parse(value) == Some(FailMode::Open)
}

fn is_lenient(value: &str) -> bool {
    switch(value) == Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(given: &mut Enforced, commands: &[&str]) -> Kept {
        Kept::complete(given, &commands.iter().map(|command| (*command).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_not_given_again_is_kept_and_told() {
        let mut given = Enforced { post_strict: Some("false".into()), ..Enforced::default() };
        let registered =
            "/g/f5-guard stop --hook-timeout 35 --fail-mode closed --post-strict true --timeout 30";
        let kept = complete(&mut given, &[registered]);
        assert_eq!(given.fail_mode, Some("closed".into()));
        assert_eq!(given.post_strict, Some("false".into()), "what is given wins");
        assert_eq!(given.service.timeout, Some("30".into()));
        let note = kept.note().unwrap();
        assert!(
            note.contains("--fail-mode closed, --timeout 30.") && !note.contains("--post-strict"),
            "{note}"
        );
    }

    #[test]
    fn of_hooks_that_differ_the_strict_one_is_kept() {
        let hooks = ["/g/f5-guard stop --fail-mode open", "/g/f5-guard pre-tool-use --fail-mode=shut"];
        for commands in [&[hooks[0], hooks[1]], &[hooks[1], hooks[0]]] {
            let mut given = Enforced::default();
            complete(&mut given, commands);
            assert_eq!(given.fail_mode, Some("closed".into()));
        }
        let mut given = Enforced::default();
        complete(&mut given, &hooks[..1]);
        assert_eq!(given.fail_mode, Some("open".into()));
    }

    #[test]
    fn without_enforced_options_nothing_is_kept() {
        let mut given = Enforced::default();
        assert_eq!(complete(&mut given, &["/g/f5-guard stop --hook-timeout 15"]).note(), None);
        assert_eq!(given.fail_mode, None);
    }
}
