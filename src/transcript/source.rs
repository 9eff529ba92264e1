//! The plain names of what the model is given.

use std::fmt;

use crate::printable::printable;

/// Where a text of a session comes from, as Codex marks it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Of this folder, as far as Codex says.
    AgentsMd(Option<String>),
    Skills,
    DeveloperInstructions,
    BaseInstructions,
    /// What a user's `!` command printed.
    ShellCommand,
    Prompt,
    /// Of the tool with this name, as far as it is known.
    ToolOutput(Option<String>),
    /// Names and descriptions of tools.
    Tools,
    Environment,
    /// Codex's own notes: permissions, collaboration, roles.
    Harness,
    HookContext,
    Summary,
    /// A message without a mark, in this role.
    Message(String),
    /// A kind of record that this version does not know.
    Other(String),
}

/// So many characters of a name from the file are shown.
const NAME: usize = 80;

impl Source {
    /// From Codex's mark of a part of a message, the message's role, and the text.
    pub fn of_part(kind: Option<&str>, role: &str, text: &str) -> Self {
        match kind.unwrap_or_default() {
            "agents_md.instructions" => Self::AgentsMd(folder(text)),
            "host_skills.instructions" => Self::Skills,
            "generic.developer_instructions" => Self::DeveloperInstructions,
            "model.base_instructions" => Self::BaseInstructions,
            "shell.user_command" => Self::ShellCommand,
            "user.text" => Self::Prompt,
            "environments.environment_context" => Self::Environment,
            "hooks.additional_context" => Self::HookContext,
            "compaction.summary" => Self::Summary,
            kind if kind.contains("skill") => Self::Skills,
            kind if kind.starts_with("tools.") => Self::Tools,
            kind if kind.starts_with("permissions.")
                || kind.starts_with("collaboration_mode.")
                || kind.starts_with("multi_agent.") =>
            {
                Self::Harness
            }
            "" | "unknown" => Self::Message(printable(role, NAME)),
            kind => Self::Other(printable(kind, NAME)),
        }
    }

    /// A part of a record of this kind that nothing more is known of.
    pub fn of_record(kind: &str) -> Self {
        Self::Other(printable(kind, NAME))
    }

    /// The same without what a repository, a server or the file itself may call things: a name can be an instruction.
    pub fn unnamed(&self) -> Self {
        match self {
            Self::AgentsMd(_) => Self::AgentsMd(None),
            Self::ToolOutput(_) => Self::ToolOutput(None),
            Self::Message(_) => Self::Message(String::new()),
            Self::Other(_) => Self::Other(String::new()),
            other => other.clone(),
        }
    }

    /// For the log and for counting: without names and paths.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AgentsMd(_) => "agents_md",
            Self::Skills => "skills",
            Self::DeveloperInstructions => "developer_instructions",
            Self::BaseInstructions => "base_instructions",
            Self::ShellCommand => "user_shell_command",
            Self::Prompt => "prompt",
            Self::ToolOutput(_) => "tool_output",
            Self::Tools => "tool_descriptions",
            Self::Environment => "environment",
            Self::Harness => "codex_notes",
            Self::HookContext => "hook_context",
            Self::Summary => "summary",
            Self::Message(_) => "message",
            Self::Other(_) => "other",
        }
    }
}

/// A word of [`Source::kind`], as people write it.
pub fn kind_in_words(kind: &str) -> String {
    match kind {
        "agents_md" => "AGENTS.md".to_owned(),
        other => other.replace('_', " "),
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AgentsMd(None) => f.write_str("an AGENTS.md"),
            Self::AgentsMd(Some(folder)) => write!(f, "AGENTS.md (for {folder}, or your own)"),
            Self::Skills => f.write_str("a skill, or the list of skills"),
            Self::DeveloperInstructions => f.write_str("the developer instructions"),
            Self::BaseInstructions => f.write_str("the model's base instructions"),
            Self::ShellCommand => f.write_str("the output of a `!` command"),
            Self::Prompt => f.write_str("an earlier prompt"),
            Self::ToolOutput(None) => f.write_str("the output of a tool"),
            Self::ToolOutput(Some(tool)) => write!(f, "the output of {tool}"),
            Self::Tools => f.write_str("the descriptions of tools"),
            Self::Environment => f.write_str("Codex's notes about the environment"),
            Self::Harness => f.write_str("Codex's own notes for the model"),
            Self::HookContext => f.write_str("what a hook told the model"),
            Self::Summary => f.write_str("the summary of the conversation"),
            Self::Message(role) if role.is_empty() => f.write_str("a message"),
            Self::Message(role) => write!(f, "a message in the role {role}"),
            Self::Other(kind) if kind.is_empty() => f.write_str("a part of the session"),
            Self::Other(kind) => write!(f, "a part of the session of the kind {kind}"),
        }
    }
}

/// `# AGENTS.md instructions for FOLDER`, the first line.
fn folder(text: &str) -> Option<String> {
    let folder = text.lines().next()?.strip_prefix("# AGENTS.md instructions for ")?;
    let folder = printable(folder, NAME);
    (!folder.is_empty()).then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_others_named_is_in_an_unnamed_source() {
        let name = "obey me";
        for source in [
            Source::AgentsMd(Some(name.to_owned())),
            Source::ToolOutput(Some(name.to_owned())),
            Source::of_part(None, name, ""),
            Source::of_part(Some(name), "user", ""),
            Source::of_record(name),
        ] {
            assert!(source.to_string().contains(name), "{source}");
            let unnamed = source.unnamed().to_string();
            assert!(!unnamed.contains(name) && !unnamed.ends_with(' '), "{unnamed}");
        }
        assert_eq!(Source::Skills.unnamed(), Source::Skills);
    }

    #[test]
    fn an_agents_md_is_named_with_its_folder() {
        let source = Source::of_part(
            Some("agents_md.instructions"),
            "user",
            "# AGENTS.md instructions for /home/a/x\n\n<INSTRUCTIONS>",
        );
        assert_eq!(source.to_string(), "AGENTS.md (for /home/a/x, or your own)");
        let other = Source::of_part(Some("agents_md.instructions"), "user", "text\u{1b}[1m");
        assert_eq!(other, Source::AgentsMd(None));
    }
}
