//! The file: `$CODEX_HOME/f5_guardrails/outage.json`, private to the user.
//!
//! It is there only during an outage, and until the sessions that were shown one know that it is over. Nothing of a disk
//! decides anything: what can't be read is not there, and what can't be written is not remembered.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::ledger::Ledger;
use super::record::Moment;
use crate::access::Privilege;
use crate::codex::home::CodexHome;
use crate::file_edit::{EditLock, FileEditError, no_follow, replace_private};
use crate::supervise::supervise;
use crate::system::{Env, System};

/// In Codex's home: all that hooks remember.
pub const FOLDER: &str = "f5_guardrails";
const FILE: &str = "outage.json";
const LOCK: &str = "outage.lock";
/// A whole file has less than half of this.
const LARGEST: u64 = 64 * 1024;
/// A disk that hangs gets no more time than this.
pub const DISK_TIME: Duration = Duration::from_secs(1);

/// Where one user's hooks remember outages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    folder: PathBuf,
}

/// Why nothing was remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotKept {
    /// Other hooks were at it all the time.
    Busy,
    /// The disk, or somebody who has a hand in the folder.
    Unusable,
}

/// Makes a folder of the user's alone, and refuses one that is not.
///
/// # Errors
/// The system's, and one that says what is wrong with the folder.
pub fn ensure_private_folder(folder: &Path) -> io::Result<()> {
    platform::create(folder)?;
    platform::check(folder)
}

impl Store {
    /// Below Codex's home; `None` where that would be another folder for each session.
    pub fn of_this_user(env: Env<'_>) -> Option<Self> {
        CodexHome::find(System::this(), env).ok().map(|home| Self::below(&home.path))
    }

    pub fn below(codex_home: &Path) -> Self {
        Self { folder: codex_home.join(FOLDER) }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// What is remembered; `None` for nothing, and for what this user alone can't have written.
    pub fn read(&self) -> Option<Ledger> {
        let store = self.clone();
        supervise(Instant::now() + DISK_TIME, move || store.read_now()).ok().flatten()
    }

    /// Whether there is a file, for less than reading it costs.
    pub fn has_file(&self) -> bool {
        let path = self.path();
        supervise(Instant::now() + DISK_TIME, move || fs::symlink_metadata(path).is_ok()).unwrap_or_default()
    }

    /// Changes what is remembered, while nobody else does, within `limit`.
    ///
    /// # Errors
    /// [`NotKept`]: all is as it was.
    pub fn update<T: Send + 'static>(
        &self,
        limit: Duration,
        change: impl FnOnce(&mut Ledger, Moment) -> T + Send + 'static,
    ) -> Result<T, NotKept> {
        let store = self.clone();
        let updated = supervise(Instant::now() + limit, move || store.update_now(limit, change));
        updated.unwrap_or(Err(NotKept::Busy))
    }

    /// Deletes all that is remembered.
    pub fn remove(&self) {
        if self.folder_exists() {
            let _ = self.update(DISK_TIME, |ledger, _| *ledger = Ledger::default());
        }
    }

    fn folder_exists(&self) -> bool {
        fs::symlink_metadata(&self.folder).is_ok()
    }

    fn read_now(&self) -> Option<Ledger> {
        let bytes = no_follow::read_private(&self.path(), LARGEST).ok().flatten()?;
        platform::check(&self.folder).ok()?;
        Ledger::parse(&bytes)
    }

    fn update_now<T>(
        &self,
        limit: Duration,
        change: impl FnOnce(&mut Ledger, Moment) -> T,
    ) -> Result<T, NotKept> {
        let unusable = |_: io::Error| NotKept::Unusable;
        let place = Privilege::among_users().may_use(&self.folder);
        place.map_err(|_| NotKept::Unusable)?;
        ensure_private_folder(&self.folder).map_err(unusable)?;
        let lock = EditLock::acquire(&self.folder.join(LOCK), limit / 2).map_err(|error| match error {
            FileEditError::Busy { .. } => NotKept::Busy,
            _ => NotKept::Unusable,
        })?;
        let known = self.read_now();
        let mut ledger = known.clone().unwrap_or_default();
        let now = Moment::now();
        let result = change(&mut ledger, now);
        ledger.prune(now);
        if ledger.is_empty() {
            self.clear(lock)?;
        } else if known.as_ref() != Some(&ledger) {
            replace_private(&self.path(), &ledger.to_bytes()).map_err(|_| NotKept::Unusable)?;
        }
        Ok(result)
    }

    fn clear(&self, lock: EditLock) -> Result<(), NotKept> {
        match fs::remove_file(self.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(NotKept::Unusable),
            _ => {}
        }
        lock.remove();
        // Not empty: another hook has just put something in it.
        let _ = fs::remove_dir(&self.folder);
        Ok(())
    }
}

#[cfg(unix)]
mod platform {
    use std::os::unix::fs::DirBuilderExt;

    use super::*;

    /// Codex's home itself is not made up: where it is missing, Codex does not run.
    pub(super) fn create(folder: &Path) -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            created => created,
        }
    }

    /// Refuses a folder that is not the user's alone.
    pub(super) fn check(folder: &Path) -> io::Result<()> {
        no_follow::check_private_folder(folder)
    }
}

#[cfg(not(unix))]
mod platform {
    use super::*;
    use crate::access;

    /// A folder of the user's own has the user's access list.
    pub(super) fn create(folder: &Path) -> io::Result<()> {
        match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            created => created,
        }
    }

    /// Refuses a folder that others can change, or for which that is unknown: the file inherits its access list.
    pub(super) fn check(folder: &Path) -> io::Result<()> {
        no_follow::check_private_folder(folder)?;
        access::only_ours(folder).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests;
