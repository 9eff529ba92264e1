//! The report as one JSON object, and the words that both forms of it share.

use serde_json::{Value, json};

use crate::access::Writers;
use crate::clock::milliseconds;
use crate::codex::layers::{ConfigVerdict, HookSwitches, HooksFeature, OnlyManaged};
use crate::codex::trust::HookStatus;
use crate::commands::doctor::facts::{
    BinaryFacts, Existence, Facts, FileContent, HookFacts, Listed, LogFile, Runner, ServiceFacts,
};
use crate::commands::doctor::finding::{Finding, Report};
use crate::commands::doctor::proof::EventProof;
use crate::commands::doctor::rows::SettingRow;
use crate::event::Event;
use crate::proof::Greeting;

pub fn render(facts: &Facts, report: &Report) -> String {
    let codex = &facts.codex;
    let report = json!({
        "verdict": report.verdict.as_str(),
        "state": report.state.as_str(),
        "exit_code": report.verdict.exit_code(),
        "version": facts.program.version,
        "path": facts.program.path,
        "folder": facts.folder,
        "codex": {
            "program": codex.program.as_ref().ok(),
            "version": codex.version.as_ref().ok(),
            "home": codex.home.as_ref().ok().map(|home| json!({
                "path": home.path, "from": home.from, "exists": home.exists == Existence::Exists,
            })),
            "config": codex.config.as_ref().map(config),
            "switches": codex.switches.as_ref().map(switches),
            "listed": codex.listing.is_ok(),
        },
        "profile": facts.profile,
        "proof": proof(facts),
        "differences": facts.differences.iter().map(|difference| json!({
            "name": difference.name, "value": difference.value, "source": difference.source,
        })).collect::<Vec<_>>(),
        "settings": facts.settings.iter().map(setting).collect::<Vec<_>>(),
        "files": facts.files.iter().map(|file| json!({
            "path": file.path, "layer": file.layer.as_str(), "content": content(&file.content),
        })).collect::<Vec<_>>(),
        "hooks": facts.hooks.iter().map(hook).collect::<Vec<_>>(),
        "lookalikes": facts.lookalikes.iter().map(|hook| json!({
            "event": hook.event, "layer": hook.layer.as_str(), "place": hook.place, "command": hook.command,
            "standing": status_word(hook.status.as_ref()), "listed": hook.listed == Listed::Yes,
        })).collect::<Vec<_>>(),
        "managed_paths": facts.writable.iter().map(|place| json!({
            "path": place.path,
            "writable_by_users": match &place.who {
                Writers::Administrators => json!(false),
                Writers::Others(_) => json!(true),
                Writers::CannotTell(_) => Value::Null,
            },
        })).collect::<Vec<_>>(),
        "log": {
            "file": match &facts.log.file {
                LogFile::None { .. } => None,
                LogFile::Writable(path) | LogFile::NotWritable(path, _) => Some(path),
            },
            "state": file_word(&facts.log.file),
            "problems": facts.log.problems.iter().map(|problem| json!({
                "time": problem.time, "level": problem.level, "text": problem.text,
            })).collect::<Vec<_>>(),
        },
        "service": service_words(&facts.service),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
    });
    format!("{report:#}\n")
}

fn proof(facts: &Facts) -> Value {
    let proof = match &facts.proof {
        Err(why) => return json!({"tried": false, "why": why}),
        Ok(proof) => proof,
    };
    let event = |(event, proof): &(Event, EventProof)| {
        let (took, how) = match proof {
            EventProof::Proven { took, .. } => (Some(milliseconds(*took)), None),
            EventProof::NotReached { why } => (None, Some(why.clone())),
            EventProof::Lost { runs } => {
                let runs: Vec<String> = runs
                    .iter()
                    .map(|run| format!("{}: {} {}", run.place.display(), run.status, run.words))
                    .collect();
                (None, Some(runs.join("; ")))
            }
            EventProof::DidNotRun | EventProof::Hung => (None, None),
        };
        json!({"event": event.name(), "result": proof.word(), "milliseconds": took, "how": how})
    };
    json!({"tried": true, "events": proof.events.iter().map(event).collect::<Vec<_>>()})
}

fn config(verdict: &ConfigVerdict) -> &'static str {
    match verdict {
        ConfigVerdict::Accepted => "accepted",
        ConfigVerdict::Refused { .. } => "refused",
        ConfigVerdict::CannotTell { .. } => "unknown",
    }
}

fn switches(switches: &HookSwitches) -> Value {
    let off_by = match &switches.feature {
        HooksFeature::On => None,
        HooksFeature::Off { by } => Some(by),
    };
    json!({"hooks_off_by": off_by, "managed_hooks_only": switches.only_managed == OnlyManaged::Yes})
}

fn setting(row: &SettingRow) -> Value {
    json!({
        "name": row.name, "value": row.value, "source": row.source, "valid": row.problem.is_none(),
        "problem": row.problem.as_ref().map(|problem| &problem.text),
    })
}

fn content(content: &FileContent) -> Value {
    match content {
        FileContent::Absent => json!({"state": "absent"}),
        FileContent::Unusable(why) => json!({"state": "unusable", "why": why}),
        FileContent::Read { hooks, switched_off, ours } => json!({
            "state": "read", "hooks": hooks, "switched_off": switched_off,
            "f5_guard": ours.iter().map(|(event, _)| event.name()).collect::<Vec<_>>(),
        }),
    }
}

fn hook(hook: &HookFacts) -> Value {
    let mut value = json!({
        "event": hook.event.name(), "layer": hook.layer.as_str(), "place": hook.place,
        "command": hook.command, "matcher": hook.matcher, "timeout_seconds": hook.timeout.as_secs(),
        "standing": status_word(hook.status.as_ref()),
        "runs": match &hook.runner {
            Runner::F5Guard(_) => "f5-guard",
            Runner::Python => "python-integration",
        },
    });
    if let (Runner::F5Guard(call), Value::Object(fields)) = (&hook.runner, &mut value) {
        fields.insert("hook_timeout_seconds".into(), call.hook_timeout.map(|time| time.as_secs()).into());
        fields.insert("scan_seconds".into(), call.budget.limit.as_secs_f64().into());
        fields.insert("binary".into(), binary_word(&call.binary).into());
    }
    value
}

fn finding(finding: &Finding) -> Value {
    json!({
        "id": finding.id.as_str(), "severity": finding.severity.as_str(),
        "events": finding.events.iter().map(|event| event.name()).collect::<Vec<_>>(),
        "text": finding.text, "fix": finding.fix,
    })
}

/// What Codex makes of a hook, in its own words where it has them.
pub fn status_word(status: Option<&HookStatus>) -> &str {
    match status {
        None => "not asked",
        Some(HookStatus::Trusted) => "trusted",
        Some(HookStatus::Managed) => "managed",
        Some(HookStatus::Untrusted) => "untrusted",
        Some(HookStatus::Modified) => "modified",
        Some(HookStatus::Disabled) => "disabled",
        Some(HookStatus::Asynchronous) => "asynchronous",
        Some(HookStatus::Unknown(word)) => word,
    }
}

/// What the registered binary is.
pub fn binary_word(binary: &BinaryFacts) -> String {
    match binary {
        BinaryFacts::Same { .. } => "this f5-guard".to_owned(),
        BinaryFacts::Other { version, .. } => format!("another f5-guard ({version})"),
        BinaryFacts::Missing { .. } => "binary missing".to_owned(),
        BinaryFacts::Unusable { .. } => "binary unusable".to_owned(),
        BinaryFacts::NotLookedAt { why } => format!("binary not looked at: {why}"),
    }
}

/// The state of the log file.
pub fn file_word(file: &LogFile) -> &'static str {
    match file {
        LogFile::None { .. } => "none",
        LogFile::Writable(_) => "writable",
        LogFile::NotWritable(..) => "not writable",
    }
}

/// What was done to reach the service, and what came of it.
pub fn service_words(service: &ServiceFacts) -> String {
    let done = "one scan of a greeting with the hooks' settings";
    match service {
        ServiceFacts::Offline => "not asked (--offline)".to_owned(),
        ServiceFacts::NotTried => "not asked: a setting prevents it".to_owned(),
        ServiceFacts::Asked(Greeting::Cleared { milliseconds }) => {
            format!("{done}: cleared in {milliseconds} ms")
        }
        ServiceFacts::Asked(Greeting::Objected { words }) => format!("{done}: {words}"),
        ServiceFacts::Asked(Greeting::Failed { .. }) => format!("{done}: FAILED"),
    }
}
