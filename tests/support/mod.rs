//! Runs the built `f5-guard` as Codex would: a payload on stdin, an answer on stdout, an environment of its own.
//!
//! `Hook::of(Event::PreToolUse).closed().against(&api).run().blocked()` reads as the story that it tests.

#![allow(dead_code, reason = "each test crate uses its own part")]

pub mod answer;
#[cfg(windows)]
pub mod cmd;
pub mod codex_answer;
pub mod event;
pub mod home;
pub mod memory;
pub mod powershell;

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use f5_stand_in::f5::{F5, TOKEN};
use serde_json::Value;

pub use answer::Answer;
pub use event::Event;
pub use home::{FakeHome, program};

/// What a text begins with. As a command that was not scanned, it may be shown.
pub const WORDS: &str = "please look after the garden, the cat and the post while we are away";

/// Stands in every text that is scanned, and must stand in nothing that the program says.
pub const MARKER: &str = "MARKER-c5d41e";

/// Nothing here takes half as long; a process that does is stuck.
const STUCK: Duration = Duration::from_secs(120);

/// What Codex sends, read from `tests/samples/codex/NAME.json`, of a session without a file of its own: that of the samples
/// is on another machine.
pub fn sample(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/samples/codex/{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut sample: Value = serde_json::from_str(&text).expect("a sample is JSON");
    sample["transcript_path"] = Value::Null;
    sample
}

/// One run of a hook in the making.
pub struct Hook {
    event: Event,
    subcommand: String,
    stdin: Vec<u8>,
    arguments: Vec<OsString>,
    stdout: Target,
    /// A shell that runs the hook, instead of the program itself.
    shell: Option<Command>,
    home: FakeHome,
}

/// Where the answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Pipe,
    /// A pipe of which nobody holds the other end.
    BrokenPipe,
    /// A device on which every write fails.
    Full,
}

impl Hook {
    /// The event's own subcommand, with a harmless payload, in fail mode open, against an address that refuses.
    pub fn of(event: Event) -> Self {
        Self::at_home(FakeHome::new(), event)
    }

    /// The same for a user whose home folder begins with this name.
    pub fn of_user(name: &str, event: Event) -> Self {
        Self::at_home(FakeHome::of_user(name), event)
    }

    fn at_home(home: FakeHome, event: Event) -> Self {
        let codex = home.codex();
        let hook = Self {
            event,
            subcommand: event.subcommand().to_owned(),
            stdin: event.payload(&format!("{WORDS} {MARKER}")).to_string().into_bytes(),
            arguments: Vec::new(),
            stdout: Target::Pipe,
            shell: None,
            home,
        };
        hook.env("CODEX_HOME", codex)
            .env("F5_GUARDRAILS_API_TOKEN", TOKEN)
            .env("F5_GUARDRAILS_BASE_URL", "http://127.0.0.1:1")
    }

    pub fn user_prompt_submit() -> Self {
        Self::of(Event::UserPromptSubmit)
    }

    pub fn pre_tool_use() -> Self {
        Self::of(Event::PreToolUse)
    }

    pub fn post_tool_use() -> Self {
        Self::of(Event::PostToolUse)
    }

    pub fn stop() -> Self {
        Self::of(Event::Stop)
    }

    /// The folder that the process takes for the user's home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A file in the home, with this content.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        self.home.file(name, content)
    }

    /// Another subcommand than the event's own.
    pub fn registered_as(mut self, subcommand: &str) -> Self {
        self.subcommand = subcommand.to_owned();
        self
    }

    pub fn payload(self, payload: Value) -> Self {
        self.stdin(payload.to_string())
    }

    /// The event's usual payload with this text in it.
    pub fn text(self, text: &str) -> Self {
        let payload = self.event.payload(text);
        self.payload(payload)
    }

    /// These bytes instead of a payload.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    pub fn arguments<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.home.set(name, value);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.home.unset(name);
        self
    }

    pub fn open(self) -> Self {
        self.env("F5_GUARDRAILS_FAIL_MODE", "open")
    }

    pub fn closed(self) -> Self {
        self.env("F5_GUARDRAILS_FAIL_MODE", "closed")
    }

    pub fn in_mode(self, mode: FailMode) -> Self {
        match mode {
            FailMode::Open => self.open(),
            FailMode::Closed => self.closed(),
        }
    }

    pub fn strict(self) -> Self {
        self.env("F5_GUARDRAILS_POST_STRICT", "true")
    }

    pub fn stdout(mut self, target: Target) -> Self {
        self.stdout = target;
        self
    }

    /// A shell with a command line that starts the hook, in place of program, subcommand and arguments.
    pub fn through(mut self, shell: Command) -> Self {
        self.shell = Some(shell);
        self
    }

    /// Scans go to this stand-in; its certificates are trusted where it has some.
    pub fn against(self, api: &F5) -> Self {
        let url = api.base_url();
        let hook = self.env("F5_GUARDRAILS_BASE_URL", &url);
        if url.starts_with("https:") {
            let bundle = hook.home().join("ca.pem");
            api.write_ca(&bundle);
            return hook.env("F5_GUARDRAILS_CA_BUNDLE", bundle);
        }
        hook
    }

    /// The built program with environment and arguments, not started yet.
    fn command(&mut self) -> Command {
        let about_time = self.is_about_time();
        let mut command = self.shell.take().unwrap_or_else(|| {
            let mut command = Command::new(program());
            command.arg(&self.subcommand);
            if !about_time {
                // A busy machine must not turn another outcome into a deadline.
                command.args(["--timeout", "60"]);
            }
            command.args(&self.arguments);
            command
        });
        if !about_time {
            // For a command line that can't be read.
            self.home.set("F5_GUARDRAILS_TIMEOUT", "35");
        }
        self.home.adopt(&mut command);
        command
    }

    /// Whether the test says anything of timeouts itself.
    fn is_about_time(&self) -> bool {
        self.home.has("F5_GUARDRAILS_TIMEOUT")
            || self.arguments.iter().any(|argument| argument.to_string_lossy().contains("timeout"))
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// Where it did not read its stdin to the end, or where token or scanned text turn up in what it said.
    pub fn run(self) -> Answer {
        self.run_while(|_| {})
    }

    /// Runs it to its end, and calls `meanwhile` with the number of its process once that was started.
    ///
    /// # Panics
    /// As [`Hook::run`].
    pub fn run_while(mut self, meanwhile: impl FnOnce(u32)) -> Answer {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(self.stdout.stdio()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        // The command holds its end of the streams it was given until it is dropped.
        drop(command);
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        // Before its stdin ends the program cannot answer, so the pipe is broken by then.
        let stdout = child.stdout.take().filter(|_| self.stdout != Target::BrokenPipe);
        let stderr = child.stderr.take().expect("stderr is a pipe");
        let id = child.id();
        let watched = Watched::new(child);
        let payload = self.stdin;
        let (taken, stdout, stderr) = std::thread::scope(|scope| {
            let feeder = scope.spawn(move || stdin.write_all(&payload));
            let errors = scope.spawn(move || read_all(Some(stderr)));
            meanwhile(id);
            let stdout = read_all(stdout);
            (feeder.join().expect("no panic"), stdout, errors.join().expect("no panic"))
        });
        let code = watched.wait();
        let answer = Answer { event: self.event, stdout, stderr, code, home: self.home };
        assert!(taken.is_ok(), "stdin was not read to its end, so Codex would drop the answer: {answer:?}");
        answer.keeps_its_secrets();
        answer
    }
}

fn read_all(stream: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes).expect("the stream can be read");
    }
    String::from_utf8(bytes).expect("the program speaks UTF-8")
}

impl Target {
    fn stdio(self) -> Stdio {
        match self {
            Self::Pipe | Self::BrokenPipe => Stdio::piped(),
            Self::Full => {
                std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full").into()
            }
        }
    }
}

/// A child that is killed when it takes far too long, so that a hang fails one test instead of stopping them all.
struct Watched {
    child: Arc<Mutex<Child>>,
    done: mpsc::Sender<()>,
}

impl Watched {
    fn new(child: Child) -> Self {
        let child = Arc::new(Mutex::new(child));
        let (done, over) = mpsc::channel();
        let watched = Arc::clone(&child);
        std::thread::spawn(move || {
            if over.recv_timeout(STUCK) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = watched.lock().expect("nobody panics with it").kill();
            }
        });
        Self { child, done }
    }

    /// Called once its streams are closed: the child is about to be gone.
    fn wait(self) -> Option<i32> {
        let status =
            self.child.lock().expect("nobody panics with it").wait().expect("the child can be waited for");
        let _ = self.done.send(());
        status.code()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailMode {
    Open,
    Closed,
}

impl FailMode {
    pub const ALL: [Self; 2] = [Self::Open, Self::Closed];

    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// Calls `check` for each event in both fail modes, all at once: most of these runs only wait.
pub fn everywhere(check: impl Fn(Event, FailMode) + Sync) {
    std::thread::scope(|scope| {
        for event in Event::ALL {
            for mode in FailMode::ALL {
                let check = &check;
                scope.spawn(move || check(event, mode));
            }
        }
    });
}
