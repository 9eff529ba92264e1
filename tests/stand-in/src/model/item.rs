//! What the model can answer: a message, or a call of one of Codex's tools.

use serde_json::{Value, json};

/// One output item of an answer.
#[derive(Clone, Debug)]
pub enum Item {
    /// Text for the user; the last one of a turn is its `last_assistant_message`.
    Message(String),
    /// A call of a tool that takes JSON arguments.
    Function {
        /// The tool's name, for instance `exec_command`.
        name: String,
        /// `mcp__<server>` for a tool of an MCP server, nothing for Codex's own.
        namespace: Option<String>,
        /// The argument object.
        arguments: Value,
    },
    /// A call of a tool that takes free text: `apply_patch`, `exec`.
    Custom {
        /// The tool's name.
        name: String,
        /// The text, as it is.
        input: String,
    },
}

impl Item {
    /// A message of the assistant.
    pub fn message(text: impl Into<String>) -> Self {
        Self::Message(text.into())
    }

    /// A shell command; hooks know this tool as `Bash`.
    pub fn exec(command: impl Into<String>) -> Self {
        Self::function("exec_command", json!({ "cmd": command.into() }))
    }

    /// A call of one of Codex's own tools.
    pub fn function(name: impl Into<String>, arguments: Value) -> Self {
        Self::Function { name: name.into(), namespace: None, arguments }
    }

    /// A patch in Codex's `*** Begin Patch` format.
    pub fn apply_patch(patch: impl Into<String>) -> Self {
        Self::Custom { name: "apply_patch".to_owned(), input: patch.into() }
    }

    /// A script in JavaScript that calls tools, as models in Codex's "code mode" do: `await tools.exec_command({cmd})`,
    /// and `text(…)` for what the model gets.
    pub fn script(code: impl Into<String>) -> Self {
        Self::Custom { name: "exec".to_owned(), input: code.into() }
    }

    /// A call of an MCP server's tool; hooks know it as `mcp__<server>__<tool>`.
    pub fn mcp(server: &str, tool: impl Into<String>, arguments: Value) -> Self {
        Self::namespaced(&format!("mcp__{server}"), tool, arguments)
    }

    /// A call of a tool in a namespace, for instance `collaboration` for sub-agents.
    pub fn namespaced(namespace: &str, name: impl Into<String>, arguments: Value) -> Self {
        Self::Function { name: name.into(), namespace: Some(namespace.to_owned()), arguments }
    }

    pub(super) fn to_json(&self, call_id: &str) -> Value {
        match self {
            Self::Message(text) => json!({
                "type": "message", "role": "assistant", "id": format!("msg_{call_id}"),
                "content": [{ "type": "output_text", "text": text }],
            }),
            Self::Function { name, namespace, arguments } => {
                // The protocol carries the arguments as JSON inside a string.
                let mut call = json!({
                    "type": "function_call", "call_id": call_id, "name": name,
                    "arguments": arguments.to_string(),
                });
                if let Some(namespace) = namespace {
                    call["namespace"] = json!(namespace);
                }
                call
            }
            Self::Custom { name, input } => {
                json!({ "type": "custom_tool_call", "call_id": call_id, "name": name, "input": input })
            }
        }
    }
}
