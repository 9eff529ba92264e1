//! The hooks that a document registers, read from its parsed value, whichever format it has.

use serde_json::{Map, Value};

use super::definition::HookDefinition;
use super::error::DocumentError;
use super::owner::{KnownBinaries, Owner, owner_of};
use crate::event::Event;
use crate::system::System;

/// A hook named to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedHook {
    pub event: String,
    pub command: String,
}

/// The keys below `hooks` that are no events.
const NO_EVENTS: [&str; 3] = ["state", "managed_dir", "windows_managed_dir"];
/// Codex takes both spellings.
pub const COMMAND_WINDOWS: [&str; 2] = ["command_windows", "commandWindows"];

/// The matcher groups of one event, in the document's order.
#[derive(Debug, Clone, PartialEq)]
pub struct EventGroups {
    pub event: String,
    pub groups: Vec<Group>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Every key but `hooks`.
    pub settings: Map<String, Value>,
    pub handlers: Vec<Handler>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Handler {
    pub settings: Map<String, Value>,
    pub owner: Owner,
}

impl Handler {
    /// The command that this system runs.
    pub fn command_on(&self, system: System) -> &str {
        let own = COMMAND_WINDOWS.iter().find_map(|key| self.text(key));
        own.filter(|_| system == System::Windows).unwrap_or_else(|| self.command())
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.settings.get(key).and_then(Value::as_str)
    }

    /// The command that identifies it to a reader.
    pub fn command(&self) -> &str {
        self.text("command").or_else(|| COMMAND_WINDOWS.iter().find_map(|key| self.text(key))).unwrap_or("")
    }
}

/// Reads all events of a document.
///
/// # Errors
/// [`DocumentError::UnexpectedShape`] where the hooks that f5-guard registers could not be distinguished from others.
pub fn read(document: &Value, places: &KnownBinaries) -> Result<Vec<EventGroups>, DocumentError> {
    let Some(hooks) = document.get("hooks") else { return Ok(Vec::new()) };
    let hooks = table(hooks, "hooks")?;
    let mut events = Vec::new();
    for (event, groups) in hooks {
        if NO_EVENTS.contains(&event.as_str()) {
            continue;
        }
        let place = format!("hooks.{event}");
        match read_groups(event, groups, &place, places) {
            Ok(groups) => events.push(EventGroups { event: event.clone(), groups }),
            // What Codex makes of other events is none of our business.
            Err(_) if Event::ALL.iter().all(|known| known.name() != event) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(events)
}

fn read_groups(
    event: &str,
    groups: &Value,
    place: &str,
    places: &KnownBinaries,
) -> Result<Vec<Group>, DocumentError> {
    let list = array(groups, place)?;
    list.iter()
        .enumerate()
        .map(|(index, group)| {
            let place = format!("{place}[{index}]");
            let mut settings = table(group, &place)?.clone();
            let handlers = match settings.shift_remove("hooks") {
                Some(handlers) => array(&handlers, &format!("{place}.hooks"))?.clone(),
                None => Vec::new(),
            };
            let handlers = handlers.iter().enumerate().map(|(index, handler)| {
                let settings = table(handler, &format!("{place}.hooks[{index}]"))?.clone();
                let text = |key: &str| settings.get(key).and_then(Value::as_str);
                let windows = COMMAND_WINDOWS.iter().find_map(|key| text(key));
                let owner = owner_of(event, text("command"), windows, text("statusMessage"), places);
                // A handler of another kind is nothing that we or the integration wrote, whatever else it says.
                let is_a_command = settings.get("type").is_none_or(|kind| kind == "command");
                let owner = if owner.is_replaced() && !is_a_command { Owner::Lookalike } else { owner };
                Ok(Handler { settings, owner })
            });
            Ok(Group { settings, handlers: handlers.collect::<Result<_, DocumentError>>()? })
        })
        .collect()
}

/// The values that a definition's group has beside its handlers.
pub fn group_pairs(hook: &HookDefinition) -> Vec<(&'static str, Value)> {
    hook.matcher.iter().map(|matcher| ("matcher", Value::from(matcher.as_str()))).collect()
}

/// The values that a definition's handler has, in the order in which they are written.
pub fn handler_settings(hook: &HookDefinition) -> Vec<(&'static str, Value)> {
    let mut settings =
        vec![("type", Value::from("command")), ("command", Value::from(hook.command.as_str()))];
    if let Some(command) = &hook.command_windows {
        settings.push((COMMAND_WINDOWS[0], Value::from(command.as_str())));
    }
    settings.push(("timeout", Value::from(hook.timeout)));
    settings.push(("statusMessage", Value::from(hook.status_message.as_str())));
    settings
}

pub(super) fn table<'a>(value: &'a Value, place: &str) -> Result<&'a Map<String, Value>, DocumentError> {
    value.as_object().ok_or_else(|| unexpected(place, "a table", value))
}

fn array<'a>(value: &'a Value, place: &str) -> Result<&'a Vec<Value>, DocumentError> {
    value.as_array().ok_or_else(|| unexpected(place, "an array", value))
}

pub(super) fn unexpected(place: &str, expected: &'static str, found: &Value) -> DocumentError {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "a table",
    };
    DocumentError::UnexpectedShape { place: place.to_owned(), expected, found }
}
