//! What is fuzzed, and the rules that must hold whatever the input is. Each rule is read from the documents a second
//! time, by other means than the code under test: a plain JSON tree, a comparison of bytes.

use std::ffi::OsString;
use std::time::Duration;

use f5_guard::internals::cli::hook_line;
use f5_guard::internals::codex::layers::ConfigFormat;
use f5_guard::internals::event::Event;
use f5_guard::internals::hook::Input;
use f5_guard::internals::hook::message::{News, Subject, words};
use f5_guard::internals::hook::{Action, Assessment, Policy, answer, decide, payload};
use f5_guard::internals::registration::{
    KnownBinaries, Launcher, Owner, Python, Registration, RegistrationOptions, RemovalScope, Wanted,
    hook_call, install, owner_of, remove, renew_record,
};
use f5_guard::internals::scan::ScanReport;
use f5_guard::internals::scan::response::{self, Verdict};
use f5_guard::internals::settings::values::{FailMode, FlaggedOutput};
use serde_json::Value;

/// One reader of foreign input.
pub struct Target {
    pub name: &'static str,
    pub seeds: Vec<Vec<u8>>,
    /// `true` where the input was accepted, so that the rules had something to check.
    pub check: fn(&[u8]) -> Result<bool, String>,
    pub inputs: u64,
    pub accepted: u64,
    pub slowest: Duration,
}

pub fn all() -> Vec<Target> {
    vec![
        target("payload", samples(), payload),
        target("body", bodies(), body),
        target("config-toml", documents("toml"), |input| document(ConfigFormat::ConfigToml, input)),
        target("hooks-json", documents("json"), |input| document(ConfigFormat::HooksJson, input)),
        target("requirements", documents("requirements"), |input| {
            document(ConfigFormat::RequirementsToml, input)
        }),
        target("command-line", commands(), command),
    ]
}

fn target(name: &'static str, seeds: Vec<Vec<u8>>, check: fn(&[u8]) -> Result<bool, String>) -> Target {
    Target { name, seeds, check, inputs: 0, accepted: 0, slowest: Duration::ZERO }
}

fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    let read = |path| std::fs::read(path).expect("a readable file");
    paths.into_iter().filter(|path| path.is_file()).map(read).collect()
}

fn samples() -> Vec<Vec<u8>> {
    files("samples/codex")
}

fn documents(kind: &str) -> Vec<Vec<u8>> {
    let mut documents = files(&format!("fixtures/configs/{kind}"));
    documents.push(Vec::new());
    documents
}

const CLOSED: Policy = Policy { fail_mode: FailMode::Closed, flagged_output: FlaggedOutput::Withhold };

/// The field that holds what an event is about.
fn content_field(event: &str) -> Option<&'static str> {
    match event {
        "UserPromptSubmit" => Some("prompt"),
        "PreToolUse" => Some("tool_input"),
        "PostToolUse" => Some("tool_response"),
        "Stop" | "SubagentStop" => Some("last_assistant_message"),
        _ => None,
    }
}

/// Every letter and digit of a string in the payload's content field is in the text that is scanned.
fn payload(input: &[u8]) -> Result<bool, String> {
    let _ = payload::salvage_event(input);
    let Ok(read) = payload::parse(input) else { return Ok(false) };
    let Ok(tree) = serde_json::from_slice::<Value>(input) else {
        return Ok(false); // read more leniently than a JSON library does: lone surrogates, invalid UTF-8
    };
    let named = tree["hook_event_name"].as_str().unwrap_or_default();
    if named != read.event.name() {
        return Err(format!("event {named} was read as {}", read.event.name()));
    }
    let Some(field) = content_field(named) else { return Err("an unknown event was accepted".into()) };
    let Some(content) = tree.get(field) else { return Err(format!("{field} is missing and was accepted")) };
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let scanned = letters(&read.content);
    let mut missing = None;
    strings(content, &mut |text| {
        if !scanned.contains(&letters(text)) {
            missing = Some(text.to_owned());
        }
    });
    match missing {
        // Pictures and sound are the exception: their base64 is replaced by a note.
        Some(text) if !is_base64(&text) => Err(format!("not scanned: {text:?}")),
        _ => Ok(true),
    }
}

fn is_base64(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_\r\n".contains(&byte))
}

fn strings(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, visit)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, visit)),
        _ => {}
    }
}

fn bodies() -> Vec<Vec<u8>> {
    [
        r#"{"id":"019fb483","result":{"outcome":"cleared","scannerResults":[
            {"scannerId":"a","outcome":"passed","data":{"type":"regex","matches":[]}}]}}"#,
        r#"{"id":null,"result":{"outcome":"flagged","scannerResults":[
            {"scannerId":"a","outcome":"passed","data":{"type":"N/A"}},
            {"scannerId":"b","outcome":"failed","message":"text ","data":{"type":"prompt_injection","scores":{"x":90.0}}}]},
            "redactedInput":"***"}"#,
        r#"{"result":{"outcome":"passed"}}"#,
        r#"{"result":{"outcome":"cleared","scannerResults":null}}"#,
        r#"{"result":{"outcome":"redacted","scannerResults":[]},"redactedInput":"a"}"#,
    ]
    .map(|body| body.as_bytes().to_vec())
    .to_vec()
}

/// What the documents say clears, on a plain tree.
fn may_clear(tree: &Value) -> bool {
    let result = &tree["result"];
    let entries = match &result["scannerResults"] {
        Value::Null => return matches!(result["outcome"].as_str(), Some("cleared" | "passed")),
        Value::Array(entries) => entries,
        _ => return false,
    };
    let kind = |entry: &Value| entry["data"]["type"].as_str().unwrap_or_default().to_lowercase();
    let passed = |entry: &Value| entry["outcome"] == "passed" && kind(entry) != "error";
    matches!(result["outcome"].as_str(), Some("cleared" | "passed"))
        && entries.iter().all(passed)
        && entries.iter().any(|entry| kind(entry) != "n/a")
}

/// In closed mode only what proves that scanners ran and passed goes ahead; every answer is one that Codex takes.
fn body(input: &[u8]) -> Result<bool, String> {
    let verdict = response::parse(input);
    let assessment = match verdict.clone() {
        Ok(verdict) => Assessment::Scanned(report(verdict)),
        Err(error) => Assessment::NotScanned(error.into()),
    };
    // Half a character is read leniently, where a JSON library refuses all of it.
    let tree = String::from_utf8_lossy(input).replace("\\ud", "\\u0").replace("\\uD", "\\u0");
    let tree: Value = serde_json::from_str(&tree).unwrap_or_default();
    for event in Event::ALL {
        let action = decide(event, &assessment, CLOSED);
        if action == Action::Allow && !may_clear(&tree) {
            return Err(format!("{} was allowed", event.name()));
        }
        for action in [action, Action::Warn, Action::Block] {
            let subject = Subject {
                event,
                tool_name: Some("Bash"),
                input: &Input::default(),
                text: "",
                fail_mode_problem: "",
                contact: None,
                origins: Default::default(),
            };
            let words = words(subject, &assessment, action, &News::default());
            let line = answer::render(event, action, &words).map_err(|error| error.to_string())?;
            let Some(line) = line else { continue };
            if line.contains('\n') || serde_json::from_str::<Value>(&line).is_err() {
                return Err(format!("not one line of JSON: {line}"));
            }
        }
    }
    Ok(verdict.is_ok())
}

fn report(verdict: Verdict) -> ScanReport {
    ScanReport {
        outcome: verdict.outcome,
        scanners: verdict.scanners,
        scan_ids: verdict.scan_id.into_iter().collect(),
        pieces: 1,
        characters: 1,
        complete: verdict.complete,
        times: verdict.times,
    }
}

const BINARY: &str = "/home/ann/.codex/hooks/f5_guardrails/f5-guard";

fn places() -> KnownBinaries {
    KnownBinaries { binaries: vec![BINARY.into()], python: Python::TakenOver }
}

/// What is installed can be taken out again, to the byte; doing either twice changes nothing.
fn document(file: ConfigFormat, input: &[u8]) -> Result<bool, String> {
    let launcher = Launcher::Unix { binary: BINARY.into() };
    let registration = Registration::new(&RegistrationOptions::default(), &launcher, None).ok();
    let wanted = Wanted { registration, hooks_feature: file != ConfigFormat::HooksJson, ..Wanted::default() };
    let places = places();
    let Ok(installed) = install(file, Some(input), &wanted, &places) else { return Ok(false) };
    let text = installed.text.ok_or("a document became none")?;
    let again =
        install(file, Some(text.as_bytes()), &wanted, &places).map_err(|error| format!("again: {error}"))?;
    if again.changed {
        return Err("a second installation changed it again".into());
    }
    let scope = RemovalScope::default();
    let record = renew_record(file, Some(input), &text, &scope, &places)
        .map_err(|error| format!("record: {error}"))?;
    let scope = RemovalScope { record: Some(&record), ..RemovalScope::default() };
    let removed =
        remove(file, text.as_bytes(), &scope, &places).map_err(|error| format!("removal: {error}"))?;
    // What was ours before was not foreign, and need not come back.
    let clean = remove(file, input, &RemovalScope::default(), &places).is_ok_and(|removed| !removed.changed);
    match removed.text {
        Some(back) if clean && back.as_bytes() != input => Err(format!("came back as {back:?}")),
        None => Err("a document that was there before is to be deleted".into()),
        Some(_) => Ok(true),
    }
}

fn commands() -> Vec<Vec<u8>> {
    [
        format!("{BINARY} stop"),
        format!("'{BINARY}' pre-tool-use --fail-mode closed --base-url 'https://x.example/a b'"),
        format!(
            "{BINARY} post-tool-use --post-strict true --timeout 20 --project-id p --ca-bundle /etc/ca.pem"
        ),
        format!("FOO=1 {BINARY} user-prompt-submit && true"),
        "python3 $HOME/.codex/hooks/f5_guardrails/stop.py".to_owned(),
        r"C:\ProgramData\f5-guard\f5-guard.exe stop --fail-mode open".to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec()
}

/// Ours is only what names our binary as its first word and nothing that a shell would act on.
fn command(input: &[u8]) -> Result<bool, String> {
    let Ok(text) = std::str::from_utf8(input) else { return Ok(false) };
    let words: Vec<OsString> =
        std::iter::once("f5-guard").chain(text.split_whitespace().skip(1)).map(OsString::from).collect();
    let _ = hook_line(&words);
    let call = hook_call(text);
    let mut ours = false;
    for event in Event::ALL {
        if owner_of(event.name(), Some(text), None, None, &places()) != Owner::Ours {
            continue;
        }
        ours = true;
        if !text.trim_start().trim_start_matches(['\'', '"']).starts_with(BINARY) {
            return Err("another program counts as ours".into());
        }
        if !call.as_ref().is_some_and(|call| call.event.same_subcommand(event)) {
            return Err(format!("a command that is ours for {} can't be read back", event.name()));
        }
    }
    Ok(ours)
}
