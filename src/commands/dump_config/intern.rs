//! Each object is redacted and kept once, however often the service sends it. A provider that 5,000 projects have
//! enabled arrives 15,000 times.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::redact::{Counts, Place, Redactor};

/// A redacted value that several places of the document share.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Value>);

impl Shared {
    /// A field of the object; `null` where there is none.
    pub fn field(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    /// Whether it is an object at all.
    pub fn is_object(&self) -> bool {
        self.0.is_object()
    }

    /// All fields, where it is an object.
    pub fn fields(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.as_object().into_iter().flatten()
    }

    /// What people call the object, in the order in which the Python dump looked for it.
    pub fn display_name(&self) -> &str {
        ["name", "displayName", "display_name", "tag", "id"]
            .iter()
            .find_map(|key| self.text(key))
            .unwrap_or("<unnamed>")
    }

    /// A field of the object that is text and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.field(name).as_str().filter(|text| !text.is_empty())
    }
}

impl Serialize for Shared {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Redacts values and remembers them by what they were before.
pub struct Interner {
    redactor: Redactor,
    known: HashMap<(String, Place), Shared>,
    counts: Counts,
}

impl Interner {
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor, known: HashMap::new(), counts: Counts::default() }
    }

    /// The redacted form of `value`.
    pub fn intern(&mut self, value: Value, place: Place) -> Shared {
        let key = (value.to_string(), place);
        if let Some(shared) = self.known.get(&key) {
            return shared.clone();
        }
        let (redacted, counts) = self.redactor.redact(value, place);
        self.counts.merge(&counts);
        let shared = Shared(Arc::new(redacted));
        self.known.insert(key, shared.clone());
        shared
    }

    /// `text` without its secrets.
    pub fn text(&mut self, text: &str) -> String {
        let (text, counts) = self.redactor.redact_text(text);
        self.counts.merge(&counts);
        text
    }

    /// What was redacted so far, each distinct value counted once.
    pub fn into_counts(self) -> Counts {
        self.counts
    }
}
