//! The variables that Codex keeps from the commands of the model: `[shell_environment_policy] exclude` of a user's
//! `config.toml`. An existing list is extended; what was added is remembered, and goes when the installation goes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::change::{Change, Step};
use super::error::DocumentError;
use super::model::{table, unexpected};

const TABLE: &str = "shell_environment_policy";
const LIST: &str = "exclude";

/// What an installation added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Added {
    names: Vec<String>,
    /// There was no list before.
    list: bool,
    /// There was no such table before.
    table: bool,
}

/// The next step towards a list that keeps all of `names` from commands; a pattern that covers a name will do.
pub(super) fn change(document: &Value, names: &[String]) -> Result<Option<Change>, DocumentError> {
    if names.is_empty() {
        return Ok(None);
    }
    let policy = match document.get(TABLE) {
        Some(policy) => table(policy, TABLE)?.clone(),
        None => Map::new(),
    };
    match policy.get(LIST) {
        None => {
            let value = Value::from(names);
            Ok(Some(Change::Set { table: vec![TABLE.into()], key: LIST.into(), value }))
        }
        Some(Value::Array(patterns)) => {
            let covered = |name: &&String| {
                !patterns.iter().filter_map(Value::as_str).any(|pattern| covers(pattern, name))
            };
            let missing = names.iter().find(covered);
            Ok(missing.map(|name| Change::Add { array: path(), value: Value::from(name.as_str()) }))
        }
        Some(other) => Err(unexpected(&format!("{TABLE}.{LIST}"), "a list of names", other)),
    }
}

/// What `after` keeps from commands that `before` did not.
pub(super) fn added(before: &Value, after: &Value, names: &[String]) -> Option<Added> {
    let old = list(before);
    let new = list(after)?;
    let is_new = |name: &&String| {
        new.contains(&Value::from(name.as_str()))
            && !old.is_some_and(|old| old.contains(&Value::from(name.as_str())))
    };
    let names: Vec<String> = names.iter().filter(is_new).cloned().collect();
    let added = Added { names, list: old.is_none(), table: before.get(TABLE).is_none() };
    (!added.names.is_empty()).then_some(added)
}

/// The next step that takes out what was added; other people's names stay, and the list and table that they need.
pub(super) fn removal(document: &Value, added: &Added) -> Option<Change> {
    let policy = document.get(TABLE)?.as_object()?;
    let list = policy.get(LIST)?.as_array()?;
    let is_ours =
        |item: &Value| item.as_str().is_some_and(|item| added.names.iter().any(|name| name == item));
    if added.list && list.iter().all(is_ours) {
        return Some(if added.table && policy.len() == 1 {
            Change::Unset { table: Vec::new(), key: TABLE.into() }
        } else {
            Change::Unset { table: vec![TABLE.into()], key: LIST.into() }
        });
    }
    let index = list.iter().rposition(is_ours)?;
    Some(Change::Remove { array: path(), index })
}

/// Takes the names out of a document that is compared with another one, and what is empty then.
pub(super) fn disregard(document: &mut Map<String, Value>, names: &[String]) {
    let Some(Value::Object(policy)) = document.get_mut(TABLE) else { return };
    if let Some(Value::Array(list)) = policy.get_mut(LIST) {
        list.retain(|item| !item.as_str().is_some_and(|item| names.iter().any(|name| name == item)));
        if list.is_empty() {
            policy.shift_remove(LIST);
        }
    }
    if policy.is_empty() {
        document.shift_remove(TABLE);
    }
}

fn list(document: &Value) -> Option<&Vec<Value>> {
    document.get(TABLE)?.get(LIST)?.as_array()
}

fn path() -> Vec<Step> {
    vec![TABLE.into(), LIST.into()]
}

/// Codex's patterns: `*` is any text, `?` any character, case does not count.
fn covers(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.to_lowercase().chars().collect(), name.to_lowercase().chars().collect());
    // Whether the pattern so far matches the first n characters, for each n.
    let mut matches = vec![false; name.len() + 1];
    if let Some(first) = matches.first_mut() {
        *first = true;
    }
    for wanted in pattern {
        let mut next = vec![false; name.len() + 1];
        let mut before = false;
        for (index, place) in next.iter_mut().enumerate() {
            let here = matches.get(index).copied().unwrap_or(false);
            let shorter = index.checked_sub(1).and_then(|index| matches.get(index)).copied().unwrap_or(false);
            let character = index.checked_sub(1).and_then(|index| name.get(index)).copied();
            *place = match wanted {
                '*' => here || before,
                '?' => shorter,
                other => shorter && character == Some(other),
            };
            before = *place;
        }
        matches = next;
    }
    matches.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_codexs_do() {
        for (pattern, matches) in [
            ("F5_GUARDRAILS_API_TOKEN", true),
            ("f5_guardrails_api_token", true),
            ("F5_*", true),
            ("*TOKEN*", true),
            ("*", true),
            ("F?_*_TOKEN", true),
            ("**TOKEN", true),
            ("F5_", false),
            ("*TOKE", false),
            ("F5_GUARDRAILS_API_TOKEN?", false),
            ("", false),
        ] {
            assert_eq!(covers(pattern, "F5_GUARDRAILS_API_TOKEN"), matches, "{pattern}");
        }
    }
}
