//! A string that must not be seen: tokens and whatever else opens a door.
//!
//! The type keeps a secret out of `Debug` output and therefore out of logs, panics and test failures.
//! It does not wipe memory: the token is in the process's environment anyway.

mod finder;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

pub use finder::{REDACTED, SecretFinder};

/// The variables that hold secrets, which the model's commands need not see. Not the settings: a Codex that is started
/// by a command would lose its fail mode.
pub const SECRET_VARIABLES: [&str; 2] = ["F5_GUARDRAILS_API_TOKEN", "F5_GLOBAL_API_TOKEN"];

/// Every variable that can hold a token, also of other programs for the service; one for an administrator first.
pub const TOKEN_VARIABLES: [&str; 3] = ["F5_GLOBAL_API_TOKEN", "F5_GUARDRAILS_API_TOKEN", "CALYPSOAI_TOKEN"];

/// A secret string. `Debug` prints its length only; there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`, from here on readable through [`Secret::expose`] only.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself. Call it where the value goes on the wire, and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The number of characters, which may be shown.
    pub fn length(&self) -> usize {
        self.0.chars().count()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} characters)", self.length())
    }
}

/// The secret that a process must not show, for everything that shows something: it can become known after there is
/// something to say. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Hidden(Arc<OnceLock<Option<SecretFinder>>>);

impl Hidden {
    /// From here on `secret` is hidden; the first one counts, and one of hardly any letters does not.
    pub fn learn(&self, secret: &Secret) {
        let _ = self.0.get_or_init(|| SecretFinder::for_our_words(secret));
    }

    /// `text` without the secret (see [`SecretFinder::without`]).
    pub fn without<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.0.get().and_then(Option::as_ref).map_or(Cow::Borrowed(text), |secret| secret.without(text))
    }

    /// The same of a text that is to be kept.
    pub fn clean(&self, text: &mut String) {
        if let Cow::Owned(cleaned) = self.without(text) {
            *text = cleaned;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_length_and_nothing_else() {
        assert_eq!(format!("{:?}", Secret::new("tok-123")), "Secret(7 characters)");
    }
}
