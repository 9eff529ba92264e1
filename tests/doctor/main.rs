//! `f5-guard doctor` as people run it: the built binary, homes of its own, the F5 stand-in, and a Codex that says what
//! it is told to.

#![allow(clippy::restriction)] // a test may panic

#[path = "../support/arguments.rs"]
mod arguments;
mod fake;
#[path = "../support/home.rs"]
mod home;
#[path = "../support/own.rs"]
mod own;
#[path = "../support/shells.rs"]
mod shells;
#[cfg(unix)]
#[path = "../support/terminal.rs"]
mod terminal;
mod turn;
mod user;

use std::fs;
use std::path::{Path, PathBuf};

use arguments::arguments;
use f5_guard::internals::event::Event;
use f5_guard::internals::registration::{Launcher, Registration, RegistrationOptions};
use f5_guard::internals::settings::Enforced;
#[cfg(unix)]
use f5_stand_in::f5::TOKEN;
use f5_stand_in::f5::{F5, Fault, Mode, Project, ProjectScanner, Verdict};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use user::User;

fn main() {
    fake::play_if_asked();
    let tests = TESTS.iter().map(|(name, test)| {
        Trial::test(*name, || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&arguments(), tests.collect()).exit();
}

const TESTS: &[(&str, fn())] = &[
    // These wait for seconds: first, so that the others work meanwhile.
    ("an_outage_that_hooks_met_is_shown_and_ended", outage),
    #[cfg(unix)]
    ("on_a_terminal_it_shows_what_it_waits_for", progress),
    #[cfg(target_os = "linux")]
    ("a_server_of_codexs_that_was_started_with_other_variables_is_found", background_server),
    ("a_healthy_installation_is_protected", healthy),
    ("hooks_that_only_observe_are_no_protection", observes),
    ("in_project_the_modes_of_its_scanners_are_shown", project_modes),
    ("nothing_is_changed_by_the_doctor", changes_nothing),
    ("hooks_with_other_settings_than_the_terminal_are_named", other_settings),
    ("a_block_that_a_start_up_file_takes_away_is_no_protection", block_lost),
    ("a_foreign_hook_that_stops_the_message_leaves_the_rest_open", stopped_before),
    ("a_proxy_in_codexs_file_of_variables_is_not_sent_to", proxy_in_dot_env),
    ("without_a_proof_the_hooks_are_registered_at_most", no_proof),
    ("a_codex_that_starts_no_sessions_proves_nothing", no_sessions),
    ("without_a_sandbox_the_command_is_run_without_one", no_sandbox),
    ("a_service_that_does_not_answer_means_not_scanning", not_scanning),
    ("the_verdict_is_on_top_and_no_line_is_longer_than_80", text_layout),
    ("a_profile_that_switches_hooks_off_is_named", profile),
    ("a_foreign_hook_for_tools_input_is_named", foreign),
    ("untrusted_hooks_are_not_protection", untrusted),
    #[cfg(unix)]
    ("a_token_that_is_stored_for_another_address_is_named", token_elsewhere),
    ("a_missing_binary_is_found_although_codex_trusts_the_hook", missing_binary),
    ("another_version_of_the_binary_is_named", other_binary),
    ("a_command_that_fails_in_codexs_shell_is_found", failing_command),
    ("a_timeout_shorter_than_the_scan_is_found", short_timeout),
    ("the_flags_of_the_registered_command_are_the_settings", flags_win),
    ("a_token_that_commands_see_is_named_with_what_hides_it", token_visible),
    ("a_codex_without_the_call_leaves_the_question_open", old_codex),
    ("no_codex_and_no_registration_is_no_protection", nothing_there),
    ("hooks_switched_off_are_found_with_the_file_that_does_it", switched_off),
    ("a_refused_configuration_is_found_with_its_place_and_none_of_its_text", refused_config),
    ("two_registrations_and_two_files_are_found", doubles),
    ("the_python_integration_is_named", python),
    ("a_projects_untrusted_command_is_never_run", project_not_run),
    ("what_only_looks_like_f5_guard_is_a_problem_and_is_never_run", lookalikes),
    ("the_token_goes_to_no_address_of_a_hook_that_codex_does_not_run", addresses),
    ("a_registration_of_an_older_version_is_to_be_renewed", old_registration),
    ("offline_asks_nobody", offline),
    ("an_objecting_service_works", objecting),
    ("the_logs_last_problems_are_shown", log_problems),
    ("a_log_that_cannot_be_written_is_found", log_not_writable),
    #[cfg(unix)]
    ("a_log_that_is_a_link_is_not_followed", log_is_a_link),
    ("a_log_path_that_is_not_absolute_is_an_error_in_closed_mode", relative_log),
    ("no_secret_is_shown_anywhere", no_secrets),
    ("text_has_no_escape_sequences_off_a_terminal", no_colour),
    #[cfg(windows)]
    ("no_program_that_it_starts_opens_a_window", no_window),
];

fn healthy() {
    let (user, run) = User::new().run();
    let report = run.json();
    assert_eq!((run.code, &report["verdict"]), (Some(0), &json!("protected")), "{report:#}");
    // Desktop apps differ, and this machine's own store may hold roots that have expired; nothing else may be found.
    let findings: Vec<_> = report["findings"].as_array().unwrap().iter().map(|f| &f["id"]).collect();
    assert!(findings.iter().all(|id| **id == "desktop-apps" || **id == "certificates"), "{findings:?}");
    assert_eq!(report["state"], "protected");
    for event in report["proof"]["events"].as_array().unwrap() {
        assert_eq!(event["result"], "proven", "{event}");
    }
    assert_eq!(user.api.inputs(), ["Hello, this is a test prompt."], "the proof must not scan");
}

fn observes() {
    let (mut user, run) = User::new().set("F5_GUARDRAILS_ENFORCEMENT", "observe").run();
    let report = run.json();
    assert_eq!((run.code, &report["state"]), (Some(1), &json!("observing")), "{report:#}");
    for event in report["proof"]["events"].as_array().unwrap() {
        assert_eq!(event["result"], "proven", "observing lets no proof pass: {event}");
    }
    let (severity, text) = run.finding("observe-only");
    assert!(severity == "problem" && text.contains("NOTHING is blocked"), "{text}");
    user.arguments.clear();
    let run = user.text();
    assert!(run.stdout.starts_with("OBSERVING, NOT BLOCKING: "), "{}", run.stdout);
    // That is not why nothing is scanned. Of the findings, that on the service comes after the one on observing.
    let broken = F5::answering(Fault::status(500));
    let run = User::with(broken).set("F5_GUARDRAILS_ENFORCEMENT", "observe").text();
    let headline = run.stdout.split("\n\n").next().unwrap_or_default();
    assert!(headline.starts_with("REGISTERED, NOT SCANNING: The F5 service answered HTTP 500"), "{headline}");
    assert!(!headline.contains("observe"), "{headline}");
}

fn project_modes() {
    const ID: &str = "018f2f24-eca0-70a6-9447-726525cb22b4";
    let scanners = || {
        Project::new([
            ProjectScanner::new("secret", Mode::Block, &["AKIA"]),
            ProjectScanner::new("pii_detection", Mode::Redact, &["@"]),
        ])
    };
    let path = format!("/backend/v1/projects/{ID}/scanners");
    let body = scanners().configuration();
    let may_read = F5::builder()
        .always(scanners())
        .route("GET", &path, move |_| f5_stand_in::f5::Response::json(200, &body))
        .may_stay_idle()
        .start();
    for (api, id, words) in [
        (may_read, ID, "set to block: secret; redact: pii_detection."),
        (F5::builder().always(scanners()).may_stay_idle().start(), ID, "could not be read"),
        (F5::builder().always(scanners()).may_stay_idle().start(), "../../tokens", "could not be read"),
    ] {
        let user = User::with(api).set("F5_GUARDRAILS_ENFORCEMENT", "project");
        let (user, run) = user.set("F5_GUARDRAILS_PROJECT_ID", id).run();
        let (severity, text) = run.finding("project-modes");
        assert!(severity == "note" && text.contains(words), "{text}");
        assert_eq!(run.json()["state"], "protected", "{}", run.stdout);
        assert!(user.api.requests_to("/backend/v1/tokens").is_empty(), "{id}");
    }
}

/// As a launcher or `.env` does it: the hooks' environment is not the terminal's.
fn other_settings() {
    let other = F5::builder().start();
    let user = User::with(F5::builder().never_called().start());
    let env = json!({"F5_GUARDRAILS_BASE_URL": other.base_url()});
    user.codex_says(json!({"hooks": user.entries("trusted"), "env": env}));
    let (_user, run) = user.run();
    let report = run.json();
    let difference = &report["differences"][0];
    assert_eq!(
        (&difference["name"], &difference["source"]),
        (&json!("base URL"), &json!("F5_GUARDRAILS_BASE_URL"))
    );
    assert_eq!(difference["value"], format!("{}/", other.base_url()));
    assert_eq!(other.inputs(), ["Hello, this is a test prompt."], "the hooks' own address is asked");
}

fn block_lost() {
    let user = User::new();
    user.codex_says(json!({"hooks": user.entries("trusted"), "loses": "UserPromptSubmit"}));
    let (_, run) = user.run();
    assert_eq!((run.code, run.json()["state"].as_str()), (Some(1), Some("not_active")), "{}", run.stdout);
    let events = run.json()["proof"]["events"].clone();
    assert_eq!(events[0]["result"], "ran, and blocked nothing", "{events:#}");
    assert_eq!(events[1]["result"], "proven", "{events:#}");
}

fn stopped_before() {
    let user = User::new();
    let program = user.path(&format!("strict{}", std::env::consts::EXE_SUFFIX));
    let mut foreign = user.entries("trusted")[0].clone();
    let refuses = if cfg!(windows) { "echo no 1>&2& exit 2" } else { "echo no >&2; exit 2" };
    foreign["command"] = refuses.into();
    foreign["sourcePath"] = json!(program);
    let mut entries = user.entries("trusted");
    entries.push(foreign);
    user.codex_says(json!({"hooks": entries}));
    let (_, run) = user.run();
    assert_eq!((run.code, run.json()["state"].as_str()), (Some(2), Some("not_proven")), "{}", run.stdout);
    let (severity, text) = run.finding("not-proven");
    assert!(severity == "unknown" && text.contains("strict"), "{text}");
}

fn proxy_in_dot_env() {
    let user = User::new();
    fs::write(user.home().join(".env"), "export HTTPS_PROXY='http://127.0.0.1:1'\n").unwrap();
    let (_, run) = user.run();
    let (severity, text) = run.finding("not-proven");
    assert_eq!((run.code, severity.as_str()), (Some(2), "unknown"));
    assert!(text.contains(".env sets HTTPS_PROXY"), "{text}");
}

fn no_proof() {
    let (_, run) = User::new().argument("--no-proof").run();
    assert_eq!((run.code, run.finding("not-proven").0.as_str()), (Some(2), "unknown"));
    assert_eq!(run.json()["proof"]["tried"], false);
}

fn profile() {
    for text in ["[features]\nhooks = false\n", "[hooks.state.\"k:Stop\"]\nenabled = false\n"] {
        let user = User::new();
        fs::write(user.home().join("work.config.toml"), text).unwrap();
        fs::write(user.home().join("other.config.toml"), "model = \"m\"\n").unwrap();
        let (_, run) = user.run();
        let (severity, text) = run.finding("hooks-off");
        assert_eq!((run.code, severity.as_str()), (Some(0), "warning"));
        assert!(text.contains("--profile work") && !text.contains("other.config"), "{text}");
    }
}

fn foreign() {
    let user = User::new();
    let mut entries = user.entries("trusted");
    let mut foreign = entries[1].clone();
    foreign["command"] = "echo".into();
    entries.push(foreign);
    user.codex_says(json!({"hooks": entries}));
    let (_, run) = user.run();
    assert_eq!((run.code, run.finding("foreign-hook").0.as_str()), (Some(0), "note"));
}

fn no_sandbox() {
    let user = User::new();
    user.codex_says(json!({"hooks": user.entries("trusted"), "sandbox": false}));
    // What the sandbox says instead is scanned, as any output is.
    let (user, run) = user.run();
    assert_eq!((run.code, run.json()["state"].as_str()), (Some(0), Some("protected")), "{}", run.stdout);
    assert!(user.api.inputs().contains(&"the sandbox can't be set up".to_owned()), "{:?}", user.api.inputs());
}

fn no_sessions() {
    let user = User::new();
    user.codex_says(json!({"hooks": user.entries("trusted"), "old": true}));
    let (_, run) = user.run();
    let (severity, text) = run.finding("not-proven");
    assert_eq!((run.code, severity.as_str()), (Some(2), "unknown"));
    assert!(text.contains("thread/start"), "{text}");
}

fn not_scanning() {
    let (_, run) = User::new().set("F5_GUARDRAILS_API_TOKEN", "").run();
    assert_eq!((run.code, run.json()["state"].as_str()), (Some(1), Some("not_scanning")), "{}", run.stdout);
    let text = User::new().set("F5_GUARDRAILS_API_TOKEN", "").text();
    assert!(text.stdout.starts_with("REGISTERED, NOT SCANNING: No API token is set."), "{}", text.stdout);
}

#[cfg(unix)]
fn token_elsewhere() {
    let user = User::new().set("F5_GUARDRAILS_API_TOKEN", "");
    let stored = user.path("work").join(".config").join("f5-guard");
    fs::create_dir_all(&stored).unwrap();
    let tokens = stored.join("tokens.json");
    fs::write(&tokens, r#"{"version":1,"tokens":{"scan https://other.example":"planted"}}"#).unwrap();
    fs::set_permissions(&tokens, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let here = user.api.base_url();
    let (_, run) = user.run();
    assert_eq!(run.json()["state"], "not_scanning", "{}", run.stdout);
    let (_, text) = run.finding("token");
    assert_eq!(text, format!("No API token is stored for {here}, only for https://other.example."));
    let fix = "run `f5-guard install --base-url https://other.example --trust`";
    assert!(run.stdout.contains(fix) && !run.stdout.contains("planted"), "{}", run.stdout);
}

fn text_layout() {
    let healthy = User::new().text();
    assert!(healthy.stdout.starts_with("PROTECTED: Codex 0.169.0 ran the hooks"), "{}", healthy.stdout);
    let mut untrusted = User::new();
    untrusted.register("untrusted");
    let untrusted = untrusted.text();
    assert!(untrusted.stdout.starts_with("NOT ACTIVE: "), "{}", untrusted.stdout);
    for run in [healthy, untrusted] {
        for line in run.stdout.lines() {
            // A path can't be broken.
            let is_long = line.chars().count() > 80 && line.trim().contains(' ');
            assert!(!is_long, "{line}");
        }
    }
}

fn snapshot(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.push((path.clone(), Vec::new()));
            all.extend(snapshot(&path));
        } else if path.file_stem().is_none_or(|name| name != "f5-guard") {
            all.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

fn changes_nothing() {
    let user = User::new();
    let before = snapshot(&user.path(""));
    let (user, _) = user.run();
    assert_eq!(snapshot(&user.path("")), before);
}

fn untrusted() {
    for trust in ["untrusted", "modified"] {
        let mut user = User::new();
        user.register(trust);
        let (_, run) = user.run();
        assert_eq!((run.code, run.finding(trust).0.as_str()), (Some(1), "problem"));
    }
}

fn missing_binary() {
    let user = User::new();
    user.lose_the_binary();
    let (user, run) = user.run();
    let (severity, text) = run.finding("binary-missing");
    assert_eq!((run.code, severity.as_str()), (Some(1), "problem"));
    assert!(text.contains(&user.installed().display().to_string()), "{text}");
}

/// Another program in the binary's place.
fn replace_binary(user: &User, role: &Value) {
    user.lose_the_binary();
    fake::impostor(&user.installed(), role);
}

fn other_binary() {
    let user = User::new();
    replace_binary(&user, &json!({"version": "f5-guard 0.0.9"}));
    let (_, run) = user.run();
    let (severity, text) = run.finding("binary-differs");
    assert_eq!(severity, "warning");
    assert!(text.contains("0.0.9"), "{text}");
}

fn failing_command() {
    let user = User::new();
    replace_binary(&user, &json!({"version": "f5-guard 0.0.9", "words": "broken", "code": 3}));
    let (_, run) = user.run();
    let (severity, text) = run.finding("block-lost");
    assert_eq!((run.code, severity.as_str()), (Some(1), "problem"));
    assert!(text.contains("code 3") && text.contains("broken"), "{text}");
}

fn short_timeout() {
    let user = User::new();
    user.with_first(|entry| entry["timeoutSec"] = 9.into());
    let (_, run) = user.run();
    assert_eq!((run.code, run.finding("timeout-too-short").0.as_str()), (Some(1), "problem"));
}

fn flags_win() {
    let user = User::new();
    user.with_first(|entry| {
        entry["command"] = format!("{} --fail-mode open", user.command("user-prompt-submit")).into();
    });
    let (_, run) = user.run();
    let report = run.json();
    let settings = report["settings"].as_array().unwrap();
    let mode = settings.iter().find(|setting| setting["name"] == "fail mode").unwrap();
    assert_eq!((&mode["value"], &mode["source"]), (&json!("open"), &json!("--fail-mode")));
    assert_eq!(run.finding("flags-differ").0, "warning");
}

fn old_codex() {
    let user = User::new();
    user.codex_says(json!({"hooks": null}));
    let (_, run) = user.run();
    assert_eq!(run.code, Some(2), "{}", run.stdout);
    assert_eq!(run.finding("trust-unknown").0, "unknown");
}

fn nothing_there() {
    let mut user = User::new();
    fs::write(user.config(), "").unwrap();
    user.codex = user.path("no-codex");
    let (_, run) = user.run();
    assert_eq!(run.code, Some(1), "{}", run.stdout);
    assert_eq!(run.finding("not-registered").0, "problem");
    assert_eq!(run.finding("codex-missing").0, "unknown");
}

fn switched_off() {
    let user = User::new();
    let config = format!("{}[features]\nhooks = false\n", fs::read_to_string(user.config()).unwrap());
    fs::write(user.config(), config).unwrap();
    let layer =
        json!({"name": {"type": "user", "file": user.config()}, "config": {"features": {"hooks": false}}});
    user.codex_says(json!({"hooks": [], "layers": [layer]}));
    let (user, run) = user.run();
    let (severity, text) = run.finding("hooks-off");
    assert_eq!((run.code, severity.as_str()), (Some(1), "problem"));
    assert!(text.contains(&user.config().display().to_string()), "{text}");
    assert_eq!(run.finding("not-listed").0, "problem");
}

fn refused_config() {
    let user = User::new();
    let message = "invalid type: string \"sk-in-the-file\", expected a boolean\n1 | key = \"sk-in-the-file\"";
    let refusal = json!({"error": {"code": -32600, "message": message,
        "data": {"filePath": user.config(), "line": 1, "column": 7}}});
    user.codex_says(json!({"hooks": [], "refusal": refusal, "errors": [{"path": "/w", "message": message}]}));
    let (user, run) = user.run();
    let (severity, text) = run.finding("config-refused");
    assert_eq!((run.code, severity.as_str()), (Some(1), "problem"));
    assert!(text.contains(&format!("{}:1:7", user.config().display())), "{text}");
    assert!(!run.stdout.contains("sk-in-the-file"), "{}", run.stdout);
}

fn doubles() {
    let user = User::new();
    let hooks_json = user.home().join("hooks.json");
    let command = user.command("stop");
    let hook = json!({"hooks": {"Stop": [{"hooks": [{"type": "command", "command": command}]}]}});
    fs::write(&hooks_json, hook.to_string()).unwrap();
    let mut entries = user.entries("trusted");
    let mut second = entries[3].clone();
    second["sourcePath"] = json!(hooks_json);
    entries.push(second);
    user.codex_says(json!({"hooks": entries}));
    let (_, run) = user.run();
    assert_eq!(run.code, Some(0), "{}", run.stdout);
    let (_, text) = run.finding("registered-twice");
    assert!(text.contains("2 times, of which 2 run") && text.contains("hooks.json"), "{text}");
    assert_eq!(run.finding("two-files").0, "warning");
}

fn python() {
    let user = User::new();
    let mut entries = user.entries("trusted");
    let mut second = entries[3].clone();
    second["command"] = "/usr/bin/python3 $HOME/.codex/hooks/f5_guardrails/stop.py".into();
    entries.push(second);
    user.codex_says(json!({"hooks": entries}));
    let (_, run) = user.run();
    assert_eq!((run.code, run.finding("python-integration").0.as_str()), (Some(0), "warning"));
}

/// A hook of the project, as Codex lists it.
fn projects_hook(user: &User, event: &str, command: &str, trust: &str) -> Value {
    let mut entry = user.entries(trust)[3].clone();
    entry["key"] = format!("p:{event}").into();
    entry["eventName"] = event.into();
    entry["command"] = command.into();
    entry["source"] = "project".into();
    entry["sourcePath"] = json!(user.path("work").join(".codex/config.toml"));
    entry
}

/// The same in the project's file.
fn write_projects_hook(user: &User, event: &str, command: &str) {
    let project = user.path("work").join(".codex");
    fs::create_dir_all(&project).unwrap();
    let toml = format!(
        "[[hooks.{event}]]\n[[hooks.{event}.hooks]]\ntype = \"command\"\ncommand = {}\n",
        Value::from(command)
    );
    fs::write(project.join("config.toml"), toml).unwrap();
}

/// The command that a project's registration has for the event on this system.
fn portable(event: Event, options: &RegistrationOptions) -> String {
    let launcher = if cfg!(windows) { Launcher::PortableWindows } else { Launcher::PortableUnix };
    let registration = Registration::new(options, &launcher, None).unwrap();
    registration.hooks.into_iter().find(|hook| hook.event == event).unwrap().command
}

fn project_not_run() {
    for (codex_is_there, trust) in [(true, "untrusted"), (false, "untrusted"), (true, "trusted")] {
        let mut user = User::new();
        let ran = user.path("ran");
        replace_binary(&user, &json!({"version": "f5-guard 0.0.9", "touches": ran}));
        fs::write(user.config(), "").unwrap();
        // By the path of the user's own binary, which is f5-guard by any name.
        let command = user.command("stop");
        write_projects_hook(&user, "Stop", &command);
        user.codex_says(json!({"hooks": [projects_hook(&user, "stop", &command, trust)]}));
        if !codex_is_there {
            user.codex = user.path("no-codex");
        }
        let (_user, run) = user.run();
        let report = run.json();
        let projects = &report["hooks"].as_array().unwrap()[0];
        // Trusted, it is run: so the file would be there if it had been run before.
        let is_run = trust == "trusted";
        let binary =
            if is_run { "another f5-guard (0.0.9)" } else { "another f5-guard (unknown, it was not run)" };
        assert_eq!(
            (&projects["layer"], &projects["binary"]),
            (&json!("project"), &binary.into()),
            "{projects:#}"
        );
        assert_eq!(ran.exists(), is_run, "a repository's command was run, or a trusted one was not");
    }
}

fn lookalikes() {
    let evil = tempfile::tempdir().unwrap();
    let program = evil.path().join(format!("f5-guard{}", std::env::consts::EXE_SUFFIX));
    let ran = evil.path().join("ran");
    fake::impostor(&program, &json!({"version": "f5-guard 0.0.9", "touches": ran}));
    let command = format!("{} stop", program.display());
    for (event, listed) in [("Stop", "stop"), ("SessionStart", "sessionStart")] {
        for (codex_is_there, trust) in [(true, "untrusted"), (false, "untrusted"), (true, "trusted")] {
            let mut user = User::new();
            write_projects_hook(&user, event, &command);
            let mut entries = user.entries("trusted");
            entries.push(projects_hook(&user, listed, &command, trust));
            user.codex_says(json!({"hooks": entries}));
            if !codex_is_there {
                user.codex = user.path("no-codex");
            }
            let (_user, run) = user.run();
            let (severity, text) = run.finding("lookalike");
            assert_eq!((run.code, severity.as_str()), (Some(1), "problem"), "{event} {trust}");
            assert!(text.contains(event) && text.contains("config.toml"), "{text}");
            assert!(!ran.exists(), "not even asked for its version");
        }
    }
    // In a file that Codex does not take hooks from it can't be trusted by mistake.
    let user = User::new();
    write_projects_hook(&user, "Stop", &command);
    let (_user, run) = user.run();
    assert_eq!((run.code, run.finding("lookalike").0.as_str()), (Some(0), "warning"));
}

fn addresses() {
    let elsewhere = F5::builder().never_called().start();
    let options = RegistrationOptions {
        matcher: None,
        enforced: Enforced { base_url: Some(elsewhere.base_url().into()), ..Enforced::default() },
    };
    let command = portable(Event::Stop, &options);
    let its_own = |user: &User| format!("{} --base-url {}", user.command("stop"), elsewhere.base_url());
    // A project's, of which Codex knows; one of a user whom Codex could not be asked about; the user's own.
    for (projects, codex_is_there, trust) in [
        (true, true, "untrusted"),
        (true, true, "modified"),
        (true, false, "untrusted"),
        (false, true, "untrusted"),
    ] {
        let mut user = User::new();
        fs::write(user.config(), "").unwrap();
        let mut entry = projects_hook(&user, "stop", &command, trust);
        if projects {
            write_projects_hook(&user, "Stop", &command);
        } else {
            entry["source"] = "user".into();
            entry["command"] = its_own(&user).into();
        }
        user.codex_says(json!({"hooks": [entry]}));
        if !codex_is_there {
            user.codex = user.path("no-codex");
        }
        let (user, run) = user.run();
        let report = run.json();
        let settings = report["settings"].as_array().unwrap();
        let url = settings.iter().find(|setting| setting["name"] == "base URL").unwrap();
        assert_eq!(url["source"], "F5_GUARDRAILS_BASE_URL", "{projects} {codex_is_there} {trust}");
        assert_eq!(user.api.inputs().len(), 1, "the greeting goes to the user's own address");
    }
    assert_eq!(elsewhere.connections(), 0);
    // The user's own file counts where Codex can't be asked.
    let here = F5::builder().start();
    let mut user = User::with(F5::builder().may_stay_idle().start());
    let command = format!("{} --base-url {}", user.command("stop"), here.base_url());
    let toml = format!(
        "[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = \"command\"\ncommand = {}\n",
        Value::from(command)
    );
    fs::write(user.config(), toml).unwrap();
    user.codex = user.path("no-codex");
    let (_user, _run) = user.run();
    assert_eq!(here.inputs().len(), 1);
}

fn old_registration() {
    let user = User::new();
    let mut entries = user.entries("trusted");
    for entry in &mut entries {
        entry["command"] = format!("{} --hook-timeout 15", entry["command"].as_str().unwrap()).into();
        entry["timeoutSec"] = 15.into();
    }
    user.codex_says(json!({"hooks": entries}));
    let (_, run) = user.run();
    let (severity, text) = run.finding("old-registration");
    assert_eq!((run.code, severity.as_str()), (Some(0), "warning"), "{}", run.stdout);
    assert!(text.contains("15 s"), "{text}");
}

/// A service that does not answer keeps it waiting for longer than a second.
#[cfg(unix)]
fn progress() {
    let user = User::with(F5::builder().may_stay_idle().always(Fault::HangAfterRequest).start());
    let user = user.set("F5_GUARDRAILS_TIMEOUT", "3");
    let mut terminal = terminal::Terminal::of(user.doctor());
    terminal.wait_for("f5-guard doctor has the F5 service scan a greeting …");
    terminal.wait_for("\r\u{1b}[K");
    terminal.wait_for("REGISTERED, NOT SCANNING");
    let (code, shown, _) = terminal.end();
    assert_eq!(code, Some(1), "{shown}");
    // Off a terminal nothing of that is said.
    let run = user.text();
    assert!(run.stderr.is_empty(), "{}", run.stderr);
}

/// These tests play the server: their own process has no token.
#[cfg(target_os = "linux")]
fn background_server() {
    let user = User::new();
    let folder = user.home().join("app-server-control");
    fs::create_dir(&folder).unwrap();
    let _server = std::os::unix::net::UnixListener::bind(folder.join("app-server-control.sock")).unwrap();
    let (_user, run) = user.run();
    let (severity, text) = run.finding("background-server");
    assert_eq!((run.code, severity.as_str()), (Some(1), "problem"));
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    assert!(text.contains("API token: not set") && !text.contains(TOKEN), "{text}");
}

/// Below a desktop app there is no console to share: then each of these would open a window.
#[cfg(windows)]
fn no_window() {
    let user = User::new();
    let [of_codex, of_hook] = ["codex.json", "hook.json"].map(|name| user.path(name));
    replace_binary(&user, &json!({"version": "f5-guard 0.0.9", "touches": of_hook}));
    user.codex_says(json!({"hooks": user.entries("trusted"), "touches": of_codex}));
    let (_user, run) = user.run();
    // Codex is asked once at least, and each hook is tried.
    for (path, least) in [(of_codex, 1), (of_hook, user::EVENTS.len())] {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.lines().count() >= least, "{text}");
        for line in text.lines() {
            let console: Value = serde_json::from_str(line).unwrap();
            assert_eq!(console["window"], false, "{}", path.display());
            // A console of its own, of which Windows shows nothing: the child and the shell that started it.
            let processes = console["processes"].as_array().unwrap();
            assert!(
                !processes.is_empty() && !processes.contains(&run.id.into()),
                "{}: {line}",
                path.display()
            );
        }
    }
}

fn offline() {
    let (user, run) = User::with(F5::builder().never_called().start()).argument("--offline").run();
    assert_eq!((run.code, run.finding("service-not-tried").0.as_str()), (Some(2), "unknown"));
    assert_eq!(run.json()["state"], "not_proven");
    assert_eq!(user.api.connections(), 0);
}

fn outage() {
    let user =
        User::with(F5::builder().first(Fault::HangAfterRequest).first(Fault::HangAfterRequest).start());
    let user = user.set("F5_GUARDRAILS_TIMEOUT", "8");
    std::thread::scope(|scope| {
        for text in ["one", "another"] {
            let user = &user;
            scope.spawn(move || assert!(user.hook(text).contains("did not finish")));
        }
    });
    let (user, run) = user.argument("--offline").run();
    let (severity, text) = run.finding("outage");
    assert_eq!(severity, "warning");
    assert!(text.contains("(connected, no answer in 8 s) and have scanned nothing for "), "{text}");
    let user = User { arguments: vec![], ..user };
    let (user, run) = user.run();
    let (severity, text) = run.finding("outage");
    assert_eq!((run.code, severity.as_str()), (Some(0), "note"));
    assert!(text.contains("The doctor's own scan succeeded, so they scan again."), "{text}");
    assert_eq!(user.hook("a third"), "", "cleared");
    assert_eq!(user.api.scans().len(), 4);
}

fn objecting() {
    let (_, run) = User::with(F5::answering(Verdict::flagged())).run();
    assert_eq!((run.code, run.finding("service-objects").0.as_str()), (Some(2), "unknown"));
}

fn log_problems() {
    let user = User::new();
    fs::create_dir(user.home().join("logs")).unwrap();
    let line = r#"{"timestamp":"2026-01-02T03:04:05Z","level":"WARN","message":"decision","event":"Stop","error":"The connection was refused."}"#;
    fs::write(user.home().join("logs").join("f5_guardrails.log"), format!("{line}\n")).unwrap();
    let run = user.argument("--verbose").text();
    assert_eq!(run.code, Some(0), "{}", run.stdout);
    assert!(
        run.stdout.contains("2026-01-02T03:04:05Z WARN Stop · The connection was refused."),
        "{}",
        run.stdout
    );
}

fn log_not_writable() {
    let user = User::new();
    let folder = user.path("a-folder");
    fs::create_dir(&folder).unwrap();
    let (_, run) = user.set("F5_GUARDRAILS_LOG_FILE", folder.display().to_string()).run();
    assert_eq!((run.code, run.finding("log-file").0.as_str()), (Some(0), "warning"));
}

#[cfg(unix)]
fn log_is_a_link() {
    let user = User::new();
    let link = user.path("link.log");
    std::os::unix::fs::symlink(user.config(), &link).unwrap();
    let (_, run) = user.set("F5_GUARDRAILS_LOG_FILE", link.display().to_string()).run();
    let (severity, text) = run.finding("log-file");
    assert_eq!((run.code, severity.as_str()), (Some(0), "warning"));
    assert!(text.contains("it is a link"), "{text}");
}

fn relative_log() {
    for (mode, code, expected) in [("open", 0, "warning"), ("closed", 1, "problem")] {
        let user = User::new().set("F5_GUARDRAILS_FAIL_MODE", mode);
        let (_, run) = user.set("F5_GUARDRAILS_LOG_FILE", "x.log").run();
        let (severity, text) = run.finding("setting");
        assert_eq!((run.code, severity.as_str()), (Some(code), expected), "{}", run.stdout);
        assert!(text.contains("F5_GUARDRAILS_LOG_FILE is not an absolute path"), "{text}");
    }
}

fn token_visible() {
    let user = User::new();
    user.codex_says(json!({"hooks": user.entries("trusted"), "seen": "F5_GUARDRAILS_API_TOKEN\n"}));
    let (_, run) = user.run();
    assert_eq!(run.code, Some(0), "{}", run.stdout);
    assert!(run.stdout.contains("token-visible") && run.stdout.contains("--hide-token"), "{}", run.stdout);
}

fn no_secrets() {
    const PLANTED: &str = "planted-Zk83hQw0";
    // Not the token, so that hiding the token does not hide it.
    const PASSWORD: &str = "Zk83hQw0-pass";
    for json in [false, true] {
        let mut user = User::new()
            .set("F5_GUARDRAILS_API_TOKEN", PLANTED)
            .set("F5_GLOBAL_API_TOKEN", format!("{PLANTED}-global"))
            .set("F5_GUARDRAILS_BASE_URL", format!("https://ann:{PASSWORD}@127.0.0.1:1/x"))
            .set("HTTPS_PROXY", format!("http://ann:{PASSWORD}@127.0.0.1:1"))
            .set("F5_GUARDRAILS_PROJECT_ID", format!("p-{PLANTED}"))
            .set("F5_GUARDRAILS_TIMEOUT", PASSWORD)
            .set("F5_GUARDRAILS_FAIL_MODE", PLANTED)
            .set("F5_GUARDRAILS_LOG_LEVEL", PASSWORD)
            .set("F5_GUARDRAILS_CA_BUNDLE", format!("/nowhere/{PLANTED}"));
        fs::create_dir(user.home().join("logs")).unwrap();
        let line = json!({"timestamp": PLANTED, "level": "ERROR", "message": format!("token {PLANTED}")});
        fs::write(user.home().join("logs").join("f5_guardrails.log"), format!("{line}\n")).unwrap();
        let mut entries = user.entries("trusted");
        let command = format!("{} --base-url https://bob:{PASSWORD}@h.test/", user.command("stop"));
        entries[3]["command"] = command.into();
        entries[2]["command"] = format!("echo {PLANTED}; f5-guard stop").into();
        let warnings = json!([format!("warned about \"{PLANTED}\" and {PLANTED}")]);
        user.codex_says(json!({"hooks": entries, "warnings": warnings}));
        user = user.argument(if json { "--json" } else { "--verbose" });
        let run = user.text();
        assert!(run.code.is_some() && run.stdout.contains("characters"), "{}", run.stdout);
        for output in [&run.stdout, &run.stderr] {
            assert!(!output.contains("Zk83hQw0"), "{output}");
        }
    }
}

fn no_colour() {
    let run = User::new().set("NO_COLOR", "1").text();
    assert!(run.stdout.contains("PROTECTED") && !run.stdout.contains('\u{1b}'), "{}", run.stdout);
    assert!(run.stdout.lines().count() < 60, "it must fit on one screen: {}", run.stdout);
}
