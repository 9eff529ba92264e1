//! The answer to `f5-guard doctor`, where a hook's text is its message.

use std::time::Instant;

use super::PROCESS_ENV;
use super::call::scan;
use crate::codex::home::CodexHome;
use crate::commands::doctor::{Sanitizer, SettingRow, shown_settings};
use crate::commands::smoketest::PROMPT;
use crate::hook::message::MAX_REPORT_CHARS;
use crate::hook::{Payload, Proof};
use crate::outage;
use crate::proof::{Greeting, Message, NonceFile, Part, Report};
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
    fit(&mut report);
    Some(Proof::Answers(report.to_text()))
}

/// Takes away what can be spared, from the end, of a report that would not arrive whole.
fn fit(report: &mut Report<SettingRow>) {
    let is_too_long = |report: &Report<SettingRow>| report.to_text().chars().count() > MAX_REPORT_CHARS;
    if is_too_long(report) {
        report.settings.iter_mut().for_each(|row| row.remark = None);
    }
    while is_too_long(report) && report.settings.pop().is_some() {}
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
            scan(&job, &settings, started, Watch::default())
        });
    match scanned {
        Ok(report) if report.is_cleared() => {
            // Hooks that remember an outage scan again.
            outage::remembered::end(settings, PROCESS_ENV);
            Greeting::Cleared { milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX) }
        }
        Ok(report) => {
            let scanners: Vec<&str> =
                report.objections().map(|scanner| scanner.scanner_type.as_str()).collect();
            let by = if scanners.is_empty() { String::new() } else { format!(" by {}", scanners.join(", ")) };
            Greeting::Objected { words: sanitizer.text(&format!("{}{by}", report.outcome)) }
        }
        Err(error) => {
            Greeting::Failed { why: sanitizer.text(&error.to_string()), fix: error.fix(settings.origins()) }
        }
    }
}
