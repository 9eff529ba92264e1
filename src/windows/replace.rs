//! Puts a new version of a program in the place of one that may be running.
//!
//! Windows lets nobody overwrite a running program, but it can be renamed. So the path is without a program for no longer
//! than between two renames, and only where one keeps running: a hook that finds none there is skipped by Codex, which
//! then goes ahead.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for running hooks to end (each takes some 0.1 s), before the program is renamed under them.
const PATIENCE: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
];

/// How the new program got to its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// In one step; nobody could see a moment without a program.
    AtOnce,
    /// The old one was running and lies beside it, until [`remove_leftovers`] or the system's next start.
    OldKept(PathBuf),
}

/// The operating system, as far as it decides here.
pub trait Files {
    /// Renames a file; where the target exists, it is replaced in one step.
    ///
    /// # Errors
    /// On Windows also where the target is a running program.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Lets running hooks come to their end.
    fn wait(&self, time: Duration);
}

/// The real one.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Files for System {
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }
    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// Copies the program `new` to `target`, which may be running.
///
/// The copy is made in the target's folder, so that it has that folder's permissions, and is on disk before it gets
/// its name.
///
/// # Errors
/// Nothing was changed then, except that leftovers may lie beside the target.
pub fn replace_program(new: &Path, target: &Path, files: &impl Files) -> io::Result<Replaced> {
    let fresh = beside(target, "new")?;
    let result = copy(new, &fresh).and_then(|()| put(&fresh, target, files));
    if result.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    result
}

fn copy(new: &Path, fresh: &Path) -> io::Result<()> {
    fs::copy(new, fresh)?;
    // Opened for writing, which Windows asks for before it writes buffers to disk.
    fs::OpenOptions::new().write(true).open(fresh)?.sync_all()
}

fn put(fresh: &Path, target: &Path, files: &impl Files) -> io::Result<Replaced> {
    for time in PATIENCE {
        match files.rename(fresh, target) {
            Ok(()) => return Ok(Replaced::AtOnce),
            Err(error) if !in_use(&error) => return Err(error),
            Err(_) => files.wait(time),
        }
    }
    let old = beside(target, "old")?;
    files.rename(target, &old)?;
    if let Err(error) = files.rename(fresh, target) {
        // The moment without a program has to end, whatever else is wrong.
        files.rename(&old, target)?;
        return Err(error);
    }
    #[cfg(windows)]
    // Only administrators may ask for it; for others `remove_leftovers` does the same.
    let _ = super::api::delete_at_next_start(&old);
    Ok(Replaced::OldKept(old))
}

/// What Windows says of a program that is running, or of a file that a virus scanner is reading.
fn in_use(error: &io::Error) -> bool {
    const ERROR_SHARING_VIOLATION: i32 = 32;
    error.kind() == io::ErrorKind::PermissionDenied
        || cfg!(windows) && error.raw_os_error() == Some(ERROR_SHARING_VIOLATION)
}

/// Deletes older versions beside `target` that are not running any more; returns those that still are.
///
/// # Errors
/// The folder can't be listed.
pub fn remove_leftovers(target: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else { return Ok(Vec::new()) };
    let mut kept = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if is_leftover(&path, name) && fs::remove_file(&path).is_err() {
            kept.push(path);
        }
    }
    Ok(kept)
}

/// A free name beside the program.
fn beside(target: &Path, what: &str) -> io::Result<PathBuf> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    (0..1000)
        .map(|number| {
            let mut free: OsString = name.to_owned();
            free.push(format!(".{what}-{number}"));
            target.with_file_name(free)
        })
        .find(|path| !path.exists())
        .ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}

fn is_leftover(path: &Path, name: &std::ffi::OsStr) -> bool {
    let suffix = path
        .file_name()
        .and_then(|file| file.to_str())
        .zip(name.to_str())
        .and_then(|(file, name)| file.strip_prefix(name));
    let number = suffix.and_then(|s| s.strip_prefix(".old-").or_else(|| s.strip_prefix(".new-")));
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Windows with a program at `running`, and a number of renames to it that fail although it was moved away.
    struct Running<'a> {
        running: &'a Path,
        waits: Cell<usize>,
        ends_after: usize,
        broken: Cell<usize>,
    }

    impl Files for Running<'_> {
        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            let runs = self.waits.get() < self.ends_after && self.running.exists();
            if to == self.running && runs {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            if to == self.running && self.broken.get() > 0 {
                self.broken.set(self.broken.get() - 1);
                return Err(io::ErrorKind::StorageFull.into());
            }
            fs::rename(from, to)
        }
        fn wait(&self, _: Duration) {
            self.waits.set(self.waits.get() + 1);
        }
    }

    struct Place {
        dir: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("f5-guard.exe"), "old").unwrap();
            fs::write(dir.path().join("download"), "new").unwrap();
            Self { dir }
        }
        fn target(&self) -> PathBuf {
            self.dir.path().join("f5-guard.exe")
        }
        fn replace(&self, files: &impl Files) -> io::Result<Replaced> {
            replace_program(&self.dir.path().join("download"), &self.target(), files)
        }
        fn content(&self) -> String {
            fs::read_to_string(self.target()).unwrap()
        }
        fn names(&self) -> Vec<String> {
            let mut names: Vec<_> = fs::read_dir(self.dir.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    fn running(target: &Path, ends_after: usize) -> Running<'_> {
        Running { running: target, waits: Cell::new(0), ends_after, broken: Cell::new(0) }
    }

    #[test]
    fn a_program_that_does_not_run_is_replaced_in_one_step() {
        let place = Place::new();
        assert_eq!(place.replace(&System).unwrap(), Replaced::AtOnce);
        assert_eq!((place.content().as_str(), place.names().len()), ("new", 2));
    }

    #[test]
    fn a_program_that_soon_ends_is_waited_for() {
        let place = Place::new();
        assert_eq!(place.replace(&running(&place.target(), 3)).unwrap(), Replaced::AtOnce);
        assert_eq!(place.content(), "new");
    }

    #[test]
    fn a_program_that_keeps_running_is_renamed_and_removed_later() {
        let place = Place::new();
        let replaced = place.replace(&running(&place.target(), usize::MAX)).unwrap();
        let old = place.dir.path().join("f5-guard.exe.old-0");
        assert_eq!(replaced, Replaced::OldKept(old));
        assert_eq!(place.content(), "new");
        assert_eq!(remove_leftovers(&place.target()).unwrap(), Vec::<PathBuf>::new());
        assert_eq!(place.names(), ["download", "f5-guard.exe"]);
    }

    #[test]
    fn where_the_new_one_cannot_take_its_place_the_old_one_comes_back() {
        let place = Place::new();
        let target = place.target();
        let files = Running { broken: Cell::new(1), ..running(&target, usize::MAX) };
        assert_eq!(place.replace(&files).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(place.content(), "old");
        assert_eq!(place.names(), ["download", "f5-guard.exe"]);
    }

    #[test]
    fn foreign_files_are_no_leftovers() {
        let place = Place::new();
        for name in ["f5-guard.exe.old-", "f5-guard.exe.old-1.txt", "f5-guard.exe.bak", "other.old-1"] {
            fs::write(place.dir.path().join(name), "").unwrap();
        }
        remove_leftovers(&place.target()).unwrap();
        assert_eq!(place.names().len(), 6);
    }

    #[test]
    fn a_new_program_that_cannot_be_read_changes_nothing() {
        let place = Place::new();
        fs::remove_file(place.dir.path().join("download")).unwrap();
        assert_eq!(place.replace(&System).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!((place.content().as_str(), place.names().len()), ("old", 1));
    }
}
