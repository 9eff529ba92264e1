//! Tool calls, before they run: a shell command, a patch, an MCP tool.

use crate::codex::report;
use crate::stage::Stage;
use f5_stand_in::f5::{F5, Verdict};
use f5_stand_in::mcp::{Mcp, Offer, PIXEL};
use f5_stand_in::model::Item;
use serde_json::json;

const PATCH: &str = "*** Begin Patch\n*** Add File: patched.txt\n+a line of the patch\n*** End Patch";

#[cfg(unix)] // the command is a line for a Unix shell
#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn what_is_cleared_runs_undisturbed_and_every_part_of_it_was_scanned() {
    let api = F5::builder().tls().start();
    let turns = [
        vec![Item::exec("echo ran > marker; printf 'out%s' put")],
        vec![Item::apply_patch(PATCH)],
        vec![Item::message("All done.")],
    ];
    let stage = Stage::new(api, turns).closed();

    let seen = stage.exec("Please do it");

    assert_eq!(seen.hook("UserPromptSubmit"), "Completed");
    assert_eq!(seen.hook("PreToolUse"), "Completed,Completed");
    assert_eq!(seen.hook("PostToolUse"), "Completed,Completed");
    assert_eq!(seen.hook("Stop"), "Completed");
    assert!(stage.file("marker").exists(), "the command ran");
    assert!(stage.file("patched.txt").exists(), "the patch was applied");
    assert_eq!(stage.model.calls(), 3);
    assert!(stage.model.function_outputs().iter().any(|output| output.contains("output")));
    assert_eq!(stage.scanned("UserPromptSubmit"), ["Please do it"]);
    assert_eq!(stage.scanned("PreToolUse"), ["echo ran > marker; printf 'out%s' put", PATCH]);
    let outputs = stage.scanned("PostToolUse");
    assert_eq!(outputs.first().map(String::as_str), Some("output"));
    assert!(outputs.get(1).is_some_and(|output| output.contains("patched.txt")), "{outputs:?}");
    assert_eq!(stage.scanned("Stop"), ["All done."]);
    report(
        "all four hooks, cleared",
        "command ran, patch applied, answer given; prompt, both inputs, both outputs and the answer were scanned",
    );
}

#[cfg(unix)] // the command is a line for a Unix shell
#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_flagged_command_does_not_run_and_the_model_is_told_why() {
    let api = F5::builder().when("FORBIDDEN-COMMAND", Verdict::flagged()).tls().start();
    let turns = [vec![Item::exec("touch marker # FORBIDDEN-COMMAND")], vec![Item::message("I could not.")]];
    let stage = Stage::new(api, turns);

    let seen = stage.exec("Please do it");

    assert_eq!(seen.hook("PreToolUse"), "Blocked");
    assert!(!stage.file("marker").exists(), "the command must not run");
    let told = stage.model.function_outputs().join("\n");
    assert!(told.contains("blocked by PreToolUse hook"), "{told}");
    assert!(told.contains("prompt injection"), "the reason names the scanner: {told}");
    assert_eq!(stage.model.calls(), 2);
    report("pre-tool-use (shell), not cleared", &format!("command did not run; the model got: {told}"));
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_flagged_patch_is_not_applied() {
    let api = F5::builder().when("a line of the patch", Verdict::blocked()).tls().start();
    let stage = Stage::new(api, [vec![Item::apply_patch(PATCH)], vec![Item::message("I could not.")]]);

    let seen = stage.exec("Please do it");

    assert_eq!(seen.hook("PreToolUse"), "Blocked");
    assert!(!stage.file("patched.txt").exists(), "the patch must not be applied");
    let told = stage.model.function_outputs().join("\n");
    assert!(told.contains("blocked by PreToolUse hook"), "{told}");
    report("pre-tool-use (apply_patch), not cleared", "no file was written; the model got the reason");
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn an_mcp_tool_with_flagged_arguments_is_not_called() {
    let api = F5::builder().when("FORBIDDEN\nARGUMENT", Verdict::flagged()).tls().start();
    let server = Mcp::offering(Offer::default().tool("lookup", json!({ "content": [] })));
    let call = Item::mcp("stand_in", "lookup", json!({ "query": { "deep": "FORBIDDEN\nARGUMENT" } }));
    let stage = Stage::new(api, [vec![call], vec![Item::message("I could not.")]]).mcp(server);

    let seen = stage.exec("Please look it up");

    assert_eq!(seen.hook("PreToolUse"), "Blocked");
    assert_eq!(stage.mcp_calls(), 0);
    let told = stage.model.function_outputs().join("\n");
    assert!(told.contains("blocked by PreToolUse hook"), "{told}");
    report("pre-tool-use (MCP), not cleared", "the MCP server was not called; the model got the reason");
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn an_mcp_answer_is_scanned_as_text_without_the_bytes_of_its_picture() {
    let api = F5::builder().tls().start();
    let result = json!({
        "content": [
            { "type": "text", "text": "first \"quoted\" part" },
            { "type": "image", "data": PIXEL, "mimeType": "image/png" },
        ],
        "structuredContent": { "key": "structured part" },
    });
    let server = Mcp::offering(Offer::default().tool("lookup", result));
    let turns = [vec![Item::mcp("stand_in", "lookup", json!({}))], vec![Item::message("Found.")]];
    let stage = Stage::new(api, turns).mcp(server).closed();

    let seen = stage.exec("Please look it up");

    assert_eq!(seen.hook("PostToolUse"), "Completed");
    assert_eq!(stage.mcp_calls(), 1);
    let scanned = stage.scanned("PostToolUse").join("\n");
    assert!(scanned.contains("first \"quoted\" part"), "{scanned}");
    assert!(scanned.contains("structured part"), "{scanned}");
    assert!(!scanned.contains(PIXEL), "{scanned}");
    report(
        "post-tool-use (MCP), cleared",
        "text and structured content were scanned, the picture's bytes were not sent",
    );
}
