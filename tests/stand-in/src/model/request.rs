//! What the model was given: one recorded request, and the texts in it that tests ask for.

use serde_json::Value;
use std::time::Instant;

/// The body of one `POST /v1/responses`.
#[derive(Clone, Debug)]
pub struct Request(Value, Instant);

impl Request {
    pub(super) fn new(body: Value, at: Instant) -> Self {
        Self(body, at)
    }

    /// When it had been read whole.
    pub fn at(&self) -> Instant {
        self.1
    }

    /// The whole body.
    pub fn body(&self) -> &Value {
        &self.0
    }

    /// The text of each user message, in order. Codex's own environment notes are user messages too.
    pub fn user_texts(&self) -> Vec<String> {
        self.texts_of("user")
    }

    /// The text of each developer message, in order: Codex's instructions, and what hooks gave as
    /// `additionalContext`.
    pub fn developer_texts(&self) -> Vec<String> {
        self.texts_of("developer")
    }

    /// The output of each tool call, in order: a string as it is, anything else as JSON.
    pub fn function_outputs(&self) -> Vec<String> {
        self.input()
            .filter(|item| item["type"].as_str().is_some_and(|kind| kind.ends_with("_call_output")))
            .map(|item| match &item["output"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
            .collect()
    }

    /// True when `text` is in any string of the request.
    pub fn mentions(&self, text: &str) -> bool {
        mentions(&self.0, text)
    }

    fn input(&self) -> impl Iterator<Item = &Value> {
        self.0["input"].as_array().into_iter().flatten()
    }

    fn texts_of(&self, role: &str) -> Vec<String> {
        self.input()
            .filter(|item| item["type"] == "message" && item["role"] == role)
            .flat_map(|item| item["content"].as_array().into_iter().flatten())
            .filter_map(|part| part["text"].as_str().map(str::to_owned))
            .collect()
    }
}

fn mentions(value: &Value, text: &str) -> bool {
    match value {
        Value::String(string) => string.contains(text),
        Value::Array(values) => values.iter().any(|value| mentions(value, text)),
        Value::Object(fields) => {
            fields.iter().any(|(key, value)| key.contains(text) || mentions(value, text))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
