//! The log file: collected in memory, appended in one write, turned over when it is large.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fs4::FileExt;
use tracing_subscriber::fmt::MakeWriter;

use crate::supervise::supervise;

/// A file of this many bytes is renamed to `<name>.1` (an older one is replaced) before the next line.
const MAX_SIZE: u64 = 10 * 1024 * 1024;

/// A handle to the process's log file. Clones share one buffer.
#[derive(Debug, Clone, Default)]
pub struct LogFile {
    path: Option<PathBuf>,
    lines: Arc<Mutex<Vec<u8>>>,
}

impl LogFile {
    /// A log that goes to `path`, or nowhere. Nothing is opened before there is a line to write.
    #[must_use]
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { path, lines: Arc::default() }
    }

    /// Appends the collected lines, within `limit`. A log that can't be written is given up in silence: it
    /// must not change what the process came to say.
    pub fn flush_within(&self, limit: Duration) {
        let lines = std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(path) = self.path.clone().filter(|_| !lines.is_empty()) else { return };
        // On a thread of its own: opening or writing can hang on a network drive.
        let _ = supervise(Instant::now() + limit, move || append(&path, &lines));
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    let regular = match fs::metadata(path) {
        Ok(metadata) => metadata.is_file(),
        Err(_) => {
            if let Some(folder) = path.parent() {
                create_private_folder(folder)?;
            }
            true
        }
    };
    let mut file = open(path, regular)?;
    if regular && file.metadata()?.len() >= MAX_SIZE {
        turn_over(path, &file);
        file = open(path, regular)?;
    }
    // One write in append mode: lines of parallel processes do not mix.
    file.write_all(lines)
}

/// Opens for appending, creates private to the user. What is not a regular file (a pipe, a device) is opened
/// without waiting for somebody to read from it.
#[cfg(unix)]
fn open(path: &Path, regular: bool) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = if regular { 0 } else { libc::O_NONBLOCK };
    OpenOptions::new().append(true).create(regular).mode(0o600).custom_flags(flags).open(path)
}

/// Opens for appending. On Windows a user's folders are private to the user by inheritance.
#[cfg(not(unix))]
fn open(path: &Path, regular: bool) -> io::Result<File> {
    OpenOptions::new().append(true).create(regular).open(path)
}

fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Renames the file, once, however many processes see that it is too large: who holds the lock looks again
/// at the path, where after a rename there is a short file or none. Who gets no lock leaves it to the other.
fn turn_over(path: &Path, file: &File) {
    if !matches!(FileExt::try_lock(file), Ok(())) {
        return;
    }
    if fs::metadata(path).is_ok_and(|now| now.is_file() && now.len() >= MAX_SIZE) {
        let mut old = path.as_os_str().to_owned();
        old.push(".1");
        let _ = fs::rename(path, old);
    }
    let _ = FileExt::unlock(file);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn write(path: &Path, line: &str) {
        let log = LogFile::new(Some(path.to_owned()));
        log.make_writer().write_all(line.as_bytes()).unwrap();
        log.flush_within(LONG);
    }

    #[test]
    fn lines_are_appended_and_the_folder_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs").join("x.log");
        write(&path, "a\n");
        write(&path, "b\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn nothing_is_opened_without_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs").join("x.log");
        LogFile::new(Some(path.clone())).flush_within(LONG);
        assert!(!path.parent().unwrap().exists());
    }

    #[test]
    fn a_large_file_is_turned_over_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        File::create(&path).unwrap().set_len(MAX_SIZE).unwrap();
        write(&path, "a\n");
        write(&path, "b\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\n");
        assert_eq!(fs::metadata(dir.path().join("x.log.1")).unwrap().len(), MAX_SIZE);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_that_nobody_reads_does_not_hang_and_stays_a_pipe() {
        use std::os::unix::fs::FileTypeExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert!(append(&path, b"a\n").is_err());
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
    }
}
