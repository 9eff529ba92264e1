//! Runs registered commands in the shells that a login can have. `sh` is always there; others where installed.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use f5_guard::hook::Event;
use f5_guard::registration::{Launcher, Registration, RegistrationOptions};

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

fn run(shell: &str, command: &str, home: &Path, path: &Path) -> Output {
    use std::io::Write;
    use std::process::Stdio;
    let mut child = Command::new(shell)
        .args(["-c", command])
        .env_remove("CODEX_HOME")
        .env("HOME", home)
        .env("PATH", format!("{}:/usr/bin:/bin", path.display()))
        .current_dir(home)
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
    let options = RegistrationOptions { ca_bundle: Some(odd.into()), ..RegistrationOptions::default() };
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
