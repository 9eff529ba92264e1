//! Keeps other people's hooks alive when a removal moves them: the key of a hook holds its position in the
//! file, so a hook behind a removed one loses its trust record, and Codex then skips it in silence.
//!
//! Only a hook that Codex listed as trusted before, with the very same hash, is trusted at its new place.
//! Removing entries is left to the registration, telling the user about `lost` hooks to the caller.

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Value, json};

use super::app_server::{AppServer, ConfigEdit, Merge};
use super::listing::{FolderHooks, HookListing, Switch, TrustStatus};
use super::trust::{self, TrustError};

/// A hook of somebody else that has to keep its record under a new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The key it had.
    pub from: String,
    /// The hook as Codex listed it before.
    pub before: HookListing,
    /// The hook at its new place.
    pub after: HookListing,
}

/// What a removal did to the hooks of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Hooks whose record has to follow them.
    pub moved: Vec<Move>,
    /// Hooks that were there before and are gone or changed: whoever edits the file must not have touched them.
    pub lost: Vec<HookListing>,
}

/// Compares Codex's listings from before and after a removal.
pub fn plan(before: &FolderHooks, after: &FolderHooks, is_ours: &dyn Fn(&HookListing) -> bool) -> Moves {
    let mut moves = Moves::default();
    let mut taken = HashSet::new();
    let foreign = |hook: &&HookListing| !hook.is_managed && !is_ours(hook);
    for old in before.hooks.iter().filter(foreign) {
        // Several equal hooks keep their order: the first of them is still the first.
        let same = |new: &&HookListing| {
            new.current_hash == old.current_hash
                && new.source_path == old.source_path
                && new.event == old.event
                && !taken.contains(&new.key)
        };
        let Some(new) = after.hooks.iter().filter(foreign).find(same) else {
            moves.lost.push(old.clone());
            continue;
        };
        taken.insert(new.key.clone());
        let had_a_record = old.trust_status == TrustStatus::Trusted || old.switch == Switch::Off;
        if new.key != old.key && (had_a_record || new.trust_status != old.trust_status) {
            moves.moved.push(Move { from: old.key.clone(), before: old.clone(), after: new.clone() });
        }
    }
    moves
}

/// Gives every moved hook the record it had, and deletes the records that now name nothing.
///
/// After an error none of the moved hooks may be taken as running: name them to the user.
pub fn carry_over(
    server: &mut AppServer,
    config_toml: &Path,
    cwd: &Path,
    moves: &Moves,
) -> Result<(), TrustError> {
    if moves.moved.is_empty() {
        return Ok(());
    }
    let broken = |folder: &FolderHooks| {
        let kept = |step: &&Move| {
            !folder.hooks.iter().any(|now| {
                now.key == step.after.key
                    && now.current_hash == step.before.current_hash
                    && now.trust_status == wanted(&step.before)
                    && now.switch == step.before.switch
            })
        };
        moves.moved.iter().filter(kept).map(|step| step.after.clone()).collect()
    };
    trust::edit_and_check(server, config_toml, cwd, &edits(moves), &broken)?;
    Ok(())
}

/// A hook that was modified has no current trust to carry: at its new place it is untrusted.
fn wanted(before: &HookListing) -> TrustStatus {
    match before.trust_status {
        TrustStatus::Trusted => TrustStatus::Trusted,
        _ => TrustStatus::Untrusted,
    }
}

fn edits(moves: &Moves) -> Vec<ConfigEdit> {
    let targets: HashSet<&str> = moves.moved.iter().map(|step| step.after.key.as_str()).collect();
    let stale = moves.moved.iter().map(|step| &step.from).filter(|from| !targets.contains(from.as_str()));
    let mut edits: Vec<ConfigEdit> = stale.map(|key| trust::delete(trust::state_path(key))).collect();
    edits.extend(moves.moved.iter().map(|step| {
        let key_path = trust::state_path(&step.after.key);
        ConfigEdit { key_path, value: record(&step.before), merge: Merge::Replace }
    }));
    edits
}

/// The record a hook had: `null`, which deletes, where it had none.
fn record(before: &HookListing) -> Value {
    let trusted = before.trust_status == TrustStatus::Trusted;
    match (trusted, before.switch) {
        (true, Switch::On) => json!({"trusted_hash": before.current_hash}),
        (true, Switch::Off) => json!({"trusted_hash": before.current_hash, "enabled": false}),
        (false, Switch::Off) => json!({"enabled": false}),
        (false, Switch::On) => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codex::listing;

    /// (index, command, trust, enabled) for `PreToolUse` hooks of one file.
    fn folder(hooks: &[(usize, &str, &str, bool)]) -> FolderHooks {
        let hooks: Vec<Value> = hooks
            .iter()
            .map(|(index, command, trust, enabled)| {
                json!({"key": format!("/c:pre_tool_use:{index}:0"), "eventName": "preToolUse",
                    "command": command, "timeoutSec": 5, "sourcePath": "/c", "source": "user",
                    "enabled": enabled, "isManaged": false, "currentHash": format!("sha256:{command}"),
                    "trustStatus": trust})
            })
            .collect();
        let answer = json!({"data": [{"cwd": "/w", "hooks": hooks, "warnings": [], "errors": []}]});
        listing::parse(answer).unwrap().remove(0)
    }

    fn ours(hook: &HookListing) -> bool {
        hook.command.as_deref() == Some("ours")
    }

    fn steps(moves: &Moves) -> Vec<(&str, &str)> {
        moves.moved.iter().map(|step| (step.from.as_str(), step.after.key.as_str())).collect()
    }

    #[test]
    fn a_trusted_hook_behind_ours_is_carried_to_its_new_key_with_its_old_hash() {
        let before = folder(&[(0, "ours", "trusted", true), (1, "other", "trusted", true)]);
        let after = folder(&[(0, "other", "untrusted", true)]);
        let moves = plan(&before, &after, &ours);
        assert_eq!(steps(&moves), [("/c:pre_tool_use:1:0", "/c:pre_tool_use:0:0")]);
        let edits = edits(&moves);
        assert_eq!(edits[0], trust::delete(r#"hooks.state."/c:pre_tool_use:1:0""#.into()));
        assert_eq!(edits[1].value, json!({"trusted_hash": "sha256:other"}));
    }

    #[test]
    fn a_hook_before_ours_stays_and_needs_nothing() {
        let before = folder(&[(0, "other", "trusted", true), (1, "ours", "trusted", true)]);
        let after = folder(&[(0, "other", "trusted", true)]);
        assert_eq!(plan(&before, &after, &ours), Moves::default());
    }

    #[test]
    fn an_untrusted_hook_never_gains_trust_by_moving() {
        let before = folder(&[(0, "ours", "trusted", true), (1, "other", "untrusted", true)]);
        // It now stands where our own record still says "trusted".
        let after = folder(&[(0, "other", "modified", true)]);
        let moves = plan(&before, &after, &ours);
        assert_eq!(edits(&moves).last().unwrap().value, Value::Null);
        assert_eq!(wanted(&moves.moved[0].before), TrustStatus::Untrusted);
    }

    #[test]
    fn a_hook_the_user_switched_off_stays_off_at_its_new_place() {
        let before = folder(&[(0, "ours", "trusted", true), (1, "other", "trusted", false)]);
        let after = folder(&[(0, "other", "untrusted", true)]);
        let moves = plan(&before, &after, &ours);
        assert_eq!(record(&moves.moved[0].before), json!({"trusted_hash": "sha256:other", "enabled": false}));
    }

    #[test]
    fn in_a_chain_of_moves_no_record_that_is_still_needed_is_deleted() {
        let before =
            folder(&[(0, "ours", "trusted", true), (1, "a", "trusted", true), (2, "b", "trusted", true)]);
        let after = folder(&[(0, "a", "modified", true), (1, "b", "modified", true)]);
        let moves = plan(&before, &after, &ours);
        let deleted: Vec<_> =
            edits(&moves).into_iter().filter(|edit| edit.value.is_null()).map(|edit| edit.key_path).collect();
        assert_eq!(deleted, [r#"hooks.state."/c:pre_tool_use:2:0""#]);
        assert_eq!(moves.moved.len(), 2);
    }

    #[test]
    fn equal_hooks_keep_their_order() {
        let before =
            folder(&[(0, "ours", "trusted", true), (1, "x", "trusted", true), (2, "x", "untrusted", true)]);
        let after = folder(&[(0, "x", "untrusted", true), (1, "x", "trusted", true)]);
        let moves = plan(&before, &after, &ours);
        let wanted: Vec<_> =
            moves.moved.iter().map(|step| (step.after.key.as_str(), record(&step.before))).collect();
        let trusted = json!({"trusted_hash": "sha256:x"});
        assert_eq!(wanted, [("/c:pre_tool_use:0:0", trusted), ("/c:pre_tool_use:1:0", Value::Null)]);
    }

    #[test]
    fn a_foreign_hook_that_vanished_is_reported() {
        let before = folder(&[(0, "ours", "trusted", true), (1, "other", "trusted", true)]);
        assert_eq!(plan(&before, &folder(&[]), &ours).lost.len(), 1);
    }
}
