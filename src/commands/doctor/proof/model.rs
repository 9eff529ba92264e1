//! The model that the doctor plays: the part of the Responses API that Codex needs, on this machine's loopback.
//!
//! It is there for the time of the proof only, and answers one path that nobody can guess.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::proof::{Message, Nonce};

/// The longest request: Codex sends its instructions and tools, and what is in the user's AGENTS.md.
const LARGEST: u64 = 32 * 1024 * 1024;
/// The longest line of a request's head, and how many there may be.
const LONGEST_LINE: u64 = 64 * 1024;
const MOST_LINES: usize = 200;
/// Codex has one connection as a rule. Whatever else runs on this machine can open some, too.
const MOST_CONNECTIONS: usize = 16;
/// Nobody on this machine takes longer between two bytes.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the model does in the present turn.
#[derive(Debug, Clone, Copy)]
pub enum Task {
    /// Nothing: the prompt should not have come so far.
    Nothing,
    /// Calls the shell with the message.
    Call(Message),
    /// Answers with the message.
    Say(Message),
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// How often the model was asked.
    pub calls: usize,
    /// Codex offered no tool by which a command could be run.
    pub has_no_shell: bool,
    /// What the model was given as the output of its command, be it a hook's reason.
    pub output: Option<String>,
}

struct Turn {
    task: Task,
    seen: Seen,
}

/// A running model. It is gone with this value.
pub struct Model {
    address: SocketAddr,
    path: String,
    turn: Arc<Mutex<Turn>>,
    over: Arc<AtomicBool>,
}

impl Model {
    /// Listens on a free port.
    ///
    /// # Errors
    /// The system's.
    pub fn start() -> io::Result<Self> {
        let secret = Nonce::random()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let model = Self {
            address: listener.local_addr()?,
            path: format!("/{secret}/v1"),
            turn: Arc::new(Mutex::new(Turn { task: Task::Nothing, seen: Seen::default() })),
            over: Arc::new(AtomicBool::new(false)),
        };
        let (path, turn, over) =
            (format!("{}/responses", model.path), Arc::clone(&model.turn), Arc::clone(&model.over));
        // Counts the connections by who else holds it.
        let open = Arc::new(());
        thread::Builder::new().spawn(move || {
            for connection in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(connection) = connection else { continue };
                let (path, turn, open) = (path.clone(), Arc::clone(&turn), Arc::clone(&open));
                // More than that, and all that no thread can be had for, is closed.
                if Arc::strong_count(&open) > MOST_CONNECTIONS + 1 {
                    continue;
                }
                // A broken connection is Codex's to report.
                let serve = move || {
                    let _open = open;
                    drop(serve(&connection, &path, &turn));
                };
                let _ = thread::Builder::new().spawn(serve);
            }
        })?;
        Ok(model)
    }

    /// For `[model_providers.…]`.
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// Begins a turn.
    pub fn set(&self, task: Task) {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = Turn { task, seen: Seen::default() };
    }

    /// What has become of the turn so far.
    pub fn seen(&self) -> Seen {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner).seen.clone()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections, which then ends.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_millis(200));
    }
}

/// Answers requests until the other side has had enough.
fn serve(connection: &TcpStream, path: &str, turn: &Mutex<Turn>) -> io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(connection);
    let mut writer = connection;
    while let Some(head) = Head::read(&mut reader)? {
        if head.target != path || head.method != "POST" {
            // What somebody else sends is not even read.
            return respond(writer, "404 Not Found", "text/plain", "");
        }
        let mut body = Vec::new();
        (&mut reader).take(head.length.min(LARGEST)).read_to_end(&mut body)?;
        match answer(&body, &mut turn.lock().unwrap_or_else(PoisonError::into_inner)) {
            Some(events) => respond(writer, "200 OK", "text/event-stream", &events)?,
            None => return respond(writer, "400 Bad Request", "text/plain", ""),
        }
        writer.flush()?;
    }
    Ok(())
}

fn respond(mut writer: &TcpStream, status: &str, kind: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
    writer.write_all(format!("{head}{body}").as_bytes())
}

struct Head {
    method: String,
    target: String,
    length: u64,
}

impl Head {
    /// `None` where the connection has ended.
    fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut line = || -> io::Result<String> {
            let mut line = Vec::new();
            reader.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
            Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
        };
        let first = line()?;
        if first.is_empty() {
            return Ok(None);
        }
        let mut words = first.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut length = 0;
        for _ in 0..MOST_LINES {
            let header = line()?;
            if header.is_empty() {
                return Ok(Some(Self { method, target, length }));
            }
            if let Some((name, value)) = header.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().map_err(io::Error::other)?;
                }
            }
        }
        Err(io::Error::other("the head never ends"))
    }
}

/// The events of one answer; `None` where the turn has done what it is for.
fn answer(body: &[u8], turn: &mut Turn) -> Option<String> {
    let first = turn.seen.calls == 0;
    turn.seen.calls += 1;
    let request: Value = match turn.task {
        Task::Call(_) => serde_json::from_slice(body).unwrap_or_default(),
        Task::Nothing | Task::Say(_) => Value::Null,
    };
    if !first {
        turn.seen.output = output(&request);
    }
    let item = match turn.task {
        Task::Say(message) if first => Some(json!({
            "type": "message", "role": "assistant", "id": "msg_0",
            "content": [{"type": "output_text", "text": message.sentence()}],
        })),
        Task::Call(message) if first => {
            let call = shell_call(&request, message);
            turn.seen.has_no_shell = call.is_none();
            call
        }
        // An answer would end the turn in good order, and have the hook for that run once more.
        _ => return None,
    };
    let usage = json!({"input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
        "input_tokens_details": null, "output_tokens_details": null});
    let mut events = vec![json!({"type": "response.created", "response": {"id": "resp_0"}})];
    events.extend(item.map(|item| json!({"type": "response.output_item.done", "item": item})));
    events.push(json!({"type": "response.completed", "response": {"id": "resp_0", "usage": usage}}));
    let name = |event: &Value| event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", name(event))).collect())
}

/// The last output of a tool in what the model is given.
fn output(request: &Value) -> Option<String> {
    let items = request.get("input").and_then(Value::as_array)?;
    let is_output = |item: &&Value| {
        item.get("type").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("_call_output"))
    };
    let output = items.iter().rev().find(is_output)?.get("output")?;
    Some(output.as_str().map_or_else(|| output.to_string(), str::to_owned))
}

/// The call by which this model runs a command: models of Codex's "code mode" call their tools from scripts.
fn shell_call(request: &Value, message: Message) -> Option<Value> {
    let tools = request.get("tools").and_then(Value::as_array)?;
    let has = |kind: &str, name: &str| {
        tools.iter().any(|tool| {
            tool.get("type").and_then(Value::as_str) == Some(kind)
                && tool.get("name").and_then(Value::as_str) == Some(name)
        })
    };
    let mut arguments = json!({"cmd": message.command(), "login": false});
    if let (true, Some(fields)) = (cfg!(unix), arguments.as_object_mut()) {
        // The start-up files of the user's shell could print something of their own.
        fields.insert("shell".into(), "/bin/sh".into());
    }
    let call_id = "call_0";
    if has("function", "exec_command") {
        return Some(json!({"type": "function_call", "call_id": call_id, "name": "exec_command",
            "arguments": arguments.to_string()}));
    }
    has("custom", "exec").then(|| {
        json!({"type": "custom_tool_call", "call_id": call_id, "name": "exec",
            "input": format!("text(JSON.stringify(await tools.exec_command({arguments})));")})
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn message() -> Message {
        Message { target: Event::PostToolUse, nonce: Nonce::random().unwrap() }
    }

    /// Status and body of one request.
    fn ask(url: &str, body: &Value) -> (String, String) {
        let (address, path) = url.trim_start_matches("http://").split_once('/').unwrap();
        let mut connection = TcpStream::connect(address).unwrap();
        let body = body.to_string();
        let head = format!("POST /{path} HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
        connection.write_all((head + &body).as_bytes()).unwrap();
        connection.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    #[test]
    fn only_the_random_path_is_answered() {
        let model = Model::start().unwrap();
        let url = format!("{}/responses", model.base_url());
        model.set(Task::Say(message()));
        assert_eq!(ask(&url, &json!({})).0, "HTTP/1.1 200 OK");
        let other = format!("http://{}/v1/responses", model.address);
        assert_eq!(ask(&other, &json!({})).0, "HTTP/1.1 404 Not Found");
        assert_eq!(model.seen().calls, 1);
    }

    #[test]
    fn connections_are_limited_and_free_again() {
        let model = Model::start().unwrap();
        let idle: Vec<_> =
            (0..MOST_CONNECTIONS).map(|_| TcpStream::connect(model.address).unwrap()).collect();
        // One more than there may be is closed unread.
        let mut more = TcpStream::connect(model.address).unwrap();
        assert!(matches!(more.read(&mut [0; 1]), Ok(0) | Err(_)));
        drop(idle);
        let url = format!("{}/responses", model.base_url());
        let is_answered = || {
            std::panic::catch_unwind(|| ask(&url, &json!({})).0)
                .is_ok_and(|status| status.starts_with("HTTP/1.1 "))
        };
        assert!((0..10_000).any(|_| is_answered()));
    }

    #[test]
    fn the_message_is_said_once_and_then_nothing_is() {
        let model = Model::start().unwrap();
        let url = format!("{}/responses", model.base_url());
        let message = message();
        model.set(Task::Say(message));
        assert!(ask(&url, &json!({})).1.contains(&message.sentence()));
        assert_eq!(ask(&url, &json!({})).0, "HTTP/1.1 400 Bad Request");
    }

    #[test]
    fn what_the_command_came_to_is_seen() {
        let model = Model::start().unwrap();
        let url = format!("{}/responses", model.base_url());
        model.set(Task::Call(message()));
        let tools = json!([{"type": "function", "name": "exec_command"}]);
        ask(&url, &json!({"tools": tools, "input": []}));
        assert_eq!(model.seen().output, None);
        let input = json!([
            {"type": "function_call_output", "call_id": "a", "output": "before"},
            {"type": "custom_tool_call_output", "call_id": "b", "output": [{"text": "printed"}]},
            {"type": "message"},
        ]);
        ask(&url, &json!({"tools": tools, "input": input}));
        assert!(model.seen().output.unwrap().contains("printed"));
    }

    #[test]
    fn the_shell_is_called_as_the_model_at_hand_calls_it() {
        let message = message();
        let call = |tools: Value| shell_call(&json!({ "tools": tools }), message);
        let classic = call(json!([{"type": "function", "name": "exec_command"}])).unwrap();
        assert_eq!(classic["type"], "function_call");
        let arguments: Value = serde_json::from_str(classic["arguments"].as_str().unwrap()).unwrap();
        assert_eq!(arguments["cmd"], message.command());
        let script = call(json!([{"type": "custom", "name": "exec"}])).unwrap();
        assert!(script["input"].as_str().unwrap().contains(&message.command()), "{script}");
        assert_eq!(call(json!([{"type": "function", "name": "view_image"}])), None);
    }
}
