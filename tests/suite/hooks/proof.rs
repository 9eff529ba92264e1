//! The message of `f5-guard doctor`: a hook lets exactly that one pass or blocks it, and scans everything else as ever.

use f5_guard::internals::proof::{Message, Moment, Nonce, NonceFile, Pending};
use f5_stand_in::f5::{F5, Fault, TOKEN, Verdict};
use serde_json::{Value, json};

use crate::support::{Answer, Event, Hook};

const TARGETS: [Event; 4] = [Event::UserPromptSubmit, Event::PreToolUse, Event::PostToolUse, Event::Stop];

/// A message for an event, of which nobody knows yet.
fn message(target: Event) -> Message {
    let target = Message::TARGETS.into_iter().find(|event| event.name() == target.name()).expect("a target");
    Message { target, nonce: Nonce::random().expect("random numbers") }
}

fn text(event: Event, message: Message) -> String {
    if event == Event::PreToolUse { message.command() } else { message.sentence() }
}

/// Runs the hook of `event` with the message in its payload, while `pending` is the one that counts.
fn run(hook: Hook, event: Event, message: Message, pending: Option<(Message, bool)>) -> Answer {
    let file = NonceFile::of(&hook.home().join(".codex"));
    let _written = pending.map(|(message, greets)| {
        let written = Moment::now().expect("a clock");
        file.write(&Pending { message, greets, written }).expect("the home can be written to")
    });
    hook.text(&text(event, message)).run()
}

/// The report in an answer that blocks.
fn report(answer: &Answer) -> Value {
    let shown = answer.codex().shown();
    let (_, json) = shown.split_once("f5-guard proof: ").unwrap_or_else(|| panic!("no report: {answer:?}"));
    serde_json::Deserializer::from_str(json).into_iter().next().expect("a value").expect("JSON")
}

fn setting(report: &Value, name: &str) -> Value {
    let rows = report["settings"].as_array().expect("settings");
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name}: {report}")).clone()
}

/// The way of each message: the events before its own.
fn way(target: Event) -> Vec<Event> {
    match target {
        Event::UserPromptSubmit => vec![],
        Event::PostToolUse => vec![Event::UserPromptSubmit, Event::PreToolUse],
        _ => vec![Event::UserPromptSubmit],
    }
}

#[test]
fn a_pending_message_goes_its_way_unscanned_and_is_blocked_at_its_end() {
    for target in TARGETS {
        for event in way(target) {
            let api = F5::builder().never_called().start();
            let sent = message(target);
            run(Hook::of(event).closed().against(&api), event, sent, Some((sent, false))).allowed();
        }
        let api = F5::builder().never_called().start();
        let sent = message(target);
        let answer = run(Hook::of(target).closed().strict().against(&api), target, sent, Some((sent, false)))
            .blocked();
        let report = report(&answer);
        assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(setting(&report, "fail mode")["value"], "closed");
        assert_eq!(setting(&report, "base URL")["value"], format!("{}/", api.base_url()));
        assert_eq!(setting(&report, "API token")["source"], "F5_GUARDRAILS_API_TOKEN");
        assert_eq!(report["greeting"], Value::Null);
    }
}

#[test]
fn the_message_is_blocked_whoever_decides_on_hits() {
    for (enforcement, strict) in [("observe", true), ("project", false)] {
        for target in TARGETS {
            let api = F5::builder().never_called().start();
            let sent = message(target);
            let hook = Hook::of(target).arguments(["--enforcement", enforcement]).against(&api);
            let hook = if strict { hook.strict() } else { hook };
            let answer = run(hook, target, sent, Some((sent, false))).blocked();
            assert_eq!(setting(&report(&answer), "enforcement")["value"], enforcement);
        }
    }
}

#[test]
fn output_that_would_only_be_warned_about_is_warned_about() {
    let sent = message(Event::PostToolUse);
    let answer = run(Hook::post_tool_use(), Event::PostToolUse, sent, Some((sent, false))).warned();
    assert_eq!(setting(&report(&answer), "flagged tool output")["value"], "warn");
}

#[test]
fn a_message_that_is_not_pending_is_scanned_at_every_event() {
    for target in TARGETS {
        for event in Event::ALL {
            let (sent, other) = (message(target), message(target));
            for pending in [None, Some((other, false))] {
                let api = F5::builder().always(Verdict::flagged()).start();
                run(Hook::of(event).strict().against(&api), event, sent, pending).blocked();
                assert_eq!(api.inputs(), [text(event, sent)], "{event:?} for {target:?}");
            }
        }
    }
}

#[test]
fn a_message_beyond_its_end_is_scanned() {
    for (target, event) in [
        (Event::UserPromptSubmit, Event::PreToolUse),
        (Event::UserPromptSubmit, Event::Stop),
        (Event::PreToolUse, Event::PostToolUse),
        (Event::PreToolUse, Event::Stop),
        (Event::PostToolUse, Event::SubagentStop),
        (Event::Stop, Event::SubagentStop),
    ] {
        let api = F5::builder().always(Verdict::flagged()).start();
        let sent = message(target);
        run(Hook::of(event).strict().against(&api), event, sent, Some((sent, false))).blocked();
        assert_eq!(api.inputs().len(), 1, "{event:?} for {target:?}");
    }
}

#[test]
fn ordinary_texts_are_scanned_while_a_message_is_pending() {
    let home = tempfile::TempDir::new().expect("a folder");
    let sent = message(Event::PostToolUse);
    let written = Moment::now().expect("a clock");
    let _written = NonceFile::of(home.path()).write(&Pending { message: sent, greets: false, written });
    let api = F5::builder().always(Verdict::flagged()).start();
    let near = [
        format!("{} ", sent.sentence()),
        format!("{}\n", sent.sentence()),
        format!(" {}", sent.sentence()),
        format!("{}; id", sent.command()),
        format!("{0}{0}", sent.sentence()),
        sent.sentence().to_uppercase(),
        "an ordinary text".to_owned(),
    ];
    std::thread::scope(|scope| {
        for event in Event::ALL {
            for text in &near {
                let (api, home) = (&api, home.path());
                scope.spawn(move || {
                    Hook::of(event).strict().against(api).env("CODEX_HOME", home).text(text).run().blocked();
                });
            }
        }
    });
    assert_eq!(api.inputs().len(), near.len() * Event::ALL.len());
}

#[test]
fn another_tools_call_that_reads_the_same_is_scanned() {
    let sent = message(Event::PostToolUse);
    for (event, payload) in [
        (Event::PreToolUse, json!({"tool_name": "mcp__a__b", "tool_input": sent.command()})),
        (Event::PreToolUse, json!({"tool_name": "apply_patch", "tool_input": {"command": sent.command()}})),
        (
            Event::PreToolUse,
            json!({"tool_name": "Bash", "tool_input": {"command": sent.command(), "workdir": "/"}}),
        ),
        (Event::PostToolUse, json!({"tool_name": "mcp__a__b", "tool_response": sent.sentence()})),
    ] {
        let api = F5::builder().always(Verdict::flagged()).start();
        let hook = Hook::of(event).strict().against(&api);
        let file = NonceFile::of(&hook.home().join(".codex"));
        let written = Moment::now().expect("a clock");
        let _written = file.write(&Pending { message: sent, greets: false, written }).expect("written");
        let mut whole = event.payload("");
        for (key, value) in payload.as_object().expect("an object") {
            whole[key] = value.clone();
        }
        hook.payload(whole).run().blocked();
        assert_eq!(api.inputs().len(), 1, "{payload}");
    }
}

#[test]
fn an_unusable_command_line_lets_no_message_pass() {
    let sent = message(Event::Stop);
    let event = Event::UserPromptSubmit;
    let hook = Hook::of(event).closed().arguments(["--nonsense"]);
    let answer = run(hook, event, sent, Some((sent, false))).blocked();
    assert!(!answer.codex().shown().contains("proof"), "{answer:?}");
}

#[test]
fn the_report_has_the_hooks_flags_and_no_secret() {
    let sent = message(Event::UserPromptSubmit);
    let hook = Hook::user_prompt_submit()
        .arguments(["--fail-mode", "closed", "--base-url", "https://ann:hunter2@h.example"])
        .env("HTTPS_PROXY", "http://jdoe:Winter2026@127.0.0.1:3128");
    let answer = run(hook, Event::UserPromptSubmit, sent, Some((sent, false))).blocked();
    let report = report(&answer);
    assert_eq!(setting(&report, "fail mode")["source"], "--fail-mode");
    assert!(report["flags"].as_array().expect("flags").iter().any(|flag| flag == "--fail-mode"), "{report}");
    for secret in [TOKEN, "hunter2", "Winter", "jdoe"] {
        assert!(!format!("{answer:?}").contains(secret), "{secret}: {answer:?}");
    }
}

#[test]
fn a_report_arrives_whole_however_long_the_settings_are() {
    let sent = message(Event::UserPromptSubmit);
    let root = if cfg!(windows) { "C:/" } else { "/" };
    let folders = (0..60).map(|number| format!("{root}{}/{number}", "folder".repeat(40)));
    let folders = std::env::join_paths(folders).expect("plain paths");
    let hook = Hook::user_prompt_submit().closed().env("SSL_CERT_DIR", folders);
    let answer = run(hook, Event::UserPromptSubmit, sent, Some((sent, false))).blocked();
    assert_eq!(setting(&report(&answer), "fail mode")["value"], "closed");
}

#[test]
fn a_greeting_is_scanned_with_the_hooks_settings_where_one_is_asked_for() {
    for (reply, result) in [
        (f5_stand_in::f5::Reply::from(Verdict::cleared()), "cleared"),
        (Verdict::flagged().into(), "objected"),
        (Fault::status(401).into(), "failed"),
    ] {
        let api = F5::builder().always(reply).start();
        let sent = message(Event::UserPromptSubmit);
        let event = Event::UserPromptSubmit;
        let answer = run(Hook::of(event).against(&api), event, sent, Some((sent, true))).blocked();
        let report = report(&answer);
        assert!(report["greeting"].get(result).is_some(), "{report}");
        assert_eq!(api.inputs(), ["Hello, this is a test prompt."]);
    }
}
