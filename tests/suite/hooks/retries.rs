//! What is tried again, how often, and what is not.

use std::time::Duration;

use f5_stand_in::f5::{F5, Fault, RetryAfter, Verdict};

use crate::support::{Event, Hook};

#[test]
fn a_passing_trouble_costs_one_more_request_and_nothing_else() {
    for status in [429, 502, 503, 504] {
        for event in Event::ALL {
            let api = F5::builder().first(Fault::status(status)).start();
            Hook::of(event).closed().against(&api).run().allowed();
            assert_eq!(api.scans().len(), 2, "{status}");
        }
    }
}

#[test]
fn two_troubles_are_overcome_and_three_are_not() {
    let twice = F5::builder().first(Fault::status(503)).first(Fault::status(502)).start();
    Hook::pre_tool_use().closed().against(&twice).run().allowed();
    assert_eq!(twice.scans().len(), 3);
    let always = F5::answering(Fault::status(503));
    Hook::pre_tool_use().closed().against(&always).run().blocked();
    assert_eq!(always.scans().len(), 3);
}

#[test]
fn a_failed_connection_is_tried_again() {
    let api = F5::builder().first(Fault::ResetOnConnect).start();
    Hook::pre_tool_use().closed().against(&api).run().allowed();
    assert_eq!(api.scans().len(), 1);
}

#[test]
fn a_hit_after_a_trouble_is_a_hit() {
    for event in [Event::UserPromptSubmit, Event::PreToolUse, Event::Stop, Event::SubagentStop] {
        let api = F5::builder().first(Fault::status(503)).always(Verdict::blocked()).start();
        Hook::of(event).open().against(&api).run().blocked();
    }
}

#[test]
fn retry_after_is_heeded_in_each_of_its_ways() {
    for when in [
        RetryAfter::Absent,
        RetryAfter::Seconds(0),
        RetryAfter::Seconds(1),
        RetryAfter::DateIn(Duration::ZERO),
        RetryAfter::Text("soon"),
        RetryAfter::Text("-1"),
        RetryAfter::Text("99999999999999999999999999"),
    ] {
        let api = F5::builder().first(Fault::retry_after(429, &when)).start();
        let answer = Hook::pre_tool_use().closed().against(&api).run();
        // A number that no clock can hold may be taken for "never", or for a header that makes no sense.
        if matches!(when, RetryAfter::Text("99999999999999999999999999")) {
            answer.codex();
        } else {
            answer.allowed();
            assert_eq!(api.scans().len(), 2, "{when:?}");
        }
    }
}

#[test]
fn the_second_request_waits_as_long_as_retry_after_says() {
    let api = F5::builder().first(Fault::retry_after(429, &RetryAfter::Seconds(1))).start();
    Hook::pre_tool_use().closed().against(&api).run().allowed();
    let scans = api.scans();
    let waited = scans[1].at.duration_since(scans[0].at);
    assert!(waited >= Duration::from_millis(950), "{waited:?}");
}

#[test]
fn nobody_waits_for_a_retry_after_the_deadline() {
    for when in [RetryAfter::Seconds(3600), RetryAfter::FAR_FUTURE] {
        for status in [429, 503] {
            // With an hour's timeout a client that waited would be killed as stuck.
            let api = F5::answering(Fault::retry_after(status, &when));
            let hook = Hook::pre_tool_use().closed().against(&api).env("F5_GUARDRAILS_TIMEOUT", "8");
            hook.run().blocked().says(&[&status.to_string()]);
            assert_eq!(api.scans().len(), 1, "{when:?}");
        }
    }
}

#[test]
fn what_will_not_change_is_not_asked_again() {
    for status in [400, 401, 403, 404, 413, 422] {
        let api = F5::builder().first(Fault::status(status)).start();
        Hook::pre_tool_use().closed().against(&api).run().blocked();
        assert_eq!(api.scans().len(), 1, "{status}");
    }
}

#[test]
fn a_bad_body_is_not_asked_again() {
    let api = F5::builder().first(Fault::body("{}")).start();
    Hook::pre_tool_use().closed().against(&api).run().blocked();
    assert_eq!(api.scans().len(), 1);
}

#[test]
fn a_service_that_does_not_know_the_scan_direction_is_asked_without_it() {
    for event in Event::ALL {
        let api = F5::builder().without_scan_direction().start();
        Hook::of(event).closed().against(&api).run().allowed();
        let scans = api.scans();
        assert_eq!(scans.len(), 2);
        assert!(scans[0].field("scanDirection").is_some());
        assert_eq!(scans[1].field("scanDirection"), None);
        assert_eq!(scans[0].input(), scans[1].input());
    }
}

#[test]
fn being_asked_without_the_scan_direction_leaves_both_retries() {
    let api =
        F5::builder().without_scan_direction().first(Fault::status(503)).first(Fault::status(503)).start();
    Hook::pre_tool_use().closed().against(&api).run().allowed();
}
