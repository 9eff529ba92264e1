//! From the bytes on stdin to what has to be scanned.
//!
//! Bytes are read leniently (BOM, invalid UTF-8, lone surrogates), fields strictly: a field that should be
//! there and is not makes the payload unreadable, never blank. Field names as Codex 0.169 sends them.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};
use thiserror::Error;

use super::event::Event;
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
    #[error("The payload has no text in the field `{0}`.")]
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
    let object: Map<String, Value> = serde_json::from_str(&text)
        .or_else(|error| match without_lone_surrogates(&text) {
            Cow::Owned(mended) => serde_json::from_str(&mended),
            Cow::Borrowed(_) => Err(error),
        })
        .map_err(|_| PayloadError::NotJson)?;
    let event = match object.get("hook_event_name") {
        Some(Value::String(name)) => Event::from_name(name).ok_or(PayloadError::UnknownEvent)?,
        _ => return Err(PayloadError::Field("hook_event_name")),
    };
    let string = |field: &'static str| match object.get(field) {
        Some(Value::String(text)) => Ok(text.clone()),
        _ => Err(PayloadError::Field(field)),
    };
    let optional = |field: &str| object.get(field).and_then(Value::as_str).map(str::to_owned);
    let tool_name = match event {
        Event::PreToolUse | Event::PostToolUse => Some(string("tool_name")?),
        _ => None,
    };
    let tool = tool_name.as_deref().unwrap_or_default();
    let content = match event {
        Event::UserPromptSubmit => string("prompt")?,
        Event::PreToolUse => {
            readable::tool_input(tool, object.get("tool_input").ok_or(PayloadError::Field("tool_input"))?)
        }
        Event::PostToolUse => {
            readable::tool_response(object.get("tool_response").ok_or(PayloadError::Field("tool_response"))?)
        }
        Event::Stop | Event::SubagentStop => match object.get("last_assistant_message") {
            Some(Value::Null) => String::new(),
            _ => string("last_assistant_message")?,
        },
    };
    Ok(Payload {
        event,
        tool_name,
        session_id: optional("session_id"),
        turn_id: optional("turn_id"),
        // The service is likely to refuse a NUL; the replacement keeps the number of characters.
        content: if content.contains('\0') { content.replace('\0', "\u{FFFD}") } else { content },
    })
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
    String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes))
}

/// JSON escapes can name half of a surrogate pair, which no Rust string can hold. Each such half becomes
/// U+FFFD, so that one odd character does not make a whole payload unreadable.
fn without_lone_surrogates(json: &str) -> Cow<'_, str> {
    let unit = |at: usize| {
        let hex = json.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(hex, 16).ok()
    };
    let bytes = json.as_bytes();
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            if let Some(out) = &mut mended {
                out.push(bytes[at]);
            }
            at += 1;
            continue;
        }
        let (length, lone) = match unit(at) {
            Some(0xD800..=0xDBFF) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => (12, false),
            Some(0xD800..=0xDFFF) => (6, true),
            Some(_) => (6, false),
            None => (2.min(bytes.len() - at), false),
        };
        if lone && mended.is_none() {
            mended = Some(bytes[..at].to_vec());
        }
        if let Some(out) = &mut mended {
            out.extend_from_slice(if lone { b"\\ufffd" } else { &bytes[at..at + length] });
        }
        at += length;
    }
    // Only whole escapes (ASCII) were replaced, so the bytes are still UTF-8.
    match mended.map(String::from_utf8) {
        Some(Ok(text)) => Cow::Owned(text),
        _ => Cow::Borrowed(json),
    }
}

#[cfg(test)]
mod tests;
