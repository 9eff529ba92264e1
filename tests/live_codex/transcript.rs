//! What no hook hands over, and what the session's own file says of it: the model is not called with it again.

use crate::codex::report;
use crate::stage::Stage;
use f5_stand_in::f5::{F5, Verdict};
use f5_stand_in::mcp::{Mcp, Offer};
use f5_stand_in::model::{Item, Model};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

fn poison() -> F5 {
    F5::builder().when("POISON", Verdict::flagged()).tls().start()
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("written");
}

/// A stage for each kind of model.
fn stages(new: impl Fn() -> Stage) -> [(&'static str, Stage); 2] {
    [("classic", new()), ("code mode", new().in_code_mode())]
}

/// Where a file is on a stage.
type Place = fn(&Stage) -> PathBuf;

/// A command that prints a word that is not in it.
const PRINTS: &str = "printf 'POI%s' SON";

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_poisoned_file_of_instructions_never_reaches_the_model() {
    let skill = "---\nname: s\ndescription: POISON\n---\nbody\n";
    let files: [(&str, Place, &str); 5] = [
        ("the root's AGENTS.md", |stage| stage.file("AGENTS.md"), "POISON\n"),
        ("a sub-folder's AGENTS.md", |stage| stage.file("sub/AGENTS.md"), "POISON\n"),
        ("the home's AGENTS.md", |stage| stage.home().join("AGENTS.md"), "POISON\n"),
        ("a repository's skill", |stage| stage.file(".agents/skills/s/SKILL.md"), skill),
        ("a skill of the home", |stage| stage.home().join("skills/s/SKILL.md"), skill),
    ];
    for (name, path, text) in files {
        for (model, stage) in stages(|| Stage::new(poison(), [vec![Item::message("Done.")]])) {
            fs::create_dir_all(stage.file(".git")).expect("a repository");
            fs::create_dir_all(stage.file("sub")).expect("a folder");
            write(&path(&stage), text);
            let seen = stage.exec_in(&stage.file("sub"), &[], "Please look");
            assert_eq!(seen.hook("UserPromptSubmit"), "Blocked", "{name}, {model}");
            assert_eq!(stage.model.calls(), 0, "{name}, {model}");
            report(&format!("{name}, {model}"), "the first prompt was refused; the model was never called");
        }
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn poisoned_developer_instructions_never_reach_the_model() {
    for (model, stage) in stages(|| Stage::new(poison(), [vec![Item::message("Done.")]])) {
        let seen = stage.exec_in(stage.work(), &["-c", "developer_instructions=POISON"], "Please look");
        assert_eq!(seen.hook("UserPromptSubmit"), "Blocked", "{model}");
        assert_eq!(stage.model.calls(), 0, "{model}");
        report(&format!("developer instructions, {model}"), "the first prompt was refused");
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn the_output_of_a_users_command_refuses_the_next_prompt() {
    for (model, stage) in
        stages(|| Stage::new(poison(), [vec![Item::message("One.")], vec![Item::message("Two.")]]))
    {
        let hooks = stage.app_session(|session| {
            session.turn("Please look");
            session.shell_command(PRINTS);
            session.turn("What did it print?");
            session.turn("And now?");
        });
        let prompts: Vec<&str> = hooks
            .iter()
            .filter(|hook| hook.event == "userPromptSubmit")
            .map(|hook| hook.status.as_str())
            .collect();
        assert_eq!(prompts, ["completed", "blocked", "blocked"], "{model}");
        assert!(!stage.model.was_given("POISON"), "{model}");
        assert_eq!(stage.model.calls(), 1, "{model}");
        let said = hooks.iter().find(|hook| hook.status == "blocked").expect("one was blocked");
        assert!(said.text("feedback").contains("the output of a `!` command"), "{said:?}");
        report(
            &format!("`!` command, app server, {model}"),
            "the next prompt was refused, and the one after it",
        );
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn the_early_part_of_a_command_refuses_the_next_tool_and_prompt() {
    let early = format!("{PRINTS}; sleep 1");
    let classic = [
        vec![Item::function("exec_command", json!({"cmd": early, "yield_time_ms": 300}))],
        vec![Item::exec("touch marker")],
        vec![Item::message("Done.")],
    ];
    let script = format!(
        "const r = await tools.exec_command({{cmd: {early:?}, yield_time_ms: 300}}); text(r.output);"
    );
    let code = [
        vec![Item::script(script)],
        vec![Item::script("await tools.exec_command({cmd: 'touch marker'});")],
        vec![Item::message("Done.")],
    ];
    let stages = [
        ("classic", Stage::new(poison(), classic)),
        ("code mode", Stage::new(poison(), code).in_code_mode()),
    ];
    for (model, stage) in stages {
        let hooks = stage.app_session(|session| {
            session.turn("Please do it");
            session.turn("Go on");
        });
        let of = |event: &str| -> Vec<String> {
            let hooks = hooks.iter().filter(|hook| hook.event == event);
            hooks.map(|hook| hook.status.clone()).collect()
        };
        assert_eq!(of("preToolUse"), ["completed", "blocked"], "{model}");
        assert_eq!(of("userPromptSubmit"), ["completed", "blocked"], "{model}");
        assert!(!stage.file("marker").exists(), "nothing may act on it: {model}");
        report(
            &format!("early part of a command, {model}"),
            "the model got it once; the next tool and the next prompt were refused",
        );
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_failed_mcp_call_refuses_the_next_tool() {
    let failed = json!({ "content": [{ "type": "text", "text": "POISON" }], "isError": true });
    let server = || Mcp::offering(Offer::default().tool("lookup", failed.clone()));
    let classic = [
        vec![Item::mcp("stand_in", "lookup", json!({}))],
        vec![Item::exec("touch marker")],
        vec![Item::message("Done.")],
    ];
    let code = [
        vec![Item::script(
            "try { text(JSON.stringify(await tools.mcp__stand_in__lookup({}))); } catch (e) { text(`${e}`); }",
        )],
        vec![Item::script("await tools.exec_command({cmd: 'touch marker'});")],
        vec![Item::message("Done.")],
    ];
    let stages = [
        ("classic", Stage::new(poison(), classic).mcp(server())),
        ("code mode", Stage::new(poison(), code).mcp(server()).in_code_mode()),
    ];
    for (model, stage) in stages {
        let seen = stage.exec("Please do it");
        assert_eq!(seen.hook("PreToolUse"), "Completed,Blocked", "{model}");
        assert!(!stage.file("marker").exists(), "nothing may act on it: {model}");
        report(&format!("failed MCP call, {model}"), "the model got it once; the next tool was refused");
    }
}

/// The id of the only session in a home.
fn session_id(stage: &Stage) -> String {
    let file = session_files(&stage.home().join("sessions")).pop().expect("a session");
    let name = file.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
    name[name.len() - 36..].to_owned()
}

fn session_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { session_files(&path) } else { vec![path] }).collect()
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_resumed_session_scans_what_was_added_and_nothing_twice() {
    for (model, stage) in
        stages(|| Stage::new(poison(), [vec![Item::message("One.")], vec![Item::message("Two.")]]))
    {
        write(&stage.file("AGENTS.md"), "clean\n");
        stage.exec("Please look");
        let first = stage.scanned_parts().len();
        let id = session_id(&stage);
        let seen = stage.exec_in(stage.work(), &["resume", &id], "Go on");
        assert_eq!(seen.hook("UserPromptSubmit"), "Completed", "{model}");
        let added = stage.scanned_parts()[first..].concat();
        assert!(!added.contains("You are Codex"), "{model}: {added}");
        write(&stage.file("AGENTS.md"), "POISON\n");
        let seen = stage.exec_in(stage.work(), &["resume", &id], "And on");
        assert_eq!(seen.hook("UserPromptSubmit"), "Blocked", "{model}");
        assert_eq!(stage.model.calls(), 2, "{model}");
        assert!(!stage.model.was_given("POISON"), "{model}");
        report(
            &format!("resumed session, {model}"),
            "clean texts were sent once; an AGENTS.md that was poisoned meanwhile refused the prompt",
        );
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_fork_of_a_poisoned_session_is_refused_and_one_of_a_clean_session_is_not() {
    for (command, status) in [(PRINTS, "blocked"), ("echo clean", "completed")] {
        let stage = Stage::new(poison(), [vec![Item::message("One.")], vec![Item::message("Two.")]]).closed();
        let hooks = stage.app_session(|session| {
            session.turn("Please look");
            session.shell_command(command);
            session.fork();
            session.turn("Go on");
        });
        let prompts: Vec<&str> = hooks
            .iter()
            .filter(|hook| hook.event == "userPromptSubmit")
            .map(|hook| hook.status.as_str())
            .collect();
        assert_eq!(prompts, ["completed", status]);
        assert!(!stage.model.was_given("POISON"));
    }
    report("a forked session", "what it was forked from was scanned with its first prompt");
}

/// Every text that the model was given, without what it wrote itself, and when it was given it first.
fn given(model: &Model) -> Vec<(String, Instant)> {
    let mut texts = BTreeMap::new();
    for request in model.requests() {
        for (place, item) in request.body()["input"].as_array().into_iter().flatten().enumerate() {
            let kind = item["type"].as_str().unwrap_or_default();
            if item["role"] == "assistant" || kind.ends_with("_call") {
                continue;
            }
            let content = if item["content"].is_null() { &item["output"] } else { &item["content"] };
            let parts: Vec<&str> = match content {
                Value::String(text) => vec![text],
                parts => {
                    parts.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str()).collect()
                }
            };
            for (index, text) in parts.into_iter().enumerate().filter(|(_, text)| !bare(text).is_empty()) {
                let known = texts.entry((place, index, item["id"].to_string()));
                known.or_insert_with(|| (bare(text).to_owned(), request.at()));
            }
        }
    }
    texts.into_values().collect()
}

/// Without the lines of numbers that Codex puts before an output.
fn bare(text: &str) -> &str {
    let heading = ["Chunk ID: ", "Wall time", "Script completed"].iter().any(|start| text.starts_with(start));
    let rest = text.split_once("Output:").map_or("", |(_, rest)| rest);
    if heading { rest.trim() } else { text.trim() }
}

/// What `f5-guard coverage --json` says of the last session: all texts, and those scanned before, later, never.
fn coverage(stage: &Stage) -> [usize; 4] {
    let mut command = Command::new(env!("CARGO_BIN_EXE_f5-guard"));
    command.args(["coverage", "--json", "--session", "last"]).env("CODEX_HOME", stage.home());
    let output = command.env_remove("F5_GUARDRAILS_LOG_FILE").output().expect("it runs");
    let seen: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    ["texts", "before", "later", "never"]
        .map(|name| usize::try_from(seen[name].as_u64().expect("a number")).expect("it fits"))
}

/// The same as scan API and model saw it.
fn seen_from_outside(stage: &Stage) -> [usize; 4] {
    let scans: Vec<_> =
        stage.api.scans().into_iter().filter_map(|scan| Some((scan.input()?.to_owned(), scan.at))).collect();
    let texts = given(&stage.model);
    let [mut before, mut later, mut never] = [0; 3];
    for (text, at) in &texts {
        // Codex fills something in; in the file they are as they were before that.
        let text = if text.starts_with("You are Codex") { &text[..100] } else { text };
        let first = scans.iter().filter(|(scanned, _)| scanned.contains(text)).map(|(_, at)| at).min();
        *match first {
            Some(scanned) if scanned < at => &mut before,
            Some(_) => &mut later,
            None => &mut never,
        } += 1;
    }
    [texts.len(), before, later, never]
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn coverage_is_what_scan_api_and_model_saw_text_by_text() {
    let failed = json!({ "content": [{ "type": "text", "text": "mcp failed" }], "isError": true });
    let offer = || Mcp::offering(Offer::default().tool("lookup", failed.clone()));
    let early = json!({"cmd": "printf 'EAR%s' LY9; sleep 1; printf 'LA%s' TE9", "yield_time_ms": 300});
    let classic = vec![
        vec![Item::exec("printf ON%s E9")],
        vec![Item::function("exec_command", early.clone())],
        vec![Item::exec("printf TW%s O9; sleep 2")],
        vec![Item::mcp("stand_in", "lookup", json!({}))],
        vec![Item::message("Done.")],
        vec![Item::exec("printf THR%s EE9")],
        vec![Item::mcp("stand_in", "lookup", json!({"again": 1}))],
        vec![Item::message("Done.")],
    ];
    let script =
        format!("const r = await tools.exec_command({early}); text(r.output); text(['sa', 'id'].join(''));");
    let code = vec![
        vec![Item::script("const r = await tools.exec_command({cmd: 'printf ON%s E9'}); text(r.output);")],
        vec![Item::script(script)],
        vec![Item::script(
            "const r = await tools.exec_command({cmd: 'printf TW%s O9; sleep 2'}); text(r.output);",
        )],
        vec![Item::message("Done.")],
        vec![Item::script("text(['the last', 'words'].join(' '));")],
        vec![Item::message("Done.")],
    ];
    let stages = [
        ("classic", Stage::new(F5::builder().tls().start(), classic).mcp(offer())),
        ("code mode", Stage::new(F5::builder().tls().start(), code).mcp(offer()).in_code_mode()),
    ];
    for (model, stage) in stages {
        let stage = stage.closed();
        write(&stage.file("AGENTS.md"), "clean\n");
        let hooks = stage.app_session(|session| {
            session.turn("Please do it");
            session.shell_command("echo banged");
            session.turn("Go on");
        });
        assert!(hooks.iter().all(|hook| hook.status == "completed"), "{model}: {hooks:?}");
        let counted = coverage(&stage);
        let mut seen = seen_from_outside(&stage);
        if model == "code mode" {
            // The base instructions are twice in the file, and the tools are in the request as no text.
            seen[0] += 2;
            seen[1] += 2;
        }
        assert_eq!(counted, seen, "{model}");
        // What was sent twice would be a cost; each text but the hooks' own went out once.
        let mut parts = stage.scanned_parts();
        let count = parts.len();
        parts.sort();
        parts.dedup();
        assert_eq!(parts.len(), count, "{parts:?}");
        let [texts, before, later, never] = counted;
        report(
            &format!("coverage of a mixed session, {model}"),
            &format!(
                "{texts} texts: {before} scanned before, {later} later, {never} never; {count} requests more"
            ),
        );
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_session_without_a_file_goes_on_as_before() {
    let stage = Stage::new(F5::builder().tls().start(), [vec![Item::message("Done.")]]).closed();
    let seen = stage.exec_in(stage.work(), &["--ephemeral"], "Please look");
    assert_eq!(seen.hook("UserPromptSubmit"), "Completed");
    assert!(stage.scanned_parts().is_empty());
    report("an ephemeral session", "only what hooks hand over was scanned");
}
