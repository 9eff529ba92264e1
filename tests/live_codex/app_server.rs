//! Codex as the desktop app and the editors run it: `codex app-server`, JSON-RPC with one object a line.
//!
//! It shows what `codex exec` keeps to itself: the words that each hook puts before the user. It also runs trusted
//! hooks only, so that trust is given here the way Codex itself gives it.

use crate::codex::{self, KILL_AFTER, Running};
use crate::stage::Stage;
use serde_json::{Map, Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc;

/// One finished hook.
#[derive(Debug)]
pub struct HookRun {
    /// `userPromptSubmit`, `preToolUse`, …
    pub event: String,
    /// `completed`, `blocked`, `stopped` or `failed`.
    pub status: String,
    /// What is put before the user, each with its kind: `warning`, `feedback`, `context`, `stop` or `error`.
    pub entries: Vec<(String, String)>,
}

impl HookRun {
    /// The text of the entry of this kind; empty without one.
    pub fn text(&self, kind: &str) -> &str {
        self.entries.iter().find(|(found, _)| found == kind).map_or("", |(_, text)| text)
    }
}

impl Stage {
    /// Trusts the registered hooks, runs one turn with this prompt, and returns the hooks that ran.
    ///
    /// # Panics
    /// Where a hook failed.
    pub fn app(&self, prompt: &str) -> Vec<HookRun> {
        self.app_session(|session| session.turn(prompt))
    }

    /// Trusts the registered hooks, has one session of several turns, and returns the hooks that ran.
    ///
    /// # Panics
    /// Where a hook failed.
    pub fn app_session(&self, story: impl FnOnce(&mut Session<'_>)) -> Vec<HookRun> {
        self.write_config();
        let mut app = App::start(self);
        app.ask("initialize", json!({ "clientInfo": { "name": "live", "title": "live", "version": "0" } }));
        app.send(&json!({ "method": "initialized" }));
        app.trust_hooks(self);
        let thread = app.ask(
            "thread/start",
            json!({ "cwd": self.work(), "sandbox": "danger-full-access", "approvalPolicy": "never" }),
        );
        let id = thread["thread"]["id"].clone();
        story(&mut Session { app: &mut app, id });
        assert!(!self.model.overran(), "Codex called the model again and again");
        assert!(app.hooks.iter().all(|hook| hook.status != "failed"), "a hook failed: {:?}", app.hooks);
        app.hooks
    }
}

/// A thread of the app.
pub struct Session<'a> {
    app: &'a mut App,
    id: Value,
}

impl Session<'_> {
    /// One turn, to its end.
    pub fn turn(&mut self, prompt: &str) {
        let input = json!([{ "type": "text", "text": prompt }]);
        self.app.ask("turn/start", json!({ "threadId": self.id, "input": input }));
        self.is_over();
    }

    /// What the user types behind `!`.
    #[cfg(unix)] // the command is a line for a Unix shell
    pub fn shell_command(&mut self, command: &str) {
        self.app.ask("thread/shellCommand", json!({ "threadId": self.id, "command": command }));
        self.is_over();
    }

    /// Goes on in a copy of the session.
    #[cfg(unix)] // the test of it has a command for a Unix shell
    pub fn fork(&mut self) {
        let fork = self.app.ask("thread/fork", json!({ "threadId": self.id }));
        self.id = fork["thread"]["id"].clone();
    }

    fn is_over(&mut self) {
        // A sub-agent has a thread, and turns, of its own.
        let id = self.id.clone();
        self.app
            .until(|message| message["method"] == "turn/completed" && message["params"]["threadId"] == id);
    }
}

pub struct App {
    codex: Running,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
    asked: usize,
    hooks: Vec<HookRun>,
}

impl App {
    fn start(stage: &Stage) -> Self {
        let mut command = codex::command(stage.home(), stage.work(), stage.variables(), stage.starter());
        command.arg("app-server").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut codex = Running::start(&mut command);
        let input = codex.child.stdin.take().expect("a piped stdin");
        let output = BufReader::new(codex.child.stdout.take().expect("a piped stdout"));
        let (line, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for text in output.lines().map_while(Result::ok) {
                if line.send(text).is_err() {
                    break;
                }
            }
        });
        Self { codex, input, lines, asked: 0, hooks: Vec::new() }
    }

    /// Gives every registered hook the trust that Codex's own screen would give it.
    fn trust_hooks(&mut self, stage: &Stage) {
        let listed = self.ask("hooks/list", json!({ "cwds": [stage.work()] }));
        let folders = listed["data"].as_array().into_iter().flatten();
        let hooks = folders.flat_map(|folder| folder["hooks"].as_array().into_iter().flatten());
        let trust: Map<String, Value> = hooks
            .filter_map(|hook| {
                Some((hook["key"].as_str()?.to_owned(), json!({ "trusted_hash": hook["currentHash"] })))
            })
            .collect();
        assert!(!trust.is_empty(), "Codex lists none of the hooks: {listed}");
        let edit = json!({ "keyPath": "hooks.state", "value": trust, "mergeStrategy": "upsert" });
        self.ask("config/batchWrite", json!({ "edits": [edit] }));
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.input, "{message}").expect("Codex reads its stdin");
    }

    /// Calls a method and returns its result.
    fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.asked += 1;
        let id = json!(self.asked);
        self.send(&json!({ "id": id, "method": method, "params": parameters }));
        let answer = self.until(|message| message["id"] == id && message.get("method").is_none());
        answer.get("result").unwrap_or_else(|| panic!("{method} failed: {answer}")).clone()
    }

    /// Reads on until a message fits, and keeps what is said about hooks on the way.
    fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = match self.lines.recv_timeout(KILL_AFTER) {
                Ok(line) => line,
                Err(mpsc::RecvTimeoutError::Timeout) => self.codex.hangs(),
                Err(mpsc::RecvTimeoutError::Disconnected) => panic!("codex app-server ended early"),
            };
            let message: Value = serde_json::from_str(&line).expect("a JSON object a line");
            if message["method"] == "hook/completed" {
                self.hooks.push(finished(&message["params"]["run"]));
            }
            if fits(&message) {
                return message;
            }
        }
    }
}

fn finished(run: &Value) -> HookRun {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entries = run["entries"].as_array().into_iter().flatten();
    HookRun {
        event: word(&run["eventName"]),
        status: word(&run["status"]),
        entries: entries.map(|entry| (word(&entry["kind"]), word(&entry["text"]))).collect(),
    }
}
