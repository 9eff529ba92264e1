//! Findings about Codex itself: is it there, does it accept its configuration, does it run hooks at all.

use crate::codex::layers::{ConfigVerdict, HooksFeature, OnlyManaged};
use crate::codex::version;
use crate::commands::doctor::facts::{Existence, Facts, FileContent, FileFacts};
use crate::commands::doctor::finding::{Finding, FindingId, Severity};

pub(super) fn judge(facts: &Facts, findings: &mut Vec<Finding>) {
    let codex = &facts.codex;
    if !facts.left_out.is_empty() {
        findings.push(Finding::new(
            FindingId::AsRoot,
            if codex.home.is_err() { Severity::Unknown } else { Severity::Note },
            format!(
                "This is root, who reads and starts only what nobody else can change; left out: {}.",
                facts.left_out.join("; ")
            ),
            "Run `f5-guard doctor` as the user whose Codex is meant, without sudo.",
        ));
    }
    let mut add =
        |id, severity, text: String, fix: &str| findings.push(Finding::new(id, severity, text, fix));
    match &codex.home {
        // The finding about that says so.
        Err(_) if !facts.left_out.is_empty() => {}
        Err(why) => add(FindingId::CodexHome, Severity::Unknown, why.clone(), "Set CODEX_HOME or HOME."),
        Ok(home) if home.exists == Existence::Missing => add(
            FindingId::CodexHome,
            Severity::Warning,
            format!("Codex's home folder {} ({}) does not exist.", home.path.display(), home.from),
            "Start Codex once, or correct CODEX_HOME.",
        ),
        Ok(_) => {}
    }
    match (&codex.program, &codex.version) {
        (Err(why), _) => add(
            FindingId::CodexMissing,
            Severity::Unknown,
            format!("Codex could not be asked: {why}"),
            "Install Codex, put it on PATH, or name its executable with `f5-guard doctor --codex FILE`.",
        ),
        (Ok(_), Err(why)) => add(
            FindingId::CodexUnusable,
            Severity::Warning,
            format!("Codex does not report its version: {why}"),
            "Run `codex --version` yourself; if it fails, install Codex again.",
        ),
        (Ok(_), Ok(version)) => {
            if let Some(old) = version::too_old(version) {
                add(
                    FindingId::CodexOld,
                    Severity::Problem,
                    old,
                    "Update Codex, and run `f5-guard install` again.",
                );
            }
        }
    }
    let home_left_out = codex.home.is_err() && !facts.left_out.is_empty();
    if let (Ok(_), Err(why), false) = (&codex.program, &codex.listing, home_left_out) {
        add(
            FindingId::CodexUnusable,
            Severity::Unknown,
            format!("Codex could not be asked about its hooks: {why}"),
            "Update Codex; then start it and look at /hooks: the five hooks of f5-guard must be active.",
        );
    }
    match &codex.config {
        Some(ConfigVerdict::Refused { file, position, message }) => {
            let place = match (file, position) {
                (Some(file), Some((line, column))) => format!(" ({}:{line}:{column})", file.display()),
                (Some(file), None) => format!(" ({})", file.display()),
                (None, _) => String::new(),
            };
            add(
                FindingId::ConfigRefused,
                Severity::Problem,
                format!("Codex refuses its configuration{place}: {message}"),
                "Correct the file at that place; a backup may be next to it.",
            );
        }
        Some(ConfigVerdict::CannotTell { reason }) => add(
            FindingId::ConfigFormat,
            Severity::Note,
            format!("Whether Codex accepts its configuration could not be asked: {reason}"),
            "Start `codex` and look for a message about its configuration.",
        ),
        Some(ConfigVerdict::Accepted) | None => {}
    }
    switches(facts, findings);
    listing(facts, findings);
}

fn switches(facts: &Facts, findings: &mut Vec<Finding>) {
    let is_asked = |file: &&FileFacts| {
        let name = facts.profile.as_ref().map(|name| format!("{name}.config.toml"));
        name.is_some_and(|name| file.path.file_name().is_some_and(|file| *file == *name))
    };
    for place in facts.files.iter().filter(is_asked).flat_map(switched_off) {
        findings.push(Finding::new(
            FindingId::HooksOff,
            Severity::Problem,
            format!("Hooks are switched off in {place}, the profile that was asked about."),
            "Remove that line, or use Codex without that profile.",
        ));
    }
    let in_files: Vec<String> =
        facts.files.iter().filter(|file| !is_asked(file)).flat_map(switched_off).collect();
    match facts.codex.switches.as_ref() {
        Some(switches) => {
            if let HooksFeature::Off { by } = &switches.feature {
                findings.push(Finding::new(
                    FindingId::HooksOff,
                    Severity::Problem,
                    format!("Codex runs no hooks at all: the feature `hooks` is off in {by}."),
                    "Set `hooks = true` below `[features]` there, or remove the line; `f5-guard install` does it in the user's own file.",
                ));
            } else if !in_files.is_empty() {
                findings.push(Finding::new(
                    FindingId::HooksOff,
                    Severity::Warning,
                    format!("Hooks are switched off in {}; here another setting wins.", in_files.join(", ")),
                    "Remove that line, so that hooks run everywhere and with every profile.",
                ));
            }
            if switches.only_managed == OnlyManaged::Yes {
                findings.push(Finding::new(
                    FindingId::ManagedOnly,
                    Severity::Note,
                    "The administrator allows managed hooks only: Codex ignores those of users and projects.",
                    "Register for the whole system: `f5-guard install --scope system` as an administrator.",
                ));
            }
        }
        None if !in_files.is_empty() => findings.push(Finding::new(
            FindingId::HooksOff,
            Severity::Problem,
            format!("Hooks are switched off in {}.", in_files.join(", ")),
            "Set `hooks = true` below `[features]` there, or remove the line.",
        )),
        None => {}
    }
}

fn switched_off(file: &FileFacts) -> Vec<String> {
    let FileContent::Read { switched_off, .. } = &file.content else { return Vec::new() };
    switched_off.iter().map(|place| format!("{} ({place})", file.path.display())).collect()
}

fn listing(facts: &Facts, findings: &mut Vec<Finding>) {
    for file in &facts.files {
        if let FileContent::Unusable(why) = &file.content {
            findings.push(Finding::new(
                FindingId::ConfigFormat,
                Severity::Warning,
                format!("{} could not be read here: {why}", file.path.display()),
                "Correct the file, or its permissions; what it registers was left out of this report.",
            ));
        }
    }
    let Ok(listing) = &facts.codex.listing else { return };
    // One refusal is enough.
    let is_refused = matches!(facts.codex.config, Some(ConfigVerdict::Refused { .. }));
    for error in listing.errors.iter().filter(|_| !is_refused) {
        findings.push(Finding::new(
            FindingId::ConfigRefused,
            Severity::Problem,
            format!("Codex could not load a part of its configuration: {error}"),
            "Correct the file that the message names.",
        ));
    }
    for warning in &listing.warnings {
        findings.push(Finding::new(
            FindingId::CodexWarning,
            Severity::Warning,
            format!("Codex warns: {warning}"),
            "Do what the message says; if it is about two files with hooks, keep all hooks of a folder in one of them.",
        ));
    }
    let is_old = codex_is_old(facts);
    for entry in listing.unreadable.iter().filter(|_| !is_old) {
        findings.push(Finding::new(
            FindingId::CodexWarning,
            Severity::Warning,
            format!("An entry of Codex's list of hooks could not be understood: {entry}"),
            "Update f5-guard: this Codex may be newer than it.",
        ));
    }
}

fn codex_is_old(facts: &Facts) -> bool {
    facts.codex.version.as_deref().is_ok_and(|version| version::too_old(version).is_some())
}
