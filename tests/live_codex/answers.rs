//! The end of a turn: the final answer, and a sub-agent's.

use crate::codex::report;
use crate::stage::Stage;
use f5_stand_in::f5::{F5, Verdict};
use f5_stand_in::model::{Item, Model, Request};
use serde_json::json;

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_flagged_answer_ends_the_turn_and_starts_no_loop() {
    let api = F5::builder().when("FORBIDDEN-ANSWER", Verdict::flagged()).tls().start();
    let stage = Stage::new(api, [vec![Item::message("FORBIDDEN-ANSWER")]]);

    let seen = stage.exec("Please answer");

    assert_eq!(seen.hook("Stop"), "Stopped");
    assert_eq!(stage.model.calls(), 1, "a further call would be the start of a loop");
    let scan = stage.api.scans().into_iter().find(|scan| scan.metadata("hook") == Some("Stop"));
    let direction = scan.and_then(|scan| scan.field("scanDirection").cloned());
    assert_eq!(direction, Some(json!("response")));
    report("stop, not cleared", "the turn ended; no further call of the model");
}

/// The main agent hands a task to a sub-agent and waits for it; the sub-agent answers at once.
fn team(request: &Request) -> Vec<Item> {
    if !request.user_texts().iter().any(|text| text.contains("MAIN-TASK")) {
        return vec![Item::message("FORBIDDEN-ANSWER of the sub-agent")];
    }
    match request.function_outputs().len() {
        0 => {
            let task = json!({ "task_name": "helper", "message": "SUB-TASK", "fork_turns": "none" });
            vec![Item::namespaced("collaboration", "spawn_agent", task)]
        }
        1 => vec![Item::namespaced("collaboration", "wait_agent", json!({ "timeout_ms": 60_000 }))],
        _ => vec![Item::message("The main agent is done.")],
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_flagged_answer_of_a_sub_agent_ends_its_turn_and_starts_no_loop() {
    let api = F5::builder().when("FORBIDDEN-ANSWER", Verdict::flagged()).tls().start();
    let model = Model::answering(|_, request| team(request));
    let stage = Stage::with_model(api, model).feature("multi_agent_v2");

    // `codex exec` prints no line for a sub-agent's hooks, the app server does.
    let hooks = stage.app("MAIN-TASK");

    let statuses = |event: &str| -> Vec<&str> {
        hooks.iter().filter(|hook| hook.event == event).map(|hook| hook.status.as_str()).collect()
    };
    assert_eq!(statuses("subagentStop"), ["stopped"], "{hooks:?}");
    assert_eq!(statuses("stop"), ["completed"], "{hooks:?}");
    let calls = stage.model.requests();
    let (main, sub): (Vec<_>, Vec<_>) =
        calls.iter().partition(|call| call.user_texts().iter().any(|text| text.contains("MAIN-TASK")));
    assert_eq!(
        (main.len(), sub.len()),
        (3, 1),
        "a further call of the sub-agent would be the start of a loop"
    );
    // Codex hands a stopped sub-agent's last words to the main agent all the same.
    let passed_on = if stage.model.was_given("FORBIDDEN-ANSWER") { "still reached" } else { "did not reach" };
    report(
        "stop (sub-agent), not cleared",
        &format!("its turn ended without a further call of the model; its answer {passed_on} the main agent"),
    );
}
