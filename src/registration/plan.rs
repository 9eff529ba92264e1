//! Decides, one step at a time, what still has to change in a document. The steps are carried out by the formats
//! ([`super::toml`], [`super::json`]); the document is read again before the next one.

use std::cmp::Reverse;
use std::path::Path;

use serde_json::{Map, Value};

use super::change::{Change, Step};
use super::definition::{HookDefinition, Registration};
use super::error::DocumentError;
use super::exclusion;
use super::model::{COMMAND_WINDOWS, EventGroups, Group, group_pairs, handler_settings, table, unexpected};
use super::owner::Owner;
use crate::event::Event;
use crate::system::System;

/// What a document shall say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The hooks to register; `None` takes ours, and the Python integration's, out of this document.
    pub registration: Option<Registration>,
    /// Set `[features] hooks = true` and drop its deprecated alias `codex_hooks` (TOML only).
    pub hooks_feature: bool,
    /// The folders that managed commands live in (`requirements.toml` only).
    pub managed_dirs: ManagedDirs,
    /// Variables that the model's commands shall not see (`config.toml` only). None leaves the list as it is.
    pub hidden: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManagedDirs {
    pub managed_dir: Option<String>,
    pub windows_managed_dir: Option<String>,
}

impl ManagedDirs {
    /// That of an installation on this system.
    pub fn on(system: System, dir: &Path) -> Self {
        let dir = Some(dir.to_string_lossy().into_owned());
        match system {
            System::Windows => Self { managed_dir: None, windows_managed_dir: dir },
            System::Unix | System::MacOs => Self { managed_dir: dir, windows_managed_dir: None },
        }
    }

    pub(super) fn keys(&self) -> [(&'static str, Option<&str>); 2] {
        [
            ("managed_dir", self.managed_dir.as_deref()),
            ("windows_managed_dir", self.windows_managed_dir.as_deref()),
        ]
    }
}

/// The next change towards `wanted`; `None` when the document says it.
///
/// # Errors
/// [`DocumentError::UnexpectedShape`] where a value stands that Codex would not understand either.
pub fn next_change(
    document: &Value,
    events: &[EventGroups],
    wanted: &Wanted,
) -> Result<Option<Change>, DocumentError> {
    if wanted.hooks_feature {
        if let Some(change) = feature_change(document)? {
            return Ok(Some(change));
        }
    }
    if let Some(change) = exclusion::change(document, &wanted.hidden)? {
        return Ok(Some(change));
    }
    if let Some(change) = managed_dir_change(document, events, &wanted.managed_dirs)? {
        return Ok(Some(change));
    }
    for event in Event::ALL {
        let definition = wanted
            .registration
            .as_ref()
            .and_then(|registration| registration.hooks.iter().find(|hook| hook.event == event));
        let groups =
            events.iter().find(|found| found.event == event.name()).map_or(&[][..], |found| &found.groups);
        if let Some(change) = event_change(event, groups, definition) {
            return Ok(Some(change));
        }
    }
    if wanted.registration.is_none() {
        return Ok(events.iter().find_map(|found| removal(&found.event, &found.groups, None)));
    }
    Ok(None)
}

fn feature_change(document: &Value) -> Result<Option<Change>, DocumentError> {
    let features = match document.get("features") {
        Some(features) => table(features, "features")?.clone(),
        None => Map::new(),
    };
    let table = vec![Step::from("features")];
    match features.get("hooks") {
        Some(Value::Bool(true)) => {}
        None | Some(Value::Bool(false)) => {
            return Ok(Some(Change::Set { table, key: "hooks".into(), value: Value::Bool(true) }));
        }
        Some(other) => return Err(unexpected("features.hooks", "a boolean", other)),
    }
    let deprecated = features.contains_key("codex_hooks");
    Ok(deprecated.then(|| Change::Unset { table, key: "codex_hooks".into() }))
}

fn managed_dir_change(
    document: &Value,
    events: &[EventGroups],
    wanted: &ManagedDirs,
) -> Result<Option<Change>, DocumentError> {
    for (key, value) in wanted.keys() {
        let Some(value) = value else { continue };
        let found = document.get("hooks").and_then(|hooks| hooks.get(key));
        match found {
            Some(Value::String(found)) if found == value => {}
            // Somebody else's managed hooks live there.
            Some(Value::String(_)) if has_foreign(events) => {}
            None | Some(Value::String(_)) => {
                let table = vec![Step::from("hooks")];
                return Ok(Some(Change::Set { table, key: key.into(), value: Value::from(value) }));
            }
            Some(other) => return Err(unexpected(&format!("hooks.{key}"), "a string", other)),
        }
    }
    Ok(None)
}

/// Whether anybody else has hooks in the document.
pub fn has_foreign(events: &[EventGroups]) -> bool {
    let mut handlers = events.iter().flat_map(|event| &event.groups).flat_map(|group| &group.handlers);
    handlers.any(|handler| !handler.owner.is_replaced())
}

fn event_change(event: Event, groups: &[Group], wanted: Option<&HookDefinition>) -> Option<Change> {
    let Some(wanted) = wanted else { return removal(event.name(), groups, None) };
    let kept = keeper(groups, wanted);
    removal(event.name(), groups, kept).or_else(|| match kept {
        None => Some(Change::Append(wanted.clone())),
        Some((group, handler)) => update(event.name(), groups, group, handler, wanted),
    })
}

/// The handler that becomes (or already is) the wanted one, in place: the one with which the fewest hooks of other tools
/// move, one in a group of its own before one in a shared group, which must have the wanted matcher, ours before
/// Python's.
fn keeper(groups: &[Group], wanted: &HookDefinition) -> Option<(usize, usize)> {
    let candidates = || {
        groups.iter().enumerate().filter_map(|(index, group)| {
            let handler = group.handlers.iter().position(|handler| handler.owner.is_replaced())?;
            let own = group.handlers.iter().all(|handler| handler.owner.is_replaced());
            let fits = own || group.settings == group_settings(wanted);
            fits.then_some((index, handler, own))
        })
    };
    let is_ours = |group: usize, handler: usize| {
        groups.get(group).and_then(|g| g.handlers.get(handler)).is_some_and(|h| h.owner == Owner::Ours)
    };
    let best = candidates().max_by_key(|&(group, handler, own)| {
        (Reverse(moved_by(groups, (group, handler))), own, is_ours(group, handler), Reverse(group))
    });
    best.map(|(group, handler, _)| (group, handler))
}

/// How many hooks of other tools get another index where only `kept` stays of those that are replaced.
fn moved_by(groups: &[Group], kept: (usize, usize)) -> usize {
    let (mut moved, mut groups_gone) = (0, 0);
    for (index, group) in groups.iter().enumerate() {
        let mut gone = 0;
        for (at, handler) in group.handlers.iter().enumerate() {
            if !handler.owner.is_replaced() {
                moved += usize::from(gone + groups_gone > 0);
            } else if kept != (index, at) {
                gone += 1;
            }
        }
        groups_gone += usize::from(gone > 0 && gone == group.handlers.len());
    }
    moved
}

fn group_settings(wanted: &HookDefinition) -> Map<String, Value> {
    group_pairs(wanted).into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Takes the last replaced handler but `kept` out, with its group where nothing else is in it.
fn removal(event: &str, groups: &[Group], kept: Option<(usize, usize)>) -> Option<Change> {
    let hooks = Step::from("hooks");
    for (index, group) in groups.iter().enumerate().rev() {
        let Some(handler) = (0..group.handlers.len()).rev().find(|&handler| {
            group.handlers.get(handler).is_some_and(|h| h.owner.is_replaced())
                && kept != Some((index, handler))
        }) else {
            continue;
        };
        if group.handlers.len() > 1 {
            let array = vec![hooks.clone(), Step::from(event), Step::Index(index), hooks];
            return Some(Change::Remove { array, index: handler });
        }
        if groups.len() > 1 {
            return Some(Change::Remove { array: vec![hooks, Step::from(event)], index });
        }
        return Some(Change::Unset { table: vec![hooks], key: event.to_owned() });
    }
    None
}

/// The next difference between a handler (and its own group) and the wanted one.
fn update(event: &str, groups: &[Group], index: usize, at: usize, wanted: &HookDefinition) -> Option<Change> {
    let group = groups.get(index)?;
    let group_table = vec![Step::from("hooks"), Step::from(event), Step::Index(index)];
    let settings = group_settings(wanted);
    for (key, value) in &settings {
        if group.settings.get(key) != Some(value) {
            return Some(Change::Set { table: group_table, key: key.clone(), value: value.clone() });
        }
    }
    if let Some(key) = group.settings.keys().find(|key| !settings.contains_key(*key)) {
        return Some(Change::Unset { table: group_table, key: key.clone() });
    }
    let handler = group.handlers.get(at)?;
    let mut handler_table = group_table;
    handler_table.extend([Step::from("hooks"), Step::Index(at)]);
    let expected = handler_settings(wanted);
    let spelling = |key: &str| {
        let other = COMMAND_WINDOWS[1];
        if key == COMMAND_WINDOWS[0] && handler.settings.contains_key(other) {
            other.to_owned()
        } else {
            key.to_owned()
        }
    };
    for (key, value) in &expected {
        let key = spelling(key);
        if handler.settings.get(&key) != Some(value) {
            return Some(Change::Set { table: handler_table, key, value: value.clone() });
        }
    }
    let known = |key: &String| expected.iter().any(|(name, _)| spelling(name) == **key);
    let extra = handler.settings.keys().find(|key| !known(key))?;
    Some(Change::Unset { table: handler_table, key: extra.clone() })
}
