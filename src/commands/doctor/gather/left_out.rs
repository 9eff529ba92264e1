//! What the doctor does not look at: run as root, it reads and starts only what root alone can change.

use std::path::{Path, PathBuf};

use crate::access::Privilege;
use crate::codex::home::CodexHome;

/// The rights that the doctor has, and what it left out because of them.
pub struct LeftOut {
    pub privilege: Privilege,
    /// As sentences without a full stop.
    pub why: Vec<String>,
}

impl LeftOut {
    pub fn new() -> Self {
        Self { privilege: Privilege::among_users(), why: Vec::new() }
    }

    /// Whether this may be looked at; if not, it is noted.
    pub fn allows(&mut self, path: &Path) -> bool {
        let Err(shared) = self.privilege.may_use(path) else { return true };
        let why = shared.to_string();
        if !self.why.contains(&why) {
            self.why.push(why);
        }
        false
    }

    /// The user's folder, if it may be looked at.
    pub fn home(&mut self, home: Result<CodexHome, String>) -> Result<CodexHome, String> {
        let home = home?;
        if self.allows(&home.path) { Ok(home) } else { Err("it is not root's".to_owned()) }
    }

    /// The folder of the session to ask about: this one, if it may be looked at.
    pub fn folder(&mut self, folder: PathBuf) -> PathBuf {
        if self.allows(&folder) { folder } else { PathBuf::from("/") }
    }
}
