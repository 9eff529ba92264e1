//! The app server's client and the trust built on it, against a Codex that plays a script.

#![allow(clippy::restriction)] // a test may panic

#[path = "../support/arguments.rs"]
mod arguments;
mod fake;

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use arguments::arguments;
use f5_guard::internals::codex::app_server::{AppServer, AppServerError};
use f5_guard::internals::codex::home::{CodexHome, Origin};
use f5_guard::internals::codex::listing::{FolderHooks, HookListing};
use f5_guard::internals::codex::locate::{self, Codex, LocateError, Place};
use f5_guard::internals::codex::trust::{self, Review, TrustError};
use fake::{Step, received, script};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Long enough for a machine under load; no test waits for it unless it fails.
const LONG: Duration = Duration::from_secs(60);

/// For the tests in which the fake never answers.
const SHORT: Duration = Duration::from_millis(300);

fn main() {
    fake::play_if_asked();
    let tests: Vec<Trial> = TESTS.iter().map(|(name, test)| Trial::test(*name, || run(*test))).collect();
    libtest_mimic::run(&arguments(), tests).exit();
}

fn run(test: fn()) -> Result<(), Failed> {
    test();
    Ok(())
}

const TESTS: &[(&str, fn())] = &[
    ("an_answer_is_found_among_notifications_requests_and_garbage", answer_among_noise),
    ("a_codex_without_the_call_is_unsupported", missing_call),
    ("a_codex_without_an_app_server_is_unsupported", missing_app_server),
    ("a_refusal_carries_codexs_reason", refusal),
    ("a_codex_that_hangs_is_ended_with_all_it_started", hang),
    ("a_codex_that_chatters_without_end_is_ended_in_time", chatter),
    ("a_codex_that_leaves_is_told_with_its_last_words", leaves),
    ("an_answer_of_another_shape_is_unreadable", wrong_shape),
    ("trust_is_asked_for_exactly_our_hooks_with_the_listed_hash", trust_exactly_ours),
    ("trust_that_codex_does_not_confirm_is_an_error", trust_unconfirmed),
    ("a_definition_that_changed_meanwhile_is_not_taken_as_trusted", trust_changed),
    ("a_hook_the_user_switched_off_is_turned_on_only_on_request", switched_off),
    ("the_version_is_read_from_codexs_own_words", version),
    ("a_codex_that_hangs_at_its_version_is_an_error", version_hangs),
    ("a_codex_that_tells_no_version_shows_what_it_said", version_missing),
];

struct Setup {
    dir: TempDir,
}

impl Setup {
    fn new(steps: &[Step]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        script(dir.path(), steps);
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn start(&self, limit: Duration) -> Result<AppServer, AppServerError> {
        let home = CodexHome { path: self.path().into(), origin: Origin::Variable };
        AppServer::start(&std::env::current_exe().unwrap(), &home, self.path(), limit)
    }
}

fn hook(key: &str, command: &str, trust: &str) -> Value {
    json!({"key": key, "eventName": "stop", "command": command, "timeoutSec": 15, "sourcePath": "/c",
        "source": "user", "enabled": true, "isManaged": false, "currentHash": format!("sha256:{command}"),
        "trustStatus": trust})
}

fn list(hooks: &[Value]) -> Step {
    Step::Answer(json!({"data": [{"cwd": "/w", "hooks": hooks, "warnings": [], "errors": []}]}))
}

fn write_ok(text: &str) -> Step {
    Step::Write(text.into(), json!({"status": "ok", "version": "1", "filePath": "/c"}))
}

fn ours(folder: &FolderHooks) -> Vec<HookListing> {
    Review::of(folder, &|hook| hook.command.as_deref() == Some("ours")).to_trust()
}

/// Lists, trusts what is ours, and hands back what came of it.
fn trust_ours(setup: &Setup) -> Result<(), TrustError> {
    let mut server = setup.start(LONG).unwrap();
    let hooks = ours(&server.list_hooks_in(setup.path()).unwrap());
    trust::trust(&mut server, setup.path(), &hooks)
}

fn answer_among_noise() {
    let noise = [
        r#"{"method":"configWarning","params":{"summary":"x"}}"#,
        r#"{"id":1,"method":"item/requestApproval","params":{}}"#,
        r#"{"id":99,"result":{"data":[]}}"#,
        "not json at all \u{1f600}",
        "",
        "[1,2",
    ];
    let setup =
        Setup::new(&[Step::Say(noise.map(String::from).into()), list(&[hook("k", "ours", "trusted")])]);
    let folder = setup.start(LONG).unwrap().list_hooks_in(setup.path()).unwrap();
    assert_eq!(folder.hooks[0].key, "k");
    assert_eq!(received(setup.path())[0]["params"], json!({"cwds": [setup.path()]}));
}

fn missing_call() {
    let unknown = "Invalid request: unknown variant `hooks/list`, expected one of `initialize`";
    for (code, words) in [(-32600, unknown), (-32601, "Method not found")] {
        let setup = Setup::new(&[Step::Refuse(code, words.into())]);
        let error = setup.start(LONG).unwrap().list_hooks(&[]).unwrap_err();
        assert!(
            matches!(&error, AppServerError::Unsupported { method } if method == "hooks/list"),
            "{error}"
        );
    }
}

fn missing_app_server() {
    let setup = Setup::new(&[Step::Leave(2, "error: unrecognized subcommand 'app-server'".into())]);
    let error = setup.start(LONG).unwrap_err();
    assert!(matches!(&error, AppServerError::Unsupported { method } if method == "app-server"), "{error}");
}

fn refusal() {
    let setup = Setup::new(&[Step::Refuse(-32603, "failed to load configuration: /c:1:3".into())]);
    let error = setup.start(LONG).unwrap().write_config(&[]).unwrap_err();
    assert!(error.to_string().contains("/c:1:3"), "{error}");
    assert!(matches!(error, AppServerError::Refused { code: -32603, .. }));
}

fn hang() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let setup = Setup::new(&[Step::Grandchild(listener.local_addr().unwrap().port()), Step::Hang]);
    let mut server = setup.start(LONG).unwrap();
    let (mut grandchild, _) = listener.accept().unwrap();
    server.set_limit(SHORT);
    let error = server.list_hooks(&[]).unwrap_err();
    assert!(matches!(error, AppServerError::Timeout { .. }), "{error}");
    // Its socket closes only when it ends.
    grandchild.set_read_timeout(Some(LONG)).unwrap();
    let end = grandchild.read(&mut [0]);
    let reset = matches!(&end, Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset);
    assert!(reset || matches!(end, Ok(0)), "{end:?}");
}

fn chatter() {
    let setup = Setup::new(&[Step::Chatter]);
    let mut server = setup.start(LONG).unwrap();
    server.set_limit(SHORT);
    let error = server.list_hooks(&[]).unwrap_err();
    assert!(matches!(error, AppServerError::Timeout { .. }), "{error}");
}

fn leaves() {
    let setup = Setup::new(&[Step::Leave(1, "database is locked".into())]);
    let error = setup.start(LONG).unwrap_err();
    assert!(matches!(&error, AppServerError::Ended { status: Some(status), .. } if status.code() == Some(1)));
    assert!(error.to_string().contains("database is locked"), "{error}");
}

fn wrong_shape() {
    let setup = Setup::new(&[Step::Answer(json!({"hooks": []}))]);
    let error = setup.start(LONG).unwrap().list_hooks(&[]).unwrap_err();
    assert!(matches!(error, AppServerError::Unreadable { .. }), "{error}");
}

fn trust_exactly_ours() {
    let setup = Setup::new(&[
        list(&[
            hook("k0", "other", "untrusted"),
            hook("k1", "ours", "modified"),
            hook("k2", "ours", "trusted"),
        ]),
        write_ok("a = 1\n"),
        list(&[
            hook("k0", "other", "untrusted"),
            hook("k1", "ours", "trusted"),
            hook("k2", "ours", "trusted"),
        ]),
    ]);
    trust_ours(&setup).unwrap();
    let edit = json!({"keyPath": "hooks.state", "mergeStrategy": "upsert",
        "value": {"k1": {"trusted_hash": "sha256:ours"}}});
    assert_eq!(received(setup.path())[1]["params"], json!({ "edits": [edit] }));
}

fn trust_unconfirmed() {
    let untrusted = || list(&[hook("k", "ours", "untrusted")]);
    let setup = Setup::new(&[untrusted(), write_ok("a = 1\n"), untrusted()]);
    let error = trust_ours(&setup).unwrap_err();
    assert!(matches!(&error, TrustError::NotKept(hooks) if hooks[0].key == "k"), "{error}");
}

fn trust_changed() {
    let mut changed = hook("k", "ours", "trusted");
    changed["currentHash"] = "sha256:something else".into();
    let setup = Setup::new(&[list(&[hook("k", "ours", "untrusted")]), write_ok("a = 1\n"), list(&[changed])]);
    let error = trust_ours(&setup).unwrap_err();
    assert!(matches!(error, TrustError::NotKept(_)), "{error}");
}

fn switched_off() {
    let mut off = hook("k", "ours", "untrusted");
    off["enabled"] = false.into();
    let mut trusted_off = off.clone();
    trusted_off["trustStatus"] = "trusted".into();
    let setup = Setup::new(&[list(&[off]), write_ok("a = 1\n"), list(&[trusted_off])]);
    trust_ours(&setup).unwrap();
    assert!(!received(setup.path())[1].to_string().contains("enabled"));
}

/// This binary under a name that tells the fake what to be.
fn named(dir: &TempDir, name: &str) -> Codex {
    let this = std::env::current_exe().unwrap();
    let program = dir.path().join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    #[cfg(unix)]
    std::os::unix::fs::symlink(this, &program).unwrap();
    #[cfg(not(unix))]
    std::fs::copy(this, &program).unwrap();
    Codex { program, place: Place::Explicit }
}

fn version() {
    let codex = Codex { program: std::env::current_exe().unwrap(), place: Place::Explicit };
    assert_eq!(locate::version(&codex, LONG).unwrap(), "0.169.0");
}

fn version_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let error = locate::version(&named(&dir, "codex-hangs"), SHORT).unwrap_err();
    assert!(matches!(error, LocateError::Hangs { .. }), "{error}");
}

fn version_missing() {
    let dir = tempfile::tempdir().unwrap();
    let error = locate::version(&named(&dir, "codex-broken"), LONG).unwrap_err();
    assert!(error.to_string().contains("node: not found"), "{error}");
}
