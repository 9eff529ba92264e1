//! Carries an installation out in Codex's files: all edits are worked out before the first byte is written, and a
//! write that fails takes the earlier ones back.

use std::fs;
use std::path::{Path, PathBuf};

use super::moved::{dry_run, moved_note};
use super::state::InstallState;
use super::state_file::Backup;
use crate::codex::layers::ConfigFormat;
use crate::codex::layers::{ConfigFile, Layer};
use crate::file_edit::{FileEditError, NewFile, Snapshot};
use crate::registration::{
    EditRecord, Installed, KnownBinaries, RemovalScope, Wanted, install, our_trust_keys, renew_record,
};

/// What one of Codex's files shall say.
#[derive(Debug, Clone)]
pub struct Goal {
    pub place: ConfigFile,
    pub wanted: Wanted,
}

/// An edit that is worked out and not yet made.
#[derive(Debug)]
pub struct Edit {
    pub place: ConfigFile,
    snapshot: Snapshot,
    pub installed: Installed,
    /// What will have to be remembered; `None` where nothing changes.
    record: Option<EditRecord>,
}

impl Edit {
    /// Whether any byte of the file will change.
    pub fn changes(&self) -> bool {
        self.installed.changed
    }

    /// The file's content as it was read.
    pub fn before(&self) -> Option<&[u8]> {
        self.snapshot.bytes()
    }

    /// What to say about other tools' hooks that the edit moves, if it does.
    pub fn moved_note(&self) -> Option<String> {
        moved_note(&self.place, &self.installed.moved)
    }

    /// What a dry run shows.
    pub fn dry_run(&self) -> String {
        dry_run(&self.place, self.before(), self.installed.text.as_deref(), self.moved_note())
    }
}

/// Works out what has to be edited for `goals`; nothing is written.
///
/// # Errors
/// [`FileEditError`] for the first file that can't be edited.
pub fn prepare(
    goals: Vec<Goal>,
    state: &InstallState,
    places: &KnownBinaries,
) -> Result<Vec<Edit>, FileEditError> {
    let mut edits = Vec::new();
    for goal in goals {
        let path = &goal.place.path;
        let snapshot = goal.place.read()?;
        let installed = install(goal.place.format, snapshot.bytes(), &goal.wanted, places)
            .map_err(FileEditError::document(path))?;
        if installed.changed {
            snapshot.check_writable()?;
        }
        edits.push((goal, snapshot, installed));
    }
    let contents: Vec<(&ConfigFile, Option<&[u8]>)> =
        edits.iter().map(|(goal, snapshot, _)| (&goal.place, snapshot.bytes())).collect();
    let keys = state_keys(&contents, places);
    edits
        .into_iter()
        .map(|(goal, snapshot, installed)| {
            let place = goal.place;
            let record = match (&installed.text, installed.changed) {
                (Some(text), true) => {
                    let dirs = goal.wanted.managed_dirs;
                    let keys = if place.format == ConfigFormat::ConfigToml { &keys[..] } else { &[] };
                    let scope = RemovalScope { trust_keys: keys, record: None, managed_dirs: dirs };
                    Some(renewed(&place, snapshot.bytes(), text, scope, state, places)?)
                }
                _ => None,
            };
            Ok(Edit { place, snapshot, installed, record })
        })
        .collect()
}

fn renewed(
    place: &ConfigFile,
    before: Option<&[u8]>,
    after: &str,
    scope: RemovalScope<'_>,
    state: &InstallState,
    places: &KnownBinaries,
) -> Result<EditRecord, FileEditError> {
    let current = before.unwrap_or_default();
    let record = state.edit_of(&place.path, place.format, current, &scope, places);
    let scope = RemovalScope { record, ..scope };
    renew_record(place.format, before, after, &scope, places).map_err(FileEditError::document(&place.path))
}

/// Remembers what an edit of trust in `config.toml` changed in our part: Codex's, which also restyles the file, or ours.
pub fn remember_trust(
    place: &ConfigFile,
    before: Option<&[u8]>,
    keys: &[String],
    state: &mut InstallState,
    places: &KnownBinaries,
) -> Result<(), FileEditError> {
    let now = place.read()?;
    let Some(after) = now.bytes().filter(|after| Some(*after) != before) else { return Ok(()) };
    let after = String::from_utf8_lossy(after).into_owned();
    let scope = RemovalScope { trust_keys: keys, ..RemovalScope::default() };
    let edit = renewed(place, before, &after, scope, state, places)?;
    state.settle(&place.path, edit, None);
    state.save()
}

/// The keys under which Codex keeps the trust of our hooks in these files. Codex spells a file's path as `CODEX_HOME`
/// does with links resolved, or as it stands below the user's folder; both are given.
pub(super) fn state_keys(contents: &[(&ConfigFile, Option<&[u8]>)], places: &KnownBinaries) -> Vec<String> {
    let mut keys = Vec::new();
    for (place, bytes) in contents {
        if place.format == ConfigFormat::RequirementsToml {
            continue;
        }
        for source in source_spellings(&place.path) {
            let found = our_trust_keys(place.format, bytes.unwrap_or_default(), &source, places);
            keys.extend(found.unwrap_or_default());
        }
    }
    keys.sort();
    keys.dedup();
    keys
}

/// [`state_keys`] of these files as they are now.
pub fn state_keys_in(files: &[ConfigFile], places: &KnownBinaries) -> Vec<String> {
    let contents: Vec<_> = files.iter().map(|file| (file, fs::read(&file.path).ok())).collect();
    let borrowed: Vec<_> = contents.iter().map(|(file, bytes)| (*file, bytes.as_deref())).collect();
    state_keys(&borrowed, places)
}

/// The ways in which Codex may spell a file's path.
pub fn source_spellings(path: &Path) -> Vec<String> {
    let mut spellings: Vec<PathBuf> = vec![path.to_path_buf()];
    if let (Some(folder), Some(name)) = (path.parent(), path.file_name()) {
        spellings.extend(folder.canonicalize().map(|folder| folder.join(name)));
    }
    let mut texts: Vec<String> = Vec::new();
    for spelling in spellings {
        let text = spelling.to_string_lossy();
        let text = text.strip_prefix(r"\\?\").unwrap_or(&text).to_owned();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

/// Writes the edits. The paths of the backups are returned.
///
/// # Errors
/// [`FileEditError`]; then every file is as it was, unless the message says otherwise.
pub fn carry_out(
    edits: &[Edit],
    state: &mut InstallState,
    stamp: &str,
) -> Result<Vec<PathBuf>, FileEditError> {
    let mut backups = Vec::new();
    for (index, edit) in edits.iter().enumerate() {
        let (Some(text), Some(record)) = (&edit.installed.text, &edit.record) else { continue };
        let path = &edit.place.path;
        let remembered = state.record.clone();
        let in_the_copy = state.record.file(path).and_then(|known| known.edits.first().cloned());
        state.announce(path, record.clone());
        let written =
            state.save().and_then(|()| edit.snapshot.replace(text.as_bytes(), new_file(&edit.place), stamp));
        match written {
            Ok(backup) => {
                backups.extend(backup.clone());
                let backup = backup.map(|path| Backup { path, edit: in_the_copy });
                state.settle(path, record.clone(), backup);
                state.save()?;
            }
            Err(error) => {
                state.record = remembered;
                // The first failure is what the user has to hear about.
                let _ = state.save();
                take_back(edits.get(..index).unwrap_or_default(), stamp);
                return Err(error);
            }
        }
    }
    Ok(backups)
}

/// Puts the old content back into files that were already written.
fn take_back(edits: &[Edit], stamp: &str) {
    for edit in edits.iter().rev().filter(|edit| edit.record.is_some()) {
        let Ok(now) = edit.place.read() else { continue };
        if now.bytes() != edit.installed.text.as_deref().map(str::as_bytes) {
            continue; // another program's, since
        }
        let _ = match edit.before() {
            Some(bytes) => now.replace(bytes, new_file(&edit.place), stamp).map(drop),
            None => now.delete(),
        };
    }
}

/// Who may read a file of Codex's that we create.
pub fn new_file(place: &ConfigFile) -> NewFile {
    match place.layer {
        Layer::User => NewFile::Private,
        _ => NewFile::Public,
    }
}
