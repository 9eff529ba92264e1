//! Installs into and removes from one document: bytes in, text out. Nothing here touches a file.

use serde_json::{Map, Value};

use super::error::DocumentError;
use super::exclusion;
use super::foreign::{Ignored, foreign_part, is_empty_document};
use super::model::{self, EventGroups};
use super::owner::{KnownBinaries, Owner};
use super::plan::{Change, ManagedDirs, Wanted, has_foreign, next_change};
use super::record::EditRecord;
use super::text::{apply, decode, split_bom};
use super::trust::{moved, trust_keys};
use super::{json, toml};
use crate::codex::layers::ConfigFormat;
use crate::secret::SECRET_VARIABLES;

/// More changes than any document needs; a guard against never reaching the goal.
const MOST_CHANGES: usize = 1_000;

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

    fn carry_out(self, text: &str, change: &Change) -> Result<String, DocumentError> {
        let (bom, text) = split_bom(text);
        let splices =
            if self.is_json() { json::splices(text, change)? } else { toml::splices(text, change)? };
        Ok(format!("{bom}{}", apply(text, splices)?))
    }
}

/// A hook named to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedHook {
    pub event: String,
    pub command: String,
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

/// What a removal makes of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The whole document; `None`: there is nothing left of it, the file is to be deleted.
    pub text: Option<String>,
    pub changed: bool,
    /// The recorded edit was taken back whole, so that the document is what it was before.
    pub restored: bool,
    /// Python hooks that stand there again, because they did before; their scripts had better still exist.
    pub python_again: Vec<NamedHook>,
    pub lookalikes: Vec<NamedHook>,
    /// As in [`Installed`].
    pub moved: Vec<NamedHook>,
}

/// What a removal may take out beside the hooks.
#[derive(Debug, Clone, Default)]
pub struct RemovalScope<'a> {
    /// Keys of `[hooks.state]` in this document that hold the trust of our hooks, see [`our_trust_keys`].
    pub trust_keys: &'a [String],
    /// What was remembered of the installation.
    pub record: Option<&'a EditRecord>,
    /// The managed folders that our installation names, if any.
    pub managed_dirs: ManagedDirs,
}

/// Their names, as a document holds them.
#[must_use]
pub fn hidden_names() -> Vec<String> {
    SECRET_VARIABLES.map(str::to_owned).to_vec()
}

/// Whether a user's `config.toml` keeps all of them from commands.
///
/// # Errors
/// As [`install`].
pub fn hides(file: ConfigFormat, current: &[u8]) -> Result<bool, DocumentError> {
    Ok(exclusion::change(&file.value(decode(current)?)?, &hidden_names())?.is_none())
}

/// Takes our part out of a document: back to what it was before, where the record still fits, else exactly our hooks.
///
/// # Errors
/// As [`install`].
pub fn remove(
    file: ConfigFormat,
    current: &[u8],
    scope: &RemovalScope<'_>,
    places: &KnownBinaries,
) -> Result<Removed, DocumentError> {
    let text = decode(current)?;
    let value = file.value(text)?;
    let events = model::read(&value, places)?;
    let undone = scope.record.and_then(|record| restore(file, text, &value, record, scope, places));
    let restored = undone.is_some();
    let after = match undone {
        Some(undone) => undone,
        None => take_out(file, text, scope, places)?,
    };
    let created = scope.record.is_some_and(EditRecord::created);
    let after_value = file.value(&after)?;
    let after_events = model::read(&after_value, places)?;
    let nothing_left = created && (after.trim().is_empty() || is_empty_document(&after_value));
    Ok(Removed {
        changed: after != text,
        restored,
        python_again: named(&after_events, Owner::Python),
        lookalikes: named(&after_events, Owner::Lookalike),
        moved: moved(&events, &after_events),
        text: (!nothing_left).then_some(after),
    })
}

/// What must be remembered so that a later [`remove`] can restore the document as it was before our first edit.
/// `before` and `after` are the document before and after this run (trust included), `old` is what was remembered.
///
/// # Errors
/// As [`install`].
pub fn renew_record(
    file: ConfigFormat,
    before: Option<&[u8]>,
    after: &str,
    scope: &RemovalScope<'_>,
    places: &KnownBinaries,
) -> Result<EditRecord, DocumentError> {
    let base = match before {
        None => None,
        Some(before) if scope.record.is_none() && is_free_of_ours(file, before, scope, places)? => {
            Some(decode(before)?.to_owned())
        }
        Some(before) => remove(file, before, scope, places)?.text,
    };
    let mut record = EditRecord::between(base.as_deref(), after);
    let has_feature = |text: &str| Ok(file.value(text)?.pointer("/features/hooks").is_some());
    record.added_feature = has_feature(after)? && !has_feature(base.as_deref().unwrap_or(""))?;
    if file == ConfigFormat::ConfigToml {
        let base = file.value(base.as_deref().unwrap_or(""))?;
        record.added_exclusion = exclusion::added(&base, &file.value(after)?, &hidden_names());
    }
    Ok(record)
}

fn is_free_of_ours(
    file: ConfigFormat,
    text: &[u8],
    scope: &RemovalScope<'_>,
    places: &KnownBinaries,
) -> Result<bool, DocumentError> {
    let value = file.value(decode(text)?)?;
    let trusted = present_trust(&value, scope.trust_keys).next().is_some();
    Ok(!trusted && named(&model::read(&value, places)?, Owner::Ours).is_empty())
}

/// Takes the record back, if that does nothing but take our part out. The record may know of the trust that Codex
/// wrote, or not: the user can have trusted the hooks later, in Codex.
fn restore(
    file: ConfigFormat,
    text: &str,
    value: &Value,
    record: &EditRecord,
    scope: &RemovalScope<'_>,
    places: &KnownBinaries,
) -> Option<String> {
    let fits = |undone: &String| is_removal(file, value, undone, scope, places);
    record.undo(text).filter(fits).or_else(|| {
        let text = without_trust(file, text.as_bytes(), scope.trust_keys).ok()?;
        record.undo(&text).filter(fits)
    })
}

/// The document without the records of trust under `keys`.
///
/// # Errors
/// As [`install`].
pub fn without_trust(file: ConfigFormat, current: &[u8], keys: &[String]) -> Result<String, DocumentError> {
    let mut text = decode(current)?.to_owned();
    while let Some(change) = trust_removal(&file.value(&text)?, keys) {
        text = file.carry_out(&text, &change)?;
    }
    Ok(text)
}

fn is_removal(
    file: ConfigFormat,
    current: &Value,
    undone: &str,
    scope: &RemovalScope<'_>,
    places: &KnownBinaries,
) -> bool {
    let Ok(undone) = file.value(undone) else { return false };
    let Ok(events) = model::read(&undone, places) else { return false };
    let hidden = hidden_names();
    let ignored = Ignored { managed_dirs: true, trust: scope.trust_keys, hidden: &hidden };
    named(&events, Owner::Ours).is_empty()
        && present_trust(&undone, scope.trust_keys).next().is_none()
        && foreign_part(current, places, &ignored) == foreign_part(&undone, places, &ignored)
}

/// Takes exactly our hooks and their trust out.
fn take_out(
    file: ConfigFormat,
    text: &str,
    scope: &RemovalScope<'_>,
    places: &KnownBinaries,
) -> Result<String, DocumentError> {
    let before = file.value(text)?;
    let python_stays = OwnOnly { places };
    let mut text = text.to_owned();
    for _ in 0..MOST_CHANGES {
        let value = file.value(&text)?;
        let events = python_stays.read(&value)?;
        let Some(change) = next_removal(&value, &events, scope)? else {
            let managed_dirs = scope.managed_dirs != ManagedDirs::default();
            let hidden = hidden_names();
            let ignored = Ignored { managed_dirs, trust: scope.trust_keys, hidden: &hidden };
            if foreign_part(&before, places, &ignored) != foreign_part(&value, places, &ignored) {
                return Err(DocumentError::not_equivalent(
                    "it would have changed something that is not ours",
                ));
            }
            return Ok(text);
        };
        text = file.carry_out(&text, &change)?;
    }
    Err(DocumentError::not_equivalent("it would have taken too many changes"))
}

fn next_removal(
    value: &Value,
    events: &[EventGroups],
    scope: &RemovalScope<'_>,
) -> Result<Option<Change>, DocumentError> {
    if let Some(change) = trust_removal(value, scope.trust_keys) {
        return Ok(Some(change));
    }
    if let Some(change) = next_change(value, events, &Wanted::default())? {
        return Ok(Some(change));
    }
    if scope.record.is_some_and(|record| record.added_feature) {
        if let Some(change) = feature_removal(value) {
            return Ok(Some(change));
        }
    }
    let added = scope.record.and_then(|record| record.added_exclusion.as_ref());
    if let Some(change) = added.and_then(|added| exclusion::removal(value, added)) {
        return Ok(Some(change));
    }
    Ok(managed_dir_removal(value, events, &scope.managed_dirs))
}

/// The flag goes if it still says what we wrote, and then a table that holds nothing else.
fn feature_removal(value: &Value) -> Option<Change> {
    let features = value.get("features")?.as_object()?;
    let (table, key) = match features.get("hooks") {
        Some(Value::Bool(true)) if features.len() > 1 => (vec!["features".into()], "hooks"),
        Some(Value::Bool(true)) => (Vec::new(), "features"),
        _ => return None,
    };
    Some(Change::Unset { table, key: key.into() })
}

/// Our managed folders go when nobody else's hooks are there to need them, and then a `[hooks]` that holds nothing.
fn managed_dir_removal(value: &Value, events: &[EventGroups], ours: &ManagedDirs) -> Option<Change> {
    let hooks = value.get("hooks").and_then(Value::as_object)?;
    let mut keys = ours.keys().into_iter().filter_map(|(key, value)| Some((key, value?))).peekable();
    keys.peek()?;
    if has_foreign(events) {
        return None;
    }
    if hooks.is_empty() {
        return Some(Change::Unset { table: Vec::new(), key: "hooks".into() });
    }
    let key = keys.find(|(key, value)| hooks.get(*key).and_then(Value::as_str) == Some(value))?.0;
    Some(Change::Unset { table: vec!["hooks".into()], key: key.into() })
}

fn trust_removal(value: &Value, keys: &[String]) -> Option<Change> {
    let key = present_trust(value, keys).next()?;
    let last = value.pointer("/hooks/state").and_then(Value::as_object).is_some_and(|state| state.len() == 1);
    let (table, key) = if last { (&["hooks"][..], "state") } else { (&["hooks", "state"][..], key) };
    let table = table.iter().map(|&step| step.into()).collect();
    Some(Change::Unset { table, key: key.to_owned() })
}

fn present_trust<'a>(value: &'a Value, keys: &'a [String]) -> impl Iterator<Item = &'a str> {
    let state = value.pointer("/hooks/state").and_then(Value::as_object);
    keys.iter().map(String::as_str).filter(move |key| state.is_some_and(|state| state.contains_key(*key)))
}

/// Reads the hooks with the Python integration's counted as other people's: a removal leaves them.
struct OwnOnly<'a> {
    places: &'a KnownBinaries,
}

impl OwnOnly<'_> {
    fn read(&self, value: &Value) -> Result<Vec<EventGroups>, DocumentError> {
        let mut events = model::read(value, self.places)?;
        for event in &mut events {
            for handler in event.groups.iter_mut().flat_map(|group| &mut group.handlers) {
                if handler.owner == Owner::Python {
                    handler.owner = Owner::Foreign;
                }
            }
        }
        Ok(events)
    }
}

/// The keys of `[hooks.state]` (in `config.toml`) that hold the trust of our hooks in this document.
/// `source_path` is the document's path as Codex spells it in `hooks/list`.
///
/// # Errors
/// As [`install`].
pub fn our_trust_keys(
    file: ConfigFormat,
    current: &[u8],
    source_path: &str,
    places: &KnownBinaries,
) -> Result<Vec<String>, DocumentError> {
    Ok(trust_keys(&registered(file, current, places)?, source_path, Owner::Ours))
}

/// Whether `config_toml`, where Codex keeps the user's trust, trusts a hook with one of these keys. What can't be read
/// says nothing.
#[must_use]
pub fn trusts_any(config_toml: &[u8], keys: &[String]) -> bool {
    let value = decode(config_toml).ok().and_then(|text| ConfigFormat::ConfigToml.value(text).ok());
    value.is_some_and(|value| present_trust(&value, keys).next().is_some())
}

/// What a document registers, for `install`'s choice of format and for `doctor`.
///
/// # Errors
/// As [`install`].
pub fn registered(
    file: ConfigFormat,
    current: &[u8],
    places: &KnownBinaries,
) -> Result<Vec<EventGroups>, DocumentError> {
    model::read(&document(file, current)?, places)
}

/// What a document says, behind a byte order mark or not; dates and floats only serve to compare.
///
/// # Errors
/// As [`install`].
pub fn document(file: ConfigFormat, current: &[u8]) -> Result<Value, DocumentError> {
    file.value(decode(current)?)
}

/// Whether others than f5-guard and the Python integration have hooks in a document.
///
/// # Errors
/// As [`install`].
pub fn has_foreign_hooks(
    file: ConfigFormat,
    current: &[u8],
    places: &KnownBinaries,
) -> Result<bool, DocumentError> {
    Ok(has_foreign(&registered(file, current, places)?))
}

fn named(events: &[EventGroups], owner: Owner) -> Vec<NamedHook> {
    let mut hooks = Vec::new();
    for event in events {
        for handler in event.groups.iter().flat_map(|group| &group.handlers).filter(|h| h.owner == owner) {
            hooks.push(NamedHook { event: event.event.clone(), command: handler.command().to_owned() });
        }
    }
    hooks
}
