//! Which message counts at the moment: a file of the user's own says so.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::message::{Message, Part};
use super::moment::Moment;
use super::nonce::Nonce;
use crate::access::Privilege;
use crate::event::Event;
use crate::file_edit::no_follow;

/// A message counts no longer than this after its number was written.
const LIFETIME: Duration = Duration::from_secs(60);
/// What is larger was not written by `doctor`.
const LARGEST: u64 = 1024;
/// In Codex's home folder, which a hook and `doctor` both know. Between the two stands the beginning of the number, so that
/// each `doctor` has a file of its own; the rest of it is nobody's to see.
const NAME: [&str; 2] = ["f5_guardrails.", ".proof"];
/// So much of the number is in the name, in hexadecimal digits.
const NAMED_DIGITS: usize = 8;

/// A message that counts at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub message: Message,
    /// Whether the hook that answers also has a greeting scanned.
    pub greets: bool,
    pub written: Moment,
}

/// As it is in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    nonce: String,
    event: String,
    greets: bool,
    written: Moment,
}

impl Pending {
    /// Whether a text that says so is this message, in time.
    #[must_use]
    pub fn is(&self, message: Message, now: Moment) -> bool {
        self.message == message && self.written.is_within(LIFETIME, now)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let line = Line {
            nonce: self.message.nonce.to_string(),
            event: self.message.target.name().to_owned(),
            greets: self.greets,
            written: self.written,
        };
        serde_json::to_vec(&line).unwrap_or_default()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let line: Line = serde_json::from_slice(bytes).ok()?;
        let message = Message { target: Event::from_name(&line.event)?, nonce: Nonce::parse(&line.nonce)? };
        Some(Self { message, greets: line.greets, written: line.written })
    }
}

/// Where pending messages are written down: each in a file that is readable and writable by this user alone.
#[derive(Debug)]
pub struct NonceFile {
    folder: PathBuf,
}

impl NonceFile {
    /// That of a Codex home folder.
    #[must_use]
    pub fn of(codex_home: &Path) -> Self {
        Self { folder: codex_home.to_owned() }
    }

    /// Where the message with this number is written down.
    #[must_use]
    pub fn path(&self, nonce: Nonce) -> PathBuf {
        let [before, behind] = NAME;
        let number: String = nonce.to_string().chars().take(NAMED_DIGITS).collect();
        self.folder.join(format!("{before}{number}{behind}"))
    }

    /// Writes it, until what is returned goes. What earlier runs left is removed.
    ///
    /// # Errors
    /// The system's; or what is there is not `doctor`'s.
    pub fn write(&self, pending: &Pending) -> io::Result<Written> {
        let path = self.path(pending.message.nonce);
        Privilege::among_users().may_use(&path).map_err(io::Error::other)?;
        self.sweep();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let mut file = no_follow::open(&path, &mut options)?;
        let written = Written { path };
        file.write_all(&pending.to_bytes())?;
        Ok(written)
    }

    /// Removes what runs that were killed left: what is younger can be another `doctor`'s.
    pub fn sweep(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_old = || {
                let changed = entry.metadata().and_then(|data| data.modified()).ok()?;
                let now = SystemTime::now();
                now.duration_since(changed).or_else(|_| changed.duration_since(now)).ok()
            };
            let path = entry.path();
            if name.to_str().is_some_and(is_ours)
                && is_old().is_some_and(|age| age > LIFETIME)
                && Privilege::among_users().may_use(&path).is_ok()
                && matches!(no_follow::read_private(&path, LARGEST), Ok(Some(_)))
            {
                let _ = fs::remove_file(&path);
            }
        }
    }

    /// What a hook does with a message that it has read: `None` where that is not the pending one, and so is scanned like
    /// any other text. The hook that answers uses the message up.
    #[must_use]
    pub fn part_in(&self, (message, part): (Message, Part)) -> Option<(Pending, Part)> {
        let path = self.path(message.nonce);
        Privilege::among_users().may_use(&path).ok()?;
        let bytes = no_follow::read_private(&path, LARGEST).ok()??;
        let now = Moment::now()?;
        let pending = Pending::from_bytes(&bytes).filter(|pending| pending.is(message, now))?;
        if part == Part::Answers {
            // Of two hooks that read it, one deletes it; on Windows both may, at the same moment. Either answer blocks.
            fs::remove_file(&path).ok()?;
        }
        Some((pending, part))
    }
}

/// Whether a file of this name is one for a message.
fn is_ours(name: &str) -> bool {
    let [before, behind] = NAME;
    let number = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
    number.is_some_and(|number| {
        number.len() == NAMED_DIGITS && number.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// A pending message, which is gone with this value.
#[derive(Debug)]
pub struct Written {
    path: PathBuf,
}

impl Drop for Written {
    fn drop(&mut self) {
        // The hook that answered was faster, as a rule.
        let _ = fs::remove_file(&self.path);
    }
}
