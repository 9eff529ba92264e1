//! What the log knows of calls: which were not scanned, and in which sessions there were any.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::logging::read::read;

/// More are not kept.
const MOST: usize = 200_000;

/// Calls and sessions of the log.
#[derive(Debug, Default)]
pub struct Calls {
    sessions: HashSet<String>,
    /// Why a tool's output was not scanned, by the call's id.
    not_scanned: HashMap<String, String>,
}

impl Calls {
    /// A log that can't be read says nothing.
    pub fn read(log: &Path) -> Self {
        let mut calls = Self::default();
        let _ = read(log, |entry| {
            let line = entry.line;
            if let Some(session) = line.session_id {
                if calls.sessions.len() < MOST {
                    calls.sessions.insert(session);
                }
            }
            if let ("PostToolUse", "not_scanned", Some(call), Some(cause)) =
                (line.event.as_str(), line.outcome.as_str(), line.tool_use_id, line.cause)
            {
                if calls.not_scanned.len() < MOST {
                    calls.not_scanned.insert(call, cause);
                }
            }
        });
        calls
    }

    pub fn has_session(&self, id: &str) -> bool {
        self.sessions.contains(id)
    }

    pub fn why_not_scanned(&self, call: &str) -> Option<&str> {
        self.not_scanned.get(call).map(String::as_str)
    }
}
