//! The tokens that `login --file` keeps where no store of the system is: one JSON file of the user's, for this user only.
//!
//! `~/.config/f5-guard/tokens.json`, on Windows `%APPDATA%\f5-guard\tokens.json`. `XDG_CONFIG_HOME` has no say: apps
//! that the desktop starts often do not have it, and the token is to be found by every hook.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::file::{self, FileProblem};
use super::{Entry, Kind, TokenError};
use crate::access::Privilege;
use crate::file_edit::{FileEditError, NewFile, create_private_folder, write_own};
use crate::secret::Secret;
use crate::system::{Env, non_empty};

/// The form of the file; another number is a later f5-guard's.
const VERSION: u32 = 1;

/// The file of one user; it need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedTokens {
    path: PathBuf,
}

#[derive(Default, Serialize, Deserialize)]
struct Content {
    version: u32,
    /// By [`Entry::account`].
    tokens: BTreeMap<String, String>,
}

impl SavedTokens {
    /// `None` where nothing says which folder is the user's.
    pub fn of_this_user(env: Env<'_>) -> Option<Self> {
        let folder = platform::config_folder(env)?;
        Some(Self { path: folder.join("f5-guard").join("tokens.json") })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// # Errors
    /// [`TokenError::Saved`]; a file that does not exist is none.
    pub fn get(&self, entry: &Entry) -> Result<Option<Secret>, TokenError> {
        Ok(self.content()?.tokens.remove(&entry.account()).map(Secret::new))
    }

    /// The names of all tokens in it.
    ///
    /// # Errors
    /// [`TokenError::Saved`]; a file that does not exist is none.
    pub fn entries(&self) -> Result<Vec<Entry>, TokenError> {
        Ok(self.content()?.tokens.keys().filter_map(|account| Kind::entry_of(account)).collect())
    }

    /// Adds a token, or replaces it.
    ///
    /// # Errors
    /// The file is there and can't be read, or it can't be written. Then it is as it was.
    pub fn set(&self, entry: &Entry, token: &Secret) -> Result<(), SaveError> {
        let mut content = self.content()?;
        content.version = VERSION;
        content.tokens.insert(entry.account(), token.expose().to_owned());
        self.write(&content)
    }

    /// Takes a token out; the file goes with the last one. Whether there was one.
    pub fn remove(&self, entry: &Entry) -> Result<bool, SaveError> {
        let mut content = self.content()?;
        if content.tokens.remove(&entry.account()).is_none() {
            return Ok(false);
        }
        if content.tokens.is_empty() { self.delete() } else { self.write(&content) }.map(|()| true)
    }

    /// Deletes the file, whatever is in it, and the folder if nothing else is.
    ///
    /// # Errors
    /// [`FileEditError::Delete`]; for root, another user's folder.
    pub fn delete(&self) -> Result<(), SaveError> {
        self.check_place()?;
        match std::fs::remove_file(&self.path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(FileEditError::Delete { path: self.path.clone(), source }.into())
            }
            _ => {
                // Not empty: somebody else's files are in it.
                let _ = self.path.parent().map(std::fs::remove_dir);
                Ok(())
            }
        }
    }

    fn content(&self) -> Result<Content, TokenError> {
        let refuse = |problem| TokenError::Saved { path: self.path.clone(), problem };
        let text = match file::read_own(&self.path) {
            Ok(text) => text,
            Err(FileProblem::Missing) => return Ok(Content::default()),
            Err(problem) => return Err(refuse(problem)),
        };
        // A parser's own words would quote the file.
        let damaged = |words: &str| refuse(FileProblem::Damaged(words.to_owned()));
        let content: Content = serde_json::from_str(&text)
            .map_err(|_| damaged("it is not what `f5-guard login --file` writes"))?;
        if content.version > VERSION {
            return Err(damaged("it was written by a newer version of f5-guard"));
        }
        Ok(content)
    }

    /// Root changes nothing in a place that somebody else can change, who could lead it elsewhere.
    fn check_place(&self) -> Result<(), SaveError> {
        let place = Privilege::among_users().may_use(&self.path);
        place.map_err(|_| SaveError::ForeignFolder(self.path.clone()))
    }

    fn write(&self, content: &Content) -> Result<(), SaveError> {
        if let Some(folder) = self.path.parent() {
            self.check_place()?;
            if !platform::is_own(folder) {
                return Err(SaveError::ForeignFolder(self.path.clone()));
            }
            create_private_folder(folder)
                .map_err(|source| FileEditError::Write { path: folder.to_owned(), source })?;
        }
        let mut bytes = serde_json::to_vec_pretty(content).unwrap_or_default();
        bytes.push(b'\n');
        Ok(write_own(&self.path, &bytes, NewFile::Private)?)
    }
}

/// Why a token could not be saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("{0}.")]
    File(#[from] FileEditError),
    /// As with `sudo`, which leaves the user's folder in the environment.
    #[error("{} is in another user's folder. Run this as that user.", .0.display())]
    ForeignFolder(PathBuf),
}

#[cfg(unix)]
mod platform {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    pub fn config_folder(env: Env<'_>) -> Option<PathBuf> {
        let home = non_empty(env, "HOME").map(PathBuf::from);
        let home = home.or_else(|| {
            nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten().map(|user| user.dir)
        })?;
        home.is_absolute().then(|| home.join(".config"))
    }

    /// Whether the folder, or the first above it that exists, belongs to this user.
    pub fn is_own(folder: &Path) -> bool {
        let existing = folder.ancestors().find_map(|folder| folder.metadata().ok());
        existing.is_some_and(|folder| folder.uid() == nix::unistd::geteuid().as_raw())
    }
}

#[cfg(windows)]
mod platform {
    use super::*;

    pub fn config_folder(env: Env<'_>) -> Option<PathBuf> {
        let set = |name| non_empty(env, name).map(PathBuf::from);
        let folder = set("APPDATA").or_else(|| Some(set("USERPROFILE")?.join("AppData").join("Roaming")))?;
        folder.is_absolute().then_some(folder)
    }

    /// Elevation keeps the user.
    pub fn is_own(_folder: &Path) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn entry(origin: &str) -> Entry {
        Entry { kind: Kind::Scan, origin: origin.to_owned() }
    }

    fn saved(folder: &tempfile::TempDir) -> SavedTokens {
        SavedTokens { path: folder.path().join("f5-guard").join("tokens.json") }
    }

    #[test]
    fn each_address_has_a_token_of_its_own_and_the_file_goes_with_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let saved = saved(&folder);
        let (one, two) = (entry("https://one.example"), entry("https://two.example"));
        assert_eq!(saved.get(&one).unwrap(), None);
        saved.set(&one, &Secret::new("t-1")).unwrap();
        saved.set(&two, &Secret::new("t-2")).unwrap();
        saved.set(&one, &Secret::new("t-3")).unwrap();
        assert_eq!(saved.get(&one).unwrap(), Some(Secret::new("t-3")));
        assert_eq!(saved.get(&Entry { kind: Kind::Global, ..one.clone() }).unwrap(), None);
        assert!(saved.remove(&one).unwrap());
        assert!(!saved.remove(&one).unwrap());
        assert_eq!(saved.get(&two).unwrap(), Some(Secret::new("t-2")));
        assert!(saved.remove(&two).unwrap());
        assert!(!folder.path().join("f5-guard").exists());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_can_read_the_file_and_its_folder() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let saved = saved(&folder);
        saved.set(&entry("https://one.example"), &Secret::new("t-1")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(saved.path()), mode(saved.path().parent().unwrap())), (0o600, 0o700));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_files_place_is_neither_read_nor_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let saved = saved(&folder);
        fs::create_dir(saved.path().parent().unwrap()).unwrap();
        let target = folder.path().join("theirs");
        fs::write(&target, "{\"version\":1,\"tokens\":{}}").unwrap();
        std::os::unix::fs::symlink(&target, saved.path()).unwrap();
        let error = saved.get(&entry("https://one.example")).unwrap_err().to_string();
        assert!(error.contains("it is a link"), "{error}");
        assert!(saved.set(&entry("https://one.example"), &Secret::new("t-1")).is_err());
        assert_eq!(fs::read_to_string(&target).unwrap(), "{\"version\":1,\"tokens\":{}}");
    }

    #[test]
    fn a_damaged_or_newer_file_is_named_without_its_content_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let saved = saved(&folder);
        fs::create_dir(saved.path().parent().unwrap()).unwrap();
        for text in ["{\"tokens\": planted}", "{\"version\":2,\"tokens\":{\"planted\":\"planted\"}}"] {
            fs::write(saved.path(), text).unwrap();
            let error = saved.get(&entry("https://one.example")).unwrap_err();
            assert!(!error.to_string().contains("planted"), "{error}");
            assert!(saved.set(&entry("https://one.example"), &Secret::new("t")).is_err());
            assert_eq!(fs::read_to_string(saved.path()).unwrap(), text);
        }
    }
}
