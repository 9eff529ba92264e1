//! Whether Codex runs the hooks and obeys them, found out by trying: a Codex with the user's own configuration, shell and
//! environment gets prompts, commands, outputs and answers that each hook has to block, from a model that the doctor plays.
//!
//! Nothing of it is kept: the session is ephemeral, the model is gone afterwards, and the user's own provider, MCP servers
//! and `notify` have no part in it. The session has Codex's sandbox that only reads, which every administrator allows.

mod dot_env;
mod model;
mod outcome;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

pub use dot_env::DotEnv;
use model::{Model, Task};
pub use outcome::{EventProof, LostRun};
use outcome::{Run, judge};

use crate::access::Privilege;
use crate::codex::app_server::{AppServer, AppServerError};
use crate::event::Event;
use crate::proof::{Greeting, Message, Moment, Nonce, NonceFile, Pending};
use crate::system::Env;

use super::facts::SettingRow;
use super::sanitizer::Sanitizer;

/// What a hook says that answers.
pub type Answer = crate::proof::Report<SettingRow>;

/// How long Codex may take for one turn. Hooks of others run in it, too.
const TURN_TIME: Duration = Duration::from_secs(40);

/// A model of Codex's catalogue that has a shell, where the user's own has none.
const WITH_SHELL: &str = "gpt-5.5";

/// What was found out about each event, in the order of a turn.
#[derive(Debug, Clone)]
pub struct Proof {
    pub events: Vec<(Event, EventProof)>,
    /// What came of the scan of a greeting by the prompt's hook, with the hooks' settings; `None` where none was asked for.
    pub(super) greeting: Option<Option<Greeting>>,
}

impl Proof {
    pub fn of(&self, event: Event) -> Option<&EventProof> {
        self.events.iter().find(|(of, _)| *of == event).map(|(_, proof)| proof)
    }

    /// The reports, in the order of a turn.
    pub fn reports(&self) -> impl Iterator<Item = (Event, &Answer)> {
        self.events.iter().filter_map(|(event, proof)| Some((*event, proof.report()?)))
    }

    /// The report of the first event that has one. What the others say otherwise is a finding.
    pub fn report(&self) -> Option<&Answer> {
        self.reports().next().map(|(_, report)| report)
    }

    /// What came of the greeting, where the prompt's hook was asked to have one scanned.
    pub fn greeting(&self) -> Option<Greeting> {
        let no_answer = || Greeting::Failed {
            why: "The hook did not say in time what came of the scan of a greeting.".to_owned(),
            fix: "Look at the log, and run `f5-guard smoketest --tls-diagnostics`.".to_owned(),
        };
        self.greeting.as_ref().map(|greeting| greeting.clone().unwrap_or_else(no_answer))
    }

    pub fn is_whole(&self) -> bool {
        self.events.iter().all(|(_, proof)| matches!(proof, EventProof::Proven { .. }))
    }
}

/// Makes a Codex that is about to be started fit for the proof: what is for this machine goes to no proxy, and nobody is
/// told of turns.
pub fn prepare(command: &mut Command, env: Env<'_>) {
    let set = |name: &str| env(name).filter(|value| !value.to_string_lossy().trim().is_empty());
    let mut exceptions = set("no_proxy").or_else(|| set("NO_PROXY")).unwrap_or_default();
    // A star means everything, and only where it stands alone.
    if exceptions.to_string_lossy().trim() != "*" {
        if !exceptions.is_empty() {
            exceptions.push(",");
        }
        exceptions.push("127.0.0.1");
    }
    for name in ["no_proxy", "NO_PROXY"] {
        command.env(name, &exceptions);
    }
    command.args(["-c", "notify=[]", "-c", "otel.exporter=\"none\""]);
    if Privilege::among_users() == Privilege::Administrator && !is_under_sudo(env) {
        hand_on(command, env);
    }
}

/// Root's Codex is started with little of root's environment. Root's own hooks are to have what hooks read.
fn hand_on(command: &mut Command, env: Env<'_>) {
    const READ: [&str; 17] = [
        "CALYPSOAI_TOKEN",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "SSLKEYLOGFILE",
        "CODEX_CA_CERTIFICATE",
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "REQUEST_METHOD",
        "DBUS_SESSION_BUS_ADDRESS",
        "XDG_RUNTIME_DIR",
        "USER",
    ];
    let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("F5_"));
    command.envs(ours);
    command.envs(READ.into_iter().filter_map(|name| Some((name, env(name)?))));
    // Files that a shell reads before it runs a hook.
    let start_up = ["ZDOTDIR", "BASH_ENV", "ENV"].into_iter().filter_map(|name| Some((name, env(name)?)));
    let guarded = |path: &OsString| Privilege::Administrator.may_use(path.as_ref()).is_ok();
    command.envs(start_up.filter(|(_, path)| guarded(path)));
}

/// What is special about a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Ordinary,
    /// The hook that answers has a greeting scanned.
    Greeting,
    /// Codex runs the model's command as it is.
    WithoutSandbox,
}

/// What is proven, and how.
pub struct Experiment<'a> {
    pub server: &'a mut AppServer,
    /// Codex's home folder, as it is told or says itself.
    pub home: PathBuf,
    /// The folder of the session.
    pub folder: &'a Path,
    /// Names of the MCP servers that are set up there.
    pub mcp_servers: Vec<String>,
    /// The events and places at which hooks that run f5-guard are registered.
    pub ours: Vec<(Event, PathBuf)>,
    pub offline: bool,
    pub sanitizer: &'a Sanitizer,
    /// Says what is waited for.
    pub progress: &'a dyn Fn(&str),
}

impl Experiment<'_> {
    /// Sends one message for each event.
    ///
    /// # Errors
    /// Why nothing could be tried.
    pub fn run(mut self) -> Result<Proof, String> {
        if let Some(name) = DotEnv::read(&self.home).proxy() {
            return Err(format!(
                "{} sets {name}, so that Codex would send the test to a proxy; add NO_PROXY=127.0.0.1 there",
                self.home.join(".env").display()
            ));
        }
        let model = Model::start().map_err(|error| format!("no port of this machine is free: {error}"))?;
        let mut thread = self.start_thread(&model, None)?;
        let mut proof = Proof { events: Vec::new(), greeting: None };
        let mut hangs = false;
        for target in Message::TARGETS {
            let outcome = if hangs {
                EventProof::NotReached { why: "Codex did not end the turn before it".to_owned() }
            } else {
                (self.progress)(&format!("asks the {} hook", target.name()));
                let mut outcome = self.send(&model, &thread, target, Turn::Ordinary)?;
                if target == Event::PreToolUse && model.seen().has_no_shell {
                    thread = self.start_thread(&model, Some(WITH_SHELL))?;
                    outcome = self.send(&model, &thread, target, Turn::Ordinary)?;
                }
                if matches!(outcome, EventProof::NotReached { .. }) && model.seen().output.is_some() {
                    // Not every system has what Codex's sandbox needs, and the command does no more than print a word.
                    outcome = self.send(&model, &thread, target, Turn::WithoutSandbox).unwrap_or(outcome);
                }
                outcome
            };
            hangs |= matches!(outcome, EventProof::Hung);
            proof.events.push((target, outcome));
        }
        let prompts = proof.of(Event::UserPromptSubmit);
        if !self.offline && matches!(prompts, Some(EventProof::Proven { .. })) && !hangs {
            (self.progress)("has the F5 service scan a greeting");
            let answer = self.send(&model, &thread, Event::UserPromptSubmit, Turn::Greeting)?;
            proof.greeting = Some(answer.report().and_then(|report| report.greeting.clone()));
        }
        Ok(proof)
    }

    fn start_thread(&mut self, model: &Model, name: Option<&str>) -> Result<String, String> {
        let number = Nonce::random().ok_or("the system has no random numbers")?;
        let provider = format!("f5_guard_{number}");
        let definition = json!({"name": "f5-guard doctor", "base_url": model.base_url(),
            "wire_api": "responses", "request_max_retries": 0, "stream_max_retries": 0});
        let off: Map<String, Value> =
            self.mcp_servers.iter().map(|server| (server.clone(), json!({"enabled": false}))).collect();
        let mut config = json!({"model_providers": {&provider: definition}, "notify": []});
        if let (false, Some(config)) = (off.is_empty(), config.as_object_mut()) {
            config.insert("mcp_servers".into(), off.into());
        }
        let mut parameters = json!({"ephemeral": true, "cwd": self.folder, "modelProvider": provider,
            "sandbox": "read-only", "approvalPolicy": "never", "config": config});
        if let (Some(name), Some(parameters)) = (name, parameters.as_object_mut()) {
            parameters.insert("model".into(), name.into());
        }
        let started = self.server.call("thread/start", parameters).map_err(|error| self.words(&error))?;
        let id = started.get("thread").and_then(|thread| thread.get("id")).and_then(Value::as_str);
        id.map(str::to_owned).ok_or_else(|| "Codex does not say which session it started".to_owned())
    }

    fn words(&self, error: &AppServerError) -> String {
        self.sanitizer.text(&error.to_string())
    }

    /// Sends the message for `target`, and judges what Codex says about its hooks in that turn.
    fn send(&mut self, model: &Model, thread: &str, target: Event, kind: Turn) -> Result<EventProof, String> {
        let nonce = Nonce::random().ok_or("the system has no random numbers")?;
        let message = Message { target, nonce };
        model.set(match target {
            Event::PreToolUse | Event::PostToolUse => Task::Call(message),
            Event::Stop => Task::Say(message),
            Event::UserPromptSubmit | Event::SubagentStop => Task::Nothing,
        });
        let written = Moment::now().ok_or("the system's clock can't be read")?;
        let file = NonceFile::of(&self.home);
        let greets = kind == Turn::Greeting;
        let _written = file.write(&Pending { message, greets, written }).map_err(|error| {
            format!("the file for it can't be written in {}: {error}", self.home.display())
        })?;
        let input = json!([{"type": "text", "text": message.sentence()}]);
        let mut parameters = json!({"threadId": thread, "input": input});
        if let (Turn::WithoutSandbox, Some(parameters)) = (kind, parameters.as_object_mut()) {
            parameters.insert("sandboxPolicy".into(), json!({"type": "dangerFullAccess"}));
        }
        let turn = self.server.call("turn/start", parameters);
        turn.map_err(|error| self.words(&error))?;
        let mut runs: Vec<Run> = Vec::new();
        let deadline = Instant::now() + TURN_TIME;
        loop {
            let note = match self.server.next_notification("turn/completed", deadline) {
                Ok(note) => note,
                Err(AppServerError::Timeout { .. }) => return Ok(EventProof::Hung),
                Err(error) => return Err(self.words(&error)),
            };
            let Some(parameters) = note.get("params") else { continue };
            if parameters.get("threadId").and_then(Value::as_str) != Some(thread) {
                continue;
            }
            match note.get("method").and_then(Value::as_str) {
                Some("turn/completed") => break,
                _ => runs.extend(parameters.get("run").and_then(Run::read)),
            }
        }
        let ours = |event, place: &Path| self.ours.iter().any(|(of, at)| *of == event && at == place);
        Ok(judge(message, &runs, &model.seen(), &ours, self.sanitizer))
    }
}

/// The names of the MCP servers in Codex's merged configuration.
pub fn mcp_servers(config: &Value) -> Vec<String> {
    let servers = config.get("config").and_then(|config| config.get("mcp_servers"));
    servers.and_then(Value::as_object).map(|servers| servers.keys().cloned().collect()).unwrap_or_default()
}

/// Whether this is root on somebody else's behalf, who has another Codex, another home and another environment.
pub fn is_under_sudo(env: Env<'_>) -> bool {
    let named = |name| env(name).is_some_and(|value: OsString| !value.is_empty());
    Privilege::among_users() == Privilege::Administrator
        && (named("SUDO_UID") || named("DOAS_USER") || named("PKEXEC_UID"))
}
