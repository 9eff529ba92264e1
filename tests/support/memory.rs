//! What hooks of one user remember for each other, and a clock that a test can put forward and back.

use std::path::PathBuf;

use f5_stand_in::f5::refusing_url;
use serde_json::Value;
use tempfile::TempDir;

use super::Hook;

/// The Codex home that several hooks share.
pub struct CodexHome(TempDir);

impl CodexHome {
    pub fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    pub fn file(&self) -> PathBuf {
        self.0.path().join("f5_guardrails").join("outage.json")
    }

    /// The hook of a user whose Codex has this home.
    pub fn hook(&self, hook: Hook) -> Hook {
        hook.env("CODEX_HOME", self.0.path())
    }

    /// A hook that blocks what it can't scan, with an address that refuses connections.
    pub fn refused(&self) -> Hook {
        self.hook(
            Hook::pre_tool_use().closed().env("F5_GUARDRAILS_BASE_URL", refusing_url().expect("a port")),
        )
    }

    /// A hook tries, in vain.
    #[track_caller]
    pub fn meet_an_outage(&self) {
        self.refused().run().blocked().says(&["was refused"]);
    }

    /// A hook does not try.
    #[track_caller]
    pub fn spare_a_hook_the_wait(&self) {
        self.refused().run().blocked().says(&["(the connection is refused)"]).says(&["next try in 1"]);
    }

    /// Whether anything is remembered at all.
    pub fn remembers(&self) -> bool {
        self.file().exists()
    }

    /// What is remembered of outages, by an unspeakable key.
    pub fn outages(&self) -> Vec<Value> {
        let Ok(text) = std::fs::read_to_string(self.file()) else { return Vec::new() };
        let content: Value = serde_json::from_str(&text).expect("the file is JSON");
        content["outages"].as_object().expect("a map").values().cloned().collect()
    }

    /// As if so many seconds had passed since anything was written; with a minus, as if the clock had been put back.
    pub fn pass(&self, seconds: i64) {
        let text = std::fs::read_to_string(self.file()).expect("something is remembered");
        let mut content: Value = serde_json::from_str(&text).expect("the file is JSON");
        shift(&mut content, seconds * 1000);
        std::fs::write(self.file(), content.to_string()).expect("the file can be written");
    }

    /// As if a hook that is dead had claimed the next try for so many milliseconds from now.
    pub fn claimed_for(&self, milliseconds: u64) {
        let text = std::fs::read_to_string(self.file()).expect("something is remembered");
        let mut content: Value = serde_json::from_str(&text).expect("the file is JSON");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        let until = u64::try_from(now.as_millis()).expect("a clock") + milliseconds;
        for outage in content["outages"].as_object_mut().expect("a map").values_mut() {
            outage["state"] = serde_json::json!({ "tried": { "by": 1, "until": until } });
        }
        std::fs::write(self.file(), content.to_string()).expect("the file can be written");
    }

    /// The next try is due.
    pub fn pass_the_wait(&self) {
        self.pass(16);
    }
}

fn shift(value: &mut Value, milliseconds: i64) {
    const MOMENTS: [&str; 5] = ["since", "noted", "next_try", "until", "at"];
    let Value::Object(fields) = value else { return };
    for (name, value) in fields {
        match value.as_i64() {
            Some(moment) if MOMENTS.contains(&name.as_str()) => *value = (moment - milliseconds).into(),
            _ => shift(value, milliseconds),
        }
    }
}
