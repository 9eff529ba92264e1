//! A session without a token is told so once.

use f5_stand_in::f5::F5;

use crate::support::memory::CodexHome;
use crate::support::{Answer, Event, Hook};

fn run(home: &CodexHome, event: Event, session: &str) -> Answer {
    let mut payload = event.payload("harmless");
    payload["session_id"] = session.into();
    home.hook(Hook::of(event).open().without("F5_GUARDRAILS_API_TOKEN").payload(payload)).run()
}

#[test]
fn each_session_is_told_once_that_there_is_no_token() {
    let home = CodexHome::new();
    run(&home, Event::UserPromptSubmit, "one").warned().says(&["No API token is set"]);
    for event in Event::ALL {
        run(&home, event, "one").passed_in_silence().notes(&["no_token"]);
    }
    run(&home, Event::PostToolUse, "two").warned().says(&["No API token is set"]);
    run(&home, Event::PostToolUse, "two").passed_in_silence();
}

#[test]
fn the_model_is_told_of_every_output() {
    let home = CodexHome::new();
    for _ in 0..2 {
        let context = run(&home, Event::PostToolUse, "one").codex().context.expect("the model is told");
        assert!(context.contains("not scanned"), "{context}");
    }
}

#[test]
fn in_closed_mode_every_call_is_refused_with_the_reason() {
    let home = CodexHome::new();
    for event in Event::ALL {
        let hook = home.hook(Hook::of(event).closed().without("F5_GUARDRAILS_API_TOKEN"));
        hook.run().blocked().says(&["No API token is set"]);
    }
    assert!(!home.remembers());
}

#[test]
fn where_nothing_can_be_remembered_every_call_is_told() {
    let home = CodexHome::new();
    let missing = home.path().join("missing");
    for _ in 0..2 {
        let hook = Hook::pre_tool_use().open().without("F5_GUARDRAILS_API_TOKEN").env("CODEX_HOME", &missing);
        // The log would make the folder up.
        hook.env("F5_GUARDRAILS_LOG_FILE", "off").run().warned();
    }
    let hook = |value: &str| {
        let hook = home.hook(Hook::pre_tool_use().open().without("F5_GUARDRAILS_API_TOKEN"));
        hook.env("F5_GUARDRAILS_OUTAGE_MEMORY", value).run()
    };
    hook("off").warned();
    hook("off").warned();
    assert!(!home.remembers());
}

#[test]
fn a_token_that_is_there_again_is_used() {
    let (home, api) = (CodexHome::new(), F5::start());
    run(&home, Event::PreToolUse, "one").warned();
    home.hook(Hook::pre_tool_use().open().against(&api)).run().allowed();
    api.only_scan();
}

#[test]
fn a_scan_forgets_that_there_was_no_token() {
    let (home, api) = (CodexHome::new(), F5::start());
    let hook = || home.hook(Hook::pre_tool_use().open().against(&api));
    hook().without("F5_GUARDRAILS_API_TOKEN").run().warned();
    assert!(home.remembers());
    hook().run().allowed();
    assert!(!home.remembers());
    hook().without("F5_GUARDRAILS_API_TOKEN").run().warned();
}
