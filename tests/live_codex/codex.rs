//! Starting Codex: which one, in which environment, and never for ever.

use std::io::{Read, Write};
#[cfg(unix)]
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A Codex that has not ended by then hangs. A run takes about a second; the rest is room for a busy machine.
pub const KILL_AFTER: Duration = Duration::from_secs(120);

/// The variable that names the Codex to test with.
pub const VARIABLE: &str = "F5_GUARD_TEST_CODEX";

/// The Codex to test with. These tests are ignored unless they are asked for; who asks has to say which Codex, so
/// that a missing one is never taken for a pass.
fn program() -> PathBuf {
    let path = std::env::var_os(VARIABLE)
        .unwrap_or_else(|| panic!("{VARIABLE} is not set: it has to name the codex executable to test with"));
    let path = PathBuf::from(path);
    assert!(path.is_file(), "{VARIABLE} names {}, which is not a file", path.display());
    path
}

/// What no program of Windows runs without.
const OF_THE_SYSTEM: [&str; 8] =
    ["SystemRoot", "SystemDrive", "windir", "ComSpec", "PATHEXT", "ProgramData", "TEMP", "TMP"];

/// A Codex with a home of its own and nothing of this machine's environment but the search path. A `starter` is a script
/// that starts it, and gets its path in the variable.
pub fn command(home: &Path, work: &Path, variables: &[(String, String)], starter: Option<&Path>) -> Command {
    let codex = program();
    let mut command = Command::new(starter.unwrap_or(&codex));
    command
        .current_dir(work)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("CODEX_HOME", home)
        .env("STUB_KEY", "not a secret")
        .env(VARIABLE, &codex)
        .envs(variables.iter().map(|(name, value)| (name, value)));
    if cfg!(windows) {
        command.env("USERPROFILE", home);
        command.envs(OF_THE_SYSTEM.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    }
    // A group of its own: what Codex has started is ended with it.
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// A finished run.
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `command` without standard input to its end.
pub fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut codex = Running::start(command);
    let stdout = read(codex.child.stdout.take());
    let stderr = read(codex.child.stderr.take());
    let stdout = stdout.recv_timeout(KILL_AFTER).unwrap_or_else(|_| codex.hangs());
    let stderr = stderr.recv_timeout(KILL_AFTER).unwrap_or_else(|_| codex.hangs());
    let status = codex.wait();
    Output { status, stdout, stderr }
}

/// A started Codex, ended with all its children when it is dropped.
pub struct Running {
    pub child: Child,
    ended: bool,
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Self { child: command.spawn().expect("Codex can be started"), ended: false }
    }

    fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("the exit status of Codex");
        self.ended = true;
        status
    }

    /// Gives up on it.
    pub fn hangs(&mut self) -> ! {
        panic!("Codex had not ended after {} seconds", KILL_AFTER.as_secs())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // Not waited for yet, so that the number still is this group's and nobody else's.
        let number = self.child.id().to_string();
        let _ = if cfg!(windows) {
            Command::new("taskkill").args(["/F", "/T", "/PID", &number]).status()
        } else {
            Command::new("kill").args(["-KILL", "--", &format!("-{number}")]).status()
        };
        let _ = self.child.wait();
    }
}

/// Reads a pipe to its end on a thread.
fn read(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (done, text) = mpsc::channel();
    let mut pipe = pipe.expect("a piped stream");
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        let _ = done.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    text
}

/// Prints what a row of the decision table was seen to do, past the test runner's capture.
pub fn report(row: &str, seen: &str) {
    let _ = writeln!(std::io::stdout(), "live: {row}: {seen}");
}

/// The built f5-guard, in the environment that Codex would give it.
#[cfg(unix)] // only of use with a command that runs
pub fn f5_guard(home: &Path, variables: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_f5-guard"));
    command.env_clear().env("HOME", home).env("CODEX_HOME", home);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command
}
