//! What the doctor says, and what the real Codex then does:
//! `F5_GUARD_TEST_CODEX=/path/to/codex cargo test --test live_doctor -- --ignored`

#![allow(clippy::restriction)] // a test may panic
#![cfg(target_os = "linux")]

#[path = "live_doctor/background.rs"]
mod background_server;
#[path = "support/own.rs"]
mod own;
#[path = "live_doctor/profile.rs"]
mod profile;
#[path = "live_doctor/quiet.rs"]
mod quiet;
#[path = "live_doctor/sabotage.rs"]
mod sabotage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use f5_guard::internals::codex::app_server::AppServer;
use f5_guard::internals::codex::home::{CodexHome, Origin};
use f5_guard::internals::codex::trust::{self, Review};
use f5_stand_in::f5::{F5, TOKEN, Verdict};
use f5_stand_in::model::{Item, Model};
use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_f5-guard");
const LIMIT: Duration = Duration::from_secs(60);
/// What the service objects to.
const FLAGGED: &str = "FLAG-ME";
const PROMPT: &str = "say hello to the doctor";
const EVENTS: [(&str, &str); 5] = [
    ("UserPromptSubmit", "user-prompt-submit"),
    ("PreToolUse", "pre-tool-use"),
    ("PostToolUse", "post-tool-use"),
    ("Stop", "stop"),
    ("SubagentStop", "stop"),
];

fn real_codex() -> PathBuf {
    std::env::var_os("F5_GUARD_TEST_CODEX").expect("F5_GUARD_TEST_CODEX must name the real codex").into()
}

/// Whether programs run in a mount namespace where `requirements.toml` of the home is the administrator's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Etc {
    AsItIs,
    Managed,
}

struct Machine {
    dir: TempDir,
    api: F5,
    model: Model,
    etc: Etc,
    /// Set besides, or taken away.
    variables: Vec<(&'static str, Option<String>)>,
    /// The name of Codex's home in the user's folder.
    home: &'static str,
}

impl Machine {
    fn new(etc: Etc) -> Self {
        Self::at(etc, "home")
    }

    fn at(etc: Etc, home: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("work")).unwrap();
        fs::create_dir_all(dir.path().join(home).join("hooks/f5_guardrails")).unwrap();
        let answer = |_: usize, _: &_| vec![Item::message("hello")];
        let api = F5::builder().may_stay_idle().when(FLAGGED, Verdict::flagged()).start();
        let machine = Self { dir, api, model: Model::answering(answer), etc, variables: vec![], home };
        own::put(BINARY, machine.installed());
        machine
    }

    /// Registered in the user's file, and trusted.
    fn trusted() -> Self {
        let machine = Self::new(Etc::AsItIs);
        fs::write(machine.config(), machine.registration()).unwrap();
        machine.trust();
        machine
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join(self.home)
    }

    fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    fn config(&self) -> PathBuf {
        self.home().join("config.toml")
    }

    fn installed(&self) -> PathBuf {
        self.home().join("hooks/f5_guardrails/f5-guard")
    }

    fn registration(&self) -> String {
        let binary = self.installed();
        EVENTS
            .iter()
            .map(|(event, subcommand)| {
                let command = format!("{} {subcommand}", binary.display());
                format!("[[hooks.{event}]]\n[[hooks.{event}.hooks]]\ntype = \"command\"\ncommand = \"{command}\"\ntimeout = 60\n\n")
            })
            .collect()
    }

    fn edit(&self, change: impl FnOnce(String) -> String) {
        let config = fs::read_to_string(self.config()).unwrap();
        fs::write(self.config(), change(config)).unwrap();
    }

    fn trust(&self) {
        let home = CodexHome { path: self.home(), origin: Origin::Variable };
        let mut server = AppServer::start(&real_codex(), &home, &self.work(), LIMIT).unwrap();
        let hooks = Review::of(&server.list_hooks_in(&self.work()).unwrap(), &|_| true).to_trust();
        assert_eq!(hooks.len(), EVENTS.len());
        trust::trust(&mut server, &self.work(), &hooks).unwrap();
    }

    fn run(&self, program: &Path, arguments: &[String]) -> Output {
        let mut command = match self.etc {
            Etc::AsItIs => Command::new(program),
            Etc::Managed => {
                let script =
                    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live_codex_trust/managed-codex.sh");
                let mut command = Command::new(script);
                command.env("F5_GUARD_TEST_CODEX", program);
                command
            }
        };
        command
            .args(arguments)
            .current_dir(self.work())
            .env("HOME", self.dir.path())
            .env("CODEX_HOME", self.home())
            .env("F5_GUARDRAILS_API_TOKEN", TOKEN)
            .env("F5_GUARDRAILS_BASE_URL", self.api.base_url())
            .env("F5_GUARDRAILS_TIMEOUT", "30")
            .env("NO_PROXY", "127.0.0.1")
            .env("STUB_KEY", "k");
        for (name, value) in &self.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn doctor(&self) -> (Option<i32>, Value) {
        self.doctor_with(&[])
    }

    fn doctor_with(&self, more: &[&str]) -> (Option<i32>, Value) {
        let codex = real_codex().display().to_string();
        let arguments = [&["doctor", "--json", "--codex", &codex], more].concat();
        let output =
            self.run(Path::new(BINARY), &arguments.iter().map(ToString::to_string).collect::<Vec<_>>());
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        assert!(!String::from_utf8_lossy(&output.stdout).contains(TOKEN));
        (output.status.code(), report)
    }

    /// One prompt through `codex exec`, without any bypass flag: was it scanned?
    fn codex_scans(&self) -> bool {
        let provider = format!(
            "{{name=\"stub\",base_url=\"{}\",wire_api=\"responses\",env_key=\"STUB_KEY\",\
             request_max_retries=0,stream_max_retries=0}}",
            self.model.base_url()
        );
        let mut arguments = ["exec", "--skip-git-repo-check", "-s", "read-only"].map(String::from).to_vec();
        for setting in [
            "model=\"gpt-5.5\"".into(),
            "model_provider=\"stub\"".into(),
            format!("model_providers.stub={provider}"),
        ] {
            arguments.extend(["-c".into(), setting]);
        }
        arguments.push(PROMPT.into());
        let output = self.run(&real_codex(), &arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.api.inputs().iter().any(|input| input == PROMPT)
    }

    /// The doctor's verdict is what Codex does; the report has this finding, if any, and this standing in every hook.
    fn agrees(&self, code: i32, finding: Option<&str>, standing: Option<&str>) {
        let (exit, report) = self.doctor();
        assert_eq!(exit, Some(code), "{report:#}");
        let findings: Vec<_> =
            report["findings"].as_array().unwrap().iter().filter_map(|f| f["id"].as_str()).collect();
        assert!(finding.is_none_or(|id| findings.contains(&id)), "{findings:?}");
        let hooks = report["hooks"].as_array().unwrap();
        if let Some(standing) = standing {
            assert_eq!(hooks.len(), EVENTS.len(), "{report:#}");
            assert!(hooks.iter().all(|hook| hook["standing"] == standing), "{report:#}");
        }
        assert_eq!(self.codex_scans(), code == 0, "the doctor says {report:#}");
    }
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn untrusted_hooks_do_not_run() {
    let machine = Machine::new(Etc::AsItIs);
    fs::write(machine.config(), machine.registration()).unwrap();
    machine.agrees(1, Some("untrusted"), Some("untrusted"));
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn a_token_that_commands_see_is_found_and_a_hidden_one_is_no_finding() {
    let machine = Machine::trusted();
    let found = |machine: &Machine| {
        let (_, report) = machine.doctor();
        let findings = report["findings"].as_array().unwrap().clone();
        findings.into_iter().find(|finding| finding["id"] == "token-visible")
    };
    let finding = found(&machine).expect("the model's commands see the variable");
    assert!(finding["text"].as_str().unwrap().contains("F5_GUARDRAILS_API_TOKEN"), "{finding}");
    assert!(finding["fix"].as_str().unwrap().contains("--hide-token"), "{finding}");
    machine.edit(|config| config + "\n[shell_environment_policy]\nexclude = [\"F5_*_API_TOKEN\"]\n");
    assert_eq!(found(&machine), None);
    // A project's list takes the place of the user's, once the project is trusted.
    fs::create_dir_all(machine.work().join(".codex")).unwrap();
    fs::create_dir_all(machine.work().join(".git")).unwrap();
    let policy = "[shell_environment_policy]\nexclude = [\"OTHER\"]\n";
    fs::write(machine.work().join(".codex/config.toml"), policy).unwrap();
    let work = machine.work().canonicalize().unwrap();
    machine
        .edit(|config| config + &format!("\n[projects.\"{}\"]\ntrust_level = \"trusted\"\n", work.display()));
    assert!(found(&machine).is_some(), "the project uncovers it");
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn trusted_hooks_run() {
    Machine::trusted().agrees(0, None, Some("trusted"));
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn modified_hooks_do_not_run() {
    let machine = Machine::trusted();
    machine.edit(|config| {
        config.replace("stop\"", "stop  \"").replace("-submit\"", "-submit  \"").replace("-use\"", "-use  \"")
    });
    machine.agrees(1, Some("modified"), Some("modified"));
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn disabled_hooks_do_not_run() {
    let machine = Machine::trusted();
    machine.edit(|config| config.replace("trusted_hash", "enabled = false\ntrusted_hash"));
    machine.agrees(1, Some("disabled"), Some("disabled"));
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn with_the_feature_off_nothing_runs() {
    let machine = Machine::trusted();
    machine.edit(|config| format!("{config}\n[features]\nhooks = false\n"));
    machine.agrees(1, Some("hooks-off"), None);
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn without_its_binary_a_trusted_hook_scans_nothing() {
    let machine = Machine::trusted();
    fs::remove_file(machine.installed()).unwrap();
    machine.agrees(1, Some("binary-missing"), Some("trusted"));
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn an_event_that_is_not_registered_is_not_protected() {
    let machine = Machine::new(Etc::AsItIs);
    fs::write(machine.config(), "").unwrap();
    machine.agrees(1, Some("not-registered"), None);
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn a_configuration_that_codex_refuses_is_found() {
    let machine = Machine::trusted();
    machine.edit(|config| format!("model =\n{config}"));
    let (code, report) = machine.doctor();
    assert_eq!(code, Some(1));
    assert_eq!(report["codex"]["config"], "refused", "{report:#}");
}

#[test]
#[ignore = "needs the real Codex and root; set F5_GUARD_TEST_CODEX"]
fn managed_hooks_run_without_trust() {
    let machine = Machine::new(Etc::Managed);
    let managed = format!("[hooks]\nmanaged_dir = \"/opt\"\n\n{}", machine.registration());
    fs::write(machine.home().join("requirements.toml"), managed).unwrap();
    machine.agrees(0, None, Some("managed"));
}

#[test]
#[ignore = "needs the real Codex and root; set F5_GUARD_TEST_CODEX"]
fn a_managed_binary_that_everybody_can_exchange_is_found() {
    use std::os::unix::fs::PermissionsExt;
    let machine = Machine::new(Etc::Managed);
    let managed = format!("[hooks]\nmanaged_dir = \"/opt\"\n\n{}", machine.registration());
    fs::write(machine.home().join("requirements.toml"), managed).unwrap();
    let folder = machine.installed().parent().unwrap().to_owned();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let (code, report) = machine.doctor();
    assert_eq!(code, Some(1), "{report:#}");
    assert!(report["findings"].as_array().unwrap().iter().any(|finding| finding["id"] == "writable"));
}

#[test]
#[ignore = "needs the real Codex and root; set F5_GUARD_TEST_CODEX"]
fn where_only_managed_hooks_are_allowed_a_users_hooks_do_not_run() {
    let mut machine = Machine::trusted();
    machine.etc = Etc::Managed;
    fs::write(machine.home().join("requirements.toml"), "allow_managed_hooks_only = true\n").unwrap();
    machine.agrees(1, Some("managed-only"), None);
}
