//! The Codex events that f5-guard answers.

/// A hook event, by Codex's own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    UserPromptSubmit,
    PreToolUse,
    PostToolUse,
    Stop,
    SubagentStop,
}

impl Event {
    /// The event that `hook_event_name` names; `None` for an event that f5-guard does not scan.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "UserPromptSubmit" => Some(Self::UserPromptSubmit),
            "PreToolUse" => Some(Self::PreToolUse),
            "PostToolUse" => Some(Self::PostToolUse),
            "Stop" => Some(Self::Stop),
            "SubagentStop" => Some(Self::SubagentStop),
            _ => None,
        }
    }

    /// Codex's name for the event.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UserPromptSubmit => "UserPromptSubmit",
            Self::PreToolUse => "PreToolUse",
            Self::PostToolUse => "PostToolUse",
            Self::Stop => "Stop",
            Self::SubagentStop => "SubagentStop",
        }
    }

    /// Whether `other` is served by the same subcommand: `stop` takes both stop events.
    #[must_use]
    pub fn same_subcommand(self, other: Self) -> bool {
        self == other || (self.ends_a_turn() && other.ends_a_turn())
    }

    /// Whether exit code 2 would start the turn again, endlessly, instead of blocking something.
    #[must_use]
    pub fn ends_a_turn(self) -> bool {
        matches!(self, Self::Stop | Self::SubagentStop)
    }
}
