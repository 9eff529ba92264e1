//! Runs registered commands in the shells that a login can have. `sh` is always there; others where installed.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::event::Event;
use crate::registration::{Launcher, Registration, RegistrationOptions};
use crate::settings::Enforced;

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

/// What can be `/bin/sh`, as the beginning of a command.
fn posix_shells() -> Vec<&'static str> {
    let known = ["/bin/sh", "dash", "bash --posix", "busybox sh", "zsh --emulate sh", "ksh", "mksh"];
    let there = |shell: &&&str| {
        Command::new("/bin/sh").args(["-c", &format!("{shell} -c true")]).output().unwrap().status.success()
    };
    known.iter().filter(there).copied().collect()
}

/// A folder with a repository, one in it (with a `.git` of the given kind), and folders outside.
struct Nested {
    dir: tempfile::TempDir,
}

impl Nested {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let nested = Self { dir };
        for folder in ["outer/.git/modules/inner", "outer/bin", "outer/in ner/sub", "outside", "home"] {
            std::fs::create_dir_all(nested.at(folder)).unwrap();
        }
        let script = format!("#!/bin/sh\ntouch '{}'\n", nested.trace().display());
        std::fs::write(nested.at("outer/bin/f5-guard"), script).unwrap();
        std::fs::set_permissions(nested.at("outer/bin/f5-guard"), std::fs::Permissions::from_mode(0o755))
            .unwrap();
        nested
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.dir.path().join(path)
    }

    fn trace(&self) -> std::path::PathBuf {
        self.at("was-run")
    }

    fn link(&self, to: impl AsRef<Path>, at: &str) {
        let at = self.at(at);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(to, at).unwrap();
    }

    /// What the project's command ends with, in every shell, with this folder on `PATH`.
    fn ends(&self, folder: &str, on_path: &str, code: i32) {
        let line = command(&Launcher::PortableUnix, &RegistrationOptions::default(), Event::PreToolUse);
        for shell in posix_shells() {
            let line = format!("{shell}{}", line.strip_prefix("/bin/sh").unwrap());
            // What `readlink` is, is not for PATH to say.
            let path = format!("{}:/usr/bin:/bin", self.at(on_path).display());
            let output = run_in(&self.at(folder), "sh", &line, &self.at("home"), &path, None);
            assert!(!self.trace().exists(), "{shell}: {on_path} in {folder} was run");
            assert_eq!(output.status.code(), Some(code), "{shell} {on_path} in {folder}: {output:?}");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(said.lines().count(), usize::from(code == 2), "{shell}: {said}");
        }
    }
}

#[test]
fn an_outer_repository_is_no_place_to_start_a_program_from() {
    for git in ["a folder", "gitdir: ../.git/modules/inner\n", "gitdir: /nonexistent", ""] {
        let nested = Nested::new();
        match git {
            "a folder" => std::fs::create_dir(nested.at("outer/in ner/.git")).unwrap(),
            file => std::fs::write(nested.at("outer/in ner/.git"), file).unwrap(),
        }
        nested.ends("outer/in ner/sub", "outer/bin", 2);
    }
}

#[test]
fn the_main_checkout_of_a_linked_worktree_is_no_such_place_either() {
    for relative in [false, true] {
        let nested = Nested::new();
        std::fs::create_dir_all(nested.at("outer/.git/worktrees/w")).unwrap();
        std::fs::create_dir_all(nested.at("work tree/sub")).unwrap();
        let to = match relative {
            true => "../outer/.git/worktrees/w".to_owned(),
            false => nested.at("outer/.git/worktrees/w").display().to_string(),
        };
        std::fs::write(nested.at("work tree/.git"), format!("gitdir: {to}\n")).unwrap();
        nested.ends("work tree/sub", "outer/bin", 2);
    }
}

#[test]
fn a_link_on_path_is_followed_before_it_is_started() {
    let nested = Nested::new();
    let guard = nested.at("outer/bin/f5-guard");
    nested.link(&guard, "absolute/f5-guard");
    nested.link("../outer/bin/f5-guard", "relative/f5-guard");
    nested.link("../relative/../absolute/./f5-guard", "chain/f5-guard");
    nested.link("../outer", "folder/way");
    nested.link("way/bin/f5-guard", "folder/f5-guard");
    for on_path in ["absolute", "relative", "chain", "folder"] {
        nested.ends("outer/in ner", on_path, 2);
    }
}

#[test]
fn a_link_in_the_repository_decides_nothing_even_where_it_leads_out() {
    let nested = Nested::new();
    fake_guard(&nested.at("outside/f5-guard"), 7);
    nested.link(nested.at("outside"), "outer/way out");
    nested.link(nested.at("outside/f5-guard"), "outer/guard");
    nested.link("../outer/guard", "through/f5-guard");
    nested.link("outer/way out", "folder");
    for on_path in ["through", "folder", "outer/way out", "outer/../outside", "outer/in ner/../way out"] {
        nested.ends("outer/in ner", on_path, 2);
    }
}

#[test]
fn links_that_lead_nowhere_or_round_and_round_are_passed_over() {
    let nested = Nested::new();
    nested.link("f5-guard", "loop/f5-guard");
    nested.link("../nothing", "dangling/f5-guard");
    nested.link("/proc/self/cwd/bin", "magic");
    for on_path in ["loop", "dangling", "magic"] {
        nested.ends("outer", on_path, 2);
    }
    // The program's own end shows that the other ones were only passed over.
    fake_guard(&nested.at("outside/f5-guard"), 7);
    nested.link("../outside/f5-guard", "linked bin/f5-guard");
    nested.link("linked bin", "linked folder");
    for on_path in ["outside", "linked bin", "linked folder", "linked folder/../outside"] {
        nested.ends("outer", on_path, 7);
    }
}

/// Without a folder to begin with no shell may go round and round: Codex takes a hook that hangs for "go ahead".
#[test]
fn a_session_whose_folder_is_gone_is_served_by_the_user_installation_alone() {
    let nested = Nested::new();
    fake_guard(&nested.at("outside/f5-guard"), 7);
    let line = command(&Launcher::PortableUnix, &RegistrationOptions::default(), Event::PreToolUse);
    let path = format!("{}:/usr/bin:/bin", nested.at("outside").display());
    let work = nested.at("gone");
    for code in [2, 5] {
        for shell in posix_shells() {
            std::fs::create_dir(&work).unwrap();
            let line = format!("{shell}{}", line.strip_prefix("/bin/sh").unwrap());
            let line = format!("ulimit -t 20; rmdir '{}'; PWD=gone; export PWD; {line}", work.display());
            let output = run_in(&work, "sh", &line, &nested.at("home"), &path, None);
            assert_eq!(output.status.code(), Some(code), "{shell}: {output:?}");
        }
        fake_guard(&nested.at("home/.codex/hooks/f5_guardrails/f5-guard"), 5);
    }
}

#[test]
fn no_program_of_path_has_a_say_in_where_a_link_leads() {
    let nested = Nested::new();
    fake_guard(&nested.at("outside/f5-guard"), 7);
    nested.link("../outer/bin/f5-guard", "linked/f5-guard");
    let liar = nested.at("linked/readlink");
    std::fs::write(&liar, format!("#!/bin/sh\necho '{}'\n", nested.at("outside/f5-guard").display()))
        .unwrap();
    std::fs::set_permissions(&liar, std::fs::Permissions::from_mode(0o755)).unwrap();
    nested.ends("outer", "linked", 2);
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
