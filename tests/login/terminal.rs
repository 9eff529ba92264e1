//! `login` on a terminal: what it shows before it asks, that it shows nothing of the token, and that the terminal is as
//! before afterwards.

use std::fs::File;
use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::ptr::null_mut;

use f5_stand_in::f5::TOKEN;

use super::{User, service};

/// A terminal with a program in it.
struct Terminal {
    screen: File,
    /// Kept open, so that the terminal's settings can be asked for after the program's end.
    inside: OwnedFd,
    child: Child,
    shown: String,
}

impl Terminal {
    fn of(user: &User, arguments: &[&str]) -> Self {
        let (mut outside, mut inside) = (0, 0);
        // SAFETY: the call fills in two descriptors, which are owned from here on; the other parameters may be null.
        let (screen, inside) = unsafe {
            assert_eq!(libc::openpty(&mut outside, &mut inside, null_mut(), null_mut(), null_mut()), 0);
            (File::from_raw_fd(outside), OwnedFd::from_raw_fd(inside))
        };
        let end = || inside.try_clone().unwrap();
        let mut command = user.command(arguments);
        command.stdin(end()).stdout(end()).stderr(end());
        let terminal = inside.as_raw_fd();
        // SAFETY: these calls are allowed between fork and exec.
        unsafe {
            command.pre_exec(move || {
                libc::setsid();
                // Whoever started the tests may have them ignored, as nohup and a shell's background do.
                for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
                    libc::signal(signal, libc::SIG_DFL);
                }
                libc::ioctl(terminal, libc::TIOCSCTTY as _, 0);
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        Self { screen, inside, child, shown: String::new() }
    }

    /// Reads the screen until these words are on it.
    fn wait_for(&mut self, words: &str) {
        let mut bytes = [0; 1024];
        while !self.shown.contains(words) {
            let count = self.screen.read(&mut bytes).unwrap_or(0);
            assert!(count > 0, "never shown: {words}\n{}", self.shown);
            self.shown += &String::from_utf8_lossy(&bytes[..count]);
        }
    }

    fn type_in(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).unwrap();
    }

    /// Whether what is typed is shown.
    fn echoes(&self) -> bool {
        let mut settings = MaybeUninit::<libc::termios>::uninit();
        // SAFETY: the descriptor is a terminal's; the call fills in the settings where it succeeds.
        unsafe {
            assert_eq!(libc::tcgetattr(self.inside.as_raw_fd(), settings.as_mut_ptr()), 0);
            settings.assume_init().c_lflag & libc::ECHO != 0
        }
    }

    fn end(mut self) -> (Option<i32>, String, bool) {
        let code = self.child.wait().unwrap().code();
        let echoes = self.echoes();
        drop(self.inside);
        let mut rest = Vec::new();
        // The end of a terminal is an error on Linux.
        let _ = self.screen.read_to_end(&mut rest);
        self.shown += &String::from_utf8_lossy(&rest);
        (code, self.shown, echoes)
    }
}

#[test]
fn the_address_is_on_the_screen_before_the_question_and_the_token_never_is() {
    let api = service();
    let user = User::of(&api);
    let mut terminal = Terminal::of(&user, &["login", "--file"]);
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
    let mut terminal = Terminal::of(&user, &["login", "--file"]);
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
        let mut terminal = Terminal::of(&user, &["login", "--file"]);
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
    let mut terminal = Terminal::of(&user, &["login"]);
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
    let mut terminal = Terminal::of(&user, &["install", "--scope", "user", "--codex", "/bin/false"]);
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
    let mut terminal = Terminal::of(&user, &install);
    terminal.wait_for("Keep it? [y/N] ");
    terminal.type_in("n\r");
    let (code, shown, _) = terminal.end();
    let sent = "they send the content of a local file, on the machine of each of them, to https://elsewhere.example.";
    assert!(code == Some(1) && shown.contains(sent), "{shown}");
}

#[cfg(not(target_os = "macos"))]
#[test]
fn an_installation_without_a_token_offers_to_log_in_and_to_hide_the_variable() {
    let api = service();
    let user = User::of(&api);
    let mut terminal =
        Terminal::of(&user, &["install", "--scope", "user", "--no-trust", "--codex", "/bin/false"]);
    terminal.wait_for("Log in now? [Y/n] ");
    terminal.type_in("\r");
    terminal.wait_for("Keep it in a file instead?");
    terminal.wait_for("[y/N] ");
    terminal.type_in("y\r");
    terminal.wait_for("(it is not shown): ");
    terminal.wait_until_hidden();
    terminal.type_in(&format!("{TOKEN}\r"));
    terminal.wait_for("Hooks still get them. [Y/n] ");
    terminal.type_in("\r");
    let (code, shown, _) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("cleared"), "{shown}");
    assert!(user.home.read("config.toml").contains("F5_GLOBAL_API_TOKEN"));
}
