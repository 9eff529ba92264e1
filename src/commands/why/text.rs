//! One decision in words: for the one who was refused, and for the security team.

use time::{Duration, OffsetDateTime};

use super::Since;
use crate::event::Event;
use crate::hook::UNTIL_IT_ANSWERS;
use crate::hook::message::{mistake, next_step, plain_name};
use crate::logging::DecisionLine;
use crate::logging::read::Entry;
use crate::printable::{counted, wrapped};
use crate::terminal::WIDTH;
use crate::transcript::source::kind_in_words;

/// Columns of a label.
const LABEL: usize = 13;

/// What happened, why, what to do, who to ask.
pub fn explain(entry: &Entry, now: OffsetDateTime) -> String {
    let line = &entry.line;
    let event = Event::from_name(&line.event);
    let mut text = format!("{}\n", headline(line, event));
    let mut row = |label: &str, value: &str| push(&mut text, label, value);
    row("When", &format!("{} ({})", when(line), ago(now - entry.time)));
    row("Session", line.session_id.as_deref().unwrap_or("not said"));
    if let Some(part) = &line.part {
        row("Because of", &format!("what the model is given: {}", kind_in_words(part)));
    }
    match line.outcome.as_str() {
        "not_scanned" => {
            row("Why", &why(line));
            let (what, mode) = match line.decision.as_str() {
                "warn" if line.is_observed() => ("Enforcement", "observe, so it went ahead"),
                "warn" => ("Fail mode", "open, so it went ahead"),
                _ => ("Fail mode", "closed, so it was refused"),
            };
            row(what, mode);
            row(
                "What to do",
                line.fix.as_deref().unwrap_or("Run `f5-guard smoketest` to see whether a scan works now."),
            );
        }
        "blank" | "cleared" => row("Outcome", &line.outcome),
        outcome => {
            row("Outcome", line.outcome_word.as_deref().unwrap_or(outcome));
            for scanner in &line.scanners {
                let message = scanner.message.as_ref().map(|message| format!(": \"{message}\""));
                let name = plain_name(&scanner.scanner_type);
                row("Found", &format!("{name}{}", message.unwrap_or_default()));
            }
            if line.more_scanners > 0 {
                row("", &format!("and {} more", line.more_scanners));
            }
            if line.masked_characters > 0 {
                row("Masked", &masked(line));
            }
            if line.incomplete {
                row("Also", "A part of it was not scanned.");
            }
            if let (Some(_), true) = (&line.part, line.is_refusal()) {
                row("What to do", "Remove it where it comes from, and start a new session.");
                if let Some(hash) = &line.allow_text {
                    row("False alarm?", &format!("f5-guard allow-text {hash}"));
                }
            } else {
                row("What to do", what_to_do(line, event));
            }
        }
    }
    if let Some(would) = &line.would_have {
        row("Only", "observed; it would have been");
        row("by block", decided(&would.block));
        row("by project", decided(&would.project));
    }
    if line.outcome != "not_scanned" {
        row("Scan id", &scan_ids(line));
    }
    match &line.contact {
        Some(contact) => {
            row("Who to ask", &mistake(Some(contact), line.scan_ids.first().map(String::as_str)))
        }
        None if line.outcome != "not_scanned" => {
            row("Who to ask", "Your security team; `f5-guard why --report` writes a text for it.")
        }
        None => {}
    }
    text
}

/// The facts, for somebody who looks them up elsewhere. Nothing that was scanned is in them, because it is in no log.
pub fn report(entry: &Entry) -> String {
    let line = &entry.line;
    let mut text = format!("Decision of F5 AI Guardrails for Codex (f5-guard {})\n", line.version);
    let mut row = |label: &str, value: Option<&str>| push(&mut text, label, value.unwrap_or("–"));
    row("Time", Some(&when(line)));
    row("Event", Some(&line.event));
    row("Tool", line.tool.as_deref());
    row("Decision", Some(&line.decision));
    row("Outcome", Some(&line.outcome));
    if line.part.is_some() {
        row("Part", line.part.as_deref());
    }
    for scanner in &line.scanners {
        let message = scanner.message.as_ref().map(|message| format!(": \"{message}\""));
        row("Scanner", Some(&format!("{}{}", scanner.scanner_type, message.unwrap_or_default())));
    }
    if let Some(cause) = &line.cause {
        row("Cause", Some(&format!("{cause}: {}", line.error.as_deref().unwrap_or_default())));
    }
    row("Scan id", Some(&scan_ids(line)));
    row("Session", line.session_id.as_deref());
    row("Turn", line.turn_id.as_deref());
    row("Tool call", line.tool_use_id.as_deref());
    row("Service", line.address.as_deref());
    row("Fail mode", Some(&line.fail_mode));
    row("Enforcement", Some(line.enforcement.as_deref().unwrap_or("block")));
    if let Some(would) = &line.would_have {
        row("By block", Some(decided(&would.block)));
        row("By project", Some(decided(&would.project)));
    }
    if line.masked_characters > 0 {
        row("Masked", Some(&masked(line)));
    }
    row(
        "Enforced",
        Some(&line.enforced.join(", ")).filter(|enforced| !enforced.is_empty()).map(String::as_str),
    );
    let length = line.characters.map(|number| {
        format!("{} in {}", counted(number, "character"), counted(line.pieces.unwrap_or(0), "request"))
    });
    row("Length", length.as_deref());
    row("HMAC-SHA-256", line.hmac_sha256.as_deref());
    let service =
        line.service_ms.map(|ms| format!(", of which the service took {ms} ms")).unwrap_or_default();
    row("Duration", Some(&format!("{} ms{service}", line.duration_ms)));
    text + "This text holds no scanned content.\n"
}

fn headline(line: &DecisionLine, event: Option<Event>) -> String {
    let tool = line.tool.as_deref().unwrap_or("a tool");
    let thing = match event {
        Some(Event::UserPromptSubmit) => "A prompt".to_owned(),
        Some(Event::PreToolUse) => format!("A call of {tool}"),
        Some(Event::PostToolUse) => format!("The output of {tool}"),
        Some(Event::Stop) => "The final answer".to_owned(),
        Some(Event::SubagentStop) => "A sub-agent's answer".to_owned(),
        None => format!("A call ({})", line.event),
    };
    let scanned = line.outcome != "not_scanned";
    let done = match (line.decision.as_str(), scanned) {
        ("allow", _) if line.is_observed() && line.would_have.is_some() => {
            "went ahead, because it was only observed".to_owned()
        }
        ("allow", _) if line.outcome == "flagged" => {
            "went ahead with a hit, as the project's scanners are set".to_owned()
        }
        ("allow", _) => "went ahead".to_owned(),
        ("mask", _) => "was masked for the model".to_owned(),
        ("warn", true) => "went ahead with a warning".to_owned(),
        ("warn", false) => "went ahead without a scan".to_owned(),
        ("block", true) => "was blocked".to_owned(),
        ("deny", true) => "was denied".to_owned(),
        ("withhold", true) => "was withheld from the model".to_owned(),
        ("stop", true) => "ended the turn".to_owned(),
        ("block" | "deny" | "withhold" | "stop", false) => {
            "was refused, because it could not be scanned".to_owned()
        }
        (other, _) => format!("was answered with {other}"),
    };
    format!("{thing} {done}")
}

/// What went ahead after that refusal, in one row; empty where nothing did.
pub fn since(since: &Since, now: OffsetDateTime) -> String {
    let Some(last) = since.last else { return String::new() };
    let without = (since.without_a_scan > 0)
        .then(|| format!("{} went ahead without a scan", counted(since.without_a_scan, "call")));
    let with = (since.with_a_hit > 0)
        .then(|| format!("{} with a hit went ahead", counted(since.with_a_hit, "call")));
    let both: Vec<String> = without.into_iter().chain(with).collect();
    let mut text = String::new();
    let value = format!(
        "{}, the last one {}: `f5-guard why -n {}`",
        both.join(" and "),
        ago(now - last),
        since.without_a_scan + since.with_a_hit
    );
    push(&mut text, "Since then", &value);
    text
}

/// What the user can do; the agent has been told its own part.
fn what_to_do(line: &DecisionLine, event: Option<Event>) -> &'static str {
    match (line.decision.as_str(), event) {
        ("allow", _) => "Nothing: it was not held back.",
        ("mask", _) => "Nothing, unless what was masked is needed.",
        ("warn", _) => {
            "The agent was told to trust nothing in it. Check what it did next. To withhold such output: \
             `f5-guard install --post-strict --trust`"
        }
        (_, Some(Event::PreToolUse)) => {
            "The agent was told not to retry it in another form. Reword the task."
        }
        (_, Some(Event::PostToolUse)) => "The agent was told not to get it in another way. Reword the task.",
        (_, Some(event @ (Event::UserPromptSubmit | Event::Stop | Event::SubagentStop))) => next_step(event),
        (_, None) => "Run `f5-guard doctor`.",
    }
}

/// Why there was no scan. What an outage meant for the calls that followed is over.
fn why(line: &DecisionLine) -> String {
    let error = line.error.as_deref().or(line.cause.as_deref()).unwrap_or("not said");
    let end = error.find(UNTIL_IT_ANSWERS).and_then(|end| error.get(..end));
    end.unwrap_or(error).trim_end().to_owned()
}

/// A word of `decision`, as what happens to a text.
fn decided(word: &str) -> &str {
    match word {
        "allow" => "let pass",
        "warn" => "let pass with a warning",
        "mask" => "masked",
        "block" => "blocked",
        "deny" => "denied",
        "withhold" => "withheld",
        "stop" => "stopped",
        other => other,
    }
}

/// How many characters, and how many of them by which scanner.
fn masked(line: &DecisionLine) -> String {
    let by: Vec<String> =
        line.masked.iter().map(|masked| format!("{}: {}", masked.scanner_type, masked.characters)).collect();
    let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
    format!("{}{by}", counted(line.masked_characters, "character"))
}

/// Whether something was kept from where it was to go: all of it, or the part that was masked.
pub fn is_a_cut(entry: &Entry) -> bool {
    entry.line.is_refusal() || entry.line.decision == "mask"
}

fn when(line: &DecisionLine) -> String {
    let shown: String = line.timestamp.chars().take(19).collect();
    format!("{} UTC", shown.replacen('T', " ", 1))
}

fn ago(time: Duration) -> String {
    let (number, unit) = match time.whole_seconds() {
        ..0 => return "in the future".to_owned(),
        0 => return "just now".to_owned(),
        seconds @ 1..120 => (seconds, "second"),
        seconds @ 120..7_200 => (seconds / 60, "minute"),
        seconds @ 7_200..172_800 => (seconds / 3_600, "hour"),
        seconds => (seconds / 86_400, "day"),
    };
    format!("{} ago", counted(number.unsigned_abs(), unit))
}

fn scan_ids(line: &DecisionLine) -> String {
    match (line.scan_ids.as_slice(), line.more_scan_ids) {
        ([], _) => "none was recorded".to_owned(),
        (ids, 0) => ids.join(", "),
        (ids, more) => format!("{} and {more} more", ids.join(", ")),
    }
}

/// A label and a text that fits 80 columns where its words do.
fn push(text: &mut String, label: &str, value: &str) {
    text.push_str(&format!("  {label:<LABEL$}{}\n", wrapped(value, WIDTH, LABEL + 2)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::logging::ScannerLine;

    fn entry() -> Entry {
        let timestamp = "2026-11-26T09:12:33.000000Z";
        Entry {
            time: clock::parse(timestamp).unwrap(),
            line: DecisionLine {
                timestamp: timestamp.to_owned(),
                version: "0.1.0".to_owned(),
                event: "PreToolUse".to_owned(),
                tool: Some("Bash".to_owned()),
                tool_use_id: Some("call_7".to_owned()),
                session_id: Some("01a201f1".to_owned()),
                decision: "deny".to_owned(),
                outcome: "flagged".to_owned(),
                fail_mode: "closed".to_owned(),
                scanners: vec![ScannerLine {
                    scanner_type: "prompt_injection".to_owned(),
                    message: Some("Company policy forbids this".to_owned()),
                }],
                scan_ids: vec!["019fb483".to_owned()],
                contact: Some("the SOC".to_owned()),
                characters: Some(412),
                pieces: Some(1),
                duration_ms: 341,
                service_ms: Some(250),
                ..DecisionLine::default()
            },
        }
    }

    fn now() -> OffsetDateTime {
        clock::parse("2026-11-26T11:13:00Z").unwrap()
    }

    #[test]
    fn a_refusal_is_explained_with_what_to_do_and_whom_to_ask() {
        assert_eq!(
            explain(&entry(), now()),
            "\
A call of Bash was denied
  When         2026-11-26 09:12:33 UTC (2 hours ago)
  Session      01a201f1
  Outcome      flagged
  Found        a prompt injection: \"Company policy forbids this\"
  What to do   The agent was told not to retry it in another form. Reword the
               task.
  Scan id      019fb483
  Who to ask   A mistake? Tell the SOC: scan 019fb483.
"
        );
    }

    /// Each kind of entry, whole.
    #[test]
    fn each_kind_of_entry_has_its_own_words() {
        type Kind = (&'static str, fn(&mut DecisionLine));
        let kinds: [Kind; 9] = [
            ("a prompt that was blocked", |line| {
                (line.event, line.decision, line.tool) = ("UserPromptSubmit".into(), "block".into(), None);
            }),
            ("an output that was flagged", |line| {
                (line.event, line.decision) = ("PostToolUse".into(), "warn".into());
            }),
            ("an output that was withheld", |line| {
                (line.event, line.decision) = ("PostToolUse".into(), "withhold".into());
                line.contact = None;
            }),
            ("an output that was masked", |line| {
                (line.event, line.decision, line.outcome) =
                    ("PostToolUse".into(), "mask".into(), "redacted".into());
                line.masked_characters = 12;
            }),
            ("an answer that ended the turn", |line| {
                (line.event, line.decision, line.tool) = ("Stop".into(), "stop".into(), None);
            }),
            ("a hit that a scanner only audits", |line| line.decision = "allow".into()),
            ("a call in an outage, open", |line| {
                (line.decision, line.outcome, line.contact) = ("warn".into(), "not_scanned".into(), None);
                line.cause = Some("outage".into());
                line.error = Some(
                    "F5 Guardrails can't reach f5.example (connection refused). Nothing is scanned until it answers; \
                     next try in 15 s."
                        .into(),
                );
                line.fix = Some("Check the network; `f5-guard smoketest` tries at once.".into());
            }),
            ("a call in an outage, closed", |line| {
                (line.outcome, line.contact) = ("not_scanned".into(), None);
                line.cause = Some("outage".into());
                line.error = Some(
                    "F5 Guardrails can't reach f5.example (connection refused). Nothing is scanned until it answers; the \
                     next try is under way."
                        .into(),
                );
            }),
            ("a call without a token", |line| {
                (line.decision, line.outcome, line.contact) = ("warn".into(), "not_scanned".into(), None);
                line.error = Some("No API token is set.".into());
                line.fix = Some("Run `f5-guard login`.".into());
            }),
        ];
        let shown: String = kinds
            .into_iter()
            .map(|(kind, change)| {
                let mut entry = entry();
                change(&mut entry.line);
                format!("# {kind}\n{}\n", explain(&entry, now()))
            })
            .collect();
        assert_eq!(shown, include_str!("kinds.txt"), "{shown}");
    }

    #[test]
    fn what_went_ahead_since_is_one_row() {
        let ahead = |without_a_scan, with_a_hit| {
            since(&Since { without_a_scan, with_a_hit, last: Some(now() - Duration::minutes(3)) }, now())
        };
        assert_eq!(since(&Since::default(), now()), "");
        assert_eq!(
            ahead(1, 0),
            "  Since then   1 call went ahead without a scan, the last one 3 minutes ago:\n               `f5-guard why -n 1`\n"
        );
        assert_eq!(
            ahead(12, 2),
            "  Since then   12 calls went ahead without a scan and 2 calls with a hit went\n               ahead, the last one 3 minutes ago: `f5-guard why -n 14`\n"
        );
        assert!(ahead(0, 2).contains("2 calls with a hit went ahead"), "{}", ahead(0, 2));
    }

    #[test]
    fn what_has_just_been_is_not_counted_in_seconds() {
        let words = [-1, 0, 1, 119, 120, 7_200, 172_800].map(|seconds| ago(Duration::seconds(seconds)));
        let expected = [
            "in the future",
            "just now",
            "1 second ago",
            "119 seconds ago",
            "2 minutes ago",
            "2 hours ago",
            "2 days ago",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn nobody_but_the_agent_is_told_what_is_for_the_agent() {
        for event in Event::ALL {
            let mut entry = entry();
            entry.line.event = event.name().to_owned();
            let shown = explain(&entry, now());
            assert!(shown.contains("What to do") && !shown.contains("Agent:"), "{shown}");
        }
    }

    #[test]
    fn what_was_not_scanned_is_explained_with_its_cause() {
        let mut entry = entry();
        entry.line.outcome = "not_scanned".to_owned();
        entry.line.decision = "warn".to_owned();
        entry.line.error = Some("The connection was refused.".to_owned());
        entry.line.fix = Some("Check the network.".to_owned());
        let shown = explain(&entry, now());
        for words in [
            "went ahead without a scan",
            "The connection was refused.",
            "open, so it went ahead",
            "Check the network.",
        ] {
            assert!(shown.contains(words), "{shown}");
        }
    }

    #[test]
    fn every_text_fits_80_columns() {
        let mut entry = entry();
        entry.line.scanners[0].message = Some("some words ".repeat(40));
        entry.line.contact =
            Some("the security operations centre of the company, floor 7, room 12, ask for Jo".to_owned());
        for text in [explain(&entry, now()), report(&entry)] {
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
    }
}
