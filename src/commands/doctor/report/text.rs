//! The report as text: one screen, the findings last, where the eye is.

use std::fmt::Write;

use super::json::{binary_word, file_word, service_words, status_word};
use crate::codex::layers::ConfigVerdict;
use crate::commands::doctor::facts::{Facts, HookFacts, LogFile, Runner, Trial};
use crate::commands::doctor::finding::{Finding, Report, Severity, Verdict};
use crate::event::Event;
use crate::printable::seconds;
use crate::terminal::{GREEN, Paint, RED, YELLOW};

pub fn render(facts: &Facts, report: &Report, paint: Paint) -> String {
    let mut out = String::new();
    // Writing to a string never fails.
    let _ = write_report(&mut out, facts, report, paint);
    out
}

fn write_report(out: &mut String, facts: &Facts, report: &Report, paint: Paint) -> std::fmt::Result {
    let path = facts.program.path.as_ref().map_or("unknown place".into(), |path| path.display().to_string());
    writeln!(out, "f5-guard {} ({path})", facts.program.version)?;
    writeln!(out, "{:<9}{}", "Codex", codex(facts))?;
    if let Ok(home) = &facts.codex.home {
        writeln!(out, "{:<9}{} ({})", "Home", home.path.display(), home.from)?;
    }
    writeln!(out, "{:<9}{}", "Folder", facts.folder.display())?;
    let log = match &facts.log.file {
        LogFile::None { by } => format!("none ({by}): calls are not logged"),
        LogFile::Writable(path) | LogFile::NotWritable(path, _) => {
            format!("{}, {}", path.display(), file_word(&facts.log.file))
        }
    };
    writeln!(out, "{:<9}{log}", "Log")?;
    writeln!(out, "{:<9}{}", "Service", service_words(&facts.service))?;

    writeln!(out, "\nHooks")?;
    for event in Event::ALL {
        let mut hooks = facts.hooks.iter().filter(|hook| hook.event == event).peekable();
        if hooks.peek().is_none() {
            writeln!(out, "  {:<17}{}", event.name(), paint.word("missing", RED))?;
        }
        for hook in hooks {
            writeln!(out, "  {}", hook_line(hook, paint))?;
        }
    }
    writeln!(out, "\nSettings")?;
    for row in &facts.settings {
        let mark = if row.problem.is_some() { paint.word(" (not valid)", RED) } else { String::new() };
        writeln!(out, "  {:<26}{}{mark}  [{}]", row.name, row.value, row.source)?;
    }
    if !facts.log.problems.is_empty() {
        writeln!(out, "\nLast problems in the log")?;
        for problem in &facts.log.problems {
            writeln!(out, "  {} {} {}", problem.time, problem.level, problem.text)?;
        }
    }
    if !report.findings.is_empty() {
        writeln!(out, "\nFindings")?;
        // The worst is the nearest to the verdict and to the prompt that follows.
        for finding in report.findings.iter().rev() {
            self::finding(out, finding, paint)?;
        }
    }
    writeln!(out, "\n{}", conclusion(report, paint))
}

fn codex(facts: &Facts) -> String {
    let codex = &facts.codex;
    match &codex.program {
        Err(_) => "not found".to_owned(),
        Ok(program) => {
            let version = codex.version.as_deref().unwrap_or("version unknown");
            let config = match &codex.config {
                Some(ConfigVerdict::Accepted) => "accepts its configuration",
                Some(ConfigVerdict::Refused { .. }) => "REFUSES its configuration",
                Some(ConfigVerdict::CannotTell { .. }) | None => "was not asked about its configuration",
            };
            format!("{version} ({}), {config}", program.display())
        }
    }
}

fn hook_line(hook: &HookFacts, paint: Paint) -> String {
    let status = status_word(hook.status.as_ref());
    let code = match hook.status.as_ref() {
        Some(status) if status.protects() => GREEN,
        Some(_) => RED,
        None => YELLOW,
    };
    // Padded before it is coloured: the codes have a length too.
    let status = paint.word(&format!("{status:<13}"), code);
    let detail = match &hook.runner {
        Runner::Python => "Python integration".to_owned(),
        Runner::F5Guard(call) => {
            let ran = match &call.trial {
                Trial::Passed { took } => format!("ran in {} ms", took.as_millis()),
                Trial::Failed { .. } => paint.word("FAILED", RED),
                Trial::NotRun { .. } => "not run".to_owned(),
            };
            format!("{ran}, {}", binary_word(&call.binary))
        }
    };
    format!(
        "{:<17}{:<9}{status}timeout {}, {detail}  [{}]",
        hook.event.name(),
        hook.layer.as_str(),
        seconds(&hook.timeout),
        hook.place.display()
    )
}

fn finding(out: &mut String, finding: &Finding, paint: Paint) -> std::fmt::Result {
    let code = match finding.severity {
        Severity::Problem => RED,
        Severity::Unknown | Severity::Warning => YELLOW,
        Severity::Note => GREEN,
    };
    let mark = paint.word(&format!("{:<9}", finding.severity.as_str()), code);
    let about = if finding.events.is_empty() || finding.events.len() == Event::ALL.len() {
        String::new()
    } else {
        let names: Vec<&str> = finding.events.iter().map(|event| event.name()).collect();
        format!("{}: ", names.join(", "))
    };
    writeln!(out, "  {mark}{about}{} [{}]", finding.text, finding.id.as_str())?;
    writeln!(out, "  {:<9}Fix: {}", "", finding.fix)
}

fn conclusion(report: &Report, paint: Paint) -> String {
    match report.verdict {
        Verdict::Protected => {
            let warned = report.findings.iter().any(|finding| finding.severity == Severity::Warning);
            let but = if warned { " Mind the warnings above." } else { "" };
            format!("{}: Codex runs all five hooks, and they scan.{but}", paint.word("PROTECTED", GREEN))
        }
        Verdict::NotProtected => {
            format!(
                "{}: mend what is marked `problem`, then run the doctor again.",
                paint.word("NOT PROTECTED", RED)
            )
        }
        Verdict::CannotTell => {
            format!(
                "{}: mend what is marked `unknown`, then run the doctor again.",
                paint.word("CANNOT TELL", YELLOW)
            )
        }
    }
}
