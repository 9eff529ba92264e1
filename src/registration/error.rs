//! Why a document is refused. Every refusal leaves the document as it was.

use super::position::Position;

/// A refusal to edit one document. The caller adds the file's path .
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The bytes are no UTF-8 text, which both TOML and JSON must be.
    #[error("{at}: this is not UTF-8 text")]
    NotUtf8 { at: Position },
    /// The text is no valid TOML or JSON.
    #[error("{at}: not valid {format}: {message}")]
    Syntax { at: Position, format: &'static str, message: String },
    /// Valid, but not what Codex keeps at that place.
    #[error("`{place}` should be {expected} but is {found}")]
    UnexpectedShape { place: String, expected: &'static str, found: &'static str },
    /// Codex refuses a whole `hooks.json` that has another root key.
    #[error(
        "the root key `{key}` makes Codex refuse the whole file (only `hooks` and `description` may stand there)"
    )]
    UnknownRootKey { key: String },
    /// Codex 0.169.0 reads no hooks from such a file, which would be a registration that never runs.
    #[error("it begins with a byte order mark, so Codex can't read it as JSON; save it as UTF-8 without one")]
    ByteOrderMark,
    /// The edited text was parsed again and does not say exactly what was meant; it was thrown away.
    #[error("the edit was given up because the result would not have been right: {reason}")]
    NotEquivalent { reason: String },
}

impl DocumentError {
    pub(super) fn not_equivalent(reason: impl Into<String>) -> Self {
        Self::NotEquivalent { reason: reason.into() }
    }
}
