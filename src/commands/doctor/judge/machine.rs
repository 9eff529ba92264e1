//! Findings about what surrounds the hooks: who can change managed files, the log, desktop apps, the service.

use super::settings::is_decisive;
use crate::access::Writers;
use crate::commands::doctor::facts::{
    BackgroundServer, DesktopToken, Facts, LogFile, ServiceFacts, VisibleTokens,
};
use crate::commands::doctor::finding::{Finding, FindingId, Severity};
use crate::commands::doctor::proof::EventProof;
use crate::event::Event;
use crate::proof::Greeting;
use crate::settings::Source;
use crate::system::System;

pub(super) fn judge(facts: &Facts, findings: &mut Vec<Finding>) {
    writable(facts, findings);
    log(facts, findings);
    desktop(facts, findings);
    visible(facts, findings);
    background(facts, findings);
    outage(facts, findings);
    transcript(facts, findings);
    service(facts, findings);
}

fn writable(facts: &Facts, findings: &mut Vec<Finding>) {
    for place in &facts.writable {
        let path = place.path.display();
        match &place.who {
            Writers::Administrators => {}
            Writers::Others(why) => findings.push(Finding::new(
                FindingId::Writable,
                Severity::Problem,
                format!("{path} is managed, but ordinary users can change it: {}.", why.join("; ")),
                "Give it and the folders above it to the administrator alone; `f5-guard install --scope system` sets its own folder up so.",
            )),
            Writers::CannotTell(why) => findings.push(Finding::new(
                FindingId::Writable,
                Severity::Warning,
                format!("Whether ordinary users can change the managed {path} could not be found out: {why}."),
                match facts.program.system {
                    System::Windows => "Look at its access list: `icacls` on it and the folders above it.",
                    System::Unix | System::MacOs => "Look at owner and mode: `ls -ld` on it and the folders above it.",
                },
            )),
        }
    }
}

fn log(facts: &Facts, findings: &mut Vec<Finding>) {
    if let LogFile::None { by } = &facts.log.file {
        let fix = match by {
            Source::Flag(_) | Source::Option(_) => {
                "Install again with --log on if they should be.".to_owned()
            }
            Source::Environment(name) => {
                format!("Set {name} to an absolute path, or remove it, if they should be.")
            }
            Source::Default | Source::Stored(_) => {
                "Set F5_GUARDRAILS_LOG_FILE to an absolute path.".to_owned()
            }
        };
        findings.push(Finding::new(
            FindingId::LogOff,
            Severity::Note,
            "Calls are not logged, so that `f5-guard report` and `f5-guard why` have nothing to say.",
            fix,
        ));
    }
    if let LogFile::NotWritable(path, why) = &facts.log.file {
        findings.push(Finding::new(
            FindingId::LogFile,
            Severity::Warning,
            format!("The log {} can't be written: {why}.", path.display()),
            "Correct its permissions, or set F5_GUARDRAILS_LOG_FILE to another file.",
        ));
    }
    if !facts.log.problems.is_empty() {
        findings.push(Finding::new(
            FindingId::LogProblems,
            Severity::Note,
            "The log holds problems.",
            "`f5-guard doctor --verbose` shows the last ones: compare their times with what you saw. \
             `f5-guard smoketest` shows whether a scan works now.",
        ));
    }
}

fn desktop(facts: &Facts, findings: &mut Vec<Finding>) {
    let text = match facts.desktop {
        DesktopToken::NotApplicable | DesktopToken::Set => return,
        DesktopToken::NotSet => "Apps started from the desktop do not see F5_GUARDRAILS_API_TOKEN.",
        DesktopToken::CannotTell => {
            "Whether apps started from the desktop see F5_GUARDRAILS_API_TOKEN could not be found out."
        }
    };
    let fix = match facts.program.system {
        System::Windows => {
            "Run `f5-guard login`, which stores the token where they find it; or set it in the user environment (Settings, \"Edit environment variables for your account\"), then quit the app whole and start it again."
        }
        System::MacOs | System::Unix => {
            "Run `f5-guard login`, which stores the token where they find it; or run `launchctl setenv F5_GUARDRAILS_API_TOKEN \"$F5_GUARDRAILS_API_TOKEN\"` (after each login; the same for other F5_GUARDRAILS_ variables), then quit the app and relaunch it."
        }
    };
    findings.push(Finding::new(FindingId::DesktopApps, Severity::Note, text, fix));
}

/// The fix is for the layer that decides: of several lists Codex takes the strongest layer's.
fn visible(facts: &Facts, findings: &mut Vec<Finding>) {
    let names = match &facts.visible {
        VisibleTokens::Seen(names) => names,
        VisibleTokens::NotAsked => return,
        VisibleTokens::NotProven => {
            findings.push(Finding::new(
                FindingId::TokenVisible,
                Severity::Note,
                "Whether commands of the model can read the token could not be proven: Codex did not run one for it.",
                "Run `f5-guard install --scope user --hide-token`, or store the token with `f5-guard login` and unset \
                 the variable.",
            ));
            return;
        }
    };
    let Some(first) = names.first() else { return };
    let all = names.join(" and ");
    findings.push(Finding::new(
        FindingId::TokenVisible,
        Severity::Warning,
        format!("Every command that the model runs can read {all}: Codex hands it on."),
        format!(
            "Run `f5-guard install --scope user --hide-token`, or store the token with `f5-guard login` and unset \
             {first}. Where a project or a profile has an `exclude` of its own below [shell_environment_policy], add \
             \"{first}\" there: that list replaces the user's."
        ),
    ));
}

fn background(facts: &Facts, findings: &mut Vec<Finding>) {
    let mut add = |severity, text: String| {
        findings.push(Finding::new(FindingId::BackgroundServer, severity, text, RESTART));
    };
    let proof = facts.in_background.as_ref().map(|server| &server.proof);
    match &facts.background {
        BackgroundServer::NotFound | BackgroundServer::Same => {}
        BackgroundServer::Unseen => add(
            Severity::Note,
            "Codex's server runs in the background, and the hooks of `codex` have the variables that it was started with; \
             they can't be seen from here."
                .to_owned(),
        ),
        BackgroundServer::Differs { process, settings } => {
            let decisive = settings.iter().any(|setting| is_decisive(&setting.name));
            let settings: Vec<String> =
                settings.iter().map(|setting| format!("{}: {}", setting.name, setting.value)).collect();
            add(
                if decisive { Severity::Problem } else { Severity::Warning },
                format!(
                    "Codex's server in the background (process {process}) was started with other variables, and the hooks \
                     of `codex` have those: {}.",
                    settings.join("; ")
                ),
            );
        }
    }
    // What does not even work here has its own findings.
    let Ok(here) = &facts.proof else { return };
    match proof {
        Some(Ok(there)) => {
            let lost = |event: &Event| {
                matches!(here.of(*event), Some(EventProof::Proven { .. }))
                    && !matches!(there.of(*event), Some(EventProof::Proven { .. }))
            };
            let names: Vec<&str> = Event::ALL.into_iter().filter(lost).map(Event::name).collect();
            if !names.is_empty() {
                add(
                    Severity::Problem,
                    format!(
                        "In Codex's server in the background, where the sessions of `codex` run, these hooks did not run, or \
                         Codex did not do what they said: {}.",
                        names.join(", ")
                    ),
                );
            }
        }
        // That one is said already.
        Some(Err(_)) if facts.background == BackgroundServer::Unseen => {}
        Some(Err(why)) => add(
            Severity::Warning,
            format!(
                "Whether the hooks work in Codex's server in the background could not be tried: {}.",
                why.trim_end_matches('.')
            ),
        ),
        None => {}
    }
    let sessions = facts.in_background.iter().flat_map(|server| &server.sessions);
    let sessions: Vec<&str> = sessions.map(String::as_str).collect();
    if !sessions.is_empty() {
        findings.push(Finding::new(
            FindingId::OpenSessions,
            Severity::Note,
            format!(
                "{} open in Codex's server in the background, and what was changed since it began need not hold in it: {}.",
                if sessions.len() == 1 { "A session is" } else { "Sessions are" },
                sessions.join(", ")
            ),
            "End them and start them again, if hooks, trust or variables were changed since.",
        ));
    }
}

const RESTART: &str = "Run `codex app-server daemon stop`, then start `codex` again in a terminal that has the right variables.";

fn outage(facts: &Facts, findings: &mut Vec<Finding>) {
    let Some(words) = &facts.outage else { return };
    findings.push(match facts.service {
        ServiceFacts::Asked(Greeting::Cleared { .. } | Greeting::Objected { .. }) => Finding::new(
            FindingId::Outage,
            Severity::Note,
            format!("{words} The doctor's own scan succeeded, so they scan again."),
            "Nothing needs to be done.",
        ),
        ServiceFacts::Asked(Greeting::Failed { .. }) | ServiceFacts::NotTried | ServiceFacts::Offline => Finding::new(
            FindingId::Outage,
            Severity::Warning,
            words,
            "Hooks scan again by themselves once the service answers; a successful `f5-guard smoketest` ends the outage at \
             once.",
        ),
    });
}

fn transcript(facts: &Facts, findings: &mut Vec<Finding>) {
    let Some(unread) = &facts.transcript else { return };
    findings.push(Finding::new(
        FindingId::Transcript,
        Severity::Warning,
        format!(
            "What the last session's file holds can't be scanned, and in closed mode the prompts of such a session are \
             blocked. {unread}"
        ),
        unread.fix(),
    ));
}

/// Nothing but a scan that cleared lets the verdict be that this machine is protected.
fn service(facts: &Facts, findings: &mut Vec<Finding>) {
    let mut problems = facts.settings.iter().filter_map(|row| row.problem.as_ref());
    let finding = match &facts.service {
        ServiceFacts::Asked(Greeting::Cleared { .. }) => return,
        // What prevents a scan is a finding of its own.
        ServiceFacts::Offline | ServiceFacts::NotTried
            if problems.any(|problem| problem.severity >= Severity::Problem) =>
        {
            return;
        }
        ServiceFacts::Offline | ServiceFacts::NotTried => Finding::new(
            FindingId::ServiceNotTried,
            Severity::Unknown,
            "Whether the hooks can scan was not tried.",
            "Run `f5-guard smoketest`, or `f5-guard doctor` without --offline.",
        ),
        ServiceFacts::Asked(Greeting::Objected { words }) => Finding::new(
            FindingId::ServiceObjects,
            Severity::Unknown,
            format!(
                "The service works, but it objects to a harmless greeting, so that no scan has cleared: {words}."
            ),
            "Ask those who run the F5 project to look at its scanners.",
        ),
        ServiceFacts::Asked(Greeting::Failed { why, fix }) => {
            Finding::new(FindingId::Service, Severity::Problem, why, fix)
        }
    };
    findings.push(finding);
}
