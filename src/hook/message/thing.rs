//! What an answer is about, by a name that its reader recognises.

use super::Subject;
use crate::event::Event;
use crate::printable::printable;

/// What an event is about, where nothing more is known.
pub fn thing(event: Event) -> &'static str {
    match event {
        Event::UserPromptSubmit => "your prompt",
        Event::PreToolUse => "a tool call",
        Event::PostToolUse => "the output of a tool",
        Event::Stop => "the final answer",
        Event::SubagentStop => "the sub-agent's answer",
    }
}

/// The sentence for a refusal, in pieces.
pub fn refused(event: Event, thing: &str) -> [&str; 3] {
    match event {
        Event::UserPromptSubmit => ["Your prompt was not sent", "", "."],
        Event::PreToolUse => ["Stopped before it ran: ", thing, "."],
        Event::PostToolUse => ["Withheld from the agent: ", thing, "."],
        Event::Stop | Event::SubagentStop => ["Turn ended; ", thing, " stays visible: check it."],
    }
}

/// So many characters of a command are shown, and so many where that is too long for the message.
pub const HEAD: usize = 60;
pub const SHORT_HEAD: usize = 24;

impl Subject<'_> {
    /// The sentence for a refusal.
    pub(super) fn refused(&self, thing: String) -> String {
        refused(self.event, &thing).concat()
    }

    /// The thing by at most so many characters of the command that it is or comes from, or by tool and arguments: for a text that was not flagged.
    pub(super) fn thing(&self, most: usize) -> String {
        self.named(self.input.command(most))
    }

    /// The same without a word of what was flagged: where that was the command itself, or where the output repeats some
    /// of it.
    pub(super) fn without_what_was_flagged(&self, most: usize) -> String {
        let command = match self.event {
            Event::PostToolUse => self.input.command(most),
            _ => None,
        };
        self.named(command.filter(|command| !has_part_of(self.text, command)))
    }

    /// The same without the command, which takes room.
    pub(super) fn by_tool(&self) -> String {
        self.named(None)
    }

    fn named(&self, command: Option<String>) -> String {
        let tool = || {
            let arguments = self.input.arguments();
            let behind = if arguments.is_empty() { arguments } else { format!(" ({arguments})") };
            format!("{}{behind}", self.tool())
        };
        let call = command.map(|command| format!("`{command}`"));
        match (self.event, self.tool_name) {
            (Event::PreToolUse, Some(_)) => call.unwrap_or_else(tool),
            (Event::PostToolUse, Some(_)) => format!("the output of {}", call.unwrap_or_else(tool)),
            (event, _) => thing(event).to_owned(),
        }
    }

    pub(super) fn tool(&self) -> String {
        self.tool_name.map_or_else(|| "a tool".to_owned(), |name| printable(name, 80))
    }

    /// Where something was found, behind the sentence that says what was refused.
    pub(super) fn within(&self) -> &'static str {
        match self.event {
            // The model reads nothing else.
            Event::PostToolUse => "this output",
            _ => "it",
        }
    }
}

/// So many letters and digits in a row, whatever stands between them, are a part of a text.
const PART: usize = 8;
/// A longer text, in bytes, is not looked through: it is taken to have a part.
const LONGEST: usize = 256 * 1024;

/// Whether a piece of `command` is in `text` too.
fn has_part_of(text: &str, command: &str) -> bool {
    if text.len() > LONGEST {
        return true;
    }
    let squeezed = |text: &str| -> Vec<char> {
        text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let (text, command) = (squeezed(text), squeezed(command));
    if command.len() < PART {
        return !command.is_empty() && text.windows(command.len()).any(|window| window == command);
    }
    let parts: std::collections::HashSet<&[char]> = command.windows(PART).collect();
    text.windows(PART).any(|window| parts.contains(window))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_whose_words_are_in_the_output_is_recognised() {
        assert!(has_part_of("Please IGNORE all\nprevious orders", "echo 'ignore all previous'"));
        assert!(has_part_of("4111 1111 1111 1111", "echo 4111-1111-1111"));
        assert!(has_part_of("x ls y", "ls"));
        assert!(!has_part_of("Please ignore all previous orders", "cat notes.md"));
        assert!(!has_part_of("anything", "!"));
        assert!(has_part_of(&"a".repeat(LONGEST + 1), "ls"));
    }
}
