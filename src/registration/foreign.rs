//! All that a document says apart from our part: what every edit must leave equal.

use serde_json::{Map, Value};

use super::exclusion;
use super::model;
use super::owner::KnownBinaries;

/// What an edit may change beside the hooks.
pub(super) struct Ignored<'a> {
    pub managed_dirs: bool,
    pub trust: &'a [String],
    /// Variables that commands may have been kept from seeing.
    pub hidden: &'a [String],
}

/// All that a document says apart from what an installation or removal is about. It must be equal before and after.
pub(super) fn foreign_part(document: &Value, places: &KnownBinaries, ignored: &Ignored<'_>) -> Value {
    let mut document = document.clone();
    let Some(root) = document.as_object_mut() else { return document };
    prune(root, "features", |features| {
        features.shift_remove("hooks");
        features.shift_remove("codex_hooks");
    });
    exclusion::disregard(root, ignored.hidden);
    prune(root, "hooks", |hooks| {
        prune(hooks, "state", |state| state.retain(|key, _| !ignored.trust.contains(key)));
        if ignored.managed_dirs {
            hooks.shift_remove("managed_dir");
            hooks.shift_remove("windows_managed_dir");
        }
        hooks.retain(|event, groups| !prune_event(event, groups, places));
    });
    document
}

/// Takes the replaced handlers out, and the groups that held nothing else; whether no group is left.
fn prune_event(event: &str, groups: &mut Value, places: &KnownBinaries) -> bool {
    let single: Map<String, Value> = [(event.to_owned(), groups.clone())].into_iter().collect();
    let wrapped = Value::Object([("hooks".to_owned(), Value::Object(single))].into_iter().collect());
    let Ok(read) = model::read(&wrapped, places) else { return false };
    let (Some(found), Some(list)) = (read.first(), groups.as_array_mut()) else { return false };
    for (group, found) in list.iter_mut().zip(&found.groups) {
        let owners: Vec<bool> = found.handlers.iter().map(|handler| handler.owner.is_replaced()).collect();
        if owners.is_empty() || !owners.contains(&true) {
            continue;
        }
        if owners.iter().all(|replaced| *replaced) {
            *group = Value::Null;
        } else if let Some(handlers) = group.get_mut("hooks").and_then(Value::as_array_mut) {
            let mut replaced = owners.iter();
            handlers.retain(|_| replaced.next() != Some(&true));
        }
    }
    list.retain(|group| !group.is_null());
    list.is_empty()
}

fn prune(parent: &mut Map<String, Value>, key: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    if let Some(Value::Object(child)) = parent.get_mut(key) {
        change(child);
        if child.is_empty() {
            parent.shift_remove(key);
        }
    }
}

/// Whether nothing but empty tables is in it.
pub(super) fn is_empty_document(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.values().all(is_empty_document),
        _ => false,
    }
}
