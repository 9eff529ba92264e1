//! Advice names what has a say: the flag that a hook is registered with, not the variable that it overrides.

use f5_stand_in::f5::{F5, Fault};

use crate::support::{FailMode, Hook};

#[test]
fn advice_on_the_address_names_the_flag_that_sets_it() {
    for status in [302, 401, 404, 422] {
        let api = F5::answering(Fault::status(status));
        let url = api.base_url();
        let hook = Hook::pre_tool_use()
            .closed()
            .against(&api)
            .env("F5_GUARDRAILS_BASE_URL", "https://other.example");
        let flags = ["--base-url", &url, "--project-id", "p"];
        let answer = hook.arguments(flags).run().failed_in(FailMode::Closed);
        let said = answer.codex().shown();
        assert!(
            !said.contains("F5_GUARDRAILS_BASE_URL") && !said.contains("F5_GUARDRAILS_PROJECT_ID"),
            "{said}"
        );
        assert!(said.contains(" of the registered hook"), "{said}");
    }
}

#[test]
fn an_answer_that_is_no_verdict_names_the_flag_that_sets_the_address() {
    let api = F5::answering(Fault::html_page());
    let url = api.base_url();
    let hook = Hook::pre_tool_use().closed().against(&api).arguments(["--base-url", &url]);
    hook.run().failed_in(FailMode::Closed).says(&["the --base-url of the registered hook"]);
}

#[test]
fn a_slow_answer_names_the_timeout_that_is_in_force() {
    let slow = || F5::answering(Fault::HangAfterHead);
    let api = slow();
    let variable = Hook::pre_tool_use().closed().against(&api).env("F5_GUARDRAILS_TIMEOUT", "1");
    variable.run().failed_in(FailMode::Closed).says(&["raise F5_GUARDRAILS_TIMEOUT (up to 35 s)"]);
    let api = slow();
    let flag = Hook::pre_tool_use().closed().against(&api).arguments(["--timeout", "1"]);
    let said = flag.run().failed_in(FailMode::Closed).codex().shown();
    assert!(said.contains("f5-guard install --timeout SECONDS"), "{said}");
    assert!(!said.contains("F5_GUARDRAILS_TIMEOUT"), "{said}");
}

#[test]
fn a_proxy_that_is_set_and_passed_by_is_not_advised_to_be_set() {
    let api = F5::builder().never_called().start();
    let hook = Hook::pre_tool_use().closed().against(&api);
    let hook = hook.env("F5_GUARDRAILS_BASE_URL", "https://127.0.0.1:9").env("no_proxy", "127.0.0.1");
    let answer = hook.env("HTTPS_PROXY", "http://127.0.0.1:9").run().failed_in(FailMode::Closed);
    let said = answer.says(&["take its host out of no_proxy"]).codex().shown();
    assert!(!said.contains("set HTTPS_PROXY"), "{}", said);
}
