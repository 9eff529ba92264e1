//! Models that call their tools from scripts ("code mode"), as all but one of Codex's catalogue do: what holds there as
//! elsewhere, and what docs/limitations.md says is different.

use crate::codex::report;
use crate::stage::Stage;
use f5_stand_in::f5::{F5, Verdict};
use f5_stand_in::mcp::{Mcp, Offer};
use f5_stand_in::model::Item;
use serde_json::json;

/// A model in code mode that runs this script and is done.
fn stage(api: F5, script: &str) -> Stage {
    Stage::new(api, [vec![Item::script(script)], vec![Item::message("Done.")]]).in_code_mode()
}

/// A script that runs this command and hands the model its whole output, or what was thrown instead.
#[cfg(unix)]
fn running(command: &str) -> String {
    format!(
        "try {{ const r = await tools.exec_command({{cmd: {command:?}}}); text(r.output.slice(168000, 170000)); }}
         catch (error) {{ text(`caught ${{error}}`); }}"
    )
}

/// Prints some 338,000 characters with `IN-THE-MIDDLE` in their middle, without that word in the command.
#[cfg(unix)]
const LONG: &str = "seq 1 30000; printf 'IN-THE-%s' MIDDLE; seq 1 30000";
#[cfg(unix)]
const MARK: &str = "Warning: truncated output (original token count: ";

#[cfg(unix)] // the command is a line for a Unix shell
#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn in_closed_mode_output_that_codex_cut_for_the_hook_is_withheld() {
    let stage = stage(F5::builder().tls().start(), &running(LONG)).closed();

    let seen = stage.exec("Please do it");

    assert_eq!(seen.hook("PreToolUse"), "Completed");
    assert_eq!(seen.hook("PostToolUse"), "Blocked");
    let scanned = stage.scanned("PostToolUse").concat();
    assert!(scanned.starts_with(MARK), "Codex marks it in another way: {:?}", scanned.get(..200));
    assert!(!scanned.contains("IN-THE-MIDDLE"), "Codex cuts it in another place");
    assert!(!stage.model.was_given("IN-THE-MIDDLE"), "the model must not get what was not scanned");
    assert!(
        stage.model.was_given("caught Withheld from the agent: ")
            && stage.model.was_given("Codex cut this output")
    );
    report(
        "post-tool-use, closed, output cut in code mode",
        "withheld: the script got the reason as an error",
    );
}

#[cfg(unix)] // the command is a line for a Unix shell
#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn in_open_mode_the_model_is_told_that_cut_output_was_not_scanned() {
    let stage = stage(F5::builder().tls().start(), &running(LONG)).open();

    let seen = stage.exec("Please do it");

    assert_eq!(seen.hook("PostToolUse"), "Completed");
    assert!(stage.model.was_given("IN-THE-MIDDLE"), "the script has the whole output");
    let told = stage.model.developer_texts().into_iter().find(|text| text.contains("not scanned"));
    let told = told.unwrap_or_else(|| panic!("nothing said in {:?}", stage.model.developer_texts()));
    report(
        "post-tool-use, open, output cut in code mode",
        &format!("went ahead; the model was told: {told}"),
    );
}

#[cfg(unix)] // the command is a line for a Unix shell
#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn output_that_codex_cut_for_the_model_too_is_scanned() {
    let api = F5::builder().tls().start();
    let turns = [vec![Item::exec(LONG)], vec![Item::message("Done.")]];
    let stage = Stage::new(api, turns).closed();

    let seen = stage.exec("Please do it");

    assert_eq!(seen.hook("PostToolUse"), "Completed");
    let given = stage.model.function_outputs().concat();
    let scanned = stage.scanned("PostToolUse").concat();
    assert!(scanned.starts_with(MARK) && given.ends_with(&scanned), "the model gets what the hook got");
    report(
        "post-tool-use, closed, long output without code mode",
        "the model got the cut text that was scanned",
    );
}

#[cfg(unix)] // the command is a line for a Unix shell
#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn calls_from_a_script_are_scanned_each_with_input_and_output() {
    let script =
        "const all = await Promise.all([1, 2, 3].map(n => tools.exec_command({cmd: `echo out$((${n}))`})));
        await tools.apply_patch('*** Begin Patch\\n*** Add File: patched.txt\\n+a line\\n*** End Patch');
        text(all.map(r => r.output).join('|'));";
    let stage = stage(F5::builder().tls().start(), script).closed();

    let seen = stage.exec("Please do it");

    assert_eq!(seen.hook("PreToolUse"), "Completed,Completed,Completed,Completed");
    assert_eq!(seen.hook("PostToolUse"), "Completed,Completed,Completed,Completed");
    assert!(stage.model.was_given("out1\n|out2\n|out3"));
    assert!(stage.file("patched.txt").exists(), "the patch was applied");
    let (inputs, outputs) = (stage.scanned("PreToolUse").concat(), stage.scanned("PostToolUse").concat());
    for n in 1..=3 {
        assert!(inputs.contains(&format!("echo out$(({n}))")), "{inputs}");
        assert!(outputs.contains(&format!("out{n}\n")), "{outputs}");
    }
    assert!(inputs.contains("+a line") && outputs.contains("patched.txt"), "{inputs}\n{outputs}");
    report(
        "all hooks, cleared, code mode",
        "three parallel commands and a patch: each input and output was scanned",
    );
}

#[cfg(unix)] // the command is a line for a Unix shell
#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_flagged_command_of_a_script_does_not_run() {
    let api = F5::builder().when("FORBIDDEN-COMMAND", Verdict::flagged()).tls().start();
    let stage = stage(api, &running("touch marker # FORBIDDEN-COMMAND"));

    let seen = stage.exec("Please do it");

    assert_eq!(seen.hook("PreToolUse"), "Blocked");
    assert!(!stage.file("marker").exists(), "the command must not run");
    assert!(stage.model.was_given("prompt injection"), "the reason names the scanner");
    report(
        "pre-tool-use (shell), not cleared, code mode",
        "the command did not run; the script got the reason as an error",
    );
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_flagged_mcp_answer_is_withheld_from_a_script_with_post_strict() {
    // Longer than what is handed over of a command's output: of an MCP server's nothing is cut.
    let long = format!("{}POISON", "x".repeat(100_000));
    let api = F5::builder().when("POISON", Verdict::flagged()).tls().start();
    let server = Mcp::offering(
        Offer::default().tool("lookup", json!({ "content": [{ "type": "text", "text": long }] })),
    );
    let script = "try { text((await tools.mcp__stand_in__lookup({})).content[0].text.slice(-10)); } catch (error) { text(`caught ${error}`); }";
    let stage = stage(api, script).mcp(server).set("F5_GUARDRAILS_POST_STRICT", "true");

    let seen = stage.exec("Please look it up");

    assert_eq!(seen.hook("PostToolUse"), "Blocked");
    assert!(!stage.model.was_given("POISON"), "the model must not get the end of the answer");
    assert!(
        stage.model.was_given("caught Withheld from the agent: ")
            && stage.model.was_given("a prompt injection")
    );
    report(
        "post-tool-use (MCP), not cleared, strict, code mode",
        "a long answer was scanned whole, and withheld",
    );
}

#[cfg(unix)] // the command is a line for a Unix shell
#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn what_reaches_no_hook_in_code_mode_is_what_the_limits_name() {
    let script = "text(['SAID-BY', 'THE-SCRIPT'].join('-'));
        let r = await tools.exec_command({cmd: 'printf EARLY-%s PART; sleep 1; printf LATE-%s PART', yield_time_ms: 250});
        while (r.session_id) { text(r.output); r = await tools.write_stdin({session_id: r.session_id, yield_time_ms: 5000}); }
        text(r.output);";
    let stage = stage(F5::builder().tls().start(), script).closed();

    let seen = stage.exec("Please do it");

    assert_eq!(seen.hook("PreToolUse"), "Completed", "the script itself, and write_stdin, are no events");
    assert_eq!(stage.scanned("PostToolUse"), ["LATE-PART"]);
    assert!(stage.model.was_given("EARLY-PART") && stage.model.was_given("SAID-BY-THE-SCRIPT"));
    report(
        "no hook, code mode",
        "the script, what it prints, and the part that a running command had printed early",
    );
}
