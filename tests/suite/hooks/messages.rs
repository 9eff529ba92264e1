//! What the user, and after a tool the model, gets to read.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use f5_stand_in::f5::{F5, Fault, Outcome, Scanner, TOKEN, Verdict};

use crate::support::{Answer, Event, Hook, MARKER};

/// The answer to a hit, in the mode in which each event stops.
fn hit(event: Event, verdict: Verdict) -> Answer {
    let api = F5::answering(verdict);
    Hook::of(event).strict().against(&api).run().blocked()
}

#[test]
fn a_hit_says_in_plain_words_what_was_found() {
    for event in Event::ALL {
        let verdict = Verdict::flagged().id("scan-4711");
        let shown = hit(event, verdict).codex().shown();
        for word in ["a prompt injection", "Company policy forbids this", "scan-4711"] {
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
        assert!(
            shown.contains("a secret, personal data (") || shown.contains("a secret and personal data ("),
            "{shown}"
        );
        assert!(shown.contains("No customer data") && !shown.contains("toxic"), "{shown}");
    }
}

#[test]
fn a_warning_about_tool_output_names_them_as_well() {
    let api = F5::answering(Verdict::flagged().id("scan-4711"));
    let shown = Hook::post_tool_use().against(&api).run().warned().codex().shown();
    for word in ["a prompt injection", "Company policy forbids this", "scan-4711"] {
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
        assert!(answer.stderr.len() < 20_000, "{} bytes", answer.stderr.len());
    }
}

#[test]
fn many_hits_do_not_flood_the_screen() {
    let scanners = (0..1000).map(|number| Scanner::failed(&format!("custom_{number}")).message("a message"));
    let verdict = Verdict::new(Outcome::Flagged).scanners(scanners);
    let answer = hit(Event::PreToolUse, verdict);
    assert!(answer.stdout.len() < 20_000, "{} bytes", answer.stdout.len());
    assert!(answer.stderr.len() < 10_000, "{} bytes", answer.stderr.len());
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

/// The token in the spellings that programs give to text by themselves.
fn spellings_of_the_token() -> Vec<String> {
    let each = |spell: &dyn Fn(u8) -> String| TOKEN.bytes().map(spell).collect::<String>();
    vec![
        TOKEN.to_owned(),
        format!("Bearer {TOKEN}"),
        TOKEN.to_uppercase(),
        TOKEN.chars().rev().collect(),
        each(&|byte| format!("{}\u{200b}", char::from(byte))),
        each(&|byte| format!("{} ", char::from(byte))),
        each(&|byte| format!("%{byte:02x}")),
        each(&|byte| format!("\\u{byte:04x}")),
        each(&|byte| format!("&#{byte};")),
        each(&|byte| format!("{byte:02x}")),
        STANDARD.encode(TOKEN),
        STANDARD.encode(format!("x{TOKEN}")),
        URL_SAFE.encode(format!("xy{TOKEN}")),
        TOKEN[..16].to_owned(),
    ]
}

/// Says none of it, be it with other blanks.
#[track_caller]
fn keeps_quiet(answer: &Answer, spelt: &str) {
    let squeezed =
        |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != '\u{200b}').collect::<String>();
    let said = squeezed(&format!("{}{}{}", answer.stdout, answer.stderr, answer.log()));
    assert!(!said.contains(&squeezed(spelt)), "{spelt:?} was repeated: {answer:?}");
}

#[test]
fn the_token_is_repeated_in_no_spelling_and_from_no_field() {
    // Each spelling at some event, and each event.
    for (spelt, event) in spellings_of_the_token().into_iter().zip(Event::ALL.into_iter().cycle()) {
        let scanner = Scanner::failed(&spelt).message(&format!("The token {spelt} is unknown."));
        let flagged = hit(event, Verdict::new(Outcome::Flagged).scanner(scanner).id(&spelt));
        keeps_quiet(&flagged, &spelt);
        assert!(flagged.codex().shown().contains("(redacted)"), "{flagged:?}");
        let unknown = serde_json::json!({"result": {"outcome": spelt}}).to_string();
        let api = F5::answering(Fault::body(&unknown));
        keeps_quiet(&Hook::of(event).strict().against(&api).run().blocked(), &spelt);
    }
}

#[test]
fn a_cleared_scan_whose_id_is_the_token_is_logged_without_it() {
    for spelt in spellings_of_the_token() {
        let api = F5::answering(Verdict::cleared().id(&spelt));
        let answer = Hook::stop().env("F5_GUARDRAILS_LOG_LEVEL", "trace").against(&api).run().allowed();
        assert!(answer.log().contains("scan_ids"), "{answer:?}");
        keeps_quiet(&answer, &spelt);
    }
}

#[test]
fn the_token_is_repeated_from_no_error_either() {
    let hosts = [TOKEN.to_owned(), TOKEN.to_uppercase(), TOKEN.chars().rev().collect()];
    for spelt in hosts {
        let fault = Fault::redirect(302, &format!("https://{spelt}.example/{spelt}?token={spelt}"));
        let api = F5::answering(fault);
        let answer = Hook::stop().closed().env("F5_GUARDRAILS_LOG_LEVEL", "trace").against(&api).run();
        let answer = answer.blocked().says(&["302"]);
        keeps_quiet(&answer, &spelt.to_lowercase());
    }
    for (spelt, status) in spellings_of_the_token().into_iter().zip([401, 422, 500].into_iter().cycle()) {
        let detail = serde_json::json!({"detail": [{"loc": ["body", spelt], "msg": spelt, "type": spelt}]});
        let response = f5_stand_in::f5::Response::json(status, &detail).header("X-Token", TOKEN);
        let api = F5::answering(Fault::Answer(response));
        let hook = Hook::pre_tool_use().closed().env("F5_GUARDRAILS_LOG_LEVEL", "trace");
        keeps_quiet(&hook.against(&api).run().blocked(), &spelt);
    }
}
