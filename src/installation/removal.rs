//! Takes an installation out of Codex's files again: back to the byte where nobody else touched them, else exactly
//! our entries.

use std::fs;
use std::path::PathBuf;

use super::edits::{new_file, state_keys};
use super::moved::{dry_run, moved_note};
use super::state::InstallState;
use super::state_file::Backup;
use crate::codex::layers::ConfigFile;
use crate::codex::layers::ConfigFormat;
use crate::file_edit::{FileEditError, Snapshot};
use crate::registration::{KnownBinaries, ManagedDirs, RemovalScope, Removed, remove, without_trust};

/// A removal that is worked out and not yet made.
#[derive(Debug)]
pub struct Removal {
    pub place: ConfigFile,
    snapshot: Snapshot,
    pub removed: Removed,
}

/// What a removal did beside the edits themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Copies of old contents that are still there because they differ from the file as it is now.
    pub backups_left: Vec<PathBuf>,
}

impl Removal {
    /// Whether any byte of the file will change.
    pub fn changes(&self) -> bool {
        self.removed.changed || (self.removed.text.is_none() && self.snapshot.bytes().is_some())
    }

    /// What to say about other tools' hooks that the removal moves, if it does.
    pub fn moved_note(&self) -> Option<String> {
        moved_note(&self.place, &self.removed.moved)
    }

    /// What a dry run shows.
    pub fn dry_run(&self) -> String {
        dry_run(&self.place, self.snapshot.bytes(), self.removed.text.as_deref(), self.moved_note())
    }
}

/// Works out what has to be taken out of `files`; nothing is written. Files that do not exist are passed over.
/// `more_keys` are trust records of hooks in other files; `managed_dirs` are the folders that our installation
/// put into the requirements.
///
/// # Errors
/// [`FileEditError`] for the first file that can't be edited.
pub fn prepare_removal(
    files: &[ConfigFile],
    more_keys: &[String],
    managed_dirs: &ManagedDirs,
    state: &InstallState,
    places: &KnownBinaries,
) -> Result<Vec<Removal>, FileEditError> {
    let mut found = Vec::new();
    for place in files {
        let snapshot = place.read()?;
        if snapshot.bytes().is_some() {
            found.push((place, snapshot));
        }
    }
    let contents: Vec<(&ConfigFile, Option<&[u8]>)> =
        found.iter().map(|(place, snapshot)| (*place, snapshot.bytes())).collect();
    let mut keys = state_keys(&contents, places);
    keys.extend_from_slice(more_keys);
    let mut removals = Vec::new();
    for (place, snapshot) in found {
        let current = snapshot.bytes().unwrap_or_default();
        let scope = RemovalScope {
            trust_keys: if place.format == ConfigFormat::ConfigToml { &keys } else { &[] },
            record: None,
            managed_dirs: match place.format {
                ConfigFormat::RequirementsToml => managed_dirs.clone(),
                ConfigFormat::ConfigToml | ConfigFormat::HooksJson => ManagedDirs::default(),
            },
        };
        let record = state.edit_of(&place.path, place.format, current, &scope, places);
        let scope = RemovalScope { record, ..scope };
        let removed =
            remove(place.format, current, &scope, places).map_err(FileEditError::document(&place.path))?;
        removals.push(Removal { place: place.clone(), snapshot, removed });
    }
    Ok(removals)
}

/// Makes the removals, and forgets what was remembered of the files. Backups that say nothing that the file does not
/// say either are deleted; the others are named.
///
/// # Errors
/// [`FileEditError`]; files before the faulty one are done, and what is remembered of the others is kept.
pub fn carry_out_removal(
    removals: &[Removal],
    state: &mut InstallState,
    stamp: &str,
) -> Result<Cleared, FileEditError> {
    let mut cleared = Cleared::default();
    for removal in removals {
        let path = &removal.place.path;
        let mut backups = state.record.file(path).map(|known| known.backups.clone()).unwrap_or_default();
        if removal.changes() {
            let backup = match &removal.removed.text {
                Some(text) => removal.snapshot.replace(text.as_bytes(), new_file(&removal.place), stamp)?,
                None => removal.snapshot.delete().map(|()| None)?,
            };
            // What was taken back whole is known to the byte: the copy only holds our own part.
            match backup {
                Some(backup) if removal.removed.restored => drop(fs::remove_file(backup)),
                backup => backups.extend(backup.map(|path| Backup { path, edit: None })),
            }
        }
        for backup in backups {
            if backup.is_redundant(removal.removed.text.as_deref()) {
                let _ = fs::remove_file(&backup.path);
            } else if backup.path.exists() {
                cleared.backups_left.push(backup.path);
            }
        }
        state.record.forget_file(path);
        // Not deleted yet: that an installation put the binary there has to be known to the end.
        state.save()?;
    }
    Ok(cleared)
}

/// Takes the records of trust under `keys` out of the user's `config.toml`, and nothing else. Returns its content from
/// before, where there were any.
///
/// # Errors
/// [`FileEditError`]; the file is as it was then.
pub fn forget_trust(
    config: &ConfigFile,
    keys: &[String],
    stamp: &str,
) -> Result<Option<Vec<u8>>, FileEditError> {
    let snapshot = Snapshot::read(&config.path)?;
    let Some(before) = snapshot.bytes() else { return Ok(None) };
    let after = without_trust(config.format, before, keys).map_err(FileEditError::document(&config.path))?;
    if after.as_bytes() == before {
        return Ok(None);
    }
    if let Some(backup) = snapshot.replace(after.as_bytes(), new_file(config), stamp)? {
        let _ = fs::remove_file(backup); // it holds nothing more than our trust
    }
    Ok(Some(before.to_vec()))
}
