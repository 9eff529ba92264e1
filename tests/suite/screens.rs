//! What people read fits 80 columns, wherever a line can be broken: every command's screens and refusals.

use std::fs;

use f5_stand_in::f5::{F5, Fault, TOKEN, Verdict};

use crate::home::{FakeHome, Run, program};

/// A name that makes every path wide.
const USER: &str = "a-user-with-a-name-that-makes-every-path-too-wide-for-one-line-";
/// Where words begin at the latest, behind marks, labels and names.
const FIRST_WORD: usize = 24;
const WIDTH: usize = 80;

/// The lines of `text` that could be broken and are too wide. What is in backticks is one word.
fn too_wide(text: &str) -> Vec<&str> {
    let could_be_broken = |line: &&str| {
        let mut quoted = false;
        let blanks = line.char_indices().filter(|(_, character)| {
            quoted ^= *character == '`';
            *character == ' ' && !quoted
        });
        let last_word = blanks.last().map_or(0, |(at, _)| line[..=at].chars().count());
        line.chars().count() > WIDTH && last_word > FIRST_WORD
    };
    text.lines().filter(could_be_broken).collect()
}

#[track_caller]
fn assert_fits(what: &str, text: &str) {
    assert!(!text.is_empty(), "{what} says nothing");
    let wide = too_wide(text);
    assert!(wide.is_empty(), "{what}:\n{}\n\nof\n{text}", wide.join("\n"));
}

#[test]
fn only_lines_that_could_be_broken_are_too_wide() {
    let long = "x".repeat(90);
    assert_eq!(too_wide(&format!("  note    {long}\nshort\n  `a b {long}`")), [""; 0]);
    let wide = format!("some words before {long} and behind");
    assert_eq!(too_wide(&wide), [wide.as_str()]);
}

/// A user of this service.
fn user(api: &F5) -> FakeHome {
    let mut home = FakeHome::of_user(USER);
    home.set("CODEX_HOME", home.codex());
    home.set("F5_GUARDRAILS_API_TOKEN", TOKEN);
    home.set("F5_GUARDRAILS_BASE_URL", api.base_url());
    for name in ["PATH", "ProgramData"] {
        home.inherit(name);
    }
    home
}

fn prompt(home: &FakeHome, text: &str) {
    let payload = serde_json::json!({"hook_event_name": "UserPromptSubmit", "session_id": "0199a8f2-7c5e-7d41-9a63-5b2f0c4e8d17",
        "turn_id": "t", "cwd": "/", "prompt": text});
    Run::of(home.command(program()).arg("user-prompt-submit"), payload.to_string().as_bytes());
}

/// Runs each, and looks at all that it says.
fn look_at(home: &FakeHome, commands: &[&[&str]]) {
    for command in commands {
        let run = home.run(command);
        assert_fits(&command.join(" "), &format!("{}{}", run.stdout, run.stderr));
    }
}

#[test]
fn the_first_screen_and_every_help_fit() {
    let home = FakeHome::of_user(USER);
    look_at(&home, &[&[], &["--help"], &["-h"]]);
    for command in [
        "login",
        "install",
        "doctor",
        "report",
        "why",
        "coverage",
        "allow-text",
        "smoketest",
        "uninstall",
        "logout",
        "dump-config",
        "completions",
        "man",
        "user-prompt-submit",
        "pre-tool-use",
        "post-tool-use",
        "stop",
    ] {
        look_at(&home, &[&[command, "--help"], &[command, "-h"]]);
    }
}

#[test]
fn an_installation_and_its_end_fit() {
    let api = F5::builder().may_stay_idle().start();
    let home = user(&api);
    let codex = if cfg!(windows) { r"C:\Windows\System32\whoami.exe" } else { "/bin/false" };
    let install = ["install", "--scope", "user", "--codex", codex];
    let of = |more: &[&'static str]| [&install[..], more].concat();
    fs::write(home.codex().join("config.toml"), "model = \"x\"\n").unwrap();
    for command in [
        of(&["--fail-mode", "closed", "--contact", "the security team on the second floor", "--log", "off"]),
        of(&[]),
        of(&["--post-strict", "true"]),
        of(&["--binary-only"]),
        vec!["doctor", "--codex", codex],
        vec!["doctor", "--verbose", "--codex", codex],
        vec!["uninstall", "--scope", "user"],
        vec!["uninstall", "--scope", "user"],
        vec!["uninstall", "--scope", "user", "--purge"],
    ] {
        look_at(&home, &[&command]);
    }
}

#[test]
fn what_a_dry_run_adds_to_a_diff_fits() {
    let home = user(&F5::builder().may_stay_idle().start());
    let codex = if cfg!(windows) { r"C:\Windows\System32\whoami.exe" } else { "/bin/false" };
    let install = ["install", "--scope", "user", "--codex", codex];
    let options =
        ["--fail-mode", "closed", "--contact", "the security team on the second floor", "--timeout", "20"];
    home.run(&[&install[..], &options].concat());
    for command in
        [[&install[..], &["--dry-run"]].concat(), vec!["uninstall", "--scope", "user", "--dry-run"]]
    {
        let said = home.run(&command).stdout;
        let added: Vec<&str> = said.lines().filter(|line| line.starts_with("# ")).collect();
        assert_fits(&command.join(" "), &added.join("\n"));
    }
}

#[test]
fn what_install_and_uninstall_refuse_fits() {
    let home = user(&F5::builder().may_stay_idle().start());
    let codex = if cfg!(windows) { r"C:\Windows\System32\whoami.exe" } else { "/bin/false" };
    look_at(
        &home,
        &[
            &["install", "--scope", "system", "--also-user"],
            &["install", "--scope", "project", "--hide-token"],
            &["install", "--scope", "project", "--binary-only"],
            &["install", "--scope", "user", "--base-url", "ftp://an.address"],
            &["install", "--scope", "user", "--token-file", "relative"],
            &["install", "--scope", "user", "--codex", "/no/such/program/anywhere/at/all"],
            &["install", "--scope", "user", "--codex", codex, "--timeout", "0"],
            &["install", "--scope", "project", "/no/such/folder/with/a/project"],
            &["uninstall", "--scope", "project", "/no/such/folder/with/a/project"],
        ],
    );
    fs::write(home.codex().join("config.toml"), "[features]\nhooks = 1\n").unwrap();
    look_at(&home, &[&["install", "--scope", "user", "--codex", codex], &["uninstall", "--scope", "user"]]);
}

#[test]
fn what_the_smoke_test_finds_fits() {
    let cleared = F5::start();
    let mut home = user(&cleared);
    look_at(&home, &[&["smoketest"], &["smoketest", "--tls-diagnostics"]]);
    home.set("F5_GUARDRAILS_CA_BUNDLE", home.path().join("no-such-file.pem"));
    home.set("F5_GUARDRAILS_FAIL_MODE", "neither of the two words that it could be");
    home.set("SSLKEYLOGFILE", home.path().join("keys"));
    look_at(&home, &[&["smoketest"], &["doctor", "--no-proof"]]);
    for name in ["F5_GUARDRAILS_CA_BUNDLE", "F5_GUARDRAILS_FAIL_MODE"] {
        home.unset(name);
    }
    home.set("F5_GUARDRAILS_BASE_URL", "https://127.0.0.1:1");
    look_at(&home, &[&["smoketest"], &["smoketest", "--tls-diagnostics"]]);
    home.unset("F5_GUARDRAILS_API_TOKEN");
    look_at(&home, &[&["smoketest"], &["doctor", "--no-proof"]]);
    let flagged = F5::answering(Verdict::flagged());
    look_at(&user(&flagged), &[&["smoketest"]]);
}

#[test]
fn what_the_log_is_made_into_fits() {
    let api = F5::builder().when("forget it", Verdict::flagged()).when("down", Fault::status(503)).start();
    let home = user(&api);
    let nothing: &[&[&str]] = &[
        &["why"],
        &["report"],
        &["coverage"],
        &["coverage", "--session", "nope"],
        &["report", "--session", "last"],
    ];
    look_at(&home, nothing);
    for text in ["all is well", "forget it", "down"] {
        prompt(&home, text);
    }
    look_at(
        &home,
        &[
            &["why"],
            &["why", "-n", "5"],
            &["why", "--report"],
            &["why", "nope"],
            &["report"],
            &["report", "--since", "yesterday"],
            &["report", "--session", "last"],
            &["report", "--session", "0199a8f2-7c5e-7d41-9a63-5b2f0c4e8d18"],
            &["coverage"],
            &["coverage", "--require", "90"],
        ],
    );
}

#[test]
fn what_is_said_about_tokens_fits() {
    let api = F5::answering(Verdict::flagged());
    let mut home = user(&api);
    home.set("APPDATA", home.path().join(".config"));
    let login = |home: &FakeHome, more: &[&str], token: &str| {
        let run = Run::of(home.command(program()).args(["login", "--stdin"]).args(more), token.as_bytes());
        assert_fits(&format!("login {more:?}"), &format!("{}{}", run.stdout, run.stderr));
    };
    look_at(&home, &[&["login"], &["login", "--status"], &["logout"], &["login", "--status", "--global"]]);
    login(&home, &["--file"], TOKEN);
    login(&home, &["--file"], "not the right one");
    login(&home, &["--file"], "");
    login(&home, &["--file", "--global"], TOKEN);
    login(&home, &["--base-url", "ftp://an.address"], TOKEN);
    home.unset("F5_GUARDRAILS_API_TOKEN");
    look_at(&home, &[&["login", "--status"], &["logout"], &["login", "--status"]]);
    home.set("F5_GUARDRAILS_BASE_URL", "https://127.0.0.1:1");
    login(&home, &["--file"], TOKEN);
}

#[test]
fn what_the_other_commands_say_fits() {
    let api = F5::answering(Fault::status(403));
    let mut home = user(&api);
    look_at(
        &home,
        &[
            &["allow-text", "short"],
            &["allow-text", &"0".repeat(32)],
            &["allow-text", "--remove", &"0".repeat(32)],
            &["dump-config"],
            &["dump-config", "--output", "/no/such/folder/for/the/file/that/is/to/be/written.json"],
            &["man", "--dir", "/dev/null/a-folder/that-can-not-be"],
        ],
    );
    home.set("CODEX_THREAD_ID", "t");
    home.unset("F5_GUARDRAILS_API_TOKEN");
    look_at(&home, &[&["allow-text", &"0".repeat(32)], &["dump-config"]]);
}

/// On a terminal that does not say how wide it is.
#[cfg(unix)]
#[test]
fn questions_on_a_terminal_fit() {
    use crate::terminal::Terminal;

    let api = F5::builder().may_stay_idle().start();
    let mut home = user(&api);
    home.unset("F5_GUARDRAILS_API_TOKEN");
    let mut install = home.command(program());
    install.args(["install", "--scope", "user", "--codex", "/bin/false"]);
    let mut terminal = Terminal::of(install);
    terminal.wait_for("Log in now? [Y/n] ");
    let login = std::mem::take(&mut terminal.shown);
    terminal.type_in("n\r");
    terminal.wait_for("[Y/n] ");
    terminal.type_in("n\r");
    terminal.wait_for(": do this");
    let (_, shown, _) = terminal.end();
    assert_fits("install", &format!("{login}{shown}").replace('\r', ""));

    let mut hook = home.command(program());
    hook.arg("stop");
    let (_, shown, _) = Terminal::of(hook).end();
    assert_fits("a hook by hand", &shown.replace('\r', ""));
}
