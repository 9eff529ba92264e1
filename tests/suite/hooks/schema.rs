//! The documented schema of the log, held against lines of real calls of every kind.

use f5_stand_in::f5::{F5, Fault, Outcome, Reply, Scanner, Verdict};
use regex_lite::Regex;
use serde_json::Value;

use crate::support::{Event, Hook};

fn schema() -> Value {
    let text = include_str!("../../../docs/log.schema.json");
    serde_json::from_str(text).expect("the schema is JSON")
}

/// Checks what the schema uses of JSON Schema, and more strictly: what it does not name is not there.
fn check(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    const KNOWN: [&str; 12] = [
        "$schema",
        "title",
        "description",
        "type",
        "required",
        "properties",
        "pattern",
        "enum",
        "maxLength",
        "items",
        "maxItems",
        "minimum",
    ];
    let rules = schema.as_object().ok_or("a schema is an object")?;
    if let Some(unknown) = rules.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(format!("{at}: this check knows no {unknown}"));
    }
    let fail = |why: &str| Err(format!("{at}: {why}: {value}"));
    let is_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64() || value.is_i64(),
        other => return Err(format!("{at}: this check knows no type {other:?}")),
    };
    if !is_type {
        return fail("wrong type");
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return fail("not one of the words");
    }
    if schema["pattern"].as_str().is_some_and(|p| !Regex::new(p).unwrap().is_match(value.as_str().unwrap())) {
        return fail("not of the pattern");
    }
    let length = value.as_str().map(|text| text.chars().count() as u64);
    if schema["maxLength"].as_u64().is_some_and(|most| length > Some(most)) {
        return fail("too long");
    }
    if schema["minimum"].as_i64().is_some_and(|least| value.as_i64() < Some(least)) {
        return fail("too small");
    }
    if schema["maxItems"].as_u64().is_some_and(|most| value.as_array().unwrap().len() as u64 > most) {
        return fail("too many");
    }
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        check(&schema["items"], item, &format!("{at}[{number}]"))?;
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            return fail(&format!("without {name}"));
        }
    }
    for (name, field) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(name) {
            Some(rules) => check(rules, field, &format!("{at}.{name}"))?,
            None => return fail(&format!("{name} is not documented")),
        }
    }
    Ok(())
}

/// The decision lines of a run, after a check.
#[track_caller]
fn valid(log: &str) -> Vec<Value> {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let lines: Vec<Value> = lines.filter(|line| line["message"] == "decision").collect();
    let schema = schema();
    for line in &lines {
        check(&schema, line, "line").unwrap_or_else(|problem| panic!("{problem}\n{line}"));
    }
    lines
}

/// Answers of every kind that the log has a word for.
fn replies() -> Vec<Reply> {
    let many =
        (0..30).map(|number| Scanner::failed(&format!("custom_{number}")).message("\u{1b}\"Ask\" the SOC"));
    vec![
        Verdict::cleared().into(),
        Verdict::cleared().without_id().into(),
        Verdict::flagged().into(),
        Verdict::blocked().into(),
        Verdict::redacted("x").into(),
        Verdict::unknown("perhaps").into(),
        Verdict::new(Outcome::Flagged).scanners(many).into(),
        Verdict::new(Outcome::Cleared).scanner(Scanner::failed("regex")).into(),
        Verdict::new(Outcome::Flagged).outcome_only().into(),
        Fault::status(401).into(),
        Fault::status(422).into(),
        Fault::status(500).into(),
    ]
}

#[test]
fn the_lines_of_every_kind_of_call_are_as_the_schema_says() {
    let mut fields = std::collections::BTreeSet::new();
    let mut note = |lines: Vec<Value>| {
        assert_eq!(lines.len(), 1, "{lines:?}");
        let names = lines.iter().filter_map(Value::as_object).flatten().map(|(name, _)| name.clone());
        fields.extend(names);
    };
    for (number, reply) in replies().into_iter().enumerate() {
        for event in [Event::ALL[number % 5], Event::PostToolUse] {
            let api = F5::answering(reply.clone());
            let hook =
                Hook::of(event).arguments(["--fail-mode", "closed", "--contact", "the SOC"]).against(&api);
            note(valid(&hook.run().log()));
        }
    }
    for enforcement in ["project", "observe"] {
        for verdict in [Verdict::flagged(), Verdict::redacted("secret"), Verdict::blocked()] {
            for event in Event::ALL {
                let api = F5::answering(verdict.clone());
                let hook = Hook::of(event).arguments(["--enforcement", enforcement]).text("the secret of it");
                note(valid(&hook.against(&api).run().log()));
            }
        }
    }
    note(valid(&Hook::stop().text(" ").run().log()));
    note(valid(&Hook::stop().stdin("{").run().log()));
    note(valid(&Hook::stop().arguments(["--nonsense"]).run().log()));
    let long = Verdict::new(Outcome::Flagged).id("x").scanner(Scanner::failed("regex"));
    let api = F5::answering(long);
    let pieces = Hook::stop().text(&"word ".repeat(20_000)).env("F5_GUARDRAILS_MAX_SCAN_LENGTH", "1000");
    note(valid(&pieces.against(&api).run().log()));
    let hook = Hook::user_prompt_submit();
    let record = serde_json::json!({"type": "compacted", "payload": {"message": "a text of the session"}});
    let mut payload = Event::UserPromptSubmit.payload("x");
    payload["transcript_path"] = hook.file(".codex/x.jsonl", format!("{record}\n")).to_string_lossy().into();
    let api = F5::builder().when("of the session", Verdict::flagged()).start();
    note(valid(&hook.payload(payload).against(&api).run().log()));
    // A long text whose pieces end at the same moment has more ids than are listed; that is left to chance.
    let documented: std::collections::BTreeSet<String> =
        schema()["properties"].as_object().expect("properties").keys().cloned().collect();
    let rare = ["more_scan_ids"].map(str::to_owned).into();
    let unseen: Vec<_> = documented
        .difference(&fields)
        .filter(|name| !std::collections::BTreeSet::contains(&rare, *name))
        .collect();
    assert!(unseen.is_empty(), "documented, and never written: {unseen:?}");
}

#[test]
fn every_documented_field_has_a_row_in_the_documents_table() {
    let page = include_str!("../../../docs/log.md");
    for name in schema()["properties"].as_object().expect("properties").keys() {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_line_that_is_shown_is_as_documented() {
    let page = include_str!("../../../docs/log.md");
    let (_, rest) = page.split_once("```json").expect("an example");
    let line = serde_json::from_str(rest.split("```").next().expect("its end")).expect("JSON");
    check(&schema(), &line, "docs/log.md").unwrap_or_else(|problem| panic!("{problem}"));
}

#[test]
fn a_line_that_is_not_as_documented_is_noticed() {
    let api = F5::start();
    let good = valid(&Hook::stop().against(&api).run().log()).remove(0);
    let with = |name: &str, value: Value| {
        let mut line = good.clone();
        line[name] = value;
        check(&schema(), &line, "line")
    };
    assert!(with("event", "SessionStart".into()).is_err());
    assert!(with("duration_ms", (-1).into()).is_err());
    assert!(with("duration_ms", "1".into()).is_err());
    assert!(with("hmac_sha256", "abc".into()).is_err());
    assert!(with("content", "x".into()).is_err());
    assert!(with("scan_ids", vec!["x"; 11].into()).is_err());
    assert!(with("scanners", serde_json::json!([{}])).is_err());
    assert!(with("tool", "Bash".into()).is_ok());
}
