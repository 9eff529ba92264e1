//! A turn of the Codex that is played: hooks as the script lists them, run through a shell, and obeyed as Codex obeys them.

use std::io::{Read, Write, stdout};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// A session, with the address of its model.
pub struct Session {
    base_url: String,
}

/// What a hook led to: Codex's word, and whether the action goes ahead.
struct Ran {
    status: &'static str,
    stops: bool,
    entries: Value,
}

impl Session {
    pub fn start(parameters: &Value) -> Self {
        assert_eq!((&parameters["ephemeral"], &parameters["sandbox"]), (&json!(true), &json!("read-only")));
        let provider = parameters["modelProvider"].as_str().unwrap();
        let base_url = &parameters["config"]["model_providers"][provider]["base_url"];
        Self { base_url: base_url.as_str().unwrap().to_owned() }
    }

    pub fn turn(&self, script: &Value, parameters: &Value) {
        let prompt = parameters["input"][0]["text"].as_str().unwrap();
        let is_sandboxed = parameters["sandboxPolicy"].is_null();
        let mut given = json!([]);
        if !stops(script, "UserPromptSubmit", &json!({"prompt": prompt})) {
            let mut answer = None;
            while let Some(item) = self.ask(&given) {
                if item["type"] == "message" {
                    answer = Some(item["content"][0]["text"].clone());
                    break;
                }
                let arguments: Value = serde_json::from_str(item["arguments"].as_str().unwrap()).unwrap();
                let command = arguments["cmd"].as_str().unwrap();
                let call =
                    json!({"tool_name": "Bash", "tool_input": {"command": command}, "tool_use_id": "c"});
                let mut output = format!("blocked. Command: {command}");
                if !stops(script, "PreToolUse", &call) {
                    // What printing a word comes to.
                    output = command.rsplit(' ').next().unwrap().to_owned();
                    if script["sandbox"] == false && is_sandboxed {
                        output = "the sandbox can't be set up".to_owned();
                    }
                    let mut call = call.clone();
                    call["tool_response"] = output.clone().into();
                    if stops(script, "PostToolUse", &call) {
                        output = "withheld".to_owned();
                    }
                }
                given = json!([{"type": "function_call_output", "call_id": "c", "output": output}]);
            }
            // A turn whose model refuses to go on ends without the hook.
            if let Some(answer) = answer {
                stops(script, "Stop", &json!({"stop_hook_active": false, "last_assistant_message": answer}));
            }
        }
        say(&json!({"method": "turn/completed", "params": {"threadId": "t"}}));
    }

    /// The model's next item.
    fn ask(&self, given: &Value) -> Option<Value> {
        let (address, path) = self.base_url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut connection = TcpStream::connect(address).unwrap();
        let tools = json!([{"type": "function", "name": "exec_command"}]);
        let body = json!({"tools": tools, "input": given}).to_string();
        let length = body.len();
        let head = format!("POST /{path}/responses HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        connection.write_all(format!("{head}{body}").as_bytes()).unwrap();
        connection.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let data = answer.lines().filter_map(|line| line.strip_prefix("data: "));
        let mut events = data.map(|data| serde_json::from_str::<Value>(data).unwrap());
        events.find(|event| event["type"] == "response.output_item.done").map(|event| event["item"].clone())
    }
}

pub fn say(message: &Value) {
    writeln!(stdout(), "{message}").and_then(|()| stdout().flush()).unwrap();
}

/// Runs the hooks of an event; whether one stops what it is about.
fn stops(script: &Value, event: &str, fields: &Value) -> bool {
    let mut stops = false;
    for hook in script["hooks"].as_array().unwrap() {
        let name = hook["eventName"].as_str().unwrap();
        let runs = ["trusted", "managed"].iter().any(|word| hook["trustStatus"] == *word);
        if !name.eq_ignore_ascii_case(event) || !runs || hook["enabled"] == false {
            continue;
        }
        let command = hook["command"].as_str().unwrap();
        let command = if script["loses"] == event { lost(command) } else { command.to_owned() };
        let ran = run(&command, event, fields, &script["env"]);
        stops |= ran.stops;
        say(&json!({"method": "hook/completed", "params": {"threadId": "t", "run": {
            "eventName": name, "sourcePath": hook["sourcePath"], "statusMessage": null,
            "status": ran.status, "durationMs": 7, "entries": ran.entries,
        }}}));
    }
    stops
}

/// What a start-up file of the shell can make of a command's answer.
fn lost(command: &str) -> String {
    // On Windows the answer is JSON alone, elsewhere the exit code counts, too.
    if cfg!(windows) {
        format!("echo noise& {command}")
    } else {
        format!("{command} >&2 2>/dev/null; exit 0")
    }
}

fn run(command: &str, event: &str, fields: &Value, env: &Value) -> Ran {
    let mut payload = json!({"session_id": "s", "turn_id": "t", "transcript_path": null, "cwd": "/",
        "hook_event_name": event, "model": "m", "permission_mode": "default"});
    payload.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let (shell, flag) = if cfg!(windows) { ("cmd.exe", "/C") } else { ("/bin/sh", "-c") };
    let variables = env.as_object().into_iter().flatten();
    let mut child = Command::new(shell)
        .args([flag, command])
        .envs(variables.map(|(name, value)| (name, value.as_str().unwrap())))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that is not there reads nothing.
    let _ = child.stdin.take().unwrap().write_all(payload.to_string().as_bytes());
    let output = child.wait_with_output().unwrap();
    let [said, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    let entry = |kind: &str, text: &str| json!([{"kind": kind, "text": text.trim()}]);
    match output.status.code() {
        Some(2) if !errors.trim().is_empty() && event != "Stop" => {
            Ran { status: "blocked", stops: true, entries: entry("feedback", &errors) }
        }
        Some(0) if said.trim().is_empty() => Ran { status: "completed", stops: false, entries: json!([]) },
        Some(0) => by_json(&said),
        code => {
            let text = format!("hook exited with code {}: {errors}", code.unwrap_or(-1));
            Ran { status: "failed", stops: false, entries: entry("error", &text) }
        }
    }
}

fn by_json(said: &str) -> Ran {
    let Ok(answer) = serde_json::from_str::<Value>(said) else {
        let entries = json!([{"kind": "error", "text": "hook returned invalid JSON output"}]);
        return Ran { status: "failed", stops: false, entries };
    };
    let own = &answer["hookSpecificOutput"];
    let with = |status, stops, kind: &str, text: &Value| Ran {
        status,
        stops,
        entries: json!([{"kind": kind, "text": text}]),
    };
    if answer["continue"] == false {
        with("stopped", true, "stop", &answer["stopReason"])
    } else if answer["decision"] == "block" {
        with("blocked", true, "feedback", &answer["reason"])
    } else if own["permissionDecision"] == "deny" {
        with("blocked", true, "feedback", &own["permissionDecisionReason"])
    } else {
        with("completed", false, "context", &own["additionalContext"])
    }
}
