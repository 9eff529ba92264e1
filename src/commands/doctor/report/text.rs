//! The report as text: the verdict on top, what was tried, what is wrong; settings and files where they are asked for.
//! Laid out for terminals of 80 columns.

use std::fmt::Write;

use super::json::{binary_word, file_word, service_words, status_word};
use anstyle::Style;

use crate::codex::layers::ConfigVerdict;
use crate::codex::trust::HookStatus;
use crate::commands::doctor::facts::{Facts, FileContent, HookFacts, LogFile, Runner, ServiceFacts};
use crate::commands::doctor::finding::{Finding, FindingId, Report, Severity, State};
use crate::commands::doctor::proof::EventProof;
use crate::event::Event;
use crate::printable::{seconds, wrapped};
use crate::proof::Greeting;
use crate::terminal::{GREEN, Paint, RED, WIDTH, YELLOW};

/// How a report looks.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    pub paint: Paint,
    /// Settings, files and the log, too.
    pub verbose: bool,
}

pub fn render(facts: &Facts, report: &Report, layout: Layout) -> String {
    let mut out = String::new();
    // Writing to a string never fails.
    let _ = write_report(&mut out, facts, report, layout);
    out
}

fn write_report(out: &mut String, facts: &Facts, report: &Report, layout: Layout) -> std::fmt::Result {
    writeln!(out, "{}\n", verdict(facts, report, layout))?;
    for event in Event::ALL {
        let (word, code) = event_words(facts, event);
        writeln!(out, "  {:<18}{}", event.name(), layout.paint.word(&wrapped(&word, WIDTH, 20), code))?;
    }
    writeln!(out, "  {:<18}{}", "F5 service", wrapped(&service(&facts.service), WIDTH, 20))?;
    writeln!(out, "  {:<18}{}", "Codex", wrapped(&codex(facts), WIDTH, 20))?;
    if let Some(profile) = &facts.profile {
        writeln!(out, "  {:<18}{}", "Profile", wrapped(profile, WIDTH, 20))?;
    }
    findings(out, report, layout)?;
    if layout.verbose {
        details(out, facts, layout)
    } else {
        writeln!(out, "\nSettings, files and the log: `f5-guard doctor --verbose`.")
    }
}

/// The state, and why it is so.
fn verdict(facts: &Facts, report: &Report, layout: Layout) -> String {
    let heading = report.state.heading();
    // What is unknown is said first where that is the verdict.
    let unknown = report.findings.iter().find(|finding| finding.severity == Severity::Unknown);
    let worst = match report.state {
        State::NotProven | State::Unknown => unknown.or(report.findings.first()),
        // To observe is a choice, and no reason why something else does not work.
        State::Observing => report.findings.first(),
        _ => report.findings.iter().find(|finding| finding.id != FindingId::ObserveOnly),
    };
    let text = match report.state {
        State::Protected => {
            let warned = report.findings.iter().any(|finding| finding.severity == Severity::Warning);
            let but = if warned { " Mind the warnings below." } else { "" };
            let version = facts.codex.version.as_deref().unwrap_or_default();
            format!("Codex {version} ran the hooks and did what they said, and a greeting was scanned.{but}")
        }
        _ => worst.map(|finding| finding.text.clone()).unwrap_or_default(),
    };
    // Wrapped before it is coloured: the codes have a length, too.
    let painted = layout.paint.word(heading, report.state.style());
    wrapped(&format!("{heading}: {text}"), WIDTH, 0).replacen(heading, &painted, 1)
}

/// What is known of one event's hook, in a few words.
fn event_words(facts: &Facts, event: Event) -> (String, Style) {
    let hooks = || facts.hooks.iter().filter(|hook| hook.event == event);
    let proof = facts.proof.as_ref().ok().and_then(|proof| proof.of(event));
    match proof {
        Some(EventProof::Proven { took, .. }) => (format!("proven in {} ms", took.as_millis()), GREEN),
        Some(proof) => (proof.word().to_owned(), RED),
        None => match hooks()
            .map(|hook| hook.status.as_ref())
            .find(|status| status.is_some_and(HookStatus::protects))
        {
            Some(status) => {
                let only = if facts.proof.is_ok() { ", not tried: it takes a sub-agent" } else { "" };
                (format!("{}{only}", status_word(status)), GREEN)
            }
            None => match hooks().next() {
                Some(hook) => (status_word(hook.status.as_ref()).to_owned(), YELLOW),
                None => ("not registered".to_owned(), RED),
            },
        },
    }
}

/// The causes first, and of what follows from them only the names.
fn findings(out: &mut String, report: &Report, layout: Layout) -> std::fmt::Result {
    let has_cause = report.has_root_cause();
    let (folded, shown): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(|finding| has_cause && finding.id.is_consequence());
    for finding in shown {
        writeln!(out)?;
        self::finding(out, finding, layout)?;
    }
    let mut names: Vec<&str> = folded.iter().map(|finding| finding.id.as_str()).collect();
    names.dedup();
    if !names.is_empty() {
        writeln!(
            out,
            "\n{:<9}{}",
            "",
            wrapped(&format!("Because of that: {}.", names.join(", ")), WIDTH, 9)
        )?;
    }
    Ok(())
}

fn details(out: &mut String, facts: &Facts, layout: Layout) -> std::fmt::Result {
    let path = facts.program.path.as_ref().map_or("unknown place".into(), |path| path.display().to_string());
    writeln!(out, "\nf5-guard {} ({path})", facts.program.version)?;
    if let Ok(program) = &facts.codex.program {
        writeln!(out, "{:<9}{}", "Codex", program.display())?;
    }
    if let Ok(home) = &facts.codex.home {
        let home = format!("{} ({})", home.path.display(), home.from);
        writeln!(out, "{:<9}{}", "Home", wrapped(&home, WIDTH, 9))?;
    }
    writeln!(out, "{:<9}{}", "Folder", facts.folder.display())?;
    let log = match &facts.log.file {
        LogFile::None { by } => format!("none ({by}): calls are not logged"),
        LogFile::Writable(path) | LogFile::NotWritable(path, _) => {
            format!("{}, {}", path.display(), file_word(&facts.log.file))
        }
    };
    writeln!(out, "{:<9}{}", "Log", wrapped(&log, WIDTH, 9))?;
    writeln!(out, "\nRegistered hooks")?;
    for hook in &facts.hooks {
        write!(out, "{}", hook_lines(hook, layout))?;
    }
    let files = facts.files.iter().filter(|file| !matches!(file.content, FileContent::Absent));
    for file in files {
        let file = format!("{} ({})", file.path.display(), file.layer.as_str());
        writeln!(out, "  {}", wrapped(&file, WIDTH, 4))?;
    }
    let of = if facts.proof.as_ref().is_ok_and(|proof| proof.report().is_some()) {
        "as the hooks have them"
    } else {
        "as this terminal has them"
    };
    writeln!(out, "\nSettings, {of}")?;
    for row in &facts.settings {
        let mark = if row.problem.is_some() { layout.paint.word(" (not valid)", RED) } else { String::new() };
        writeln!(out, "  {:<26}{}{mark}", row.name, wrapped(&row.value, WIDTH, 28))?;
        if row.source != "default" {
            writeln!(out, "  {:<26}[{}]", "", row.source)?;
        }
    }
    if !facts.log.problems.is_empty() {
        writeln!(out, "\nLast problems in the log")?;
        for problem in &facts.log.problems {
            let problem = format!("{} {} {}", problem.time, problem.level, problem.text);
            writeln!(out, "  {}", wrapped(&problem, WIDTH, 4))?;
        }
    }
    Ok(())
}

fn service(service: &ServiceFacts) -> String {
    match service {
        ServiceFacts::Asked(Greeting::Cleared { milliseconds }) => {
            format!("cleared a greeting in {milliseconds} ms")
        }
        ServiceFacts::Asked(Greeting::Objected { .. }) => "objects to a greeting".to_owned(),
        ServiceFacts::Asked(Greeting::Failed { .. }) => "a greeting could not be scanned".to_owned(),
        ServiceFacts::Offline | ServiceFacts::NotTried => service_words(service),
    }
}

fn codex(facts: &Facts) -> String {
    let codex = &facts.codex;
    match &codex.program {
        Err(_) => "not found".to_owned(),
        Ok(_) => {
            let version = codex.version.as_deref().unwrap_or("version unknown");
            let config = match &codex.config {
                Some(ConfigVerdict::Accepted) => "accepts its configuration",
                Some(ConfigVerdict::Refused { .. }) => "REFUSES its configuration",
                Some(ConfigVerdict::CannotTell { .. }) | None => "was not asked about its configuration",
            };
            format!("{version}, {config}")
        }
    }
}

fn hook_lines(hook: &HookFacts, layout: Layout) -> String {
    let status = status_word(hook.status.as_ref());
    let code = match hook.status.as_ref() {
        Some(status) if status.protects() => GREEN,
        Some(_) => RED,
        None => YELLOW,
    };
    // Padded before it is coloured: the codes have a length too.
    let status = layout.paint.word(&format!("{status:<13}"), code);
    let detail = match &hook.runner {
        Runner::Python => "Python integration".to_owned(),
        Runner::F5Guard(call) => binary_word(&call.binary),
    };
    format!(
        "  {:<17}{:<9}{status}timeout {}, {detail}\n  {:<17}{}\n",
        hook.event.name(),
        hook.layer.as_str(),
        seconds(&hook.timeout),
        "",
        hook.place.display()
    )
}

fn finding(out: &mut String, finding: &Finding, layout: Layout) -> std::fmt::Result {
    let code = match finding.severity {
        Severity::Problem => RED,
        Severity::Unknown | Severity::Warning => YELLOW,
        Severity::Note => GREEN,
    };
    let mark = layout.paint.word(&format!("{:<9}", finding.severity.as_str()), code);
    let about = if finding.events.is_empty() || finding.events.len() == Event::ALL.len() {
        String::new()
    } else {
        let names: Vec<&str> = finding.events.iter().map(|event| event.name()).collect();
        format!("{}: ", names.join(", "))
    };
    let text = format!("{about}{} [{}]", finding.text, finding.id.as_str());
    writeln!(out, "{mark}{}", wrapped(&text, WIDTH, 9))?;
    writeln!(out, "{:<9}{}", "", wrapped(&format!("Fix: {}", finding.fix), WIDTH, 9))
}
