//! A Codex that says what a file in its home tells it to, and a hook's program that does what a file beside it tells
//! it to: this test binary, started as one of them.

use std::io::{BufRead, Write, stdin};
use std::path::{Path, PathBuf};
use std::process::exit;

use serde_json::{Value, json};

use crate::turn::{Session, say};

const SCRIPT: &str = "fake.json";

/// What the fake says from now on: `hooks` (an array, `"registered"` for those of `config.toml`, not trusted yet, or null
/// for a Codex without the call), `warnings`, `errors`,
/// `layers`, `requirements`, `seen` (by a command), `refusal` (its answer to a configuration that it does not take), `touches` (a
/// file to make), `env` (of hooks), `old` (no
/// sessions), `sandbox` (false where it has none), and `loses` (an event whose hook's answer gets lost).
pub fn script(home: &Path, script: &Value) {
    std::fs::write(home.join(SCRIPT), script.to_string()).unwrap();
}

/// Puts a program of this name there that is no f5-guard, whatever it says: `version` is printed when it is asked for
/// that; else it reads its input, makes a file `touches`, prints `words` on stderr and exits with `code`.
pub fn impostor(program: &Path, role: &Value) {
    let this = std::env::current_exe().unwrap();
    crate::own::put(this, program);
    std::fs::write(program.with_extension("json"), role.to_string()).unwrap();
}

/// Plays the impostor where this process was started under such a name, and then does not return.
fn play_impostor() {
    let this = std::env::current_exe().unwrap();
    if this.file_stem().is_none_or(|name| name != "f5-guard") {
        return;
    }
    let role: Value = serde_json::from_slice(&std::fs::read(this.with_extension("json")).unwrap()).unwrap();
    if std::env::args().nth(1).as_deref() == Some("--version") {
        println!("{}", role["version"].as_str().unwrap());
        exit(0);
    }
    std::io::copy(&mut stdin(), &mut std::io::sink()).unwrap();
    touch(&role);
    if let Some(words) = role["words"].as_str() {
        eprintln!("{words}");
    }
    exit(i32::try_from(role["code"].as_i64().unwrap_or(0)).unwrap())
}

fn touch(role: &Value) {
    if let Some(path) = role["touches"].as_str() {
        // One line for each process: several may do this at once.
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(format!("{}\n", console()).as_bytes()).unwrap();
    }
}

/// The window of this process's console and the numbers of the processes that share it; nothing without a console.
#[cfg(windows)]
fn console() -> String {
    use windows_sys::Win32::System::Console::{GetConsoleProcessList, GetConsoleWindow};
    let mut processes = [0_u32; 64];
    // SAFETY: the buffer has the length that is given; the other call takes nothing.
    let (count, window) =
        unsafe { (GetConsoleProcessList(processes.as_mut_ptr(), 64), GetConsoleWindow().is_null()) };
    let processes = &processes[..count as usize];
    json!({"window": !window, "processes": processes}).to_string()
}

#[cfg(not(windows))]
fn console() -> String {
    String::new()
}

/// Plays a Codex or an impostor where this process was started as one, and then does not return.
pub fn play_if_asked() {
    play_impostor();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--version"] => {
            println!("codex-cli 0.169.0");
            exit(0);
        }
        ["app-server", "--print-startup-config"] => {
            let refusal = read()["refusal"].take();
            let refused = !refusal.is_null();
            println!("{}", if refused { refusal } else { json!({}) });
            exit(i32::from(refused));
        }
        ["app-server", ..] => app_server(read()),
        _ => (),
    }
}

fn read() -> Value {
    serde_json::from_slice(&std::fs::read(home().join(SCRIPT)).unwrap()).unwrap()
}

/// As Codex finds its home.
fn home() -> PathBuf {
    let of_user = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".codex");
    std::env::var_os("CODEX_HOME").map_or_else(of_user, PathBuf::from)
}

/// The hooks of the user's `config.toml`.
fn registered() -> Value {
    let file = home().join("config.toml");
    let config: toml_edit::DocumentMut = std::fs::read_to_string(&file).unwrap().parse().unwrap();
    let mut hooks = Vec::new();
    for (event, groups) in config["hooks"].as_table().unwrap() {
        for group in groups.as_array_of_tables().unwrap() {
            for hook in group["hooks"].as_array_of_tables().unwrap() {
                let text = |name: &str| hook.get(name).and_then(|value| value.as_str());
                let name = event[..1].to_lowercase() + &event[1..];
                hooks.push(json!({"key": format!("k:{event}"), "eventName": name,
                    "matcher": group.get("matcher").and_then(|value| value.as_str()),
                    "command": text("command"), "statusMessage": text("statusMessage"),
                    "timeoutSec": hook["timeout"].as_integer(), "sourcePath": file, "source": "user",
                    "enabled": true, "isManaged": false, "currentHash": "sha256:1",
                    "trustStatus": "untrusted"}));
            }
        }
    }
    hooks.into()
}

/// Notes the user's trust in hooks, for whatever Codex is started next, too.
fn trust(script: &mut Value, parameters: &Value) {
    let trusted = &parameters["edits"][0]["value"];
    for hook in script["hooks"].as_array_mut().unwrap() {
        if trusted[hook["key"].as_str().unwrap()]["trusted_hash"] == hook["currentHash"] {
            hook["trustStatus"] = "trusted".into();
        }
    }
    self::script(&home(), script);
}

fn app_server(mut script: Value) -> ! {
    touch(&script);
    let mut session = None;
    let list =
        |script: &Value, name: &str| if script[name].is_null() { json!([]) } else { script[name].clone() };
    for line in stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let Some(id) = request.get("id") else { continue };
        if script["hooks"] == "registered" && request["method"] == "hooks/list" {
            script["hooks"] = registered();
        }
        let result = match request["method"].as_str().unwrap() {
            "initialize" => json!({"userAgent": "fake"}),
            "hooks/list" if !script["hooks"].is_null() => {
                json!({"data": [{"cwd": request["params"]["cwds"][0],
                "hooks": script["hooks"], "warnings": list(&script, "warnings"), "errors": list(&script, "errors")}]})
            }
            // A command that is run as the model's are: it sees what the script says.
            "command/exec" => json!({"exitCode": 0, "stderr": "", "stdout":
                format!("f5-guard-ran\n{}", script["seen"].as_str().unwrap_or_default())}),
            "thread/start" if script["old"] != true => {
                session = Some(Session::start(&request["params"]));
                json!({"thread": {"id": "t"}})
            }
            "turn/start" => {
                say(&json!({"id": id, "result": {"turn": {"id": "u"}}}));
                session.as_ref().unwrap().turn(&script, &request["params"]);
                continue;
            }
            "config/batchWrite" => {
                trust(&mut script, &request["params"]);
                json!({"status": "ok"})
            }
            "configRequirements/read" => json!({"requirements": script["requirements"]}),
            "config/read" => json!({"config": {}, "layers": list(&script, "layers")}),
            _ => Value::Null,
        };
        let answer = match result {
            Value::Null => json!({"id": id, "error": {"code": -32601, "message": "Method not found"}}),
            result => json!({"id": id, "result": result}),
        };
        say(&answer);
    }
    exit(0)
}
