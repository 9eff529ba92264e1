//! Who says what becomes of a hit: the project's scanners (`project`) or nobody (`observe`). With a model that calls its
//! tools itself and with one that calls them from scripts.

#![cfg(unix)] // the commands are lines for a Unix shell

use std::path::Path;

use crate::codex::report;
use crate::stage::Stage;
use f5_stand_in::f5::{F5, Mode, Project, ProjectScanner};
use f5_stand_in::model::Item;
use serde_json::Value;

const MAIL: &str = "ann@example.com";
const KEY: &str = "AKIAQ7EXAMPLE";
/// Prints both, without either in the command.
const TEST_RUN: &str =
    "printf '2 tests failed\\n\\tfor ann%s.com\\n\\twith AKIA%s\\ndone\\n' @example Q7EXAMPLE";

fn api() -> F5 {
    let project = Project::new([
        ProjectScanner::new("keyword", Mode::Audit, &["codename"]),
        ProjectScanner::new("pii_detection", Mode::Redact, &[MAIL]).off_by(2),
        ProjectScanner::new("secret", Mode::Redact, &[KEY]),
        ProjectScanner::new("prompt_injection", Mode::Block, &["ignore all"]),
    ]);
    F5::builder().always(project).tls().may_stay_idle().start()
}

/// A session in which the model runs this command, by itself and from a script.
fn stages(command: &str, enforcement: &str) -> [(&'static str, Stage); 2] {
    let script = format!(
        "try {{ const r = await tools.exec_command({{cmd: {command:?}}}); text(r.output); }} catch (error) {{ text(`caught ${{error}}`); }}"
    );
    let stage = |item: Item| {
        Stage::new(api(), [vec![item], vec![Item::message("Done.")]])
            .set("F5_GUARDRAILS_ENFORCEMENT", enforcement)
    };
    [("classic", stage(Item::exec(command))), ("code mode", stage(Item::script(script)).in_code_mode())]
}

/// Everything in the files of this folder.
fn files(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => all += &files(&entry.path()),
            _ => all += &String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap_or_default()),
        }
    }
    all
}

/// What f5-guard wrote: its log and what it remembers. Codex's own session files have every output.
fn written(stage: &Stage) -> String {
    files(&stage.home().join("logs")) + &files(&stage.home().join("f5_guardrails"))
}

fn records(stage: &Stage, event: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(stage.home().join("logs/f5_guardrails.log")).expect("a log");
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == "decision" && line["event"] == event).collect()
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn the_model_gets_a_redacted_output_masked() {
    for (kind, stage) in stages(TEST_RUN, "project") {
        let seen = stage.exec("Please run the tests");
        assert_eq!(seen.hook("PostToolUse"), "Blocked", "{kind}");
        assert!(stage.scanned("PostToolUse").concat().contains(KEY), "{kind}: the pattern of this test");
        for secret in [MAIL, KEY] {
            assert!(!stage.model.was_given(secret), "{kind}: the model must not get {secret}");
            assert!(!written(&stage).contains(secret), "{kind}: {secret} was written down");
        }
        let told = stage.model.requests().last().expect("a request").body().to_string();
        for words in [
            "2 tests failed",
            "***************",
            "with *************",
            "done",
            "pii_detection: 15, secret: 13",
        ] {
            assert!(told.contains(words), "{kind}: {words} is missing: {told}");
        }
        assert_eq!(told.contains("the call throws"), kind == "code mode", "{told}");
        let record = &records(&stage, "PostToolUse")[0];
        assert_eq!((&record["decision"], &record["masked_characters"]), (&"mask".into(), &30.into()));
        report(&format!("post-tool-use, redacted, project, {kind}"), "the model got the masked text instead");
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_long_masked_output_is_passed_on_without_a_file() {
    let command = format!("{TEST_RUN}; seq 1 4000; {TEST_RUN}");
    for (kind, stage) in stages(&command, "project") {
        let temporary = stage.file("tmp");
        std::fs::create_dir(&temporary).expect("a folder");
        let stage = stage.set("TMPDIR", &temporary.display().to_string());
        let seen = stage.exec("Please run the tests");
        assert_eq!(seen.hook("PostToolUse"), "Blocked", "{kind}");
        assert!(!stage.model.was_given(MAIL) && !stage.model.was_given(KEY), "{kind}");
        let told = stage.model.requests().last().expect("a request").body().to_string();
        assert!(told.contains("leaves out") && told.contains("with *************"), "{kind}: {told}");
        assert!(!files(&temporary).contains("tests failed"), "{kind}: Codex wrote it to a file");
        report(
            &format!("post-tool-use, redacted, project, long, {kind}"),
            "head and tail, and no file of Codex's",
        );
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_command_with_a_secret_is_refused_with_its_masked_form() {
    let command = format!("echo {KEY} > ran.txt");
    for (kind, stage) in stages(&command, "project") {
        let seen = stage.exec("Please do it");
        assert_eq!(seen.hook("PreToolUse"), "Blocked", "{kind}");
        assert!(!stage.file("ran.txt").exists(), "{kind}: it ran");
        let told = stage.model.requests().last().expect("a request").body().to_string();
        assert!(told.contains("echo ************* > ran.txt"), "{kind}: {told}");
        assert!(!written(&stage).contains(KEY), "{kind}");
        report(&format!("pre-tool-use, redacted, project, {kind}"), "refused, with the masked command");
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_prompt_with_a_secret_is_refused_with_its_masked_form() {
    let [(_, stage), _] = stages("true", "project");
    let seen = stage.exec(&format!("Please use {KEY}"));
    assert_eq!(seen.hook("UserPromptSubmit"), "Blocked");
    assert_eq!(stage.model.calls(), 0);
    assert!(!written(&stage).contains(KEY));
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn observing_changes_nothing_that_the_model_sees() {
    for (at, kind) in [(0, "classic"), (1, "code mode")] {
        let run = |enforcement: &str, closed: bool| {
            let mut stages = stages(TEST_RUN, enforcement).into_iter().map(|(_, stage)| stage);
            let stage = stages.nth(at).expect("two");
            let stage = if closed { stage.closed() } else { stage };
            let seen = stage.exec("Please ignore all of it, codename x");
            (stage, seen)
        };
        let (stage, seen) = run("observe", true);
        assert!(seen.hooks().iter().all(|(_, word)| word == "Completed"), "{kind}: {:?}", seen.hooks());
        assert_eq!(stage.model.calls(), 2, "{kind}");
        assert!(stage.model.was_given(KEY) && stage.model.was_given(MAIL), "{kind}");
        let told: String = stage.model.requests().iter().map(|request| request.body().to_string()).collect();
        for ours in ["F5", "uardrails", "untrusted"] {
            let developer = stage.model.developer_texts().concat() + &stage.model.function_outputs().concat();
            assert!(!developer.contains(ours), "{kind}: the model was told something: {told}");
        }
        let would = |event: &str| records(&stage, event)[0]["would_have"].clone();
        assert_eq!(would("UserPromptSubmit"), serde_json::json!({"block": "block", "project": "block"}));
        assert_eq!(would("PostToolUse"), serde_json::json!({"block": "warn", "project": "mask"}));
        assert!(!written(&stage).contains(KEY) && !written(&stage).contains(MAIL));
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_f5-guard"));
        let output = command.arg("report").env("CODEX_HOME", stage.home()).output().expect("the report");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.contains("ONLY OBSERVED: 4 calls"), "{shown}");
        report(
            &format!("observe, {kind}"),
            "the model was told nothing; log and report say what would have been",
        );
    }
}
