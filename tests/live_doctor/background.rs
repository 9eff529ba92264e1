//! Codex's server in the background, and the hooks in it.

use super::*;

use std::time::Instant;

use f5_guard::internals::codex::background;
use f5_guard::internals::process::ProcessGroup;

impl Machine {
    /// A server as `codex` leaves one running, with these variables of its own.
    fn server(&self, variables: &[(&str, &str)]) -> ProcessGroup {
        let mut command = Command::new(real_codex());
        command
            .args(["app-server", "--listen", "unix://"])
            .current_dir(self.work())
            .env("HOME", self.dir.path())
            .env("CODEX_HOME", self.home())
            .env("F5_GUARDRAILS_BASE_URL", self.api.base_url())
            .env("F5_GUARDRAILS_TIMEOUT", "30")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = ProcessGroup::start(&mut command).unwrap();
        let started = Instant::now();
        while background::find(&self.home()).is_none() {
            assert!(started.elapsed() < LIMIT, "Codex's server does not listen");
            std::thread::yield_now();
        }
        server
    }

    /// The severity and text of the finding about it.
    fn finding(&self, id: &str) -> (Option<i32>, Option<(String, String)>) {
        let (exit, report) = self.doctor();
        let findings = report["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| finding["id"] == id).map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap().to_owned();
            (text("severity"), text("text"))
        });
        (exit, found)
    }
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn a_server_in_the_background_without_the_token_is_found_and_one_with_it_is_no_finding() {
    let machine = Machine::trusted();
    for (token, code) in [(None, 1), (Some(TOKEN), 0)] {
        let variables: Vec<_> = token.map(|token| ("F5_GUARDRAILS_API_TOKEN", token)).into_iter().collect();
        let server = machine.server(&variables);
        let (exit, found) = machine.finding("background-server");
        assert_eq!((exit, found.is_some()), (Some(code), token.is_none()), "{found:?}");
        drop(server);
    }
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn hooks_that_a_server_in_the_background_does_not_run_are_found() {
    let machine = Machine::trusted();
    let start_up = machine.dir.path().join("start-up");
    fs::write(&start_up, "exit 0\n").unwrap();
    let start_up = start_up.display().to_string();
    let server = machine.server(&[("F5_GUARDRAILS_API_TOKEN", TOKEN), ("BASH_ENV", &start_up)]);
    let (exit, found) = machine.finding("background-server");
    let (severity, text) = found.expect("its shell ends before the hook");
    assert_eq!((exit, severity.as_str()), (Some(1), "problem"), "{text}");
    assert!(text.contains("PreToolUse") && text.contains("Stop"), "{text}");
    drop(server);
    let server = machine.server(&[("F5_GUARDRAILS_API_TOKEN", TOKEN), ("HTTP_PROXY", "http://127.0.0.1:1")]);
    let (exit, found) = machine.finding("background-server");
    let (severity, text) = found.expect("nothing could be tried");
    assert_eq!((exit, severity.as_str()), (Some(0), "warning"), "{text}");
    assert!(text.contains("HTTP_PROXY"), "{text}");
    drop(server);
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn sessions_that_are_open_in_it_are_named_and_the_doctors_own_are_none() {
    let machine = Machine::trusted();
    let server = machine.server(&[("F5_GUARDRAILS_API_TOKEN", TOKEN)]);
    assert_eq!(machine.finding("open-sessions").1, None);
    assert_eq!(machine.finding("open-sessions").1, None, "the doctor leaves none that counts");
    let mut client = background::speak(&machine.home(), LIMIT).unwrap();
    client.call("thread/start", serde_json::json!({"cwd": machine.work()})).unwrap();
    let (exit, found) = machine.finding("open-sessions");
    let (severity, text) = found.expect("one is open");
    assert_eq!((exit, severity.as_str()), (Some(0), "note"));
    assert!(text.contains(&machine.work().display().to_string()), "{text}");
    drop(server);
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn install_stops_the_server_that_codex_started() {
    let machine = Machine::trusted();
    let codex = real_codex().display().to_string();
    let daemon = |what: &str| machine.run(&real_codex(), &["app-server", "daemon", what].map(String::from));
    assert!(daemon("start").status.success());
    let install = |more: &[&str]| {
        let line =
            [&["install", "--scope", "user", "--trust", "--no-hide-token", "--codex", &codex], more].concat();
        let output =
            machine.run(Path::new(BINARY), &line.iter().map(ToString::to_string).collect::<Vec<_>>());
        let said = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(output.status.success(), "{said}");
        said
    };
    let said = install(&[]);
    let runs = background::find(&machine.home()).is_some();
    let stopped = install(&["--restart-codex"]);
    let is_gone = background::find(&machine.home()).is_none();
    let _ = daemon("stop");
    assert!(runs && said.contains("--restart-codex"), "{said}");
    assert!(is_gone && stopped.contains("was stopped"), "{stopped}");
}
