//! Scan errors: the API refuses connections, hangs, or answers garbage, with fail mode `open` and `closed`.

use crate::codex::report;
use crate::stage::Stage;
use f5_stand_in::f5::{F5, Fault, refusing_url};
use f5_stand_in::model::Item;

/// An API that scans nothing. It runs until it is dropped.
enum Broken {
    Refusing(String),
    Answering(F5),
}

impl Broken {
    fn base_url(&self) -> String {
        match self {
            Self::Refusing(url) => url.clone(),
            Self::Answering(api) => api.base_url(),
        }
    }
}

/// Every way to be broken, with its name.
fn broken() -> [(&'static str, Broken); 4] {
    let answering = |fault: Fault| Broken::Answering(F5::builder().always(fault).start());
    [
        ("down", Broken::Refusing(refusing_url().expect("a port that nobody listens on"))),
        ("hanging", answering(Fault::HangAfterRequest)),
        ("answering garbage", answering(Fault::Garbage)),
        ("an HTML page with status 403", answering(Fault::status(403))),
    ]
}

/// A stage on which the hook of `event` asks a broken API and every other hook a sound one.
fn stage(event: &'static str, broken: &Broken) -> Stage {
    // The command does not hold the words that it prints: where they turn up, the output got there.
    let turns = [vec![Item::exec("touch marker; printf 'TOOL-%s' SAID")], vec![Item::message("Done.")]];
    Stage::new(F5::builder().may_stay_idle().tls().start(), turns)
        .scanning_elsewhere(event, broken.base_url())
        .set("F5_GUARDRAILS_TIMEOUT", "2")
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn in_closed_mode_no_prompt_passes_while_the_api_is_broken() {
    for (how, broken) in broken() {
        let stage = stage("UserPromptSubmit", &broken).closed();

        let seen = stage.exec("Please do it");

        assert_eq!(seen.hook("UserPromptSubmit"), "Blocked", "API {how}");
        assert_eq!(stage.model.calls(), 0, "API {how}");
        assert!(!stage.file("marker").exists(), "API {how}");
        report(&format!("user-prompt-submit, closed, API {how}"), "prompt blocked; the model was not called");
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn in_closed_mode_no_command_runs_while_the_api_is_broken() {
    for (how, broken) in broken() {
        let stage = stage("PreToolUse", &broken).closed();

        let seen = stage.exec("Please do it");

        assert_eq!(seen.hook("PreToolUse"), "Blocked", "API {how}");
        assert!(!stage.file("marker").exists(), "API {how}: the command must not run");
        let told = stage.model.function_outputs().join("\n");
        assert!(told.contains("blocked by PreToolUse hook"), "API {how}: {told}");
        report(&format!("pre-tool-use, closed, API {how}"), "the command did not run");
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn in_closed_mode_no_output_reaches_the_model_while_the_api_is_broken() {
    for (how, broken) in broken() {
        let stage = stage("PostToolUse", &broken).closed();

        let seen = stage.exec("Please do it");

        assert_eq!(seen.hook("PostToolUse"), "Blocked", "API {how}");
        assert!(stage.file("marker").exists(), "API {how}: the command was cleared and runs");
        assert!(!stage.model.was_given("TOOL-SAID"), "API {how}: the model must not get the output");
        assert_eq!(stage.model.calls(), 2, "API {how}");
        report(&format!("post-tool-use, closed, API {how}"), "output withheld; the model got the reason");
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn in_closed_mode_the_turn_ends_while_the_api_is_broken() {
    for (how, broken) in broken() {
        let stage = stage("Stop", &broken).closed();

        let seen = stage.exec("Please do it");

        assert_eq!(seen.hook("Stop"), "Stopped", "API {how}");
        assert_eq!(stage.model.calls(), 2, "API {how}: a further call would be the start of a loop");
        report(&format!("stop, closed, API {how}"), "the turn ended; no further call of the model");
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn in_open_mode_everything_goes_ahead_and_the_model_learns_that_the_output_was_not_scanned() {
    for (how, broken) in broken() {
        let mut stage = stage("UserPromptSubmit", &broken).open();
        for event in ["PreToolUse", "PostToolUse", "Stop"] {
            stage = stage.scanning_elsewhere(event, broken.base_url());
        }

        let seen = stage.exec("Please do it");

        for event in ["UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop"] {
            assert_eq!(seen.hook(event), "Completed", "{event}, API {how}");
        }
        assert!(stage.file("marker").exists(), "API {how}: the command runs");
        assert!(stage.model.function_outputs().join("\n").contains("TOOL-SAID"), "API {how}");
        let told = stage.model.developer_texts().into_iter().find(|text| text.contains("not scanned"));
        let told =
            told.unwrap_or_else(|| panic!("API {how}: nothing said in {:?}", stage.model.developer_texts()));
        assert_eq!(stage.model.calls(), 2, "API {how}");
        report(
            &format!("all four hooks, open, API {how}"),
            &format!("went ahead; the model was told: {told}"),
        );
    }
}
