//! Carries out one change in a TOML text, in the style that the text already has at that place.

use std::ops::Range;

use serde_json::Value as Json;

use super::super::definition::HookDefinition;
use super::super::error::DocumentError;
use super::super::model::{group_pairs, handler_settings};
use super::super::plan::{Change, Step};
use super::super::sequence::{Empty, Layout};
use super::super::text::{Splice, indent_of, is_blank, line_start, newline_of, next_line};
use super::layout::{self, Section};
use super::tree::{self, Held, Node, Table};

/// The splices that carry out `change`.
///
/// # Errors
/// [`DocumentError::NotEquivalent`] where the place of the change can't be found; the text is left alone then.
pub fn splices(text: &str, change: &Change) -> Result<Vec<Splice>, DocumentError> {
    let sections = layout::read(text)?;
    let root = tree::build(&sections)?;
    let editor = Editor { text, newline: newline_of(text), sections: &sections, root: &root };
    match change {
        Change::Append(hook) => editor.append(hook),
        Change::Set { table, key, value } => editor.set(table, key, value),
        Change::Add { array, value } => editor.add(array, value),
        Change::Unset { table, key } => editor.unset(table, key),
        Change::Remove { array, index } => editor.remove(array, *index),
    }
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
    sections: &'a [Section],
    root: &'a Node<'a>,
}

impl Editor<'_> {
    fn layout(&self, empty: Empty) -> Layout<'_> {
        Layout { newline: self.newline, unit: "  ", empty }
    }

    fn append(&self, hook: &HookDefinition) -> Result<Vec<Splice>, DocumentError> {
        let event = hook.event.name();
        let hooks = self.root.find(&[Step::from("hooks")]);
        if let Some(Node::Array { sequence, .. }) = hooks.and_then(|hooks| hooks.find(&[Step::from(event)])) {
            return Ok(sequence.append(self.text, &inline_group(hook), &self.layout(Empty::Tight)));
        }
        let table = hooks.and_then(Node::as_table);
        let line = format!("{event} = [{}]", inline_group(hook));
        if let Some(table) = table.filter(|table| table.child(event).is_none()) {
            if table.inline.is_some() || (table.dotted.is_some() && table.header.is_none()) {
                return self.insert(table, &line);
            }
        }
        Ok(vec![append_block(self.text, &block(hook))])
    }

    fn set(&self, path: &[Step], key: &str, value: &Json) -> Result<Vec<Splice>, DocumentError> {
        let literal = literal(value);
        let table = self.root.find(path).and_then(Node::as_table);
        if let Some(child) = table.and_then(|table| table.child(key)) {
            let held = child.held.ok_or_else(lost)?;
            return Ok(vec![Splice::replace(held.entry.value.range.clone(), literal)]);
        }
        let line = format!("{key} = {literal}");
        match table {
            Some(table) if !is_implied(table) => self.insert(table, &line),
            // Only tables of the root are ever new.
            _ => match path {
                [Step::Key(name)] => Ok(vec![append_block(self.text, &[format!("[{name}]"), line])]),
                _ => Err(lost()),
            },
        }
    }

    fn add(&self, path: &[Step], value: &Json) -> Result<Vec<Splice>, DocumentError> {
        match self.root.find(path).ok_or_else(lost)? {
            Node::Array { sequence, .. } => {
                Ok(sequence.append(self.text, &literal(value), &self.layout(Empty::Tight)))
            }
            _ => Err(lost()),
        }
    }

    /// Adds `key = value` to a table that has a place of its own in the text.
    fn insert(&self, table: &Table<'_>, line: &str) -> Result<Vec<Splice>, DocumentError> {
        if let Some(sequence) = table.inline {
            return Ok(sequence.append(self.text, line, &self.layout(Empty::Spaced)));
        }
        if let Some(section) = table.header.and_then(|index| self.sections.get(index)) {
            let header = section.header.as_ref().ok_or_else(lost)?;
            let last = section.entries.last().map_or(&header.range, |entry| &entry.range);
            return Ok(vec![self.line_after(last, line)]);
        }
        let (held, part) = table.dotted.ok_or_else(lost)?;
        let start = held.entry.range.start;
        let end = held.entry.key.get(part).ok_or_else(lost)?.1.end;
        let prefix = self.text.get(start..end).ok_or_else(lost)?;
        let line = format!("{prefix}.{line}");
        Ok(match held.within {
            Some((sequence, _)) => sequence.append(self.text, &line, &self.layout(Empty::Spaced)),
            None => vec![self.line_after(&held.entry.range, &line)],
        })
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

    fn unset(&self, path: &[Step], key: &str) -> Result<Vec<Splice>, DocumentError> {
        let table = self.root.find(path).and_then(Node::as_table).ok_or_else(lost)?;
        let child = table.child(key).ok_or_else(lost)?;
        if let Node::Array { sequence, .. } = &child.node {
            if let [item] = sequence.items.as_slice() {
                let gaps = [sequence.open..item.range.start, item.range.end..sequence.close];
                if gaps.into_iter().any(|gap| self.text.get(gap).is_some_and(|gap| gap.contains('#'))) {
                    // Somebody's comments stand in the array: only the item goes.
                    return Ok(sequence.remove(self.text, 0));
                }
            }
        }
        match child.held {
            Some(held) => Ok(self.remove_entry(held)),
            None => self.remove_sections(&child.node),
        }
    }

    fn remove_entry(&self, held: Held<'_>) -> Vec<Splice> {
        match held.within {
            Some((sequence, index)) => sequence.remove(self.text, index),
            None => {
                let start = line_start(self.text, held.entry.range.start);
                vec![Splice::delete(start..next_line(self.text, held.entry.range.end))]
            }
        }
    }

    fn remove(&self, path: &[Step], index: usize) -> Result<Vec<Splice>, DocumentError> {
        match self.root.find(path).ok_or_else(lost)? {
            Node::Array { sequence, .. } => Ok(sequence.remove(self.text, index)),
            Node::Tables(tables) => self.remove_sections(tables.get(index).ok_or_else(lost)?),
            _ => Err(lost()),
        }
    }

    /// Takes the sections that make up `node` out, each with the empty line before it. Comments before a header and
    /// behind the last entry stay: they may be about something else.
    fn remove_sections(&self, node: &Node<'_>) -> Result<Vec<Splice>, DocumentError> {
        let mut indexes = Vec::new();
        node.sections(&mut indexes);
        if indexes.is_empty() {
            return Err(lost());
        }
        indexes.sort_unstable();
        let mut splices: Vec<Splice> = Vec::new();
        for index in indexes {
            let section = self.sections.get(index).ok_or_else(lost)?;
            let header = section.header.as_ref().ok_or_else(lost)?;
            let last = section.entries.last().map_or(header.range.end, |entry| entry.range.end);
            let mut start = line_start(self.text, header.range.start);
            let before = line_start(self.text, start.saturating_sub(1));
            if before < start && is_blank(self.text, before..start) {
                start = before;
            }
            let end = next_line(self.text, last);
            match splices.last_mut() {
                Some(previous) if previous.range.end >= start => previous.range.end = end,
                _ => splices.push(Splice::delete(start..end)),
            }
        }
        Ok(splices)
    }
}

/// Whether the table exists only because of tables below it.
fn is_implied(table: &Table<'_>) -> bool {
    table.inline.is_none() && table.header.is_none() && table.dotted.is_none()
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

/// A TOML value on one line. Text with backslashes or double quotes stands in single quotes where it can.
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

fn lost() -> DocumentError {
    DocumentError::not_equivalent("the place of a change could not be found in the TOML text")
}
