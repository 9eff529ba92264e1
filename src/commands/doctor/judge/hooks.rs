//! Findings about the registered hooks: for each event, does Codex run one, and obey it?
//!
//! That is proven, or not. What is wrong with an entry explains why not; where it is proven, or another entry scans the
//! event, it is no more than a warning.

use std::collections::BTreeSet;

use crate::codex::layers::Layer;
use crate::codex::layers::{ConfigVerdict, OnlyManaged};
use crate::codex::trust::HookStatus;
use crate::commands::doctor::facts::{Difference, Facts, FileContent, HookFacts, Listed, Runner};
use crate::commands::doctor::finding::{Finding, FindingId, Severity};
use crate::commands::doctor::proof::{EventProof, LostRun};
use crate::event::Event;

use super::entry::{entry, removal, renewal};
use super::settings::{differing, is_common, is_decisive};

pub(super) fn judge(facts: &Facts, findings: &mut Vec<Finding>) {
    for event in Event::ALL {
        judge_event(facts, event, findings);
    }
    if let Err(why) = &facts.proof {
        findings.push(Finding::new(
            FindingId::NotProven,
            Severity::Unknown,
            format!(
                "Whether Codex runs the hooks and obeys them was not tried: {}.",
                why.trim_end_matches('.')
            ),
            "Fix that, and run `f5-guard doctor` again, as the user whose Codex is meant.",
        ));
    }
    lookalikes(facts, findings);
    two_files(facts, findings);
    flags_differ(facts, findings);
    differ(facts, findings);
    differ_among_each_other(facts, findings);
    foreign(facts, findings);
}

/// Codex takes the rewrite of the hook that is done last, and asks nobody again.
fn foreign(facts: &Facts, findings: &mut Vec<Finding>) {
    if facts.foreign.is_empty() {
        return;
    }
    let places: Vec<String> = facts.foreign.iter().map(|place| place.display().to_string()).collect();
    findings.push(Finding::new(
        FindingId::ForeignHook,
        Severity::Note,
        format!(
            "Another hook for tool inputs runs next to f5-guard's ({}): what it rewrites is not scanned again.",
            places.join(", ")
        ),
        "Make sure that it is one that you trust; /hooks in `codex` shows it.",
    ));
}

fn judge_event(facts: &Facts, event: Event, findings: &mut Vec<Finding>) {
    let hooks: Vec<&HookFacts> = facts.hooks.iter().filter(|hook| hook.event == event).collect();
    let judged: Vec<(&HookFacts, Vec<Finding>)> = hooks
        .iter()
        .filter_map(|hook| match &hook.runner {
            Runner::F5Guard(call) => Some((*hook, entry(hook, call))),
            Runner::Python => None,
        })
        .collect();
    let proof = facts.proof.as_ref().ok().and_then(|proof| proof.of(event));
    // Where none is registered, something else has answered.
    let is_proven = matches!(proof, Some(EventProof::Proven { .. })) && !judged.is_empty();
    let scans = |troubles: &[Finding]| troubles.iter().all(|trouble| trouble.severity < Severity::Unknown);
    // What is in the files counts for nothing where the trial says otherwise.
    let is_scanned = proof.is_none() && judged.iter().any(|(_, troubles)| scans(troubles));
    let in_time = judged
        .iter()
        .any(|(_, troubles)| troubles.iter().all(|trouble| trouble.id != FindingId::TimeoutTooShort));
    let mut found = Vec::new();
    if judged.is_empty() {
        found.push(missing(facts, event));
    }
    for (_, troubles) in &judged {
        found.extend(troubles.iter().cloned().map(|trouble| trouble.about(event)));
    }
    not_listed(facts, event, &mut found);
    for finding in &mut found {
        // The trial took no time, as a scan can.
        let is_excused = is_scanned || is_proven && (finding.id != FindingId::TimeoutTooShort || in_time);
        if is_excused {
            finding.severity = finding.severity.min(Severity::Warning);
        }
    }
    if is_proven {
        found.retain(|finding| !matches!(finding.id, FindingId::BinaryUnusable | FindingId::TrustUnknown));
    }
    if matches!(proof, Some(EventProof::DidNotRun | EventProof::Lost { .. })) {
        // The message comes as a command of the shell.
        for finding in found.iter_mut().filter(|finding| finding.id == FindingId::Matcher) {
            finding.severity = Severity::Problem;
        }
    }
    let is_explained = found.iter().any(|finding| finding.severity == Severity::Problem);
    findings.append(&mut found);
    if let Some(proof) = proof {
        findings.extend(not_proven(facts, event, proof, is_explained));
    }
    doubles(event, &hooks, findings);
}

/// What the trial showed, where that is not a proof. `is_explained`: another finding says why.
fn not_proven(facts: &Facts, event: Event, proof: &EventProof, is_explained: bool) -> Option<Finding> {
    let is_ours =
        |run: &&LostRun| facts.hooks.iter().any(|hook| hook.event == event && hook.place == run.place);
    let finding =
        |id, severity, text: String, fix: &str| Some(Finding::new(id, severity, text, fix).about(event));
    let did_not_run = || {
        if is_explained {
            return None;
        }
        finding(
            FindingId::DidNotRun,
            Severity::Problem,
            "Codex did not run f5-guard's hook, though nothing here says why.".to_owned(),
            "Start `codex` and look at /hooks: all five must be active. Then run `f5-guard install`.",
        )
    };
    match proof {
        EventProof::Proven { .. } => None,
        EventProof::DidNotRun => did_not_run(),
        EventProof::Lost { runs } => {
            let Some(run) = runs.iter().find(is_ours) else { return did_not_run() };
            let said = if run.words.is_empty() { String::new() } else { format!(": {}", run.words) };
            if matches!(run.status.as_str(), "blocked" | "stopped") {
                return finding(
                    FindingId::NotProven,
                    Severity::Problem,
                    format!("The hook blocked the message, and not as this f5-guard does{said}"),
                    "Do what it says, or run `f5-guard install`, if it is an older f5-guard.",
                );
            }
            if is_explained {
                return None;
            }
            let text = if said.is_empty() {
                "Codex ran the hook and got no answer, so that what it should stop goes ahead.".to_owned()
            } else {
                let said = said.trim_end_matches('.');
                format!(
                    "Codex ran the hook, and its block was lost ({}{said}), so that what it should stop goes ahead.",
                    run.status
                )
            };
            finding(
                FindingId::BlockLost,
                Severity::Problem,
                text,
                "Look at what the shell reads before it runs a command (BASH_ENV, ~/.zshenv): it may end the \
                 command or write to its output. If f5-guard was changed since, run `f5-guard install`.",
            )
        }
        EventProof::NotReached { why } => finding(
            FindingId::NotProven,
            Severity::Unknown,
            format!("Whether Codex runs the hook could not be tried: {}.", why.trim_end_matches('.')),
            "Fix that, and run `f5-guard doctor` again.",
        ),
        EventProof::Hung => finding(
            FindingId::BlockLost,
            Severity::Problem,
            "Codex did not end the turn in which the hook was tried.".to_owned(),
            "Look at the other hooks under /hooks in `codex`: one of them may hang.",
        ),
    }
}

/// What one event's hook has otherwise than that of the first, whose settings the report shows and the greeting was scanned with.
fn differ_among_each_other(facts: &Facts, findings: &mut Vec<Finding>) {
    let mut reports = facts.proof.iter().flat_map(|proof| proof.reports());
    let Some((first, known)) = reports.next() else { return };
    for (event, report) in reports {
        let there = differing(&known.settings, &report.settings);
        let here = differing(&report.settings, &known.settings);
        let words = |difference: &Difference| match difference.source.as_str() {
            "" => difference.value.clone(),
            source => format!("{} [{source}]", difference.value),
        };
        let named: Vec<String> = there
            .iter()
            .filter(|difference| is_common(&difference.name))
            .map(|difference| {
                let known = here.iter().find(|known| known.name == difference.name);
                let known = known.map(words).unwrap_or_default();
                format!("{} is {}, and {known} at {}", difference.name, words(difference), first.name())
            })
            .collect();
        if !named.is_empty() {
            findings.push(
                Finding::new(
                    FindingId::HooksDiffer,
                    Severity::Problem,
                    format!("The hook runs with other settings than the others: {}.", named.join("; ")),
                    "Run `f5-guard install`, which registers all hooks alike; look at what sets a variable for one of them.",
                )
                .about(event),
            );
        }
    }
}

/// What hooks have otherwise than the terminal that the doctor runs in.
fn differ(facts: &Facts, findings: &mut Vec<Finding>) {
    if facts.differences.is_empty() {
        return;
    }
    let decisive = facts.differences.iter().any(|difference| is_decisive(&difference.name));
    let named: Vec<String> = facts
        .differences
        .iter()
        .map(|difference| match difference.source.as_str() {
            "" | "default" => format!("{}: {}", difference.name, difference.value),
            source => format!("{}: {} [{source}]", difference.name, difference.value),
        })
        .collect();
    findings.push(Finding::new(
        FindingId::HooksDiffer,
        if decisive { Severity::Warning } else { Severity::Note },
        format!("Hooks run with other settings than this terminal has: {}.", named.join("; ")),
        "Where that is not meant, change what is named in brackets, or set the same here.",
    ));
}

fn missing(facts: &Facts, event: Event) -> Finding {
    let managed_only = facts.codex.switches.as_ref().is_some_and(|s| s.only_managed == OnlyManaged::Yes);
    let fix = if matches!(facts.codex.config, Some(ConfigVerdict::Refused { .. })) {
        "Correct the configuration that Codex refuses first: its hooks can't be seen before."
    } else if managed_only {
        "Run `f5-guard install --scope system` as an administrator."
    } else {
        "Run `f5-guard install`."
    };
    let (severity, text) = if facts.codex.listing.is_ok() {
        (Severity::Problem, "No hook of f5-guard is active in Codex.")
    } else if !facts.left_out.is_empty() {
        (Severity::Unknown, "No file that root looked at registers a hook of f5-guard.")
    } else {
        (Severity::Problem, "No file on this machine registers a hook of f5-guard.")
    };
    Finding::new(FindingId::NotRegistered, severity, text, fix).about(event)
}

/// A command that nobody can be sure of runs with the token in its environment, or asks to be trusted among ours.
fn lookalikes(facts: &Facts, findings: &mut Vec<Finding>) {
    for hook in &facts.lookalikes {
        let (severity, state) = match (&hook.status, hook.listed) {
            (_, Listed::No) => (Severity::Warning, "Codex does not take it from there"),
            (None, Listed::Yes) => (Severity::Problem, "whether Codex runs it could not be asked"),
            (Some(status), Listed::Yes) if status.protects() => (Severity::Problem, "Codex runs it"),
            (Some(HookStatus::Asynchronous), Listed::Yes) => (Severity::Problem, "Codex runs it"),
            (Some(_), Listed::Yes) => (Severity::Problem, "Codex does not run it until you trust it"),
        };
        findings.push(Finding::new(
            FindingId::Lookalike,
            severity,
            format!(
                "A {} hook in {} looks like f5-guard, but is none that f5-guard registers ({state}): {}",
                hook.event,
                hook.place.display(),
                hook.command
            ),
            "Don't trust it in Codex before you have read it, and remove it from that file if it is not yours. `f5-guard install` registers its own commands and leaves this one alone.",
        ));
    }
}

/// What is in a file and not among the hooks that Codex lists.
fn not_listed(facts: &Facts, event: Event, findings: &mut Vec<Finding>) {
    if facts.codex.listing.is_err() {
        return;
    }
    let listed: BTreeSet<&str> =
        facts.hooks.iter().filter(|hook| hook.event == event).map(|hook| hook.command.as_str()).collect();
    for file in &facts.files {
        let FileContent::Read { ours, .. } = &file.content else { continue };
        if !ours.iter().any(|(of, command)| *of == event && !listed.contains(command.as_str())) {
            continue;
        }
        let fix = match file.layer {
            Layer::Project => {
                "Trust the project when Codex asks at its start in that folder; its hooks run only then. In a linked \
                 worktree those of the main checkout count: `f5-guard install --scope project` registers there."
            }
            _ => {
                "See the other findings (hooks off, managed hooks only, a file that Codex refuses), or look at /hooks in Codex."
            }
        };
        let text = format!("{} registers a hook of f5-guard that Codex does not list.", file.path.display());
        findings.push(Finding::new(FindingId::NotListed, Severity::Problem, text, fix).about(event));
    }
}

/// Whether Codex runs the hook; where it could not be asked, it may.
fn runs(hook: &HookFacts) -> bool {
    hook.status.as_ref().is_none_or(|status| status.protects() || *status == HookStatus::Asynchronous)
}

fn doubles(event: Event, hooks: &[&HookFacts], findings: &mut Vec<Finding>) {
    let ours: Vec<&&HookFacts> =
        hooks.iter().filter(|hook| matches!(hook.runner, Runner::F5Guard(_))).collect();
    let running = ours.iter().filter(|hook| runs(hook)).count();
    if ours.len() > 1 {
        let places: BTreeSet<String> =
            ours.iter().map(|hook| format!("{} ({})", hook.place.display(), hook.layer.as_str())).collect();
        let places: Vec<String> = places.into_iter().collect();
        let text = format!(
            "f5-guard is registered {} times, of which {running} run, and each one scans: {}.",
            ours.len(),
            places.join(", ")
        );
        // The one that users can take away themselves comes first to mind; managed ones are enforced.
        let spare = ours.iter().find(|hook| !hook.layer.is_managed());
        let fix = match spare {
            Some(spare) if places.len() > 1 => {
                format!("Keep one; {} removes one.", removal(spare.layer))
            }
            _ => {
                "Keep one: remove the others from that file by hand, then run `f5-guard install`.".to_owned()
            }
        };
        findings.push(Finding::new(FindingId::RegisteredTwice, Severity::Warning, text, fix).about(event));
    }
    for hook in hooks.iter().filter(|hook| matches!(hook.runner, Runner::Python)) {
        let twice = running > 0 && runs(hook);
        let scans = if twice { ", so that the event is scanned twice" } else { "" };
        findings.push(
            Finding::new(
                FindingId::PythonIntegration,
                Severity::Warning,
                format!("The Python integration is still registered in {}{scans}.", hook.place.display()),
                format!("{}, which replaces it.", renewal(hook.layer)),
            )
            .about(event),
        );
    }
}

fn two_files(facts: &Facts, findings: &mut Vec<Finding>) {
    let with_hooks = |name: &str| -> Vec<_> {
        let files = facts.files.iter().filter(|file| file.path.file_name().is_some_and(|file| file == name));
        files.filter(|file| matches!(file.content, FileContent::Read { hooks: 1.., .. })).collect()
    };
    for json in with_hooks("hooks.json") {
        let beside =
            |toml: &&&crate::commands::doctor::facts::FileFacts| toml.path.parent() == json.path.parent();
        if let Some(toml) = with_hooks("config.toml").iter().find(beside) {
            findings.push(Finding::new(
                FindingId::TwoFiles,
                Severity::Warning,
                format!("Both {} and {} register hooks; Codex wants one of the two.", toml.path.display(), json.path.display()),
                "Move all hooks into one of the files; `f5-guard install --format toml` or `--format json` puts ours into the one you keep.",
            ));
        }
    }
}

fn flags_differ(facts: &Facts, findings: &mut Vec<Finding>) {
    let running = facts.hooks.iter().filter(|hook| runs(hook));
    let flags: BTreeSet<String> = running
        .filter_map(|hook| match &hook.runner {
            Runner::F5Guard(call) => Some(call.flags.join(" ")),
            Runner::Python => None,
        })
        .collect();
    if flags.len() > 1 {
        let named: Vec<String> =
            flags.iter().map(|f| if f.is_empty() { "none".to_owned() } else { format!("`{f}`") }).collect();
        findings.push(Finding::new(
            FindingId::FlagsDiffer,
            Severity::Warning,
            format!("The hooks are registered with different flags: {}.", named.join("; ")),
            "Run `f5-guard install` with the flags that all of them are to have.",
        ));
    }
}
