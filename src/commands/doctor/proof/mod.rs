//! Whether Codex runs the hooks and obeys them, found out by trying: a Codex with the user's own configuration, shell and
//! environment gets prompts, commands, outputs and answers that each hook has to block, from a model that the doctor plays.
//!
//! Nothing of it is kept: the session is ephemeral, the model is gone afterwards, and the user's own provider, MCP servers
//! and `notify` have no part in it. The session has Codex's sandbox that only reads, which every administrator allows.

mod dot_env;
mod model;
mod outcome;
mod session;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use dot_env::DotEnv;
use model::{Model, Task};
pub use outcome::{EventProof, LostRun};
use outcome::{Run, command_failed, judge};
pub use session::Session;

use crate::access::Privilege;
use crate::codex::app_server::{AppServer, AppServerError};
use crate::event::Event;
use crate::proof::{Greeting, Message, Moment, Nonce, NonceFile, Pending};
use crate::system::{Env, non_empty};

use super::rows::SettingRow;
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
    let set = |name| non_empty(env, name);
    let mut exceptions = set("no_proxy").or_else(|| set("NO_PROXY")).unwrap_or_default();
    // A star means everything, and only where it stands alone.
    if exceptions != "*" {
        if !exceptions.is_empty() {
            exceptions.push(",");
        }
        exceptions.push("127.0.0.1");
    }
    for name in ["no_proxy", "NO_PROXY"] {
        command.env(name, &exceptions);
    }
    command.args(["-c", "notify=[]"]);
    for exporter in ["exporter", "trace_exporter", "metrics_exporter"] {
        command.args(["-c", &format!("otel.{exporter}=\"none\"")]);
    }
    if Privilege::among_users() == Privilege::Administrator && !is_under_sudo(env) {
        hand_on(command, env);
    }
}

/// What hooks read besides our own variables: those that name no path,
const NAMING_NO_PATH: [&str; 9] = [
    "CALYPSOAI_TOKEN",
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "REQUEST_METHOD",
    "USER",
];
/// and those that do.
const NAMING_PATHS: [&str; 11] = [
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSLKEYLOGFILE",
    "CODEX_CA_CERTIFICATE",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
    // Files that a shell reads before it runs a hook.
    "ZDOTDIR",
    "BASH_ENV",
    "ENV",
];

/// Root's Codex is started with little of root's environment. Root's own hooks are to have what hooks read, unless others
/// can change what it names.
fn hand_on(command: &mut Command, env: Env<'_>) {
    let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("F5_"));
    let read =
        NAMING_NO_PATH.into_iter().chain(NAMING_PATHS).filter_map(|name| Some((name.into(), env(name)?)));
    let is_guarded = |path: &Path| Privilege::Administrator.may_use(path).is_ok();
    command.envs(
        ours.chain(read)
            .filter(|(name, value)| names_nothing_else(&name.to_string_lossy(), value, &is_guarded)),
    );
}

/// Whether every path that a variable names is guarded. What only may be a path is known by its beginning.
fn names_nothing_else(name: &str, value: &OsStr, is_guarded: &dyn Fn(&Path) -> bool) -> bool {
    if value.is_empty() || NAMING_NO_PATH.contains(&name) {
        return true;
    }
    if name == "DBUS_SESSION_BUS_ADDRESS" {
        let value = value.to_string_lossy();
        return value.split(';').filter(|address| !address.is_empty()).all(|address| {
            let path = address.strip_prefix("unix:path=").and_then(|rest| rest.split(',').next());
            path.is_some_and(|path| is_guarded(Path::new(path)))
        });
    }
    match name {
        "SSL_CERT_DIR" => std::env::split_paths(value)
            .filter(|path| !path.as_os_str().is_empty())
            .all(|path| is_guarded(&path)),
        _ => name.starts_with("F5_") && !Path::new(value).is_absolute() || is_guarded(Path::new(value)),
    }
}

/// The sandbox of a turn: Codex keeps what one turn asks for in those after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sandbox {
    /// That of the session, which only reads.
    OfSession,
    /// The same, after a turn without one.
    OnlyReads,
    /// Codex runs the model's command as it is.
    None,
}

/// What a turn has shown.
struct Outcome {
    proof: EventProof,
    /// The model's command was started, and could not be run.
    command_failed: bool,
}

/// What is proven, and how.
pub struct Experiment<'a> {
    pub server: &'a mut AppServer,
    /// Codex's home folder, as it is given or says itself.
    pub home: PathBuf,
    /// The folder of the session.
    pub folder: &'a Path,
    pub session: &'a Session,
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
        let mut sandbox = Sandbox::OfSession;
        for target in Message::TARGETS {
            let outcome = if hangs {
                EventProof::NotReached { why: "Codex did not end the turn before it".to_owned() }
            } else {
                (self.progress)(&format!("asks the {} hook", target.name()));
                let mut outcome = self.send(&model, &thread, target, false, sandbox)?;
                if target == Event::PreToolUse && model.seen().has_no_shell {
                    thread = self.start_thread(&model, Some(WITH_SHELL))?;
                    outcome = self.send(&model, &thread, target, false, sandbox)?;
                }
                if outcome.command_failed {
                    // Not every system has what Codex's sandbox needs, and the command does no more than print a word.
                    outcome = self.send(&model, &thread, target, false, Sandbox::None).unwrap_or(outcome);
                    sandbox = Sandbox::OnlyReads;
                }
                outcome.proof
            };
            hangs |= matches!(outcome, EventProof::Hung);
            proof.events.push((target, outcome));
        }
        let prompts = proof.of(Event::UserPromptSubmit);
        if !self.offline && matches!(prompts, Some(EventProof::Proven { .. })) && !hangs {
            (self.progress)("has the F5 service scan a greeting");
            let answer = self.send(&model, &thread, Event::UserPromptSubmit, true, sandbox)?.proof;
            proof.greeting = Some(answer.report().and_then(|report| report.greeting.clone()));
        }
        Ok(proof)
    }

    fn start_thread(&mut self, model: &Model, name: Option<&str>) -> Result<String, String> {
        let number = Nonce::random().map_err(|error| error.to_string())?;
        let provider = format!("f5_guard_{number}");
        let parameters = self.session.parameters(self.folder, &provider, &model.base_url(), name);
        let started = self.server.call("thread/start", parameters).map_err(|error| self.words(&error))?;
        let id = started.get("thread").and_then(|thread| thread.get("id")).and_then(Value::as_str);
        id.map(str::to_owned).ok_or_else(|| "Codex does not say which session it started".to_owned())
    }

    fn words(&self, error: &AppServerError) -> String {
        self.sanitizer.text(&error.to_string())
    }

    /// Sends the message for `target`, and judges what Codex says about its hooks in that turn. `greets`: the hook that
    /// answers has a greeting scanned.
    fn send(
        &mut self,
        model: &Model,
        thread: &str,
        target: Event,
        greets: bool,
        sandbox: Sandbox,
    ) -> Result<Outcome, String> {
        let nonce = Nonce::random().map_err(|error| error.to_string())?;
        let message = Message { target, nonce };
        model.set(match target {
            Event::PreToolUse | Event::PostToolUse => Task::Call(message),
            Event::Stop => Task::Say(message),
            Event::UserPromptSubmit | Event::SubagentStop => Task::Nothing,
        });
        let written = Moment::now().ok_or("the system's clock can't be read")?;
        let file = NonceFile::of(&self.home);
        let _written = file.write(&Pending { message, greets, written }).map_err(|error| {
            format!("the file for it can't be written in {}: {error}", self.home.display())
        })?;
        let input = json!([{"type": "text", "text": message.sentence()}]);
        let mut parameters = json!({"threadId": thread, "input": input});
        let policy = match sandbox {
            Sandbox::OfSession => None,
            Sandbox::OnlyReads => Some("readOnly"),
            Sandbox::None => Some("dangerFullAccess"),
        };
        if let (Some(policy), Some(parameters)) = (policy, parameters.as_object_mut()) {
            parameters.insert("sandboxPolicy".into(), json!({ "type": policy }));
        }
        let turn = self.server.call("turn/start", parameters);
        turn.map_err(|error| self.words(&error))?;
        let mut runs: Vec<Run> = Vec::new();
        let deadline = Instant::now() + TURN_TIME;
        loop {
            let note = match self.server.next_notification("turn/completed", deadline) {
                Ok(note) => note,
                Err(AppServerError::Timeout { .. }) => {
                    return Ok(Outcome { proof: EventProof::Hung, command_failed: false });
                }
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
        let seen = model.seen();
        let command_failed = command_failed(message, &runs, &seen).is_some();
        Ok(Outcome { proof: judge(message, &runs, &seen, &ours, self.sanitizer), command_failed })
    }
}

/// Whether this is root on somebody else's behalf, who has another Codex, another home and another environment.
pub fn is_under_sudo(env: Env<'_>) -> bool {
    let named = |name| env(name).is_some_and(|value: OsString| !value.is_empty());
    Privilege::among_users() == Privilege::Administrator
        && (named("SUDO_UID") || named("DOAS_USER") || named("PKEXEC_UID"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_hands_on_no_path_that_others_can_change() {
        let is_guarded = |path: &Path| path.starts_with("/etc");
        for (name, value, handed_on) in [
            ("CODEX_CA_CERTIFICATE", "/etc/a.pem", true),
            ("CODEX_CA_CERTIFICATE", "/home/a/a.pem", false),
            ("CODEX_CA_CERTIFICATE", "a.pem", false),
            ("CODEX_CA_CERTIFICATE", "", true),
            ("SSL_CERT_DIR", "/etc/a:/etc/b", true),
            ("SSL_CERT_DIR", "/etc/a:/home/a", false),
            ("SSLKEYLOGFILE", "/home/a/keys", false),
            ("XDG_RUNTIME_DIR", "/run/user/1000", false),
            ("BASH_ENV", "/home/a/env", false),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/etc/bus,guid=1", true),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/etc/bus;unix:path=/run/user/1000/bus", false),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=/tmp/x", false),
            ("F5_GUARDRAILS_CA_BUNDLE", "/home/a/a.pem", false),
            ("F5_GUARDRAILS_LOG_FILE", "/etc/log", true),
            ("F5_GUARDRAILS_BASE_URL", "https://f5.example/x", true),
            ("F5_GUARDRAILS_FAIL_MODE", "closed", true),
            ("https_proxy", "http://p.example:3128", true),
            ("USER", "root", true),
        ] {
            let handed = names_nothing_else(name, value.as_ref(), &is_guarded);
            assert!(!cfg!(unix) || handed == handed_on, "{name}={value}");
        }
    }
}
