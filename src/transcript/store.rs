//! The files below `$CODEX_HOME/f5_guardrails`: the key, `transcripts/SESSION` with what each session has had cleared, and
//! `allowed-texts`. All are private to the user; one that is not counts as none.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::state::{GROWN, Seal, State};
use crate::access::Privilege;
use crate::codex::home::CodexHome;
use crate::file_edit::{no_follow, replace_private};
use crate::logging::key_next_to;
use crate::outage::SessionKey;
use crate::outage::store::{FOLDER, ensure_private_folder};
use crate::system::{Env, System};

/// Why there is no store.
pub const NO_HOME: &str = "Codex's home folder is unknown: neither CODEX_HOME nor a home folder is set.";
const STATES: &str = "transcripts";
const ALLOWED: &str = "allowed-texts";
/// States of sessions that were not used for so long are deleted.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// A state has less than this, since it is shortened before.
const LARGEST: u64 = 4 * GROWN as u64;
/// An allow-list has a line of some 50 bytes for each text.
const LARGEST_LIST: u64 = 1024 * 1024;

/// Where one user's hooks keep them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    home: PathBuf,
}

impl Store {
    /// `None` where Codex's home is not known.
    pub fn of_this_user(env: Env<'_>) -> Option<Self> {
        CodexHome::find(System::this(), env).ok().map(|home| Self::below(&home.path))
    }

    pub fn below(codex_home: &Path) -> Self {
        Self { home: codex_home.to_owned() }
    }

    /// Codex's home folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    fn folder(&self) -> PathBuf {
        self.home.join(FOLDER)
    }

    fn states(&self) -> PathBuf {
        self.folder().join(STATES)
    }

    fn state_file(&self, session: &str) -> PathBuf {
        self.states().join(SessionKey::of(session).as_str())
    }

    pub fn allowed_file(&self) -> PathBuf {
        self.folder().join(ALLOWED)
    }

    /// The key, made where there is none.
    ///
    /// # Errors
    /// The system's, and one for folders and files that are not this user's alone.
    pub fn key(&self) -> io::Result<[u8; 32]> {
        Privilege::among_users().may_use(&self.folder()).map_err(io::Error::other)?;
        ensure_private_folder(&self.folder())?;
        key_next_to(&self.states())
    }

    /// What this session has had cleared; nothing where that is unknown.
    pub fn state(&self, session: &str) -> State {
        let read = || {
            no_follow::check_private_folder(&self.states())?;
            no_follow::read_private(&self.state_file(session), LARGEST)
        };
        read().ok().flatten().and_then(State::parse).unwrap_or_default()
    }

    /// Whether there is anything of this session.
    pub fn has_state(&self, session: &str) -> bool {
        fs::symlink_metadata(self.state_file(session)).is_ok()
    }

    /// Appends lines in one write, so that those of parallel hooks do not mix.
    ///
    /// # Errors
    /// The system's, and one for what is not this user's alone.
    pub fn append(&self, session: &str, lines: &str) -> io::Result<()> {
        let path = self.state_file(session);
        let mut options = OpenOptions::new();
        options.append(true).read(true);
        let mut file = match no_follow::open(&path, &mut options) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.create(&path, lines),
            opened => opened?,
        };
        no_follow::check_private_folder(&self.states())?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        no_follow::check_own(&metadata).map_err(io::Error::other)?;
        Privilege::among_users().may_write_to(&metadata)?;
        let replace = |state: &State| {
            replace_private(&path, &[&state.shortened(), lines.as_bytes()].concat()).map_err(io::Error::other)
        };
        if metadata.len() > GROWN as u64 {
            // Windows replaces no file that is open.
            drop(file);
            return replace(&self.state(session));
        }
        if metadata.len() == 0 {
            return file.write_all(&beginning(lines));
        }
        let mut head = vec![0; State::head().len()];
        match file.read_exact(&mut head) {
            Ok(()) if head == State::head() => file.write_all(lines.as_bytes()),
            // Nothing is read from it.
            _ => {
                drop(file);
                replace(&State::default())
            }
        }
    }

    fn create(&self, path: &Path, lines: &str) -> io::Result<()> {
        ensure_private_folder(&self.folder())?;
        ensure_private_folder(&self.states())?;
        self.delete_old_states();
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        match no_follow::open(path, &mut options) {
            Ok(mut file) => file.write_all(&beginning(lines)),
            // Another hook was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let mut file = no_follow::open(path, OpenOptions::new().append(true))?;
                no_follow::check_own(&file.metadata()?).map_err(io::Error::other)?;
                let is_begun = file.metadata()?.len() > 0;
                file.write_all(&if is_begun { lines.as_bytes().to_vec() } else { beginning(lines) })
            }
            Err(error) => Err(error),
        }
    }

    fn delete_old_states(&self) {
        let old = |metadata: &fs::Metadata| {
            let age = metadata.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
            metadata.is_file() && age.is_some_and(|age| age > KEPT)
        };
        for entry in fs::read_dir(self.states()).into_iter().flatten().flatten().take(10_000) {
            if is_state(&entry.path()) && entry.metadata().is_ok_and(|metadata| old(&metadata)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// The hashes of the texts that the user allowed.
    pub fn allowed(&self) -> Vec<String> {
        let bytes = no_follow::read_private(&self.allowed_file(), LARGEST_LIST).ok().flatten();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    }

    /// Allows the text with this hash from now on. Whether it was not yet.
    ///
    /// # Errors
    /// The system's, and one for what is not this user's alone.
    pub fn allow(&self, hash: &str, when: &str) -> io::Result<bool> {
        Privilege::among_users().may_use(&self.folder()).map_err(io::Error::other)?;
        ensure_private_folder(&self.folder())?;
        if self.allowed().iter().any(|known| known == hash) {
            return Ok(false);
        }
        let known = no_follow::read_private(&self.allowed_file(), LARGEST_LIST)?.unwrap_or_default();
        let line = format!("{hash} {when}\n");
        replace_private(&self.allowed_file(), &[&known, line.as_bytes()].concat())
            .map_err(io::Error::other)?;
        Ok(true)
    }

    /// Takes that back. Whether it was allowed.
    ///
    /// # Errors
    /// As [`Store::allow`].
    pub fn disallow(&self, hash: &str) -> io::Result<bool> {
        Privilege::among_users().may_use(&self.folder()).map_err(io::Error::other)?;
        let known = no_follow::read_private(&self.allowed_file(), LARGEST_LIST)?.unwrap_or_default();
        let known = String::from_utf8_lossy(&known);
        let is_other = |line: &&str| line.split(' ').next() != Some(hash);
        let kept: String = known.lines().filter(is_other).map(|line| format!("{line}\n")).collect();
        if kept.len() == known.len() {
            return Ok(false);
        }
        replace_private(&self.allowed_file(), kept.as_bytes()).map_err(io::Error::other)?;
        Ok(true)
    }

    /// Deletes all of it: the last act of an uninstallation.
    pub fn remove(&self) {
        if no_follow::check_private_folder(&self.folder()).is_err() {
            return;
        }
        if no_follow::check_private_folder(&self.states()).is_ok() {
            for entry in fs::read_dir(self.states()).into_iter().flatten().flatten() {
                if is_state(&entry.path()) {
                    let _ = fs::remove_file(entry.path());
                }
            }
            let _ = fs::remove_dir(self.states());
        }
        let _ = fs::remove_file(self.allowed_file());
        let _ = fs::remove_file(crate::logging::key_file(&self.states()));
        // Not empty: something else is remembered there.
        let _ = fs::remove_dir(self.folder());
    }

    /// For hashes of a session.
    ///
    /// # Errors
    /// As [`Store::key`].
    pub fn seal(&self, session: &str, scope: &str) -> io::Result<Seal> {
        Ok(Seal::new(&self.key()?, session, scope))
    }
}

/// What is written to an empty file. Two hooks may write it one after the other: its last line is whole, so that what
/// follows spoils none.
fn beginning(lines: &str) -> Vec<u8> {
    [State::head(), lines.as_bytes(), b"\n"].concat()
}

/// Whether a file has the name of a state.
fn is_state(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::super::state::{Cleared, How};
    use super::*;

    const NOW: Cleared = Cleared { how: How::Prompt, at: 1 };

    #[test]
    fn what_parallel_hooks_note_is_all_there() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::below(home.path());
        let seal = store.seal("s", "scope").unwrap();
        std::thread::scope(|scope| {
            for n in 0..16 {
                let (store, seal) = (&store, &seal);
                scope.spawn(move || store.append("s", &seal.note_text(&n.to_string(), NOW)).unwrap());
            }
        });
        let state = store.state("s");
        assert!((0..16).all(|n| state.has(&seal, &n.to_string())));
        assert_eq!(store.state("another"), State::default());
    }

    #[test]
    fn a_state_without_its_beginning_gets_one() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::below(home.path());
        let seal = store.seal("s", "scope").unwrap();
        store.append("s", &seal.note_text("first", NOW)).unwrap();
        for odd in ["", "f5-guard", "f5-guard transcript 0\nc x", "\nc x y p 1"] {
            fs::write(store.state_file("s"), odd).unwrap();
            store.append("s", &seal.note_text("one", NOW)).unwrap();
            store.append("s", &seal.note_text("two", NOW)).unwrap();
            assert!(["one", "two"].iter().all(|text| store.state("s").has(&seal, text)), "{odd:?}");
        }
        // As it is where another hook begins the same file in the same moment.
        let twice = [beginning("\no 1 2 3 4"), beginning(&seal.note_text("three", NOW))].concat();
        let state = State::parse(twice).unwrap();
        assert!(state.has(&seal, "three") && state.lines().any(|line| line == "o 1 2 3 4"));
    }

    #[test]
    fn a_grown_state_is_shortened() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::below(home.path());
        let seal = store.seal("s", "scope").unwrap();
        store.append("s", &seal.note_text("first", NOW)).unwrap();
        store.append("s", &"\nx".repeat(GROWN)).unwrap();
        store.append("s", &seal.note_text("last", NOW)).unwrap();
        let state = store.state("s");
        assert!(state.has(&seal, "last") && !state.has(&seal, "first") && !state.is_grown());
    }

    #[test]
    fn what_is_allowed_can_be_taken_back() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::below(home.path());
        assert!(store.allow("abc", "now").unwrap());
        assert!(!store.allow("abc", "later").unwrap());
        assert_eq!(store.allowed(), ["abc"]);
        assert!(store.disallow("abc").unwrap());
        assert!(!store.disallow("abc").unwrap());
        assert!(store.allowed().is_empty());
    }

    #[test]
    fn all_of_it_can_be_removed() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::below(home.path());
        store.seal("s", "").unwrap();
        store.append("s", "\nx").unwrap();
        store.allow("abc", "now").unwrap();
        store.remove();
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_state_that_others_can_read_or_choose_is_none() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let home = tempfile::tempdir().unwrap();
        let store = Store::below(home.path());
        let seal = store.seal("s", "scope").unwrap();
        store.append("s", &seal.note_text("text", NOW)).unwrap();
        let file = store.state_file("s");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(!store.state("s").has(&seal, "text"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(store.state("s").has(&seal, "text"));
        fs::set_permissions(store.states(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!store.state("s").has(&seal, "text"));
        assert!(store.append("s", "\nx").is_err());
        fs::set_permissions(store.states(), fs::Permissions::from_mode(0o700)).unwrap();
        let elsewhere = home.path().join("elsewhere");
        fs::rename(&file, &elsewhere).unwrap();
        symlink(&elsewhere, &file).unwrap();
        assert!(!store.state("s").has(&seal, "text"));
        assert!(store.append("s", "\nx").is_err());
    }
}
