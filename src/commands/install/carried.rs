//! A second installation keeps what the first one enforces: run again to upgrade or to fix something, without the
//! options of the first time, it must not turn `closed` into `open`.

use crate::cli::InstallArgs;
use crate::installation::RegisteredCommand;
use crate::printable::printable;
use crate::registration::{MATCH_ALL_TOOLS, hook_call};
use crate::settings::Enforced;

/// The options that were taken over from registered commands, by flag, with their values.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CarriedOptions(Vec<(&'static str, String)>);

impl CarriedOptions {
    /// Completes `given` with what `registered`, the hooks of ours that are there, carry. Where the hooks differ, the
    /// strict one of them wins.
    pub fn complete(given: &mut InstallArgs, registered: &[RegisteredCommand]) -> Self {
        let calls: Vec<Enforced> =
            registered.iter().filter_map(|hook| hook_call(&hook.command)?.enforced()).collect();
        let taken = given.enforced.complete(&calls);
        let values = given.enforced.given().filter(|(flag, _)| taken.contains(flag));
        let mut kept: Vec<_> =
            values.map(|(flag, value)| (flag, value.to_string_lossy().into_owned())).collect();
        if given.matcher.is_none() {
            given.matcher = narrow_matcher(registered);
            kept.extend(given.matcher.iter().map(|matcher| ("--matcher", matcher.clone())));
        }
        Self(kept)
    }

    /// Whether this option's value was there before.
    pub fn has(&self, flag: &str) -> bool {
        self.0.iter().any(|(kept, _)| *kept == flag)
    }

    /// The options as they would be given, to be shown; `None` where nothing was kept.
    pub fn options(&self) -> Option<String> {
        let options: Vec<String> =
            self.0.iter().map(|(flag, value)| format!("{flag} {}", printable(value, 200))).collect();
        (!options.is_empty()).then(|| options.join(", "))
    }

    /// A sentence for the user; `None` where nothing was kept.
    pub fn note(&self) -> Option<String> {
        self.options().map(|options| {
            format!(
                "Kept from the existing registration: {options}. Give an option again to change it; uninstall \
                 first to be without it."
            )
        })
    }
}

/// The matcher that all tool hooks have, unless it leaves no tool out. Where they differ, every tool is scanned: no hook
/// may see less than it did.
fn narrow_matcher(registered: &[RegisteredCommand]) -> Option<String> {
    let mut matchers =
        registered.iter().filter(|hook| hook.event.has_matcher()).map(|hook| hook.matcher.as_deref());
    let first = matchers.next()?.filter(|matcher| !["", "*", MATCH_ALL_TOOLS].contains(matcher))?;
    matchers.all(|matcher| matcher == Some(first)).then(|| first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::event::Event;

    fn complete(given: Enforced, commands: &[&str]) -> (InstallArgs, CarriedOptions) {
        let mut args = InstallArgs { enforced: given, ..InstallArgs::default() };
        let hook = |command: &&str| RegisteredCommand {
            event: Event::Stop,
            command: (*command).to_owned(),
            matcher: None,
        };
        let kept = CarriedOptions::complete(&mut args, &commands.iter().map(hook).collect::<Vec<_>>());
        (args, kept)
    }

    #[test]
    fn what_is_not_given_again_is_kept_and_told() {
        let given = Enforced { post_strict: Some("false".into()), ..Enforced::default() };
        let registered = "/g/f5-guard stop --hook-timeout 35 --fail-mode closed --post-strict true --timeout 30 --token-file /t";
        let (args, kept) = complete(given, &[registered]);
        assert_eq!(args.enforced.fail_mode, Some("closed".into()));
        assert_eq!(args.enforced.post_strict, Some("false".into()), "what is given wins");
        assert_eq!(args.enforced.timeout, Some("30".into()));
        let note = kept.note().unwrap();
        assert!(
            note.contains("--fail-mode closed, --timeout 30, --token-file /t.")
                && !note.contains("--post-strict"),
            "{note}"
        );
    }

    #[test]
    fn every_pair_of_metadata_is_kept_unless_others_are_given() {
        let registered = "/g/f5-guard stop --log off --contact 'the SOC' --metadata 'team=a' --metadata 'site=Bad Homburg'";
        let (args, kept) = complete(Enforced::default(), &[registered, registered]);
        assert_eq!(args.enforced.metadata, ["team=a", "site=Bad Homburg"]);
        assert_eq!(
            kept.options().unwrap(),
            "--log off, --contact the SOC, --metadata team=a, --metadata site=Bad Homburg"
        );
        let given = Enforced { metadata: vec!["team=b".into()], ..Enforced::default() };
        assert_eq!(complete(given, &[registered]).0.enforced.metadata, ["team=b"]);
    }

    #[test]
    fn of_hooks_that_differ_the_strict_one_is_kept() {
        let hooks = ["/g/f5-guard stop --fail-mode open", "/g/f5-guard pre-tool-use --fail-mode=shut"];
        for commands in [&[hooks[0], hooks[1]], &[hooks[1], hooks[0]]] {
            let (args, _) = complete(Enforced::default(), commands);
            assert_eq!(args.enforced.fail_mode, Some("closed".into()));
        }
        let (args, _) = complete(Enforced::default(), &hooks[..1]);
        assert_eq!(args.enforced.fail_mode, Some("open".into()));
        let (args, _) =
            complete(Enforced::default(), &["/g/f5-guard stop --log off", "/g/f5-guard stop --log on"]);
        assert_eq!(args.enforced.log, Some("on".into()));
    }

    #[test]
    fn without_enforced_options_nothing_is_kept() {
        let (args, kept) = complete(Enforced::default(), &["/g/f5-guard stop --hook-timeout 15"]);
        assert_eq!((kept.note(), args.enforced.fail_mode), (None, None));
    }

    #[test]
    fn a_matcher_is_kept_where_all_hooks_have_it_and_never_narrows_one() {
        let kept = |matchers: [Option<&str>; 2]| {
            let events = [Event::PreToolUse, Event::PostToolUse].into_iter().zip(matchers);
            let hooks = events.map(|(event, matcher)| RegisteredCommand {
                event,
                command: String::new(),
                matcher: matcher.map(str::to_owned),
            });
            let mut args = InstallArgs::default();
            let kept = CarriedOptions::complete(&mut args, &hooks.collect::<Vec<_>>());
            assert_eq!(kept.has("--matcher"), args.matcher.is_some());
            args.matcher
        };
        assert_eq!(kept([Some("Bash"), Some("Bash")]).as_deref(), Some("Bash"));
        for all in
            [[Some("Bash"), Some(".*")], [Some(".*"), Some(".*")], [None, Some("Bash")], [Some("Bash"), None]]
        {
            assert_eq!(kept(all), None, "{all:?}");
        }
    }
}
