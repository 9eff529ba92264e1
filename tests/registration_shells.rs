//! Runs registered commands in the shells that a login can have. `sh` is always there; others where installed.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use f5_guard::event::Event;
use f5_guard::registration::{Launcher, Registration, RegistrationOptions};
use f5_guard::settings::Enforced;

const SHELLS: [&str; 7] = ["sh", "bash", "dash", "zsh", "ksh", "fish", "tcsh"];

fn shells() -> Vec<&'static str> {
    let there = |shell: &&&str| Command::new(shell).args(["-c", "true"]).output().is_ok();
    let found: Vec<_> = SHELLS.iter().filter(there).copied().collect();
    assert!(found.contains(&"sh"));
    found
}

/// A stand-in for f5-guard that prints its arguments, one a line, and exits as told.
fn fake_guard(path: &Path, exit: u8) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("#!/bin/sh\nprintf '%s\\n' \"$@\"\ncat\nexit {exit}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs the command in a folder that holds nothing, with this home and this search path.
fn run(shell: &str, command: &str, home: &Path, path: &Path) -> Output {
    let work = tempfile::tempdir().unwrap();
    run_in(work.path(), shell, command, home, &format!("{}:/usr/bin:/bin", path.display()), None)
}

fn run_in(
    work: &Path,
    shell: &str,
    command: &str,
    home: &Path,
    path: &str,
    codex_home: Option<&str>,
) -> Output {
    use std::io::Write;
    use std::process::Stdio;
    let mut child = Command::new(shell)
        .args(["-c", command])
        .env_remove("CODEX_HOME")
        .env("HOME", home)
        .env("PATH", path)
        .envs(codex_home.map(|home| ("CODEX_HOME", home)))
        .current_dir(work)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that never reads is no failure here.
    let _ = child.stdin.take().unwrap().write_all(b"payload");
    child.wait_with_output().unwrap()
}

fn command(launcher: &Launcher, options: &RegistrationOptions, event: Event) -> String {
    let registration = Registration::new(options, launcher, None).unwrap();
    registration.hooks.into_iter().find(|hook| hook.event == event).unwrap().command
}

#[test]
fn every_shell_hands_the_binary_the_same_words() {
    let home = tempfile::tempdir().unwrap();
    let odd = r#"it's a "pa$th"; \\ `x` & !y * {a,b} ~ #é %s \"#;
    let binary = home.path().join("O'Brien's \"tools\" \\ $HOME !x").join("f5-guard");
    fake_guard(&binary, 0);
    let options = RegistrationOptions {
        matcher: None,
        enforced: Enforced { ca_bundle: Some(odd.into()), ..Enforced::default() },
    };
    let launcher = Launcher::Unix { binary: binary.to_str().unwrap().into() };
    let line = command(&launcher, &options, Event::PreToolUse);
    for shell in shells() {
        let output = run(shell, &line, home.path(), Path::new("/nonexistent"));
        let expected = format!("pre-tool-use\n--ca-bundle\n{odd}\npayload");
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{shell}: {output:?}");
    }
}

#[test]
fn the_portable_command_finds_the_user_installation_and_then_path() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("on path");
    let line = command(&Launcher::PortableUnix, &RegistrationOptions::default(), Event::PreToolUse);
    fake_guard(&path.join("f5-guard"), 0);
    for shell in shells() {
        let output = run(shell, &line, home.path(), &path);
        assert_eq!(output.status.code(), Some(0), "{shell}: {output:?}");
        assert_eq!(output.stdout, b"pre-tool-use\npayload", "{shell}");
    }
    fake_guard(&home.path().join(".codex/hooks/f5_guardrails/f5-guard"), 7);
    for shell in shells() {
        let output = run(shell, &line, home.path(), &path);
        assert_eq!(output.status.code(), Some(7), "{shell}: the exit code is passed on, {output:?}");
    }
}

/// A repository in which everything that it could call f5-guard leaves a trace.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("sub/folder")).unwrap();
        std::fs::create_dir(dir.path().join(".git")).unwrap();
        let repository = Self(dir);
        let script = format!("#!/bin/sh\ntouch '{}'\n", repository.trace().display());
        for folder in [
            "",
            "bin",
            "sub/folder",
            "sub/folder/bin",
            ".codex/hooks/f5_guardrails",
            "sub/folder/hooks/f5_guardrails",
        ] {
            let program = repository.path().join(folder).join("f5-guard");
            std::fs::create_dir_all(program.parent().unwrap()).unwrap();
            std::fs::write(&program, &script).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn trace(&self) -> std::path::PathBuf {
        self.path().join("was-run")
    }
}

#[test]
fn nothing_that_a_repository_holds_is_run_by_its_registration() {
    let repository = Repository::new();
    let outside = tempfile::tempdir().unwrap();
    let link = outside.path().join("link");
    std::os::unix::fs::symlink(repository.path().join("bin"), &link).unwrap();
    let line = command(&Launcher::PortableUnix, &RegistrationOptions::default(), Event::PreToolUse);
    let inside = repository.path().join("bin").display().to_string();
    let system = "/usr/bin:/bin";
    for (path, codex_home) in [
        (format!(".:{system}"), None),
        (format!(":{system}"), None),
        (format!("{system}:"), None),
        (format!("./bin:bin:../../bin:{system}"), None),
        (format!("{inside}:{system}"), None),
        (format!("{inside}/../bin:{system}"), None),
        (format!("{}:{system}", link.display()), None),
        (system.to_owned(), Some(".")),
        (system.to_owned(), Some("../../.codex")),
        (system.to_owned(), Some("")),
    ] {
        for shell in shells() {
            let work = repository.path().join("sub/folder");
            let output = run_in(&work, shell, &line, outside.path(), &path, codex_home);
            assert!(!repository.trace().exists(), "{shell}: PATH={path} CODEX_HOME={codex_home:?}");
            assert_eq!(output.status.code(), Some(2), "{shell} {path}: {output:?}");
        }
    }
    // What stands behind such entries is found all the same.
    let installed = outside.path().join("bin");
    fake_guard(&installed.join("f5-guard"), 7);
    let path = format!(".:{inside}::{}:{system}", installed.display());
    for shell in shells() {
        let output = run_in(repository.path(), shell, &line, outside.path(), &path, Some("."));
        assert_eq!(output.status.code(), Some(7), "{shell}: {output:?}");
        assert!(!repository.trace().exists(), "{shell}");
    }
}

#[test]
fn a_missing_f5_guard_blocks_with_a_reason_but_never_restarts_a_turn() {
    let home = tempfile::tempdir().unwrap();
    for event in Event::ALL {
        let line = command(&Launcher::PortableUnix, &RegistrationOptions::default(), event);
        let code = if event.ends_a_turn() { 1 } else { 2 };
        for shell in shells() {
            let output = run(shell, &line, home.path(), Path::new("/nonexistent"));
            assert_eq!(output.status.code(), Some(code), "{shell} {event:?}: {output:?}");
            assert!(
                String::from_utf8_lossy(&output.stderr).contains("none is installed"),
                "{shell}: {output:?}"
            );
        }
    }
}

#[test]
fn an_f5_guard_that_cannot_be_started_blocks_too() {
    let home = tempfile::tempdir().unwrap();
    let binary = home.path().join(".codex/hooks/f5_guardrails/f5-guard");
    fake_guard(&binary, 0);
    let line = command(&Launcher::PortableUnix, &RegistrationOptions::default(), Event::UserPromptSubmit);
    // A missing interpreter is exit code 127 to a shell, one that may not be executed is 126.
    for interpreter in ["/nonexistent/interpreter", "/etc/passwd"] {
        std::fs::write(&binary, format!("#!{interpreter}\n")).unwrap();
        for shell in shells() {
            let output = run(shell, &line, home.path(), Path::new("/nonexistent"));
            assert_eq!(output.status.code(), Some(2), "{shell} {interpreter}: {output:?}");
        }
    }
}
