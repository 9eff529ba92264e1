//! Calls from a script of the model's ("code mode"), where Codex cuts an output for the hook and not for the script.

use f5_stand_in::f5::{F5, Fault, Verdict};
use serde_json::{Value, json};

use crate::support::{FailMode, Hook, sample};

/// As Codex 0.169.0 cuts it.
const CUT: &str = "Warning: truncated output (original token count: 84448)\nTotal output lines: 60000\n\n1\n2\n3\n4…74448 tokens truncated…29999\n30000\n";
/// The same where the output was over one MiB.
const CUT_TWICE: &str = "Warning: truncated output (original token count: 500001)\n... 951425 bytes omitted ...\n\nxxxx…490001 tokens truncated…xxxx\n";

/// A call with this id and output.
fn payload(id: Option<Value>, output: Value) -> Value {
    let mut payload = sample("post-tool-use.Bash");
    let fields = payload.as_object_mut().expect("a payload is an object");
    fields.shift_remove("tool_use_id");
    if let Some(id) = id {
        fields.insert("tool_use_id".to_owned(), id);
    }
    fields.insert("tool_response".to_owned(), output);
    payload
}

fn in_code_mode() -> Option<Value> {
    Some(json!("exec-336e8698-8ccc-443b-a377-c71e27220383"))
}

fn hook(payload: Value, mode: FailMode) -> Hook {
    Hook::post_tool_use().in_mode(mode).payload(payload)
}

#[test]
fn output_that_codex_cut_for_the_hook_alone_is_not_scanned() {
    for mode in FailMode::ALL {
        for cut in [CUT, CUT_TWICE, "Warning: truncated output (original token count: 2)"] {
            let api = F5::start();
            let answer = hook(payload(in_code_mode(), json!(cut)), mode).against(&api).run();
            answer.failed_in(mode).says(&["cut"]).notes(&["cut_output"]);
            assert_eq!(api.inputs(), [cut], "what was handed over is scanned all the same");
        }
    }
}

#[test]
fn a_hit_in_what_is_left_of_cut_output_counts() {
    let api = F5::answering(Verdict::flagged());
    hook(payload(in_code_mode(), json!(CUT)), FailMode::Open)
        .strict()
        .against(&api)
        .run()
        .blocked()
        .says(&["prompt injection"]);
    let answer = hook(payload(in_code_mode(), json!(CUT)), FailMode::Open).against(&api).run().warned();
    assert!(answer.codex().shown().contains("prompt injection"), "{answer:?}");
}

#[test]
fn a_hit_in_cut_output_is_withheld_in_closed_mode() {
    let api = F5::answering(Verdict::flagged());
    let answer = hook(payload(in_code_mode(), json!(CUT)), FailMode::Closed).against(&api).run().blocked();
    answer.says(&["prompt injection"]).says(&["was not scanned"]);
}

#[test]
fn a_scan_that_fails_on_cut_output_names_its_own_reason() {
    for mode in FailMode::ALL {
        let api = F5::answering(Fault::status(401));
        hook(payload(in_code_mode(), json!(CUT)), mode).against(&api).run().failed_in(mode).says(&["401"]);
    }
}

#[test]
fn output_that_the_model_sees_cut_as_well_is_scanned() {
    for id in ["call_0_0", "fc_1", "toolu_exec-1"] {
        for cut in [CUT, CUT_TWICE] {
            let api = F5::start();
            hook(payload(Some(json!(id)), json!(cut)), FailMode::Closed).against(&api).run().allowed();
        }
    }
}

#[test]
fn cut_output_of_a_call_whose_kind_is_unknown_is_not_scanned() {
    for id in [None, Some(Value::Null), Some(json!(7)), Some(json!(""))] {
        let api = F5::start();
        hook(payload(id, json!(CUT)), FailMode::Closed).against(&api).run().blocked().says(&["cut"]);
    }
    let twice = payload(Some(json!("call_1")), json!(CUT)).to_string();
    let twice = twice.replacen('{', r#"{"tool_use_id":"exec-1","#, 1);
    Hook::post_tool_use().closed().stdin(twice).against(&F5::start()).run().blocked().says(&["cut"]);
}

#[test]
fn whole_output_in_code_mode_is_scanned() {
    for output in [
        json!("Warning: something else\nhello"),
        json!(format!("as we saw: {CUT}")),
        json!(format!("\n{CUT}")),
        json!({"content": [{"type": "text", "text": "x".repeat(60_000)}]}),
    ] {
        let api = F5::start();
        hook(payload(in_code_mode(), output), FailMode::Closed).against(&api).run().allowed();
    }
    let api = F5::start();
    let mut input = sample("pre-tool-use.Bash");
    input["tool_use_id"] = json!("exec-1");
    input["tool_input"] = json!({"command": format!("{CUT}; true")});
    Hook::pre_tool_use().closed().payload(input).against(&api).run().allowed();
}
