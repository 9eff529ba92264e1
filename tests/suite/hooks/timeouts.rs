//! One deadline for everything, and never later than the hook's own. No test looks at a clock: the stand-in never
//! answers, so that whatever is answered was answered by the deadline.

use std::time::Duration;

use f5_stand_in::f5::{F5, Fault, RetryAfter, Verdict};

use crate::support::{FailMode, Hook, everywhere};

const LATE: &[&str] = &["did not finish within"];

#[test]
fn the_timeout_can_be_given_as_a_flag() {
    for mode in FailMode::ALL {
        let api = F5::answering(Fault::HangAfterRequest);
        Hook::pre_tool_use()
            .in_mode(mode)
            .arguments(["--timeout", "1"])
            .against(&api)
            .run()
            .failed_in(mode)
            .says(LATE);
    }
}

#[test]
fn an_old_registrations_timeout_cuts_the_scan_and_the_message_says_how_to_raise_it() {
    everywhere(|event, mode| {
        let api = F5::answering(Fault::HangAfterHead);
        let hook = Hook::of(event).in_mode(mode).arguments(["--hook-timeout", "3"]);
        hook.against(&api)
            .env("F5_GUARDRAILS_TIMEOUT", "60")
            .run()
            .failed_in(mode)
            .says(&["f5-guard install --timeout"]);
    });
}

/// Registrations of older versions carry it, whatever somebody made of it since.
#[test]
fn no_value_of_an_old_hook_timeout_is_an_error() {
    for value in
        [&["--hook-timeout", "15"][..], &["--hook-timeout=ten"], &["--hook-timeout=-5"], &["--hook-timeout"]]
    {
        for mode in FailMode::ALL {
            let api = F5::answering(Verdict::cleared());
            Hook::pre_tool_use().in_mode(mode).arguments(value.iter().copied()).against(&api).run().allowed();
        }
    }
}

#[test]
fn the_smallest_old_hook_timeout_still_leaves_time_to_answer() {
    for mode in FailMode::ALL {
        let api = F5::builder().always(Fault::HangAfterRequest).may_stay_idle().start();
        Hook::pre_tool_use()
            .in_mode(mode)
            .arguments(["--hook-timeout", "1"])
            .against(&api)
            .run()
            .failed_in(mode);
    }
}

#[test]
fn retries_happen_within_the_deadline() {
    for mode in FailMode::ALL {
        let api = F5::builder()
            .first(Fault::retry_after(503, &RetryAfter::Seconds(0)))
            .always(Fault::HangAfterRequest)
            .start();
        Hook::pre_tool_use().in_mode(mode).arguments(["--timeout", "3"]).against(&api).run().failed_in(mode);
        assert_eq!(api.scans().len(), 2);
    }
}

#[test]
fn pieces_share_the_deadline() {
    for mode in FailMode::ALL {
        // Each piece alone is in time, eight at once; thirty of them are not.
        let api = F5::answering(Verdict::cleared().after(Duration::from_millis(600)));
        let hook = Hook::pre_tool_use().in_mode(mode).text(&"x".repeat(16_000));
        let hook = hook.env("F5_GUARDRAILS_MAX_SCAN_LENGTH", "1000").arguments(["--timeout", "1"]);
        hook.against(&api).run().failed_in(mode).says(LATE);
    }
}

#[test]
fn a_server_that_is_slow_but_in_time_is_waited_for() {
    for mode in FailMode::ALL {
        let api = F5::answering(Verdict::cleared().after(Duration::from_millis(300)));
        Hook::pre_tool_use().in_mode(mode).arguments(["--timeout", "5"]).against(&api).run().allowed();
    }
}

/// The keychain of macOS can take long, a file on a network drive for ever. Neither is where a timer could interrupt.
#[cfg(unix)]
#[test]
fn roots_in_a_pipe_are_not_waited_for() {
    for mode in FailMode::ALL {
        let api = F5::builder().never_called().tls().start();
        let hook = Hook::pre_tool_use().in_mode(mode).arguments(["--timeout", "1"]).against(&api);
        // Opening it waits for somebody who writes.
        let pipe = hook.home().join("roots.pem");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there").success());
        let answer = hook.env("F5_GUARDRAILS_CA_BUNDLE", &pipe).run().failed_in(mode);
        answer.says(&["it is not a regular file"]);
    }
}
