//! JSON as text that a scanner can read: strings decoded, keys included, in document order.
//!
//! Everything in a value ends up in the text, with one exception: the base64 data of an image or audio part of an MCP
//! result, which is replaced by a note of its type and size, because the model does not get it as text. What base64
//! stands for follows it where that is text: in a field `blob`, in `data:` URLs, and in those parts.

mod encoded;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::json::{Json, Token};
use crate::printable::counted;
use crate::scan::MAX_CHARACTERS;

/// JSON within text within JSON is read to this depth. Each takes another pass.
const MAX_NESTING: usize = 4;

/// The text of a tool's input. Shell commands and patches come in a string `command`, which is taken as it
/// is; should Codex ever send fields beside it, they follow as readable text. `None` where there is no input, as for a
/// shell without such an instruction.
pub fn tool_input(tool: &str, input: Json<'_>) -> Option<Text> {
    if input.is_null() {
        return None;
    }
    let is_command = matches!(tool, "Bash" | "apply_patch");
    let command = || input.fields().position(|(key, value)| key == "command" && value.is_string());
    let Some(command) = is_command.then(command).flatten() else {
        return Some(value_text(input)).filter(|read| !is_command || !read.text.is_empty());
    };
    let command_line = input.fields().nth(command).and_then(|(_, v)| v.as_string());
    let mut text = Text { text: command_line.unwrap_or_default().into_owned(), has_copies: false };
    for (_, (key, value)) in input.fields().enumerate().filter(|(index, _)| *index != command) {
        text.field(&key, value);
    }
    Some(text)
}

/// The text of a tool's output: a string as it is, an MCP result part by part, anything else as readable text.
pub fn tool_response(response: Json<'_>) -> Text {
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
    // An MCP server sends the same as JSON in a text part, where a mask does not find what is escaped.
    let [structured] = response.pick(["structuredContent"]);
    text.has_copies |= !structured.is_absent() && text.text.contains('\\');
    text
}

/// The texts of an MCP result as Codex shows them to the model: each part's own, or the structured content as JSON.
pub fn shown_texts(response: Json<'_>) -> Vec<String> {
    let [content, structured] = response.pick(["content", "structuredContent"]);
    let parts = content.once().into_iter().flat_map(Json::items);
    let texts = parts.filter_map(|part| {
        let [text] = part.pick(["text"]);
        text.as_string().map(Cow::into_owned)
    });
    let structured =
        structured.once().filter(|value| !value.is_null()).map(|value| value.written().to_owned());
    texts.chain(structured).collect()
}

/// A text as it is scanned: what base64 in it stands for follows it, where that is text.
pub fn with_readings(text: &str) -> String {
    let mut readable = Text { text: text.to_owned(), has_copies: false };
    readable.decoded(text, false, MAX_NESTING);
    readable.text
}

fn value_text(value: Json<'_>) -> Text {
    let mut text = Text::default();
    text.value(value);
    text
}

/// A readable text, one entry a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Text {
    pub text: String,
    /// Whether something in it is there in two forms: as base64 or as escaped JSON, and as what that stands for.
    pub has_copies: bool,
}

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
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(text);
    }

    fn value(&mut self, value: Json<'_>) {
        self.write(value, Place::Item, false);
    }

    /// `key: value`, or the key on its own line above what it holds.
    fn field(&mut self, key: &str, value: Json<'_>) {
        self.entry(key);
        self.write(value, Place::Field, is_blob(key));
    }

    fn write(&mut self, value: Json<'_>, mut place: Place, mut in_blob: bool) {
        for token in value.tokens() {
            match (&token, std::mem::replace(&mut place, Place::Item)) {
                (Token::Key(key), _) => {
                    self.entry(key);
                    place = Place::Field;
                    in_blob = is_blob(key);
                }
                (Token::Open, Place::Field) => self.text.push(':'),
                (Token::String(text), Place::Field) if text.contains('\n') => {
                    self.text.push(':');
                    self.entry(text);
                }
                (Token::String(text), Place::Field) => self.behind_key(text),
                (Token::Scalar(text), Place::Field) => self.behind_key(text),
                (Token::String(text), Place::Item) => self.entry(text),
                (Token::Open | Token::Close, _) | (Token::Scalar("null"), Place::Item) => {}
                (Token::Scalar(text), Place::Item) => self.entry(text),
            }
            if let Token::String(text) = token {
                self.decoded(&text, in_blob, MAX_NESTING);
            }
        }
    }

    fn behind_key(&mut self, text: &str) {
        self.text.push_str(": ");
        self.text.push_str(text);
    }

    /// What base64 in a string stands for, as far as that is text: the whole string in a blob; `data:` URLs; and blobs in
    /// JSON, which is how the output of `read_mcp_resource` and of many an MCP server comes.
    fn decoded(&mut self, text: &str, in_blob: bool, nesting: usize) {
        if in_blob {
            self.readings(text);
        }
        let has = |what: &str| memchr::memmem::find(text.as_bytes(), what.as_bytes()).is_some();
        let opens = text.trim_ascii_start().starts_with(['{', '[']);
        // A key can be written with escapes, too.
        let may_hold_any = || has("64,") || has_blob(text.as_bytes()) || (opens && has("\\u"));
        if self.is_full() || !may_hold_any() {
            return;
        }
        let json = Some(text).filter(|_| nesting > 0 && opens);
        let Some(json) = json.and_then(Json::parse) else {
            return encoded::in_data_urls(text).for_each(|base64| self.readings(base64));
        };
        let mut in_blob = false;
        for token in json.tokens() {
            match token {
                Token::Key(key) => in_blob = is_blob(&key),
                Token::String(text) => self.decoded(&text, in_blob, nesting - 1),
                _ => {}
            }
        }
    }

    fn readings(&mut self, base64: &str) {
        if !self.is_full() {
            for text in encoded::readings(&encoded::decode(base64)) {
                self.has_copies = true;
                self.entry(&text);
            }
        }
    }

    /// Whether what is added from here on would not be scanned: a character has four bytes at most.
    fn is_full(&self) -> bool {
        self.text.len() > 4 * MAX_CHARACTERS
    }

    /// One part of an MCP result's `content[]` (Model Context Protocol, content types of a tool result).
    fn mcp_part(&mut self, part: Json<'_>) {
        let kind = only_field(part, "type").and_then(Json::as_string);
        let resource = only_field(part, "resource").filter(|resource| resource.is_object());
        match (kind.as_deref(), resource) {
            (Some("text"), _) => self.text_part(part),
            (Some(kind @ ("image" | "audio")), _) => self.binary_part(part, kind),
            (Some("resource"), Some(resource)) => {
                for (key, value) in part.fields().filter(|(key, _)| key != "type" && key != "resource") {
                    self.field(&key, value);
                }
                self.text_part(resource);
            }
            _ => self.value(part),
        }
    }

    /// The main text as it is, and whatever else the part carries.
    fn text_part(&mut self, part: Json<'_>) {
        for (key, value) in part.fields() {
            match value.as_string() {
                Some(_) if key == "text" => self.value(value),
                Some(kind) if key == "type" && kind == "text" => {}
                _ => self.field(&key, value),
            }
        }
    }

    /// A note in place of the base64, and whatever else the part carries.
    fn binary_part(&mut self, part: Json<'_>, kind: &str) {
        for (key, value) in part.fields() {
            match value.as_string() {
                Some(base64) if key == "data" => self.binary(value, &base64, kind),
                Some(same) if key == "type" && same == kind => {}
                _ => self.field(&key, value),
            }
        }
    }

    fn binary(&mut self, value: Json<'_>, base64: &str, kind: &str) {
        match STANDARD.decode(base64) {
            Ok(bytes) => {
                self.entry(&format!("[{kind}, {}]", counted(bytes.len(), "byte")));
                for words in encoded::words(base64) {
                    self.has_copies = true;
                    self.entry(words);
                }
            }
            Err(_) => self.field("data", value),
        }
        self.readings(base64);
    }
}

fn is_blob(key: &str) -> bool {
    key.eq_ignore_ascii_case("blob")
}

/// Whether the word stands anywhere, in upper or lower case.
fn has_blob(bytes: &[u8]) -> bool {
    memchr::memchr2_iter(b'b', b'B', bytes)
        .any(|at| bytes.get(at..at + 4).is_some_and(|word| word.eq_ignore_ascii_case(b"blob")))
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
