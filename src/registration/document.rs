//! Installs into and removes from one document: bytes in, text out. Nothing here touches a file.

use serde_json::{Map, Value};

use super::change::Change;
use super::error::DocumentError;
use super::exclusion;
use super::foreign::{Ignored, foreign_part};
use super::model::{self, EventGroups, NamedHook};
use super::owner::{KnownBinaries, Owner};
use super::plan::{Wanted, next_change};
use super::text::{apply, decode, split_bom};
use super::trust::{moved, trust_keys};
use super::{json, toml};
use crate::codex::layers::ConfigFormat;
use crate::secret::SECRET_VARIABLES;

/// More changes than any document needs; a guard against never reaching the goal.
pub(super) const MOST_CHANGES: usize = 1_000;

impl ConfigFormat {
    fn is_json(self) -> bool {
        self == Self::HooksJson
    }

    pub(super) fn value(self, text: &str) -> Result<Value, DocumentError> {
        let (_, text) = split_bom(text);
        if !self.is_json() {
            toml::value(text)
        } else if text.trim().is_empty() {
            Ok(Value::Object(Map::new()))
        } else {
            json::value(text)
        }
    }

    pub(super) fn carry_out(self, text: &str, change: &Change) -> Result<String, DocumentError> {
        let (bom, text) = split_bom(text);
        let splices =
            if self.is_json() { json::splices(text, change)? } else { toml::splices(text, change)? };
        Ok(format!("{bom}{}", apply(text, splices)?))
    }
}

/// What an installation makes of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The whole document; `None` where there was none and there is nothing to write.
    pub text: Option<String>,
    /// Whether any byte differs from before.
    pub changed: bool,
    /// The Python integration's hooks that were replaced or removed.
    pub taken_over: Vec<NamedHook>,
    /// Hooks that resemble ours and were left alone.
    pub lookalikes: Vec<NamedHook>,
    /// Other tools' hooks that are at another index now, so that Codex's trust in them is lost.
    pub moved: Vec<NamedHook>,
}

/// Makes a document say what is wanted; every byte that is not about it stays. `current` is `None` for no file.
///
/// # Errors
/// [`DocumentError`] where the document can't be read, or can't be edited with certainty.
pub fn install(
    file: ConfigFormat,
    current: Option<&[u8]>,
    wanted: &Wanted,
    places: &KnownBinaries,
) -> Result<Installed, DocumentError> {
    let mut places = places.clone();
    places.binaries.extend(wanted.registration.iter().flat_map(|registration| registration.binaries.clone()));
    let places = &places;
    let before = decode(current.unwrap_or_default())?;
    let before_value = file.value(before)?;
    if file.is_json() {
        check_root(&before_value)?;
        if wanted.registration.is_some() && !split_bom(before).0.is_empty() {
            return Err(DocumentError::ByteOrderMark);
        }
    }
    let before_events = model::read(&before_value, places)?;
    let text = reach(file, before, wanted, places)?;
    let after_value = file.value(&text)?;
    let after_events = model::read(&after_value, places)?;
    let dirs =
        Ignored { managed_dirs: file == ConfigFormat::RequirementsToml, trust: &[], hidden: &wanted.hidden };
    if foreign_part(&before_value, places, &dirs) != foreign_part(&after_value, places, &dirs) {
        return Err(DocumentError::not_equivalent("it would have changed something that is not ours"));
    }
    let changed = text != before;
    Ok(Installed {
        taken_over: if changed { named(&before_events, Owner::Python) } else { Vec::new() },
        lookalikes: named(&after_events, Owner::Lookalike),
        moved: moved(&before_events, &after_events),
        text: (current.is_some() || changed).then_some(text),
        changed,
    })
}

fn reach(
    file: ConfigFormat,
    before: &str,
    wanted: &Wanted,
    places: &KnownBinaries,
) -> Result<String, DocumentError> {
    let mut text = before.to_owned();
    for _ in 0..MOST_CHANGES {
        let value = file.value(&text)?;
        let Some(change) = next_change(&value, &model::read(&value, places)?, wanted)? else {
            return Ok(text);
        };
        if file.is_json() && split_bom(&text).1.trim().is_empty() {
            text = format!("{}{{}}\n", split_bom(&text).0);
        }
        text = file.carry_out(&text, &change)?;
    }
    Err(DocumentError::not_equivalent("it would have taken too many changes"))
}

fn check_root(document: &Value) -> Result<(), DocumentError> {
    let root = model::table(document, "(the whole document)")?;
    match root.keys().find(|key| !["hooks", "description"].contains(&key.as_str())) {
        Some(key) => Err(DocumentError::UnknownRootKey { key: key.clone() }),
        None => Ok(()),
    }
}

/// Their names, as a document holds them.
pub fn hidden_names() -> Vec<String> {
    SECRET_VARIABLES.map(str::to_owned).to_vec()
}

/// Whether a user's `config.toml` keeps all of them from commands.
pub fn hides(file: ConfigFormat, current: &[u8]) -> Result<bool, DocumentError> {
    Ok(exclusion::change(&file.value(decode(current)?)?, &hidden_names())?.is_none())
}

/// The keys of `[hooks.state]` (in `config.toml`) that hold the trust of our hooks in this document.
/// `source_path` is the document's path as Codex spells it in `hooks/list`.
pub fn our_trust_keys(
    file: ConfigFormat,
    current: &[u8],
    source_path: &str,
    places: &KnownBinaries,
) -> Result<Vec<String>, DocumentError> {
    Ok(trust_keys(&registered(file, current, places)?, source_path, Owner::Ours))
}

/// What a document registers, for `install`'s choice of format and for `doctor`.
pub fn registered(
    file: ConfigFormat,
    current: &[u8],
    places: &KnownBinaries,
) -> Result<Vec<EventGroups>, DocumentError> {
    model::read(&document(file, current)?, places)
}

/// What a document says, behind a byte order mark or not; dates and floats only serve to compare.
pub fn document(file: ConfigFormat, current: &[u8]) -> Result<Value, DocumentError> {
    file.value(decode(current)?)
}

pub(super) fn named(events: &[EventGroups], owner: Owner) -> Vec<NamedHook> {
    let mut hooks = Vec::new();
    for event in events {
        for handler in event.groups.iter().flat_map(|group| &group.handlers).filter(|h| h.owner == owner) {
            hooks.push(NamedHook { event: event.event.clone(), command: handler.command().to_owned() });
        }
    }
    hooks
}
