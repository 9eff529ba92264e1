//! What the session's own file says the model is given: scanned with the next prompt or tool, once, and never trusted.

mod doubt;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use f5_stand_in::f5::{F5, Fault, Verdict};
use serde_json::{Value, json};

use crate::support::memory::CodexHome;
use crate::support::{Answer, Event, Hook, MARKER};

/// A user's Codex home with one session's file in it.
struct Session {
    home: CodexHome,
}

impl Session {
    fn new() -> Self {
        let session = Self { home: CodexHome::new() };
        fs::create_dir_all(session.file().parent().expect("a folder")).expect("a folder");
        fs::write(session.file(), "").expect("a file");
        session.append(&json!({"type": "session_meta", "payload": {"base_instructions": {"text": "BASE"}}}));
        session
    }

    fn file(&self) -> PathBuf {
        self.home.path().join("sessions/2026/11/22/rollout-2026-11-22T06-29-18-x.jsonl")
    }

    fn append(&self, record: &Value) {
        let mut file = fs::OpenOptions::new().append(true).open(self.file()).expect("the file");
        writeln!(file, "{record}").expect("written");
    }

    fn item(&self, payload: &Value) {
        self.append(
            &json!({"timestamp": "2026-11-22T06:29:18.000Z", "type": "response_item", "payload": payload}),
        );
    }

    fn agents_md(&self, text: &str) {
        self.item(&json!({"type": "message", "role": "user",
            "content": [{"type": "input_text", "text": format!("# AGENTS.md instructions for /w\n\n{text}")}],
            "internal_chat_message_metadata_passthrough": {"content_item_kinds": ["agents_md.instructions"]}}));
    }

    fn output(&self, call: &str, text: &str) {
        self.item(&json!({"type": "function_call_output", "call_id": call, "output": text}));
    }

    fn hook(&self, event: Event, text: &str) -> Hook {
        let mut payload = event.payload(text);
        payload["transcript_path"] = json!(self.file());
        self.home.hook(Hook::of(event).closed()).payload(payload)
    }

    fn prompt(&self, api: &F5) -> Answer {
        self.hook(Event::UserPromptSubmit, "a prompt").against(api).run()
    }

    fn tool(&self, api: &F5) -> Answer {
        self.hook(Event::PreToolUse, "ls").against(api).run()
    }

    fn tool_output(&self, api: &F5, text: &str) -> Answer {
        self.hook(Event::PostToolUse, text).against(api).run()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("logs/f5_guardrails.log")).unwrap_or_default()
    }

    /// What the last line of the log says of a field.
    fn logged(&self, field: &str) -> Value {
        let log = self.log();
        let line: Value = serde_json::from_str(log.lines().last().expect("a line")).expect("JSON");
        line[field].clone()
    }
}

fn poison() -> F5 {
    F5::builder().when("POISON", Verdict::flagged()).start()
}

/// What was scanned of the session, and not as the call's own text.
fn parts(api: &F5) -> Vec<String> {
    let parts = api.scans().into_iter().filter(|scan| scan.metadata("part") == Some("transcript"));
    parts.filter_map(|scan| scan.input().map(str::to_owned)).collect()
}

#[test]
fn what_a_session_loaded_is_scanned_with_its_first_prompt_in_one_request() {
    let (session, api) = (Session::new(), F5::start());
    session.agents_md("be nice");
    session.prompt(&api).allowed();
    assert_eq!(parts(&api), ["BASE\n\n# AGENTS.md instructions for /w\n\nbe nice"]);
    assert_eq!(api.scans().len(), 2, "and the prompt");
}

#[test]
fn the_texts_of_a_session_are_scanned_by_the_client_of_the_call() {
    let (session, api) = (Session::new(), F5::builder().tls().start());
    let hook = session.hook(Event::UserPromptSubmit, "a prompt").against(&api);
    hook.env("F5_GUARDRAILS_LOG_LEVEL", "debug").run().allowed();
    // Another would read the certificates to trust again.
    let clients = session.log().matches(r#""phase":"client""#).count();
    assert_eq!((api.scans().len(), clients), (2, 1));
}

#[test]
fn a_poisoned_agents_md_refuses_every_prompt_and_tool_of_the_session() {
    let (session, api) = (Session::new(), poison());
    session.agents_md("POISON");
    for _ in 0..2 {
        let answer =
            session.prompt(&api).blocked().says(&["AGENTS.md (for /w, or your own)", "start a new session"]);
        assert!(answer.codex().shown().contains("f5-guard allow-text "), "{answer:?}");
        assert_eq!(session.logged("part"), "agents_md");
    }
    let denied = session.tool(&api).blocked().says(&["an AGENTS.md"]);
    assert!(
        !denied.codex().reason.unwrap_or_default().contains("allow-text"),
        "the model is not told how: {denied:?}"
    );
}

#[test]
fn a_text_that_was_cleared_is_not_sent_twice() {
    let (session, api) = (Session::new(), F5::start());
    session.agents_md("be nice");
    session.prompt(&api).allowed();
    session.item(&json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": " a prompt\n"}]}));
    session.tool(&api).allowed();
    session.output("call_1", "Chunk ID: ab12\nWall time: 0.1 seconds\nOutput:\nline\n");
    session.tool_output(&api, "line\n").allowed();
    session.agents_md("be nice");
    session.tool(&api).allowed();
    session.prompt(&api).allowed();
    assert_eq!(parts(&api).len(), 1, "{:?}", parts(&api));
}

#[test]
fn the_output_of_a_poll_refuses_the_next_tool() {
    let (session, api) = (Session::new(), poison());
    session.prompt(&api).allowed();
    session.item(
        &json!({"type": "function_call", "name": "write_stdin", "call_id": "call_2", "arguments": "{}"}),
    );
    session.output("call_2", "Chunk ID: ab12\nWall time: 0.1 seconds\nOutput:\nPOISON");
    session.tool(&api).blocked().says(&["the output of a tool"]);
    session.prompt(&api).blocked().says(&["the output of write_stdin"]);
}

#[test]
fn a_call_without_text_of_its_own_is_refused_too() {
    let (session, api) = (Session::new(), poison());
    session.agents_md("POISON");
    let mut payload = Event::PreToolUse.payload("");
    payload["transcript_path"] = json!(session.file());
    payload["tool_name"] = json!("mcp__s__t");
    payload["tool_input"] = json!({});
    session.hook(Event::PreToolUse, "").payload(payload).against(&api).run().blocked();
    session.hook(Event::UserPromptSubmit, " ").against(&api).run().blocked();
}

#[test]
fn output_that_was_flagged_and_let_pass_does_not_end_the_session() {
    let (session, api) = (Session::new(), poison());
    session.tool_output(&api, "POISON\n");
    session.output("call_1", "Wall time: 0.1 seconds\nOutput:\nPOISON\n");
    session.tool(&api).allowed();
    session.prompt(&api).allowed();
}

#[test]
fn the_words_of_a_refusal_do_not_end_the_session() {
    let (session, api) = (Session::new(), poison());
    let denied = session.hook(Event::PreToolUse, "echo POISON").against(&api).run().blocked();
    let reason = denied.codex().reason.unwrap_or_default().trim().to_owned();
    let record = format!("Command blocked by PreToolUse hook: {reason}. Command: echo POISON");
    session.output("call_1", &record);
    session.output("call_2", &format!("Script error:\n{record}"));
    session.prompt(&api).allowed();
    session.output("call_3", &format!("{record} POISON"));
    session.prompt(&api).blocked();
}

#[test]
fn an_mcp_result_that_was_cleared_is_not_sent_again() {
    let (session, api) = (Session::new(), F5::start());
    session.prompt(&api).allowed();
    let mut payload = Event::PostToolUse.payload("");
    payload["transcript_path"] = json!(session.file());
    payload["tool_response"] =
        json!({"content": [{"type": "text", "text": "part"}], "structuredContent": {"k": "S"}});
    session.hook(Event::PostToolUse, "").payload(payload).against(&api).run().allowed();
    session.output("call_1", "Wall time: 0.0092 seconds\nOutput:\n{\"k\":\"S\"}");
    session.output("call_2", "part");
    session.tool(&api).allowed();
    assert_eq!(parts(&api).len(), 1);
}

#[test]
fn a_session_without_a_file_is_as_before() {
    let api = F5::start();
    let mut payload = Event::UserPromptSubmit.payload("x");
    payload["transcript_path"] = Value::Null;
    Hook::user_prompt_submit().closed().payload(payload).against(&api).run().allowed();
    assert_eq!(api.scans().len(), 1);
}

#[test]
fn what_can_not_be_read_is_not_scanned() {
    let api = F5::builder().may_stay_idle().start();
    for path in [json!("relative.jsonl"), json!("/dev/zero"), json!("/nowhere/x.jsonl"), json!(7), json!("")]
    {
        for event in [Event::UserPromptSubmit, Event::PreToolUse] {
            let mut payload = event.payload("x");
            payload["transcript_path"] = path.clone();
            Hook::of(event).closed().payload(payload.clone()).against(&api).run().blocked();
            let open = Hook::of(event).open().payload(payload).against(&api).run();
            open.warned().says(&["did NOT scan all that the agent gets"]);
        }
    }
}

#[test]
fn a_line_that_can_not_be_understood_is_not_scanned() {
    let (session, api) = (Session::new(), F5::start());
    let mut file = fs::OpenOptions::new().append(true).open(session.file()).expect("the file");
    file.write_all(b"{\"type\":\"response_item\"}\n").expect("written");
    session.prompt(&api).blocked().says(&["Line 2 of the session's file can't be understood"]);
    assert_eq!(session.logged("cause"), "transcript_format");
}

#[cfg(unix)]
#[test]
fn a_link_a_pipe_and_a_file_that_others_may_write_to_are_not_scanned() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let api = F5::builder().may_stay_idle().start();
    for harm in ["link", "pipe", "mode"] {
        let session = Session::new();
        let elsewhere = session.file().with_extension("elsewhere");
        match harm {
            "mode" => {
                fs::set_permissions(session.file(), fs::Permissions::from_mode(0o666)).expect("the mode")
            }
            _ => fs::rename(session.file(), &elsewhere).expect("renamed"),
        }
        match harm {
            "link" => symlink(&elsewhere, session.file()).expect("a link"),
            "pipe" => {
                let made = std::process::Command::new("mkfifo").arg(session.file()).status().expect("mkfifo");
                assert!(made.success());
            }
            _ => {}
        }
        session.prompt(&api).blocked().says(&["The session's file can't be read"]);
    }
}

#[test]
fn a_file_that_was_changed_behind_its_place_is_scanned_anew() {
    for harm in ["rewritten", "cut", "replaced"] {
        let (session, api) = (Session::new(), poison());
        session.agents_md("harmless");
        session.prompt(&api).allowed();
        let text = fs::read_to_string(session.file()).expect("the file").replace("harmless", "POISON!!");
        match harm {
            "cut" => fs::write(session.file(), text.replace("BASE", "")).expect("written"),
            "replaced" => {
                fs::remove_file(session.file()).expect("removed");
                fs::write(session.file(), text).expect("written");
            }
            _ => fs::write(session.file(), text).expect("written"),
        }
        session.prompt(&api).blocked().says(&["AGENTS.md"]);
    }
}

#[test]
fn notes_that_somebody_made_up_or_copied_clear_nothing() {
    let (session, api) = (Session::new(), poison());
    session.agents_md("harmless");
    session.prompt(&api).allowed();
    let states = session.home.path().join("f5_guardrails/transcripts");
    let state = fs::read_dir(&states).expect("a folder").next().expect("a state").expect("a state").path();
    session.agents_md("POISON");
    session.prompt(&api).blocked();
    let kept = fs::read_to_string(&state).expect("text");
    // The furthest place, put further.
    let last = kept.lines().rfind(|line| line.starts_with("o ")).expect("a place");
    let length = fs::metadata(session.file()).expect("the file").len().to_string();
    let moved: Vec<&str> = last.split(' ').collect();
    let forged = kept.replace(last, &last.replace(moved[1], &length));
    fs::write(&state, forged).expect("written");
    session.prompt(&api).blocked();
    // Another session's notes.
    let mut other = Event::UserPromptSubmit.payload("a prompt");
    other["session_id"] = json!("another");
    other["transcript_path"] = json!(session.file());
    session.hook(Event::UserPromptSubmit, "").payload(other.clone()).against(&api).run().blocked();
    let others = fs::read_dir(&states).expect("a folder").map(|entry| entry.expect("an entry").path());
    for path in others.filter(|path| *path != state) {
        fs::copy(&state, path).expect("copied");
    }
    let before = parts(&api).len();
    session.hook(Event::UserPromptSubmit, "").payload(other).against(&api).run().blocked();
    assert!(parts(&api)[before..].concat().contains("harmless"), "it is scanned again");
}

#[test]
fn lost_notes_and_another_project_are_scanned_anew() {
    let (session, api) = (Session::new(), F5::start());
    session.prompt(&api).allowed();
    session
        .hook(Event::UserPromptSubmit, "x")
        .env("F5_GUARDRAILS_PROJECT_ID", "another")
        .against(&api)
        .run()
        .allowed();
    assert_eq!(parts(&api).len(), 2);
    fs::remove_dir_all(session.home.path().join("f5_guardrails/transcripts")).expect("removed");
    session.prompt(&api).allowed();
    assert_eq!(parts(&api).len(), 3);
}

#[test]
fn a_service_that_fails_on_a_part_is_not_scanned() {
    let (session, api) = (Session::new(), F5::builder().when("SICK", Fault::status(500)).start());
    session.prompt(&api).allowed();
    session.agents_md("SICK");
    session.prompt(&api).blocked().says(&["AGENTS.md (for /w, or your own) (fail mode closed)"]);
}

#[test]
fn of_several_texts_in_one_request_the_flagged_one_is_named() {
    let (session, api) = (Session::new(), poison());
    session.agents_md("harmless");
    session.output("call_1", "POISON");
    session.output("call_2", "more");
    session.prompt(&api).blocked().says(&["the output of a tool"]);
    let before = parts(&api).len();
    session.prompt(&api).blocked();
    assert_eq!(parts(&api)[before..], ["POISON"], "the others were cleared");
}

#[test]
fn texts_that_are_only_flagged_together_are_refused() {
    let together =
        |scan: &f5_stand_in::f5::Request| scan.input().is_some_and(|text| text.contains("HALF\n\nPOISON"));
    let api = F5::builder().when_request(together, Verdict::flagged()).start();
    let session = Session::new();
    session.output("call_1", "HALF");
    session.output("call_2", "POISON");
    session.prompt(&api).blocked();
    session.prompt(&api).blocked();
}

#[test]
fn it_can_be_switched_off_and_a_registration_wins_over_a_variable() {
    for (argument, variable, scans) in [
        (None, "off", 1),
        (None, "on", 2),
        (None, "nonsense", 2),
        (Some("on"), "off", 2),
        (Some("off"), "on", 1),
    ] {
        let (session, api) = (Session::new(), F5::start());
        let hook = session.hook(Event::UserPromptSubmit, "x").env("F5_GUARDRAILS_TRANSCRIPT", variable);
        let arguments = argument.map_or(Vec::new(), |on| vec!["--transcript", on]);
        hook.arguments(arguments).against(&api).run();
        assert_eq!(api.scans().len(), scans, "{argument:?} {variable}");
    }
}

#[test]
fn no_text_of_a_session_is_said_or_logged() {
    let (session, api) = (Session::new(), F5::answering(Verdict::flagged()));
    session.agents_md(MARKER);
    let answer = session.prompt(&api).blocked();
    assert!(!format!("{answer:?}{}", session.log()).contains(MARKER));
}

mod allow_text {
    use super::*;
    use crate::support::{FakeHome, program};

    fn run(session: &Session, arguments: &[&str], more: &[(&str, &str)]) -> crate::support::home::Run {
        let mut home = FakeHome::new();
        home.set("CODEX_HOME", session.home.path());
        for (name, value) in more {
            home.set(*name, *value);
        }
        let mut command = home.command(program());
        crate::support::home::Run::of(command.arg("allow-text").args(arguments), b"")
    }

    fn hash(session: &Session) -> String {
        session.logged("allow_text").as_str().expect("a hash").to_owned()
    }

    #[test]
    fn an_allowed_text_passes_in_every_session_and_no_other_does() {
        let (session, api) = (Session::new(), poison());
        session.agents_md("POISON");
        session.prompt(&api).blocked();
        let hash = hash(&session);
        assert!(run(&session, &[&hash], &[]).succeeds("allowed").contains("Allowed"));
        assert!(session.log().contains("a text was allowed") && session.log().contains(&hash));
        session.prompt(&api).allowed();
        session.agents_md("POISON, another");
        session.prompt(&api).blocked();
        run(&session, &["--remove", &hash], &[]).succeeds("removed");
        let fresh = Session::new();
        fresh.agents_md("POISON");
        fresh.prompt(&api).blocked();
    }

    #[test]
    fn where_a_registration_says_so_it_has_no_effect_and_is_refused() {
        let (session, api) = (Session::new(), poison());
        session.agents_md("POISON");
        session.prompt(&api).blocked();
        let hash = hash(&session);
        run(&session, &[&hash], &[]).succeeds("allowed");
        let hook = session.hook(Event::UserPromptSubmit, "x").arguments(["--allowed-texts", "off"]);
        let answer = hook.against(&api).run().blocked();
        assert!(!answer.codex().shown().contains("allow-text"), "{answer:?}");
    }

    #[test]
    fn a_session_can_not_allow_its_own_texts() {
        let session = Session::new();
        let hash = "0".repeat(32);
        let said = run(&session, &[&hash], &[("CODEX_THREAD_ID", "x")]).refuses();
        assert!(said.contains("in a terminal of your own"), "{said}");
        assert!(run(&session, &["nonsense"], &[]).refuses().contains("32 hexadecimal digits"));
    }

    #[test]
    fn a_made_up_list_of_allowed_texts_has_no_effect() {
        let (session, api) = (Session::new(), poison());
        session.agents_md("POISON");
        session.prompt(&api).blocked();
        let hash = hash(&session);
        run(&session, &[&"0".repeat(32)], &[]).succeeds("allowed");
        let list = session.home.path().join("f5_guardrails/allowed-texts");
        fs::write(&list, format!("{hash} now\n")).expect("written");
        #[cfg(unix)]
        fs::set_permissions(&list, std::os::unix::fs::PermissionsExt::from_mode(0o666)).expect("the mode");
        #[cfg(unix)]
        session.prompt(&api).blocked();
    }
}

mod coverage {
    use super::*;
    use crate::support::home::Run;
    use crate::support::{FakeHome, program};

    impl Session {
        /// A session that is known by the id that the hooks' payloads have.
        fn known() -> Self {
            let session = Self::new();
            let id = Event::UserPromptSubmit.payload("")["session_id"].clone();
            fs::write(session.file(), "").expect("written");
            session.append(&json!({"type": "session_meta", "payload": {"session_id": id}}));
            session
        }

        fn at(&self, time: &str, payload: &Value) {
            self.append(&json!({"timestamp": time, "type": "response_item", "payload": payload}));
        }

        /// The model answers, long after or long before anything was scanned.
        fn answers(&self, time: &str) {
            let content = json!([{"type": "output_text", "text": "x"}]);
            self.at(time, &json!({"type": "message", "role": "assistant", "content": content}));
        }

        fn run(&self, arguments: &[&str]) -> Run {
            let mut home = FakeHome::new();
            home.set("CODEX_HOME", self.home.path());
            Run::of(home.command(program()).args(arguments), b"")
        }

        fn coverage(&self) -> Value {
            self.run(&["coverage", "--json", "--session", "last"]).json()
        }
    }

    const LATER: &str = "2099-01-01T00:00:00.000Z";
    const EARLIER: &str = "2001-01-01T00:00:00.000Z";

    fn counts(coverage: &Value) -> [u64; 4] {
        ["texts", "before", "later", "never"].map(|name| coverage[name].as_u64().expect("a number"))
    }

    #[test]
    fn what_was_scanned_before_the_model_later_and_never_is_told_apart() {
        let (session, api) = (Session::known(), F5::start());
        session.agents_md("be nice");
        session.prompt(&api).allowed();
        session.answers(LATER);
        session.tool_output(&api, "out").allowed();
        session.output("call_1", "Wall time: 0.1 seconds\nOutput:\nout");
        let poll =
            json!({"type": "function_call", "name": "write_stdin", "call_id": "call_2", "arguments": "{}"});
        session.at(EARLIER, &poll);
        session.output("call_2", "polled");
        session.answers(EARLIER);
        session.tool(&api).allowed();
        session.output("call_3", "nobody looked");
        session.answers(LATER);
        session.output("call_4", "the model was not given it yet");
        let coverage = session.coverage();
        assert_eq!(counts(&coverage), [4, 2, 1, 1], "{coverage:#}");
        assert_eq!(coverage["percent"], 50.0);
        let reasons: Vec<&str> = coverage["reasons"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|r| r["reason"].as_str())
            .collect();
        assert!(reasons.contains(&"write_stdin: Codex calls no hook"), "{reasons:?}");
    }

    #[test]
    fn a_session_without_hooks_is_covered_by_nothing() {
        let session = Session::known();
        session.agents_md("be nice");
        session.answers(LATER);
        let coverage = session.coverage();
        assert_eq!(counts(&coverage), [1, 0, 0, 1]);
        assert!(
            coverage["reasons"][0]["reason"].as_str().expect("words").contains("before the installation")
        );
    }

    #[test]
    fn less_than_what_is_required_is_an_error() {
        let (session, api) = (Session::known(), F5::start());
        session.agents_md("be nice");
        session.prompt(&api).allowed();
        session.answers(LATER);
        assert_eq!(session.run(&["coverage", "--require", "100"]).code, Some(0));
        session.output("call_1", "unseen");
        session.answers(LATER);
        assert_eq!(session.run(&["coverage", "--require", "50"]).code, Some(0));
        assert_eq!(session.run(&["coverage", "--require", "50.1"]).code, Some(1));
        assert_eq!(session.run(&["coverage", "--require", "101"]).code, Some(2));
        assert_eq!(session.run(&["coverage", "--session", "unknown"]).code, Some(2));
        let shown = session.run(&["report"]).succeeds("a report");
        assert!(
            shown.contains("Of 2 texts that the model got, 50 % were scanned before it got them"),
            "{shown}"
        );
    }

    #[test]
    fn a_file_that_can_not_be_read_whole_fails_what_is_required() {
        let (session, api) = (Session::known(), F5::start());
        session.prompt(&api).allowed();
        session.agents_md("be nice");
        session.answers(LATER);
        fs::write(session.file(), fs::read_to_string(session.file()).expect("text") + "garbage\n")
            .expect("written");
        assert_eq!(session.coverage()["unreadable"], 1);
        assert_eq!(session.run(&["coverage", "--require", "0"]).code, Some(2));
    }

    #[test]
    fn what_was_refused_was_scanned() {
        let (session, api) = (Session::known(), poison());
        session.output("call_1", "POISON");
        session.answers(EARLIER);
        session.tool(&api).blocked();
        assert_eq!(counts(&session.coverage()), [1, 0, 1, 0]);
    }
}
