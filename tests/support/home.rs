//! f5-guard in a fake home: a user's folder of its own, and nothing of this machine's environment.

#![allow(dead_code, reason = "each test crate uses its own part")]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The built program.
pub fn program() -> PathBuf {
    match option_env!("CARGO_BIN_EXE_f5-guard") {
        Some(path) => path.into(),
        // A compiler that is started by a shell script, as in some cross builds, never sees a variable with a hyphen
        // in its name. Test programs are built into a folder beside the program's.
        None => {
            let test = std::env::current_exe().expect("the test knows where it is");
            let folder = test.ancestors().nth(2).expect("tests are built into a folder of their own");
            folder.join(binary_name())
        }
    }
}

pub fn binary_name() -> String {
    format!("f5-guard{}", std::env::consts::EXE_SUFFIX)
}

/// A user's home with a Codex home in it.
pub struct FakeHome {
    dir: TempDir,
    variables: BTreeMap<OsString, OsString>,
}

impl FakeHome {
    pub fn new() -> Self {
        Self::of_user("")
    }

    /// The same for a user whose folder begins with this name.
    pub fn of_user(name: &str) -> Self {
        let dir = tempfile::Builder::new().prefix(name).tempdir().expect("a temporary home");
        let mut home = Self { dir, variables: BTreeMap::new() };
        fs::create_dir(home.codex()).expect("a CODEX_HOME");
        for name in ["HOME", "USERPROFILE"] {
            home.set(name, home.path().to_owned());
        }
        // Without these neither Windows' sockets nor coverage tools work.
        for name in ["SystemRoot", "LLVM_PROFILE_FILE"] {
            home.inherit(name);
        }
        home
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Codex's own folder in it, where it is by default.
    pub fn codex(&self) -> PathBuf {
        self.path().join(".codex")
    }

    /// Where `install` puts the program.
    pub fn binary(&self) -> PathBuf {
        self.codex().join("hooks").join("f5_guardrails").join(binary_name())
    }

    /// A file in the home, with this content.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).expect("the home can be written to");
        path
    }

    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.variables.insert(name.into(), value.into());
    }

    pub fn unset(&mut self, name: impl AsRef<OsStr>) {
        self.variables.remove(name.as_ref());
    }

    pub fn has(&self, name: &str) -> bool {
        self.variables.contains_key(OsStr::new(name))
    }

    /// As this process has it.
    pub fn inherit(&mut self, name: &str) {
        if let Some(value) = std::env::var_os(name) {
            self.set(name, value);
        }
    }

    /// A command that runs in this home.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        self.adopt(&mut command);
        command
    }

    /// Lets another command run in this home.
    pub fn adopt(&self, command: &mut Command) {
        command.env_clear().envs(&self.variables).current_dir(self.path());
    }

    /// The built program with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(program()).args(arguments), b"")
    }
}

/// Words without the breaks between lines, which depend on the lengths of paths.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A finished run.
#[derive(Debug)]
pub struct Run {
    /// The number of the process.
    pub id: u32,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Runs the command to its end with this on its stdin, which it need not read.
    pub fn of(command: &mut Command, stdin: &[u8]) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let id = child.id();
        let _ = child.stdin.take().expect("stdin is a pipe").write_all(stdin);
        let Output { status, stdout, stderr } = child.wait_with_output().expect("it can be waited for");
        let text = |bytes| String::from_utf8(bytes).expect("the program speaks UTF-8");
        Self { id, code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// What it said, after it ended well.
    pub fn succeeds(self, story: &str) -> String {
        assert_eq!(self.code, Some(0), "{story}\n{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// What it said on stderr, after it refused.
    pub fn refuses(self) -> String {
        assert_eq!(self.code, Some(1), "{}\n{}", self.stdout, self.stderr);
        assert!(self.stdout.is_empty(), "{}", self.stdout);
        self.stderr
    }

    pub fn last_line(&self) -> &str {
        self.stdout.trim_end().lines().last().unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.stdout, self.stderr))
    }
}
