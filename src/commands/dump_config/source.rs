//! Where pages come from, and what is known when one does not come.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// Query parameters in the order in which they are sent.
pub type Query = Vec<(&'static str, String)>;

/// Answers one `GET` with JSON. Retries are the implementation's affair.
pub trait PageSource {
    /// Reads `path` (`/backend/v1/…`) with `query`, neither of them encoded.
    fn get(&self, path: &str, query: &Query) -> impl Future<Output = Result<Value, FetchError>>;
}

/// Why a page could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchError {
    /// The HTTP status; `None` where no answer came.
    pub status: Option<u16>,
    /// What happened, as a sentence for the user. Redacted before it is shown or written.
    pub cause: String,
}

impl FetchError {
    /// Whether the next read will very likely fail in the same way: no connection, a token that is not accepted, a
    /// server that is down or wants fewer requests. A 403 or a 404 says something about its own path only.
    pub(super) fn concerns_the_service(&self) -> bool {
        match self.status {
            None | Some(401 | 407 | 429) => true,
            Some(status) => status >= 500,
        }
    }
}

/// A read that failed; what it would have brought is missing in the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The path with its filters, without page size and cursor.
    pub path: String,
    /// The HTTP status; `null` where no answer came.
    pub status: Option<u16>,
    /// What happened.
    pub cause: Cow<'static, str>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.cause)
    }
}
