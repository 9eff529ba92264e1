//! What clears: an answer that says `cleared` counts only where nothing else in it says that scanners did not run.

use f5_stand_in::f5::{F5, Response, Verdict};
use serde_json::{Value, json};

use crate::support::{Event, FailMode, Hook, everywhere};

/// A service with this body for every scan.
fn answering(body: impl Into<String>) -> F5 {
    F5::answering(Response::new(200).header("Content-Type", "application/json").body(body.into()))
}

/// A body that says `cleared`, with these results of scanners.
fn cleared_with(results: &Value) -> String {
    json!({"id": null, "result": {"outcome": "cleared", "scannerResults": results}, "redactedInput": ""})
        .to_string()
}

fn passed() -> Value {
    json!({"outcome": "passed", "data": {"type": "regex", "matches": []}})
}

fn not_run() -> Value {
    json!({"outcome": "passed", "data": {"type": "N/A"}})
}

/// Every event and mode, with as few processes as that takes.
fn is_a_scan_error(body: &str, says: &str) {
    everywhere(|event, mode| {
        let api = answering(body);
        Hook::of(event).in_mode(mode).against(&api).run().failed_in(mode).says(&[says]);
    });
}

#[test]
fn results_that_are_absent_null_or_all_passed_clear() {
    for body in [
        json!({"result": {"outcome": "cleared"}}).to_string(),
        json!({"result": {"outcome": "passed"}}).to_string(),
        cleared_with(&Value::Null),
        cleared_with(&json!([passed(), passed()])),
        cleared_with(&json!([{"outcome": "passed"}])),
        cleared_with(&json!([{"outcome": "passed", "data": null}])),
        cleared_with(&json!([{"outcome": "passed", "data": {"matches": []}}])),
        cleared_with(&json!([{"outcome": "passed", "data": {"type": null}}])),
        cleared_with(&json!([not_run(), passed()])),
    ] {
        let api = answering(body);
        Hook::pre_tool_use().closed().against(&api).run().allowed();
        Hook::post_tool_use().closed().strict().against(&api).run().allowed();
    }
}

#[test]
fn a_scanner_that_failed_the_text_is_a_hit_whatever_the_outcome_says() {
    for (failed, in_doubt) in [
        (json!([{"outcome": "failed"}]), false),
        (json!([passed(), {"outcome": "failed", "data": {"type": "prompt_injection"}}]), false),
        (json!([{"outcome": "failed", "data": {"type": "error"}}, passed()]), true),
        (json!([{"outcome": "timeout"}, {"outcome": "failed", "data": {"type": "N/A"}}]), true),
    ] {
        let body = cleared_with(&failed);
        for mode in FailMode::ALL {
            for event in [Event::UserPromptSubmit, Event::PreToolUse, Event::Stop, Event::SubagentStop] {
                Hook::of(event)
                    .in_mode(mode)
                    .against(&answering(&body))
                    .run()
                    .blocked()
                    .says(&["yet its verdict differs"]);
            }
            Hook::post_tool_use().in_mode(mode).strict().against(&answering(&body)).run().blocked();
        }
        Hook::post_tool_use().open().against(&answering(&body)).run().warned();
        let closed = Hook::post_tool_use().closed().against(&answering(&body)).run();
        if in_doubt {
            closed.blocked()
        } else {
            closed.warned()
        };
    }
}

#[test]
fn a_scanner_that_failed_the_text_counts_even_where_its_result_says_passed_too() {
    let body =
        r#"{"result":{"outcome":"cleared","scannerResults":[{"outcome":"failed","outcome":"passed"}]}}"#;
    Hook::pre_tool_use().open().against(&answering(body)).run().blocked();
}

#[test]
fn a_scanner_that_broke_or_did_not_run_is_a_scan_error() {
    let error = |kind: &str| json!({"outcome": "passed", "data": {"type": kind}});
    for results in [
        json!([passed(), error("error")]),
        json!([passed(), error("ERROR")]),
        json!([not_run(), error("error")]),
        json!([not_run(), not_run()]),
        json!([error("n/a")]),
    ] {
        is_a_scan_error(&cleared_with(&results), "scanner");
    }
}

#[test]
fn a_result_that_says_neither_passed_nor_failed_is_a_scan_error() {
    for entry in [
        json!({"outcome": "timeout"}),
        json!({"outcome": "skipped", "data": {"type": "regex"}}),
        json!({"outcome": "Passed"}),
        json!({"outcome": "passed "}),
        json!({"outcome": ""}),
        json!({"outcome": true}),
        json!({"outcome": null}),
        json!({"data": {"type": "regex"}}),
        json!({"data": {"type": "N/A"}}),
        json!({}),
        json!({"outcome": "passed", "data": "error"}),
        json!({"outcome": "passed", "data": []}),
        json!({"outcome": "passed", "data": {"type": ["error"]}}),
        json!("passed"),
        json!(["passed"]),
        json!(7),
        Value::Null,
    ] {
        let body = cleared_with(&json!([passed(), entry]));
        Hook::pre_tool_use().closed().against(&answering(&body)).run().blocked().says(&["scanner"]);
        Hook::post_tool_use().open().against(&answering(&body)).run().warned().says(&["scanner"]);
    }
}

#[test]
fn results_that_are_no_list_or_an_empty_one_are_a_scan_error() {
    for results in [json!([]), json!("no"), json!({}), json!(0), json!(false)] {
        is_a_scan_error(&cleared_with(&results), "scanner");
    }
}

#[test]
fn a_key_that_is_there_twice_never_clears() {
    let passed = passed();
    for body in [
        format!(r#"{{"result":{{"outcome":"cleared","scannerResults":["no"],"scannerResults":[{passed}]}}}}"#),
        format!(r#"{{"result":{{"outcome":"cleared","scannerResults":[{passed}],"scannerResults":null}}}}"#),
        r#"{"result":{"outcome":"cleared","outcome":"cleared"}}"#.to_owned(),
        r#"{"result":{"outcome":"cleared"},"result":{"outcome":"cleared"}}"#.to_owned(),
        r#"{"result":{"outcome":"cleared","scannerResults":[{"outcome":"passed","outcome":"passed"}]}}"#.to_owned(),
        r#"{"result":{"outcome":"cleared","scannerResults":[{"outcome":"passed","data":{"type":"error"},"data":{}}]}}"#.to_owned(),
        r#"{"result":{"outcome":"cleared","scannerResults":[{"outcome":"passed","data":{"type":"error","\u0074ype":"regex"}}]}}"#.to_owned(),
    ] {
        Hook::pre_tool_use().closed().against(&answering(&body)).run().blocked();
        Hook::post_tool_use().closed().against(&answering(&body)).run().blocked();
    }
}

#[test]
fn an_unknown_outcome_takes_the_stricter_of_not_cleared_and_not_scanned() {
    for word in ["error", "quarantined", "Cleared", "cleared ", ""] {
        let body = json!({"result": {"outcome": word, "scannerResults": [passed()]}}).to_string();
        for mode in FailMode::ALL {
            for event in [Event::UserPromptSubmit, Event::PreToolUse, Event::Stop, Event::SubagentStop] {
                Hook::of(event).in_mode(mode).against(&answering(&body)).run().blocked();
            }
            Hook::post_tool_use().in_mode(mode).strict().against(&answering(&body)).run().blocked();
        }
        Hook::post_tool_use().open().against(&answering(&body)).run().warned();
        Hook::post_tool_use().closed().against(&answering(&body)).run().blocked();
    }
}

#[test]
fn a_failed_scanner_next_to_one_in_doubt_takes_the_stricter_action() {
    for doubt in
        [json!({"outcome": "passed", "data": {"type": "error"}}), json!({"outcome": "timeout"}), json!(7)]
    {
        for outcome in ["cleared", "flagged"] {
            let failed = json!({"outcome": "failed", "data": {"type": "regex"}});
            let body = json!({"result": {"outcome": outcome, "scannerResults": [failed, doubt.clone()]}})
                .to_string();
            Hook::post_tool_use().closed().against(&answering(&body)).run().blocked();
            Hook::post_tool_use().open().against(&answering(&body)).run().warned();
        }
    }
}

#[test]
fn of_many_results_the_ones_that_object_are_shown_in_a_bounded_way() {
    let results: Vec<Value> = (0..2500)
        .map(|n| json!({"outcome": if n >= 2000 { "failed" } else { "passed" }, "data": {"type": format!("kind-{n}")}}))
        .collect();
    let body = json!({"id": "x", "result": {"outcome": "flagged", "scannerResults": results}}).to_string();
    let answer = Hook::pre_tool_use().open().against(&answering(body)).run().blocked().says(&["kind-2000"]);
    assert!(answer.codex().shown().len() < 2000, "{answer:?}");
    assert!(answer.log().len() < 16 << 10, "{answer:?}");
}

#[test]
fn a_hit_counts_whatever_its_results_look_like() {
    for results in
        [json!([]), json!("no"), json!([7]), json!([{"outcome": "passed", "data": {"type": "error"}}])]
    {
        let body = json!({"result": {"outcome": "flagged", "scannerResults": results}}).to_string();
        Hook::pre_tool_use().open().against(&answering(body)).run().blocked();
    }
    let api = F5::answering(Verdict::blocked().outcome_only());
    Hook::pre_tool_use().open().against(&api).run().blocked();
}
