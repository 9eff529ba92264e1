//! The state file in use: opened once, written whenever what it says changes.

use super::places::OurFolder;
use super::record::{Backup, FileRecord, Record, RecordError};
use crate::file_edit::{FileEditError, NewFile, write_own};
use crate::registration::{ConfigFile, EditRecord, OurPlaces, RemovalScope, remove};
use std::path::{Path, PathBuf};

/// The record of one of our folders.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    pub record: Record,
    new_file: NewFile,
    on_disk: Option<Record>,
    /// Why what was remembered before could not be used.
    pub trouble: Option<RecordError>,
}

impl Ledger {
    /// Reads what `folder` remembers. A state file that can't be read or is not the user's own counts as none, and what it
    /// says of files that are not ours as not said; [`Self::trouble`] tells.
    #[must_use]
    pub fn open(folder: &OurFolder, new_file: NewFile) -> Self {
        let path = folder.record();
        let read = match folder.check() {
            Ok(()) => Record::read(&path),
            Err(error) => Err(RecordError::Read {
                path: path.clone(),
                source: std::io::Error::other(error.to_string()),
            }),
        };
        let (record, trouble) = match read {
            Ok(mut record) => {
                let strange = record.drop_strange();
                let trouble = strange.map(|named| RecordError::Strange { path: path.clone(), named });
                (record, trouble)
            }
            Err(error) => (Record::default(), Some(error)),
        };
        let on_disk = path.exists().then(|| record.clone());
        Self { path, record, new_file, on_disk, trouble }
    }

    /// Writes the state file, if it says something new.
    ///
    /// # Errors
    /// [`FileEditError::Write`].
    pub fn save(&mut self) -> Result<(), FileEditError> {
        if self.on_disk.as_ref() != Some(&self.record) {
            write_own(&self.path, &self.record.to_bytes(), self.new_file)?;
            self.on_disk = Some(self.record.clone());
        }
        Ok(())
    }

    /// Writes the state file, or deletes it where nothing is remembered any more.
    ///
    /// # Errors
    /// [`FileEditError`].
    pub fn save_or_delete(&mut self) -> Result<(), FileEditError> {
        if !self.record.is_empty() {
            return self.save();
        }
        match std::fs::remove_file(&self.path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(FileEditError::Delete { path: self.path.clone(), source })
            }
            _ => Ok(()),
        }
    }

    /// What is remembered of a file: the edit that can be taken back from `current`, where there is one.
    #[must_use]
    pub fn edit_of(
        &self,
        path: &Path,
        file: ConfigFile,
        current: &[u8],
        scope: &RemovalScope<'_>,
        places: &OurPlaces,
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
