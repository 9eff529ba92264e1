//! What an installation that fails half-way takes back: the binary, what is remembered, and the folders that it made. Codex's
//! own files are taken back where they are edited.

use std::fs;
use std::path::{Path, PathBuf};

use crate::file_edit::{EditLock, NewFile, put_program, write_own};
use crate::installation::InstallDir;

/// The folder of an installation as it was found.
#[derive(Debug)]
pub struct Undo {
    /// Outermost first.
    created: Vec<PathBuf>,
    had_lock: bool,
    state: (PathBuf, Option<Vec<u8>>),
    new_file: NewFile,
    binary: Option<(PathBuf, Option<Vec<u8>>)>,
    /// Files that were only made on the way.
    made: Vec<PathBuf>,
}

impl Undo {
    /// `created`: the folders that are about to be made.
    pub fn of(folder: &InstallDir, created: Vec<PathBuf>, new_file: NewFile) -> Self {
        let state = folder.state_file();
        Self {
            created,
            had_lock: folder.lock().exists(),
            state: (state.clone(), fs::read(&state).ok()),
            new_file,
            binary: None,
            made: Vec::new(),
        }
    }

    /// Remembers the program that is about to be replaced.
    pub fn binary(&mut self, path: &Path) {
        self.binary = Some((path.to_owned(), fs::read(path).ok()));
    }

    pub fn made(&mut self, path: &Path) {
        self.made.push(path.to_owned());
    }

    /// Takes it back as far as that is possible: the failure is what the user has to hear about.
    pub fn take_back(self, lock: Option<EditLock>) {
        match &self.binary {
            Some((path, None)) => drop(fs::remove_file(path)),
            Some((path, Some(bytes))) => drop(put_program(bytes, path)),
            None => {}
        }
        for path in &self.made {
            let _ = fs::remove_file(path);
        }
        match &self.state {
            (path, None) => drop(fs::remove_file(path)),
            (path, Some(bytes)) if fs::read(path).ok().as_ref() != Some(bytes) => {
                drop(write_own(path, bytes, self.new_file));
            }
            _ => {}
        }
        if let Some(lock) = lock.filter(|_| !self.had_lock) {
            lock.remove();
        }
        for folder in self.created.iter().rev() {
            // Only while nobody has put anything there.
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::System;

    fn folder(path: &Path) -> InstallDir {
        InstallDir::new(path.join("hooks").join("f5_guardrails"), System::this())
    }

    fn program(folder: &InstallDir, bytes: &[u8]) {
        put_program(bytes, &folder.binary()).unwrap();
    }

    #[test]
    fn what_was_made_goes_and_what_others_put_there_stays() {
        let home = tempfile::tempdir().unwrap();
        let folder = folder(home.path());
        let created = vec![home.path().join("hooks"), folder.path.clone()];
        let mut undo = Undo::of(&folder, created, NewFile::Private);
        let lock = folder.hold(std::time::Duration::ZERO).unwrap();
        undo.binary(&folder.binary());
        program(&folder, b"new");
        write_own(&folder.state_file(), b"{}", NewFile::Private).unwrap();
        fs::write(home.path().join("hooks").join("mine"), "").unwrap();
        undo.take_back(Some(lock));
        assert!(!folder.path.exists(), "nothing of ours is left");
        assert!(home.path().join("hooks").join("mine").exists());
    }

    #[test]
    fn what_was_there_before_is_there_again() {
        let home = tempfile::tempdir().unwrap();
        let folder = folder(home.path());
        drop(folder.hold(std::time::Duration::ZERO).unwrap());
        program(&folder, b"old");
        write_own(&folder.state_file(), b"remembered", NewFile::Private).unwrap();
        let mut undo = Undo::of(&folder, Vec::new(), NewFile::Private);
        let lock = folder.hold(std::time::Duration::ZERO).unwrap();
        undo.binary(&folder.binary());
        program(&folder, b"new");
        write_own(&folder.state_file(), b"{}", NewFile::Private).unwrap();
        undo.take_back(Some(lock));
        assert_eq!(fs::read(folder.binary()).unwrap(), b"old");
        assert_eq!(fs::read(folder.state_file()).unwrap(), b"remembered");
        assert!(folder.lock().exists());
    }
}
