//! What a line of a session's file holds that the model is given.
//!
//! As Codex 0.169 writes it: `{"timestamp", "ordinal", "type", "payload"}`. What the model itself wrote (answers, reasoning,
//! calls of tools) is not among the texts: hooks see its calls and its last answer. A kind that is not known is scanned
//! whole, with the names of its fields, and so is what stands next to the known fields of a known kind: rather a text too
//! many than one that nobody looked at.

use std::borrow::Cow;

use crate::json::{Field, Json, Token};
use crate::printable::printable;

use super::source::Source;

/// A text that the model is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Without what Codex put before it, and without white space around it; never empty.
    pub text: String,
    pub source: Source,
    /// The call that it is the output of.
    pub call: Option<String>,
}

/// What a line is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Nothing that the model is given.
    Nothing,
    Texts(Vec<Text>),
    /// The model has answered: it was given everything before. With the call that it makes, and the tool's name.
    Model {
        call: Option<(String, String)>,
    },
    /// The beginning of a session; one that was forked from another goes on with that one's texts.
    Session {
        texts: Vec<Text>,
        forked_from: Option<Fork>,
    },
}

/// Another session, up to one of its records.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fork {
    pub thread: String,
    /// `None`: all of it.
    pub before: Option<u64>,
}

/// A line with the number and the time that Codex gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub ordinal: Option<u64>,
    pub timestamp: Option<String>,
    pub record: Record,
}

/// Records of Codex's own, whose content the model is not given from there.
const OF_CODEX: [&str; 4] = ["event_msg", "turn_context", "world_state", "token_usage_record"];
/// Items that the model wrote. Of `compaction` and its like only the service knows what is in them.
const OF_THE_MODEL: [&str; 9] = [
    "reasoning",
    "function_call",
    "custom_tool_call",
    "local_shell_call",
    "web_search_call",
    "tool_search_call",
    "image_generation_call",
    "compaction",
    "context_compaction",
];

/// Fields of the beginning of a session that say who, where and when, and that the model is not given from there.
const ABOUT_THE_SESSION: [&str; 21] = [
    "account_scoped",
    "cli_version",
    "context_window",
    "cwd",
    "forked_from_id",
    "forked_from_ordinal_exclusive",
    "git",
    "history_base",
    "history_mode",
    "id",
    "memory_mode",
    "model_provider",
    "multi_agent_version",
    "originator",
    "parent_thread_id",
    "runtime_workspace_roots",
    "session_id",
    "source",
    "subagent_history_start_ordinal",
    "thread_source",
    "timestamp",
];
/// How closely the model looks at a picture.
const DETAILS: [&str; 4] = ["auto", "low", "high", "original"];
/// Codex's notes on an item, for the service.
const NOTES: &str = "internal_chat_message_metadata_passthrough";

/// Reads a line; `None` where it can't be understood.
pub fn read(line: &[u8]) -> Option<Entry> {
    let line = std::str::from_utf8(line).ok()?;
    let root = Json::parse(line).filter(|root| root.is_object())?;
    let [kind, payload, ordinal, timestamp] = root.pick(["type", "payload", "ordinal", "timestamp"]);
    let kind = kind.as_string()?;
    let record = match (kind.as_ref(), payload) {
        (kind, _) if OF_CODEX.contains(&kind) => Record::Nothing,
        ("response_item", Field::Once(item)) => of_item(item)?,
        ("session_meta", Field::Once(meta)) => of_session(meta)?,
        ("compacted", Field::Once(compacted)) => of_compacted(compacted)?,
        ("response_item" | "session_meta" | "compacted", _) => return None,
        (kind, payload) => {
            let mut texts = Vec::new();
            push_rest(&mut texts, root, &["ordinal", "payload"], &Source::of_record(kind), None);
            match payload {
                Field::Once(payload) => push_rest(&mut texts, payload, &[], &Source::of_record(kind), None),
                Field::Missing => {}
                Field::Repeated => return None,
            }
            Record::Texts(texts)
        }
    };
    Some(Entry {
        ordinal: ordinal.once().and_then(|number| number.written().parse().ok()),
        timestamp: timestamp.as_string().map(Cow::into_owned),
        record,
    })
}

/// The id that hooks know a session by, from the first line of its file.
pub fn session_id(line: &[u8]) -> Option<String> {
    let root = Json::parse(std::str::from_utf8(line).ok()?)?;
    let [kind, payload] = root.pick(["type", "payload"]);
    let [session, own] = payload.once()?.pick(["session_id", "id"]);
    let is_meta = kind.as_string()? == "session_meta";
    is_meta.then(|| session.as_string().or(own.as_string()))?.map(Cow::into_owned)
}

fn of_session(meta: Json<'_>) -> Option<Record> {
    let [base, tools, from, before] =
        meta.pick(["base_instructions", "dynamic_tools", "forked_from_id", "forked_from_ordinal_exclusive"]);
    if !meta.is_object() {
        return None;
    }
    let mut texts = Vec::new();
    if !base.is_absent() {
        let base = base.once().filter(|base| base.is_object() || base.is_string())?;
        let [text] = base.pick(["text"]);
        match text.as_string().or(base.as_string()) {
            Some(text) => push(&mut texts, text, Source::BaseInstructions, None),
            None if text.is_absent() => {}
            None => return None,
        }
        if base.is_object() {
            push_rest(&mut texts, base, &["text", "provenance"], &Source::BaseInstructions, None);
        }
    }
    if !tools.is_absent() {
        push_rest(&mut texts, tools.once()?, &[], &Source::Tools, None);
    }
    let known = [&ABOUT_THE_SESSION[..], &["base_instructions", "dynamic_tools"]].concat();
    push_rest(&mut texts, meta, &known, &Source::of_record("session_meta"), None);
    let forked_from = match from {
        from if from.is_absent() => None,
        from => Some(Fork {
            thread: from.as_string()?.into_owned(),
            before: before.once().and_then(|number| number.written().parse().ok()),
        }),
    };
    Some(Record::Session { texts, forked_from })
}

fn of_compacted(compacted: Json<'_>) -> Option<Record> {
    let [history, message] = compacted.pick(["replacement_history", "message"]);
    let mut texts = Vec::new();
    if !message.is_absent() {
        push(&mut texts, message.as_string()?, Source::Summary, None);
    }
    if history.is_absent() {
        return Some(Record::Texts(texts));
    }
    for item in history.once().filter(|history| history.is_array())?.items() {
        if let Record::Texts(found) = of_item(item)? {
            texts.extend(found);
        }
    }
    Some(Record::Texts(texts))
}

fn of_item(item: Json<'_>) -> Option<Record> {
    let [kind] = item.pick(["type"]);
    let kind = kind.as_string()?;
    match kind.as_ref() {
        "message" => of_message(item),
        "function_call" | "custom_tool_call" => {
            let [call, name, namespace] = item.pick(["call_id", "name", "namespace"]);
            let name = match (namespace.as_string(), name.as_string()) {
                (Some(space), Some(name)) => Some(format!("{space}__{name}")),
                (None, name) => name.map(Cow::into_owned),
                _ => None,
            };
            let call = call.as_string().zip(name);
            Some(Record::Model { call: call.map(|(call, name)| (call.into_owned(), printable(&name, 80))) })
        }
        kind if OF_THE_MODEL.contains(&kind) => Some(Record::Model { call: None }),
        "function_call_output" | "custom_tool_call_output" => {
            let [output, call] = item.pick(["output", "call_id"]);
            let call = call.as_string().map(Cow::into_owned);
            let mut texts = Vec::new();
            let source = Source::ToolOutput(None);
            let mut known = vec![NOTES];
            if let Some(output) = output.once().filter(|output| output.is_string() || output.is_array()) {
                parts(&mut texts, output, &|_, _| source.clone(), call.as_deref());
                known.push("output");
            }
            push_rest(&mut texts, item, &known, &source, call.as_deref());
            Some(Record::Texts(texts))
        }
        "additional_tools" | "tool_search_output" => Some(whole(item, &Source::Tools)),
        kind => Some(whole(item, &Source::of_record(kind))),
    }
}

fn whole(item: Json<'_>, source: &Source) -> Record {
    let mut texts = Vec::new();
    push_rest(&mut texts, item, &[], source, None);
    Record::Texts(texts)
}

fn of_message(item: Json<'_>) -> Option<Record> {
    let [role, content, notes] = item.pick(["role", "content", NOTES]);
    let role = role.as_string()?;
    if role == "assistant" {
        return Some(Record::Model { call: None });
    }
    let kinds: Vec<Option<Cow<'_, str>>> = notes
        .once()
        .map(|notes| notes.pick(["content_item_kinds"]))
        .and_then(|[kinds]| kinds.once())
        .map(|kinds| kinds.items().map(Json::as_string).collect())
        .unwrap_or_default();
    let content = content.once().filter(|content| content.is_string() || content.is_array())?;
    let mut texts = Vec::new();
    let source = |index: usize, text: &str| {
        let kind = kinds.get(index).and_then(Option::as_deref);
        Source::of_part(kind, &role, text)
    };
    parts(&mut texts, content, &source, None);
    push_rest(&mut texts, item, &["role", "content", NOTES], &Source::Message(printable(&role, 80)), None);
    Some(Record::Texts(texts))
}

/// The texts of a message or an output, which is a string or a list of parts.
fn parts(
    texts: &mut Vec<Text>,
    content: Json<'_>,
    source: &dyn Fn(usize, &str) -> Source,
    call: Option<&str>,
) {
    if let Some(text) = content.as_string() {
        let source = source(0, &text);
        push(texts, text, source, call);
    }
    for (index, part) in content.items().enumerate() {
        let [text, picture, detail] = part.pick(["text", "image_url", "detail"]);
        let mut known = Vec::new();
        if let Some(text) = text.as_string() {
            let source = source(index, &text);
            push(texts, text, source, call);
            known.push("text");
        }
        if picture.as_string().is_some_and(|url| is_picture(&url)) {
            known.push("image_url");
        }
        if detail.as_string().is_some_and(|detail| DETAILS.contains(&detail.as_ref())) {
            known.push("detail");
        }
        // What a later version knows.
        push_rest(texts, part, &known, &source(index, ""), call);
    }
}

fn push(texts: &mut Vec<Text>, text: Cow<'_, str>, source: Source, call: Option<&str>) {
    let bare = match call {
        Some(_) => without_heading(&text),
        None => &text,
    };
    let bare = bare.trim_ascii();
    if !bare.is_empty() {
        let call = call.map(str::to_owned);
        texts.push(Text { text: bare.to_owned(), source, call });
    }
}

/// Everything in a value that is a string, names of fields included, as one text. Left out are the `known` fields of an
/// object, its labels, and what only the service can read.
fn push_rest<'a>(
    texts: &mut Vec<Text>,
    value: Json<'a>,
    known: &[&str],
    source: &Source,
    call: Option<&str>,
) {
    let mut lines = Vec::new();
    let strings = |value: Json<'a>| {
        value.tokens().filter_map(|token| match token {
            Token::Key(part) | Token::String(part) => Some(part),
            _ => None,
        })
    };
    if !value.is_object() {
        lines.extend(strings(value));
    }
    for (key, value) in value.fields() {
        let is_opaque = match key.as_ref() {
            "id" | "call_id" | "turn_id" | "type" | "timestamp" => {
                value.as_string().is_some_and(|label| is_label(&label))
            }
            "encrypted_content" => value.as_string().is_some_and(|content| is_base64(&content)),
            _ => false,
        };
        if known.contains(&key.as_ref()) || is_opaque {
            continue;
        }
        lines.push(key);
        lines.extend(strings(value));
    }
    let text = lines.join("\n");
    let text = text.trim_ascii();
    if !text.is_empty() {
        texts.push(Text { text: text.to_owned(), source: source.clone(), call: call.map(str::to_owned) });
    }
}

/// Ids, kinds and times have no white space and are short.
fn is_label(text: &str) -> bool {
    text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+".contains(&byte))
}

fn is_base64(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte))
}

fn is_picture(url: &str) -> bool {
    let Some((head, data)) = url.split_once(',') else { return false };
    let kind = head.get(..11).filter(|start| start.eq_ignore_ascii_case("data:image/"));
    let rest = kind.and_then(|_| head.get(11..)?.strip_suffix(";base64"));
    rest.is_some_and(is_label) && is_base64(data)
}

/// An output without the lines that Codex puts before it. They hold nothing but numbers: anything else is no heading.
pub fn without_heading(output: &str) -> &str {
    let mut rest = output;
    for _ in 0..8 {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        if line == "Output:" {
            return after;
        }
        if !is_heading(line) {
            break;
        }
        rest = after;
    }
    output
}

fn is_heading(line: &str) -> bool {
    let number = |text: &str| {
        !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit() || b"-.".contains(&b))
    };
    let hexadecimal =
        |text: &str| !text.is_empty() && text.len() <= 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let seconds = |text: &str| text.strip_suffix(" seconds").is_some_and(number);
    matches!(line, "Script completed" | "Script failed")
        || line.strip_prefix("Chunk ID: ").is_some_and(hexadecimal)
        || line.strip_prefix("Wall time: ").or(line.strip_prefix("Wall time ")).is_some_and(seconds)
        || [
            "Process exited with code ",
            "Process running with session ID ",
            "Original token count: ",
            "Script running with cell ID ",
        ]
        .iter()
        .any(|start| line.strip_prefix(start).is_some_and(number))
}

#[cfg(test)]
mod tests;
