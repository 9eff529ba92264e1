use std::ffi::OsString;

use super::values::LogLevel;
use super::*;

pub fn read(enforced: &Enforced, variables: &[(&str, &str)]) -> Settings {
    let env = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
    Settings::read(enforced, &env)
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
fn debug_output_of_the_settings_holds_no_token() {
    let settings = read(&Enforced::default(), &[("F5_GUARDRAILS_API_TOKEN", "tok-secret")]);
    assert!(!format!("{settings:?}").contains("tok-secret"));
}

/// A path of this system.
pub fn rooted(path: &str) -> String {
    if cfg!(windows) { format!("C:{}", path.replace('/', r"\")) } else { path.to_owned() }
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
