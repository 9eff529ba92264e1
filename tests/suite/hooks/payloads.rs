//! What is on stdin: unreadable, too large, of another event, or blank.

use f5_stand_in::f5::{F5, Verdict};
use serde_json::{Value, json};

use crate::support::{Event, FailMode, Hook, MARKER, everywhere, sample};

/// A payload of that event with one field set, or removed by `None`.
fn with(event: Event, field: &str, value: Option<Value>) -> Value {
    let mut payload = event.payload(MARKER);
    let fields = payload.as_object_mut().expect("a payload is an object");
    match value {
        Some(value) => fields.insert(field.to_owned(), value),
        None => fields.shift_remove(field),
    };
    payload
}

/// Runs it against a service that would clear anything, and that nobody may bother.
fn unscanned(hook: Hook) -> crate::support::Answer {
    let api = F5::builder().never_called().start();
    hook.against(&api).run()
}

#[test]
fn what_is_no_json_object_is_an_unreadable_payload() {
    everywhere(|event, mode| {
        for stdin in ["", "  \n", "prompt", "{\"prompt\":", "[]", "\"text\"", "null", "7", "{}{}"] {
            unscanned(Hook::of(event).in_mode(mode).stdin(stdin))
                .failed_in(mode)
                .says(&["payload", "stdin", "json"]);
        }
    });
}

#[test]
fn nesting_without_an_end_is_an_unreadable_payload() {
    everywhere(|event, mode| {
        let deep = event.payload("TEXT").to_string().replace("\"TEXT\"", &"[".repeat(200_000));
        unscanned(Hook::of(event).in_mode(mode).stdin(deep)).failed_in(mode);
    });
}

#[test]
fn a_payload_without_its_event_name_is_unreadable() {
    everywhere(|event, mode| {
        for name in [None, Some(Value::Null), Some(json!(7))] {
            unscanned(Hook::of(event).in_mode(mode).payload(with(event, "hook_event_name", name)))
                .failed_in(mode);
        }
    });
}

#[test]
fn a_missing_required_field_is_an_unreadable_payload() {
    everywhere(|event, mode| {
        let field = event.required_field();
        unscanned(Hook::of(event).in_mode(mode).payload(with(event, field, None)))
            .failed_in(mode)
            .says(&[field]);
    });
}

#[test]
fn a_required_field_of_the_wrong_type_is_an_unreadable_payload() {
    for mode in FailMode::ALL {
        for (event, value) in [
            (Event::UserPromptSubmit, Value::Null),
            (Event::UserPromptSubmit, json!(["text"])),
            (Event::UserPromptSubmit, json!({"text": "x"})),
            (Event::Stop, json!(7)),
            (Event::Stop, json!(["text"])),
            (Event::SubagentStop, json!({"text": "x"})),
        ] {
            let field = event.required_field();
            let payload = with(event, field, Some(value));
            unscanned(Hook::of(event).in_mode(mode).payload(payload)).failed_in(mode).says(&[field]);
        }
    }
}

#[test]
fn a_tool_event_without_its_tool_name_is_not_let_through_unscanned() {
    for event in [Event::PreToolUse, Event::PostToolUse] {
        let api = F5::builder().always(Verdict::blocked()).may_stay_idle().start();
        let payload = with(event, "tool_name", None);
        Hook::of(event).closed().strict().payload(payload).against(&api).run().blocked();
    }
}

#[test]
fn blank_text_goes_ahead_without_a_scan() {
    for mode in FailMode::ALL {
        for event in Event::ALL {
            for blank in ["", " ", "\n\t \r\u{c}"] {
                unscanned(Hook::of(event).in_mode(mode).text(blank)).allowed();
            }
        }
        for event in [Event::Stop, Event::SubagentStop] {
            let payload = with(event, "last_assistant_message", Some(Value::Null));
            unscanned(Hook::of(event).in_mode(mode).payload(payload)).allowed();
        }
        unscanned(Hook::pre_tool_use().in_mode(mode).payload(sample("pre-tool-use.mcp-fail"))).allowed();
    }
}

#[test]
fn blanks_beyond_ascii_are_scanned() {
    let blanks = ["\u{a0}", " \u{3000}\n", "\u{200b}", "\u{feff}", "\u{85}", "\u{2028}", "\u{e0041}"];
    for (text, event) in blanks.into_iter().zip(Event::ALL.into_iter().cycle()) {
        let api = F5::answering(Verdict::flagged());
        Hook::of(event).strict().text(text).against(&api).run().blocked();
        assert_eq!(api.inputs(), [text]);
    }
}

#[test]
fn a_tool_call_without_its_content_is_not_scanned() {
    everywhere(|event, mode| {
        let payloads = match event {
            Event::PreToolUse => vec![
                with(event, "tool_input", Some(Value::Null)),
                with(event, "tool_input", Some(json!({}))),
                with(event, "tool_input", Some(json!([]))),
            ],
            Event::PostToolUse => vec![with(event, "tool_response", Some(Value::Null))],
            _ => return,
        };
        for payload in payloads {
            let field = event.required_field();
            unscanned(Hook::of(event).in_mode(mode).payload(payload)).failed_in(mode).says(&[field]);
        }
    });
}

#[test]
fn a_content_field_that_is_there_twice_is_not_scanned() {
    everywhere(|event, mode| {
        let field = event.required_field();
        let twice = event.payload(" ").to_string().replacen('{', &format!(r#"{{"{field}":"x","#), 1);
        unscanned(Hook::of(event).in_mode(mode).stdin(twice)).failed_in(mode).says(&[field]);
    });
}

#[test]
fn unknown_fields_are_logged_by_their_names_alone() {
    for event in Event::ALL {
        let payload = with(event, "field_of_tomorrow\u{1b}[31m", Some(json!({"key": MARKER})));
        let api = F5::start();
        let hook = Hook::of(event).closed().payload(payload.clone()).env("F5_GUARDRAILS_LOG_LEVEL", "debug");
        let answer = hook.against(&api).run().allowed().notes(&["field_of_tomorrow[31m"]);
        assert!(!answer.log().contains("known: agent_id"), "{answer:?}");
        let quiet = Hook::of(event).closed().payload(payload).against(&api).run().allowed();
        assert!(!quiet.log().contains("field_of_tomorrow"), "{quiet:?}");
    }
}

#[test]
fn a_payload_over_32_mib_is_drained_and_a_scan_error() {
    // Far enough over it that the rest does not fit a pipe: who stops reading early is found out.
    let padding = "x".repeat(33 << 20);
    everywhere(|event, mode| {
        // Time enough for a busy machine: this is about what is read, not about how fast.
        let payload = event.payload(MARKER).to_string().replace(MARKER, &padding);
        let hook = Hook::of(event).in_mode(mode).arguments(["--timeout", "100"]).stdin(payload);
        unscanned(hook).failed_in(mode).says(&["32 mib"]);
    });
}

#[test]
fn a_payload_that_white_space_pads_over_32_mib_is_not_taken_for_a_shorter_one() {
    for (event, mode, tail) in [
        (Event::PreToolUse, FailMode::Open, ""),
        (Event::PreToolUse, FailMode::Closed, "{}"),
        (Event::Stop, FailMode::Closed, ""),
    ] {
        let mut stdin = event.payload(MARKER).to_string().into_bytes();
        stdin.resize(stdin.len() + (33 << 20), b' ');
        stdin.extend_from_slice(tail.as_bytes());
        unscanned(Hook::of(event).in_mode(mode).stdin(stdin)).failed_in(mode);
    }
}

#[test]
fn an_unknown_event_is_a_scan_error_in_the_shape_of_the_subcommand() {
    everywhere(|event, mode| {
        for name in ["SessionStart", "PreCompact", "preToolUse", "", "EventOfTomorrow"] {
            let payload = with(event, "hook_event_name", Some(json!(name)));
            unscanned(Hook::of(event).in_mode(mode).payload(payload)).failed_in(mode);
        }
    });
}

#[test]
fn the_answer_has_the_shape_of_the_payloads_event_whatever_the_subcommand() {
    for event in Event::ALL {
        for other in Event::ALL {
            if event.subcommand() == other.subcommand() {
                continue;
            }
            let api = F5::answering(Verdict::blocked());
            Hook::of(event)
                .strict()
                .registered_as(other.subcommand())
                .against(&api)
                .run()
                .blocked()
                .notes(&["regist", "subcommand", other.subcommand()]);
            assert_eq!(api.only_scan().metadata("hook"), Some(event.name()));
        }
    }
}

#[test]
fn a_scan_error_too_has_the_shape_of_the_payloads_event() {
    everywhere(|event, mode| {
        for other in Event::ALL {
            let hook = Hook::of(event).in_mode(mode).registered_as(other.subcommand());
            unscanned(hook.without("F5_GUARDRAILS_API_TOKEN")).failed_in(mode);
        }
    });
}

#[test]
fn an_unreadable_field_is_answered_in_the_shape_of_the_payloads_event() {
    for mode in FailMode::ALL {
        let payload = with(Event::UserPromptSubmit, "prompt", None);
        let hook = Hook::user_prompt_submit().in_mode(mode).registered_as("pre-tool-use").payload(payload);
        unscanned(hook).failed_in(mode);
    }
}
