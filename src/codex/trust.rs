//! Which of our hooks Codex would really run, and trusting exactly those.
//!
//! All of it goes through Codex's own calls; no hash is ever computed here. What "our" means is the caller's
//! predicate; asking the user is the caller's too.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::app_server::{AppServer, AppServerError, ConfigEdit};
use super::listing::{EventName, FolderHooks, HookListing, Switch, TrustStatus, Waiting};
use crate::event::Event;

/// What a registered hook of ours does when its event comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookStatus {
    /// Runs: the user trusts it.
    Trusted,
    /// Runs: an administrator set it.
    Managed,
    /// Skipped in silence: never trusted.
    Untrusted,
    /// Skipped in silence: changed since it was trusted.
    Modified,
    /// Skipped in silence: the user switched it off (`/hooks`, or `hooks.state."<key>".enabled = false`).
    Disabled,
    /// Runs, but Codex does not wait for it, so that it blocks nothing.
    Asynchronous,
    /// Codex used a word that this version does not know; not to be taken for running.
    Unknown(String),
}

impl HookStatus {
    /// What Codex makes of the hook.
    pub fn of(hook: &HookListing) -> Self {
        match (&hook.trust_status, hook.switch, hook.waiting) {
            (TrustStatus::Untrusted, ..) => Self::Untrusted,
            (TrustStatus::Modified, ..) => Self::Modified,
            (TrustStatus::Unknown(word), ..) => Self::Unknown(word.clone()),
            (_, Switch::Off, _) => Self::Disabled,
            (_, _, Waiting::Asynchronous) => Self::Asynchronous,
            (TrustStatus::Managed, ..) => Self::Managed,
            (TrustStatus::Trusted, ..) => Self::Trusted,
        }
    }

    /// Whether the hook runs and is obeyed.
    pub const fn protects(&self) -> bool {
        matches!(self, Self::Trusted | Self::Managed)
    }
}

/// One of our hooks with what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurHook {
    /// Codex's own entry.
    pub listing: HookListing,
    /// What becomes of it.
    pub status: HookStatus,
}

/// What Codex would do with our hooks in one working folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Our hooks, in Codex's order.
    pub ours: Vec<OurHook>,
}

impl Review {
    /// Picks our hooks out of Codex's listing.
    pub fn of(folder: &FolderHooks, is_ours: &dyn Fn(&HookListing) -> bool) -> Self {
        let ours = folder.hooks.iter().filter(|hook| is_ours(hook));
        let ours = ours.map(|hook| OurHook { status: HookStatus::of(hook), listing: hook.clone() });
        Self { ours: ours.collect() }
    }

    /// Our hooks for one event; more than one means that it is scanned more than once.
    fn for_event(&self, event: Event) -> impl Iterator<Item = &OurHook> {
        self.ours.iter().filter(move |hook| hook.listing.event == EventName::Known(event))
    }

    /// The events that no hook of ours is registered for.
    pub fn missing(&self) -> Vec<Event> {
        Event::ALL.into_iter().filter(|event| self.for_event(*event).next().is_none()).collect()
    }

    /// Whether for each event a hook of ours runs and is obeyed.
    pub fn protects(&self) -> bool {
        Event::ALL.into_iter().all(|event| self.for_event(event).any(|hook| hook.status.protects()))
    }

    /// The hooks that wait for the user's trust: what a question to the user has to show.
    pub fn to_trust(&self) -> Vec<HookListing> {
        let waiting = |hook: &&OurHook| matches!(hook.status, HookStatus::Untrusted | HookStatus::Modified);
        self.ours.iter().filter(waiting).map(|hook| hook.listing.clone()).collect()
    }
}

/// Why trust could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Codex gave no usable answer.
    #[error(transparent)]
    Codex(#[from] AppServerError),
    /// Codex wrote the trust, but then lists these hooks as not running.
    #[error("Codex stored the trust, but still does not run: {}", commands(.0))]
    NotKept(Vec<HookListing>),
}

fn commands(hooks: &[HookListing]) -> String {
    let names: Vec<String> = hooks
        .iter()
        .map(|hook| format!("{} ({})", hook.event.as_str(), hook.command.as_deref().unwrap_or("no command")))
        .collect();
    names.join(", ")
}

/// Trusts exactly `hooks`, as they were listed (and shown to the user), then asks Codex whether it holds.
///
/// The recorded hash is the listed one: a definition that changed in between stays untrusted, and is reported
/// as [`TrustError::NotKept`]. A hook that the user switched off stays so. Codex writes the user's `config.toml` in its own style: LF, no byte order mark,
/// mode 0600.
pub fn trust(server: &mut AppServer, cwd: &Path, hooks: &[HookListing]) -> Result<(), TrustError> {
    if hooks.is_empty() {
        return Ok(());
    }
    let record = |hook: &HookListing| (hook.key.clone(), json!({"trusted_hash": hook.current_hash}));
    let records: Map<String, Value> = hooks.iter().map(record).collect();
    let edit = ConfigEdit { key_path: "hooks.state".into(), value: Value::Object(records) };
    server.write_config(&[edit])?;
    let left = not_trusted(&server.list_hooks_in(cwd)?, hooks);
    if left.is_empty() { Ok(()) } else { Err(TrustError::NotKept(left)) }
}

/// Those of `hooks` that Codex does not list as trusted, in the very definition that was to be trusted.
fn not_trusted(folder: &FolderHooks, hooks: &[HookListing]) -> Vec<HookListing> {
    let kept = |hook: &HookListing| {
        folder.hooks.iter().any(|now| {
            now.key == hook.key
                && now.current_hash == hook.current_hash
                && now.trust_status == TrustStatus::Trusted
        })
    };
    hooks.iter().filter(|hook| !kept(hook)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codex::listing;

    fn hook(event: &str, trust: &str, change: Value) -> Value {
        let mut hook = json!({"key": format!("/h/config.toml:{event}:0:0"), "eventName": event,
            "command": format!("f5-guard {event}"), "timeoutSec": 15, "sourcePath": "/h/config.toml",
            "source": "user", "enabled": true, "isManaged": trust == "managed", "currentHash": "sha256:1",
            "trustStatus": trust});
        hook.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        hook
    }

    fn review(hooks: Vec<Value>) -> Review {
        let answer = json!({"data": [{"cwd": "/w", "hooks": hooks, "warnings": [], "errors": []}]});
        let folder = listing::parse(answer).unwrap().remove(0);
        Review::of(&folder, &|hook| {
            hook.command.as_deref().is_some_and(|command| command.contains("f5-guard"))
        })
    }

    fn every(trust: &str) -> Vec<Value> {
        ["userPromptSubmit", "preToolUse", "postToolUse", "stop", "subagentStop"]
            .map(|event| hook(event, trust, json!({})))
            .into()
    }

    #[test]
    fn trusted_or_managed_hooks_for_every_event_protect() {
        assert!(review(every("trusted")).protects());
        assert!(review(every("managed")).protects());
    }

    #[test]
    fn a_single_hook_that_does_not_run_means_no_protection() {
        for (trust, change, status) in [
            ("untrusted", json!({}), HookStatus::Untrusted),
            ("modified", json!({}), HookStatus::Modified),
            ("trusted", json!({"enabled": false}), HookStatus::Disabled),
            ("trusted", json!({"async": true}), HookStatus::Asynchronous),
            ("managed", json!({"async": true}), HookStatus::Asynchronous),
            ("later", json!({}), HookStatus::Unknown("later".into())),
        ] {
            let mut hooks = every("trusted");
            hooks[2] = hook("postToolUse", trust, change);
            let review = review(hooks);
            assert_eq!(review.ours[2].status, status);
            assert!(!review.protects(), "{status:?}");
        }
    }

    #[test]
    fn a_missing_hook_is_named_and_means_no_protection() {
        let mut hooks = every("trusted");
        hooks.remove(1);
        let review = review(hooks);
        assert_eq!(review.missing(), [Event::PreToolUse]);
        assert!(!review.protects());
    }

    #[test]
    fn a_running_hook_in_one_layer_protects_though_a_second_one_is_untrusted() {
        let mut hooks = every("managed");
        hooks.push(hook("stop", "untrusted", json!({"key": "/h/config.toml:stop:1:0"})));
        let review = review(hooks);
        assert!(review.protects());
        assert_eq!(review.for_event(Event::Stop).count(), 2);
        assert_eq!(review.to_trust().len(), 1);
    }

    #[test]
    fn hooks_of_others_are_never_up_for_trust() {
        let review = review(vec![hook("stop", "untrusted", json!({"command": "other-tool"}))]);
        assert!(review.ours.is_empty() && review.to_trust().is_empty());
    }
}
