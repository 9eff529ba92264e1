//! Everything that can go wrong between the request and the answer, on each event, in both fail modes.

use std::time::Duration;

use f5_stand_in::f5::{F5, Fault, Response, RetryAfter, refusing_url};

use crate::support::{Event, Hook, everywhere};

/// Each fault is a scan error on each event; the cause is told, and no detail of log level debug gives anything away.
fn is_a_scan_error(fault: &Fault, causes: &[&str]) {
    everywhere(|event, mode| {
        let api = F5::answering(fault.clone());
        let hook = Hook::of(event).in_mode(mode).against(&api).env("F5_GUARDRAILS_LOG_LEVEL", "debug");
        hook.run().failed_in(mode).says(causes);
    });
}

/// As `is_a_scan_error`, where only the deadline ends it.
fn runs_into_the_deadline(fault: &Fault) {
    everywhere(|event, mode| {
        let api = F5::answering(fault.clone());
        let hook = Hook::of(event).in_mode(mode).against(&api).env("F5_GUARDRAILS_TIMEOUT", "2");
        hook.run().failed_in(mode).says(&["did not finish within 2 s"]);
    });
}

#[test]
fn a_refused_connection() {
    everywhere(|event, mode| {
        let hook =
            Hook::of(event).in_mode(mode).env("F5_GUARDRAILS_BASE_URL", refusing_url().expect("a port"));
        hook.run().failed_in(mode).says(&["connect", "refused", "reach"]);
    });
}

#[test]
fn a_reset_before_the_request() {
    is_a_scan_error(&Fault::ResetOnConnect, &["connection", "reset", "network", "reach"]);
}

#[test]
fn a_reset_after_the_request() {
    is_a_scan_error(&Fault::ResetAfterRequest, &["connection", "reset", "network", "reach"]);
}

#[test]
fn a_connection_closed_without_an_answer() {
    is_a_scan_error(&Fault::CloseAfterRequest, &["connection", "closed", "network", "reach"]);
}

#[test]
fn a_server_that_accepts_and_says_nothing() {
    runs_into_the_deadline(&Fault::HangOnConnect);
}

#[test]
fn a_server_that_reads_and_says_nothing() {
    runs_into_the_deadline(&Fault::HangAfterRequest);
}

#[test]
fn an_answer_that_stops_after_its_head() {
    runs_into_the_deadline(&Fault::HangAfterHead);
}

#[test]
fn an_answer_that_drips_byte_by_byte() {
    runs_into_the_deadline(&Fault::Drip(Duration::from_secs(1)));
    runs_into_the_deadline(&Fault::Drip(Duration::from_millis(5)));
}

#[test]
fn a_body_that_never_ends() {
    is_a_scan_error(&Fault::EndlessBody, &["larger than", "in time", "timeout", "timed out"]);
}

#[test]
fn a_body_out_of_proportion_to_what_was_sent() {
    // Of a prompt of a few words.
    for bytes in [300 << 10, 2 << 20] {
        is_a_scan_error(&Fault::HugeBody(bytes), &["larger than"]);
    }
}

#[test]
fn a_long_text_may_come_back_as_json_escapes() {
    let text = "\u{1}".repeat(40_000);
    for event in Event::ALL {
        let api = F5::answering(Fault::HugeBody(text.len() * 12));
        Hook::of(event).closed().text(&text).against(&api).run().allowed();
    }
}

/// An error page is not a verdict, so that its length says nothing; and of whole pages only the status counts.
#[test]
fn a_long_error_page_is_named_by_its_status() {
    let page = Response::html(403, &"x".repeat(1 << 20));
    is_a_scan_error(&Fault::Answer(page), &["403"]);
}

/// Finding the words for so many scanners took minutes, long after the deadline.
#[test]
fn an_answer_with_very_many_scanners_is_answered_in_time() {
    let scanner = |number: usize| {
        format!(r#"{{"outcome":"failed","data":{{"type":"a{number}"}},"message":"m{number}"}}"#)
    };
    let scanners: Vec<String> = (0..100_000).map(scanner).collect();
    let body = format!(r#"{{"result":{{"outcome":"flagged","scannerResults":[{}]}}}}"#, scanners.join(","));
    // Long enough for such an answer, in one piece.
    let text = "x".repeat(body.len() / 12);
    for event in [Event::PreToolUse, Event::Stop] {
        let api = F5::answering(Fault::body(&body));
        let hook = Hook::of(event).closed().text(&text).env("F5_GUARDRAILS_MAX_SCAN_LENGTH", "2000000");
        hook.env("F5_GUARDRAILS_TIMEOUT", "3").against(&api).run().blocked();
    }
}

#[test]
fn a_body_larger_than_any_verdict() {
    is_a_scan_error(&Fault::HugeBody(9 << 20), &["larger than"]);
}

#[test]
fn a_truncated_body() {
    is_a_scan_error(&Fault::Truncated, &["connection", "incomplete", "end", "cut", "broke"]);
    is_a_scan_error(&Fault::TruncatedChunks, &["connection", "incomplete", "end", "cut", "broke"]);
}

#[test]
fn an_answer_that_is_no_http() {
    is_a_scan_error(&Fault::Garbage, &["http", "network", "answer"]);
}

#[test]
fn a_body_that_is_no_verdict() {
    for (name, fault) in Fault::bad_bodies() {
        eprintln!("body: {name}");
        is_a_scan_error(&fault, &["answer", "body", "json", "outcome", "response"]);
    }
}

#[test]
fn a_login_page_instead_of_a_verdict() {
    is_a_scan_error(&Fault::html_page(), &["answer", "body", "json", "html", "response"]);
}

#[test]
fn a_success_without_content() {
    is_a_scan_error(
        &Fault::Answer(f5_stand_in::f5::Response::new(204)),
        &["204", "answer", "body", "outcome"],
    );
}

#[test]
fn every_error_status_is_named() {
    for status in [400, 401, 403, 404, 405, 407, 413, 422, 500, 501] {
        is_a_scan_error(&Fault::status(status), &[&status.to_string()]);
    }
}

#[test]
fn the_statuses_that_are_tried_again_are_named_in_the_end() {
    for status in [502, 503, 504] {
        is_a_scan_error(&Fault::status(status), &[&status.to_string()]);
    }
    is_a_scan_error(&Fault::retry_after(429, &RetryAfter::Seconds(0)), &["429"]);
}

#[test]
fn an_error_status_with_a_cleared_verdict_clears_nothing() {
    for status in [400, 401, 403, 404, 413, 422, 500] {
        is_a_scan_error(&Fault::status_with_verdict(status), &[&status.to_string()]);
    }
}

#[test]
fn a_redirect_is_never_followed() {
    for status in [301, 302, 307, 308] {
        everywhere(|event, mode| {
            let elsewhere = F5::builder().never_called().start();
            let location = format!("{}{}", elsewhere.base_url(), f5_stand_in::f5::SCANS);
            let api = F5::answering(Fault::redirect(status, &location));
            let answer =
                Hook::of(event).in_mode(mode).against(&api).run().failed_in(mode).says(&["redirect"]);
            answer.says(&[&elsewhere.address().to_string()]);
        });
    }
}

#[test]
fn a_redirect_within_the_service_is_not_followed_either() {
    everywhere(|event, mode| {
        let api = F5::answering(Fault::redirect(307, "/login"));
        Hook::of(event).in_mode(mode).against(&api).run().failed_in(mode).says(&["redirect"]);
        api.only_scan();
    });
}
