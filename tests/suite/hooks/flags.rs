//! Flags of the hook subcommands: they win over the environment, and a wrong one never opens the gate.

use f5_stand_in::f5::{F5, Fault, Verdict};
use serde_json::json;

use crate::support::{Event, FailMode, Hook, everywhere, program};

#[test]
fn the_fail_mode_flag_wins_over_the_environment() {
    everywhere(|event, mode| {
        let api = F5::answering(Fault::status(500));
        let other = if mode == FailMode::Open { FailMode::Closed } else { FailMode::Open };
        let hook = Hook::of(event).in_mode(other).arguments(["--fail-mode", mode.word()]);
        hook.against(&api).run().failed_in(mode);
    });
}

#[test]
fn the_base_url_flag_wins_over_the_environment() {
    let (named, other) = (F5::start(), F5::builder().never_called().start());
    Hook::pre_tool_use()
        .closed()
        .against(&other)
        .arguments(["--base-url", &named.base_url()])
        .run()
        .allowed();
}

#[test]
fn the_project_flag_wins_over_the_environment() {
    let api = F5::start();
    let hook = Hook::pre_tool_use().closed().env("F5_GUARDRAILS_PROJECT_ID", "mine");
    hook.arguments(["--project-id", "theirs"]).against(&api).run().allowed();
    assert_eq!(api.only_scan().field("project"), Some(&json!("theirs")));
}

#[test]
fn the_strict_flag_wins_over_the_environment() {
    let api = F5::answering(Verdict::flagged());
    let hook = Hook::post_tool_use().env("F5_GUARDRAILS_POST_STRICT", "false").arguments(["--post-strict"]);
    hook.against(&api).run().blocked();
}

#[test]
fn the_ca_bundle_flag_wins_over_the_environment() {
    let api = F5::builder().tls().start();
    let hook = Hook::pre_tool_use().closed().against(&api);
    let (bundle, broken) = (hook.home().join("ca.pem"), hook.file("broken.pem", "nothing"));
    let hook = hook
        .env("F5_GUARDRAILS_CA_BUNDLE", broken)
        .arguments(["--ca-bundle".into(), bundle.into_os_string()]);
    hook.run().allowed();
}

#[test]
fn the_timeout_flag_wins_over_the_environment() {
    let api = F5::answering(Fault::HangAfterRequest);
    let hook = Hook::pre_tool_use().closed().env("F5_GUARDRAILS_TIMEOUT", "9").arguments(["--timeout", "1"]);
    hook.against(&api).run().blocked().says(&["1 s", "1s", "1.0"]);
}

#[test]
fn a_usage_error_is_a_scan_error_in_the_environments_fail_mode() {
    everywhere(|event, mode| {
        for arguments in [&["--bogus"][..], &["extra"], &["--timeout"], &["--fail-mode"]] {
            let api = F5::builder().never_called().start();
            let hook = Hook::of(event).in_mode(mode).arguments(arguments.iter().copied()).against(&api);
            // "--fail-mode" without its value may count as an unreadable one, which is closed.
            if arguments == ["--fail-mode"] && mode == FailMode::Open {
                hook.run().codex();
            } else {
                hook.run().failed_in(mode).says(&["argument", "option", "usage", "flag", "command line"]);
            }
        }
    });
}

#[test]
fn a_usage_error_beside_a_fail_mode_flag_follows_the_flag() {
    everywhere(|event, mode| {
        let other = if mode == FailMode::Open { FailMode::Closed } else { FailMode::Open };
        for arguments in [
            vec!["--bogus".to_owned(), "--fail-mode".to_owned(), mode.word().to_owned()],
            vec![format!("--fail-mode={}", mode.word()), "--bogus".to_owned()],
            vec!["extra".to_owned(), format!("--fail-mode={}", mode.word())],
        ] {
            let api = F5::builder().never_called().start();
            Hook::of(event).in_mode(other).arguments(arguments).against(&api).run().failed_in(mode);
        }
    });
}

#[test]
fn an_unreadable_fail_mode_flag_is_closed() {
    for event in Event::ALL {
        let api = F5::builder().always(Fault::status(500)).may_stay_idle().start();
        Hook::of(event).open().arguments(["--fail-mode", "bogus"]).against(&api).run().blocked();
    }
}

#[test]
fn a_usage_error_still_drains_a_large_payload() {
    for mode in FailMode::ALL {
        let api = F5::builder().never_called().start();
        let hook = Hook::pre_tool_use().in_mode(mode).text(&"x".repeat(4 << 20));
        hook.arguments(["--bogus"]).against(&api).run().failed_in(mode);
    }
}

#[test]
fn a_usage_error_of_the_wrong_subcommand_is_answered_in_the_payloads_shape() {
    everywhere(|event, mode| {
        for other in Event::ALL {
            let api = F5::builder().never_called().start();
            let hook = Hook::of(event).in_mode(mode).registered_as(other.subcommand());
            hook.arguments(["--bogus"]).against(&api).run().failed_in(mode);
        }
    });
}

#[test]
fn a_flag_is_not_repeated_where_it_may_be_a_secret() {
    let api = F5::builder().never_called().start();
    let token = format!("--token={}", f5_stand_in::f5::TOKEN);
    Hook::pre_tool_use().closed().arguments([token]).against(&api).run().blocked();
}

/// Calls that are not a hook's, though somebody registered them as one.
const NO_HOOK: [&[&str]; 12] = [
    &[],
    &["--version"],
    &["-V"],
    &["--help"],
    &["help"],
    &["help", "stop"],
    &["pretooluse"],
    &["Stop"],
    &["stop", "--help"],
    &["pre-tool-use", "-h"],
    &["install", "--help"],
    &["doctor", "--bogus"],
];

#[test]
fn a_call_of_no_hook_with_a_payload_gets_the_fail_modes_answer() {
    everywhere(|event, mode| {
        for call in NO_HOOK {
            let api = F5::builder().never_called().start();
            let mut program = std::process::Command::new(program());
            program.args(call);
            let hook = Hook::of(event).in_mode(mode).through(program).against(&api);
            hook.run().failed_in(mode).says(&["hook command can't be used"]);
        }
    });
}

#[test]
fn a_call_of_no_hook_whose_payload_begins_with_blanks_is_one_too() {
    for blanks in [70, 5000] {
        let mut program = std::process::Command::new(program());
        program.arg("--help");
        let payload = " ".repeat(blanks) + &Event::PreToolUse.payload("please").to_string();
        Hook::pre_tool_use().closed().through(program).stdin(payload).run().blocked();
    }
}

/// The pipe holds the first half of a payload, and the rest never comes.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_before_the_payload_of_a_call_of_no_hook_is_whole_blocks() {
    use std::io::{Read as _, Write as _};
    use std::process::Stdio;
    for call in [Some("--help"), Some("--version"), None] {
        let home = tempfile::tempdir().unwrap();
        let mut program = std::process::Command::new(program());
        program.args(call).env_clear().env("HOME", home.path()).env("F5_GUARDRAILS_FAIL_MODE", "closed");
        let program = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"{\"hook_event_name\":").unwrap();
        // Once it has taken the half it waits for the rest.
        let mut waiting: libc::c_int = 1;
        while waiting != 0 && child.try_wait().unwrap().is_none() {
            use std::os::fd::AsRawFd as _;
            // SAFETY: `FIONREAD` fills one number.
            assert_eq!(unsafe { libc::ioctl(stdin.as_raw_fd(), libc::FIONREAD, &raw mut waiting) }, 0);
            std::thread::yield_now();
        }
        let process = child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
        let code = child.wait().unwrap().code();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert!(code == Some(2) && stderr.contains("could not scan"), "{call:?}: {code:?} {stderr}");
        drop(stdin);
    }
}

/// What `f5-guard CALL` says where stdin brings `payload` and then nothing, with the pipe left open or at its end.
#[cfg(unix)]
fn said_to_a_part(call: &[&str], payload: &str, mode: FailMode, ends: bool) -> std::process::Output {
    use std::io::{Read as _, Write as _};
    use std::process::{Output, Stdio};
    let home = tempfile::tempdir().unwrap();
    let mut program = std::process::Command::new(program());
    program.args(call).env_clear().env("HOME", home.path()).env("F5_GUARDRAILS_FAIL_MODE", mode.word());
    program.env("F5_GUARDRAILS_TIMEOUT", "1");
    let program = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(payload.as_bytes()).unwrap();
    let held = (!ends).then_some(stdin);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
    child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
    let status = child.wait().unwrap();
    drop(held);
    Output { status, stdout, stderr }
}

/// Beginnings of payloads, and the event that shows in each.
#[cfg(unix)]
const PARTS: [(&str, Option<&str>); 6] = [
    ("{", None),
    ("\n {\"session_id\":\"s\",\"hook_event_", None),
    ("{\"hook_event_name\":\"PreToolUse\",\"tool_na", Some("PreToolUse")),
    ("{\"hook_event_name\":\"UserPromptSubmit\",\"prompt\":\"", Some("UserPromptSubmit")),
    ("{\"hook_event_name\":\"Stop\",\"last_assistant_message\":\"a", Some("Stop")),
    ("{\"hook_event_name\":\"SubagentStop\",\"x\":{", Some("SubagentStop")),
];

#[cfg(unix)]
#[test]
fn a_payload_that_does_not_end_is_one_whatever_was_called() {
    let calls: [&[&str]; 6] =
        [&[], &["--help"], &["--version"], &["sotp"], &["stop", "--help"], &["doctor", "--x"]];
    std::thread::scope(|scope| {
        for (call, (part, event), ends) in calls
            .into_iter()
            .flat_map(|call| PARTS.into_iter().map(move |part| (call, part)))
            .flat_map(|(call, part)| [true, false].map(|ends| (call, part, ends)))
        {
            scope.spawn(move || {
                let output = said_to_a_part(call, part, FailMode::Closed, ends);
                let (stdout, stderr) =
                    (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
                let told = format!("{call:?} {part:?} ends: {ends}: {:?} {stdout} {stderr}", output.status);
                let answer: serde_json::Value = serde_json::from_str(&stdout).expect(&told);
                let named = call.first().is_some_and(|word| *word == "stop").then_some("Stop");
                match event.or(named) {
                    // Exit code 2 would begin the turn again, endlessly.
                    Some("Stop" | "SubagentStop") => {
                        assert_eq!(
                            (output.status.code(), &answer["continue"]),
                            (Some(0), &json!(false)),
                            "{told}"
                        );
                    }
                    _ => assert!(
                        output.status.code() == Some(2) && stderr.contains("hook command can't be used"),
                        "{told}"
                    ),
                }
            });
        }
    });
}

#[cfg(unix)]
#[test]
fn a_payload_that_does_not_end_gets_a_notice_in_open_mode() {
    std::thread::scope(|scope| {
        for (part, _) in PARTS {
            scope.spawn(move || {
                let output = said_to_a_part(&["--help"], part, FailMode::Open, false);
                let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect(part);
                let notice = answer["systemMessage"].as_str().unwrap_or_default();
                assert!(
                    output.status.code() == Some(0) && notice.contains("did NOT scan"),
                    "{part}: {answer}"
                );
            });
        }
    });
}

#[cfg(unix)]
#[test]
fn whole_json_of_somebody_else_gets_help_and_complaints_on_one_pipe_too() {
    for (call, said) in [("--help", "Usage: f5-guard"), ("sotp", "unrecognized subcommand")] {
        let script = format!("echo '{{\"a\":[1]}}' | \"$0\" {call} 2>&1");
        let output = std::process::Command::new("sh").args(["-c", &script]).arg(program()).output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(stdout.contains(said), "{call}: {stdout}");
    }
}

#[test]
fn a_call_of_no_hook_that_asks_for_closed_is_closed() {
    for event in Event::ALL {
        for call in [&["--help", "--fail-mode", "closed"][..], &["--fail-mode=closed"], &["sotp", "closed"]] {
            let mut program = std::process::Command::new(program());
            program.args(call);
            Hook::of(event).open().through(program).run().blocked();
        }
    }
}

#[test]
fn help_and_version_without_a_payload_are_what_they_are_everywhere() {
    let hook = || Hook::of(Event::Stop).closed();
    for (call, said) in
        [("--version", "f5-guard "), ("--help", "Usage: f5-guard"), ("install", " install [OPTIONS]")]
    {
        for stdin in ["", "no payload", "[1]", "\n"] {
            let mut program = std::process::Command::new(program());
            program.arg(call);
            if call == "install" {
                program.arg("--help");
            }
            let answer = hook().through(program).stdin(stdin).run();
            assert!(
                answer.code == Some(0) && answer.stdout.contains(said),
                "{call} with {stdin:?}: {answer:?}"
            );
        }
    }
}

/// A script that is piped into its shell, or a list that a loop reads, is somebody else's.
#[cfg(target_os = "linux")]
#[test]
fn asking_for_the_version_takes_nothing_from_stdin() {
    let home = tempfile::tempdir().unwrap();
    let list = home.path().join("list");
    std::fs::write(&list, "one\ntwo\n").unwrap();
    for script in [
        "cat list | { f5_guard; cat; }",
        "{ f5_guard; cat; } < list",
        "cat list | while read -r line; do f5_guard; echo \"$line\"; done",
    ] {
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", &format!("f5_guard() {{ \"$0\" --version >&2; }}; {script}")])
            .arg(program())
            .current_dir(home.path())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "one\ntwo\n", "{script}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("f5-guard "), "{script}");
    }
}

#[test]
fn somebody_who_holds_stdin_open_gets_the_version_all_the_same() {
    let mut program = std::process::Command::new(program());
    let program =
        program.arg("--version").stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = program.spawn().unwrap();
    let stdin = child.stdin.take();
    let said = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    assert!(child.wait().unwrap().success() && said.starts_with("f5-guard "), "{said}");
    drop(stdin);
}
