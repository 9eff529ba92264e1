//! What f5-guard believes of Codex's hook trust, checked against the real Codex:
//! `F5_GUARD_TEST_CODEX=/path/to/codex cargo test --test live_codex_trust -- --ignored`

#![allow(clippy::restriction)] // a test may panic

mod model;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use f5_guard::internals::access::Privilege;
use f5_guard::internals::codex::app_server::AppServer;
use f5_guard::internals::codex::home::{CodexHome, Origin};
use f5_guard::internals::codex::layers::{self, ConfigVerdict, HooksFeature, OnlyManaged, Strictness};
use f5_guard::internals::codex::listing::{FolderHooks, HookListing};
use f5_guard::internals::codex::locate::{self, Codex};
use f5_guard::internals::codex::trust::{self, HookStatus, Review};
use f5_guard::internals::process::{self, End};
use f5_guard::internals::system::System;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

/// A prompt hook of ours and one of somebody else's.
#[cfg(unix)]
const OURS: &str = "[[hooks.UserPromptSubmit]]\n[[hooks.UserPromptSubmit.hooks]]\ntype = \"command\"\n\
                    command = \"cat > ours.txt\"\ntimeout = 15\n";
/// A command that means the same to PowerShell, whose own `>` writes UTF-16, and to cmd.exe.
#[cfg(windows)]
const OURS: &str = "[[hooks.UserPromptSubmit]]\n[[hooks.UserPromptSubmit.hooks]]\ntype = \"command\"\n\
                    command = 'cmd.exe /d /c \"findstr . >ours.txt\"'\ntimeout = 15\n";
const OTHER: &str = "[[hooks.UserPromptSubmit]]\n[[hooks.UserPromptSubmit.hooks]]\ntype = \"command\"\n\
                     command = \"cat > other.txt\"\n";

fn is_ours(hook: &HookListing) -> bool {
    hook.command.as_deref().is_some_and(|command| command.contains("ours.txt"))
}

fn real_codex() -> PathBuf {
    std::env::var_os("F5_GUARD_TEST_CODEX").expect("F5_GUARD_TEST_CODEX must name the real codex").into()
}

/// A fresh Codex home and working folder.
struct Setup {
    dir: TempDir,
    codex: Codex,
}

impl Setup {
    fn new(config: &str) -> Self {
        let codex =
            locate::locate(Some(&real_codex()), System::this(), &|_| None, Privilege::Ordinary).unwrap();
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("work")).unwrap();
        fs::create_dir(dir.path().join("home")).unwrap();
        let setup = Self { dir, codex };
        setup.write(config);
        setup
    }

    fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    fn home(&self) -> CodexHome {
        CodexHome { path: self.dir.path().join("home"), origin: Origin::Variable }
    }

    fn config(&self) -> PathBuf {
        self.home().config_toml()
    }

    fn write(&self, config: &str) {
        fs::write(self.config(), config).unwrap();
    }

    fn start(&self) -> AppServer {
        AppServer::start(&self.codex.program, &self.home(), &self.work(), LIMIT).unwrap()
    }

    fn list(&self, server: &mut AppServer) -> FolderHooks {
        server.list_hooks_in(&self.work()).unwrap()
    }

    fn standings(&self, server: &mut AppServer) -> Vec<HookStatus> {
        let review = Review::of(&self.list(server), &is_ours);
        review.ours.into_iter().map(|hook| hook.status).collect()
    }

    fn trust(&self, server: &mut AppServer, which: &dyn Fn(&HookListing) -> bool) {
        let hooks = Review::of(&self.list(server), which).to_trust();
        assert!(!hooks.is_empty());
        trust::trust(server, &self.work(), &hooks).unwrap()
    }

    /// One prompt through `codex exec`, with no bypass flag; tells whether our hook got its payload.
    fn exec_runs_our_hook(&self, model: &model::Model) -> bool {
        let marker = self.work().join("ours.txt");
        let _ = fs::remove_file(&marker);
        let mut command = Command::new(&self.codex.program);
        command.args(["exec", "--skip-git-repo-check", "-s", "read-only", "hello"]);
        command.args(model.codex_options()).current_dir(self.work()).env("STUB_KEY", "k");
        self.home().apply(&mut command);
        let done = process::run(&mut command, b"", LIMIT).unwrap();
        assert_eq!(done.end, End::Code(0), "{}", String::from_utf8_lossy(&done.stderr));
        fs::read_to_string(marker).is_ok_and(|payload| payload.contains("\"prompt\":\"hello\""))
    }
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX to its path"]
fn trust_is_given_and_lost_with_a_changed_command() {
    let setup = Setup::new(&format!("\u{feff}# mine\n{OTHER}{OURS}").replace('\n', "\r\n"));
    let mut server = setup.start();
    assert_eq!(setup.standings(&mut server), [HookStatus::Untrusted]);

    setup.trust(&mut server, &is_ours);

    assert_eq!(setup.standings(&mut server), [HookStatus::Trusted]);
    let config = fs::read_to_string(setup.config()).unwrap();
    assert!(config.starts_with("# mine\n") && !config.contains('\r'), "Codex's own style: {config:?}");
    let other = setup.list(&mut server).hooks.into_iter().find(|hook| !is_ours(hook)).unwrap();
    assert_eq!(HookStatus::of(&other), HookStatus::Untrusted);

    setup.write(&config.replace("ours.txt", " ours.txt"));
    assert_eq!(setup.standings(&mut server), [HookStatus::Modified]);
    assert_eq!(setup.standings(&mut setup.start()), [HookStatus::Modified]);
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX to its path"]
fn codex_exec_runs_the_hook_once_it_is_trusted_and_not_before() {
    let setup = Setup::new(OURS);
    let model = model::Model::start();
    assert!(!setup.exec_runs_our_hook(&model));
    setup.trust(&mut setup.start(), &is_ours);
    assert!(setup.exec_runs_our_hook(&model));
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX to its path"]
fn a_hook_the_user_switched_off_is_disabled_until_it_is_turned_on() {
    let setup = Setup::new(OURS);
    let model = model::Model::start();
    let mut server = setup.start();
    setup.trust(&mut server, &is_ours);
    let config = fs::read_to_string(setup.config()).unwrap();
    setup.write(&config.replace("trusted_hash", "enabled = false\ntrusted_hash"));
    assert_eq!(setup.standings(&mut server), [HookStatus::Disabled]);
    assert!(!setup.exec_runs_our_hook(&model));

    setup.write(&config);
    assert_eq!(setup.standings(&mut server), [HookStatus::Trusted]);
    assert!(setup.exec_runs_our_hook(&model));
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX to its path"]
fn codex_tells_whether_it_accepts_the_config_file() {
    let setup = Setup::new(OURS);
    let check = |strictness| {
        layers::check_config(&setup.codex.program, &setup.home(), &setup.work(), strictness, LIMIT)
    };
    assert_eq!(check(Strictness::Strict), ConfigVerdict::Accepted);
    setup.trust(&mut setup.start(), &is_ours);
    assert_eq!(check(Strictness::Strict), ConfigVerdict::Accepted);
    setup.write("unknown_key = 1\n");
    assert_eq!(check(Strictness::Ordinary), ConfigVerdict::Accepted);
    assert!(matches!(check(Strictness::Strict), ConfigVerdict::Refused { position: Some((1, 1)), .. }));
    setup.write("model =\n");
    let refused = check(Strictness::Ordinary);
    assert!(matches!(refused, ConfigVerdict::Refused { position: Some((1, _)), .. }), "{refused:?}");
    let folder = setup.list(&mut setup.start());
    assert!(folder.hooks.is_empty() && folder.errors[0].message.contains("config.toml:1:"), "{folder:?}");
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX to its path"]
fn a_file_that_switches_hooks_off_is_named_and_nothing_is_listed() {
    let setup = Setup::new(OURS);
    let mut server = setup.start();
    let switches = layers::hook_switches(&mut server, &setup.work()).unwrap();
    assert_eq!((switches.feature, switches.only_managed), (HooksFeature::On, OnlyManaged::No));
    for key in ["hooks", "codex_hooks"] {
        setup.write(&format!("{OURS}[features]\n{key} = false\n"));
        let switches = layers::hook_switches(&mut server, &setup.work()).unwrap();
        let file = fs::canonicalize(setup.config()).unwrap().display().to_string();
        assert_eq!(switches.feature, HooksFeature::Off { by: file });
        assert!(setup.list(&mut server).hooks.is_empty());
    }
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX to its path"]
fn two_files_in_one_folder_and_a_broken_one_are_warned_about() {
    let setup = Setup::new(OURS);
    let hooks_json = setup.home().path.join("hooks.json");
    let json = r#"{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"other"}]}]}}"#;
    fs::write(&hooks_json, json).unwrap();
    let folder = setup.list(&mut setup.start());
    assert!(folder.warnings[0].contains("hooks.json") && folder.hooks.len() == 2, "{folder:?}");
    fs::write(&hooks_json, "{").unwrap();
    let folder = setup.list(&mut setup.start());
    assert!(folder.warnings[0].contains("failed to parse") && folder.hooks.len() == 1, "{folder:?}");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX to its path"]
fn hooks_of_the_administrators_requirements_need_no_trust() {
    use f5_guard::internals::codex::layers::Layer;
    let mut setup = Setup::new(OURS);
    // Root's Codex gets next to nothing of the environment, so that the script has to be told in another way.
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live_codex_trust/managed-codex.sh");
    let real = setup.codex.program.display();
    let start = format!("#!/bin/sh\nF5_GUARD_TEST_CODEX='{real}' exec '{script}' \"$@\"\n");
    let program = setup.home().path.join("managed-codex");
    fs::write(&program, start).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    setup.codex.program = program;
    let managed = format!("allow_managed_hooks_only = false\n[hooks]\nmanaged_dir = \"/opt/f5\"\n{OURS}");
    let requirements = setup.home().path.join("requirements.toml");
    fs::write(&requirements, &managed).unwrap();
    let mut server = setup.start();
    assert_eq!(setup.standings(&mut server), [HookStatus::Managed, HookStatus::Untrusted]);
    let hook = setup.list(&mut server).hooks.remove(0);
    assert_eq!((hook.layer, hook.source_path), (Layer::System, PathBuf::from("/opt/f5")));
    assert!(setup.exec_runs_our_hook(&model::Model::start()));

    fs::write(&requirements, managed.replace("= false", "= true")).unwrap();
    let mut server = setup.start();
    assert_eq!(setup.standings(&mut server), [HookStatus::Managed]);
    let switches = layers::hook_switches(&mut server, &setup.work()).unwrap();
    assert_eq!(switches.only_managed, OnlyManaged::Yes);
}
