//! No JSON can be written: the exit code has to stop the action, where that starts no endless loop.

use f5_stand_in::f5::{F5, Verdict};

use crate::support::{Event, Hook, Target};

fn targets() -> Vec<Target> {
    if cfg!(unix) && std::path::Path::new("/dev/full").exists() {
        vec![Target::BrokenPipe, Target::Full]
    } else {
        vec![Target::BrokenPipe]
    }
}

#[test]
fn a_block_that_cannot_be_written_exits_with_2_and_a_reason() {
    for event in [Event::UserPromptSubmit, Event::PreToolUse, Event::PostToolUse] {
        for target in targets() {
            let api = F5::answering(Verdict::blocked());
            let answer = Hook::of(event).closed().strict().stdout(target).against(&api).run();
            assert_eq!(answer.code, Some(2), "{target:?}: {answer:?}");
            assert!(
                !answer.stderr.trim().is_empty(),
                "with an empty stderr the action goes ahead: {answer:?}"
            );
        }
    }
}

#[test]
fn a_stop_that_cannot_be_written_exits_with_1_because_2_would_loop() {
    for event in [Event::Stop, Event::SubagentStop] {
        for target in targets() {
            let api = F5::answering(Verdict::blocked());
            let answer = Hook::of(event).closed().stdout(target).against(&api).run();
            assert_eq!(answer.code, Some(1), "{target:?}: {answer:?}");
        }
    }
}

#[test]
fn the_payloads_event_decides_the_exit_code_too() {
    let api = F5::answering(Verdict::blocked());
    let answer =
        Hook::stop().closed().registered_as("pre-tool-use").stdout(Target::BrokenPipe).against(&api).run();
    assert_eq!(answer.code, Some(1), "{answer:?}");
}

#[test]
fn a_scan_error_that_cannot_be_written_stops_in_closed_mode() {
    for event in Event::ALL {
        for target in targets() {
            let api = F5::builder().never_called().start();
            let hook = Hook::of(event).closed().without("F5_GUARDRAILS_API_TOKEN").stdout(target);
            let answer = hook.against(&api).run();
            let expected = if matches!(event, Event::Stop | Event::SubagentStop) { 1 } else { 2 };
            assert_eq!(answer.code, Some(expected), "{target:?}: {answer:?}");
            assert!(!answer.stderr.trim().is_empty(), "{answer:?}");
        }
    }
}

#[test]
fn a_usage_error_that_cannot_be_written_stops_in_closed_mode() {
    for event in Event::ALL {
        let api = F5::builder().never_called().start();
        let hook = Hook::of(event).closed().arguments(["--bogus"]).stdout(Target::BrokenPipe);
        let answer = hook.against(&api).run();
        let expected = if matches!(event, Event::Stop | Event::SubagentStop) { 1 } else { 2 };
        assert_eq!(answer.code, Some(expected), "{answer:?}");
    }
}

#[test]
fn what_is_cleared_needs_no_stdout() {
    for event in Event::ALL {
        for target in targets() {
            let api = F5::start();
            let answer = Hook::of(event).closed().stdout(target).against(&api).run();
            assert_eq!(answer.code, Some(0), "{target:?}: {answer:?}");
        }
    }
}
