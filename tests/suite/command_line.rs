//! What a person gets who types `f5-guard` alone, asks for help, misspells a value, or starts a hook by hand.

use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_f5-guard"));
    command.args(arguments).stdin(Stdio::null()).env_clear().output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn alone_it_shows_what_a_person_needs_first() {
    let output = run(&[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let at = |words: &str| said.find(words).unwrap_or_else(|| panic!("{words}: {said}"));
    let order = [
        "\n  login ",
        "\n  install ",
        "\n  doctor ",
        "\n  report ",
        "\n  why ",
        "\n  smoketest ",
        "\n  uninstall ",
    ];
    assert!(order.map(at).is_sorted(), "{said}");
    assert!(
        at("Examples:") < at("Run by Codex:") && at("\n  uninstall ") < at("\n  pre-tool-use "),
        "{said}"
    );
    assert!(!said.contains("F5_GUARDRAILS_"), "the variables are for --help: {said}");
}

#[test]
fn help_and_version_work_as_words() {
    for (words, flags) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "install"], &["install", "--help"]),
        (&["version"], &["--version"]),
    ] {
        let (said, meant) = (run(words), run(flags));
        assert_eq!(said.status.code(), Some(0), "{words:?}");
        assert!(!said.stdout.is_empty() && said.stdout == meant.stdout, "{words:?}: {said:?}");
    }
}

#[test]
fn the_variables_are_in_one_help_and_under_no_subcommand() {
    assert!(text(&run(&["--help"]).stdout).contains("\nEnvironment:\n"));
    for subcommand in ["smoketest", "pre-tool-use", "stop", "dump-config", "doctor"] {
        let help = text(&run(&[subcommand, "--help"]).stdout);
        assert!(!help.contains("Environment:") && help.contains("f5-guard --help"), "{subcommand}: {help}");
    }
}

#[test]
fn install_refuses_an_unknown_word_and_names_the_known_ones() {
    for (option, value, known) in [
        ("--fail-mode", "close", "[possible values: open, closed]"),
        ("--post-strict", "tru", "[possible values: true, false]"),
        ("--outage-memory", "of", "[possible values: on, off]"),
        ("--log", "of", "[possible values: on, off]"),
    ] {
        let output = run(&["install", "--dry-run", &format!("{option}={value}")]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{option}: {said}");
        assert!(said.contains(known) && said.contains("tip:"), "{option}: {said}");
    }
}

#[test]
fn a_hook_with_an_unknown_word_answers_by_the_safe_mode() {
    let call = r#"{"hook_event_name":"UserPromptSubmit","prompt":"x"}"#;
    let mut command = Command::new(env!("CARGO_BIN_EXE_f5-guard"));
    command.args(["user-prompt-submit", "--fail-mode", "close"]).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), call.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(text(&output.stdout).contains(r#""decision":"block""#), "{output:?}");
    let help = text(&run(&["pre-tool-use", "--help"]).stdout);
    assert!(help.contains("[possible values: open, closed]"), "{help}");
}

#[cfg(unix)]
mod terminal {
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::{FromRawFd, OwnedFd};
    use std::ptr::null_mut;

    use super::*;

    /// Runs it on a terminal of so many columns: the exit code, and what is on the screen.
    fn on_a_terminal(arguments: &[&str], columns: u16) -> (Option<i32>, String) {
        let (mut outside, mut inside) = (0, 0);
        let mut size = libc::winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the call fills in two descriptors, which are owned from here on; the other parameters may be null.
        let (mut screen, inside) = unsafe {
            let made = libc::openpty(&mut outside, &mut inside, null_mut(), null_mut(), &raw mut size);
            assert_eq!(made, 0);
            (File::from_raw_fd(outside), OwnedFd::from_raw_fd(inside))
        };
        let end = || inside.try_clone().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_f5-guard"));
        command.args(arguments).stdin(end()).stdout(end()).stderr(end()).env_clear().env("TERM", "dumb");
        let mut child = command.spawn().unwrap();
        drop(command);
        let reader = std::thread::spawn(move || {
            let mut shown = Vec::new();
            // The end of a terminal is an error on Linux.
            let _ = screen.read_to_end(&mut shown);
            shown
        });
        let code = child.wait().unwrap().code();
        drop(inside);
        (code, text(&reader.join().unwrap()).replace('\r', ""))
    }

    #[test]
    fn a_hook_says_who_runs_it_instead_of_waiting() {
        for (hook, code) in
            [("pre-tool-use", 2), ("user-prompt-submit", 2), ("post-tool-use", 2), ("stop", 1)]
        {
            let (ended, said) = on_a_terminal(&[hook, "--fail-mode", "open"], 80);
            assert_eq!(ended, Some(code), "{said}");
            assert!(said.contains("is run by Codex") && said.contains("f5-guard uninstall"), "{said}");
        }
    }

    #[test]
    fn the_first_screen_fits_a_narrow_terminal() {
        for columns in [50, 80, 120] {
            let (_, said) = on_a_terminal(&[], columns);
            let long = said.lines().find(|line| line.chars().count() > usize::from(columns));
            assert_eq!(long, None, "{columns} columns");
            assert!(said.contains("Run by Codex:"), "{said}");
        }
    }
}
