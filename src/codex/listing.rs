//! The answer of Codex's `hooks/list`, typed. Unknown fields are ignored and unknown words are kept as such,
//! so that a newer Codex stays readable; asking the question is left to `app_server`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::layer::Layer;
use crate::event::Event;

/// The event a hook is registered for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EventName {
    /// One that f5-guard answers.
    Known(Event),
    /// Any other event, as config files spell it (`SessionStart`, …).
    Other(String),
}

impl EventName {
    /// Codex lists the name as configuration files spell it, but with a small first letter.
    fn parse(word: &str) -> Self {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        let name: String = first.into_iter().chain(letters).collect();
        Event::from_name(&name).map_or(Self::Other(name), Self::Known)
    }

    /// The name as config files spell it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(event) => event.name(),
            Self::Other(word) => word,
        }
    }
}

/// What Codex says of a hook's trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustStatus {
    /// Set by an administrator; needs no trust.
    Managed,
    /// The user trusts exactly this definition.
    Trusted,
    /// Never trusted: skipped in silence.
    Untrusted,
    /// Trusted once, changed since: skipped in silence.
    Modified,
    /// A word this version does not know.
    Unknown(String),
}

impl TrustStatus {
    fn parse(word: &str) -> Self {
        match word {
            "managed" => Self::Managed,
            "trusted" => Self::Trusted,
            "untrusted" => Self::Untrusted,
            "modified" => Self::Modified,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

/// Whether Codex waits for the hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Codex waits for the answer and obeys it.
    Synchronous,
    /// `async = true`: Codex goes on without the answer, so that nothing can be blocked.
    Asynchronous,
}

/// The user's switch for one hook (`hooks.state."<key>".enabled`); managed hooks cannot be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// The hook may run.
    On,
    /// The user disabled it.
    Off,
}

/// One registered command hook, as Codex sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookListing {
    /// Codex's name for the place: `<file>:<event>:<group>:<hook>`. It moves when groups before it come or go.
    pub key: String,
    /// The event it fires for.
    pub event: EventName,
    /// The command line; `None` for hooks of another kind (MCP tool, prompt, agent).
    pub command: Option<String>,
    /// The tool matcher; Codex drops it for events without tools.
    pub matcher: Option<String>,
    /// How long Codex waits.
    pub timeout: Duration,
    /// What Codex shows while the hook runs.
    pub status_message: Option<String>,
    /// The defining file; for requirements with a `managed_dir` that folder.
    pub source_path: PathBuf,
    /// The layer it comes from.
    pub layer: Layer,
    /// The user's switch.
    pub switch: Switch,
    /// Whether an administrator set it.
    pub is_managed: bool,
    /// Whether Codex waits for the answer.
    pub waiting: Waiting,
    /// Codex's hash of the definition: what a trust record has to hold. Never computed here.
    pub current_hash: String,
    /// What Codex says of its trust.
    pub trust_status: TrustStatus,
}

/// A part of the configuration that Codex could not load.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ListingError {
    /// The working folder that was asked about (not the faulty file, which the message names).
    #[serde(default)]
    pub path: PathBuf,
    /// Codex's message, with file, line and column where it knows them.
    pub message: String,
}

/// All hooks that a session in one working folder would see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderHooks {
    /// The working folder.
    pub cwd: PathBuf,
    /// Its hooks, in Codex's order.
    pub hooks: Vec<HookListing>,
    /// Codex's warnings: two files in one folder, an unreadable `hooks.json`, a bad matcher.
    pub warnings: Vec<String>,
    /// Configuration Codex refused; then it lists no hooks at all.
    pub errors: Vec<ListingError>,
    /// Entries of the answer that could not be read here, each with the reason. Never silently dropped: a
    /// hook that cannot be read must not count as present.
    pub unreadable: Vec<String>,
}

#[derive(Deserialize)]
struct RawAnswer {
    data: Vec<RawFolder>,
}

#[derive(Deserialize)]
struct RawFolder {
    cwd: PathBuf,
    hooks: Vec<Value>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    errors: Vec<ListingError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawHook {
    key: String,
    event_name: String,
    command: Option<String>,
    matcher: Option<String>,
    timeout_sec: u64,
    status_message: Option<String>,
    source_path: PathBuf,
    source: String,
    enabled: bool,
    is_managed: bool,
    #[serde(default, rename = "async")]
    is_async: bool,
    current_hash: String,
    trust_status: String,
}

impl From<RawHook> for HookListing {
    fn from(raw: RawHook) -> Self {
        Self {
            event: EventName::parse(&raw.event_name),
            key: raw.key,
            command: raw.command,
            matcher: raw.matcher,
            timeout: Duration::from_secs(raw.timeout_sec),
            status_message: raw.status_message,
            source_path: raw.source_path,
            layer: Layer::of(&raw.source, raw.is_managed),
            switch: if raw.enabled { Switch::On } else { Switch::Off },
            is_managed: raw.is_managed,
            waiting: if raw.is_async { Waiting::Asynchronous } else { Waiting::Synchronous },
            current_hash: raw.current_hash,
            trust_status: TrustStatus::parse(&raw.trust_status),
        }
    }
}

/// Reads the `result` of `hooks/list`, one [`FolderHooks`] a working folder asked about.
pub fn parse(result: Value) -> Result<Vec<FolderHooks>, serde_json::Error> {
    let answer: RawAnswer = serde_json::from_value(result)?;
    Ok(answer.data.into_iter().map(folder).collect())
}

fn folder(raw: RawFolder) -> FolderHooks {
    let mut folder =
        FolderHooks { cwd: raw.cwd, warnings: raw.warnings, errors: raw.errors, ..FolderHooks::default() };
    for value in raw.hooks {
        match serde_json::from_value::<RawHook>(value) {
            Ok(hook) => folder.hooks.push(hook.into()),
            Err(error) => folder.unreadable.push(error.to_string()),
        }
    }
    folder
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry() -> Value {
        json!({"key": "/h/config.toml:pre_tool_use:1:0", "eventName": "preToolUse", "handlerType": "command",
            "command": "/h/f5-guard pre-tool-use", "async": false, "matcher": ".*", "timeoutSec": 15,
            "statusMessage": null, "sourcePath": "/h/config.toml", "source": "user", "pluginId": null,
            "displayOrder": 1, "enabled": true, "isManaged": false, "currentHash": "sha256:f52f",
            "trustStatus": "untrusted", "someday": {"new": 1}})
    }

    fn one(change: impl FnOnce(&mut Value)) -> FolderHooks {
        let mut hook = entry();
        change(&mut hook);
        let answer = json!({"data": [{"cwd": "/w", "hooks": [hook], "warnings": ["w"], "errors": []}]});
        parse(answer).unwrap().remove(0)
    }

    #[test]
    fn an_answer_of_codex_0_169_is_read_whole() {
        let folder = one(|_| ());
        let hook = &folder.hooks[0];
        assert_eq!(hook.event, EventName::Known(Event::PreToolUse));
        assert_eq!(hook.timeout, Duration::from_secs(15));
        assert_eq!((hook.switch, hook.waiting), (Switch::On, Waiting::Synchronous));
        assert_eq!((hook.layer, &hook.trust_status), (Layer::User, &TrustStatus::Untrusted));
        assert_eq!(folder.warnings, ["w"]);
    }

    #[test]
    fn words_of_a_newer_codex_are_kept_as_unknown() {
        let folder = one(|hook| {
            hook["trustStatus"] = "pending".into();
            hook["source"] = "satellite".into();
            hook["eventName"] = "preDream".into();
        });
        let hook = &folder.hooks[0];
        assert_eq!(hook.trust_status, TrustStatus::Unknown("pending".into()));
        assert_eq!(hook.layer, Layer::Other);
        assert_eq!(hook.event, EventName::Other("PreDream".into()));
    }

    #[test]
    fn an_entry_without_its_trust_status_is_reported_and_not_taken_for_a_hook() {
        let folder = one(|hook| {
            hook.as_object_mut().unwrap().remove("trustStatus");
        });
        assert!(folder.hooks.is_empty());
        assert!(folder.unreadable[0].contains("trustStatus"), "{:?}", folder.unreadable);
    }

    #[test]
    fn a_hook_without_a_command_is_listed_with_none() {
        let folder = one(|hook| {
            hook.as_object_mut().unwrap().remove("command");
            hook["handlerType"] = "mcpTool".into();
        });
        assert_eq!(folder.hooks[0].command, None);
    }
}
