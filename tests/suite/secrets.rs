//! No secret in any output: a planted token, a proxy's password and the scanned text are looked for in stdout,
//! stderr, the log and every written file, at every log level.

use std::fs;
#[cfg(unix)]
use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::home::{FakeHome, Run};
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
    let environment = [&[("F5_GUARDRAILS_API_TOKEN", TOKEN)], environment].concat();
    leaves_secrets_only_in("", "", arguments, stdin, &environment);
}

/// The same in a home where this is the file of `login --file`; what stays there is what was put there.
fn leaves_secrets_only_in(
    saved: &str,
    content: &str,
    arguments: &[&str],
    stdin: &str,
    environment: &[(&str, &str)],
) {
    leaves_none_of(&[TOKEN, PASSWORD, CONTENT], &LEVELS, saved, content, arguments, stdin, environment);
}

fn leaves_none_of(
    secrets: &[&str],
    levels: &[&str],
    saved: &str,
    content: &str,
    arguments: &[&str],
    stdin: &str,
    environment: &[(&str, &str)],
) {
    for level in levels {
        let home = FakeHome::new();
        let saved = home.path().join(saved);
        if !content.is_empty() {
            fs::create_dir_all(saved.parent().unwrap()).unwrap();
            fs::write(&saved, content).unwrap();
            #[cfg(unix)]
            fs::set_permissions(&saved, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        let mut command = home.command(crate::home::program());
        command
            .args(arguments)
            .env("CODEX_HOME", home.path())
            .env("APPDATA", home.path().join(".config"))
            .env("F5_GUARDRAILS_LOG_LEVEL", level)
            .envs(environment.iter().copied());
        let run = Run::of(&mut command, stdin.as_bytes());
        let mut texts = vec![
            ("stdout".to_owned(), run.stdout.into_bytes()),
            ("stderr".to_owned(), run.stderr.into_bytes()),
        ];
        read_files(home.path(), &mut texts);
        texts.retain(|(place, _)| Path::new(place) != saved);
        for (place, bytes) in texts {
            let text = String::from_utf8_lossy(&bytes);
            for secret in secrets {
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
        // The first 60 characters of a command that was not scanned may be shown.
        "PreToolUse" => {
            let command = format!("echo {} {CONTENT}", "some ordinary words ".repeat(4));
            serde_json::json!({"tool_name": "Bash", "tool_input": {"command": command}})
        }
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

/// A payload that holds the token wherever Codex puts names and ids, and fields that nobody knows.
fn payload_that_repeats(spelt: &str, event: &str) -> String {
    let mut payload: serde_json::Value = serde_json::from_str(&payload(event)).unwrap();
    for field in ["session_id", "turn_id", "tool_use_id", "cwd", "model", "agent_id"] {
        payload[field] = spelt.into();
    }
    payload[spelt] = spelt.into();
    if payload["tool_name"].is_string() {
        payload["tool_name"] = format!("mcp__{spelt}__x").into();
    }
    payload.to_string()
}

#[test]
fn what_the_payload_says_is_repeated_without_the_token() {
    let base64 = base64::engine::general_purpose::STANDARD.encode(TOKEN);
    let hex = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let flagged = F5::builder().token(TOKEN).always(Verdict::flagged()).start();
    let cleared = F5::builder().token(TOKEN).always(Verdict::cleared()).start();
    let refused = "http://127.0.0.1:9".to_owned();
    for (spelt, secrets) in [(TOKEN.to_owned(), TOKEN), (base64.clone(), &base64), (hex.clone(), &hex)] {
        for url in [flagged.base_url(), cleared.base_url(), refused.clone()] {
            for event in ["PreToolUse", "PostToolUse", "Stop"] {
                let subcommand = if event == "Stop" { "stop" } else { "pre-tool-use" };
                let said = payload_that_repeats(&spelt, event);
                let environment =
                    [("F5_GUARDRAILS_BASE_URL", url.as_str()), ("F5_GUARDRAILS_API_TOKEN", TOKEN)];
                leaves_none_of(&[secrets], &["trace"], SAVED, "", &[subcommand], &said, &environment);
                let environment = [("F5_GUARDRAILS_BASE_URL", url.as_str())];
                leaves_none_of(
                    &[secrets],
                    &["trace"],
                    SAVED,
                    &saved_for(&url),
                    &[subcommand],
                    &said,
                    &environment,
                );
            }
        }
    }
}

/// Somebody has pasted the token into a wrong variable, or a path or name holds it.
#[test]
fn a_token_in_the_place_of_something_else_is_not_shown() {
    let folder = format!("/nonexistent/{TOKEN}/x");
    let hosts = [
        format!("http://{TOKEN}.invalid"),
        format!("http://127.0.0.1:9/{TOKEN}"),
        format!("http://{TOKEN}:9"),
    ];
    let mut places: Vec<(&str, &str)> = vec![
        ("F5_GUARDRAILS_CA_BUNDLE", &folder),
        ("F5_GUARDRAILS_CLIENT_CERT", &folder),
        ("F5_GUARDRAILS_CLIENT_KEY", &folder),
        ("SSL_CERT_FILE", &folder),
        ("SSLKEYLOGFILE", &folder),
        ("F5_GUARDRAILS_PROJECT_ID", TOKEN),
    ];
    for name in [
        "F5_GUARDRAILS_TIMEOUT",
        "F5_GUARDRAILS_FAIL_MODE",
        "F5_GUARDRAILS_POST_STRICT",
        "F5_GUARDRAILS_MAX_SCAN_LENGTH",
        "F5_GUARDRAILS_ALLOW_HTTP",
        "F5_GUARDRAILS_CA_BUNDLE",
        "F5_GUARDRAILS_CLIENT_CERT",
        "F5_GUARDRAILS_BASE_URL",
        "F5_GUARDRAILS_API_TOKEN_FILE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
    ] {
        places.push((name, TOKEN));
    }
    for host in &hosts {
        places.extend([("F5_GUARDRAILS_BASE_URL", host.as_str()), ("http_proxy", host), ("ALL_PROXY", host)]);
    }
    std::thread::scope(|scope| {
        for place in places {
            scope.spawn(move || {
                // A name that leads nowhere must not be asked for in each of so many runs.
                let base =
                    [("F5_GUARDRAILS_BASE_URL", "http://127.0.0.1:9"), ("F5_GUARDRAILS_ALLOW_HTTP", "true")];
                let environment = [&base[..], &[("F5_GUARDRAILS_API_TOKEN", TOKEN), place]].concat();
                for call in [
                    &["pre-tool-use", "--timeout", "2"][..],
                    &["smoketest", "--timeout", "2"],
                    &["smoketest", "--json", "--tls-diagnostics", "--timeout", "2"],
                    &["doctor", "--offline"],
                    &["login", "--status"],
                ] {
                    leaves_none_of(&[TOKEN], &["trace"], "", "", call, &payload("PreToolUse"), &environment);
                }
            });
        }
    });
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
        let output = Command::new(crate::home::program())
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

/// Where `login --file` keeps tokens.
const SAVED: &str = ".config/f5-guard/tokens.json";

fn saved_for(address: &str) -> String {
    let tokens = serde_json::json!({format!("scan {address}"): TOKEN, format!("global {address}"): TOKEN});
    serde_json::json!({"version": 1, "tokens": tokens}).to_string()
}

#[test]
fn login_and_logout_leave_the_token_in_its_file_alone() {
    let echo = format!(r#"{{"detail":"{TOKEN}"}}"#);
    for reply in [
        Fault::body(r#"{"result":{"outcome":"cleared","scannerResults":[{"outcome":"passed"}]}}"#),
        Fault::Answer(f5_stand_in::f5::Response::new(401).body(echo.clone())),
        Fault::Answer(f5_stand_in::f5::Response::new(422).body(echo)),
    ] {
        let api = F5::builder().token(TOKEN).always(reply).start();
        let url = api.base_url();
        let environment = [("F5_GUARDRAILS_BASE_URL", url.as_str())];
        let kept = saved_for(&url);
        let login = |content: &str, arguments: &[&str], stdin: &str| {
            leaves_secrets_only_in(SAVED, content, arguments, stdin, &environment);
        };
        login("", &["login", "--stdin", "--file"], TOKEN);
        login("", &["login", "--stdin", "--file", "--no-verify"], TOKEN);
        login("", &["login", "--stdin", "--file", "--global"], TOKEN);
        login("", &["login", "--stdin", "--file"], &format!("two words {TOKEN}"));
        login(&kept, &["login", "--status"], "");
        login(&kept, &["login", "--status", "--global"], "");
        login(&kept, &["logout"], "");
        login(&kept, &["uninstall", "--scope", "user"], "");
        login(&kept, &["smoketest", "--verbose-http=body"], "");
        login(&kept, &["doctor", "--json"], "");
        login(&kept, &["dump-config", "--output", "-"], "");
        login(&kept, &["pre-tool-use"], &payload("PreToolUse"));
    }
}

#[test]
fn a_damaged_file_of_tokens_is_named_without_its_content() {
    let damaged = format!("{{\"version\": 1, \"tokens\": {{\"{TOKEN}\": {TOKEN}}}}}");
    for arguments in [
        &["pre-tool-use"][..],
        &["login", "--status"],
        &["smoketest"],
        &["logout"],
        &["uninstall", "--purge", "--scope", "user"],
    ] {
        leaves_secrets_only_in(SAVED, &damaged, arguments, &payload("PreToolUse"), &[]);
    }
}

#[test]
fn a_file_that_holds_more_than_a_token_is_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, format!("export TOKEN={TOKEN}\n{CONTENT}\n")).unwrap();
    let path = file.to_str().unwrap();
    leaves_secrets_only_in("", "", &["pre-tool-use", "--token-file", path], &payload("PreToolUse"), &[]);
    let environment = [("F5_GUARDRAILS_API_TOKEN_FILE", path)];
    for arguments in [&["smoketest"][..], &["login", "--status"], &["doctor"]] {
        leaves_secrets_only_in("", "", arguments, "", &environment);
    }
}

/// A session bus whose service refuses everything with words that hold the token.
#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn what_the_secret_service_says_is_not_repeated() {
    use std::io::Read;
    use std::os::unix::net::UnixListener;

    fn message(kind: u8, reply_to: u32, error: &str, text: &str) -> Vec<u8> {
        let mut fields = vec![5, 1, b'u', 0];
        fields.extend(reply_to.to_le_bytes());
        let pad = |bytes: &mut Vec<u8>| bytes.resize(bytes.len().next_multiple_of(8), 0);
        if !error.is_empty() {
            fields.extend([4, 1, b's', 0]);
            fields.extend(u32::try_from(error.len()).unwrap().to_le_bytes());
            fields.extend(error.bytes().chain([0]));
            pad(&mut fields);
        }
        fields.extend([8, 1, b'g', 0, 1, b's', 0]);
        let mut body = u32::try_from(text.len()).unwrap().to_le_bytes().to_vec();
        body.extend(text.bytes().chain([0]));
        let mut bytes = vec![b'l', kind, 1, 1];
        bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        bytes.extend(reply_to.to_le_bytes());
        bytes.extend(u32::try_from(fields.len()).unwrap().to_le_bytes());
        bytes.extend(fields);
        pad(&mut bytes);
        bytes.extend(body);
        bytes
    }

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                let _ = stream.read(&mut bytes);
                let _ = stream.write_all(b"OK 00\r\n");
                let _ = stream.read(&mut bytes);
                let _ = stream.write_all(&message(2, 1, "", ":1.1"));
                let name = format!("org.example.{TOKEN}").replace('-', "_");
                let replies: Vec<u8> = (2..9)
                    .flat_map(|serial| message(3, serial, &name, &format!("{TOKEN} {PASSWORD}")))
                    .collect();
                let _ = stream.write_all(&replies);
                while stream.read(&mut bytes).is_ok_and(|count| count > 0) {}
            });
        }
    });
    let address = format!("unix:path={}", path.display());
    let environment =
        [("DBUS_SESSION_BUS_ADDRESS", address.as_str()), ("F5_GUARDRAILS_BASE_URL", "http://127.0.0.1:9")];
    for arguments in [
        &["pre-tool-use"][..],
        &["login", "--status"],
        &["login", "--stdin", "--no-verify"],
        &["logout"],
        &["uninstall", "--purge", "--scope", "user"],
        &["doctor", "--offline"],
        &["smoketest"],
        &["dump-config"],
    ] {
        leaves_secrets_only_in("", "", arguments, TOKEN, &environment);
    }
    let mut command = Command::new(crate::home::program());
    command.arg("smoketest").env_clear().env("HOME", folder.path()).envs(environment);
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let words = crate::home::one_line(&said);
    assert!(words.contains("could not be read from the Secret Service: it refused."), "{said}");
    assert!(!said.contains("planted_token"), "{said}");
}
