//! Findings about one registered hook, as it is written and as Codex lists it.

use crate::codex::layers::Layer;
use crate::codex::trust::HookStatus;
use crate::commands::doctor::facts::{BinaryFacts, CallFacts, HookFacts};
use crate::commands::doctor::finding::{Finding, FindingId, Severity};
use crate::printable::seconds;
use crate::settings::STALL_ROOM;

pub(super) const TRUST_FIX: &str =
    "Start `codex`, open /hooks and trust it, or run `f5-guard install --trust`, which asks Codex to.";

pub(super) const SWITCH_FIX: &str = "Start `codex`, open /hooks and switch it on.";

/// What is wrong with one entry, as bad as it would be if it were the only one.
pub(super) fn entry(hook: &HookFacts, call: &CallFacts) -> Vec<Finding> {
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
    let install = renewal(hook.layer);
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
            SWITCH_FIX.into(),
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
    let fix = format!("{}; Codex then asks for your trust once more.", renewal(hook.layer));
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
                renewal(hook.layer)
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
            format!("{} without --matcher, if every tool is to be scanned.", renewal(hook.layer)),
        ));
    }
}

fn binary(hook: &HookFacts, binary: &BinaryFacts, found: &mut Vec<Finding>) {
    let fix = match (hook.layer, binary) {
        // The project's registration has no program of its own.
        (Layer::Project, BinaryFacts::Missing { .. }) => {
            "Run `f5-guard install --scope user --binary-only`, or put f5-guard on PATH, outside of the repository."
                .to_owned()
        }
        (layer, _) => format!("{}.", renewal(layer)),
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

/// The command that renews the registration in this layer.
pub(super) fn renewal(layer: Layer) -> String {
    match layer {
        Layer::Project => "Run `f5-guard install --scope project`".to_owned(),
        Layer::System => "Run `f5-guard install --scope system` as an administrator".to_owned(),
        Layer::User => "Run `f5-guard install`".to_owned(),
        Layer::Mdm | Layer::Cloud | Layer::Managed => {
            format!("Ask those who manage the {} policy to renew it", layer.as_str())
        }
        Layer::Plugin | Layer::Session | Layer::Other => {
            format!("Correct the hook in the layer `{}`", layer.as_str())
        }
    }
}

/// How an entry of this layer is taken away.
pub(super) fn removal(layer: Layer) -> String {
    match layer {
        Layer::Project | Layer::User | Layer::System => {
            format!("`f5-guard uninstall --scope {}`", layer.as_str())
        }
        _ => format!("a change of the layer `{}`", layer.as_str()),
    }
}
