//! What is no outage, because the text that was scanned may be the cause: it keeps no hook from scanning.

use std::time::Duration;

use f5_stand_in::f5::{F5, Fault, Reply, Response, RetryAfter, Verdict};

use crate::support::Hook;
use crate::support::memory::CodexHome;

/// Two hooks in a row meet `reply`; both scan, and nothing is remembered.
fn is_no_outage(name: &str, reply: impl Into<Reply>, prepare: impl Fn(Hook) -> Hook) {
    let (home, api) = (CodexHome::new(), F5::answering(reply));
    let mut asked = 0;
    for _ in 0..2 {
        prepare(home.hook(Hook::pre_tool_use().closed().against(&api))).run().blocked();
        assert!(api.connections() > asked, "{name}: the hook has to try");
        asked = api.connections();
        assert!(!home.remembers(), "{name}: {:?}", home.outages());
    }
}

#[test]
fn statuses_other_than_a_gateways() {
    for status in [301, 400, 401, 403, 404, 407, 413, 422, 500, 501, 505, 511] {
        is_no_outage(&status.to_string(), Fault::status(status), |hook| hook);
    }
    is_no_outage("429", Fault::retry_after(429, &RetryAfter::Seconds(0)), |hook| hook);
}

#[test]
fn answers_that_make_no_sense() {
    for (name, fault) in Fault::bad_bodies() {
        is_no_outage(name, fault, |hook| hook);
    }
    is_no_outage("a page", Fault::html_page(), |hook| hook);
    is_no_outage("garbage", Fault::Garbage, |hook| hook);
    is_no_outage("no content", Fault::Answer(Response::new(204)), |hook| hook);
    is_no_outage("too large", Fault::HugeBody(9 << 20), |hook| hook);
    is_no_outage("a hit", Verdict::flagged(), |hook| hook);
    is_no_outage("an unknown outcome", Verdict::unknown("quarantined"), |hook| hook);
}

#[test]
fn connections_that_break_once_the_text_was_sent() {
    for (name, fault) in [
        ("reset", Fault::ResetAfterRequest),
        ("closed", Fault::CloseAfterRequest),
        ("truncated", Fault::Truncated),
    ] {
        is_no_outage(name, fault, |hook| hook);
    }
}

#[test]
fn answers_that_begin_and_do_not_end() {
    for (name, fault) in
        [("after the head", Fault::HangAfterHead), ("byte by byte", Fault::Drip(Duration::from_millis(500)))]
    {
        is_no_outage(name, fault, |hook| hook.env("F5_GUARDRAILS_TIMEOUT", "2"));
    }
}

#[test]
fn silence_after_a_long_text() {
    let text = "a".repeat(2_001);
    is_no_outage("silence", Fault::HangAfterRequest, |hook| {
        hook.text(&text).env("F5_GUARDRAILS_TIMEOUT", "6")
    });
}

#[test]
fn gateway_errors_for_long_texts() {
    let text = "a".repeat(10_001);
    is_no_outage("504", Fault::status(504), |hook| hook.text(&text));
}

#[test]
fn silence_for_less_than_five_seconds() {
    is_no_outage("silence", Fault::HangAfterRequest, |hook| hook.env("F5_GUARDRAILS_TIMEOUT", "2"));
}

#[test]
fn faults_of_tls() {
    let (home, api) = (CodexHome::new(), F5::builder().tls_expired().may_stay_idle().start());
    let mut asked = 0;
    for _ in 0..2 {
        home.hook(Hook::pre_tool_use().closed().against(&api)).run().blocked().says(&["certificate"]);
        assert!(api.connections() > asked);
        asked = api.connections();
        assert!(!home.remembers());
    }
}

/// However they follow on each other.
#[test]
fn one_after_another_none_of_them_is_remembered() {
    let (once, thrice) = (1, 3);
    // How often a hook asks before it gives up.
    let faults = [
        (Fault::status(500), once),
        (Fault::retry_after(429, &RetryAfter::Seconds(0)), thrice),
        (Fault::ResetAfterRequest, thrice),
        (Fault::status(503), thrice),
        (Fault::status(413), once),
        (Fault::status(502), thrice),
        (Fault::html_page(), once),
        (Fault::CloseAfterRequest, thrice),
        (Fault::status(504), thrice),
        (Fault::ResetAfterRequest, thrice),
        (Fault::status(503), thrice),
        (Fault::body("{}"), once),
    ];
    let mut script = F5::builder();
    for (fault, times) in &faults {
        for _ in 0..*times {
            script = script.first(fault.clone());
        }
    }
    let (home, api) = (CodexHome::new(), script.start());
    for (fault, times) in faults {
        let before = api.scans().len();
        home.hook(Hook::pre_tool_use().closed().against(&api)).run().blocked();
        assert_eq!(api.scans().len(), before + times, "{fault:?}");
    }
    home.hook(Hook::pre_tool_use().closed().against(&api)).run().allowed();
    assert!(!home.remembers());
}
