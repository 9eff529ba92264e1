//! What becomes of a hit, and of what could not be scanned.

use std::ffi::OsString;

use super::values::{self, Enforcement, FailMode, FlaggedOutput};
use super::{Enforced, Given, Setting, Source};
use crate::system::Env;

/// The fail mode alone, for the moment when nothing else can be relied on.
pub fn fail_mode(flag: Option<&OsString>, env: Env<'_>) -> Setting<FailMode> {
    let flag = flag.map(|text| Given { text: text.clone(), source: Source::Flag("--fail-mode") });
    match Given::find(flag, "F5_GUARDRAILS_FAIL_MODE", env) {
        Some(given) => {
            given.parse(FailMode::parse, FailMode::Closed, "open or closed", "it is treated as closed")
        }
        None => Setting::default_value(FailMode::Open),
    }
}

/// Who says what becomes of a hit. Where a registration enforces anything at all or is an administrator's, it alone does: an administrator who set
/// up what is scanned has not agreed to a user's variable that lets it pass.
pub fn enforcement(enforced: &Enforced, env: Env<'_>) -> Setting<Enforcement> {
    const VARIABLE: &str = "F5_GUARDRAILS_ENFORCEMENT";
    let read = |given: Given| {
        given.parse(Enforcement::parse, Enforcement::Block, "block, project or observe", "it counts as block")
    };
    let variable = Given::find(None, VARIABLE, env);
    match (enforced.flag("--enforcement", &enforced.enforcement), variable) {
        (Some(flag), _) => read(flag),
        (None, Some(given)) if !enforced.is_set_up() => read(given),
        (None, Some(given)) => {
            let setting = Setting::default_value(Enforcement::Block);
            let is_the_same = *read(given) == Enforcement::Block;
            let problem = "F5_GUARDRAILS_ENFORCEMENT has no say, because the hook is registered with options or is an administrator's; without --enforcement among them it is block.";
            Setting { problem: (!is_the_same).then(|| problem.to_owned()), ..setting }
        }
        (None, None) => Setting::default_value(Enforcement::Block),
    }
}

/// Whether a flagged tool output is withheld.
pub(super) fn flagged_output(enforced: &Enforced, env: Env<'_>) -> Setting<FlaggedOutput> {
    let flag = enforced.flag("--post-strict", &enforced.post_strict);
    match Given::find(flag, "F5_GUARDRAILS_POST_STRICT", env) {
        Some(given) => given
            .parse(values::switch, true, "a switch (true or false)", "it is treated as true")
            .map(FlaggedOutput::from_strict),
        None => Setting::default_value(FlaggedOutput::Warn),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    #[test]
    fn an_unreadable_fail_mode_counts_as_closed_and_an_unreadable_strictness_as_strict() {
        let settings = read(
            &Enforced::default(),
            &[("F5_GUARDRAILS_FAIL_MODE", "cloesd"), ("F5_GUARDRAILS_POST_STRICT", "mabye")],
        );
        assert_eq!(*settings.fail_mode, FailMode::Closed);
        assert_eq!(*settings.flagged_output, FlaggedOutput::Withhold);
        let problems: Vec<_> = settings.problems().collect();
        assert_eq!(
            problems,
            [
                "F5_GUARDRAILS_FAIL_MODE is not open or closed; it is treated as closed.",
                "F5_GUARDRAILS_POST_STRICT is not a switch (true or false); it is treated as true.",
            ]
        );
    }

    #[test]
    fn a_variable_lets_no_hit_pass_where_a_command_enforces_anything() {
        let observing = [("F5_GUARDRAILS_ENFORCEMENT", "observe")];
        let enforcement = |enforced: &Enforced| read(enforced, &observing).enforcement;
        assert_eq!(*enforcement(&Enforced::default()), Enforcement::Observe);
        for flags in [
            Enforced { contact: Some("the SOC".into()), ..Enforced::default() },
            Enforced { fail_mode: Some("open".into()), ..Enforced::default() },
            Enforced { metadata: vec!["a=b".into()], ..Enforced::default() },
            Enforced { hook_timeout: Some("15".into()), ..Enforced::default() },
            Enforced { is_managed: true, ..Enforced::default() },
        ] {
            let setting = enforcement(&flags);
            assert_eq!((*setting, setting.source), (Enforcement::Block, Source::Default), "{flags:?}");
            assert!(setting.problem.is_some_and(|problem| problem.contains("has no say")), "{flags:?}");
        }
        // What is given with a command that runs is nobody's registration.
        let own = Enforced { fail_mode: Some("open".into()), ..Enforced::default() }.as_own();
        assert_eq!(*enforcement(&own), Enforcement::Observe);
    }

    #[test]
    fn an_unreadable_enforcement_counts_as_block() {
        for bad in ["audit", "obsreve", "block,observe"] {
            let flag = Enforced { enforcement: Some(bad.into()), ..Enforced::default() };
            let by_flag = read(&flag, &[("F5_GUARDRAILS_ENFORCEMENT", "observe")]).enforcement;
            let by_variable = read(&Enforced::default(), &[("F5_GUARDRAILS_ENFORCEMENT", bad)]).enforcement;
            for setting in [by_flag, by_variable] {
                assert!(*setting == Enforcement::Block && setting.problem.is_some(), "{bad}");
            }
        }
        let empty = read(&Enforced::default(), &[("F5_GUARDRAILS_ENFORCEMENT", " ")]).enforcement;
        assert_eq!((*empty, empty.problem), (Enforcement::Block, None));
    }
}
