//! From the bytes on stdin to what has to be scanned.
//!
//! Bytes are read leniently (BOM, invalid UTF-8, lone surrogates), fields strictly: a field that should be
//! there and is not makes the payload unreadable, never blank. Field names as Codex 0.169 sends them.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use thiserror::Error;

use super::input::Input;
use super::{code_mode, readable};
use crate::event::Event;
use crate::json::{Field, Json};
use crate::printable::printable;

/// Longer payloads, in bytes, are drained from stdin and not parsed: [`parse`] refuses what is longer.
pub const MAX_PAYLOAD: usize = 32 * 1024 * 1024;

/// What Codex's own schemas of the five events have at the root.
const KNOWN: [&str; 17] = [
    "agent_id",
    "agent_transcript_path",
    "agent_type",
    "cwd",
    "hook_event_name",
    "last_assistant_message",
    "model",
    "permission_mode",
    "prompt",
    "session_id",
    "stop_hook_active",
    "tool_input",
    "tool_name",
    "tool_response",
    "tool_use_id",
    "transcript_path",
    "turn_id",
];
/// Of the names of unknown fields at most so many are kept, and of each so many characters.
const MAX_UNKNOWN: usize = 8;
const MAX_NAME: usize = 40;

/// One hook call, ready to be scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    pub event: Event,
    pub tool_name: Option<String>,
    pub session_id: Option<String>,
    pub turn_id: Option<String>,
    pub tool_use_id: Option<String>,
    /// What the tool was called with.
    pub input: Input,
    /// The text to scan, NUL characters replaced.
    pub content: Arc<String>,
    /// How `content` compares with what the model gets.
    pub coverage: Coverage,
    /// The session's own file; empty where something else is in its field, `None` where the session has none.
    pub transcript_path: Option<String>,
    /// Of a tool's output the texts as the model may be shown them, where that is not `content`.
    pub shown: Vec<String>,
    /// Fields that Codex 0.169 does not send: their names, made printable and short, and not all of very many.
    pub unknown_fields: Vec<String>,
}

/// How the text that is scanned compares with what the model gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The model may get more.
    pub is_cut: bool,
    /// Something is in the text a second time, decoded. A mask over one of them leaves the other.
    pub has_copies: bool,
}

impl Payload {
    /// Whether there is nothing to scan. Only ASCII white space counts as nothing: what other characters say, and
    /// whether they show, is the scanners' business.
    pub fn is_blank(&self) -> bool {
        self.content.bytes().all(|byte| byte.is_ascii_whitespace())
    }
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
    #[error("The payload's field `{0}` is missing, of the wrong type, or repeated.")]
    Field(&'static str),
    #[error("The payload's event is not one that f5-guard scans.")]
    UnknownEvent,
    #[error("The payload could not be read from standard input.")]
    Read,
}

/// Reads a payload.
pub fn parse(bytes: &[u8]) -> Result<Payload, PayloadError> {
    if bytes.len() > MAX_PAYLOAD {
        return Err(PayloadError::TooLarge);
    }
    let text = decode(bytes);
    if text.trim_ascii().is_empty() {
        return Err(PayloadError::Empty);
    }
    let root = Json::parse(&text).filter(|root| root.is_object()).ok_or(PayloadError::NotJson)?;
    let [event, tool_name, session_id, turn_id] =
        root.pick(["hook_event_name", "tool_name", "session_id", "turn_id"]);
    let event =
        Event::from_name(&required_string(event, "hook_event_name")?).ok_or(PayloadError::UnknownEvent)?;
    let tool_name = match event {
        Event::PreToolUse | Event::PostToolUse => Some(required_string(tool_name, "tool_name")?),
        _ => None,
    };
    let field = content_field(event);
    let [content, tool_use_id, tool_input, transcript_path] =
        root.pick([field, "tool_use_id", "tool_input", "transcript_path"]);
    let tool_input = if field == "tool_input" { content } else { tool_input };
    let value = content.once().ok_or(PayloadError::Field(field))?;
    let mut has_copies = false;
    let content = match event {
        Event::UserPromptSubmit => required_string(content, field)?,
        Event::PreToolUse => {
            let read = readable::tool_input(tool_name.as_deref().unwrap_or_default(), value)
                .ok_or(PayloadError::Field(field))?;
            has_copies = read.has_copies;
            read.text
        }
        Event::PostToolUse if value.is_null() => return Err(PayloadError::Field(field)),
        Event::PostToolUse => {
            let read = readable::tool_response(value);
            has_copies = read.has_copies;
            read.text
        }
        // A turn can end without a message.
        Event::Stop | Event::SubagentStop if value.is_null() => String::new(),
        Event::Stop | Event::SubagentStop => required_string(content, field)?,
    };
    let input = tool_name.as_deref().zip(tool_input.once());
    Ok(Payload {
        event,
        input: input.map(|(tool, input)| Input::of(tool, input)).unwrap_or_default(),
        tool_name,
        session_id: session_id.as_string().map(Cow::into_owned),
        turn_id: turn_id.as_string().map(Cow::into_owned),
        tool_use_id: tool_use_id.as_string().map(Cow::into_owned),
        coverage: Coverage {
            is_cut: event == Event::PostToolUse
                && value.is_string()
                && code_mode::is_cut(tool_use_id, &content),
            has_copies,
        },
        transcript_path: (!transcript_path.is_absent())
            .then(|| transcript_path.as_string().unwrap_or_default().into_owned()),
        shown: if event == Event::PostToolUse { readable::shown_texts(value) } else { Vec::new() },
        unknown_fields: unknown_fields(root),
        // The service is likely to refuse a NUL; the replacement keeps the number of characters.
        content: Arc::new(if content.contains('\0') { content.replace('\0', "\u{FFFD}") } else { content }),
    })
}

/// The field that holds what an event is about. Without it there is no telling what would go unscanned.
fn content_field(event: Event) -> &'static str {
    match event {
        Event::UserPromptSubmit => "prompt",
        Event::PreToolUse => "tool_input",
        Event::PostToolUse => "tool_response",
        Event::Stop | Event::SubagentStop => "last_assistant_message",
    }
}

fn required_string(found: Field<'_>, name: &'static str) -> Result<String, PayloadError> {
    found.as_string().map(Cow::into_owned).ok_or(PayloadError::Field(name))
}

fn unknown_fields(root: Json<'_>) -> Vec<String> {
    let mut unknown = root.fields().map(|(key, _)| key).filter(|key| !KNOWN.contains(&key.as_ref()));
    let mut names: Vec<_> = unknown.by_ref().take(MAX_UNKNOWN).map(|key| printable(&key, MAX_NAME)).collect();
    let more = unknown.count();
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names
}

/// The event that a payload names, as far as it can be read from one that `parse` refused: cut off,
/// malformed further on, or with fields missing. The answer must have this event's shape.
pub fn salvage_event(bytes: &[u8]) -> Option<Event> {
    let text = decode(bytes);
    let found = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_str(&text);
    // The error is expected; what counts is what was seen before it.
    let _ = EventName(&found).deserialize(&mut reader);
    found.get()
}

/// Whether these bytes are a hook's payload, or the beginning of one, for a command line that names no hook. An object
/// that is whole and names no event is somebody else's; `is_whole` says that no more bytes come.
pub fn may_be_one(bytes: &[u8], is_whole: bool) -> bool {
    let text = decode(bytes);
    match (text.trim_ascii_start().bytes().next(), is_whole) {
        (None, true) => false,
        // Behind blanks an object may still come.
        (None, false) => !bytes.is_empty(),
        (Some(b'{'), true) => {
            let event = Json::parse(&text).map(|root| root.pick(["hook_event_name"]));
            event != Some([Field::Missing])
        }
        (Some(first), _) => first == b'{',
    }
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
        while let Some(Name(key)) = map.next_key()? {
            if key == b"hook_event_name" {
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

/// A field's name as bytes: half of a surrogate pair is no text, and no reason to stop.
struct Name(Vec<u8>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Name, E> {
        Ok(Name(bytes.to_vec()))
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
