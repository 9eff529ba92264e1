//! JSON as text that a scanner can read: strings decoded, keys included, in document order.
//!
//! Everything in a value ends up in the text, with one exception: the base64 data of an image, audio or blob
//! part of an MCP result, which is replaced by a note of its type and size. A field that only claims to be
//! such data, and is no base64, is scanned.

use std::fmt::Write;

use serde_json::{Map, Value};

/// The text of a tool's input. Shell commands and patches come in a string `command`, which is taken as it
/// is; should Codex ever send fields beside it, they follow as readable text.
#[must_use]
pub fn tool_input(tool: &str, input: &Value) -> String {
    let (true, Value::Object(fields)) = (matches!(tool, "Bash" | "apply_patch"), input) else {
        return value_text(input);
    };
    let Some(Value::String(command)) = fields.get("command") else {
        return value_text(input);
    };
    let mut text = Text(command.clone());
    for (key, value) in fields.iter().filter(|(key, _)| *key != "command") {
        text.field(key, value);
    }
    text.0
}

/// The text of a tool's output: a string as it is, an MCP result part by part, anything else as readable text.
#[must_use]
pub fn tool_response(response: &Value) -> String {
    let (Value::Object(fields), Some(Value::Array(parts))) = (response, response.get("content")) else {
        return value_text(response);
    };
    let mut text = Text::default();
    for (key, value) in fields {
        if key == "content" {
            parts.iter().for_each(|part| text.mcp_part(part));
        } else {
            text.field(key, value);
        }
    }
    text.0
}

fn value_text(value: &Value) -> String {
    let mut text = Text::default();
    text.value(value);
    text.0
}

/// Text under construction, one entry a line.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self) {
        if !self.0.is_empty() && !self.0.ends_with('\n') {
            self.0.push('\n');
        }
    }

    fn entry(&mut self, text: &str) {
        self.line();
        self.0.push_str(text);
    }

    /// `key: value`, or the key on its own line above what it holds.
    fn field(&mut self, key: &str, value: &Value) {
        self.entry(key);
        match value {
            Value::Object(_) | Value::Array(_) => {
                self.0.push(':');
                self.value(value);
            }
            Value::String(text) if text.contains('\n') => {
                self.0.push(':');
                self.entry(text);
            }
            _ => {
                self.0.push_str(": ");
                self.scalar(value);
            }
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| self.field(key, value)),
            Value::Array(items) => items.iter().for_each(|item| self.value(item)),
            Value::Null => {}
            _ => {
                self.line();
                self.scalar(value);
            }
        }
    }

    fn scalar(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.0.push_str(text),
            // Writing to a String can't fail.
            other => drop(write!(self.0, "{other}")),
        }
    }

    /// One part of an MCP result's `content[]` (Model Context Protocol, "tool result" content types).
    fn mcp_part(&mut self, part: &Value) {
        let Value::Object(fields) = part else {
            return self.value(part);
        };
        match (fields.get("type").and_then(Value::as_str), fields.get("resource")) {
            (Some("text"), _) => self.fields_of_part(fields, "text"),
            (Some(kind @ ("image" | "audio")), _) => self.binary_part(fields, kind, "data"),
            (Some("resource"), Some(Value::Object(resource))) => {
                for (key, value) in fields.iter().filter(|(key, _)| *key != "type" && *key != "resource") {
                    self.field(key, value);
                }
                if resource.contains_key("blob") {
                    self.binary_part(resource, "blob", "blob");
                } else {
                    self.fields_of_part(resource, "text");
                }
            }
            _ => self.value(part),
        }
    }

    /// The main text as it is, then whatever else the part carries.
    fn fields_of_part(&mut self, fields: &Map<String, Value>, main: &str) {
        for (key, value) in fields {
            match value {
                Value::String(text) if key == main => self.entry(text),
                Value::String(kind) if key == "type" && kind == "text" => {}
                _ => self.field(key, value),
            }
        }
    }

    /// A note in place of the base64 field `data`, then whatever else the part carries.
    fn binary_part(&mut self, fields: &Map<String, Value>, kind: &str, data: &str) {
        for (key, value) in fields {
            match value {
                Value::String(base64) if key == data => match decoded_size(base64) {
                    Some(bytes) => self.entry(&format!("[{kind}, {bytes} bytes, not scanned]")),
                    None => self.field(key, value),
                },
                Value::String(same) if key == "type" && same == kind => {}
                _ => self.field(key, value),
            }
        }
    }
}

/// How many bytes a base64 text stands for; `None` where it is no base64 (standard or URL-safe alphabet,
/// optional padding, line breaks allowed), and so could be text for the model.
fn decoded_size(text: &str) -> Option<usize> {
    let mut digits = 0;
    let mut padding = 0;
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'-' | b'_' if padding == 0 => {
                digits += 1
            }
            b'=' if padding < 2 => padding += 1,
            b'\r' | b'\n' => {}
            _ => return None,
        }
    }
    (digits % 4 != 1).then_some(digits * 3 / 4)
}

#[cfg(test)]
mod tests;
