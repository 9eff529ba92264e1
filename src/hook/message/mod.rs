//! The words of an answer.
//!
//! First what happened, in a developer's words, then why, then what to do. In an answer of JSON Codex shows the user both
//! texts, one under the other, so they complement each other: the notice says what happened, the reason says why and what
//! to do next. The model sees the reason only, and what is for it begins with "Agent:". An answer by exit code has one text
//! for both.
//!
//! A text has at most [`OURS`] characters of our own, plus what the operator wrote. What was flagged is never repeated.

mod finding;
mod hit;
mod part;
mod thing;
mod unscanned;

use std::time::Duration;

pub use finding::plain_name;
pub use hit::{mistake, next_step};
// For what is said when a signal comes.
#[cfg(unix)]
pub use thing::{refused, thing};
#[cfg(unix)]
pub use unscanned::UNSCANNED_OUTPUT;

use super::assessment::{Assessment, Proof};
use super::decision::Action;
use super::input::Input;
use crate::event::Event;
use crate::printable::printable;
use crate::settings::Origins;

/// The texts of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// For the user (`systemMessage`).
    pub notice: String,
    /// For the user and the model (`reason`, `stopReason`, `additionalContext`); never empty where it is
    /// used, because Codex rejects a block without a reason.
    pub reason: String,
    /// Notice and reason in one, for the user and the model: what a block says on stderr. Never empty there.
    pub whole: String,
}

/// What the texts are about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub event: Event,
    pub tool_name: Option<&'a str>,
    pub input: &'a Input,
    /// What was scanned, or should have been.
    pub text: &'a str,
    /// Why the fail mode is closed although nobody wrote "closed"; empty otherwise.
    pub fail_mode_problem: &'a str,
    /// Who answers questions about a refusal.
    pub contact: Option<&'a str>,
    pub origins: Origins,
}

/// What there is to say besides what came of this call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// The user was shown in this session why nothing is scanned.
    pub is_known: bool,
    /// This call met an outage, and hooks leave the network alone for so long.
    pub next_try: Option<Duration>,
    /// An outage that the user was shown is over: the service's host, and how long it lasted.
    pub over: Option<(String, Duration)>,
    /// The user is to be shown that everything goes ahead.
    pub observes: bool,
    /// The decision is not about this call's own text, but about something else that the model gets.
    pub part: Option<Part>,
}

/// What of a session was flagged, or could not be scanned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Its plain name, for people; empty where it is not known.
    pub source: String,
    /// The same for the model, without a word that the session's file chose.
    pub unnamed: String,
    /// The same as a short word, for the log.
    pub kind: &'static str,
    /// What `f5-guard allow-text` takes; `None` where that would have no effect.
    pub allow: Option<String>,
}

/// So many characters of a text are ours; the rest is the operator's.
const OURS: usize = 300;
/// No text is longer, in characters: of a reason after a tool only 10,000 bytes reach the model, and a file that
/// everybody can read gets the rest.
const MAX_CHARS: usize = 2_400;

/// Finds the words for an action.
pub fn words(subject: Subject<'_>, assessment: &Assessment, action: Action, news: &News) -> Words {
    let words = match (assessment, action) {
        (Assessment::Proof(Proof::Answers(report)), _) => return answers(report),
        (Assessment::Proof(Proof::Passes), _) => return Words::default(),
        (_, Action::Allow) | (Assessment::NothingToScan, _) => {
            return Words {
                notice: news.over.as_ref().map(unscanned::is_over).unwrap_or_default(),
                ..Words::default()
            };
        }
        (Assessment::Scanned(report), Action::Block | Action::Mask) => match &news.part {
            Some(part) => part::refusal(subject, report, part),
            None => hit::refusal(subject, report),
        },
        (Assessment::Scanned(report), Action::Warn) => hit::warning(subject, report),
        (Assessment::NotScanned(failure), action) if news.part.is_some() => {
            part::unscanned(subject, failure, news, action)
        }
        (Assessment::NotScanned(failure), Action::Block | Action::Mask) => {
            unscanned::refusal(subject, failure, news)
        }
        (Assessment::NotScanned(failure), Action::Warn) => unscanned::warning(subject, failure, news),
    };
    let mistake = match (assessment, subject.contact) {
        (Assessment::Scanned(report), contact) => {
            format!(" {}", mistake(contact, report.scan_ids.first().map(String::as_str)))
        }
        (_, Some(contact)) => format!(" {}", mistake(Some(contact), None)),
        (_, None) => String::new(),
    };
    let room = MAX_CHARS.saturating_sub(mistake.chars().count());
    // Paths and names from elsewhere may hold anything.
    let shown = |text: &str| printable(text, MAX_CHARS);
    let reason = |text: &str| {
        let mut text = match action {
            Action::Block | Action::Mask => printable(text, room) + &mistake,
            _ => shown(text),
        };
        if subject.event == Event::PreToolUse && text.ends_with('.') {
            // Codex (0.169.0) goes on with ". Command: …".
            text.pop();
        }
        text
    };
    Words { notice: shown(&words.notice), reason: reason(&words.reason), whole: reason(&words.whole) }
}

/// The first choices whose texts have at most so many characters, or else the last: one for the two texts of JSON, and
/// one for the text that is alone.
fn first_that_fits<const N: usize>(room: usize, choices: [Words; N]) -> Words {
    let fits = |text: &str| text.chars().count() <= room;
    let pair = choices.iter().find(|words| fits(&words.notice) && fits(&words.reason)).or(choices.last());
    let alone = choices.iter().find(|words| fits(&words.whole)).or(choices.last());
    let of =
        |words: Option<&Words>, text: fn(&Words) -> &String| words.map(text).cloned().unwrap_or_default();
    Words {
        notice: of(pair, |words| &words.notice),
        reason: of(pair, |words| &words.reason),
        whole: of(alone, |words| &words.whole),
    }
}

fn answers(report: &str) -> Words {
    // Its writer made it fit: it is read by `f5-guard doctor`, and a part of it would be nothing.
    let report = printable(report, usize::MAX);
    Words {
        notice: "F5 Guardrails answers `f5-guard doctor`.".to_owned(),
        reason: report.clone(),
        whole: report,
    }
}

#[cfg(test)]
mod tests;
