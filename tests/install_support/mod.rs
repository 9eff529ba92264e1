//! Runs the built `f5-guard install` and its kin in a home of its own.

#![allow(dead_code, reason = "each test crate uses its own part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use f5_guard::internals::codex::layers::ConfigFormat;
use f5_guard::internals::registration::{KnownBinaries, Python};

pub use crate::home::Run;
use crate::home::{self, FakeHome, one_line};

/// The configuration files of `fixtures/configs` that a user's folder can hold.
pub fn corpus() -> Vec<(PathBuf, ConfigFormat, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/configs");
    let mut found = Vec::new();
    for (folder, file) in [("toml", ConfigFormat::ConfigToml), ("json", ConfigFormat::HooksJson)] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            found.push((path, file, bytes));
        }
    }
    assert!(found.len() > 25, "the corpus is there");
    found
}

/// A user's home with a Codex home in it, and nothing of this machine's environment.
pub struct Home {
    home: FakeHome,
    codex: Option<PathBuf>,
}

/// The built program, without its debug information where a `strip` is at hand: an installation copies it, and these
/// tests install hundreds of times.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let built = home::program();
        let name = format!("f5-guard-{}{}", std::process::id(), std::env::consts::EXE_SUFFIX);
        let small = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let stripped = Command::new("strip").arg("-o").arg(&small).arg(&built).stderr(Stdio::null()).status();
        if stripped.is_ok_and(|status| status.success()) { small } else { built }
    })
}

/// A program of the system that is no Codex and reads nothing.
fn no_codex() -> PathBuf {
    let candidates = ["/bin/false", "/usr/bin/false", r"C:\Windows\System32\whoami.exe"];
    let found = candidates.into_iter().map(PathBuf::from).find(|path| path.is_file());
    found.expect("one of the systems' programs that end at once")
}

impl Home {
    /// A home where no Codex can be asked: the program named as one ends at once.
    pub fn new() -> Self {
        Self::of_user("")
    }

    /// The same for a user whose folder begins with this name.
    pub fn of_user(name: &str) -> Self {
        let mut home = FakeHome::of_user(name);
        for name in ["PATH", "ProgramData"] {
            home.inherit(name);
        }
        Self { home, codex: Some(no_codex()) }
    }

    /// A home with this Codex.
    pub fn with_codex(program: PathBuf) -> Self {
        Self { codex: Some(program), ..Self::new() }
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.home.set(name, value);
        self
    }

    pub fn path(&self) -> &Path {
        self.home.path()
    }

    pub fn codex(&self) -> PathBuf {
        self.home.codex()
    }

    pub fn binary(&self) -> PathBuf {
        self.home.binary()
    }

    /// What an installation for this user knows as its own.
    pub fn places(&self) -> KnownBinaries {
        let binary = self.binary();
        // A process can see its folder with the links in its path resolved.
        let resolved = self.codex().canonicalize().unwrap().join(binary.strip_prefix(self.codex()).unwrap());
        let spelled =
            [binary, resolved].map(|path| path.to_str().unwrap().trim_start_matches(r"\\?\").to_owned());
        KnownBinaries { binaries: spelled.into(), python: Python::TakenOver }
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.codex().join(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.codex().join(name)).unwrap()
    }

    /// The command, with the environment of this home. On Windows the scope has to be named.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(program(), arguments)
    }

    /// The same for another f5-guard than the built one.
    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = self.home.command(program);
        command.args(arguments);
        let has_scopes = matches!(arguments.first(), Some(&("install" | "uninstall")));
        if cfg!(windows) && has_scopes && !arguments.contains(&"--scope") {
            command.args(["--scope", "user"]);
        }
        if let (Some(codex), false) = (&self.codex, arguments.contains(&"--codex")) {
            command.arg("--codex").arg(codex);
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_of(program(), arguments)
    }

    pub fn run_of(&self, program: &Path, arguments: &[&str]) -> Run {
        let mut run = Run::of(&mut self.command_of(program, arguments), b"");
        // Refusals and notes are broken to fit a terminal; here each is one line.
        run.stderr = one_line(&run.stderr);
        if !arguments.contains(&"--print") && !arguments.contains(&"--dry-run") {
            run.stdout = run.stdout.replace(&format!("\n{}", " ".repeat(10)), " ");
        }
        run
    }

    /// The folders below Codex's home, and every file's content but the binary's.
    pub fn contents(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.codex()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    found.insert(path.clone(), None);
                    folders.push(path);
                } else if path != self.binary() {
                    found.insert(path.clone(), Some(fs::read(path).unwrap()));
                }
            }
        }
        found
    }

    /// Fails where a file or folder is not as it was.
    pub fn is_as(&self, before: &BTreeMap<PathBuf, Option<Vec<u8>>>, story: &str) {
        let now = self.contents();
        let differing: Vec<_> =
            before.keys().chain(now.keys()).filter(|path| before.get(*path) != now.get(*path)).collect();
        let text = |bytes: Option<&Option<Vec<u8>>>| {
            bytes.map(|bytes| String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned())
        };
        if let Some(path) = differing.first() {
            let (was, is) = (text(before.get(*path)), text(now.get(*path)));
            panic!("{story}: {differing:?} differ; the first was\n{was:?}\nand is\n{is:?}");
        }
    }
}
