//! What the scanners found, in a developer's words.

use std::collections::HashSet;

use crate::scan::{Outcome, ScanReport};

/// So many scanners are named.
const NAMED: usize = 5;

/// The type that scanners for prompt injections have.
const PROMPT_INJECTION: &str = "prompt_injection";

/// A scanner type of the F5 API as a developer would say what it finds; a type that is not known here as it is.
#[must_use]
pub fn plain_name(scanner_type: &str) -> &str {
    match scanner_type {
        PROMPT_INJECTION => "a prompt injection",
        "pii_detection" => "personal data",
        "secret" => "a secret",
        "source_code" => "source code",
        "toxicity" => "toxic language",
        "topics" => "an unwanted topic",
        "legal" => "legal text",
        "regex" => "an unwanted pattern",
        "keyword" => "an unwanted keyword",
        "blacklist" => "a banned word",
        "audit_term" => "a term under audit",
        "named_entity" => "an unwanted name",
        "demographic" => "a demographic detail",
        "sentiment_analysis" => "an unwanted tone",
        "custom" | "genai" => "a match of a custom scanner",
        other => other,
    }
}

/// `F5 Guardrails found a prompt injection ("operator's message") and toxic language in it.`
pub fn sentence(report: &ScanReport, within: &str) -> String {
    let mut text = match (what(report), &report.outcome) {
        (Some(found), Outcome::Unknown(word)) => {
            format!("F5 Guardrails found {found} in {within} (verdict \"{word}\").")
        }
        (Some(found), Outcome::Contradicted) => {
            format!("F5 Guardrails found {found} in {within}, yet its verdict differs.")
        }
        (Some(found), _) => format!("F5 Guardrails found {found} in {within}."),
        (None, Outcome::Unknown(word)) => {
            format!("F5 Guardrails gave {within} a verdict that this version does not know (\"{word}\").")
        }
        (None, Outcome::Contradicted) => format!("F5 Guardrails' answer on {within} contradicts itself."),
        (None, outcome) => format!("F5 Guardrails named no scanner, but its verdict is \"{outcome}\"."),
    };
    if !report.complete {
        text.push_str(" A part of it was not scanned.");
    }
    text
}

/// Whether what was found is made to give the agent orders.
pub fn gives_orders(report: &ScanReport) -> bool {
    report.scanners.iter().any(|scanner| scanner.scanner_type == PROMPT_INJECTION)
}

/// So many characters of a sentence are the operator's.
pub fn operators(report: &ScanReport) -> usize {
    let messages = report.scanners.iter().take(NAMED).filter_map(|scanner| scanner.message.as_deref());
    messages.map(|message| message.chars().count() + " (\"\")".len()).sum()
}

/// What was found, as a list; `None` where no scanner is named.
fn what(report: &ScanReport) -> Option<String> {
    let mut different = HashSet::new();
    let mut named: Vec<String> = Vec::new();
    for scanner in &report.scanners {
        if different.insert((&scanner.scanner_type, &scanner.message)) && named.len() < NAMED {
            let name = plain_name(&scanner.scanner_type);
            named.push(match &scanner.message {
                Some(message) => format!("{name} (\"{message}\")"),
                None => name.to_owned(),
            });
        }
    }
    match (named.as_slice(), different.len() - named.len()) {
        ([], _) => None,
        ([one], 0) => Some(one.clone()),
        ([first @ .., last], 0) => Some(format!("{} and {last}", first.join(", "))),
        (named, more) => Some(format!("{} and {more} more", named.join(", "))),
    }
}
