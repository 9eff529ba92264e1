//! No secret in any output: a planted token, a proxy's password and the scanned text are looked for in stdout,
//! stderr, the log and every written file, at every log level.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use f5_stand_in::config_api::{ConfigApi, ConfigServer, Fixture, Size};
use f5_stand_in::f5::{F5, Fault, Verdict};
use f5_stand_in::proxy::Proxy;

const TOKEN: &str = "planted-token-7Qx2vLm9Rt4Wz8";
const PASSWORD: &str = "planted-password-3Kd6Hs";
const CONTENT: &str = "planted-content-5Bn1Jf";
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Runs the program and looks for the planted words in all that it leaves behind.
fn leaves_no_secret(arguments: &[&str], stdin: &str, environment: &[(&str, &str)]) {
    for level in LEVELS {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_f5-guard"));
        command
            .args(arguments)
            .env_clear()
            .envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)))
            .env("HOME", home.path())
            .env("USERPROFILE", home.path())
            .env("CODEX_HOME", home.path())
            .env("F5_GUARDRAILS_API_TOKEN", TOKEN)
            .env("F5_GUARDRAILS_LOG_LEVEL", level)
            .envs(environment.iter().copied())
            .current_dir(home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Some subcommands do not read it.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        let mut texts = vec![("stdout".to_owned(), output.stdout), ("stderr".to_owned(), output.stderr)];
        read_files(home.path(), &mut texts);
        for (place, bytes) in texts {
            let text = String::from_utf8_lossy(&bytes);
            for secret in [TOKEN, PASSWORD, CONTENT] {
                assert!(
                    !text.contains(secret),
                    "{secret} in {place} of {arguments:?} at level {level}:\n{text}"
                );
            }
        }
    }
}

fn read_files(folder: &Path, texts: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            read_files(&entry.path(), texts);
        } else {
            texts.push((entry.path().display().to_string(), fs::read(entry.path()).unwrap()));
        }
    }
}

fn payload(event: &str) -> String {
    let fields = match event {
        "UserPromptSubmit" => serde_json::json!({"prompt": CONTENT}),
        "PreToolUse" => serde_json::json!({"tool_name": "Bash", "tool_input": {"command": CONTENT}}),
        "PostToolUse" => serde_json::json!({"tool_name": "Bash", "tool_input": {}, "tool_response": CONTENT}),
        _ => serde_json::json!({"last_assistant_message": CONTENT}),
    };
    let mut payload = serde_json::json!({"hook_event_name": event, "session_id": "s", "turn_id": "t"});
    payload.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    payload.to_string()
}

#[test]
fn the_hooks_leave_no_secret_whatever_the_service_does() {
    let echo =
        format!(r#"{{"detail":[{{"loc":["body","{CONTENT}"],"msg":"{CONTENT} {TOKEN}","type":"x"}}]}}"#);
    for reply in [
        Fault::body("{}"),
        Fault::Garbage,
        Fault::Answer(f5_stand_in::f5::Response::new(422).body(echo)),
        Fault::redirect(302, &format!("https://user:{PASSWORD}@elsewhere.invalid/{TOKEN}?q={CONTENT}")),
    ] {
        let api = F5::builder().token(TOKEN).always(reply).start();
        for (subcommand, event) in [
            ("user-prompt-submit", "UserPromptSubmit"),
            ("pre-tool-use", "PreToolUse"),
            ("post-tool-use", "PostToolUse"),
            ("stop", "Stop"),
        ] {
            let environment = [("F5_GUARDRAILS_BASE_URL", api.base_url())];
            let environment: Vec<_> =
                environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
            leaves_no_secret(&[subcommand], &payload(event), &environment);
        }
    }
    let flagged = F5::builder().token(TOKEN).always(Verdict::flagged()).start();
    leaves_no_secret(
        &["pre-tool-use"],
        &payload("PreToolUse"),
        &[("F5_GUARDRAILS_BASE_URL", &flagged.base_url())],
    );
    let cut = payload("PreToolUse");
    leaves_no_secret(&["pre-tool-use", "--no-such-flag", TOKEN], &cut[..cut.len() - 3], &[]);
}

#[test]
fn a_proxys_password_is_left_nowhere() {
    let proxy = Proxy::builder().login("somebody", "another password").start();
    let url = proxy.url_with_login("somebody", PASSWORD);
    let environment =
        [("HTTPS_PROXY", url.as_str()), ("F5_GUARDRAILS_BASE_URL", "https://api.example.invalid")];
    leaves_no_secret(&["pre-tool-use"], &payload("PreToolUse"), &environment);
    leaves_no_secret(&["smoketest", "--tls-diagnostics", "--verbose-http=body"], "", &environment);
    leaves_no_secret(&["dump-config"], "", &environment);
}

#[test]
fn smoketest_leaves_no_secret_even_where_it_shows_every_exchange() {
    let home = tempfile::tempdir().unwrap();
    let api = F5::builder().token(TOKEN).tls().start();
    let ca = home.path().join("ca.pem");
    api.write_ca(&ca);
    let (url, ca) = (api.base_url(), ca.to_string_lossy().into_owned());
    let environment = [("F5_GUARDRAILS_BASE_URL", url.as_str()), ("F5_GUARDRAILS_CA_BUNDLE", ca.as_str())];
    leaves_no_secret(&["smoketest"], "", &environment);
    leaves_no_secret(&["smoketest", "--json", "--tls-diagnostics"], "", &environment);
    leaves_no_secret(&["smoketest", "--verbose-http=body", "--tls-diagnostics"], "", &environment);
}

#[test]
fn smoketest_shows_no_exchange_in_which_the_service_repeats_the_token_in_some_spelling() {
    let hex = |between: &str| TOKEN.bytes().map(|byte| format!("{byte:02x}{between}")).collect::<String>();
    let percent = TOKEN.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let base64 = base64::engine::general_purpose::STANDARD.encode(format!("Bearer {TOKEN}"));
    let spread = TOKEN.chars().map(|c| format!("{c}\u{200b}")).collect::<String>();
    for spelt in [TOKEN.to_owned(), TOKEN.to_uppercase(), hex(""), hex(" "), percent, base64, spread] {
        let body = format!(r#"{{"id":"{spelt}","result":{{"outcome":"cleared"}},"you sent":"{spelt}"}}"#);
        let mut response = f5_stand_in::f5::Response::new(200).body(body);
        if spelt.is_ascii() {
            response = response.header("X-You-Sent", &format!("a {spelt} z"));
        }
        let api = F5::builder().token(TOKEN).always(Fault::Answer(response)).start();
        let output = Command::new(env!("CARGO_BIN_EXE_f5-guard"))
            .args(["smoketest", "--verbose-http=body"])
            .env("F5_GUARDRAILS_API_TOKEN", TOKEN)
            .env("F5_GUARDRAILS_BASE_URL", api.base_url())
            .env("CODEX_HOME", tempfile::tempdir().unwrap().path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).replace(['\u{200b}'], "");
        assert!(said.contains("HTTP exchange 1") && said.contains("(redacted)"), "{said}");
        assert!(!said.contains(&spelt.replace('\u{200b}', "")), "{spelt}: {said}");
    }
}

#[test]
fn dump_config_leaves_no_token_of_its_own_nor_any_that_the_service_knows() {
    let mut fixture = Fixture::generate(Size { providers: 3, projects: 3, tokens: 3, machine_tokens: 3 }, 7);
    // The service may hand out the very token that asks, and more of its kind.
    if let Some(token) = fixture.tokens.first_mut() {
        token["value"] = TOKEN.into();
        token["name"] = format!("my {TOKEN}").into();
    }
    let server = ConfigServer::start(ConfigApi::new(fixture, TOKEN));
    let url = server.url();
    let environment = [("F5_GUARDRAILS_BASE_URL", url.as_str())];
    leaves_no_secret(&["dump-config"], "", &environment);
    leaves_no_secret(&["dump-config", "--output", "-"], "", &environment);
}
