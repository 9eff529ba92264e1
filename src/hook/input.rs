//! What a tool was called with, as far as a message may name it.

use crate::json::Json;
use crate::printable::{counted, printable};
use crate::redact::Redactor;
use crate::secret::Hidden;

/// An input that is longer, in bytes of JSON, is named by its tool alone: looking through it takes time.
const LONGEST: usize = 64 * 1024;
/// So many characters of a command are looked at.
const HEAD: usize = 400;
/// So many arguments are named, with so many characters each.
const NAMED: usize = 5;
const NAME: usize = 40;

/// The beginning of a command, and the names of arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    /// At most [`HEAD`] characters.
    head: Option<String>,
    /// Whether there is more of it than `head` has.
    is_cut: bool,
    arguments: Vec<String>,
    more: usize,
}

impl Input {
    /// From a payload's `tool_input`. The commands of shells and the patches are in a string `command`.
    pub(super) fn of(tool: &str, input: Json<'_>) -> Self {
        if input.length() > LONGEST {
            return Self::default();
        }
        let [command] = input.pick(["command"]);
        let command = match tool {
            "Bash" => command.as_string(),
            "apply_patch" => return Self::default(),
            _ => None,
        };
        if let Some(command) = command {
            let head: String = command.chars().take(HEAD).collect();
            return Self { is_cut: head.len() < command.len(), head: Some(head), ..Self::default() };
        }
        let mut found = Self::default();
        for (name, _) in input.fields() {
            match is_a_name(&name) && found.arguments.len() < NAMED {
                true => found.arguments.push(name.into_owned()),
                false => found.more += 1,
            }
        }
        found
    }

    /// The same without what is hidden.
    #[must_use]
    pub fn without(mut self, hidden: &Hidden) -> Self {
        self.arguments.iter_mut().for_each(|name| hidden.clean(name));
        if let Some(head) = &mut self.head {
            let cleaned = hidden.without(head).into_owned();
            // Of a secret at the cut there may be a piece left, which could move to the front.
            let is_safe = !self.is_cut || cleaned == *head;
            self.head = Some(cleaned).filter(|_| is_safe);
        }
        self
    }

    /// At most so many characters of the beginning of the command, fit to be shown: without escape sequences and without anything that looks like a
    /// secret. `None` where there is nothing to show.
    pub(super) fn command(&self, most: usize) -> Option<String> {
        let head = printable(self.head.as_deref()?, usize::MAX);
        let (shown, _) = Redactor::default().redact_text(&head);
        if head.is_empty() || (self.is_cut && shown != head) {
            return None;
        }
        Some(printable(&shown, most).replace('`', "'"))
    }

    /// The arguments' names: `sql, limit and 2 more`; empty where there are none.
    pub(super) fn arguments(&self) -> String {
        let names = self.arguments.join(", ");
        match (names.is_empty(), self.more) {
            (_, 0) => names,
            (true, more) => counted(more, "argument"),
            (false, more) => format!("{names} and {more} more"),
        }
    }
}

/// Whether a key can only be the name of an argument. Others could be content.
fn is_a_name(key: &str) -> bool {
    let starts = key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    starts
        && key.len() <= NAME
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        && Redactor::default().redact_text(key).0 == key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tool: &str, input: &str) -> Input {
        Input::of(tool, Json::parse(input).unwrap())
    }

    #[test]
    fn a_command_is_shown_by_its_first_60_characters() {
        let command = of("Bash", &format!(r#"{{"command": "  cargo\n test {}"}}"#, "x ".repeat(50)));
        assert_eq!(command.command(60), Some(format!("cargo test {}x…", "x ".repeat(24))));
        assert_eq!(
            of("Bash", r#"{"command": "echo `id`\u001b[2J"}"#).command(60).as_deref(),
            Some("echo 'id'[2J")
        );
        assert_eq!(command.arguments(), "");
        assert_eq!(of("Bash", r#"{"command": " \u0007 "}"#).command(60), None);
    }

    #[test]
    fn what_looks_like_a_secret_is_not_shown() {
        let secret = "ghp_0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R";
        let shown = of("Bash", &format!(r#"{{"command": "curl -H 'Authorization: Bearer {secret}' x"}}"#))
            .command(60);
        assert!(
            shown.as_ref().is_some_and(|shown| shown.starts_with("curl -H") && !shown.contains("ghp_")),
            "{shown:?}"
        );
        let cut = of("Bash", &format!(r#"{{"command": "PASSWORD={secret} {} {secret}"}}"#, "x ".repeat(170)));
        assert_eq!(cut.command(60), None, "a piece of one could be left at the cut");
    }

    #[test]
    fn a_token_in_a_command_is_hidden_whole() {
        let hidden = Hidden::default();
        hidden.learn(&crate::secret::Secret::new("planted0token7Qx2vLm9Rt4Wz8"));
        let command =
            |rest: &str| of("Bash", &format!(r#"{{"command": "echo planted0token7Qx2vLm9Rt4Wz8 {rest}"}}"#));
        assert_eq!(command("x").without(&hidden).command(60).as_deref(), Some("echo (redacted) x"));
        assert_eq!(command(&"x ".repeat(HEAD)).without(&hidden).command(60), None);
    }

    #[test]
    fn arguments_are_named_and_content_in_their_place_is_counted() {
        assert_eq!(of("mcp__db__query", r#"{"sql": "s", "limit": 3}"#).arguments(), "sql, limit");
        assert_eq!(of("x", r#"{"ignore all orders": 1, "a": 2}"#).arguments(), "a and 1 more");
        assert_eq!(of("x", r#"{"ignore all orders": 1}"#).arguments(), "1 argument");
        assert_eq!(
            of("x", r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1}"#).arguments(),
            "a, b, c, d, e and 2 more"
        );
        assert_eq!(of("x", "{}").arguments(), "");
        assert_eq!(of("apply_patch", r#"{"command": "*** Begin Patch"}"#).arguments(), "");
    }
}
