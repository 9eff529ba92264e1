//! What a mask must not leave, and what evidence a hit needs that goes ahead or is masked.

use f5_stand_in::f5::{F5, Fault, Mode, Outcome, Project, ProjectScanner, Scanner, TOKEN, Verdict};
use serde_json::json;

use super::enforcement::{KEY, MAIL, everything, project_scanners, record, under};
use crate::support::{Event, Hook, everywhere};

fn stars(text: &str) -> String {
    "*".repeat(text.chars().count())
}

fn finds(scanner_type: &str, from: usize, to: usize) -> Scanner {
    Scanner::failed(scanner_type).detail("detections", json!({"kind": [[from, to]]}))
}

fn redacted(text: &str) -> Verdict {
    Verdict::new(Outcome::Redacted).redacted_input(text)
}

#[test]
fn in_project_a_failure_that_is_not_clear_is_no_evidence() {
    let result = |outcome: &str, result: &str, input: &str| {
        Fault::body(&format!(
            r#"{{"result":{{"outcome":"{outcome}","scannerResults":[{result}]}},"redactedInput":"{input}"}}"#
        ))
    };
    let clear = r#"{"outcome":"failed","data":{"type":"x"}}"#;
    let api = F5::answering(result("flagged", clear, "some text"));
    under("project", Event::PreToolUse).closed().text("some text").against(&api).run().allowed();
    for unclear in [
        r#"{"outcome":"failed","data":{"type":"N/A"}}"#,
        r#"{"outcome":"failed","data":{"type":" n/a "}}"#,
        r#"{"outcome":"failed","data":{"type":"error"},"data":{"type":"x"}}"#,
        r#"{"outcome":"failed","data":{"type":"x","type":"error"}}"#,
        r#"{"outcome":"failed","data":{"type":["error"]}}"#,
        r#"{"outcome":"failed","data":"error"}"#,
        r#"{"outcome":"failed","outcome":"error","data":{"type":"x"}}"#,
        r#"{"outcome":"passed","outcome":"failed","data":{"type":"x"}}"#,
    ] {
        // Next to a scanner that is clear it is in doubt as well.
        for results in [unclear.to_owned(), format!("{clear},{unclear}")] {
            everywhere(|event, mode| {
                let api = F5::answering(result("flagged", &results, "some text"));
                let hook = under("project", event).in_mode(mode).text("some text").against(&api);
                hook.run().failed_in(mode).says(&["scanner results"]);
            });
            let api = F5::answering(result("redacted", &results, "some ****"));
            let answer = under("project", Event::PostToolUse).open().text("some text").against(&api).run();
            assert!(!answer.blocked().codex().shown().contains("some"), "{results}");
        }
    }
}

#[test]
fn in_project_a_text_that_the_service_changed_does_not_go_ahead() {
    let text = format!("mail {MAIL} now");
    for verdict in [Verdict::cleared(), Verdict::flagged()] {
        for other in ["mail [EMAIL] now", "mail ███ now", "", "MAIL ann@example.com now", "mail * now"]
        {
            for event in Event::ALL {
                let api = F5::answering(verdict.clone().redacted_input(other));
                let answer = under("project", event).open().text(&text).against(&api).run().blocked();
                assert!(!everything(&answer).contains("cleared"), "{other}: {answer:?}");
            }
        }
        for same in [text.clone(), format!(" {text}\n")] {
            let api = F5::answering(verdict.clone().redacted_input(&same));
            under("project", Event::UserPromptSubmit).closed().text(&text).against(&api).run().allowed();
        }
    }
}

#[test]
fn in_project_doubt_is_not_said_to_be_cleared() {
    for verdict in [
        Verdict::new(Outcome::Flagged).scanner(Scanner::not_run()),
        Verdict::new(Outcome::Flagged).scanner(Scanner::broken()),
        Verdict::new(Outcome::Flagged).scanner(Scanner::new("x", "maybe")),
    ] {
        let api = F5::answering(verdict);
        let answer = under("project", Event::PreToolUse).closed().against(&api).run().blocked();
        assert!(!everything(&answer).contains("cleared"), "{answer:?}");
    }
}

/// Answers to every event of which nothing may repeat the secret.
fn shows_nowhere(secret: &str, text: &str, verdict: &Verdict) {
    for event in Event::ALL {
        let api = F5::answering(verdict.clone());
        let answer = under("project", event).closed().text(text).against(&api).run().blocked();
        let all = everything(&answer);
        assert!(!all.contains(secret), "{event:?}: {all}");
        let api = F5::answering(verdict.clone());
        let answer = under("observe", event).closed().text(text).against(&api).run();
        assert!(!everything(&answer).contains(secret), "{event:?} under observe");
    }
}

#[test]
fn a_scanners_message_does_not_show_what_its_wide_span_masks() {
    for text in [format!("mail {MAIL} now"), format!("Grüße é von {MAIL} heute")] {
        let begin = text.split(MAIL).next().unwrap_or_default().chars().count();
        for off in [0, 2] {
            let scanner = finds("pii_detection", begin - off, begin - off + MAIL.len());
            let verdict = redacted(&text.replace(MAIL, &stars(MAIL)));
            shows_nowhere(MAIL, &text, &verdict.scanner(scanner.message(&format!("found {MAIL}"))));
        }
    }
}

#[test]
fn a_scanners_message_does_not_show_a_part_at_its_cut() {
    let text = format!("key {KEY} now");
    for pad in [280, 286, 290, 293] {
        let message = format!("{} {KEY} end", "m".repeat(pad));
        let verdict = redacted(&text.replace(KEY, &stars(KEY)));
        shows_nowhere(&KEY[..6], &text, &verdict.scanner(Scanner::failed("secret").message(&message)));
    }
    for pad in [40, 50] {
        let name = format!("{} {KEY} end", "m".repeat(pad));
        let verdict = redacted(&text.replace(KEY, &stars(KEY))).id(&name);
        shows_nowhere(&KEY[..6], &text, &verdict.scanner(Scanner::failed(&name)));
    }
}

#[test]
fn a_scanners_message_does_not_show_a_secret_on_one_line() {
    let pem = "-----BEGIN KEY-----\nMIIEabcdef\nGHIJKLmnop\n-----END KEY-----";
    let text = format!("k: {pem}\nend");
    let scanner = Scanner::failed("secret").message(&format!("found {}", pem.to_lowercase()));
    let verdict = redacted(&text.replace(pem, &stars(pem))).scanner(scanner);
    shows_nowhere("miieabcdef", &text, &verdict);
}

#[test]
fn a_message_that_repeats_nothing_masked_is_shown() {
    let text = format!("key {KEY} now");
    let scanner = Scanner::failed("secret").message("No keys, please.");
    let api = F5::answering(redacted(&text.replace(KEY, &stars(KEY))).scanner(scanner));
    let answer = under("project", Event::PreToolUse).closed().text(&text).against(&api).run().blocked();
    assert!(everything(&answer).contains("No keys, please."), "{answer:?}");
    assert_eq!(record(&answer)["scanners"][0]["message"], "No keys, please.");
}

#[test]
fn a_part_is_masked_elsewhere_however_wide_it_was_reported() {
    let once = |text: &str, part: &str| text.replacen(part, &stars(part), 1);
    let apart = format!("x: {MAIL} and again: <{MAIL}>");
    let joined = format!("{MAIL},{KEY}");
    let beside = format!("{joined} x {MAIL} y {KEY}");
    for (verdict, text) in [
        (redacted(&once(&apart, MAIL)).scanner(finds("pii_detection", 1, 16)), &apart),
        (
            redacted(&once(&beside, &joined))
                .scanner(finds("pii_detection", 0, 15))
                .scanner(finds("secret", 16, 29)),
            &beside,
        ),
    ] {
        let api = F5::answering(verdict);
        let answer = under("project", Event::PostToolUse).closed().text(text).against(&api).run().blocked();
        let all = everything(&answer);
        assert!(!all.contains(MAIL) && !all.contains(KEY), "{all}");
        let record = record(&answer);
        let masked = record["masked_characters"].as_u64().unwrap_or_default();
        for by_scanner in record["masked"].as_array().expect("scanners") {
            assert!(by_scanner["characters"].as_u64() <= Some(masked), "{record}");
        }
        let shown = answer.codex().shown();
        let output = shown.split_once("masked:\n").map_or("", |(_, output)| output);
        assert_eq!(output.matches('*').count() as u64, masked, "{shown}");
    }
}

#[test]
fn what_an_mcp_server_sends_twice_is_withheld_where_it_is_escaped() {
    let pem = "-----BEGIN PRIVATE KEY-----\nMIIEabcdefGHIJKL\n-----END PRIVATE KEY-----";
    for (secret, left) in [(pem, "MIIEabcdefGHIJKL"), ("hunter\"2secret", "2secret"), ("Zoë Müller", "ller")]
    {
        let value = json!({ "key": secret });
        let text = value.to_string().replace('ë', "\\u00eb").replace('ü', "\\u00fc");
        let mut payload = Event::PostToolUse.payload("");
        payload["tool_name"] = json!("mcp__vault__get");
        payload["tool_response"] = json!({"content": [{"type": "text", "text": text}], "structuredContent": value, "isError": false});
        let api = F5::answering(Project::new([ProjectScanner::new("secret", Mode::Redact, &[secret])]));
        let answer = under("project", Event::PostToolUse).open().payload(payload).against(&api).run();
        assert!(!answer.blocked().codex().shown().contains(left), "{secret}");
    }
    // Without escapes both are masked.
    let value = json!({ "key": KEY });
    let mut payload = Event::PostToolUse.payload("");
    payload["tool_name"] = json!("mcp__vault__get");
    payload["tool_response"] =
        json!({"content": [{"type": "text", "text": value.to_string()}], "structuredContent": value});
    let api = F5::answering(project_scanners());
    let answer = under("project", Event::PostToolUse).closed().payload(payload).against(&api).run().blocked();
    assert!(answer.codex().shown().contains("structuredContent"), "{answer:?}");
    assert!(!everything(&answer).contains(KEY));
}

#[test]
fn a_token_that_the_output_repeats_makes_it_no_longer() {
    for token in ["abcdefgh", TOKEN] {
        let text = format!("{MAIL} {}", format!("{token} ").repeat(1_200));
        let api = F5::builder().token(token).always(project_scanners()).start();
        let hook: Hook = under("project", Event::PostToolUse).env("F5_GUARDRAILS_API_TOKEN", token);
        let answer = hook.closed().text(&text).against(&api).run().blocked();
        for said in [&answer.stdout, &answer.stderr] {
            assert!(said.len() <= 10_500 && !said.contains(token), "{} bytes", said.len());
        }
        assert!(answer.stderr.len() <= 10_000, "{} bytes", answer.stderr.len());
    }
}

#[test]
fn positions_count_among_scores_and_topics_too() {
    let text = format!("say {MAIL} end");
    for (scanner_type, field) in [("topics", "detections"), ("pii_detection", "scores"), ("x", "topics")] {
        let scanner = Scanner::failed(scanner_type).detail(field, json!({"e": [[4, 19]]}));
        let api = F5::answering(redacted(&text.replace("end", "***")).scanner(scanner));
        let answer = under("project", Event::PostToolUse).closed().text(&text).against(&api).run().blocked();
        assert!(!everything(&answer).contains(MAIL), "{scanner_type} {field}");
    }
}
