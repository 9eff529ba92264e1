//! What the user, and after a tool the model, gets to read.

use f5_stand_in::f5::{F5, Fault, Outcome, Scanner, Verdict};

use crate::support::{Answer, Event, Hook, MARKER};

/// The answer to a hit, in the mode in which each event stops.
fn hit(event: Event, verdict: Verdict) -> Answer {
    let api = F5::answering(verdict);
    Hook::of(event).strict().against(&api).run().blocked()
}

#[test]
fn a_hit_names_scanner_message_outcome_and_scan() {
    for event in Event::ALL {
        let verdict = Verdict::flagged().id("scan-4711");
        let shown = hit(event, verdict).codex().shown();
        for word in ["prompt_injection", "Company policy forbids this", "flagged", "scan-4711"] {
            assert!(shown.contains(word), "{word} is missing: {shown}");
        }
        assert!(!shown.contains("regex"), "a scanner that passed is not named: {shown}");
    }
}

#[test]
fn every_scanner_that_found_something_is_named() {
    let verdict = Verdict::new(Outcome::Blocked).scanners([
        Scanner::failed("secret"),
        Scanner::failed("pii_detection").message("No customer data"),
        Scanner::passed("toxicity"),
    ]);
    for event in Event::ALL {
        let shown = hit(event, verdict.clone()).codex().shown();
        assert!(shown.contains("secret") && shown.contains("pii_detection"), "{shown}");
        assert!(shown.contains("No customer data") && !shown.contains("toxicity"), "{shown}");
    }
}

#[test]
fn a_warning_about_tool_output_names_them_as_well() {
    let api = F5::answering(Verdict::flagged().id("scan-4711"));
    let shown = Hook::post_tool_use().against(&api).run().warned().codex().shown();
    for word in ["prompt_injection", "Company policy forbids this", "flagged", "scan-4711"] {
        assert!(shown.contains(word), "{word} is missing: {shown}");
    }
}

#[test]
fn control_characters_from_the_server_are_removed() {
    let nasty = "red\u{1b}[31m bell\u{7} nul\0 c1\u{9b} del\u{7f} tab\t rtl\u{202e} line\r\nend";
    for event in Event::ALL {
        let verdict = Verdict::new(Outcome::Flagged)
            .scanner(Scanner::failed(&format!("prompt{nasty}injection")).message(nasty))
            .id(&format!("id{nasty}"));
        let answer = hit(event, verdict);
        let said = format!("{}{}{}", answer.codex().shown(), answer.stderr, answer.log());
        let control = said.chars().find(|&c| (c.is_control() && c != '\n') || c == '\u{202e}');
        assert_eq!(control, None, "{answer:?}");
    }
}

#[test]
fn an_unknown_outcome_from_the_server_is_shown_without_its_control_characters() {
    for event in Event::ALL {
        let answer = hit(event, Verdict::unknown("quarant\u{1b}[2Jined"));
        assert!(answer.codex().shown().contains("quarant"), "{answer:?}");
    }
}

#[test]
fn a_long_message_of_the_operator_does_not_flood_the_screen() {
    let verdict =
        Verdict::new(Outcome::Flagged).scanner(Scanner::failed("custom").message(&"long ".repeat(20_000)));
    for event in Event::ALL {
        let answer = hit(event, verdict.clone());
        assert!(answer.stdout.len() < 20_000, "{} bytes", answer.stdout.len());
    }
}

#[test]
fn many_hits_do_not_flood_the_screen() {
    let scanners = (0..5000).map(|number| Scanner::failed(&format!("custom_{number}")).message("a message"));
    let verdict = Verdict::new(Outcome::Flagged).scanners(scanners);
    let answer = hit(Event::PreToolUse, verdict);
    assert!(answer.stdout.len() < 20_000, "{} bytes", answer.stdout.len());
}

#[test]
fn a_block_says_the_same_thing_once() {
    for event in Event::ALL {
        let codex = hit(event, Verdict::flagged()).codex();
        let reason = codex.reason.expect("a block has a reason");
        assert!(
            codex
                .system_message
                .is_none_or(|message| !message.contains(&reason) && !reason.contains(&message))
        );
    }
}

#[test]
fn scanned_content_that_the_server_repeats_is_not_repeated() {
    // Answer::run looks for the marker in stdout, stderr and log, here at the most talkative level.
    for event in Event::ALL {
        for fault in [
            Fault::body(&format!("{{\"detail\": \"{MARKER}\"}}")),
            Fault::body(&format!("{MARKER} is no JSON")),
            Fault::body(&format!("{{\"result\":{{\"outcome\":[\"{MARKER}\"]}}}}")),
            Fault::Answer(f5_stand_in::f5::Response::html(500, MARKER)),
            Fault::Answer(f5_stand_in::f5::Response::json(
                422,
                &serde_json::json!({"detail": [{"loc": ["body", "input"], "msg": "bad", "input": MARKER}]}),
            )),
        ] {
            let api = F5::answering(fault);
            let hook = Hook::of(event).closed().env("F5_GUARDRAILS_LOG_LEVEL", "trace");
            hook.against(&api).run().blocked();
        }
    }
}

#[test]
fn nothing_secret_is_said_at_the_most_talkative_level() {
    for event in Event::ALL {
        let api = F5::builder().tls().start();
        let hook = Hook::of(event).closed().env("F5_GUARDRAILS_LOG_LEVEL", "trace").env("RUST_LOG", "trace");
        hook.against(&api).run().allowed();
    }
}

#[test]
fn each_status_tells_what_to_do_next() {
    for (status, words) in [
        (401, &["F5_GUARDRAILS_API_TOKEN", "token"][..]),
        (403, &["firewall", "permission", "allowed", "access", "token"]),
        (404, &["F5_GUARDRAILS_BASE_URL", "project"]),
        (413, &["F5_GUARDRAILS_MAX_SCAN_LENGTH"]),
        (422, &["project", "F5_GUARDRAILS_PROJECT_ID"]),
        (429, &["later", "again", "rate", "limit"]),
    ] {
        let api = F5::answering(Fault::status(status));
        Hook::pre_tool_use().closed().against(&api).run().blocked().says(words);
    }
}
