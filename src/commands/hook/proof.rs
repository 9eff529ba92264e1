//! The answer to `f5-guard doctor`, where a hook's text is its message.

use std::time::Instant;

use super::PROCESS_ENV;
use super::scanning::scan;
use crate::codex::home::CodexHome;
use crate::commands::doctor::{Sanitizer, SettingRow, greeting, shown_settings};
use crate::commands::smoketest::PROMPT;
use crate::hook::{Payload, Proof};
use crate::outage;
use crate::printable::printable;
use crate::proof::{Greeting, LONGEST, Message, NonceFile, Part, Report};
use crate::scan::{Metadata, ScanDirection, ScanError, ScanJob};
use crate::secret::Hidden;
use crate::settings::Settings;
use crate::system::System;
use crate::token;
use crate::transport::watch::Watch;

/// The doctor's word on what the greeting's scan is for; the service keeps it with the scan.
const GREETING: &str = "doctor";

/// `None` for every text but the message that is pending at this moment: that is scanned.
pub fn answer(payload: &Payload, settings: &Settings, started: Instant, hidden: &Hidden) -> Option<Proof> {
    let read = Message::read(payload.event, payload.tool_name.as_deref(), &payload.content)?;
    let home = CodexHome::find(System::this(), PROCESS_ENV).ok()?;
    let (pending, part) = NonceFile::of(&home.path).part_in(read)?;
    if part == Part::Passes {
        return Some(Proof::Passes);
    }
    let (settings, rows, sanitizer) = shown_settings(settings.clone(), PROCESS_ENV);
    let flags = std::env::args_os().skip(2).map(|flag| sanitizer.text(&flag.to_string_lossy())).collect();
    let mut report = Report::<SettingRow>::new(pending.message.nonce, payload.event, flags, rows);
    if pending.greets {
        report.greeting = Some(greet(&settings, started, hidden, &sanitizer));
    }
    Some(Proof::Answers(fitting(report)))
}

/// The text of a report, its longest words shortened until Codex hands it on whole.
fn fitting(mut report: Report<SettingRow>) -> String {
    for most in [300, 150, 75, 35, 15, 5] {
        let text = report.to_text();
        if text.len() <= LONGEST {
            return text;
        }
        shorten(&mut report, most);
    }
    // So many flags or rows say little even where they fit.
    for most in [20, 5] {
        if report.to_text().len() > LONGEST {
            report.flags.truncate(most);
            report.settings.truncate(most);
        }
    }
    report.to_text()
}

/// Cuts each text that is no name of a setting after `most` characters.
fn shorten(report: &mut Report<SettingRow>, most: usize) {
    let cut = |text: &mut String| *text = printable(text, most);
    report.flags.iter_mut().for_each(cut);
    report.program =
        report.program.take().map(|path| printable(&path.to_string_lossy(), most.max(75)).into());
    for row in &mut report.settings {
        [&mut row.value, &mut row.source].into_iter().for_each(cut);
        for problem in [&mut row.problem, &mut row.remark].into_iter().flatten() {
            [&mut problem.text, &mut problem.fix].into_iter().for_each(cut);
        }
    }
    match &mut report.greeting {
        None | Some(Greeting::Cleared { .. }) => {}
        Some(Greeting::Objected { words }) => cut(words),
        Some(Greeting::Failed { why, fix }) => [why, fix].into_iter().for_each(cut),
    }
}

/// One scan of a harmless text, exactly as a prompt of the user's would be scanned.
fn greet(settings: &Settings, started: Instant, hidden: &Hidden, sanitizer: &Sanitizer) -> Greeting {
    let begun = Instant::now();
    let metadata = Metadata::new(GREETING, None, None, None, &settings.metadata);
    let job = ScanJob { content: PROMPT, direction: ScanDirection::Request, metadata };
    let scanned = token::completed(settings, PROCESS_ENV, started + settings.budget().limit)
        .map_err(ScanError::from)
        .and_then(|settings| {
            settings.api_token.iter().for_each(|token| hidden.learn(token));
            let report = scan(&job, &settings, started, Watch::default())?;
            if report.is_cleared() {
                // Hooks that remember an outage scan again.
                outage::remembered::end(&settings, PROCESS_ENV);
            }
            Ok(report)
        });
    greeting(scanned.map(|report| (report, begun.elapsed())), settings.origins(), sanitizer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::SettingProblem;
    use crate::commands::doctor::finding::{FindingId, Severity};
    use crate::event::Event;
    use crate::proof::Nonce;

    fn row(text: &str) -> SettingRow {
        let problem = || {
            let (text, fix) = (text.to_owned(), text.to_owned());
            Some(SettingProblem { id: FindingId::Setting, severity: Severity::Problem, text, fix })
        };
        SettingRow {
            name: "CA bundle".into(),
            value: text.to_owned(),
            source: text.to_owned(),
            problem: problem(),
            remark: problem(),
        }
    }

    #[test]
    fn a_long_report_is_shortened_and_still_a_report() {
        let nonce = Nonce::random().unwrap();
        for (word, rows, flags) in
            [("a", 0, 0), ("a", 25, 10), ("\u{10348}", 25, 10), ("\"\\", 25, 10), ("\u{10348}", 300, 300)]
        {
            let text = word.repeat(4_000);
            let mut report =
                Report::new(nonce, Event::Stop, vec![text.clone(); flags], vec![row(&text); rows]);
            report.program = Some(text.clone().into());
            report.greeting = Some(Greeting::Failed { why: text.clone(), fix: text });
            let fits = fitting(report);
            assert!(fits.len() <= LONGEST, "{} bytes of {word}", fits.len());
            let found = Report::<SettingRow>::find(&fits, nonce, Event::Stop).unwrap();
            assert!(rows > 25 || found.settings.len() == rows, "{word}");
        }
    }

    #[test]
    fn a_report_that_fits_is_left_as_it_is() {
        let report = Report::new(Nonce::random().unwrap(), Event::Stop, vec![], vec![row(&"a".repeat(400))]);
        assert_eq!(fitting(report.clone()), report.to_text());
    }
}
