use proptest::prelude::*;

use super::*;

fn prompt(json: &str) -> Result<String, PayloadError> {
    parse(json.as_bytes()).map(|payload| payload.content.as_str().to_owned())
}

#[test]
fn a_bom_and_invalid_utf8_are_read_leniently() {
    let mut bytes = b"\xEF\xBB\xBF{\"hook_event_name\":\"UserPromptSubmit\",\"prompt\":\"a".to_vec();
    bytes.extend_from_slice(b"\xFF\"}");
    assert_eq!(parse(&bytes).unwrap().content.as_str(), "a\u{FFFD}");
}

#[test]
fn a_nul_becomes_a_replacement_character() {
    assert_eq!(
        prompt(r#"{"hook_event_name":"UserPromptSubmit","prompt":"a\u0000b"}"#).unwrap(),
        "a\u{FFFD}b"
    );
}

#[test]
fn a_lone_surrogate_does_not_make_a_payload_unreadable() {
    let json = r#"{"hook_event_name":"UserPromptSubmit","\ud800":1,"prompt":"\ud800x"}"#;
    assert_eq!(prompt(json).unwrap(), "\u{FFFD}x");
}

#[test]
fn a_field_that_is_there_twice_is_unreadable() {
    let json = r#"{"hook_event_name":"UserPromptSubmit","prompt":"EVIL","prompt":" "}"#;
    assert_eq!(prompt(json), Err(PayloadError::Field("prompt")));
}

#[test]
fn deep_nesting_and_numbers_that_pose_as_serde_internals_are_read() {
    let deep = format!("{}\"x\"{}", "[".repeat(5000), "]".repeat(5000));
    let json =
        format!(r#"{{"hook_event_name":"PostToolUse","tool_name":"mcp__a__b","tool_response":{deep}}}"#);
    assert_eq!(prompt(&json).unwrap(), "x");
    let json = r#"{"hook_event_name":"PostToolUse","tool_name":"t","tool_response":{"$serde_json::private::Number":"x"}}"#;
    assert_eq!(prompt(json).unwrap(), "$serde_json::private::Number: x");
}

#[test]
fn a_missing_or_mistyped_field_is_unreadable_and_not_blank() {
    for (json, field) in [
        (r#"{"prompt":"x"}"#, "hook_event_name"),
        (r#"{"hook_event_name":7}"#, "hook_event_name"),
        (r#"{"hook_event_name":"UserPromptSubmit"}"#, "prompt"),
        (r#"{"hook_event_name":"UserPromptSubmit","prompt":null}"#, "prompt"),
        (r#"{"hook_event_name":"PreToolUse","tool_input":{}}"#, "tool_name"),
        (r#"{"hook_event_name":"PreToolUse","tool_name":"Bash"}"#, "tool_input"),
        (r#"{"hook_event_name":"PreToolUse","tool_name":"mcp__a__b","tool_input":null}"#, "tool_input"),
        (
            r#"{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{},"command":"x"}"#,
            "tool_input",
        ),
        (r#"{"hook_event_name":"PreToolUse","tool_name":"t","tool_input":{},"tool_input":{}}"#, "tool_input"),
        (r#"{"hook_event_name":"PostToolUse","tool_name":"Bash","tool_output":"x"}"#, "tool_response"),
        (r#"{"hook_event_name":"PostToolUse","tool_name":"Bash","tool_response":null}"#, "tool_response"),
        (
            r#"{"hook_event_name":"Stop","last_assistant_message":null,"last_assistant_message":null}"#,
            "last_assistant_message",
        ),
        (r#"{"hook_event_name":"Stop"}"#, "last_assistant_message"),
        (r#"{"hook_event_name":"SubagentStop","last_assistant_message":["x"]}"#, "last_assistant_message"),
    ] {
        assert_eq!(prompt(json), Err(PayloadError::Field(field)), "{json}");
    }
}

#[test]
fn a_null_final_message_is_blank() {
    assert_eq!(prompt(r#"{"hook_event_name":"Stop","last_assistant_message":null}"#).unwrap(), "");
}

#[test]
fn only_ascii_white_space_is_blank() {
    let is_blank = |prompt: &str| {
        let json = serde_json::json!({"hook_event_name": "UserPromptSubmit", "prompt": prompt});
        parse(json.to_string().as_bytes()).unwrap().is_blank()
    };
    assert!(is_blank("") && is_blank(" \t\r\n\u{C}"));
    for text in
        ["\u{a0}", "\u{200b}", "\u{3000}", "\u{feff}", "\0", "\u{1}", "\u{85}", "\u{2028}", " \u{e0041} "]
    {
        assert!(!is_blank(text), "{text:?}");
    }
}

#[test]
fn unknown_fields_are_named_in_a_bounded_and_printable_way() {
    let payload =
        parse(br#"{"hook_event_name":"Stop","last_assistant_message":"x","turn_id":1,"a\u001b[31m":"EVIL"}"#)
            .unwrap();
    assert_eq!(payload.unknown_fields, ["a[31m"]);
    let many: String = (0..50).map(|n| format!(r#""{}{n}":[{{}}],"#, "n".repeat(300))).collect();
    let json = format!(r#"{{{many}"hook_event_name":"UserPromptSubmit","prompt":"x"}}"#);
    let unknown = parse(json.as_bytes()).unwrap().unknown_fields;
    assert_eq!(unknown.len(), MAX_UNKNOWN + 1);
    assert_eq!(unknown.last().map(String::as_str), Some("and 42 more"));
    assert!(unknown.iter().all(|name| name.chars().count() <= MAX_NAME + 1));
}

#[test]
fn what_is_no_object_is_refused() {
    assert_eq!(prompt(""), Err(PayloadError::Empty));
    assert_eq!(prompt(" \n"), Err(PayloadError::Empty));
    for json in ["[]", "null", "{", "{}x", "nonsense"] {
        assert_eq!(prompt(json), Err(PayloadError::NotJson), "{json}");
    }
    assert_eq!(prompt(r#"{"hook_event_name":"SessionStart"}"#), Err(PayloadError::UnknownEvent));
}

#[test]
fn a_payload_over_the_limit_is_refused_even_where_it_could_be_parsed() {
    let mut json = br#"{"hook_event_name":"UserPromptSubmit","prompt":"x"}"#.to_vec();
    json.resize(MAX_PAYLOAD, b' ');
    assert!(parse(&json).is_ok());
    json.push(b' ');
    assert_eq!(parse(&json), Err(PayloadError::TooLarge));
}

#[test]
fn the_event_of_a_cut_off_payload_is_still_known() {
    let cut = br#"{"session_id":"s","x":[1,{"y":2}],"hook_event_name":"PostToolUse","tool_response":"aaa"#;
    assert_eq!(salvage_event(cut), Some(Event::PostToolUse));
    assert_eq!(salvage_event(br#"{"x":{"hook_event_name":"Stop"},"prompt":"hook_event_name"#), None);
    assert_eq!(salvage_event(b"[]"), None);
}

#[test]
fn half_a_character_in_a_name_does_not_hide_the_event() {
    for name in [r"\ud800", r"\udc00x", r"a\ud83d\ud83d", r"\u0000"] {
        let cut = format!(r#"{{"{name}":"{name}","hook_event_name":"Stop","last_assistant_message":"aaa"#);
        assert_eq!(salvage_event(cut.as_bytes()), Some(Event::Stop), "{name}");
    }
}

#[test]
fn what_is_not_whole_or_names_an_event_may_be_a_payload() {
    let may_be = |text: &str, is_whole| may_be_one(text.as_bytes(), is_whole);
    for text in ["{", "\u{feff} {\"a\"", "{\"hook_event_name\":\"PreToo", "{}"] {
        assert!(may_be(text, false), "{text}");
    }
    assert!(may_be(" \n", false), "an object may follow");
    for text in
        ["{", "{} {}", "{\"a\":", "{\"hook_event_name\":7}", "{\"hook_event_name\":1,\"hook_event_name\":2}"]
    {
        assert!(may_be(text, true), "{text}");
    }
    for text in ["", " \n", "{}", "{\"a\":{\"hook_event_name\":\"Stop\"}}", "[1]", "text", "\"{\""] {
        assert!(!may_be(text, true), "{text}");
    }
    assert!(!may_be("", false) && !may_be("text", false));
}

#[test]
fn numbers_reach_the_scanner_as_they_are_written() {
    let json = r#"{"hook_event_name":"PreToolUse","tool_name":"mcp__a__b","tool_input":{"card":41111111111111111111111,"x":1e400}}"#;
    assert_eq!(prompt(json).unwrap(), "card: 41111111111111111111111\nx: 1e400");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
        let _ = salvage_event(&bytes);
        let _ = may_be_one(&bytes, true);
    }

    #[test]
    fn any_escapes_are_mended_without_a_panic(parts in proptest::collection::vec(
        prop_oneof![Just("\\ud83d"), Just("\\ude00"), Just("\\"), Just("\\\\"), Just("x"), Just("\""), Just("é"), Just("\\u00")], 0..20)) {
        let body = parts.concat();
        let json = format!(r#"{{"hook_event_name":"UserPromptSubmit","prompt":"{body}"}}"#);
        let _ = parse(json.as_bytes());
    }

    #[test]
    fn any_prompt_is_scanned_as_it_is(text in any::<String>()) {
        let json = serde_json::json!({"hook_event_name": "UserPromptSubmit", "prompt": text}).to_string();
        prop_assert_eq!(prompt(&json).unwrap(), text.replace('\0', "\u{FFFD}"));
    }
}
