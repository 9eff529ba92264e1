//! Verdicts by content, what is recorded, and the guards that fail a test.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use f5_stand_in::f5::{F5, Fault, Scanner, Verdict};
use serde_json::json;
use support::{connect, exchange, scan, scan_request};

fn outcome(api: &F5, input: &str) -> String {
    let answer = scan(api, input).expect("an answer").json();
    answer["result"]["outcome"].as_str().expect("an outcome").to_owned()
}

#[test]
fn the_first_rule_that_matches_decides() {
    let api = F5::builder()
        .when("evil", Verdict::blocked())
        .when("evil twin", Verdict::flagged())
        .when("odd", Verdict::unknown("quarantined"))
        .start();
    assert_eq!(outcome(&api, "an evil twin"), "blocked");
    assert_eq!(outcome(&api, "odd"), "quarantined");
    assert_eq!(outcome(&api, "harmless"), "cleared");
    assert_eq!(api.inputs(), ["an evil twin", "odd", "harmless"]);
}

#[test]
fn a_sequence_comes_before_the_rules() {
    let api = F5::builder().first(Fault::status(503)).first(Verdict::flagged()).start();
    assert_eq!(scan(&api, "x").expect("an answer").status, 503);
    assert_eq!(outcome(&api, "x"), "flagged");
    assert_eq!(outcome(&api, "x"), "cleared");
}

#[test]
fn a_verdict_has_the_shape_of_a_live_capture() {
    let scanner = Scanner::failed("regex").message("tidy\u{1b}[31m up ");
    let api = F5::answering(Verdict::redacted("192.0.2.14").scanners([scanner]).id("an-id"));
    let body = scan(&api, "ping 192.0.2.14").expect("an answer").json();
    assert_eq!(body["id"], "an-id");
    assert_eq!(body["redactedInput"], "ping **********");
    let result = &body["result"]["scannerResults"][0];
    assert_eq!(result["data"]["type"], "regex");
    assert_eq!(result["outcome"], "failed");
    assert_eq!(result["message"], "tidy\u{1b}[31m up ");
}

#[test]
fn a_lean_verdict_has_nothing_but_its_outcome() {
    let api = F5::answering(Verdict::cleared().outcome_only());
    assert_eq!(scan(&api, "x").expect("an answer").json(), json!({"result": {"outcome": "cleared"}}));
}

#[test]
fn requests_on_one_connection_are_recorded_with_its_number() {
    let api = F5::start();
    let mut wire = connect(api.address());
    for input in ["one", "two"] {
        exchange(&mut wire, &scan_request(input)).expect("an answer");
    }
    scan(&api, "three").expect("an answer");
    let connections: Vec<usize> = api.scans().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [1, 1, 2]);
    assert_eq!(api.requests()[0].header("USER-AGENT"), Some("test/1"));
}

#[test]
fn held_scans_are_answered_once_enough_of_them_are_there() {
    let api = F5::builder().hold_until(3).start();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(outcome(&api, "x"), "cleared"));
        }
    });
    assert_eq!(api.most_at_once(), 3);
    assert_eq!(outcome(&api, "one more"), "cleared");
}

#[test]
fn dropping_a_stand_in_ends_what_still_hangs() {
    let api = F5::builder().always(Verdict::cleared().after(Duration::from_secs(3600))).start();
    let mut wire = connect(api.address());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| exchange(&mut wire, &scan_request("x")));
        while api.requests().is_empty() {
            std::thread::yield_now();
        }
        drop(api);
        waiting.join().expect("the client came back, with or without an answer").ok();
    });
}

fn message_of_drop(api: F5) -> String {
    match catch_unwind(AssertUnwindSafe(|| drop(api))) {
        Ok(()) => String::new(),
        Err(panic) => panic.downcast_ref::<String>().expect("a message").clone(),
    }
}

#[test]
fn a_stand_in_that_nobody_called_fails_the_test() {
    assert!(message_of_drop(F5::start()).contains("expected to be called and was not"));
    let only_connected = F5::start();
    drop(connect(only_connected.address()));
    assert!(message_of_drop(only_connected).contains("expected to be called and was not"));
    assert_eq!(message_of_drop(F5::builder().may_stay_idle().start()), "");
}

#[test]
fn a_stand_in_that_must_not_be_called_fails_the_test_when_it_was() {
    assert_eq!(message_of_drop(F5::builder().never_called().start()), "");
    let called = F5::builder().never_called().start();
    drop(connect(called.address()));
    assert!(message_of_drop(called).contains("was never to be called"));
}

#[test]
fn a_stand_in_stays_quiet_while_the_test_already_fails() {
    let panic = catch_unwind(|| {
        let _never_called = F5::start();
        panic!("the test's own failure");
    });
    assert_eq!(panic.expect_err("it failed").downcast_ref::<&str>(), Some(&"the test's own failure"));
}
