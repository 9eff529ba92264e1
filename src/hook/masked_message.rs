//! The words where the project's scanners decide or where f5-guard only observes: masked texts, and what goes ahead
//! without a word to the model. Everything else is said in [`super::message`].
//!
//! What is shown here of a scanned text is masked (see [`crate::scan::mask`]); nothing of the original is. Names, ids and
//! messages come here without what is masked ([`Masked::clean`]).

use super::assessment::Assessment;
use super::decision::{Action, Policy, Unscanned};
use super::message::{self, News, Subject, Words, mistake};
use crate::event::Event;
use crate::printable::{ceil_boundary, counted, floor_boundary, printable, printable_lines};
use crate::scan::mask::Masked;
use crate::scan::{Outcome, ScanReport};
use crate::secret::Hidden;
use crate::settings::values::Enforcement;

/// Of what replaces a tool's output 10,000 bytes reach the model; of a longer text Codex (0.169.0) cuts out the middle
/// and writes the whole to a file that everybody can read.
const MOST_BYTES: usize = 9_900;
/// The most that is said besides the masked text, in characters.
const MOST_WORDS: usize = 1_500;
/// So many scanners are named.
const NAMED_SCANNERS: usize = 5;

/// So many characters of the command are shown that an output comes from.
const COMMAND: usize = 60;

/// Finds the words for an action.
pub fn words(
    subject: Subject<'_>,
    assessment: &Assessment,
    action: Action,
    news: &News,
    policy: Policy,
    from_script: bool,
    hidden: &Hidden,
) -> Words {
    let mut words = match assessment {
        Assessment::Scanned(report) => match (action, &report.by_modes.masked) {
            (Action::Mask, Some(masked)) => {
                return masked_output(subject, report, masked, from_script, hidden);
            }
            (Action::Block, Some(masked)) if !subject.event.ends_a_turn() => {
                let words = message::words(subject, assessment, action, news);
                return refused_with(words, subject, masked, hidden);
            }
            (Action::Block, None)
                if report.outcome == Outcome::Redacted
                    && policy.enforcement == Enforcement::Project
                    && news.part.is_none() =>
            {
                not_masked(message::words(subject, assessment, action, news), subject.event)
            }
            _ => message::words(subject, assessment, action, news),
        },
        Assessment::NotScanned(_) if policy.unscanned() == Unscanned::IsObserved => {
            observed_unscanned(subject, assessment, news)
        }
        _ => message::words(subject, assessment, action, news),
    };
    if news.observes && action < Action::Mask {
        words.notice = [words.notice.as_str(), OBSERVES].join(" ").trim_start().to_owned();
        words.whole.clone_from(&words.notice);
    }
    words
}

/// What the user sees once in a session.
const OBSERVES: &str = "F5 Guardrails only observes (enforcement observe): NOTHING is blocked or masked. What its scanners find goes ahead, and `f5-guard report` says what would have been done.";

fn observed_unscanned(subject: Subject<'_>, assessment: &Assessment, news: &News) -> Words {
    let words = message::words(subject, assessment, Action::Warn, news);
    let notice = words.notice.replace("(fail mode open)", "(enforcement observe)");
    // The model is not told: observing changes nothing that it sees.
    Words { whole: notice.clone(), notice, reason: String::new() }
}

/// The masked text instead of a tool's output.
fn masked_output(
    subject: Subject<'_>,
    report: &ScanReport,
    masked: &Masked,
    from_script: bool,
    hidden: &Hidden,
) -> Words {
    let thing = subject.without_what_was_flagged(COMMAND);
    let count = counted(masked.characters, "character");
    let script = if from_script {
        " In your script the call throws with this text, because a hook can't replace its result."
    } else {
        ""
    };
    let mistake = mistake(subject.contact, report.scan_ids.first().map(String::as_str));
    let first_line = printable(
        &format!(
            "F5 Guardrails masked {count} of {thing} with asterisks ({}). {mistake} Agent: do not get them in another way.{script} This is the output, masked:",
            found_by(report, masked)
        ),
        MOST_WORDS,
    );
    let text = with_masked(&first_line, masked, subject, hidden);
    let notice = format!("F5 Guardrails masked {count} of {thing} before the model gets it.");
    Words { notice: printable(&notice, MOST_WORDS), whole: text.clone(), reason: text }
}

/// A refusal of what the service masked in a way that can't be relied on.
fn not_masked(words: Words, event: Event) -> Words {
    if event.ends_a_turn() {
        return words;
    }
    let with = |text: String| {
        let stop = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
        format!(
            "{text}{stop} It is not shown masked, because there is no masked text of it that can be relied on."
        )
    };
    Words { notice: words.notice, reason: with(words.reason), whole: with(words.whole) }
}

/// A refusal, and what was refused with its masked parts.
fn refused_with(words: Words, subject: Subject<'_>, masked: &Masked, hidden: &Hidden) -> Words {
    let before = match subject.event {
        Event::UserPromptSubmit => "This is your prompt, masked, to copy and send:",
        _ => "This is what was refused, masked, in case you can do without the rest:",
    };
    let with = |text: String| {
        let text = printable(&text, MOST_WORDS);
        let stop = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
        with_masked(&format!("{text}{stop} {before}"), masked, subject, hidden)
    };
    Words { notice: words.notice, reason: with(words.reason), whole: with(words.whole) }
}

/// Without what is hidden before it is cut: what replaces it can be longer.
fn with_masked(words: &str, masked: &Masked, subject: Subject<'_>, hidden: &Hidden) -> String {
    let words = hidden.without(words);
    let room = MOST_BYTES.saturating_sub(words.len() + 1);
    let text = printable_lines(&masked.text(subject.text));
    let text = hidden.without(&text);
    format!("{words}\n{}", head_and_tail(text.trim_end(), room))
}

/// A text of at most `room` bytes: where it is longer, its head and its tail, and how much is left out between them.
fn head_and_tail(text: &str, room: usize) -> String {
    if text.len() <= room {
        return text.to_owned();
    }
    let note = |left: usize| {
        format!(
            "\n[f5-guard leaves out {left} bytes here: ask for less at a time to get all of it, masked]\n"
        )
    };
    let room = room.saturating_sub(note(text.len()).len());
    let head = floor_boundary(text, room / 2);
    let tail = ceil_boundary(text, text.len() - room / 2);
    let part = |range: Option<&str>| range.unwrap_or_default().to_owned();
    part(text.get(..head)) + &note(tail - head) + &part(text.get(tail..))
}

/// `pii_detection: 15, secret: 20`; the numbers as far as they are known.
fn found_by(report: &ScanReport, masked: &Masked) -> String {
    let mut named: Vec<String> =
        masked.by_scanner.iter().map(|(scanner, count)| format!("{scanner}: {count}")).collect();
    for scanner in report.scanners.iter().map(|scanner| &scanner.scanner_type) {
        if masked.by_scanner.iter().all(|(counted, _)| counted != scanner) && !named.contains(scanner) {
            named.push(scanner.clone());
        }
    }
    let more = named.len().saturating_sub(NAMED_SCANNERS);
    named.truncate(NAMED_SCANNERS);
    match (named.is_empty(), more) {
        (true, _) => "no scanner named".to_owned(),
        (false, 0) => named.join(", "),
        (false, more) => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hook::Input;
    use crate::scan::mask::{Claim, Mask};
    use crate::scan::report::{ByModes, ScanTimes, ScannerResult};
    use crate::settings::Origins;
    use crate::settings::values::{FailMode, FlaggedOutput};

    const POLICY: Policy = Policy {
        fail_mode: FailMode::Open,
        flagged_output: FlaggedOutput::Warn,
        enforcement: Enforcement::Project,
    };

    fn report(original: &str, redacted: &str, claims: &[Claim], message: &str) -> ScanReport {
        ScanReport {
            outcome: Outcome::Redacted,
            scanners: vec![ScannerResult {
                scanner_type: "secret".into(),
                message: Some(message.to_owned()),
            }],
            scan_ids: vec!["id-1".into()],
            pieces: 1,
            characters: original.chars().count(),
            complete: true,
            times: ScanTimes::default(),
            by_modes: ByModes {
                mask: None,
                masked: Mask::of_redacted(original, redacted, claims).map(|mask| mask.over(original)),
                doubt: None,
            },
        }
    }

    fn subject<'a>(
        event: Event,
        tool_name: &'a str,
        text: &'a str,
        input: &'a Input,
        contact: Option<&'a str>,
    ) -> Subject<'a> {
        Subject {
            event,
            tool_name: Some(tool_name),
            input,
            text,
            fail_mode_problem: "",
            contact,
            origins: Origins::default(),
        }
    }

    fn action(event: Event) -> Action {
        if event == Event::PostToolUse { Action::Mask } else { Action::Block }
    }

    #[test]
    fn a_masked_text_keeps_its_lines_and_no_escape_sequence() {
        let original = "a\tKEY123\r\n\u{1b}[31mred\u{202e}\n  end\n";
        let report = report(original, &original.replace("KEY123", "******"), &[], "m");
        let words = words(
            subject(Event::PostToolUse, "Bash", original, &Input::default(), None),
            &Assessment::Scanned(report),
            Action::Mask,
            &News::default(),
            POLICY,
            false,
            &Hidden::default(),
        );
        assert!(
            words.reason.ends_with("This is the output, masked:\na\t******\n[31mred\n  end"),
            "{words:?}"
        );
        assert_eq!(words.reason, words.whole);
    }

    #[test]
    fn head_and_tail_are_cut_between_characters() {
        for text in ["x".repeat(500), "é".repeat(250), "😀".repeat(125)] {
            for room in 200..220 {
                let cut = head_and_tail(&text, room);
                assert!(cut.len() <= room, "{} of {room}", cut.len());
                let left: usize = cut.split(' ').find_map(|word| word.parse().ok()).unwrap();
                let note = cut.len() - (500 - left);
                assert!(note < 120 && cut.starts_with(&text[..4]) && cut.ends_with(&text[496..]), "{cut}");
            }
        }
        assert_eq!(head_and_tail("whole", 5), "whole");
    }

    proptest! {
        #[test]
        fn nothing_masked_is_said_wherever_else_it_stands(
            secret in "[A-Za-z0-9@.]{6,60}", before in "(?s)[a-z *\\n\\té😀]{0,40}", length in 0usize..3,
            script in any::<bool>(), with_contact in any::<bool>(),
        ) {
            let filler = "word 😀 ".repeat([0, 10, 4_000][length]);
            let original = format!("{before}{secret} {filler}{secret}!");
            let redacted = original.replace(&secret, &"*".repeat(secret.len()));
            let mut tool = format!("mcp__{secret}__x");
            let report = report(&original, &redacted, &[], "m");
            report.by_modes.masked.as_ref().unwrap().clean([&mut tool], &original);
            let input = Input::default();
            for event in Event::ALL {
                let contact = with_contact.then_some("the SOC");
                let subject = subject(event, &tool, &original, &input, contact);
                let assessment = Assessment::Scanned(report.clone());
                let words = words(subject, &assessment, action(event), &News::default(), POLICY, script, &Hidden::default());
                if event.ends_a_turn() {
                    continue;
                }
                for text in [&words.notice, &words.reason, &words.whole] {
                    prop_assert!(!text.contains(&secret), "{event:?}: {}", text);
                    prop_assert!(!text.is_empty() && text.len() <= 10_000, "{event:?}: {} bytes", text.len());
                }
            }
        }
    }
}
