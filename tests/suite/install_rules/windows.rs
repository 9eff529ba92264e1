//! The built installer on Windows: user folders that need a short name, programs that run while they are replaced or
//! removed, the machine's folder.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use f5_guard::internals::codex::layers::ConfigFormat;
use f5_guard::internals::event::Event;
use f5_guard::internals::registration::{KnownBinaries, registered};
use f5_stand_in::f5::{F5, TOKEN, Verdict};
use serde_json::{Value, json};

use super::INSTALL;
use crate::install_support::{Home, program};
use crate::shells;
use crate::support::powershell::{self, Statement};

/// What `install` registered for the event: the line, word by word as PowerShell reads it.
fn command(home: &Home, event: Event) -> (String, Vec<String>) {
    let bytes = fs::read(home.codex().join("config.toml")).unwrap();
    let events = registered(ConfigFormat::ConfigToml, &bytes, &KnownBinaries::default()).unwrap();
    let groups =
        events.into_iter().filter(|found| found.event == event.name()).flat_map(|found| found.groups);
    let mut handlers = groups.flat_map(|group| group.handlers);
    let line = handlers.next().expect("a registered hook").command().to_owned();
    match powershell::parse(&line) {
        Ok(Statement::Command(words)) => (line, words),
        other => panic!("PowerShell does not run {line}: {other:?}"),
    }
}

fn payload(event: Event) -> Value {
    json!({"session_id": "s", "turn_id": "t", "transcript_path": null, "cwd": "C:\\", "hook_event_name": event.name(),
        "model": "m", "permission_mode": "default", "prompt": "a text", "tool_name": "Bash",
        "tool_input": {"command": "a text"}, "tool_response": "a text", "tool_use_id": "u",
        "stop_hook_active": false, "last_assistant_message": "a text"})
}

/// Starts the registered line as Codex does where there is no PowerShell, and hands it the payload.
fn start(home: &Home, api: &F5, line: &str, payload: &Value) -> Child {
    let mut hook = cmd(line, "", home, api).spawn().unwrap();
    hook.stdin.take().unwrap().write_all(payload.to_string().as_bytes()).unwrap();
    hook
}

fn cmd(line: &str, path: impl AsRef<OsStr>, home: &Home, api: &F5) -> Command {
    let mut command = Command::new("cmd.exe");
    command.env_clear().env("PATH", path);
    command.envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
    command.args(["/C", line]).env("USERPROFILE", home.path()).current_dir(home.path());
    command.env("F5_GUARDRAILS_API_TOKEN", TOKEN).env("F5_GUARDRAILS_BASE_URL", api.base_url());
    command.env("F5_GUARDRAILS_POST_STRICT", "true");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn answer(hook: Child) -> Value {
    let done = hook.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stdout));
    serde_json::from_slice(&done.stdout).unwrap()
}

#[test]
fn a_user_folder_with_a_space_gets_hooks_that_run_a_healthy_doctor_and_a_clean_uninstallation() {
    let home = Home::of_user("John Doe & Söhne ").set("F5_GUARDRAILS_API_TOKEN", TOKEN);
    let home = home.set("PATH", &shells::path());
    home.write("config.toml", b"# mine\r\nmodel = \"x\"\r\n");
    let before = home.contents();
    home.run(&INSTALL).succeeds("install");
    for event in Event::ALL {
        let (line, words) = command(&home, event);
        assert_eq!(fs::canonicalize(&words[0]).unwrap(), fs::canonicalize(home.binary()).unwrap());
        assert_eq!(words[1], event.subcommand());
        let api = F5::answering(Verdict::flagged());
        let said = answer(start(&home, &api, &line, &payload(event))).to_string();
        assert!(said.contains("F5"), "{said}");
        assert_eq!(api.inputs().len(), 1, "{}", event.name());
    }
    fs::remove_dir_all(home.codex().join("logs")).unwrap();

    let doctor = home.run(&["doctor", "--json", "--offline"]);
    let report: Value = serde_json::from_str(&doctor.stdout).unwrap();
    let hooks = report["hooks"].as_array().unwrap();
    assert_eq!(hooks.len(), 5, "{report:#}");
    for hook in hooks {
        assert_eq!(hook["binary"], "this f5-guard");
    }

    home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
    home.is_as(&before, "uninstall");
}

/// Another f5-guard than the built one: the linker's end of the file is not the system's.
fn newer(home: &Home) -> PathBuf {
    let path = home.path().join("newer.exe");
    let mut bytes = fs::read(program()).unwrap();
    bytes.extend(b"newer");
    fs::write(&path, bytes).unwrap();
    path
}

fn beside_the_binary(home: &Home) -> Vec<String> {
    let Ok(entries) = fs::read_dir(home.binary().parent().unwrap()) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn set_aside(home: &Home) -> usize {
    beside_the_binary(home).iter().filter(|name| name.contains(".exe.old-")).count()
}

#[test]
fn an_upgrade_replaces_the_program_of_a_running_hook_which_ends_in_peace() {
    let home = Home::new();
    let before = home.contents();
    home.run(&INSTALL).succeeds("install");
    let registered = home.read("config.toml");
    let newer = newer(&home);
    let api = F5::builder().hold_until(2).always(Verdict::flagged()).start();
    let (line, _) = command(&home, Event::PreToolUse);
    let hook = start(&home, &api, &line, &payload(Event::PreToolUse));
    while api.requests().is_empty() {
        std::thread::yield_now();
    }

    home.run_of(&newer, &INSTALL).succeeds("upgrade");

    assert_eq!(fs::read(home.binary()).unwrap(), fs::read(&newer).unwrap());
    assert_eq!(home.read("config.toml"), registered, "the same words keep their trust");
    assert_eq!(set_aside(&home), 1, "the old one runs");
    // The second scan that the first is held for.
    let second = start(&home, &api, &line, &payload(Event::PreToolUse));
    for hook in [hook, second] {
        assert_eq!(answer(hook)["hookSpecificOutput"]["permissionDecision"], "deny");
    }
    home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
    fs::remove_dir_all(home.codex().join("logs")).unwrap();
    home.is_as(&before, "the old program is gone too");
}

#[test]
fn the_installed_program_removes_its_own_installation() {
    let home = Home::new();
    home.write("config.toml", b"model = \"x\"\r\n");
    home.run(&INSTALL).succeeds("install");
    let said = home.run_of(&home.binary(), &["uninstall", "--scope", "user"]).succeeds("uninstall");
    assert_eq!(home.read("config.toml"), "model = \"x\"\r\n");
    assert!(!home.binary().exists());
    assert!(said.contains("it is running"), "{said}");
    assert_eq!((set_aside(&home), beside_the_binary(&home).len()), (1, 1), "{:?}", beside_the_binary(&home));
    home.run(&INSTALL).succeeds("install again");
    assert_eq!(set_aside(&home), 0, "the next installation clears it away");
}

#[test]
fn a_managed_folder_that_others_can_change_is_refused_and_not_left_behind() {
    let home = Home::new();
    let before = home.contents();
    let managed = home.path().join("managed");
    let said = home
        .run(&[
            "install",
            "--scope",
            "system",
            "--managed-dir",
            managed.to_str().unwrap(),
            "--skip-smoketest",
        ])
        .refuses();
    // Whichever of the two this process is.
    assert!(said.contains("can change") || said.contains("Administrator"), "{said}");
    assert!(!managed.exists());
    home.is_as(&before, "nothing was registered");
}

#[test]
fn the_machines_folder_is_not_taken_from_the_environment() {
    let home = Home::new();
    let true_folder = f5_guard::internals::windows::api::program_data().unwrap();
    let lie = home.path().join("a folder of anybody");
    fs::create_dir(&lie).unwrap();
    let home = home.set("ProgramData", lie.to_str().unwrap());
    let run = home.run(&["install", "--scope", "system", "--dry-run"]);
    // Under Wine the true folder is an ordinary user's, and is refused by its name.
    let refused = run.code == Some(1);
    let said = if refused { run.refuses() } else { run.succeeds("a dry run") };
    let shown = |path: &Path| said.contains(&path.display().to_string());
    assert!(!shown(&lie), "{said}");
    if refused && said.contains("so it is not started") {
        // Under Wine an ordinary user has every program, and an administrator's install starts none of those.
        return;
    }
    assert!(shown(&true_folder.join(r"OpenAI\Codex\requirements.toml")), "{said}");
    if refused {
        return;
    }
    assert!(shown(&true_folder.join(r"f5-guard\f5-guard.exe")), "{said}");
    let line = format!("command_windows = '{}\\f5-guard\\f5-guard.exe stop", true_folder.display());
    assert!(said.contains(&line), "{said}");
}

#[test]
fn a_projects_command_says_no_under_cmd_and_runs_nothing_that_the_repository_holds() {
    let home = Home::new();
    let line = ["install", "--scope", "project", "--print", "hooks-json", "--for-windows"];
    let printed: Value = serde_json::from_str(&home.run(&line).succeeds("print")).unwrap();
    let repository = home.path().join("repository");
    fs::create_dir(&repository).unwrap();
    // Programs by the names of all words that cmd.exe could take for one: what runs there scans.
    for name in ["f5-guard", "set", "echo", "exit", "rem", "f5", "2", "1"] {
        fs::copy(program(), repository.join(format!("{name}.exe"))).unwrap();
    }
    for event in Event::ALL {
        let line = printed["hooks"][event.name()][0]["hooks"][0]["command"].as_str().unwrap();
        let api = F5::builder().never_called().start();
        let mut command = cmd(line, &repository, &home, &api);
        let mut hook = command.current_dir(&repository).stderr(Stdio::piped()).spawn().unwrap();
        // It need not read.
        let _ = hook.stdin.take().unwrap().write_all(payload(event).to_string().as_bytes());
        let done = hook.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(if event.ends_a_turn() { 1 } else { 2 }), "{said}");
        assert!(said.starts_with("F5 Guardrails could not check this") && done.stdout.is_empty(), "{said}");
    }
}
