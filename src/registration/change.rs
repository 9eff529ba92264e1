//! One change of a document, before it becomes splices of its text.

use serde_json::Value;

use super::definition::HookDefinition;

/// A step of a path into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A new matcher group behind the event's other groups.
    Append(HookDefinition),
    /// Gives a key of an existing (or, for `features` and `hooks`, new) table a value.
    Set { table: Vec<Step>, key: String, value: Value },
    /// A new element behind the others of an array of values.
    Add { array: Vec<Step>, value: Value },
    /// Takes a key out of a table.
    Unset { table: Vec<Step>, key: String },
    /// Takes an element out of an array, with all that is in it.
    Remove { array: Vec<Step>, index: usize },
}
