//! `f5-guard dump-config`, the built program, against the configuration endpoints on loopback.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::home::{FakeHome, one_line};
use f5_stand_in::config_api::{ConfigApi, ConfigServer, Cursors, Fault, Fixture, Size};
use serde_json::Value;

const TOKEN: &str = "global-token-of-the-test";
const DEFAULT_OUTPUT: &str = "f5_guardrails_config_dump.redacted.json";

/// A folder to run in, and a service to ask.
struct Stage {
    folder: FakeHome,
    server: ConfigServer,
}

impl Stage {
    fn new(prepare: impl FnOnce(&mut ConfigApi)) -> Self {
        let size = Size { providers: 7, projects: 4, tokens: 3, machine_tokens: 2 };
        let mut api = ConfigApi::new(Fixture::generate(size, 11), TOKEN);
        prepare(&mut api);
        Self { folder: FakeHome::new(), server: ConfigServer::start(api) }
    }

    fn command(&self) -> Command {
        let mut command = self.folder.command(crate::home::program());
        command.arg("dump-config");
        command.env("CODEX_HOME", self.folder.path()).env("F5_GUARDRAILS_USE_SYSTEM_CERT_STORE", "false");
        command.env("F5_GLOBAL_API_TOKEN", TOKEN).env("F5_GUARDRAILS_BASE_URL", self.server.url());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command().args(args).output().unwrap()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(DEFAULT_OUTPUT)
    }

    fn document(&self) -> Value {
        document(&self.file())
    }

    fn project(&self, index: usize, key: &str) -> &str {
        self.server.api().fixture.projects[index][key].as_str().unwrap()
    }
}

fn document(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn texts(output: &Output) -> (String, String) {
    (String::from_utf8(output.stdout.clone()).unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

fn strings(value: &Value, found: &mut HashSet<String>) {
    match value {
        Value::String(text) => _ = found.insert(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}

#[test]
fn everything_is_read_and_no_secret_is_in_the_file_or_on_the_terminal() {
    let stage = Stage::new(|api| api.cursors = Cursors::Url);
    let output = stage.run(&["--project", stage.project(1, "friendlyId")]);
    let (stdout, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let file = std::fs::read_to_string(stage.file()).unwrap();
    let fixture = &stage.server.api().fixture;
    for secret in fixture.secrets.iter().map(String::as_str).chain([TOKEN]) {
        assert!(!file.contains(secret) && !stdout.contains(secret) && !stderr.contains(secret), "{secret}");
    }
    let mut found = HashSet::new();
    strings(&stage.document(), &mut found);
    for readable in &fixture.readable {
        assert!(found.contains(readable), "{readable} is missing");
    }
    assert!(stdout.contains("providers: 7\n  projects:  4\n  tokens:    5\n"), "{stdout}");
    assert!(stderr.contains("[INFO] Redacted: tokenValue 5, credential "), "{stderr}");
}

#[test]
fn a_highlighted_project_is_told_with_its_enabled_providers() {
    let stage = Stage::new(|_| {});
    let (name, id) = (stage.project(2, "name"), stage.project(2, "id"));
    let output = stage.run(&["--project", name, "--project", id, "--project", "nobody"]);
    let (stdout, stderr) = texts(&output);
    let fixture = &stage.server.api().fixture;
    let mut expected = format!(
        "project: {name} ({id})\n  added providers:      3\n  accessible providers: 7\n  enabled providers:    2\n"
    );
    for &index in &fixture.enabled[id] {
        let provider = &fixture.providers[index];
        expected +=
            &format!("    - {} ({})\n", provider["name"].as_str().unwrap(), provider["id"].as_str().unwrap());
    }
    assert_eq!(one_line(&stdout).matches(&one_line(&expected)).count(), 2, "{stdout}\n{expected}");
    assert!(
        one_line(&stderr)
            .contains("None of the projects that were read (4) has the name, id or friendly id nobody."),
        "{stderr}"
    );
    assert_eq!(stage.document()["highlightProjects"], serde_json::json!([name, id, "nobody"]));
}

#[test]
fn one_refused_read_still_gives_a_file_and_exit_code_2() {
    let stage = Stage::new(|api| {
        let project = api.fixture.projects[1]["id"].as_str().unwrap().to_owned();
        api.faults.push(Fault::new(format!("accessibleToProjectId={project}"), 403, usize::MAX));
    });
    let output = stage.run(&["--project", stage.project(1, "id")]);
    let (stdout, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.contains("[MISSING] /backend/v1/providers?accessibleToProjectId="), "{stderr}");
    assert!(stderr.contains("HTTP 403") && stderr.contains("F5_GLOBAL_API_TOKEN"), "{stderr}");
    assert!(
        stdout.contains("  accessible providers: could not be read\n  enabled providers:    2\n"),
        "{stdout}"
    );
    let document = stage.document();
    assert_eq!(document["failures"].as_array().unwrap().len(), 1);
    assert_eq!(document["projects"]["count"], 4);
}

#[test]
fn too_many_requests_are_asked_again() {
    let stage = Stage::new(|api| api.faults.push(Fault::new("/backend/v1/", 429, 2)));
    let output = stage.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", texts(&output).1);
    assert_eq!(stage.server.requests(), 4 + 3 * 4 + 2);
}

#[test]
fn a_token_that_is_not_accepted_leaves_the_old_file_alone() {
    let stage = Stage::new(|_| {});
    std::fs::write(stage.file(), "old").unwrap();
    let output = stage.command().env("F5_GLOBAL_API_TOKEN", "another-token").output().unwrap();
    let (_, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("HTTP 401") && stderr.contains("[FIX] Check F5_GLOBAL_API_TOKEN"), "{stderr}");
    assert!(stderr.contains("no file was written") && !stderr.contains("another-token"), "{stderr}");
    assert_eq!(std::fs::read_to_string(stage.file()).unwrap(), "old");
}

#[test]
fn without_a_token_the_variables_are_named_and_nothing_is_sent() {
    let stage = Stage::new(|_| {});
    let output = stage.command().env_remove("F5_GLOBAL_API_TOKEN").output().unwrap();
    let (_, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("F5_GLOBAL_API_TOKEN, F5_GUARDRAILS_API_TOKEN, CALYPSOAI_TOKEN"), "{stderr}");
    assert_eq!(stage.server.requests(), 0);
}

#[test]
fn a_base_url_with_a_password_is_refused_without_repeating_it() {
    let stage = Stage::new(|_| {});
    let output = stage.run(&["--base-url", "https://bob:hunter2@h.example"]);
    let (_, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("--base-url") && !stderr.contains("hunter2"), "{stderr}");
}

#[test]
fn the_option_wins_over_the_variable_and_the_token_may_come_from_any_of_three() {
    let stage = Stage::new(|_| {});
    let mut command = stage.command();
    command.env_remove("F5_GLOBAL_API_TOKEN").env("CALYPSOAI_TOKEN", TOKEN);
    command.env("F5_GUARDRAILS_BASE_URL", "http://127.0.0.1:1");
    let output =
        command.args(["--base-url", &format!("{}/backend/v1/", stage.server.url())]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", texts(&output).1);
    let document = stage.document();
    assert_eq!(document["tokenEnv"], "CALYPSOAI_TOKEN");
    assert_eq!(document["baseUrl"], stage.server.url());
}

#[test]
fn a_dash_sends_the_document_and_nothing_else_to_stdout() {
    let stage = Stage::new(|_| {});
    let output = stage.run(&["--output", "-", "--project", stage.project(0, "name")]);
    let (_, stderr) = texts(&output);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["projects"]["count"], 4);
    assert!(stderr.contains("enabled providers:    2"), "{stderr}");
    assert!(!stage.file().exists());
}

#[test]
fn a_folder_that_does_not_exist_is_told() {
    let stage = Stage::new(|_| {});
    let output = stage.run(&["--output", "none/dump.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(texts(&output).1.contains("none/dump.json could not be written"), "{}", texts(&output).1);
}

#[cfg(unix)]
#[test]
fn only_the_user_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new(|_| {});
    std::fs::write(stage.file(), "old").unwrap();
    std::fs::set_permissions(stage.file(), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(stage.run(&[]).status.code(), Some(0));
    assert_eq!(std::fs::metadata(stage.file()).unwrap().permissions().mode() & 0o777, 0o600);
}

/// A repository that somebody works in can hold a link of the default name.
#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_the_dump_is_replaced_and_its_target_stays() {
    let stage = Stage::new(|_| {});
    for target in ["config.toml", "missing"] {
        std::fs::write(stage.folder.path().join("config.toml"), "model = \"x\"\n").unwrap();
        let _ = std::fs::remove_file(stage.file());
        std::os::unix::fs::symlink(target, stage.file()).unwrap();
        assert_eq!(stage.run(&[]).status.code(), Some(0));
        assert!(std::fs::symlink_metadata(stage.file()).unwrap().is_file(), "{target}");
        assert_eq!(stage.document()["projects"]["count"], 4);
        let config = std::fs::read_to_string(stage.folder.path().join("config.toml")).unwrap();
        assert_eq!(config, "model = \"x\"\n");
        assert!(!stage.folder.path().join("missing").exists());
    }
}

#[cfg(unix)]
#[test]
fn the_document_can_be_sent_to_the_systems_name_of_stdout() {
    let stage = Stage::new(|_| {});
    let output = stage.run(&["--output", "/dev/stdout"]);
    assert_eq!(output.status.code(), Some(0), "{}", texts(&output).1);
    assert!(texts(&output).0.contains("\"projects\""), "{}", texts(&output).0);
    assert!(std::fs::symlink_metadata("/dev/stdout").unwrap().is_symlink(), "it is not a file now");
}

/// For measuring: `cargo test --release --test suite -- --ignored dump_config:: --nocapture`.
#[test]
#[ignore = "takes half a minute and is a measurement"]
fn five_thousand_projects_are_read_and_redacted() {
    let size = Size { providers: 40, projects: 5_000, tokens: 50, machine_tokens: 5_000 };
    let api = ConfigApi::new(Fixture::generate(size, 5), TOKEN);
    let stage = Stage { folder: FakeHome::new(), server: ConfigServer::start(api) };
    let started = std::time::Instant::now();
    let output = stage.run(&[]);
    let (stdout, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    println!("{stdout}{stderr}{:?}, {} requests", started.elapsed(), stage.server.requests());
    println!("{} MB written", std::fs::metadata(stage.file()).unwrap().len() / 1_000_000);
    let file = std::fs::read_to_string(stage.file()).unwrap();
    let secrets: Vec<&str> = stage.server.api().fixture.secrets.iter().map(String::as_str).collect();
    for secret in secrets.iter().step_by(secrets.len() / 50) {
        assert!(!file.contains(secret), "{secret}");
    }
}
