//! A user with an installation of their own, whose Codex says what it is told to, and what the doctor says to them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use f5_stand_in::f5::{F5, TOKEN};
use serde_json::{Value, json};

use crate::home::{FakeHome, Run, binary_name};
use crate::{fake, own, shells};

pub const BINARY: &str = env!("CARGO_BIN_EXE_f5-guard");
pub const EVENTS: [(&str, &str, &str); 5] = [
    ("UserPromptSubmit", "userPromptSubmit", "user-prompt-submit"),
    ("PreToolUse", "preToolUse", "pre-tool-use"),
    ("PostToolUse", "postToolUse", "post-tool-use"),
    ("Stop", "stop", "stop"),
    ("SubagentStop", "subagentStop", "stop"),
];

pub struct User {
    pub home: FakeHome,
    pub api: F5,
    pub arguments: Vec<String>,
    pub codex: PathBuf,
}

impl Run {
    /// Severity, text and fix of the finding of this kind.
    pub fn finding(&self, id: &str) -> (String, String) {
        let report = self.json();
        let findings = report["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| finding["id"] == id);
        let found = found.unwrap_or_else(|| panic!("no {id} in {findings:#?}"));
        (found["severity"].as_str().unwrap().into(), found["text"].as_str().unwrap().into())
    }
}

impl User {
    /// Everything in order: binary installed, five hooks registered and trusted, the service clears.
    pub fn new() -> Self {
        Self::with(F5::builder().may_stay_idle().start())
    }

    pub fn with(api: F5) -> Self {
        let mut home = FakeHome::new();
        for folder in ["home", "work"] {
            fs::create_dir(home.path().join(folder)).unwrap();
        }
        let work = home.path().join("work");
        home.set("HOME", &work);
        home.set("USERPROFILE", work);
        home.set("CODEX_HOME", home.path().join("home"));
        home.set("F5_GUARDRAILS_API_TOKEN", TOKEN);
        home.set("F5_GUARDRAILS_BASE_URL", api.base_url());
        home.set("F5_GUARDRAILS_FAIL_MODE", "closed");
        home.set("PATH", shells::path());
        let mut user = Self { home, api, arguments: vec![], codex: std::env::current_exe().unwrap() };
        let installed = user.installed();
        fs::create_dir_all(installed.parent().unwrap()).unwrap();
        own::put(BINARY, &installed);
        if !own::is_ours(&user.codex) {
            let codex = user.path("codex");
            own::put(&user.codex, &codex);
            user.codex = codex;
        }
        user.register("trusted");
        user
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    pub fn installed(&self) -> PathBuf {
        self.home().join("hooks").join("f5_guardrails").join(binary_name())
    }

    /// Moves it away. It is a link to the program that other tests run, and Windows deletes no program that runs.
    pub fn lose_the_binary(&self) {
        fs::rename(self.installed(), self.path("elsewhere.exe")).unwrap();
    }

    pub fn config(&self) -> PathBuf {
        self.home().join("config.toml")
    }

    pub fn command(&self, subcommand: &str) -> String {
        format!("{} {subcommand}", self.installed().display())
    }

    pub fn entries(&self, trust: &str) -> Vec<Value> {
        let entry = |(_, event, subcommand): &(&str, &str, &str)| {
            json!({"key": format!("k:{event}"), "eventName": event, "command": self.command(subcommand),
                "matcher": ".*", "timeoutSec": 60, "statusMessage": null, "sourcePath": self.config(),
                "source": "user", "enabled": true, "isManaged": false, "currentHash": "sha256:1",
                "trustStatus": trust})
        };
        EVENTS.iter().map(entry).collect()
    }

    /// In the user's file, and in Codex's eyes.
    pub fn register(&mut self, trust: &str) {
        let hooks: String = EVENTS
            .iter()
            .map(|(event, _, subcommand)| {
                let command = Value::from(self.command(subcommand));
                format!("[[hooks.{event}]]\n[[hooks.{event}.hooks]]\ntype = \"command\"\ncommand = {command}\ntimeout = 60\n")
            })
            .collect();
        fs::write(self.config(), hooks).unwrap();
        self.codex_says(json!({"hooks": self.entries(trust)}));
    }

    pub fn codex_says(&self, script: Value) {
        fake::script(&self.home(), &script);
    }

    /// Codex's list with another first entry.
    pub fn with_first(&self, change: impl FnOnce(&mut Value)) {
        let mut entries = self.entries("trusted");
        change(&mut entries[0]);
        self.codex_says(json!({"hooks": entries}));
    }

    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.home.set(name, value.into());
        self
    }

    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// What a hook for the final answer says, with this text in it.
    pub fn hook(&self, text: &str) -> String {
        let sample = include_str!("../samples/codex/stop.json").replace("All done", text);
        let mut hook = self.home.command(BINARY);
        hook.arg("stop");
        Run::of(&mut hook, sample.as_bytes()).stdout
    }

    /// The doctor, in the folder of the session.
    pub fn doctor(&self) -> Command {
        let mut command = self.home.command(BINARY);
        // A console of its own, which its children must not share.
        #[cfg(windows)]
        std::os::windows::process::CommandExt::creation_flags(
            &mut command,
            windows_sys::Win32::System::Threading::CREATE_NO_WINDOW,
        );
        command.arg("doctor").arg("--codex").arg(&self.codex).args(&self.arguments);
        command.current_dir(self.path("work"));
        command
    }

    pub fn text(&self) -> Run {
        Run::of(&mut self.doctor(), b"")
    }

    pub fn run(self) -> (Self, Run) {
        let user = self.argument("--json");
        let run = user.text();
        (user, run)
    }
}
