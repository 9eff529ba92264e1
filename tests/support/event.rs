//! The hook events, their subcommands and the payloads that Codex sends with them.

use serde_json::{Value, json};

use super::sample;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    UserPromptSubmit,
    PreToolUse,
    PostToolUse,
    Stop,
    SubagentStop,
}

impl Event {
    pub const ALL: [Self; 5] =
        [Self::UserPromptSubmit, Self::PreToolUse, Self::PostToolUse, Self::Stop, Self::SubagentStop];

    /// `hook_event_name`.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserPromptSubmit => "UserPromptSubmit",
            Self::PreToolUse => "PreToolUse",
            Self::PostToolUse => "PostToolUse",
            Self::Stop => "Stop",
            Self::SubagentStop => "SubagentStop",
        }
    }

    /// The subcommand that is registered for it.
    pub fn subcommand(self) -> &'static str {
        match self {
            Self::UserPromptSubmit => "user-prompt-submit",
            Self::PreToolUse => "pre-tool-use",
            Self::PostToolUse => "post-tool-use",
            Self::Stop | Self::SubagentStop => "stop",
        }
    }

    /// A payload as Codex sends it, in which `text` is what has to be scanned.
    pub fn payload(self, text: &str) -> Value {
        let mut payload = sample(match self {
            Self::UserPromptSubmit => "user-prompt-submit",
            Self::PreToolUse => "pre-tool-use.Bash",
            Self::PostToolUse => "post-tool-use.Bash",
            Self::Stop | Self::SubagentStop => "stop",
        });
        match self {
            Self::UserPromptSubmit => payload["prompt"] = json!(text),
            Self::PreToolUse => payload["tool_input"] = json!({"command": text}),
            Self::PostToolUse => payload["tool_response"] = json!(text),
            Self::Stop | Self::SubagentStop => payload["last_assistant_message"] = json!(text),
        }
        if self == Self::SubagentStop {
            payload["hook_event_name"] = json!(self.name());
            payload["agent_id"] = json!("01a201f1-aaaa-77f1-8b79-24bdeecda0eb");
            payload["agent_type"] = json!("reviewer");
            payload["agent_transcript_path"] = Value::Null;
        }
        payload
    }

    /// The field without which the payload cannot be understood.
    pub fn required_field(self) -> &'static str {
        match self {
            Self::UserPromptSubmit => "prompt",
            Self::PreToolUse => "tool_input",
            Self::PostToolUse => "tool_response",
            Self::Stop | Self::SubagentStop => "last_assistant_message",
        }
    }
}
