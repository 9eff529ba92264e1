//! Makes text from elsewhere (commands, messages, paths) fit for a report that goes to support.

use std::path::Path;

use crate::printable::printable;
use crate::redact::Redactor;
use crate::secret::{Secret, SecretFinder};

/// The longest text that is shown in one piece, in characters.
const LONGEST: usize = 300;

/// Knows what must not be shown.
pub struct Sanitizer {
    redactor: Redactor,
    tokens: Vec<SecretFinder>,
}

impl Sanitizer {
    /// A sanitizer that hides `secrets` wherever they stand, and what looks like a secret in free text.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let secrets: Vec<_> = secrets.into_iter().filter(|secret| secret.expose().len() >= 4).collect();
        let redactor = Redactor::new(secrets.iter().map(|secret| secret.expose().to_owned()));
        Self { redactor, tokens: secrets.iter().filter_map(SecretFinder::for_our_words).collect() }
    }

    /// A message or a command.
    pub fn text(&self, text: &str) -> String {
        printable(&self.redactor.redact_text(&self.without_tokens(text)).0, LONGEST)
    }

    /// A parser's message: what is in quotes is a piece of the file, which may hold anything. One line, because
    /// the next would quote the file too.
    pub fn parser_message(&self, text: &str) -> String {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let mut shown = String::new();
        for (index, part) in first.split('"').enumerate() {
            if index > 0 {
                shown.push('"');
            }
            shown.push_str(if index % 2 == 0 { part } else { "…" });
        }
        self.text(&shown)
    }

    /// A path: nothing is taken for a secret because it looks random.
    pub fn path(&self, path: &Path) -> String {
        printable(&self.without_tokens(&path.display().to_string()), LONGEST)
    }

    /// A text that another f5-guard has made fit to be shown, if it was one: whole, and in one line.
    pub fn line(&self, text: &str) -> String {
        printable(&self.without_tokens(text), usize::MAX)
    }

    /// A text of ours with something of the user's in it: nothing but the tokens is taken out.
    pub fn without_tokens(&self, text: &str) -> String {
        self.tokens.iter().fold(text.to_owned(), |text, token| token.without(&text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_user_info_and_quoted_pieces_of_a_file_are_hidden() {
        let sanitizer = Sanitizer::new([Secret::new("t0ken-of-mine")]);
        assert!(!sanitizer.text("x t0ken-of-mine y").contains("t0ken"));
        let url = sanitizer.text("f5-guard stop --base-url https://ann:hunter2@h.test/x");
        assert!(!url.contains("hunter2") && url.contains("h.test"), "{url}");
        let message =
            sanitizer.parser_message("invalid type: string \"my value\", expected a boolean\n1 | k = 2");
        assert_eq!(message, "invalid type: string \"…\", expected a boolean");
        assert!(!sanitizer.path(Path::new("/a/t0ken-of-mine")).contains("t0ken"));
    }
}
