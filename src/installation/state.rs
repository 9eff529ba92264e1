//! The state file in use: opened once, written whenever what it says changes.

use super::places::InstallDir;
use super::stamp;
use super::state_file::{Backup, FileRecord, StateFile, StateFileError};
use crate::codex::layers::ConfigFormat;
use crate::file_edit::{FileEditError, NewFile, keep_as_backup, write_own};
use crate::registration::{EditRecord, KnownBinaries, RemovalScope, remove};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The record of one of our folders.
#[derive(Debug)]
pub struct InstallState {
    path: PathBuf,
    pub record: StateFile,
    new_file: NewFile,
    on_disk: Option<StateFile>,
    /// Why what was remembered before could not be used.
    pub trouble: Option<StateFileError>,
    /// Where the file with that trouble was put, because another had to be written.
    pub kept: Option<PathBuf>,
}

impl InstallState {
    /// Reads what `folder` remembers. A state file that can't be read or is not the user's own counts as none, and what it
    /// says of files that are not ours as not said; [`Self::trouble`] tells.
    ///
    /// # Errors
    /// [`FileEditError::NewerRecord`]: what it says is in use, and would be lost.
    pub fn open(folder: &InstallDir, new_file: NewFile) -> Result<Self, FileEditError> {
        let path = folder.state_file();
        let read = match folder.check() {
            Ok(()) => StateFile::read(&path),
            Err(error) => Err(StateFileError::Read {
                path: path.clone(),
                source: std::io::Error::other(error.to_string()),
            }),
        };
        let (record, trouble) = match read {
            Ok(mut record) => {
                let strange = record.drop_strange();
                let trouble = strange.map(|named| StateFileError::Strange { path: path.clone(), named });
                (record, trouble)
            }
            Err(StateFileError::Newer { path }) => return Err(FileEditError::NewerRecord { path }),
            Err(error) => (StateFile::default(), Some(error)),
        };
        let on_disk = path.exists().then(|| record.clone());
        Ok(Self { path, record, new_file, on_disk, trouble, kept: None })
    }

    /// Writes the state file, if it says something new. One that could not be used may be somebody else's: it is kept.
    pub fn save(&mut self) -> Result<(), FileEditError> {
        if self.on_disk.as_ref() != Some(&self.record) {
            if self.trouble.is_some() && self.kept.is_none() {
                self.kept = Some(keep_as_backup(&self.path, &stamp(SystemTime::now()))?);
            }
            write_own(&self.path, &self.record.to_bytes(), self.new_file)?;
            self.on_disk = Some(self.record.clone());
        }
        Ok(())
    }

    /// Writes the state file, or deletes it where nothing is remembered any more; not one that could not be used.
    pub fn save_or_delete(&mut self) -> Result<(), FileEditError> {
        if !self.record.is_empty() {
            return self.save();
        }
        if self.trouble.is_some() && self.kept.is_none() {
            return Ok(());
        }
        match std::fs::remove_file(&self.path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(FileEditError::Delete { path: self.path.clone(), source })
            }
            _ => Ok(()),
        }
    }

    /// What became of a state file that could not be used, for the user.
    pub fn kept_note(&self) -> Option<String> {
        self.trouble.as_ref()?;
        let path = self.path.display();
        Some(match &self.kept {
            Some(kept) => format!("What stood in {path} is kept in {}.", kept.display()),
            None => format!("{path} stays as it is: it may be somebody else's."),
        })
    }

    /// What is remembered of a file: the edit that can be taken back from `current`, where there is one.
    pub fn edit_of(
        &self,
        path: &Path,
        file: ConfigFormat,
        current: &[u8],
        scope: &RemovalScope<'_>,
        places: &KnownBinaries,
    ) -> Option<&EditRecord> {
        let edits = &self.record.file(path)?.edits;
        let fits = |edit: &&EditRecord| {
            let scope = RemovalScope { record: Some(edit), ..scope.clone() };
            remove(file, current, &scope, places).is_ok_and(|removed| removed.restored)
        };
        edits.iter().find(fits).or(edits.first())
    }

    /// Remembers that a file is about to get the content of `edit`, and what it had before.
    pub fn announce(&mut self, path: &Path, edit: EditRecord) {
        let mut known = self.record.file(path).cloned().unwrap_or_default();
        known.edits.retain(|old| *old != edit);
        known.edits.insert(0, edit);
        self.record.set_file(path, known);
    }

    /// Remembers that a file has the content of `edit` now.
    pub fn settle(&mut self, path: &Path, edit: EditRecord, backup: Option<Backup>) {
        let mut backups = self.record.file(path).map(|known| known.backups.clone()).unwrap_or_default();
        backups.extend(backup);
        self.record.set_file(path, FileRecord { edits: vec![edit], backups });
    }
}
