//! `login` on a terminal: what it shows before it asks, that it shows nothing of the token, and that the terminal is as
//! before afterwards.

use f5_stand_in::f5::TOKEN;

use super::{User, service};
use crate::home::one_line;
use crate::terminal::Terminal;

#[test]
fn the_address_is_on_the_screen_before_the_question_and_the_token_never_is() {
    let api = service();
    let user = User::of(&api);
    let mut terminal = Terminal::of(user.command(&["login", "--file"]));
    terminal.wait_for("(it is not shown): ");
    assert!(terminal.shown.starts_with(&format!("Service  {}", api.base_url())), "{}", terminal.shown);
    assert!(terminal.shown.contains("not encrypted"), "{}", terminal.shown);
    terminal.wait_until_hidden();
    terminal.type_in(&format!("{TOKEN}\r"));
    terminal.wait_for("Stored:");
    let (code, shown, echoes) = terminal.end();
    assert_eq!((code, echoes), (Some(0), true), "{shown}");
    assert!(!shown.contains(TOKEN), "{shown}");
    assert!(user.tokens().exists());
}

impl Terminal {
    fn wait_until_hidden(&self) {
        while self.echoes() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn ctrl_c_stores_nothing_and_leaves_the_terminal_as_it_was() {
    let api = super::idle();
    let user = User::of(&api);
    let mut terminal = Terminal::of(user.command(&["login", "--file"]));
    terminal.wait_for("(it is not shown): ");
    terminal.wait_until_hidden();
    terminal.type_in("half of a tok\u{3}");
    let (code, shown, echoes) = terminal.end();
    assert_eq!((code, echoes), (Some(1), true), "{shown}");
    assert!(shown.contains("nothing was stored") && !shown.contains("half"), "{shown}");
    assert!(!user.tokens().exists());
}

#[test]
fn every_signal_that_ends_the_question_leaves_the_terminal_as_it_was() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
        let api = super::idle();
        let user = User::of(&api);
        let mut terminal = Terminal::of(user.command(&["login", "--file"]));
        terminal.wait_for("(it is not shown): ");
        terminal.wait_until_hidden();
        // SAFETY: the process is a child that was not waited for.
        assert_eq!(unsafe { libc::kill(terminal.child.id() as libc::pid_t, signal) }, 0);
        let ended = std::os::unix::process::ExitStatusExt::signal(&terminal.child.wait().unwrap());
        let (_, shown, echoes) = terminal.end();
        assert_eq!((ended, echoes), (Some(signal), true), "{shown}");
        assert!(!user.tokens().exists());
    }
}

#[cfg(not(target_os = "macos"))]
#[test]
fn where_there_is_no_store_the_file_is_offered() {
    let api = service();
    let user = User::of(&api);
    let mut terminal = Terminal::of(user.command(&["login"]));
    terminal.wait_for("[y/N] ");
    assert!(
        terminal.shown.contains("no secret store") && terminal.shown.contains("not encrypted"),
        "{}",
        terminal.shown
    );
    terminal.type_in("y\r");
    terminal.wait_for("(it is not shown): ");
    terminal.wait_until_hidden();
    terminal.type_in(&format!("{TOKEN}\r"));
    let (code, shown, _) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(user.tokens().exists());
}

#[test]
fn an_installation_that_is_refused_asks_for_no_token() {
    let user = User::of(&super::idle());
    user.home.write("config.toml", b"[features]\nhooks = 1\n");
    let mut terminal = Terminal::of(user.command(&["install", "--scope", "user", "--codex", "/bin/false"]));
    // Answers to questions that must not come.
    terminal.type_in("n\rn\r");
    let (code, shown, _) = terminal.end();
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("Nothing was registered") && !shown.contains("Log in"), "{shown}");
}

#[test]
fn keeping_a_repositorys_token_file_says_that_a_local_file_is_sent() {
    let user = User::of(&super::idle());
    let project = user.home.path().join("project");
    std::fs::create_dir_all(project.join(".git")).unwrap();
    let install =
        ["install", "--scope", "project", "--no-trust", "--codex", "/bin/false", project.to_str().unwrap()];
    let key = user.home.path().join("key");
    std::fs::write(&key, "k").unwrap();
    let options = ["--token-file", key.to_str().unwrap(), "--base-url", "https://elsewhere.example"];
    let said = user.run(&[&install[..], &options, &["--skip-smoketest"]].concat(), "");
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let mut terminal = Terminal::of(user.command(&install));
    terminal.wait_for("Keep it? [y/N] ");
    terminal.type_in("n\r");
    let (code, shown, _) = terminal.end();
    let sent = "they send the content of a local file, on the machine of each of them, to https://elsewhere.example.";
    assert!(code == Some(1) && one_line(&shown).contains(sent), "{shown}");
}

#[cfg(not(target_os = "macos"))]
#[test]
fn an_installation_without_a_token_offers_to_log_in_and_to_hide_the_variable() {
    let api = service();
    let user = User::of(&api);
    let mut terminal =
        Terminal::of(user.command(&["install", "--scope", "user", "--no-trust", "--codex", "/bin/false"]));
    terminal.wait_for("Log in now? [Y/n] ");
    terminal.type_in("\r");
    terminal.wait_for("Keep it in a file instead?");
    terminal.wait_for("[y/N] ");
    terminal.type_in("y\r");
    terminal.wait_for("(it is not shown): ");
    terminal.wait_until_hidden();
    terminal.type_in(&format!("{TOKEN}\r"));
    terminal.wait_for("hooks still get the variables.) [Y/n] ");
    terminal.type_in("\r");
    let (code, shown, _) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("cleared"), "{shown}");
    assert!(user.home.read("config.toml").contains("F5_GLOBAL_API_TOKEN"));
}
