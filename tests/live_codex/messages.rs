//! What Codex puts before the user for each row, with hooks that are trusted rather than waved through.

use crate::app_server::HookRun;
use crate::codex::report;
use crate::stage::Stage;
use f5_stand_in::f5::{F5, Verdict};
#[cfg(unix)]
use f5_stand_in::{f5::refusing_url, model::Item};

/// What is shown of a block: next to an exit code there is one text for everything.
const BLOCK: &[&str] = if cfg!(unix) { &["feedback"] } else { &["warning", "feedback"] };

fn one<'a>(hooks: &'a [HookRun], event: &str) -> &'a HookRun {
    hooks.iter().find(|hook| hook.event == event).unwrap_or_else(|| panic!("no {event} among {hooks:?}"))
}

/// The hook ended with this status, and said something of each of these kinds and of no other; no two say the same.
fn assert_shown(row: &str, hook: &HookRun, status: &str, kinds: &[&str]) {
    assert_eq!(hook.status, status, "{hook:?}");
    let shown: Vec<&str> = hook.entries.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(shown, kinds, "{hook:?}");
    let texts: Vec<&str> = kinds.iter().map(|kind| hook.text(kind)).collect();
    assert!(texts.iter().all(|text| !text.trim().is_empty()), "{hook:?}");
    assert!(texts.windows(2).all(|pair| pair[0] != pair[1]), "the same words twice: {hook:?}");
    let said: Vec<String> = hook.entries.iter().map(|(kind, text)| format!("[{kind}] {text}")).collect();
    report(row, &format!("{status}: {}", said.join(" ")));
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn the_user_is_told_why_a_prompt_was_blocked() {
    let api = F5::builder().when("FORBIDDEN-PROMPT", Verdict::flagged()).tls().start();
    let stage = Stage::new(api, []);

    let hooks = stage.app("FORBIDDEN-PROMPT");

    assert_shown("shown: prompt not cleared", one(&hooks, "userPromptSubmit"), "blocked", BLOCK);
    assert_eq!(stage.model.calls(), 0);
}

#[cfg(unix)] // the command is a line for a Unix shell
#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn the_user_is_told_why_a_command_was_refused_and_why_the_turn_ended() {
    let api = F5::builder().when("FORBIDDEN", Verdict::flagged()).tls().start();
    let turns = [vec![Item::exec("touch marker # FORBIDDEN")], vec![Item::message("FORBIDDEN")]];
    let stage = Stage::new(api, turns);

    let hooks = stage.app("Please do it");

    assert_shown("shown: command not cleared", one(&hooks, "preToolUse"), "blocked", BLOCK);
    assert_shown("shown: answer not cleared", one(&hooks, "stop"), "stopped", &["warning", "stop"]);
    assert!(!stage.file("marker").exists());
    assert_eq!(stage.model.calls(), 2);
}

#[cfg(unix)] // the command is a line for a Unix shell
#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn the_user_is_told_of_a_flagged_output() {
    for (strict, row, status, kinds) in [
        ("false", "shown: output not cleared, default", "completed", &["warning", "context"][..]),
        ("true", "shown: output not cleared, strict", "blocked", BLOCK),
    ] {
        let api = F5::builder().when("POISONED-OUTPUT", Verdict::flagged()).tls().start();
        let turns = [vec![Item::exec("printf 'POISONED-%s' OUTPUT")], vec![Item::message("Done.")]];
        let stage = Stage::new(api, turns).set("F5_GUARDRAILS_POST_STRICT", strict);

        let hooks = stage.app("Please do it");

        assert_shown(row, one(&hooks, "postToolUse"), status, kinds);
    }
}

#[cfg(unix)] // the command is a line for a Unix shell
#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn the_user_is_told_in_open_mode_that_nothing_was_scanned() {
    let turns = [vec![Item::exec("touch marker; echo done")], vec![Item::message("Done.")]];
    let down = refusing_url().expect("a port that nobody listens on");
    let stage = Stage::new(F5::builder().never_called().tls().start(), turns)
        .set("F5_GUARDRAILS_BASE_URL", &down)
        .set("F5_GUARDRAILS_TIMEOUT", "2")
        .open();

    let hooks = stage.app("Please do it");

    assert_shown("shown: prompt, open, API down", one(&hooks, "userPromptSubmit"), "completed", &["warning"]);
    // Once is enough: an outage is told once in a session, and the model of each output.
    assert_shown("shown: command, open, API down", one(&hooks, "preToolUse"), "completed", &[]);
    assert_shown("shown: output, open, API down", one(&hooks, "postToolUse"), "completed", &["context"]);
    assert_shown("shown: answer, open, API down", one(&hooks, "stop"), "completed", &[]);
    assert!(stage.file("marker").exists());
}
