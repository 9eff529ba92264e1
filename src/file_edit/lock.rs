//! Lets one installation at a time edit files. Advisory: it binds f5-guard's own runs; other programs are noticed by
//! [`super::Snapshot`], which compares before it replaces.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs4::{FileExt, TryLockError};

use super::atomic::create_folder;
use super::error::FileEditError;
use super::no_follow;

const PAUSE: Duration = Duration::from_millis(25);

/// Held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct EditLock {
    file: File,
    path: PathBuf,
}

impl EditLock {
    /// Takes the lock file `path` (created where missing, its folder too), waiting at most `patience` for another
    /// run to finish.
    ///
    /// # Errors
    /// [`FileEditError::Busy`] where the other run takes longer, else [`FileEditError::Write`].
    pub fn acquire(path: &Path, patience: Duration) -> Result<Self, FileEditError> {
        let failed = |source| FileEditError::Write { path: path.into(), source };
        let started = Instant::now();
        loop {
            if let Some(folder) = path.parent() {
                create_folder(folder).map_err(failed)?;
            }
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).write(true);
            // Everybody who can open it can hold it for ever.
            let opened = no_follow::open(path, &mut options);
            let file = match opened {
                Ok(file) => file,
                // The run before deletes its folder just now.
                Err(error) if error.kind() == io::ErrorKind::NotFound && started.elapsed() < patience => {
                    continue;
                }
                Err(source) => return Err(failed(source)),
            };
            if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
                return Err(FileEditError::NotAFile { path: path.into() });
            }
            match FileExt::try_lock(&file) {
                // A run before may have deleted the file that was opened; then the lock on it means nothing.
                Ok(()) if is_still_there(&file, path) => return Ok(Self { file, path: path.into() }),
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) if started.elapsed() < patience => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(FileEditError::Busy { path: path.into() }),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
    }

    /// Deletes the lock file and lets go; the last act of an uninstallation.
    pub fn remove(self) {
        if cfg!(unix) {
            let _ = fs::remove_file(&self.path);
        } else {
            let path = self.path.clone();
            drop(self); // Windows deletes no open file
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for EditLock {
    fn drop(&mut self) {
        let _ = FileExt::unlock(&self.file);
    }
}

#[cfg(unix)]
fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_still_there(_file: &File, path: &Path) -> bool {
    path.exists()
}
