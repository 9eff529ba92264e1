//! What a hook that answers says: which program it is, and what it runs with.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::nonce::Nonce;
use crate::event::Event;

/// How a report begins, and by which it is found in what Codex shows.
const OPENING: &str = "f5-guard proof: ";

/// The longest text of a report, in bytes: of a reason after a tool Codex hands on 10,000 whole, and adds some words.
pub const LONGEST: usize = 9_000;

/// A report. `S` is a setting as it may be shown; there is no secret in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report<S> {
    /// That of the message, and so no other run's report.
    nonce: String,
    /// By Codex's name.
    event: String,
    pub version: String,
    /// `None` where the system does not say.
    pub program: Option<PathBuf>,
    /// The flags that the registered command carries, as they may be shown.
    pub flags: Vec<String>,
    pub settings: Vec<S>,
    /// `None` where no scan was asked for.
    pub greeting: Option<Greeting>,
}

/// What came of the scan of a greeting, with the hook's own settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Greeting {
    Cleared {
        milliseconds: u64,
    },
    /// The service answered, and objected.
    Objected {
        words: String,
    },
    Failed {
        why: String,
        fix: String,
    },
}

impl<S: Serialize + DeserializeOwned> Report<S> {
    #[must_use]
    pub fn new(nonce: Nonce, event: Event, flags: Vec<String>, settings: Vec<S>) -> Self {
        Self {
            nonce: nonce.to_string(),
            event: event.name().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            program: std::env::current_exe().ok(),
            flags,
            settings,
            greeting: None,
        }
    }

    /// The text of the hook's answer.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{OPENING}{}", serde_json::to_string(self).unwrap_or_default())
    }

    /// Finds the report that answers this message in a text of Codex's, which may go on after it.
    #[must_use]
    pub fn find(text: &str, nonce: Nonce, event: Event) -> Option<Self> {
        let (_, json) = text.split_once(OPENING)?;
        let report = serde_json::Deserializer::from_str(json).into_iter::<Self>().next()?.ok()?;
        (report.nonce == nonce.to_string() && report.event == event.name()).then_some(report)
    }
}
