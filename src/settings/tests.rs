use std::path::Path;

use super::*;

fn read(enforced: &Enforced, variables: &[(&str, &str)]) -> Settings {
    let env = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
    Settings::read(enforced, &env)
}

fn budget(timeout: &str, hook: &str) -> (u64, bool) {
    let enforced =
        Enforced { timeout: Some(timeout.into()), hook_timeout: Some(hook.into()), ..Enforced::default() };
    let budget = read(&enforced, &[]).budget();
    (u64::try_from(budget.limit.as_millis()).unwrap(), budget.cut_by_hook)
}

#[test]
fn defaults_hold_where_nothing_is_set() {
    let settings =
        read(&Enforced::default(), &[("F5_GUARDRAILS_FAIL_MODE", ""), ("F5_GUARDRAILS_TIMEOUT", " ")]);
    assert_eq!(*settings.fail_mode, FailMode::Open);
    assert_eq!(*settings.flagged_output, FlaggedOutput::Warn);
    assert_eq!(*settings.timeout, DEFAULT_TIMEOUT);
    assert_eq!(*settings.max_scan_length, DEFAULT_MAX_SCAN_LENGTH);
    assert!(settings.api_token.is_none());
    assert_eq!(settings.base_url.as_ref().unwrap().as_str(), "https://www.us1.calypsoai.app/");
    assert_eq!(settings.problems().count(), 0);
}

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
fn unreadable_numbers_fall_back_and_say_so() {
    let settings = read(
        &Enforced::default(),
        &[
            ("F5_GUARDRAILS_TIMEOUT", "ten"),
            ("F5_GUARDRAILS_MAX_SCAN_LENGTH", "-1"),
            ("F5_GUARDRAILS_LOG_LEVEL", "loud"),
        ],
    );
    assert_eq!(*settings.timeout, DEFAULT_TIMEOUT);
    assert_eq!(*settings.max_scan_length, DEFAULT_MAX_SCAN_LENGTH);
    assert_eq!(*settings.log.level, LogLevel::Warn);
    assert_eq!(settings.problems().count(), 3);
}

#[test]
fn a_flag_wins_over_the_environment_even_when_it_is_unreadable() {
    let enforced = Enforced {
        fail_mode: Some("clsoed".into()),
        base_url: Some("https://flag.example".into()),
        timeout: Some("x".into()),
        ca_bundle: Some(rooted("/flag.pem").into()),
        ..Enforced::default()
    };
    let settings = read(
        &enforced,
        &[
            ("F5_GUARDRAILS_FAIL_MODE", "open"),
            ("F5_GUARDRAILS_BASE_URL", "https://env.example"),
            ("F5_GUARDRAILS_TIMEOUT", "99"),
            ("F5_GUARDRAILS_CA_BUNDLE", &rooted("/env.pem")),
            ("SSL_CERT_FILE", &rooted("/ssl.pem")),
        ],
    );
    assert_eq!(*settings.fail_mode, FailMode::Closed);
    assert_eq!(settings.base_url.as_ref().unwrap().host(), "flag.example");
    assert_eq!(*settings.timeout, DEFAULT_TIMEOUT);
    assert_eq!(settings.tls.ca_bundles.len(), 1);
    assert_eq!(settings.tls.ca_bundles[0][0].source, Source::Flag("--ca-bundle"));
}

#[test]
fn ca_bundles_are_tried_in_the_documented_order() {
    let settings = read(
        &Enforced::default(),
        &[
            ("CURL_CA_BUNDLE", &rooted("/4")),
            ("SSL_CERT_FILE", &rooted("/3")),
            ("REQUESTS_CA_BUNDLE", &rooted("/2")),
            ("F5_GUARDRAILS_CA_BUNDLE", "~/1"),
            ("HOME", &rooted("/home/u")),
        ],
    );
    let paths: Vec<_> = settings
        .tls
        .ca_bundles
        .iter()
        .flatten()
        .map(|bundle| bundle.to_string_lossy().into_owned())
        .collect();
    assert_eq!(paths, [rooted("/home/u/1").as_str(), &rooted("/2"), &rooted("/3"), &rooted("/4")]);
}

#[test]
fn the_deadline_stays_before_the_timeout_that_an_older_version_registered() {
    assert_eq!(budget("10", "15"), (10_000, false));
    assert_eq!(budget("14", "15"), (12_900, true));
    assert_eq!(budget("10", "3"), (1_900, true));
    assert_eq!(budget("10", "0"), (566, true), "0 means one second to Codex");
    assert_eq!(budget("100", "120"), (100_000, false));
}

#[test]
fn more_time_is_had_where_the_timeout_is_set_and_never_beyond_the_bound() {
    let more =
        |overrides: Enforced, variables: &[(&str, &str)]| read(&overrides, variables).budget().more_time();
    let given = |timeout: &str| Enforced { timeout: Some(timeout.into()), ..Enforced::default() };
    let register = "register a longer timeout with `f5-guard install --timeout SECONDS`";
    assert_eq!(more(Enforced::default(), &[]), "raise F5_GUARDRAILS_TIMEOUT (up to 35 s)");
    for bound in ["35", "60"] {
        assert_eq!(more(Enforced::default(), &[("F5_GUARDRAILS_TIMEOUT", bound)]), register, "{bound}");
    }
    assert_eq!(more(given("5"), &[("F5_GUARDRAILS_TIMEOUT", "9")]), register);
    assert_eq!(more(given("5").as_own(), &[]), "give a longer --timeout");
    let old = Enforced { hook_timeout: Some("10".into()), ..Enforced::default() };
    assert_eq!(more(old, &[]), register);
}

#[test]
fn an_answer_that_is_being_read_gets_time_that_the_registration_has() {
    for hook in 1..=60 {
        let enforced = Enforced { hook_timeout: Some(hook.to_string().into()), ..Enforced::default() };
        let budget = read(&enforced, &[("F5_GUARDRAILS_TIMEOUT", "60")]).budget();
        let whole = budget.limit + ANSWER_TIME + budget.for_reading;
        assert!(
            whole < Duration::from_secs(hook) && budget.for_reading > ANSWER_TIME,
            "{hook} s: {budget:?}"
        );
    }
    assert!(read(&Enforced::default(), &[]).budget().for_reading < STALL_ROOM / 2);
}

#[test]
fn a_timeout_of_the_environment_has_the_room_of_a_registration_and_one_in_the_command_its_own() {
    let seconds = |enforced: &Enforced, timeout: &str| {
        let settings = read(enforced, &[("F5_GUARDRAILS_TIMEOUT", timeout)]);
        let budget = settings.budget();
        (budget.limit.as_secs(), budget.cut_by_hook, settings.problems().count())
    };
    assert_eq!(seconds(&Enforced::default(), "35"), (35, false, 0));
    assert_eq!(seconds(&Enforced::default(), "36"), (35, true, 1));
    let registered = Enforced { timeout: Some("100".into()), ..Enforced::default() };
    assert_eq!(seconds(&registered, "5"), (100, false, 0));
    let settings = read(&Enforced::default(), &[("F5_GUARDRAILS_TIMEOUT", "60")]);
    let problem = settings.problems().next().unwrap().to_owned();
    assert!(problem.contains("35 s") && problem.contains("f5-guard install --timeout"), "{problem}");
}

#[test]
fn the_log_file_moves_or_goes_off() {
    let file = |value: &str| {
        let settings =
            read(&Enforced::default(), &[("F5_GUARDRAILS_LOG_FILE", value), ("CODEX_HOME", &rooted("/c"))]);
        settings.log.file.value
    };
    for off in ["off", "none", "false", "0", "disabled"] {
        assert_eq!(file(off), None, "{off}");
    }
    assert_eq!(file(&rooted("/tmp/x.log")), Some(rooted("/tmp/x.log").into()));
    assert_eq!(file(""), Some(PathBuf::from(rooted("/c")).join("logs").join("f5_guardrails.log")));
}

#[test]
fn debug_output_of_the_settings_holds_no_token() {
    let settings = read(&Enforced::default(), &[("F5_GUARDRAILS_API_TOKEN", "tok-secret")]);
    assert!(!format!("{settings:?}").contains("tok-secret"));
}

/// A path of this system.
fn rooted(path: &str) -> String {
    if cfg!(windows) { format!("C:{}", path.replace('/', r"\")) } else { path.to_owned() }
}

#[test]
fn a_log_path_that_is_not_absolute_is_ignored_and_refused_only_in_closed_mode() {
    for path in ["x.log", "./x.log", "../x.log", "logs/x.log", "~/x.log", "~other/x.log"] {
        for (mode, refused) in [("open", false), ("closed", true), ("cloesd", true)] {
            let variables =
                [("F5_GUARDRAILS_LOG_FILE", path), ("F5_GUARDRAILS_FAIL_MODE", mode), ("HOME", "here")];
            let settings = read(&Enforced::default(), &variables);
            assert_eq!(settings.log.file.value, None, "{path}");
            let problems: Vec<&str> = settings.problems().collect();
            let words = "F5_GUARDRAILS_LOG_FILE is not an absolute path; it is ignored.";
            assert!(problems.contains(&words), "{path}: {problems:?}");
            let source = Source::Environment("F5_GUARDRAILS_LOG_FILE");
            let expected = refused.then_some(RelativePath { given: source, reason: Literal::Plain });
            assert_eq!(settings.refused_path(), expected, "{path} {mode}");
        }
    }
}

#[test]
fn a_path_below_the_home_folder_counts_as_absolute() {
    let (home, profile) = (rooted("/home/u"), rooted("/profile"));
    for homes in [[("HOME", home.as_str()), ("USERPROFILE", "")], [("HOME", "u"), ("USERPROFILE", &profile)]]
    {
        let variables =
            [[("F5_GUARDRAILS_LOG_FILE", "~/x.log"), ("F5_GUARDRAILS_FAIL_MODE", "closed")], homes];
        let settings = read(&Enforced::default(), &variables.concat());
        let expected = if homes[0].1 == "u" { &profile } else { &home };
        assert_eq!(settings.log.file.value, Some(Path::new(expected).join("x.log")));
        assert_eq!(settings.refused_path(), None);
    }
}

#[test]
fn a_codex_home_that_is_not_absolute_gets_no_log_and_is_no_error() {
    for variables in [[("CODEX_HOME", ".codex"), ("HOME", "/h")], [("CODEX_HOME", ""), ("HOME", "h")]] {
        let closed = ("F5_GUARDRAILS_FAIL_MODE", "closed");
        let variables = [variables.as_slice(), &[closed, ("USERPROFILE", "h")]].concat();
        let settings = read(&Enforced::default(), &variables);
        assert_eq!(settings.log.file.value, None);
        assert!(settings.problems().all(|problem| problem.ends_with("so there is no log.")));
        assert_eq!((settings.problems().count(), settings.refused_path()), (1, None));
    }
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

#[test]
fn a_carriage_return_behind_a_value_is_no_part_of_it() {
    let (bundle, log) = (rooted("/x/ca.pem"), rooted("/x.log"));
    let [bundle_cr, log_cr] = [&bundle, &log].map(|path| format!("{path}\r"));
    let settings = read(
        &Enforced::default(),
        &[
            ("F5_GUARDRAILS_CA_BUNDLE", &bundle_cr),
            ("F5_GUARDRAILS_LOG_FILE", &log_cr),
            ("F5_GUARDRAILS_BASE_URL", "https://f5.example\r\n"),
            ("F5_GUARDRAILS_FAIL_MODE", "closed\r"),
        ],
    );
    assert_eq!(settings.problems().collect::<Vec<_>>(), Vec::<&str>::new());
    assert_eq!(settings.log.file.value.as_deref(), Some(std::path::Path::new(&log)));
    assert_eq!(settings.tls.ca_bundles[0][0].value, std::path::Path::new(&bundle));
    assert_eq!(*settings.fail_mode, FailMode::Closed);
}

#[test]
fn a_value_that_no_shell_has_read_is_named_as_such() {
    for (text, words) in [
        ("\"/x/ca.pem\"", "in quotes"),
        ("'/x/ca.pem'", "in quotes"),
        ("${CA}", "name of a variable"),
        ("%CA%", "name of a variable"),
    ] {
        let settings = read(
            &Enforced::default(),
            &[
                ("F5_GUARDRAILS_CA_BUNDLE", text),
                ("F5_GUARDRAILS_TIMEOUT", text),
                ("F5_GUARDRAILS_BASE_URL", text),
            ],
        );
        let said: Vec<&str> = settings.problems().filter(|said| said.contains(words)).collect();
        assert_eq!(said.len(), 2, "{text}: {said:?}");
        let refused = settings.base_url.value.unwrap_err().to_string();
        assert!(refused.contains(words) && !refused.contains(text), "{refused}");
    }
}
