//! Turns well-formed inputs into ones that nobody wrote: bytes flipped, cut, repeated and spliced, words of the format
//! put where they don't belong, and for JSON also values exchanged, doubled and nested.

use fastrand::Rng;
use serde_json::Value;

/// Longer inputs only make the search slower.
const MAX_LENGTH: usize = 16 * 1024;

/// Words that mean something to the code under test, in any of its inputs.
const WORDS: &[&str] = &[
    "hook_event_name",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "Stop",
    "SubagentStop",
    "prompt",
    "tool_name",
    "tool_input",
    "tool_response",
    "tool_use_id",
    "exec-1",
    "last_assistant_message",
    "command",
    "Bash",
    "apply_patch",
    "content",
    "structuredContent",
    "blob",
    "mimeType",
    "type",
    "text",
    "image",
    "resource",
    "data",
    "result",
    "outcome",
    "scannerResults",
    "cleared",
    "passed",
    "failed",
    "flagged",
    "redacted",
    "blocked",
    "error",
    "N/A",
    "message",
    "id",
    "redactedInput",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "1e999",
    "-0",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "\u{a0}",
    "\u{202e}",
    "\u{1b}[2J",
    "hooks",
    "[[hooks.Stop]]",
    "[[hooks.Stop.hooks]]",
    "[hooks]",
    "[features]",
    "hooks = false",
    "codex_hooks",
    "matcher",
    "timeout",
    "statusMessage",
    "command_windows",
    "state",
    "trusted_hash",
    "managed_dir",
    "f5-guard",
    "stop",
    "pre-tool-use",
    "--fail-mode",
    "closed",
    "open",
    "--base-url",
    "--hook-timeout",
    "--help",
    "--",
    "'",
    "\"",
    "\\",
    "\r\n",
    "#",
    "=",
    ",",
    "=\"\"\"",
    "'''",
];

/// Changes `input` in one to eight ways; `others` are inputs to splice in.
pub fn mutate(input: &[u8], others: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..random.usize(1..=8) {
        bytes = match random.u8(0..10) {
            0..=2 => json(&bytes, random).unwrap_or(bytes),
            3 => splice(&bytes, others, random),
            _ => flip(bytes, random),
        };
        bytes.truncate(MAX_LENGTH);
    }
    bytes
}

fn flip(mut bytes: Vec<u8>, random: &mut Rng) -> Vec<u8> {
    let at = random.usize(0..=bytes.len());
    let end = (at + random.usize(0..64)).min(bytes.len());
    match random.u8(0..6) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(0..8),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        3 => drop(bytes.splice(at..at, [random.u8(..)])),
        4 => bytes.truncate(at),
        _ => {
            let word = random.choice(WORDS).copied().unwrap_or_default();
            let end = if random.bool() { at } else { end };
            bytes.splice(at..end, word.bytes());
        }
    }
    bytes
}

fn splice(bytes: &[u8], others: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let Some(other) = random.choice(others) else { return bytes.to_vec() };
    let [head, tail] = [bytes, other].map(|text| random.usize(0..=text.len()));
    [&bytes[..head], &other[tail..]].concat()
}

/// One change inside a JSON document; `None` where `bytes` are no JSON.
fn json(bytes: &[u8], random: &mut Rng) -> Option<Vec<u8>> {
    let mut document: Value = serde_json::from_slice(bytes).ok()?;
    let target = random.usize(0..=nodes(&document));
    change(&mut document, &mut { target }, random);
    let mut text = serde_json::to_string(&document).ok()?;
    if random.u8(0..8) == 0 {
        text = doubled(&text, random).unwrap_or(text);
    }
    Some(text.into_bytes())
}

fn nodes(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(nodes).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(nodes).sum::<usize>(),
        _ => 1,
    }
}

fn change(value: &mut Value, left: &mut usize, random: &mut Rng) {
    if *left == 0 {
        *value = other(value.take(), random);
    }
    *left = left.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, left, random)),
        Value::Object(fields) => fields.values_mut().for_each(|field| change(field, left, random)),
        _ => {}
    }
}

fn other(value: Value, random: &mut Rng) -> Value {
    match (random.u8(0..8), value) {
        (0, _) => Value::Null,
        (1, _) => Value::from(random.bool()),
        (2, _) => Value::from(random.i64(..)),
        (3, value) => Value::from(vec![value; random.usize(0..4)]),
        (4, value) => {
            let key = random.choice(WORDS).copied().unwrap_or_default();
            Value::Object([(key.to_owned(), value)].into_iter().collect())
        }
        (5, Value::Object(mut fields)) => {
            if let Some(key) = random.choice(fields.keys().cloned().collect::<Vec<_>>()) {
                fields.shift_remove(&key);
            }
            Value::Object(fields)
        }
        (6, Value::String(text)) => Value::from(format!("{text}{text}")),
        _ => Value::from(random.choice(WORDS).copied().unwrap_or_default()),
    }
}

/// The document with one `"key":value` of its text written twice, which no JSON library would write.
fn doubled(text: &str, random: &mut Rng) -> Option<String> {
    let commas: Vec<usize> = text.match_indices(",\"").map(|(at, _)| at).collect();
    let at = random.choice(commas)?;
    let end = text[at + 1..].find([',', '}'])? + at + 1;
    Some(format!("{}{}{}", &text[..end], &text[at..end], &text[end..]))
}
