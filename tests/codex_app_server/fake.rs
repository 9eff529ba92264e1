//! A Codex that plays a script: the test binary starts itself under another name or with `app-server`.
//!
//! The script lies in the `CODEX_HOME` the client hands over, so that tests running side by side do not
//! disturb each other; what the client sent is written beside it.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, Read, Write, stdin, stdout};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the fake does with one request.
#[derive(Serialize, Deserialize)]
pub enum Step {
    /// Prints these lines first, as they are.
    Say(Vec<String>),
    /// Answers the next request with this result.
    Answer(Value),
    /// Answers the next request with this error code and message.
    Refuse(i64, String),
    /// Answers the next request with this result, after writing this text to `config.toml`.
    Write(String, Value),
    /// Starts a grandchild that holds on to a socket at this port.
    Grandchild(u16),
    /// Reads the next request and never answers.
    Hang,
    /// Reads the next request, then prints notifications without end.
    Chatter,
    /// Prints this on standard error and leaves.
    Leave(i32, String),
}

/// The steps of one conversation; `initialize` is answered before the first.
pub fn script(home: &Path, steps: &[Step]) {
    fs::write(home.join("script.json"), serde_json::to_vec(steps).unwrap()).unwrap();
}

/// What the client has sent, without `initialize` and `initialized`.
pub fn received(home: &Path) -> Vec<Value> {
    let text = fs::read_to_string(home.join("received.jsonl")).unwrap_or_default();
    let messages = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    messages.filter(|message| !message["method"].as_str().unwrap().starts_with("initialize")).collect()
}

/// Plays a Codex where this process was started as one, and then does not return.
pub fn play_if_asked() {
    let mut args = std::env::args();
    let name = args.next().unwrap_or_default();
    let first = args.next();
    match first.as_deref() {
        Some("app-server") => app_server(),
        Some("--version") if name.contains("codex-hangs") => wait_for_ever(),
        Some("--version") if name.contains("codex-broken") => {
            eprintln!("node: not found");
            exit(127);
        }
        Some("--version") => {
            println!("codex-cli 0.169.0");
            exit(0);
        }
        Some("hold") => hold(args.next().unwrap().parse().unwrap()),
        _ => (),
    }
}

fn wait_for_ever() -> ! {
    loop {
        std::thread::park();
    }
}

fn hold(port: u16) -> ! {
    let _socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    wait_for_ever()
}

struct Client {
    home: PathBuf,
}

impl Client {
    /// The next request's id; a client that has left ends the fake.
    fn request(&self) -> Value {
        loop {
            let mut line = String::new();
            if stdin().lock().read_line(&mut line).unwrap() == 0 {
                exit(0);
            }
            let mut log =
                OpenOptions::new().create(true).append(true).open(self.home.join("received.jsonl")).unwrap();
            log.write_all(line.as_bytes()).unwrap();
            let message: Value = serde_json::from_str(&line).unwrap();
            if let Some(id) = message.get("id") {
                return id.clone();
            }
        }
    }
}

fn say(line: &str) {
    // A client that has ended us may be gone already.
    if writeln!(stdout(), "{line}").and_then(|()| stdout().flush()).is_err() {
        exit(0);
    }
}

fn app_server() -> ! {
    let client = Client { home: std::env::var_os("CODEX_HOME").unwrap().into() };
    let steps: Vec<Step> =
        serde_json::from_slice(&fs::read(client.home.join("script.json")).unwrap()).unwrap();
    if let Some(Step::Leave(code, words)) = steps.first() {
        leave(*code, words);
    }
    let id = client.request();
    say(&json!({"id": id, "result": {"userAgent": "fake"}}).to_string());
    for step in steps {
        match step {
            Step::Say(lines) => lines.iter().for_each(|line| say(line)),
            Step::Answer(result) => {
                let id = client.request();
                say(&json!({"id": id, "result": result}).to_string());
            }
            Step::Refuse(code, message) => {
                let id = client.request();
                say(&json!({"id": id, "error": {"code": code, "message": message}}).to_string());
            }
            Step::Write(text, result) => {
                let id = client.request();
                fs::write(client.home.join("config.toml"), text).unwrap();
                say(&json!({"id": id, "result": result}).to_string());
            }
            #[expect(clippy::zombie_processes, reason = "ending it is what the client is tested for")]
            Step::Grandchild(port) => {
                Command::new(std::env::current_exe().unwrap())
                    .args(["hold", &port.to_string()])
                    .spawn()
                    .unwrap();
            }
            Step::Hang => {
                client.request();
                wait_for_ever();
            }
            Step::Chatter => {
                client.request();
                loop {
                    say(r#"{"method":"thinking","params":{}}"#);
                }
            }
            Step::Leave(code, words) => {
                client.request();
                leave(code, &words);
            }
        }
    }
    let _ = stdin().lock().read_to_end(&mut Vec::new());
    exit(0)
}

fn leave(code: i32, words: &str) -> ! {
    eprintln!("{words}");
    exit(code)
}
