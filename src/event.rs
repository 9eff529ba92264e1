//! The Codex events that f5-guard answers and is registered for.

/// A hook event, by Codex's own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    UserPromptSubmit,
    PreToolUse,
    PostToolUse,
    Stop,
    SubagentStop,
}

impl Event {
    /// In the order in which a turn meets them.
    pub const ALL: [Self; 5] =
        [Self::UserPromptSubmit, Self::PreToolUse, Self::PostToolUse, Self::Stop, Self::SubagentStop];

    /// The event that `hook_event_name` names; `None` for an event that f5-guard does not scan.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }

    /// Codex's name for the event, in payloads and in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserPromptSubmit => "UserPromptSubmit",
            Self::PreToolUse => "PreToolUse",
            Self::PostToolUse => "PostToolUse",
            Self::Stop => "Stop",
            Self::SubagentStop => "SubagentStop",
        }
    }

    /// The f5-guard subcommand that answers it; `stop` answers both stop events.
    pub fn subcommand(self) -> &'static str {
        match self {
            Self::UserPromptSubmit => "user-prompt-submit",
            Self::PreToolUse => "pre-tool-use",
            Self::PostToolUse => "post-tool-use",
            Self::Stop | Self::SubagentStop => "stop",
        }
    }

    /// The Python integration's script for it.
    pub fn python_script(self) -> &'static str {
        match self {
            Self::UserPromptSubmit => "user_prompt_submit.py",
            Self::PreToolUse => "pre_tool_use.py",
            Self::PostToolUse => "post_tool_use.py",
            Self::Stop | Self::SubagentStop => "stop.py",
        }
    }

    /// What Codex shows while the hook runs: the words that the Python integration's users know.
    pub fn status_message(self) -> &'static str {
        match self {
            Self::UserPromptSubmit => "F5 Guardrails: scanning prompt",
            Self::PreToolUse => "F5 Guardrails: scanning tool input",
            Self::PostToolUse => "F5 Guardrails: scanning output",
            Self::Stop => "F5 Guardrails: scanning assistant response",
            Self::SubagentStop => "F5 Guardrails: scanning sub-agent response",
        }
    }

    /// Whether the model or a tool acts next on what the session holds so far.
    pub fn comes_before_an_act(self) -> bool {
        matches!(self, Self::UserPromptSubmit | Self::PreToolUse)
    }

    /// Codex matches tool names only for these.
    pub fn has_matcher(self) -> bool {
        matches!(self, Self::PreToolUse | Self::PostToolUse)
    }

    /// Whether `other` is served by the same subcommand.
    pub fn same_subcommand(self, other: Self) -> bool {
        self.subcommand() == other.subcommand()
    }

    /// Whether exit code 2 would start the turn again, endlessly, instead of blocking something.
    pub fn ends_a_turn(self) -> bool {
        matches!(self, Self::Stop | Self::SubagentStop)
    }
}
