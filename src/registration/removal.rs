//! Takes our part out of one document again, and remembers what that takes.

use serde_json::Value;

use super::change::Change;
use super::document::{MOST_CHANGES, hidden_names, named};
use super::error::DocumentError;
use super::exclusion;
use super::foreign::{Ignored, foreign_part, is_empty_document};
use super::model::{self, EventGroups, NamedHook};
use super::owner::{KnownBinaries, Owner};
use super::plan::{ManagedDirs, Wanted, has_foreign, next_change};
use super::record::EditRecord;
use super::text::decode;
use super::trust::moved;
use crate::codex::layers::ConfigFormat;

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
    /// As in [`super::Installed`].
    pub moved: Vec<NamedHook>,
}

/// What a removal may take out beside the hooks.
#[derive(Debug, Clone, Default)]
pub struct RemovalScope<'a> {
    /// Keys of `[hooks.state]` in this document that hold the trust of our hooks, see [`super::our_trust_keys`].
    pub trust_keys: &'a [String],
    /// What was remembered of the installation.
    pub record: Option<&'a EditRecord>,
    /// The managed folders that our installation names, if any.
    pub managed_dirs: ManagedDirs,
}

/// Takes our part out of a document: back to what it was before, where the record still fits, else exactly our hooks.
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

/// Whether `config_toml`, where Codex keeps the user's trust, trusts a hook with one of these keys. What can't be read
/// says nothing.
pub fn trusts_any(config_toml: &[u8], keys: &[String]) -> bool {
    let value = decode(config_toml).ok().and_then(|text| ConfigFormat::ConfigToml.value(text).ok());
    value.is_some_and(|value| present_trust(&value, keys).next().is_some())
}
