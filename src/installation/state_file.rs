//! What is remembered of an installation, so that it can be taken back to the byte: a JSON file beside the binary.
//! Without it, or with one that can't be read, an uninstallation still takes exactly our entries out.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::file_edit::no_follow::{read_own, read_regular};
use crate::printable::printable;
use crate::registration::EditRecord;

/// The form of the file; another number is a later f5-guard's.
const VERSION: u32 = 1;
/// No file of ours is larger, nor a configuration file that it copies.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Everything that one of our folders remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)] // another tool's file is not taken for ours
pub struct StateFile {
    version: u32,
    /// By the file's path.
    files: BTreeMap<String, FileRecord>,
    /// Folders that an installation created, outermost first; they go again when they are empty.
    #[serde(default)]
    pub created_folders: Vec<PathBuf>,
    /// The binaries that the commands registered so far name, as they are written there.
    #[serde(default)]
    pub binaries: Vec<String>,
}

/// What was done to one of Codex's files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// The difference that our part makes. While an edit is under way there are two: the coming one and the one
    /// before, because a kill leaves either content in the file.
    pub edits: Vec<EditRecord>,
    /// Copies of the file's old contents that we made.
    #[serde(default)]
    pub backups: Vec<Backup>,
}

/// A copy of a file's old content that we made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    pub path: PathBuf,
    /// The part of ours that stood in it already.
    pub edit: Option<EditRecord>,
}

impl Backup {
    /// Whether the copy, without our part, says just what `now` does (`None`: there is no file).
    pub fn is_redundant(&self, now: Option<&str>) -> bool {
        // With the mode of the file that it is a copy of.
        let copy = read_regular(&self.path, LARGEST).ok().flatten().map(String::from_utf8);
        let Some(Ok(copy)) = copy else { return false };
        let base = match &self.edit {
            Some(edit) => edit.undo(&copy),
            None => Some(copy),
        };
        base.as_deref() == Some(now.unwrap_or_default())
    }
}

/// Why what is remembered can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    #[error("can't read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is damaged ({problem})", path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error("{} was written by a newer f5-guard", path.display())]
    Newer { path: PathBuf },
    /// What it says of other files was dropped.
    #[error("{} names files that no installation could have made ({})", path.display(), printable(named, 200))]
    Strange { path: PathBuf, named: String },
}

impl Default for StateFile {
    fn default() -> Self {
        Self { version: VERSION, files: BTreeMap::new(), created_folders: Vec::new(), binaries: Vec::new() }
    }
}

impl StateFile {
    /// Reads the state file; a missing one remembers nothing.
    pub fn read(path: &Path) -> Result<Self, StateFileError> {
        let bytes = match read_own(path, LARGEST) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Self::default()),
            Err(source) => return Err(StateFileError::Read { path: path.into(), source }),
        };
        let damaged = |problem: serde_json::Error| StateFileError::Damaged {
            path: path.into(),
            problem: problem.to_string(),
        };
        let version: Version = serde_json::from_slice(&bytes).map_err(damaged)?;
        if version.version > VERSION {
            return Err(StateFileError::Newer { path: path.into() });
        }
        serde_json::from_slice(&bytes).map_err(damaged)
    }

    /// Drops what names files that no installation writes, and returns the first of them: somebody who could write to the
    /// state file once must not have others deleted.
    pub fn drop_strange(&mut self) -> Option<String> {
        let mut strange = None;
        self.files.retain(|file, _| {
            let ours = is_codex_file(Path::new(file));
            if !ours {
                strange.get_or_insert_with(|| file.clone());
            }
            ours
        });
        for (file, known) in &mut self.files {
            known.backups.retain(|backup| {
                let ours = is_backup_of(Path::new(file), &backup.path);
                if !ours {
                    strange.get_or_insert_with(|| backup.path.to_string_lossy().into_owned());
                }
                ours
            });
        }
        strange
    }

    /// The folders that an installation created to hold one of `places`.
    pub fn created_above(&self, places: &[&Path]) -> Vec<PathBuf> {
        let above = |folder: &&PathBuf| places.iter().any(|place| place.starts_with(folder));
        self.created_folders.iter().filter(above).cloned().collect()
    }

    /// The file's content.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// What is remembered of one file.
    pub fn file(&self, path: &Path) -> Option<&FileRecord> {
        self.files.get(&key(path))
    }

    pub fn set_file(&mut self, path: &Path, record: FileRecord) {
        self.files.insert(key(path), record);
    }

    pub fn forget_file(&mut self, path: &Path) {
        self.files.remove(&key(path));
    }

    /// The files that something is remembered of.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(Path::new)
    }

    /// Whether no file is remembered any more.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// Whether it can be one of Codex's files that are edited.
fn is_codex_file(path: &Path) -> bool {
    let names = ["config.toml", "hooks.json", "requirements.toml"];
    let plain = |path: &Path| path.components().all(|part| part != Component::ParentDir);
    path.is_absolute()
        && plain(path)
        && path.file_name().is_some_and(|name| names.iter().any(|known| name == *known))
}

/// Whether it is named as a copy of `file` that [`Snapshot::replace`](crate::file_edit::Snapshot::replace) made with
/// [`super::stamp`]: `NAME.bak-20260131T235959Z`, perhaps with a number behind it.
fn is_backup_of(file: &Path, backup: &Path) -> bool {
    let (Some(name), Some(copy)) = (file.file_name(), backup.file_name()) else { return false };
    let (Some(name), Some(copy)) = (name.to_str(), copy.to_str()) else { return false };
    let Some(stamp) = copy.strip_prefix(name).and_then(|rest| rest.strip_prefix(".bak-")) else {
        return false;
    };
    let (moment, number) = stamp.split_once('-').unwrap_or((stamp, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_moment = moment
        .strip_suffix('Z')
        .and_then(|moment| moment.split_once('T'))
        .is_some_and(|(date, time)| (date.len(), time.len()) == (8, 6) && digits(date) && digits(time));
    is_moment && digits(number) && backup.parent() == file.parent()
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// Paths that are no Unicode are refused before anything is registered for them; here they only have to differ.
fn key(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("installation.json");
        let mut record = StateFile::default();
        let edits = vec![EditRecord::between(Some("a\n"), "a\nb\n")];
        record.set_file(
            Path::new("/c/config.toml"),
            FileRecord { edits, backups: vec![Backup { path: "/c/b".into(), edit: None }] },
        );
        fs::write(&path, record.to_bytes()).unwrap();
        assert_eq!(StateFile::read(&path).unwrap(), record);
    }

    #[test]
    fn a_missing_file_remembers_nothing_and_a_damaged_or_newer_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("installation.json");
        assert!(StateFile::read(&path).unwrap().is_empty());
        fs::write(&path, "{\"version\": 1").unwrap();
        assert!(matches!(StateFile::read(&path), Err(StateFileError::Damaged { .. })));
        fs::write(&path, "{\"version\": 2}").unwrap();
        assert!(matches!(StateFile::read(&path), Err(StateFileError::Newer { .. })));
    }
}
