//! The sentence itself.

use super::nonce::Nonce;
use crate::event::Event;

/// One word, so that no shell takes it apart.
const SENTENCE: &str = "f5-guard-doctor-proves-the-hook-for-";

/// How the shell of Codex's tools prints a word and nothing else, not even the end of a line.
const PRINT: &str = if cfg!(windows) { "Write-Host -NoNewline " } else { "printf " };

/// Codex's name for its shell, in hooks.
const SHELL: &str = "Bash";

/// A proof message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// The event whose hook is to block it.
    pub target: Event,
    pub nonce: Nonce,
}

/// What a hook does with a message that is in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The message is for a later event: it goes ahead.
    Passes,
    /// It is for this one: it is blocked, and the block says what the hook runs with.
    Answers,
}

/// The text without what its event puts before the sentence.
fn word(event: Event, content: &str) -> Option<&str> {
    match event {
        Event::PreToolUse => content.strip_prefix(PRINT),
        _ => Some(content),
    }
}

impl Message {
    /// The events that can be proven. A sub-agent's answer takes a sub-agent, whose task would be scanned on the way; its
    /// hook is the same command as that for [`Event::Stop`].
    pub const TARGETS: [Event; 4] =
        [Event::UserPromptSubmit, Event::PreToolUse, Event::PostToolUse, Event::Stop];

    /// Reads a hook's text: exactly a message of an event that is here or still to come, or nothing.
    #[must_use]
    pub fn read(event: Event, tool: Option<&str>, content: &str) -> Option<(Self, Part)> {
        if event.has_matcher() && tool != Some(SHELL) {
            return None;
        }
        let rest = word(event, content)?.strip_prefix(SENTENCE)?;
        let (target, nonce) = rest.rsplit_once('-')?;
        let target = Self::TARGETS.into_iter().find(|known| known.name() == target)?;
        let nonce = Nonce::parse(nonce)?;
        Some((Self { target, nonce }, Part::of(event, target)?))
    }

    /// The sentence: a prompt, a tool's output, an answer.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{SENTENCE}{}-{}", self.target.name(), self.nonce)
    }

    /// The command that prints it.
    #[must_use]
    pub fn command(&self) -> String {
        format!("{PRINT}{}", self.sentence())
    }
}

impl Part {
    fn of(event: Event, target: Event) -> Option<Self> {
        use Event::{PostToolUse, PreToolUse, Stop, UserPromptSubmit};
        match (event, target) {
            (UserPromptSubmit, PreToolUse | PostToolUse | Stop) | (PreToolUse, PostToolUse) => {
                Some(Self::Passes)
            }
            _ if event == target => Some(Self::Answers),
            _ => None,
        }
    }
}
