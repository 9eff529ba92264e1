//! A client of `codex app-server`: JSON-RPC, one object a line, over the child's standard input and output.
//! Every call has a deadline, and the child ends with this value.
//!
//! What to ask and what to do with the answers is left to `trust` and `layers`.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::home::CodexHome;
use super::listing::{self, FolderHooks};
use super::start;
use crate::printable::ceil_boundary;
use crate::process::{Collected, ProcessGroup};

/// The longest line that is read from Codex; a longer one ends the conversation.
pub(super) const LINE_LIMIT: u64 = 32 * 1024 * 1024;

/// How long Codex may take to leave by itself after its input was closed.
const FAREWELL: Duration = Duration::from_secs(2);

/// How much of Codex's standard error is shown in a message, in bytes.
const SHOWN_STDERR: usize = 600;

/// Why Codex gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum AppServerError {
    /// The program cannot be started.
    #[error("Codex could not be started ({}): {source}", program.display())]
    Start {
        /// What was to be started.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// This Codex has no such call.
    #[error(
        "this Codex does not offer `{method}`: it is older than its hook trust, or newer than f5-guard knows"
    )]
    Unsupported {
        /// The missing method, or `app-server` itself.
        method: String,
    },
    /// No answer in time; Codex was ended.
    #[error("Codex did not answer `{method}` within {} s{}", limit.as_secs_f32(), said(stderr))]
    Timeout {
        /// The unanswered method.
        method: String,
        /// The time it had.
        limit: Duration,
        /// What Codex wrote to its standard error.
        stderr: String,
    },
    /// Codex ended in the middle of the conversation.
    #[error("Codex ended before it answered `{method}`{}", said(stderr))]
    Ended {
        /// The unanswered method.
        method: String,
        /// How it ended, where that is known.
        status: Option<ExitStatus>,
        /// What Codex wrote to its standard error.
        stderr: String,
    },
    /// Codex answered with an error.
    #[error("Codex refused `{method}`: {message}")]
    Refused {
        /// The refused method.
        method: String,
        /// The JSON-RPC error code.
        code: i64,
        /// Codex's reason.
        message: String,
    },
    /// The answer has not the shape that this method's answer has.
    #[error("Codex's answer to `{method}` could not be read: {problem}")]
    Unreadable {
        /// The method.
        method: String,
        /// What is wrong with the answer.
        problem: String,
    },
}

/// The end of what Codex wrote to its standard error, as the tail of a message.
fn said(stderr: &str) -> String {
    let text = stderr.trim();
    if text.is_empty() {
        return String::new();
    }
    let start = ceil_boundary(text, text.len().saturating_sub(SHOWN_STDERR));
    format!("; it said: {}", text.get(start..).unwrap_or_default())
}

/// One edit of the user's `config.toml` by Codex itself; tables are merged key by key.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigEdit {
    /// A TOML key path, such as `hooks.state`.
    pub key_path: String,
    /// The value.
    pub value: Value,
}

/// A conversation with a running `codex app-server`.
#[derive(Debug)]
pub struct AppServer {
    /// The child, with what it writes to its standard error; `None` where somebody else's server is spoken with.
    child: Option<(ProcessGroup, Collected)>,
    requests: Option<Sender<String>>,
    lines: Receiver<String>,
    limit: Duration,
    next_id: u64,
    /// The folder that this Codex says is its home.
    home: Option<PathBuf>,
    /// Notifications of the kinds that are waited for, in the order in which they came.
    notifications: VecDeque<Value>,
}

/// The notifications that are kept for [`AppServer::next_notification`].
const KEPT: [&str; 2] = ["hook/completed", "turn/completed"];

impl AppServer {
    /// Starts `program app-server` in `cwd` and introduces f5-guard. Each call, this one included, may take
    /// `limit`.
    pub fn start(
        program: &Path,
        home: &CodexHome,
        cwd: &Path,
        limit: Duration,
    ) -> Result<Self, AppServerError> {
        Self::start_with(program, home, cwd, limit, |_| {})
    }

    /// The same with more arguments or another environment.
    pub fn start_with(
        program: &Path,
        home: &CodexHome,
        cwd: &Path,
        limit: Duration,
        change: impl FnOnce(&mut Command),
    ) -> Result<Self, AppServerError> {
        let mut command = start::command(program, Some(home));
        command.arg("app-server").current_dir(cwd);
        change(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut group = ProcessGroup::start(&mut command)
            .map_err(|source| AppServerError::Start { program: program.to_path_buf(), source })?;
        let child = group.child();
        let (requests, outbox) = mpsc::channel::<String>();
        if let Some(mut stdin) = child.stdin.take() {
            // On a thread of its own: a child that does not read would block the caller.
            thread::spawn(move || outbox.iter().try_for_each(|line| stdin.write_all(line.as_bytes())));
        }
        let lines = read_lines(child.stdout.take());
        let stderr = Collected::start(child.stderr.take());
        Self::introduced(Some((group, stderr)), requests, lines, limit)
    }

    /// Speaks with a server that runs already, over what goes there and what comes from it.
    #[cfg(unix)]
    pub fn running(
        requests: Sender<String>,
        lines: Receiver<String>,
        limit: Duration,
    ) -> Result<Self, AppServerError> {
        Self::introduced(None, requests, lines, limit)
    }

    fn introduced(
        child: Option<(ProcessGroup, Collected)>,
        requests: Sender<String>,
        lines: Receiver<String>,
        limit: Duration,
    ) -> Result<Self, AppServerError> {
        let (requests, notifications) = (Some(requests), VecDeque::new());
        let mut server = Self { child, requests, lines, limit, next_id: 0, home: None, notifications };
        server.introduce()?;
        Ok(server)
    }

    /// Changes how long each further call may take: a listing needs less than Codex's start.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    fn introduce(&mut self) -> Result<(), AppServerError> {
        let client = json!({"name": "f5-guard", "title": "f5-guard", "version": env!("CARGO_PKG_VERSION")});
        match self.call("initialize", json!({ "clientInfo": client })) {
            // A Codex from before the app server takes the word for a prompt or for a mistake, and leaves.
            Err(AppServerError::Ended { stderr, .. }) if is_usage_error(&stderr) => {
                Err(AppServerError::Unsupported { method: "app-server".into() })
            }
            Err(error) => Err(error),
            Ok(answer) => {
                self.home = answer.get("codexHome").and_then(Value::as_str).map(PathBuf::from);
                self.send(&json!({"jsonrpc": "2.0", "method": "initialized"}));
                Ok(())
            }
        }
    }

    /// Codex's home folder, as it says itself; an older Codex does not.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The hooks that sessions in these folders would see, in the folders' order.
    pub fn list_hooks(&mut self, cwds: &[&Path]) -> Result<Vec<FolderHooks>, AppServerError> {
        const METHOD: &str = "hooks/list";
        let result = self.call(METHOD, json!({ "cwds": cwds }))?;
        listing::parse(result).map_err(|error| unreadable(METHOD, error.to_string()))
    }

    /// As [`Self::list_hooks`] for one folder.
    pub fn list_hooks_in(&mut self, cwd: &Path) -> Result<FolderHooks, AppServerError> {
        let mut folders = self.list_hooks(&[cwd])?.into_iter();
        folders.next().ok_or_else(|| unreadable("hooks/list", "it lists no folder".into()))
    }

    /// Lets Codex edit the user's `config.toml`: all edits or none.
    pub fn write_config(&mut self, edits: &[ConfigEdit]) -> Result<(), AppServerError> {
        const METHOD: &str = "config/batchWrite";
        let edits: Vec<Value> = edits.iter().map(ConfigEdit::to_json).collect();
        let result = self.call(METHOD, json!({ "edits": edits }))?;
        match result.get("status").and_then(Value::as_str) {
            Some("ok" | "okOverridden") => Ok(()),
            status => Err(unreadable(METHOD, format!("its status is {status:?}, not \"ok\""))),
        }
    }

    /// Codex's merged configuration and its layers, as seen from `cwd` (the `result` of `config/read`).
    pub fn read_config(&mut self, cwd: &Path) -> Result<Value, AppServerError> {
        self.call("config/read", json!({"includeLayers": true, "cwd": cwd}))
    }

    /// The administrator's requirements (the `requirements` of `configRequirements/read`, `null` for none).
    pub fn read_requirements(&mut self) -> Result<Value, AppServerError> {
        let mut result = self.call("configRequirements/read", Value::Null)?;
        Ok(result.get_mut("requirements").map(Value::take).unwrap_or_default())
    }

    /// One call. Notifications that nobody waits for, requests of the server and lines that are no JSON are passed over.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value, AppServerError> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        let deadline = Instant::now() + self.limit;
        loop {
            let message = self.next_message(method, deadline)?;
            if is_answer_to(id, &message) {
                return answer_to_result(method, message);
            }
            self.keep(message);
        }
    }

    /// The next notification of the kinds that are kept. `awaited` names what is waited for, for the error.
    pub fn next_notification(&mut self, awaited: &str, deadline: Instant) -> Result<Value, AppServerError> {
        loop {
            if let Some(notification) = self.notifications.pop_front() {
                return Ok(notification);
            }
            let message = self.next_message(awaited, deadline)?;
            self.keep(message);
        }
    }

    fn keep(&mut self, message: Value) {
        if message.get("method").and_then(Value::as_str).is_some_and(|method| KEPT.contains(&method)) {
            self.notifications.push_back(message);
        }
    }

    /// The next line that is JSON.
    fn next_message(&mut self, awaited: &str, deadline: Instant) -> Result<Value, AppServerError> {
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    // Also checked here: a server that talks without end would otherwise hold us for ever.
                    if Instant::now() >= deadline {
                        return Err(self.too_slow(awaited));
                    }
                    if let Ok(message) = serde_json::from_str(&line) {
                        return Ok(message);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Err(self.too_slow(awaited)),
                Err(RecvTimeoutError::Disconnected) => return Err(self.gone(awaited)),
            }
        }
    }

    fn send(&self, message: &Value) {
        if let Some(requests) = &self.requests {
            // It fails only when the child has closed its input; the missing answer then tells so.
            let _ = requests.send(format!("{message}\n"));
        }
    }

    fn too_slow(&mut self, method: &str) -> AppServerError {
        if let Some((group, _)) = &mut self.child {
            group.kill();
        }
        AppServerError::Timeout { method: method.into(), limit: self.limit, stderr: self.stderr_text() }
    }

    fn gone(&mut self, method: &str) -> AppServerError {
        let deadline = Instant::now() + FAREWELL.min(self.limit);
        let status = self.child.as_mut().and_then(|(group, stderr)| {
            let status = group.wait_until(deadline).ok().flatten();
            // The last words are still on their way when the end of the output is seen.
            stderr.ends_by(deadline);
            status
        });
        AppServerError::Ended { method: method.into(), status, stderr: self.stderr_text() }
    }

    fn stderr_text(&self) -> String {
        let said = self.child.as_ref().map(|(_, stderr)| stderr.so_far()).unwrap_or_default();
        String::from_utf8_lossy(&said).into_owned()
    }
}

impl Drop for AppServer {
    fn drop(&mut self) {
        // Codex leaves by itself when its input closes, and so closes its databases properly.
        self.requests = None;
        if let Some((group, _)) = &mut self.child {
            let _ = group.wait_until(Instant::now() + FAREWELL);
            group.kill();
        }
    }
}

impl ConfigEdit {
    fn to_json(&self) -> Value {
        json!({"keyPath": self.key_path, "value": self.value, "mergeStrategy": "upsert"})
    }
}

fn unreadable(method: &str, problem: String) -> AppServerError {
    AppServerError::Unreadable { method: method.into(), problem }
}

/// Whether the message is the answer to request `id`.
fn is_answer_to(id: u64, message: &Value) -> bool {
    message.get("id").and_then(Value::as_u64) == Some(id) && message.get("method").is_none()
}

fn answer_to_result(method: &str, mut answer: Value) -> Result<Value, AppServerError> {
    if let Some(error) = answer.get("error") {
        let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
        let message = error.get("message").and_then(Value::as_str).unwrap_or("no reason given").to_owned();
        // Codex 0.169 says "unknown variant `hooks/list`"; -32601 is JSON-RPC's own code for it.
        let unknown = code == -32601 || message.contains(&format!("unknown variant `{method}`"));
        return Err(if unknown {
            AppServerError::Unsupported { method: method.into() }
        } else {
            AppServerError::Refused { method: method.into(), code, message }
        });
    }
    let result = answer.get_mut("result").map(Value::take);
    result.ok_or_else(|| unreadable(method, "it has neither a result nor an error".into()))
}

/// Whether a Codex that left at once did so because it knows no `app-server`.
fn is_usage_error(stderr: &str) -> bool {
    ["unrecognized subcommand", "unexpected argument", "is not a terminal"]
        .iter()
        .any(|sign| stderr.contains(sign))
}

fn read_lines(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    // Few lines may wait: a server that floods is slowed down instead of filling the memory.
    let (send, lines) = mpsc::sync_channel(64);
    if let Some(stream) = stream {
        thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            loop {
                let mut line = Vec::new();
                match (&mut reader).take(LINE_LIMIT).read_until(b'\n', &mut line) {
                    Ok(1..) if line.ends_with(b"\n") => (),
                    // The stream's end, a broken stream, or a line beyond all measure.
                    _ => return,
                }
                if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        });
    }
    lines
}
