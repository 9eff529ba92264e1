//! A session's own file, opened so that nobody else can choose what is read.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::lines::{LONGEST, Lines};
use crate::file_edit::no_follow::{self, NotOwn};

/// So many bytes before a place are compared with what was there. What is rewritten further back is not noticed.
const WINDOW: u64 = 64 * 1024;
/// A line that is being written gets so much time, looked at so often.
const UNFINISHED: (Duration, u32) = (Duration::from_millis(10), 20);

/// Why a part of a session was not read, and so not scanned.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unread {
    #[error("The session's file can't be read: {0}.")]
    File(String),
    #[error("The session's file is not below Codex's home folder.")]
    Elsewhere,
    /// With the line's number where the file was read from its start.
    #[error("{} of the session's file can't be understood.", line_name(*line))]
    Format { line: Option<u64> },
    #[error("The last line of the session's file is not whole.")]
    Unfinished,
    #[error("The session has more text than the {limit} characters that are scanned at once.")]
    Large { limit: usize },
    #[error("The session's file takes too long to read.")]
    Slow,
    #[error("The file of the session that this one was forked from can't be read: {0}.")]
    Fork(String),
}

impl Unread {
    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Large { .. } | Self::Slow => {
                "Send the prompt again: each time goes on where the one before ended. Or start a new session."
            }
            Self::Unfinished => "Send the prompt again.",
            Self::Format { .. } => {
                "This version of Codex may write another format: check that f5-guard is up to date, or start a new session."
            }
            Self::File(_) | Self::Elsewhere | Self::Fork(_) => {
                "Check the folder `sessions` in Codex's home folder, or start a new session."
            }
        }
    }

    /// A short stable name for the log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Large { .. } | Self::Slow => "transcript_large",
            Self::Unfinished | Self::Format { .. } => "transcript_format",
            Self::File(_) | Self::Elsewhere | Self::Fork(_) => "transcript_unreadable",
        }
    }
}

/// The open file.
#[derive(Debug)]
pub struct Transcript {
    file: File,
    pub path: PathBuf,
    /// What tells it from another file under the same name.
    pub identity: String,
    pub length: u64,
    /// Then reading ends with [`Unread::Slow`].
    pub until: Option<Instant>,
}

impl Transcript {
    /// Opens a regular file of this user's own that not everybody may write to, not through a link, below `home`.
    ///
    /// # Errors
    /// [`Unread`] for every other.
    pub fn open(path: &Path, home: Option<&Path>) -> Result<Self, Unread> {
        if !path.is_absolute() {
            return Err(Unread::Elsewhere);
        }
        if let Some(home) = home {
            // The folders on the way may be links of the user's own.
            let real = |path: &Path| path.canonicalize().map_err(|error| unread(&error));
            let folder = path.parent().ok_or(Unread::Elsewhere)?;
            if !real(folder)?.starts_with(real(home)?) {
                return Err(Unread::Elsewhere);
            }
        }
        let file = no_follow::open(path, OpenOptions::new().read(true)).map_err(|error| unread(&error))?;
        let metadata = file.metadata().map_err(|error| unread(&error))?;
        if !metadata.is_file() {
            return Err(Unread::File("it is not a regular file".to_owned()));
        }
        match no_follow::check_own(&metadata) {
            // With the umask 002 Codex makes such files, and the group is the user's own. Nothing but texts to scan is
            // taken from it.
            Err(NotOwn::Writable(mode)) if mode & 0o002 == 0 => {}
            checked => checked.map_err(|not_own| Unread::File(not_own.to_string()))?,
        }
        let identity = platform::identity(&file, &metadata).map_err(|error| unread(&error))?;
        Ok(Self { file, path: path.to_owned(), identity, length: metadata.len(), until: None })
    }

    /// What is in the file before a place.
    ///
    /// # Errors
    /// The system's.
    pub fn window(&self, offset: u64) -> io::Result<Vec<u8>> {
        let from = offset.saturating_sub(WINDOW);
        let mut bytes = Vec::new();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(from))?;
        file.take(offset - from).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The lines from a place on, as far as the file went when it was opened; Codex may be writing.
    ///
    /// # Errors
    /// The system's.
    pub fn lines(&self, offset: u64) -> io::Result<Lines<BufReader<io::Take<&File>>>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset))?;
        let input = BufReader::with_capacity(64 * 1024, file.take(self.length.saturating_sub(offset)));
        Ok(Lines::new(input, offset, LONGEST).until(self.until))
    }

    /// Waits for the end of a line that is being written. Whether it is whole now.
    pub fn wait_for_whole_line(&mut self) -> bool {
        let (pause, times) = UNFINISHED;
        for _ in 0..times {
            if self.ends_with_a_line() {
                return true;
            }
            std::thread::sleep(pause);
            match self.file.metadata() {
                Ok(metadata) => self.length = metadata.len(),
                Err(_) => return false,
            }
        }
        self.ends_with_a_line()
    }

    fn ends_with_a_line(&self) -> bool {
        let Some(last) = self.length.checked_sub(1) else { return true };
        let mut file = &self.file;
        let mut byte = [0];
        file.seek(SeekFrom::Start(last)).and_then(|_| file.read_exact(&mut byte)).is_ok() && byte == *b"\n"
    }
}

/// Without the path, which is long, and known.
pub fn unread(error: &io::Error) -> Unread {
    match error.kind() {
        io::ErrorKind::TimedOut => Unread::Slow,
        _ => Unread::File(error.to_string()),
    }
}

fn line_name(number: Option<u64>) -> String {
    number.map_or_else(|| "A line".to_owned(), |number| format!("Line {number}"))
}

#[cfg(unix)]
mod platform {
    use std::fs::{File, Metadata};
    use std::io;
    use std::os::unix::fs::MetadataExt;

    #[allow(clippy::unnecessary_wraps)] // it can fail on Windows
    pub(super) fn identity(_: &File, metadata: &Metadata) -> io::Result<String> {
        Ok(format!("{:x}-{:x}", metadata.dev(), metadata.ino()))
    }
}

#[cfg(windows)]
mod platform {
    use std::fs::{File, Metadata};
    use std::io;
    use std::os::windows::io::AsRawHandle;

    use crate::windows::api::file_id;

    /// Not the time of its creation: a file that replaces it within some seconds inherits that.
    pub(super) fn identity(file: &File, _: &Metadata) -> io::Result<String> {
        let (volume, index) = file_id(file.as_raw_handle())?;
        Ok(format!("{volume:x}-{index:x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_elsewhere_is_not_read() {
        let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = other.path().join("x.jsonl");
        std::fs::write(&path, "{}\n").unwrap();
        assert_eq!(Transcript::open(&path, Some(home.path())).unwrap_err(), Unread::Elsewhere);
        assert_eq!(Transcript::open(Path::new("x.jsonl"), None).unwrap_err(), Unread::Elsewhere);
        let dots = home.path().join("..").join(other.path().file_name().unwrap()).join("x.jsonl");
        assert_eq!(Transcript::open(&dots, Some(home.path())).unwrap_err(), Unread::Elsewhere);
        assert!(Transcript::open(&path, Some(other.path())).is_ok());
    }

    #[test]
    fn a_line_that_grows_to_its_end_is_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.jsonl");
        std::fs::write(&path, "{}\n{").unwrap();
        let mut open = Transcript::open(&path, None).unwrap();
        std::fs::write(&path, "{}\n{}\n").unwrap();
        assert!(open.wait_for_whole_line());
        assert_eq!(open.length, 6);
    }

    #[cfg(unix)]
    mod unix {
        use std::os::unix::fs::{PermissionsExt, symlink};

        use super::*;

        #[test]
        fn links_pipes_folders_and_what_others_may_write_to_are_not_read() {
            let home = tempfile::tempdir().unwrap();
            let at = |name: &str| home.path().join(name);
            std::fs::write(at("file"), "{}\n").unwrap();
            symlink(at("file"), at("link")).unwrap();
            std::fs::create_dir(at("folder")).unwrap();
            assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
            for name in ["link", "folder", "pipe", "missing"] {
                let opened = Transcript::open(&at(name), Some(home.path()));
                assert!(matches!(opened, Err(Unread::File(_))), "{name}");
            }
            assert!(matches!(Transcript::open(Path::new("/dev/zero"), None), Err(Unread::File(_))));
            for (mode, is_read) in [(0o666, false), (0o602, false), (0o664, true), (0o660, true)] {
                std::fs::set_permissions(at("file"), std::fs::Permissions::from_mode(mode)).unwrap();
                assert_eq!(Transcript::open(&at("file"), None).is_ok(), is_read, "{mode:o}");
            }
        }
    }
}
