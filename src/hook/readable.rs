//! JSON as text that a scanner can read: strings decoded, keys included, in document order.
//!
//! Everything in a value ends up in the text, with one exception: the base64 data of an image, audio or blob
//! part of an MCP result, which is replaced by a note of its type and size. A field that only claims to be
//! such data, and is no base64, is scanned; data that is text is scanned decoded; of a blob, which reaches the model
//! as text, whatever can be read in it.

mod binary;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::json::{Json, Token};

/// The text of a tool's input. Shell commands and patches come in a string `command`, which is taken as it
/// is; should Codex ever send fields beside it, they follow as readable text.
#[must_use]
pub fn tool_input(tool: &str, input: Json<'_>) -> String {
    let command = || input.fields().position(|(key, value)| key == "command" && value.as_string().is_some());
    let Some(command) = matches!(tool, "Bash" | "apply_patch").then(command).flatten() else {
        return value_text(input);
    };
    let mut text =
        Text(input.fields().nth(command).and_then(|(_, v)| v.as_string()).unwrap_or_default().into_owned());
    for (_, (key, value)) in input.fields().enumerate().filter(|(index, _)| *index != command) {
        text.field(&key, value);
    }
    text.0
}

/// The text of a tool's output: a string as it is, an MCP result part by part, anything else as readable text.
#[must_use]
pub fn tool_response(response: Json<'_>) -> String {
    let mut text = Text::default();
    if !response.is_object() {
        text.value(response);
    }
    for (key, value) in response.fields() {
        if key == "content" && value.is_array() {
            value.items().for_each(|part| text.mcp_part(part));
        } else {
            text.field(&key, value);
        }
    }
    text.0
}

fn value_text(value: Json<'_>) -> String {
    let mut text = Text::default();
    text.value(value);
    text.0
}

/// Text under construction, one entry a line.
#[derive(Default)]
struct Text(String);

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind its key.
    Field,
    /// In an array, or alone.
    Item,
}

impl Text {
    fn entry(&mut self, text: &str) {
        if !self.0.is_empty() && !self.0.ends_with('\n') {
            self.0.push('\n');
        }
        self.0.push_str(text);
    }

    fn value(&mut self, value: Json<'_>) {
        self.write(value, Place::Item);
    }

    /// `key: value`, or the key on its own line above what it holds.
    fn field(&mut self, key: &str, value: Json<'_>) {
        self.entry(key);
        self.write(value, Place::Field);
    }

    fn write(&mut self, value: Json<'_>, mut place: Place) {
        for token in value.tokens() {
            match (token, std::mem::replace(&mut place, Place::Item)) {
                (Token::Key(key), _) => {
                    self.entry(&key);
                    place = Place::Field;
                }
                (Token::Open, Place::Field) => self.0.push(':'),
                (Token::String(text), Place::Field) if text.contains('\n') => {
                    self.0.push(':');
                    self.entry(&text);
                }
                (Token::String(text), Place::Field) => self.behind_key(&text),
                (Token::Scalar(text), Place::Field) => self.behind_key(text),
                (Token::String(text), Place::Item) => self.entry(&text),
                (Token::Open | Token::Close, _) | (Token::Scalar("null"), Place::Item) => {}
                (Token::Scalar(text), Place::Item) => self.entry(text),
            }
        }
    }

    fn behind_key(&mut self, text: &str) {
        self.0.push_str(": ");
        self.0.push_str(text);
    }

    /// One part of an MCP result's `content[]` (Model Context Protocol, content types of a tool result).
    fn mcp_part(&mut self, part: Json<'_>) {
        let kind = only_field(part, "type").and_then(Json::as_string);
        let resource = only_field(part, "resource").filter(|resource| resource.is_object());
        match (kind.as_deref(), resource) {
            (Some("text"), _) => self.text_part(part, "text"),
            (Some(kind @ ("image" | "audio")), _) => self.binary_part(part, kind, "data"),
            (Some("resource"), Some(resource)) => {
                for (key, value) in part.fields().filter(|(key, _)| key != "type" && key != "resource") {
                    self.field(&key, value);
                }
                if only_field(resource, "blob").is_some() {
                    self.binary_part(resource, "blob", "blob");
                } else {
                    self.text_part(resource, "text");
                }
            }
            _ => self.value(part),
        }
    }

    /// The main text as it is, and whatever else the part carries.
    fn text_part(&mut self, part: Json<'_>, main: &str) {
        for (key, value) in part.fields() {
            match value.as_string() {
                Some(text) if key == main => self.entry(&text),
                Some(kind) if key == "type" && kind == "text" => {}
                _ => self.field(&key, value),
            }
        }
    }

    /// A note in place of the base64 field `data`, and whatever else the part carries.
    fn binary_part(&mut self, part: Json<'_>, kind: &str, data: &str) {
        for (key, value) in part.fields() {
            match value.as_string() {
                Some(base64) if key == data => self.binary(&key, value, &base64, kind),
                Some(same) if key == "type" && same == kind => {}
                _ => self.field(&key, value),
            }
        }
    }

    fn binary(&mut self, key: &str, value: Json<'_>, base64: &str, kind: &str) {
        let Ok(bytes) = STANDARD.decode(base64) else { return self.field(key, value) };
        self.entry(&format!("[{kind}, {} bytes]", bytes.len()));
        let is_blob = kind == "blob";
        match binary::text(&bytes) {
            Some(text) => self.entry(text),
            None if is_blob => binary::runs_of_text(&bytes).for_each(|run| self.entry(run)),
            None => {}
        }
        if is_blob {
            binary::words(base64).for_each(|words| self.entry(words));
        }
    }
}

/// The field of that name, where there is exactly one: what is there twice is read as Codex's readers may not.
fn only_field<'a>(object: Json<'a>, name: &str) -> Option<Json<'a>> {
    let mut found =
        object.fields().filter(|(key, _): &(Cow<'_, str>, _)| key == name).map(|(_, value)| value);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests;
