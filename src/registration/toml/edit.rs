//! Carries out one change in a TOML text, in the style that the text already has at that place.

use std::ops::Range;

use serde_json::Value as Json;
use toml_edit::Value;

use super::super::change::{Change, Step};
use super::super::definition::HookDefinition;
use super::super::error::DocumentError;
use super::super::model::{group_pairs, handler_settings};
use super::super::sequence::{Empty, Layout};
use super::super::text::{Splice, indent_of, is_blank, line_start, newline_of, next_line};
use super::place::{Node, Place, header, inline_table, last_entry};

/// The splices that carry out `change`.
///
/// # Errors
/// [`DocumentError::NotEquivalent`] where the place of the change can't be found; the text is left alone then.
pub fn splices(text: &str, change: &Change) -> Result<Vec<Splice>, DocumentError> {
    let document = super::parse(text)?;
    let editor = Editor { text, newline: newline_of(text), root: Place::root(document.as_table()) };
    let done = match change {
        Change::Append(hook) => editor.append(hook),
        Change::Set { table, key, value } => editor.set(table, key, value),
        Change::Add { array, value } => editor.add(array, value),
        Change::Unset { table, key } => editor.unset(table, key),
        Change::Remove { array, index } => editor.remove(array, *index),
    };
    done.ok_or_else(|| {
        DocumentError::not_equivalent("the place of a change could not be found in the TOML text")
    })
}

/// Adds lines at the end of the text, an empty line before them.
fn append_block(text: &str, lines: &[String]) -> Splice {
    let newline = newline_of(text);
    let mut block = String::new();
    if !text.is_empty() {
        if !text.ends_with('\n') {
            block.push_str(newline);
        }
        let last_line = text.get(line_start(text, text.len().saturating_sub(1))..).unwrap_or("");
        if !last_line.trim().is_empty() {
            block.push_str(newline);
        }
    }
    for line in lines {
        block.push_str(line);
        block.push_str(newline);
    }
    Splice::insert(text.len(), block)
}

struct Editor<'a> {
    text: &'a str,
    newline: &'static str,
    root: Place<'a>,
}

/// `None` is for a place that can't be found.
impl Editor<'_> {
    fn layout(&self, empty: Empty) -> Layout<'_> {
        Layout { newline: self.newline, unit: "  ", empty }
    }

    fn append(&self, hook: &HookDefinition) -> Option<Vec<Splice>> {
        let event = hook.event.name();
        let hooks = self.root.child("hooks");
        let groups = hooks.as_ref().and_then(|hooks| hooks.child(event));
        if let Some(sequence) = groups.as_ref().and_then(|groups| groups.node.array()) {
            return Some(sequence.append(self.text, &inline_group(hook), &self.layout(Empty::Tight)));
        }
        match hooks.filter(|_| groups.is_none()) {
            Some(hooks) if !hooks.dotted.is_empty() || matches!(hooks.node, Node::Value(_)) => {
                self.insert(&hooks, &format!("{event} = [{}]", inline_group(hook)))
            }
            _ => Some(vec![append_block(self.text, &block(hook))]),
        }
    }

    fn set(&self, path: &[Step], key: &str, value: &Json) -> Option<Vec<Splice>> {
        let literal = literal(value);
        let table = self.root.find(path);
        if let Some(child) = table.as_ref().and_then(|table| table.child(key)) {
            let Node::Value(old) = child.node else { return None };
            return Some(vec![Splice::replace(old.span()?, literal)]);
        }
        let line = format!("{key} = {literal}");
        match (table, path) {
            (Some(table), _) if !is_implied(&table) => self.insert(&table, &line),
            // Only tables of the root are ever new.
            (_, [Step::Key(name)]) => Some(vec![append_block(self.text, &[format!("[{name}]"), line])]),
            _ => None,
        }
    }

    fn add(&self, path: &[Step], value: &Json) -> Option<Vec<Splice>> {
        let sequence = self.root.find(path)?.node.array()?;
        Some(sequence.append(self.text, &literal(value), &self.layout(Empty::Tight)))
    }

    /// Adds `key = value` to a table that has a place of its own in the text.
    fn insert(&self, table: &Place<'_>, line: &str) -> Option<Vec<Splice>> {
        let mut prefix = String::new();
        for key in &table.dotted {
            prefix += self.text.get(key.span()?)?;
            prefix.push('.');
        }
        let line = format!("{prefix}{line}");
        let inline = match table.node {
            Node::Value(Value::InlineTable(inline)) if !inline.is_dotted() => Some(inline),
            _ => table.within,
        };
        if let Some(inline) = inline {
            let sequence = inline_table(inline)?;
            return Some(sequence.append(self.text, &line, &self.layout(Empty::Spaced)));
        }
        let last = match table.node {
            Node::Table(table) if !table.is_dotted() => last_entry(table, header(table)?),
            node => node.values().into_iter().max_by_key(|value| value.end)?,
        };
        Some(vec![self.line_after(&last, &line)])
    }

    fn line_after(&self, range: &Range<usize>, line: &str) -> Splice {
        let indent = indent_of(self.text, range.start);
        let at = next_line(self.text, range.end);
        if self.text.get(..at).is_some_and(|before| before.ends_with('\n')) {
            Splice::insert(at, format!("{indent}{line}{}", self.newline))
        } else {
            Splice::insert(at, format!("{}{indent}{line}", self.newline))
        }
    }

    fn unset(&self, path: &[Step], key: &str) -> Option<Vec<Splice>> {
        let child = self.root.find(path)?.child(key)?;
        if let Some(sequence) = child.node.array() {
            if let [item] = sequence.items.as_slice() {
                let gaps = [sequence.open..item.range.start, item.range.end..sequence.close];
                if gaps.into_iter().any(|gap| self.text.get(gap).is_some_and(|gap| gap.contains('#'))) {
                    // Somebody's comments are in the array: only the item goes.
                    return Some(sequence.remove(self.text, 0));
                }
            }
        }
        let values = child.node.values();
        if let Some(inline) = child.within {
            // Of dotted keys one at a time: as long as the table is there, this change is the next again.
            let value = values.last()?;
            let sequence = inline_table(inline)?;
            let index = sequence.items.iter().position(|item| item.range.end == value.end)?;
            return Some(sequence.remove(self.text, index));
        }
        let lines = values
            .into_iter()
            .map(|value| Splice::delete(line_start(self.text, value.start)..next_line(self.text, value.end)));
        let splices: Vec<Splice> = lines.chain(self.remove_sections(child.node)).collect();
        (!splices.is_empty()).then_some(splices)
    }

    fn remove(&self, path: &[Step], index: usize) -> Option<Vec<Splice>> {
        let list = self.root.find(path)?.node;
        match list {
            Node::Tables(tables) => Some(self.remove_sections(Node::Table(tables.get(index)?))),
            _ => Some(list.array()?.remove(self.text, index)),
        }
    }

    /// Takes the sections that make up `node` out, each with the empty line before it. Comments before a header and
    /// behind the last entry stay: they may be about something else.
    fn remove_sections(&self, node: Node<'_>) -> Vec<Splice> {
        let mut sections = Vec::new();
        node.sections(&mut sections);
        sections.sort_unstable_by_key(|section| section.start);
        let mut splices: Vec<Splice> = Vec::new();
        for section in sections {
            let mut start = line_start(self.text, section.start);
            let before = line_start(self.text, start.saturating_sub(1));
            if before < start && is_blank(self.text, before..start) {
                start = before;
            }
            let end = next_line(self.text, section.end);
            match splices.last_mut() {
                Some(previous) if previous.range.end >= start => previous.range.end = end,
                _ => splices.push(Splice::delete(start..end)),
            }
        }
        splices
    }
}

/// Whether the table exists only because of tables below it.
fn is_implied(table: &Place<'_>) -> bool {
    matches!(table.node, Node::Table(found) if found.is_implicit() && !found.is_dotted())
}

/// A group as `[[hooks.…]]` tables.
fn block(hook: &HookDefinition) -> Vec<String> {
    let event = hook.event.name();
    let mut lines = vec![format!("[[hooks.{event}]]")];
    lines.extend(group_pairs(hook).iter().map(|(key, value)| format!("{key} = {}", literal(value))));
    lines.push(format!("[[hooks.{event}.hooks]]"));
    lines.extend(handler_settings(hook).iter().map(|(key, value)| format!("{key} = {}", literal(value))));
    lines
}

/// A group as an inline table.
fn inline_group(hook: &HookDefinition) -> String {
    let pairs = |pairs: Vec<(&'static str, Json)>| {
        pairs.iter().map(|(key, value)| format!("{key} = {}", literal(value))).collect::<Vec<_>>()
    };
    let mut parts = pairs(group_pairs(hook));
    parts.push(format!("hooks = [{{ {} }}]", pairs(handler_settings(hook)).join(", ")));
    format!("{{ {} }}", parts.join(", "))
}

/// A TOML value on one line. Text with backslashes or double quotes is put in single quotes where it can.
fn literal(value: &Json) -> String {
    match value {
        Json::String(text) => {
            let plain = !text.contains('\'') && !text.chars().any(char::is_control);
            if plain && text.contains(['\\', '"']) {
                format!("'{text}'")
            } else {
                // JSON's escapes are all TOML's too; TOML wants this one escaped as well.
                value.to_string().replace('\u{7f}', "\\u007F")
            }
        }
        Json::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
