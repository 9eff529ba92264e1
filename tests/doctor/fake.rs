//! A Codex that says what a file in its home tells it to: this test binary, started as one.

use std::io::{BufRead, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::exit;

use serde_json::{Value, json};

const SCRIPT: &str = "fake.json";

/// What the fake says from now on: `hooks` (an array, or null for a Codex without the call), `warnings`, `errors`,
/// `layers`, `requirements`, `refusal` (its answer to a configuration that it does not take).
pub fn script(home: &Path, script: &Value) {
    std::fs::write(home.join(SCRIPT), script.to_string()).unwrap();
}

/// Plays a Codex where this process was started as one, and then does not return.
pub fn play_if_asked() {
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
        ["app-server"] => app_server(&read()),
        _ => (),
    }
}

fn read() -> Value {
    let home = PathBuf::from(std::env::var_os("CODEX_HOME").unwrap());
    serde_json::from_slice(&std::fs::read(home.join(SCRIPT)).unwrap()).unwrap()
}

fn app_server(script: &Value) -> ! {
    let list = |name: &str| if script[name].is_null() { json!([]) } else { script[name].clone() };
    for line in stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let Some(id) = request.get("id") else { continue };
        let result = match request["method"].as_str().unwrap() {
            "initialize" => json!({"userAgent": "fake"}),
            "hooks/list" if !script["hooks"].is_null() => {
                json!({"data": [{"cwd": request["params"]["cwds"][0],
                "hooks": script["hooks"], "warnings": list("warnings"), "errors": list("errors")}]})
            }
            "configRequirements/read" => json!({"requirements": script["requirements"]}),
            "config/read" => json!({"config": {}, "layers": list("layers")}),
            _ => Value::Null,
        };
        let answer = match result {
            Value::Null => json!({"id": id, "error": {"code": -32601, "message": "Method not found"}}),
            result => json!({"id": id, "result": result}),
        };
        writeln!(stdout(), "{answer}").and_then(|()| stdout().flush()).unwrap();
    }
    exit(0)
}
