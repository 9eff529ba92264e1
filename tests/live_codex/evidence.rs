//! The evidence: what `report` and `why` say of sessions of the real Codex is what the scan API, the model and Codex saw.

use std::process::Command;

use f5_stand_in::f5::{F5, Fault, Verdict};
use f5_stand_in::model::Item;
use serde_json::Value;

use crate::codex::report;
use crate::stage::{Seen, Stage};

const PATCH: &str = "*** Begin Patch\n*** Add File: patched.txt\n+a line of the patch\n*** End Patch";

/// What the built program says about the log of this stage.
fn says(stage: &Stage, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_f5-guard"))
        .args(arguments)
        .env_clear()
        .env("CODEX_HOME", stage.home())
        .env("HOME", stage.home())
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn count(report: &Value, pointer: &str) -> usize {
    let number = report.pointer(pointer).and_then(Value::as_u64);
    usize::try_from(number.unwrap_or_else(|| panic!("{pointer}: {report}"))).expect("a small number")
}

/// How often Codex has this word for runs of this event's hook.
fn words(runs: &[Seen], event: &str, word: &str) -> usize {
    let hooks = runs.iter().flat_map(Seen::hooks);
    hooks.filter(|(name, status)| name == event && status == word).count()
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn the_reports_figures_are_what_api_model_and_codex_saw() {
    let api = F5::builder()
        .when("FORBIDDEN-PROMPT", Verdict::flagged().id("scan-of-the-prompt"))
        .when("FORBIDDEN-COMMAND", Verdict::flagged())
        .when("FORBIDDEN-OUTPUT", Verdict::flagged())
        .when("FORBIDDEN-ANSWER", Verdict::blocked())
        .when("OUTAGE", Fault::status(500))
        .tls()
        .start();
    let turns = [
        vec![Item::exec("echo one")],
        vec![Item::exec("echo FORBIDDEN-COMMAND")],
        vec![Item::exec("printf 'FORBIDDEN-%s' OUTPUT")],
        vec![Item::apply_patch(PATCH)],
        vec![Item::exec("printf 'OUT%s' AGE-1")],
        vec![Item::exec("echo OUTAGE-2")],
        // Refused for what Codex repeats of the last one, too.
        vec![Item::exec("echo OUTAGE-3")],
        vec![Item::message("All done.")],
        vec![Item::message("FORBIDDEN-ANSWER")],
    ];
    let stage = Stage::new(api, turns).closed();

    let runs = ["Please do it", "FORBIDDEN-PROMPT", "Please answer"].map(|prompt| stage.exec(prompt));

    let seen: Value = serde_json::from_str(&says(&stage, &["report", "--json"])).expect("JSON");
    // The scan API: each call of a hook is one scan, by event.
    for event in ["UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop"] {
        let of_event = seen["events"].as_array().expect("a list").iter().find(|named| named["name"] == event);
        let calls = count(of_event.expect("the event"), "/calls");
        assert_eq!(calls, stage.scanned(event).len(), "{event}: {seen}");
    }
    let own = stage.api.scans().iter().filter(|scan| scan.metadata("part").is_none()).count();
    assert_eq!(count(&seen, "/calls"), own);
    assert_eq!(count(&seen, "/outcomes/flagged"), 3);
    assert_eq!(count(&seen, "/outcomes/blocked"), 1);
    assert_eq!(count(&seen, "/outcomes/not_scanned"), 3);
    assert_eq!(count(&seen, "/latency/service/calls"), own - 3, "those that it answered");
    // Codex: what it did with each answer.
    let refused_before = words(&runs, "PreToolUse", "Blocked");
    assert_eq!((count(&seen, "/decisions/deny"), refused_before), (3, 3));
    assert_eq!((count(&seen, "/decisions/block"), words(&runs, "UserPromptSubmit", "Blocked")), (1, 1));
    assert_eq!((count(&seen, "/decisions/withhold"), words(&runs, "PostToolUse", "Blocked")), (1, 1));
    assert_eq!((count(&seen, "/decisions/stop"), words(&runs, "Stop", "Stopped")), (1, 1));
    assert_eq!(count(&seen, "/decisions/warn"), 1);
    let hooks: usize = runs.iter().map(|run| run.hooks().len()).sum();
    assert_eq!(count(&seen, "/calls"), hooks, "every hook that Codex ran");
    assert_eq!(count(&seen, "/sessions"), runs.len());
    // The model: one call for each tool that it asked for, and for each answer.
    let before =
        seen["events"].as_array().expect("a list").iter().find(|named| named["name"] == "PreToolUse");
    let answers = stage.scanned("Stop").len();
    assert_eq!(stage.model.calls(), count(before.expect("tools"), "/calls") + answers);
    // The outage: the calls in a row that the API did not answer.
    assert_eq!((count(&seen, "/outages/0/calls"), count(&seen, "/not_scanned/0/calls")), (3, 3));
    // And single decisions, by what the user was shown.
    let prompt = says(&stage, &["why", "scan-of-the-prompt"]);
    assert!(prompt.contains("A prompt was blocked") && prompt.contains("a prompt injection"), "{prompt}");
    let log = std::fs::read_to_string(stage.home().join("logs/f5_guardrails.log")).expect("the log");
    for content in ["FORBIDDEN", "OUTAGE", "patched.txt", "Please", "All done"] {
        assert!(!log.contains(content), "{content} is in the log");
    }
    report("evidence", &format!("{}\n{prompt}", says(&stage, &["report"])));
}
