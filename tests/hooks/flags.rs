//! Flags of the hook subcommands: they win over the environment, and a wrong one never opens the gate.

use f5_stand_in::f5::{F5, Fault, Verdict};
use serde_json::json;

use crate::support::{Event, FailMode, Hook, everywhere};

#[test]
fn the_fail_mode_flag_wins_over_the_environment() {
    everywhere(|event, mode| {
        let api = F5::answering(Fault::status(500));
        let other = if mode == FailMode::Open { FailMode::Closed } else { FailMode::Open };
        let hook = Hook::of(event).in_mode(other).arguments(["--fail-mode", mode.word()]);
        hook.against(&api).run().failed_in(mode);
    });
}

#[test]
fn the_base_url_flag_wins_over_the_environment() {
    let (named, other) = (F5::start(), F5::builder().never_called().start());
    Hook::pre_tool_use()
        .closed()
        .against(&other)
        .arguments(["--base-url", &named.base_url()])
        .run()
        .allowed();
}

#[test]
fn the_project_flag_wins_over_the_environment() {
    let api = F5::start();
    let hook = Hook::pre_tool_use().closed().env("F5_GUARDRAILS_PROJECT_ID", "mine");
    hook.arguments(["--project-id", "theirs"]).against(&api).run().allowed();
    assert_eq!(api.only_scan().field("project"), Some(&json!("theirs")));
}

#[test]
fn the_strict_flag_wins_over_the_environment() {
    let api = F5::answering(Verdict::flagged());
    let hook = Hook::post_tool_use().env("F5_GUARDRAILS_POST_STRICT", "false").arguments(["--post-strict"]);
    hook.against(&api).run().blocked();
}

#[test]
fn the_ca_bundle_flag_wins_over_the_environment() {
    let api = F5::builder().tls().start();
    let hook = Hook::pre_tool_use().closed().against(&api);
    let (bundle, broken) = (hook.home().join("ca.pem"), hook.file("broken.pem", "nothing"));
    let hook = hook
        .env("F5_GUARDRAILS_CA_BUNDLE", broken)
        .arguments(["--ca-bundle".into(), bundle.into_os_string()]);
    hook.run().allowed();
}

#[test]
fn the_timeout_flag_wins_over_the_environment() {
    let api = F5::answering(Fault::HangAfterRequest);
    let hook = Hook::pre_tool_use().closed().env("F5_GUARDRAILS_TIMEOUT", "9").arguments(["--timeout", "1"]);
    hook.against(&api).run().blocked().says(&["1 s", "1s", "1.0"]);
}

#[test]
fn a_usage_error_is_a_scan_error_in_the_environments_fail_mode() {
    everywhere(|event, mode| {
        for arguments in [&["--bogus"][..], &["extra"], &["--timeout"], &["--fail-mode"]] {
            let api = F5::builder().never_called().start();
            let hook = Hook::of(event).in_mode(mode).arguments(arguments.iter().copied()).against(&api);
            // "--fail-mode" without its value may count as an unreadable one, which is closed.
            if arguments == ["--fail-mode"] && mode == FailMode::Open {
                hook.run().codex();
            } else {
                hook.run().failed_in(mode).says(&["argument", "option", "usage", "flag", "command line"]);
            }
        }
    });
}

#[test]
fn a_usage_error_beside_a_fail_mode_flag_follows_the_flag() {
    everywhere(|event, mode| {
        let other = if mode == FailMode::Open { FailMode::Closed } else { FailMode::Open };
        for arguments in [
            vec!["--bogus".to_owned(), "--fail-mode".to_owned(), mode.word().to_owned()],
            vec![format!("--fail-mode={}", mode.word()), "--bogus".to_owned()],
            vec!["extra".to_owned(), format!("--fail-mode={}", mode.word())],
        ] {
            let api = F5::builder().never_called().start();
            Hook::of(event).in_mode(other).arguments(arguments).against(&api).run().failed_in(mode);
        }
    });
}

#[test]
fn an_unreadable_fail_mode_flag_is_closed() {
    for event in Event::ALL {
        let api = F5::builder().always(Fault::status(500)).may_stay_idle().start();
        Hook::of(event).open().arguments(["--fail-mode", "bogus"]).against(&api).run().blocked();
    }
}

#[test]
fn a_usage_error_still_drains_a_large_payload() {
    for mode in FailMode::ALL {
        let api = F5::builder().never_called().start();
        let hook = Hook::pre_tool_use().in_mode(mode).text(&"x".repeat(4 << 20));
        hook.arguments(["--bogus"]).against(&api).run().failed_in(mode);
    }
}

#[test]
fn a_usage_error_of_the_wrong_subcommand_is_answered_in_the_payloads_shape() {
    everywhere(|event, mode| {
        for other in Event::ALL {
            let api = F5::builder().never_called().start();
            let hook = Hook::of(event).in_mode(mode).registered_as(other.subcommand());
            hook.arguments(["--bogus"]).against(&api).run().failed_in(mode);
        }
    });
}

#[test]
fn a_flag_is_not_repeated_where_it_may_be_a_secret() {
    let api = F5::builder().never_called().start();
    let token = format!("--token={}", f5_stand_in::f5::TOKEN);
    Hook::pre_tool_use().closed().arguments([token]).against(&api).run().blocked();
}
