//! Who can change a file, and what a process with administrator's rights may therefore touch.
//!
//! Root writes, reads and starts only what root alone can change: a user who can change a file, or a folder or link on the way
//! to it, could have root do it on their behalf. An ordinary process may use everything that the system lets it.

mod privilege;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(unix)]
use unix as platform;
#[cfg(windows)]
use windows as platform;

pub use privilege::Privilege;
#[cfg(unix)]
pub(crate) use unix::guarded_path;

/// Who can change something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writers {
    Administrators,
    /// Others too: the path itself, or what leads to it, with the reasons.
    Others(Vec<String>),
    CannotTell(String),
}

/// Who can change what is at `path`, or exchange it through a folder or link on the way. Of a path that does not exist the
/// folder counts in which it would be created.
pub fn writers(path: &Path) -> Writers {
    platform::writers(path)
}

/// The same for a place that this process is to put something of its own in, which need not be root.
///
/// # Errors
/// Who else could change it.
pub(crate) fn only_ours(path: &Path) -> Result<(), Changeable> {
    Changeable::unless_guarded(path, platform::writers_beside_us(path))
}

/// A place that is refused because somebody else can change it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("others can change {} ({why})", path.display())]
pub struct Changeable {
    pub path: PathBuf,
    /// Such as "/home/alice belongs to user 1000".
    pub why: String,
}

impl Changeable {
    fn unless_guarded(path: &Path, writers: Writers) -> Result<(), Self> {
        let why = match writers {
            Writers::Administrators => return Ok(()),
            // The first is the outermost, and the cause of the others as a rule.
            Writers::Others(why) => why.into_iter().next().unwrap_or_default(),
            Writers::CannotTell(why) => why,
        };
        Err(Self { path: path.to_owned(), why })
    }
}

impl Privilege {
    /// Whether this process may read and write at `path`.
    ///
    /// # Errors
    /// It has an administrator's rights, and others can change what is there.
    pub fn may_use(self, path: &Path) -> Result<(), Changeable> {
        match self {
            Self::Administrator => Changeable::unless_guarded(path, writers(path)),
            Self::Ordinary => Ok(()),
        }
    }

    /// Whether this process may create or append to a file at `path` that it opens without following a link: a folder that
    /// is everybody's, but whose sticky bit keeps them from each other's entries (`/tmp`), will do.
    ///
    /// # Errors
    /// It has an administrator's rights, and others can exchange what leads there.
    pub fn may_append_to(self, path: &Path) -> Result<(), Changeable> {
        match self {
            Self::Administrator => Changeable::unless_guarded(path, platform::writers_of_the_way(path)),
            Self::Ordinary => Ok(()),
        }
    }

    /// Whether this process may write to a file, pipe or socket that it has opened: root not to one that somebody else put
    /// there, or to a file that has another name as well. Not for the names of [`crate::stdio::is_systems_name`], behind which
    /// can be anybody's terminal.
    ///
    /// # Errors
    /// It has an administrator's rights, and the file is somebody else's.
    pub fn may_write_to(self, file: &Metadata) -> io::Result<()> {
        match self {
            Self::Administrator => platform::is_ours_alone(file),
            Self::Ordinary => Ok(()),
        }
    }

    /// Whether this process may register in a user's or a project's place.
    ///
    /// # Errors
    /// It has an administrator's rights, and the place is somebody else's: on Unix, others can change it; on Windows,
    /// another user owns it.
    pub fn may_register_at(self, place: &Path) -> Result<(), Changeable> {
        match self {
            Self::Administrator => platform::is_ours(place),
            Self::Ordinary => Ok(()),
        }
    }

    /// Whether this process may start `program`.
    ///
    /// # Errors
    /// It has an administrator's rights, and others can change the program or the interpreter that its first line names.
    pub fn may_start(self, program: &Path) -> Result<(), Changeable> {
        match self {
            Self::Administrator => {
                Changeable::unless_guarded(program, writers(program))?;
                platform::interpreter(program)
            }
            Self::Ordinary => Ok(()),
        }
    }
}
