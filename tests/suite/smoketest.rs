//! `f5-guard smoketest` as people run it: the built binary, a home of its own, the F5 stand-in on loopback.

use std::fs;
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;

use crate::home::{FakeHome, Run, one_line};
use crate::tls_support::{issue, leaf_params, raw, root, server_config, tls};
use f5_stand_in::f5::{F5, Fault, Response, TOKEN, Verdict};
use f5_stand_in::proxy::Proxy;
use serde_json::Value;
use tempfile::TempDir;

/// A user with nothing but a home folder, the installed program and a token.
struct User {
    home: FakeHome,
}

impl User {
    fn new(base_url: &str) -> Self {
        let user = Self { home: FakeHome::new() };
        fs::create_dir_all(user.installed().parent().unwrap()).unwrap();
        crate::own::put(crate::home::program(), user.installed());
        user.set("F5_GUARDRAILS_API_TOKEN", TOKEN).set("F5_GUARDRAILS_BASE_URL", base_url)
    }

    fn installed(&self) -> PathBuf {
        self.home.binary()
    }

    /// Moves it away. It is a link to the program that other tests run, and Windows deletes no program that runs.
    fn lose_the_hook_binary(&self) {
        fs::rename(self.installed(), self.home.path().join("elsewhere.exe")).unwrap();
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.home.set(name, value);
        self
    }

    fn unset(mut self, name: &str) -> Self {
        self.home.unset(name);
        self
    }

    /// Each step, note and fix in one line, however wide it is.
    fn run(&self, arguments: &[&str]) -> Run {
        let mut run = self.home.run(&[&["smoketest"], arguments].concat());
        let (words, below) = (" ".repeat(20), " ".repeat(7));
        let begins = |line: &str| line.starts_with("Note: ") || line.starts_with("Fix: ");
        let mut text = String::new();
        for line in run.stdout.split_inclusive('\n') {
            match line.strip_prefix(&words).or_else(|| line.strip_prefix(&below)) {
                Some(rest) if !arguments.contains(&"--json") && !begins(rest) => {
                    text.truncate(text.trim_end().len());
                    text += &format!(" {rest}");
                }
                _ => text += line,
            }
        }
        run.stdout = text;
        run
    }
}

/// A user who trusts the stand-in's root.
fn user_of(api: &F5) -> User {
    let user = User::new(&api.base_url());
    let bundle = user.home.path().join("root.pem");
    api.write_ca(&bundle);
    user.set("F5_GUARDRAILS_CA_BUNDLE", bundle.to_str().unwrap())
}

fn assert_passed(run: &Run) {
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let time = run
        .last_line()
        .strip_prefix("[ok]   Smoke test passed: cleared in ")
        .and_then(|l| l.strip_suffix(" ms"));
    assert!(time.is_some_and(|time| time.parse::<u32>().is_ok()), "{}", run.stdout);
}

fn assert_failed(run: &Run, words: &str) {
    assert_eq!(run.code, Some(1), "{}{}", run.stdout, run.stderr);
    let (_, said) = run.stdout.rsplit_once("\n[FAIL] Smoke test failed: ").expect(&run.stdout);
    let said = one_line(said);
    assert!(said.contains(words), "{}", run.stdout);
    assert!(said.contains(" Fix: "), "{}", run.stdout);
}

#[test]
fn a_working_set_up_passes_and_says_each_step() {
    let api = F5::builder().tls().always(Verdict::cleared()).start();
    let run = user_of(&api).run(&[]);
    assert_passed(&run);
    assert_eq!(api.inputs(), ["Hello, this is a test prompt."]);
    for step in [
        "[ok]   Token",
        "[ok]   Hook binary",
        "[ok]   Base URL",
        "[ok]   Trust",
        "[ok]   Proxy",
        "[ok]   Scan",
    ] {
        assert!(run.stdout.contains(step), "{step}: {}", run.stdout);
    }
    assert!(run.stdout.contains("(from F5_GUARDRAILS_CA_BUNDLE) (1 root)"), "{}", run.stdout);
    assert!(!run.stdout.contains('\u{1b}'), "no colour outside a terminal");
    assert_eq!(run.stderr, "");
}

#[test]
fn without_a_token_nothing_is_sent() {
    let api = F5::builder().tls().never_called().start();
    let run = user_of(&api).unset("F5_GUARDRAILS_API_TOKEN").run(&[]);
    assert_failed(&run, "No API token is set.");
    assert!(run.stdout.contains("not tried: a step before it failed"));
}

#[test]
fn a_fail_open_pass_is_no_success() {
    for fault in [Fault::status(401), Fault::status(500), Fault::html_page(), Fault::body("{}")] {
        let api = F5::builder().tls().always(fault).start();
        let run = user_of(&api).set("F5_GUARDRAILS_FAIL_MODE", "open").run(&[]);
        assert_failed(&run, "");
    }
}

#[test]
fn a_cleared_answer_with_a_broken_scanner_is_no_success() {
    let api =
        F5::builder().tls().always(Verdict::cleared().scanner(f5_stand_in::f5::Scanner::broken())).start();
    assert_failed(&user_of(&api).run(&[]), "scanners reported an error");
}

#[test]
fn a_flagged_greeting_is_a_result_of_its_own() {
    let api = F5::builder().tls().always(Verdict::flagged()).start();
    let run = user_of(&api).run(&[]);
    assert_eq!(run.code, Some(1));
    let start = "[hit]  Smoke test flagged: the API works, but the greeting was flagged by ";
    assert!(run.last_line().starts_with(start), "{}", run.stdout);
    assert_eq!(user_of(&api).run(&["--json"]).json()["result"], "flagged");
}

#[test]
fn an_unknown_outcome_is_not_cleared() {
    let api = F5::builder().tls().always(Verdict::unknown("sure")).start();
    let run = user_of(&api).run(&[]);
    assert_eq!((run.code, run.last_line().starts_with("[hit]")), (Some(1), true), "{}", run.stdout);
}

#[test]
fn no_fail_exits_0_and_still_says_that_it_failed() {
    let api = F5::builder().tls().always(Fault::status(401)).start();
    let run = user_of(&api).run(&["--no-fail"]);
    assert_eq!(run.code, Some(0));
    assert!(run.last_line().starts_with("[FAIL] "), "{}", run.stdout);
}

#[test]
fn a_missing_hook_binary_is_a_failure_even_though_the_scan_works() {
    let api = F5::builder().tls().always(Verdict::cleared()).start();
    let user = user_of(&api);
    user.lose_the_hook_binary();
    let run = user.run(&[]);
    assert_failed(&run, "The hook binary is not installed: ");
    assert!(run.stdout.contains("[ok]   Scan         cleared in "), "{}", run.stdout);
}

#[test]
fn what_stops_the_scan_is_named_before_a_missing_hook_binary() {
    let api = F5::builder().tls().always(Fault::status(401)).start();
    let user = user_of(&api);
    user.lose_the_hook_binary();
    assert_failed(&user.run(&[]), "HTTP 401");
    assert_failed(&user.unset("F5_GUARDRAILS_API_TOKEN").run(&[]), "No API token is set.");
}

// Wine gives no handle to wait for of a copy of its own programs, and Windows itself was not tried.
#[cfg(unix)]
#[test]
fn a_hook_binary_that_is_another_program_or_none_is_a_failure() {
    let api = F5::builder().tls().always(Verdict::cleared()).start();
    let user = user_of(&api);
    user.lose_the_hook_binary();
    let programs = ["/bin/true", "/usr/bin/true", r"C:\Windows\System32\whoami.exe"].map(Path::new);
    let other = programs.into_iter().find(|path| path.is_file()).expect("a program of the system");
    crate::own::put(other, user.installed());
    assert_failed(&user.run(&[]), "is no f5-guard");
    fs::remove_file(user.installed()).unwrap();
    fs::write(user.installed(), "no program").unwrap();
    assert_failed(&user.run(&[]), "can't be run");
}

#[cfg(unix)]
#[test]
fn a_hook_binary_of_another_version_is_a_failure() {
    use std::os::unix::fs::PermissionsExt;
    let api = F5::builder().tls().always(Verdict::cleared()).start();
    let user = user_of(&api);
    for (script, words) in [
        ("#!/bin/sh\necho f5-guard 9.9.9\n", "is version 9.9.9, this one is "),
        ("#!/bin/sh\necho something else\n", "is no f5-guard"),
    ] {
        fs::remove_file(user.installed()).unwrap();
        fs::write(user.installed(), script).unwrap();
        fs::set_permissions(user.installed(), fs::Permissions::from_mode(0o755)).unwrap();
        assert_failed(&user.run(&[]), words);
    }
    fs::set_permissions(user.installed(), fs::Permissions::from_mode(0o644)).unwrap();
    assert_failed(&user.run(&[]), "can't be run");
}

#[test]
fn unusable_settings_are_told_with_their_fix() {
    let user = User::new("http://f5.example.com");
    assert_failed(&user.run(&[]), "plain http");
    let user = User::new("https://127.0.0.1:9");
    let missing = user.home.path().join("nowhere.pem");
    let user = user.set("F5_GUARDRAILS_CLIENT_CERT", missing.to_str().unwrap());
    assert_failed(&user.run(&[]), "nowhere.pem");
    let user = User::new("https://127.0.0.1:9").set("F5_GUARDRAILS_FAIL_MODE", "maybe");
    assert!(user.run(&[]).stdout.contains("[warn] F5_GUARDRAILS_FAIL_MODE is not open or closed"));
}

#[test]
fn a_server_that_hangs_ends_with_the_given_timeout() {
    let api = F5::builder().tls().always(Fault::HangAfterRequest).start();
    let run = user_of(&api).run(&["--timeout", "0.4"]);
    assert_failed(&run, "The scan did not finish within 0.4 s: ");
    assert!(run.last_line().contains("was connected, but no answer came"), "{}", run.last_line());
    assert!(!run.last_line().contains("F5_GUARDRAILS_TIMEOUT"), "{}", run.last_line());
}

#[test]
fn a_given_timeout_is_not_cut_by_the_hooks_own() {
    let api = F5::builder().tls().always(Fault::status(401)).start();
    let run = user_of(&api).set("F5_GUARDRAILS_LOG_LEVEL", "warn").run(&["--timeout", "60"]);
    assert!(!run.stdout.contains("hook's own timeout"), "{}", run.stdout);
    assert_failed(&run, "HTTP 401");
}

#[test]
fn json_says_the_same_as_one_object() {
    let api = F5::builder().tls().always(Verdict::cleared()).start();
    let run = user_of(&api).run(&["--json", "--verbose-http", "--tls-diagnostics"]);
    let json = run.json();
    assert_eq!(run.code, Some(0), "{}", run.stdout);
    assert_eq!((&json["passed"], &json["result"]), (&Value::Bool(true), &Value::from("cleared")));
    assert!(json["duration_ms"].is_u64());
    let steps: Vec<&str> =
        json["steps"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["Token", "Hook binary", "Base URL", "Trust", "Proxy", "Scan"]);
    assert_eq!(json["exchanges"][0]["response"]["line"], "HTTP/1.1 200 OK");
    assert_eq!(json["tls_diagnostics"]["verdict"]["kind"], "works");
    assert_eq!(json["tls_diagnostics"]["tls"]["version"], "TLS 1.3");
}

#[test]
fn each_exchange_is_shown_retries_included_and_without_the_token() {
    let api = F5::builder().tls().first(Fault::status(503)).always(Verdict::cleared()).start();
    let run = user_of(&api).run(&["--verbose-http"]);
    assert_passed(&run);
    for line in [
        "HTTP exchange 1",
        "> POST /backend/v1/scans HTTP/1.1",
        "> authorization: (redacted)",
        "< HTTP/1.1 503 Service Unavailable (head after ",
        "HTTP exchange 2",
        "< HTTP/1.1 200 OK (head after ",
    ] {
        assert!(run.stdout.contains(line), "{line}: {}", run.stdout);
    }
    assert!(!run.stdout.contains("Hello, this"), "bodies only on =body: {}", run.stdout);
    let bodies = user_of(&api).run(&["--verbose-http=body"]);
    assert!(bodies.stdout.contains(r#""input":"Hello, this is a test prompt.""#), "{}", bodies.stdout);
    assert!(bodies.stdout.contains(r#""outcome":"cleared""#), "{}", bodies.stdout);
}

#[test]
fn an_exchange_without_an_answer_is_shown_too() {
    let api = F5::builder().tls().always(Fault::HangAfterRequest).start();
    let run = user_of(&api).run(&["--timeout", "0.4", "--verbose-http"]);
    assert!(run.stdout.contains("< (no answer before the time was up)"), "{}", run.stdout);
}

#[test]
fn a_secret_that_the_server_repeats_is_taken_out() {
    let mut echo = Response::html(401, "no");
    echo.body = format!("your token was Bearer {TOKEN}").into_bytes();
    let echo = echo
        .header("Set-Cookie", "session=cookie-secret-1")
        .header("X-Echo", TOKEN)
        .header("Location", "https://login.example/?state=cookie-secret-2");
    let api = F5::builder().tls().always(echo).start();
    let user = user_of(&api).set("F5_GUARDRAILS_LOG_LEVEL", "trace");
    for arguments in
        [&["--verbose-http=body"][..], &["--verbose-http=body", "--json", "--tls-diagnostics"][..]]
    {
        let run = user.run(arguments);
        assert_eq!(run.code, Some(1));
        assert!(run.stdout.contains("(redacted)"));
        let log =
            fs::read_to_string(user.home.path().join("codex/logs/f5_guardrails.log")).unwrap_or_default();
        for place in [&run.stdout, &run.stderr, &log] {
            assert!(!place.contains(TOKEN) && !place.contains("cookie-secret"), "{place}");
        }
    }
}

#[test]
fn the_login_of_an_address_is_shown_in_no_header_and_no_body() {
    let mut page = Response::html(302, "no");
    page.body = br#"{"next":"https:\/\/user-qx7:pass-qx7@h.example"} <a href='https://user-qx7:pass-qx7@h'>"#
        .to_vec();
    let address = "https://user-qx7:pass qx7@login.example/a?state=state-qx7";
    let page = page
        .header("Location", address)
        .header("Content-Location", address)
        .header("Link", &format!("<{address}>; rel=next, <//user-qx7@b.example>"))
        .header("Refresh", &format!("0; url={address}"))
        .header("Server", address)
        .header("Proxy-Authentication-Info", "nextnonce=qx7");
    let api = F5::builder().tls().always(page).start();
    for more in [&[][..], &["--json", "--tls-diagnostics"], &["--tls-diagnostics"]] {
        let run = user_of(&api).run(&[&["--verbose-http=body"], more].concat());
        assert!(run.stdout.contains("@login.example"), "{}", run.stdout);
        assert!(!run.stdout.contains("qx7") && !run.stderr.contains("qx7"), "{}", run.stdout);
    }
}

#[test]
fn the_diagnosis_of_an_unknown_issuer_sends_nothing_and_fails_the_run() {
    let api = F5::builder().tls().may_stay_idle().start();
    let other = TempDir::new().unwrap();
    let bundle = other.path().join("other.pem");
    fs::write(&bundle, crate::tls_support::pem("CERTIFICATE", root("Another Root").der())).unwrap();
    let user = User::new(&api.base_url()).set("F5_GUARDRAILS_CA_BUNDLE", bundle.to_str().unwrap());
    let run = user.run(&["--tls-diagnostics"]);
    assert_failed(&run, "it is a private root that this machine does not trust");
    assert!(run.stdout.contains("\n  F5_GUARDRAILS_CA_BUNDLE"), "{}", run.stdout);
    assert_eq!(api.requests().len(), 0, "no request may be sent on an unverified connection");
    let json = user.run(&["--tls-diagnostics", "--json"]);
    assert_eq!(json.json()["tls_diagnostics"]["verdict"]["kind"], "incomplete_chain");
}

#[test]
fn the_diagnosis_works_without_a_token_and_for_another_host() {
    let ca = root("Zscaler Root CA");
    let served = tls(server_config(&issue(&leaf_params(), &ca)));
    let user = User::new("https://f5.invalid").unset("F5_GUARDRAILS_API_TOKEN");
    let user = user.set("F5_GUARDRAILS_USE_SYSTEM_CERT_STORE", "false");
    let port = served.port.to_string();
    let run = user.run(&["--tls-diagnostics", "--tls-host", "localhost", "--tls-port", &port, "--json"]);
    assert_eq!(run.code, Some(1));
    let verdict = run.json()["tls_diagnostics"]["verdict"].clone();
    // The test's certificates hold through 2026; which of the two is wrong with them depends on today.
    assert!(["unknown_root", "expired"].contains(&verdict["kind"].as_str().unwrap()), "{verdict}");
    assert_eq!(served.heard(), Vec::<String>::new());
    assert_eq!(user.run(&["--tls-host", "localhost"]).code, Some(2));
}

#[test]
fn the_diagnosis_of_other_faults_fails_the_run_too() {
    let plain = crate::tls_support::says(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let silent = raw(|mut tcp, _| drop(std::io::copy(&mut tcp, &mut std::io::sink())));
    let refused = crate::tls_support::free_port();
    for (port, words) in [
        (plain.port, "speaks plain HTTP on this port, not TLS"),
        (silent.port, "said nothing in the TLS handshake"),
        (refused, "was refused"),
    ] {
        let user = User::new(&format!("https://localhost:{port}"))
            .set("F5_GUARDRAILS_USE_SYSTEM_CERT_STORE", "false");
        assert_failed(&user.run(&["--tls-diagnostics", "--timeout", "1"]), words);
    }
}

#[test]
fn the_diagnosis_and_the_scan_take_the_configured_proxy() {
    let api = F5::builder().tls().always(Verdict::cleared()).start();
    let proxy = Proxy::builder().login("alice", "s3cret-pw").start();
    let user = user_of(&api).set("HTTPS_PROXY", &proxy.url_with_login("alice", "s3cret-pw"));
    let run = user.run(&["--tls-diagnostics"]);
    assert_passed(&run);
    assert_eq!(proxy.targets().len(), 1, "the scan is what is diagnosed: {:?}", proxy.targets());
    assert!(run.stdout.contains("because HTTPS_PROXY says so"), "{}", run.stdout);
    assert!(!run.stdout.contains("s3cret-pw"), "{}", run.stdout);
    let without = user_of(&api).set("HTTPS_PROXY", &proxy.url()).run(&["--tls-diagnostics"]);
    assert_failed(&without, "wants a login (it offers Basic).");
}

#[test]
fn a_demanded_client_certificate_is_diagnosed_and_used() {
    let api = F5::builder().tls_with_client_certificate().always(Verdict::cleared()).start();
    let user = user_of(&api);
    let run = user.run(&["--tls-diagnostics"]);
    assert_failed(&run, "the server wants a client certificate, and none is set.");
    let file = user.home.path().join("client.pem");
    fs::write(&file, format!("{}{}", api.client().certificate_pem, api.client().key_pem)).unwrap();
    let run = user.set("F5_GUARDRAILS_CLIENT_CERT", file.to_str().unwrap()).run(&["--tls-diagnostics"]);
    assert_passed(&run);
}

#[test]
fn a_plain_base_url_has_no_tls_to_diagnose() {
    let api = F5::builder().always(Verdict::cleared()).start();
    let run = User::new(&api.base_url())
        .set("F5_GUARDRAILS_USE_SYSTEM_CERT_STORE", "false")
        .run(&["--tls-diagnostics"]);
    assert_passed(&run);
    assert!(
        run.stdout.contains("There is no TLS to diagnose: the base URL is plain http."),
        "{}",
        run.stdout
    );
}

#[test]
fn the_flags_of_a_registered_command_win_over_the_environment() {
    let api = F5::builder().tls().always(Verdict::cleared()).start();
    let user = user_of(&api);
    let bundle = user.home.path().join("root.pem");
    let user = user
        .unset("F5_GUARDRAILS_CA_BUNDLE")
        .unset("F5_GUARDRAILS_BASE_URL")
        .set("F5_GUARDRAILS_BASE_URL", "https://127.0.0.1:9");
    let run = user.run(&[
        "--base-url",
        &api.base_url(),
        "--ca-bundle",
        bundle.to_str().unwrap(),
        "--timeout",
        "20",
    ]);
    assert_passed(&run);
}

impl User {
    /// A hook of this user with a text to scan; it blocks what it can't scan. What it says.
    fn hook(&self, text: &str) -> String {
        let sample = include_str!("../samples/codex/stop.json").replace("All done", text);
        let mut hook = self.home.command(crate::home::program());
        Run::of(hook.args(["stop", "--fail-mode", "closed", "--timeout", "8"]), sample.as_bytes()).stdout
    }

    /// Two hooks with two texts that the service says nothing to: an outage.
    fn meets_an_outage(&self) {
        std::thread::scope(|scope| {
            for text in ["one", "another"] {
                scope.spawn(move || assert!(self.hook(text).contains("did not finish")));
            }
        });
    }
}

#[test]
fn an_outage_that_hooks_met_is_shown_and_a_scan_ends_it() {
    let api = F5::builder().first(Fault::HangAfterRequest).first(Fault::HangAfterRequest).start();
    let user = User::new(&api.base_url());
    user.meets_an_outage();
    assert!(user.hook("a third").contains("can't reach"));
    let run = user.run(&[]);
    assert_passed(&run);
    let shown = "(connected, no answer in 8 s) and have scanned nothing for ";
    assert!(run.stdout.contains(shown) && run.stdout.contains("the next try is in "), "{}", run.stdout);
    assert_eq!(user.hook("a fourth"), "", "cleared");
    assert!(!user.run(&[]).stdout.contains("Hooks could not reach"));
    assert_eq!(api.scans().len(), 5);
}

#[test]
fn a_test_that_fails_leaves_an_outage_to_the_hooks() {
    let api = F5::answering(Fault::HangAfterRequest);
    let user = User::new(&api.base_url()).set("F5_GUARDRAILS_TIMEOUT", "2");
    user.meets_an_outage();
    let file = user.home.codex().join("f5_guardrails").join("outage.json");
    let remembered = fs::read(&file).unwrap();
    let run = user.run(&["--json"]);
    assert_failed_in_json(&run);
    assert!(run.json()["warnings"][0].as_str().unwrap().contains("Hooks could not reach"));
    assert_eq!(fs::read(&file).unwrap(), remembered);
    assert_eq!(api.scans().len(), 3, "it tried for real");
}

fn assert_failed_in_json(run: &Run) {
    assert_eq!((run.code, run.json()["passed"].as_bool()), (Some(1), Some(false)), "{}", run.stdout);
}

#[test]
fn no_control_character_of_a_value_reaches_the_terminal() {
    let api = F5::builder().may_stay_idle().start();
    let path = if cfg!(windows) { "C:\\\u{1b}[31mca.pem" } else { "/x/\u{1b}[31m\u{7}ca.pem" };
    for name in ["F5_GUARDRAILS_CA_BUNDLE", "F5_GUARDRAILS_CLIENT_CERT", "F5_GUARDRAILS_API_TOKEN_FILE"] {
        for mode in ["open", "closed"] {
            let user = User::new(&api.base_url()).set(name, path).set("F5_GUARDRAILS_FAIL_MODE", mode);
            let user =
                if name.ends_with("TOKEN_FILE") { user.unset("F5_GUARDRAILS_API_TOKEN") } else { user };
            let run = user.run(&["--tls-diagnostics"]);
            let said = run.stdout + &run.stderr;
            assert!(said.contains("[31mca.pem"), "{name}: {said}");
            assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{name}: {said:?}");
        }
    }
}

#[test]
fn a_token_that_no_shell_has_read_is_never_sent() {
    for token in [format!("\"{TOKEN}\""), "${TOKEN}".to_owned()] {
        let api = F5::builder().may_stay_idle().start();
        let run = User::new(&api.base_url()).set("F5_GUARDRAILS_API_TOKEN", &token).run(&[]);
        assert_failed(&run, "The API token is not a token: ");
        assert!(api.requests().is_empty());
    }
}
