//! From the bytes on stdin to what has to be scanned.
//!
//! Bytes are read leniently (BOM, invalid UTF-8, lone surrogates), fields strictly: a field that should be
//! there and is not makes the payload unreadable, never blank. Field names as Codex 0.169 sends them.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use thiserror::Error;

use super::event::Event;
use super::json::Json;
use super::readable;

/// Longer payloads, in bytes, are drained from stdin and not parsed: [`parse`] refuses what is longer.
pub const MAX_PAYLOAD: usize = 32 * 1024 * 1024;

/// One hook call, ready to be scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    pub event: Event,
    pub tool_name: Option<String>,
    pub session_id: Option<String>,
    pub turn_id: Option<String>,
    /// The text to scan, NUL characters replaced.
    pub content: String,
}

/// Why a payload could not be read. The messages name fields, never their content.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PayloadError {
    #[error("Codex sent no payload.")]
    Empty,
    #[error("The payload is larger than 32 MiB.")]
    TooLarge,
    #[error("The payload is not a readable JSON object.")]
    NotJson,
    #[error("The payload's field `{0}` is missing, of the wrong type, or there twice.")]
    Field(&'static str),
    #[error("The payload's event is not one that f5-guard scans.")]
    UnknownEvent,
    #[error("The payload could not be read from standard input.")]
    Read,
}

/// Reads a payload.
///
/// # Errors
/// See [`PayloadError`].
pub fn parse(bytes: &[u8]) -> Result<Payload, PayloadError> {
    if bytes.len() > MAX_PAYLOAD {
        return Err(PayloadError::TooLarge);
    }
    let text = decode(bytes);
    if text.trim().is_empty() {
        return Err(PayloadError::Empty);
    }
    let root = Json::parse(&text).filter(|root| root.is_object()).ok_or(PayloadError::NotJson)?;
    let event = match Event::from_name(&required_string(root, "hook_event_name")?) {
        Some(event) => event,
        None => return Err(PayloadError::UnknownEvent),
    };
    let tool_name = match event {
        Event::PreToolUse | Event::PostToolUse => Some(required_string(root, "tool_name")?),
        _ => None,
    };
    let content = match event {
        Event::UserPromptSubmit => required_string(root, "prompt")?,
        Event::PreToolUse => {
            readable::tool_input(tool_name.as_deref().unwrap_or_default(), required(root, "tool_input")?)
        }
        Event::PostToolUse => readable::tool_response(required(root, "tool_response")?),
        Event::Stop | Event::SubagentStop => match required(root, "last_assistant_message")? {
            message if message.is_null() => String::new(),
            _ => required_string(root, "last_assistant_message")?,
        },
    };
    Ok(Payload {
        event,
        tool_name,
        session_id: required_string(root, "session_id").ok(),
        turn_id: required_string(root, "turn_id").ok(),
        // The service is likely to refuse a NUL; the replacement keeps the number of characters.
        content: if content.contains('\0') { content.replace('\0', "\u{FFFD}") } else { content },
    })
}

/// The value of a field that has to be there, once: of two with the same name nobody could say which one Codex
/// means.
fn required<'a>(root: Json<'a>, field: &'static str) -> Result<Json<'a>, PayloadError> {
    let mut found = root.fields().filter(|(key, _)| key == field).map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(value), None) => Ok(value),
        _ => Err(PayloadError::Field(field)),
    }
}

fn required_string(root: Json<'_>, field: &'static str) -> Result<String, PayloadError> {
    required(root, field)?.as_string().map(Cow::into_owned).ok_or(PayloadError::Field(field))
}

/// The event that a payload names, as far as it can be told from one that `parse` refused: cut off,
/// malformed further on, or with fields missing. The answer must have this event's shape.
#[must_use]
pub fn salvage_event(bytes: &[u8]) -> Option<Event> {
    let text = decode(bytes);
    let found = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_str(&text);
    // The error is expected; what counts is what was seen before it.
    let _ = EventName(&found).deserialize(&mut reader);
    found.get()
}

/// A key-by-key look at the root object that notes the event and skips everything else.
struct EventName<'a>(&'a Cell<Option<Event>>);

impl<'de> DeserializeSeed<'de> for EventName<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EventName<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == "hook_event_name" {
                if let Value::String(name) = map.next_value::<Value>()? {
                    self.0.set(Event::from_name(&name));
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Text from bytes: no BOM, invalid UTF-8 replaced.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    // The check alone is many times as fast as looking for what to replace.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

#[cfg(test)]
mod tests;
