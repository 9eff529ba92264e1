//! `hooks.json`: reads its value, and turns changes into splices of its text.
//!
//! `serde_json` decides whether the text is strict JSON, as Codex reads it; `jsonc-parser` then only tells where
//! each value stands. Its own editing tree is not used: it writes trailing commas and chooses indentation itself.

use jsonc_parser::ast::{self, ObjectProp};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::{Map, Value};

use super::change::{Change, Step};
use super::definition::HookDefinition;
use super::error::DocumentError;
use super::model::{COMMAND_WINDOWS, group_pairs, handler_settings};
use super::position::Position;
use super::sequence::{Empty, Item, Layout, Sequence};
use super::text::{Splice, indent_of, newline_of};

/// What the text says.
///
/// # Errors
/// [`DocumentError::Syntax`] with line and column; a key that stands twice in one object is refused too, since
/// which of them counts is anybody's guess.
pub fn value(text: &str) -> Result<Value, DocumentError> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let line_start =
            text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
        let at = Position::of(text, line_start + error.column().saturating_sub(1));
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or("").to_owned();
        DocumentError::Syntax { at, format: "JSON", message }
    })?;
    let parsed = tree(text)?;
    if let Some((key, offset)) = parsed.value.as_ref().and_then(duplicate) {
        let message = format!("the key `{key}` stands twice in one object");
        return Err(DocumentError::Syntax { at: Position::of(text, offset), format: "JSON", message });
    }
    Ok(value)
}

fn tree(text: &str) -> Result<jsonc_parser::ParseResult<'_>, DocumentError> {
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
    };
    parse_to_ast(text, &CollectOptions::default(), &strict).map_err(|error| DocumentError::Syntax {
        at: Position::of(text, error.range().start),
        format: "JSON",
        message: error.kind().to_string(),
    })
}

fn duplicate(value: &ast::Value<'_>) -> Option<(String, usize)> {
    match value {
        ast::Value::Object(object) => {
            let mut seen = std::collections::HashSet::new();
            let twice = object.properties.iter().find(|property| !seen.insert(property.name.as_str()));
            twice
                .map(|property| (property.name.as_str().to_owned(), property.range.start))
                .or_else(|| object.properties.iter().find_map(|property| duplicate(&property.value)))
        }
        ast::Value::Array(array) => array.elements.iter().find_map(duplicate),
        _ => None,
    }
}

/// The splices that carry out `change`.
///
/// # Errors
/// [`DocumentError::NotEquivalent`] where the place of the change can't be found; the text is left alone then.
pub fn splices(text: &str, change: &Change) -> Result<Vec<Splice>, DocumentError> {
    let parsed = tree(text)?;
    let root = parsed.value.as_ref().ok_or_else(lost)?;
    let editor = Editor { text, newline: newline_of(text), unit: unit_of(text, root), root };
    match change {
        Change::Append(hook) => editor.append(hook),
        Change::Set { table, key, value } => editor.set(table, key, value),
        // hooks.json has no list to add to.
        Change::Add { .. } => Err(lost()),
        Change::Unset { table, key } => {
            let object = editor.object(table)?;
            let index = position(object, key).ok_or_else(lost)?;
            Ok(object_sequence(text, object)?.remove(text, index))
        }
        Change::Remove { array, index } => match find(root, array) {
            Some(ast::Value::Array(array)) => Ok(array_sequence(text, array)?.remove(text, *index)),
            _ => Err(lost()),
        },
    }
}

struct Editor<'a> {
    text: &'a str,
    newline: &'static str,
    unit: String,
    root: &'a ast::Value<'a>,
}

impl Editor<'_> {
    fn object(&self, path: &[Step]) -> Result<&ast::Object<'_>, DocumentError> {
        match find(self.root, path) {
            Some(ast::Value::Object(object)) => Ok(object),
            _ => Err(lost()),
        }
    }

    /// A new matcher group: in the event's array, or with a new one, or with a new `hooks` object.
    fn append(&self, hook: &HookDefinition) -> Result<Vec<Splice>, DocumentError> {
        let event = hook.event.name();
        let group = group(hook);
        let hooks = Step::from("hooks");
        if let Some(ast::Value::Array(array)) = find(self.root, &[hooks.clone(), Step::from(event)]) {
            return Ok(self.add(&array_sequence(self.text, array)?, None, &group));
        }
        let groups = Value::Array(vec![group]);
        if let Some(ast::Value::Object(object)) = find(self.root, &[hooks]) {
            return Ok(self.add(&object_sequence(self.text, object)?, Some(event), &groups));
        }
        let root = object_sequence(self.text, self.object(&[])?)?;
        let events: Map<String, Value> = [(event.to_owned(), groups)].into_iter().collect();
        Ok(self.add(&root, Some("hooks"), &Value::Object(events)))
    }

    fn set(&self, path: &[Step], key: &str, value: &Value) -> Result<Vec<Splice>, DocumentError> {
        let object = self.object(path)?;
        let key = if key == COMMAND_WINDOWS[0] { COMMAND_WINDOWS[1] } else { key };
        match position(object, key).and_then(|index| object.properties.get(index)) {
            Some(ObjectProp { value: old, .. }) => {
                Ok(vec![Splice::replace(old.range().start..old.range().end, value.to_string())])
            }
            None => Ok(self.add(&object_sequence(self.text, object)?, Some(key), value)),
        }
    }

    /// Adds an item in the list's own style: on lines of its own where the others are, else on the same line.
    fn add(&self, list: &Sequence, key: Option<&str>, value: &Value) -> Vec<Splice> {
        let one_line = !self.text.trim().contains('\n') && !list.items.is_empty();
        let empty = if one_line { Empty::Tight } else { Empty::Lines };
        let layout = Layout { newline: self.newline, unit: &self.unit, empty };
        let indent = list.item_indent(self.text, &layout);
        let value = match &indent {
            Some(indent) => pretty(value, &self.unit, self.newline, indent),
            None => value.to_string(),
        };
        let item = match key {
            Some(key) => format!("{}:{}{value}", Value::from(key), if indent.is_some() { " " } else { "" }),
            None => value,
        };
        list.append(self.text, &item, &layout)
    }
}

fn group(hook: &HookDefinition) -> Value {
    let own = |pairs: Vec<(&'static str, Value)>| -> Map<String, Value> {
        let json = |key| if key == COMMAND_WINDOWS[0] { COMMAND_WINDOWS[1] } else { key };
        pairs.into_iter().map(|(key, value)| (json(key).to_owned(), value)).collect()
    };
    let mut group = own(group_pairs(hook));
    group.insert("hooks".to_owned(), Value::Array(vec![Value::Object(own(handler_settings(hook)))]));
    Value::Object(group)
}

/// A value over several lines; the first begins where it is put, the others are indented by `indent`.
fn pretty(value: &Value, unit: &str, newline: &str, indent: &str) -> String {
    let inner = format!("{indent}{unit}");
    let lines: Vec<String> = match value {
        Value::Object(map) if !map.is_empty() => map
            .iter()
            .map(|(key, value)| {
                format!("{}: {}", Value::from(key.as_str()), pretty(value, unit, newline, &inner))
            })
            .collect(),
        Value::Array(items) if !items.is_empty() => {
            items.iter().map(|item| pretty(item, unit, newline, &inner)).collect()
        }
        other => return other.to_string(),
    };
    let (open, close) = if value.is_object() { ('{', '}') } else { ('[', ']') };
    let body = lines.join(&format!(",{newline}{inner}"));
    format!("{open}{newline}{inner}{body}{newline}{indent}{close}")
}

/// One level of the document's indentation, as its first property shows it; two spaces where none does.
fn unit_of(text: &str, root: &ast::Value<'_>) -> String {
    let first = match root {
        ast::Value::Object(object) => object.properties.first().map(|property| property.range.start),
        _ => None,
    };
    let indent = first.map_or("", |start| indent_of(text, start));
    if indent.is_empty() { "  ".to_owned() } else { indent.to_owned() }
}

fn find<'a, 'b>(value: &'a ast::Value<'b>, path: &[Step]) -> Option<&'a ast::Value<'b>> {
    let Some((step, rest)) = path.split_first() else { return Some(value) };
    let next = match (value, step) {
        (ast::Value::Object(object), Step::Key(key)) => {
            &object.properties.iter().find(|property| property.name.as_str() == key)?.value
        }
        (ast::Value::Array(array), Step::Index(index)) => array.elements.get(*index)?,
        _ => return None,
    };
    find(next, rest)
}

fn position(object: &ast::Object<'_>, key: &str) -> Option<usize> {
    object.properties.iter().position(|property| property.name.as_str() == key)
}

fn object_sequence(text: &str, object: &ast::Object<'_>) -> Result<Sequence, DocumentError> {
    let items = object.properties.iter().map(|property| (property.range.start, property.range.end));
    sequence(text, object.range.start, object.range.end, items)
}

fn array_sequence(text: &str, array: &ast::Array<'_>) -> Result<Sequence, DocumentError> {
    let items = array.elements.iter().map(|element| (element.range().start, element.range().end));
    sequence(text, array.range.start, array.range.end, items)
}

fn sequence(
    text: &str,
    open: usize,
    end: usize,
    items: impl Iterator<Item = (usize, usize)>,
) -> Result<Sequence, DocumentError> {
    let items = items.map(|(start, end)| {
        let rest = text.get(end..).unwrap_or("");
        let gap = rest.len() - rest.trim_start().len();
        let comma = rest.get(gap..).is_some_and(|rest| rest.starts_with(',')).then_some(end + gap);
        Item { range: start..end, comma }
    });
    Ok(Sequence { open, close: end.checked_sub(1).ok_or_else(lost)?, items: items.collect() })
}

fn lost() -> DocumentError {
    DocumentError::not_equivalent("the place of a change could not be found in the JSON text")
}
