//! Findings about the registered hooks: for each event, does Codex run one, and obey it?
//!
//! That is proven, or not. What is wrong with an entry explains why not; where it is proven, or another entry scans the
//! event, it is no more than a warning.

use std::collections::BTreeSet;

use crate::codex::layers::{ConfigVerdict, OnlyManaged};
use crate::codex::trust::HookStatus;
use crate::commands::doctor::facts::{
    BinaryFacts, CallFacts, Difference, Facts, FileContent, HookFacts, Layer, Listed, Runner,
};
use crate::commands::doctor::finding::{Finding, FindingId, Severity};
use crate::commands::doctor::proof::{EventProof, LostRun};
use crate::event::Event;
use crate::printable::seconds;
use crate::settings::STALL_ROOM;

use super::settings::{differing, is_common, is_decisive};

const TRUST_FIX: &str =
    "Start `codex`, open /hooks and trust it, or run `f5-guard install --trust`, which asks Codex to.";

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

/// What stands in a file and is not among the hooks that Codex lists.
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
                "Trust the project when Codex asks at its start in that folder; its hooks run only then."
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
        let spare = ours.iter().find(|hook| !matches!(hook.layer, Layer::Administrator(_)));
        let fix = match spare {
            Some(spare) if places.len() > 1 => {
                format!("Keep one; {} removes one.", spare.layer.uninstall())
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
                format!("{}, which replaces it.", hook.layer.install()),
            )
            .about(event),
        );
    }
}

/// What is wrong with one entry, as bad as it would be if it were the only one.
fn entry(hook: &HookFacts, call: &CallFacts) -> Vec<Finding> {
    let mut found = Vec::new();
    status(hook, call, &mut found);
    timeouts(hook, call, &mut found);
    matcher(hook, &mut found);
    binary(hook, &call.binary, &mut found);
    found
}

/// Whether Codex runs it, for the right event.
fn status(hook: &HookFacts, call: &CallFacts, found: &mut Vec<Finding>) {
    let place = hook.place.display();
    let install = hook.layer.install();
    let mut add = |id, severity, text: String, fix: String| found.push(Finding::new(id, severity, text, fix));
    let problem = Severity::Problem;
    match &hook.status {
        Some(HookStatus::Trusted | HookStatus::Managed) => {}
        Some(HookStatus::Untrusted) => add(
            FindingId::Untrusted,
            problem,
            format!("Nobody has trusted the hook in {place}: Codex skips it in silence."),
            TRUST_FIX.into(),
        ),
        Some(HookStatus::Modified) => add(
            FindingId::Modified,
            problem,
            format!("The hook in {place} has changed since it was trusted: Codex skips it in silence."),
            format!("Make sure that the change was meant. {TRUST_FIX}"),
        ),
        Some(HookStatus::Disabled) => add(
            FindingId::Disabled,
            problem,
            format!("The hook in {place} is switched off: Codex skips it in silence."),
            "Start `codex`, open /hooks and switch it on.".into(),
        ),
        Some(HookStatus::Asynchronous) => add(
            FindingId::Asynchronous,
            problem,
            format!(
                "The hook in {place} is registered with `async`: Codex does not wait for it, so that it blocks nothing."
            ),
            format!("{install}, or remove `async` there."),
        ),
        Some(HookStatus::Unknown(word)) => add(
            FindingId::TrustUnknown,
            Severity::Unknown,
            format!(
                "Codex calls the hook in {place} `{word}`, which this version of f5-guard does not know."
            ),
            "Update f5-guard; look at /hooks in Codex meanwhile.".into(),
        ),
        None => add(
            FindingId::TrustUnknown,
            Severity::Unknown,
            format!("A hook is registered in {place}, but Codex could not be asked whether it is trusted."),
            "Start `codex` and look at /hooks: the hook must be active.".into(),
        ),
    }
    if !call.subcommand.same_subcommand(hook.event) {
        add(
            FindingId::WrongEvent,
            problem,
            format!(
                "The hook in {place} runs the subcommand of another event ({}).",
                call.subcommand.subcommand()
            ),
            "Remove it from that file by hand, and run `f5-guard install`: what stands under another event is not taken for f5-guard's.".into(),
        );
    }
}

fn timeouts(hook: &HookFacts, call: &CallFacts, found: &mut Vec<Finding>) {
    let codex = hook.timeout;
    let fix = format!("{}; Codex then asks for your trust once more.", hook.layer.install());
    let place = hook.place.display();
    if call.budget.limit >= codex {
        found.push(Finding::new(
            FindingId::TimeoutTooShort,
            Severity::Problem,
            format!(
                "Codex stops the hook in {place} after {}, while a scan may take {}: what it stops goes ahead.",
                seconds(&codex),
                seconds(&call.budget.limit)
            ),
            fix,
        ));
    } else if call.hook_timeout.is_some() || codex < call.budget.limit + STALL_ROOM {
        found.push(Finding::new(
            FindingId::OldRegistration,
            Severity::Warning,
            format!(
                "The hook in {place} is registered as older versions did it: Codex waits {} for it, which leaves a \
                 machine that stalls no room, and then goes ahead.",
                seconds(&codex)
            ),
            fix,
        ));
    }
    if call.budget.cut_by_hook {
        found.push(Finding::new(
            FindingId::ScanTimeCut,
            Severity::Warning,
            format!(
                "A scan may take {}, but the registration of the hook in {place} leaves it {}.",
                seconds(&call.scan_timeout),
                seconds(&call.budget.limit)
            ),
            format!(
                "{} with --timeout and the seconds that it may take, or lower F5_GUARDRAILS_TIMEOUT.",
                hook.layer.install()
            ),
        ));
    }
}

fn matcher(hook: &HookFacts, found: &mut Vec<Finding>) {
    let Some(matcher) = hook.matcher.as_deref().filter(|_| hook.event.has_matcher()) else { return };
    if !matches!(matcher, "" | "*" | ".*") {
        found.push(Finding::new(
            FindingId::Matcher,
            Severity::Warning,
            format!("The hook in {} sees only the tools that match `{matcher}`.", hook.place.display()),
            format!("{} without --matcher, if every tool is to be scanned.", hook.layer.install()),
        ));
    }
}

fn binary(hook: &HookFacts, binary: &BinaryFacts, found: &mut Vec<Finding>) {
    let fix = match (&hook.layer, binary) {
        // The project's registration has no program of its own.
        (Layer::Project, BinaryFacts::Missing { .. }) => {
            "Run `f5-guard install --scope user --binary-only`, or put f5-guard on PATH, outside of the repository."
                .to_owned()
        }
        (layer, _) => format!("{}.", layer.install()),
    };
    let mut add = |id, severity, text: String| found.push(Finding::new(id, severity, text, fix.clone()));
    match binary {
        BinaryFacts::Same { .. } => {}
        // It answers, but so would anything else.
        BinaryFacts::NotLookedAt { why } => add(
            FindingId::BinaryUnusable,
            Severity::Unknown,
            format!(
                "The binary that the hook in {} starts could not be looked at: {why}.",
                hook.place.display()
            ),
        ),
        BinaryFacts::Other { path, version } => add(
            FindingId::BinaryDiffers,
            Severity::Warning,
            format!("The registered binary {} (version {version}) is not this f5-guard.", path.display()),
        ),
        BinaryFacts::Missing { path } => add(
            FindingId::BinaryMissing,
            Severity::Problem,
            format!(
                "The registered binary {} does not exist: what it should scan goes ahead.",
                path.display()
            ),
        ),
        BinaryFacts::Unusable { path, why } => add(
            FindingId::BinaryUnusable,
            Severity::Problem,
            format!("The registered binary {} {why}.", path.display()),
        ),
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
