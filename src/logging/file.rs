//! The log file: collected in memory, appended in one write, turned over when it is large.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fs4::FileExt;
use tracing_subscriber::fmt::MakeWriter;

use crate::access::Privilege;
use crate::file_edit::no_follow;
use crate::secret::Hidden;
use crate::stdio::{is_stdout, is_systems_name, stderr_is_stdout};
use crate::supervise::supervise;

/// A file of this many bytes is renamed to `<name>.1` (an older one is replaced) before the next line.
const MAX_SIZE: u64 = 10 * 1024 * 1024;

/// Windows' error for a write into a range that another process has locked.
const ERROR_LOCK_VIOLATION: i32 = 33;
/// A turn-over takes less than a millisecond; what takes longer is the business of [`Log::flush_within`].
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(2);

/// The process's log: two buffers, one for the file and one for stderr. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Log {
    path: Option<PathBuf>,
    file: Lines,
    stderr: Lines,
    hidden: Hidden,
}

/// Lines that wait to be written.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// A log that goes to `path`, or to no file. Nothing is opened before there is a line to write. No line is written with
    /// what is `hidden` by then.
    pub fn new(path: Option<PathBuf>, hidden: Hidden) -> Self {
        Self { path, hidden, ..Self::default() }
    }

    /// Where lines for the file are collected.
    pub fn file(&self) -> Lines {
        self.file.clone()
    }

    /// Where lines for stderr are collected.
    pub fn stderr(&self) -> Lines {
        self.stderr.clone()
    }

    /// Writes the collected lines, within `limit`. What can't be written is given up in silence: it must not
    /// change what the process came to say.
    pub fn flush_within(&self, limit: Duration) {
        let (lines, stderr) = (self.file.take(), self.stderr.take());
        self.write_within(limit, lines, stderr);
    }

    /// The same for the file alone, where stderr belongs to the answer.
    pub fn flush_file_within(&self, limit: Duration) {
        self.write_within(limit, self.file.take(), Vec::new());
    }

    fn write_within(&self, limit: Duration, lines: Vec<u8>, stderr: Vec<u8>) {
        let path = self.path.clone().filter(|_| !lines.is_empty());
        if path.is_none() && stderr.is_empty() {
            return;
        }
        // Numbers and names are cleaned where they are found, so that a line keeps its form; this is for all the rest.
        let lines = without(&self.hidden, lines, r#"{"message":"(redacted)"}"#);
        let stderr = without(&self.hidden, stderr, "(redacted)");
        // On a thread of its own: a network drive can hang, and so can a stderr that nobody reads.
        let _ = supervise(Instant::now() + limit, move || {
            if let Some(path) = path {
                let _ = append(&path, &lines);
            }
            if !stderr.is_empty() && !stderr_is_stdout() {
                let _ = io::stderr().write_all(&stderr);
            }
        });
    }
}

/// The lines without what is hidden; `instead` of one that nothing is left of.
fn without(hidden: &Hidden, lines: Vec<u8>, instead: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(&lines);
    let cleaned: Vec<_> = text.split('\n').map(|line| hidden.without(line)).collect();
    if cleaned.iter().all(|line| matches!(line, Cow::Borrowed(_))) {
        return lines;
    }
    let shown =
        |line: &Cow<'_, str>| if *line == "(redacted)" { instead.to_owned() } else { line.to_string() };
    cleaned.iter().map(shown).collect::<Vec<_>>().join("\n").into_bytes()
}

/// Stderr, for lines that come out at once.
#[derive(Debug, Clone)]
pub struct Immediate(pub Hidden);

impl Write for Immediate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(&without(&self.0, bytes.to_owned(), "(redacted)"))?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Immediate {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Appends lines to the file, which is created where it is missing. A link is not followed: in a folder that others can write
/// to, or in a repository, they would choose which file the lines go to, and which is renamed when it is large.
fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    if is_stdout(path) {
        return Ok(());
    }
    let regular = is_regular(path)?;
    if let (true, Some(folder)) = (regular, missing_folder(path)) {
        create_private_folder(folder)?;
    }
    let write = || {
        let mut file = open(path, regular)?;
        if regular && file.metadata()?.len() >= MAX_SIZE {
            turn_over(path, &file);
            file = open(path, regular)?;
        }
        // One write in append mode: lines of parallel processes do not mix.
        file.write_all(lines)
    };
    retry(write, |error| cfg!(windows) && error.raw_os_error() == Some(ERROR_LOCK_VIOLATION))
}

/// Whether lines could be appended; none are.
///
/// # Errors
/// Why they could not.
pub fn check(path: &Path) -> io::Result<()> {
    if !is_regular(path)? {
        return Ok(()); // opening a pipe or a device can have effects of its own
    }
    if fs::symlink_metadata(path).is_ok() {
        return open_own(path, &mut appending()).map(drop);
    }
    let existing = path.ancestors().skip(1).find(|folder| folder.exists());
    let folder = existing.ok_or_else(|| io::Error::other("there is no folder for it"))?;
    // Deleted again at once.
    tempfile::tempfile_in(folder)
        .map(drop)
        .map_err(|error| io::Error::other(format!("{} can't be written to ({error})", folder.display())))
}

/// Whether the log is, or will be, a regular file, and no pipe, device or stream.
///
/// # Errors
/// It can't be a log, or not one of this process's.
fn is_regular(path: &Path) -> io::Result<bool> {
    let privilege = Privilege::among_users();
    privilege.may_append_to(path).map_err(io::Error::other)?;
    if is_systems_name(path) {
        return fs::metadata(path).map(|_| false);
    }
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_symlink() => {
            Err(io::Error::other("it is a link, which a log does not follow; name the file itself"))
        }
        Ok(found) if found.is_dir() => Err(io::Error::other("it is a folder")),
        Ok(found) => Ok(found.is_file()),
        Err(_) => {
            if let Some(folder) = missing_folder(path) {
                privilege.may_use(folder).map_err(io::Error::other)?;
            }
            Ok(true)
        }
    }
}

fn missing_folder(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| !folder.exists())
}

/// Does it again while it fails for a passing reason: on Windows a lock keeps other processes from writing, and the
/// file that the line was for may be the old one by then. Nothing was written where it fails so.
fn retry(mut write: impl FnMut() -> io::Result<()>, passes: impl Fn(&io::Error) -> bool) -> io::Result<()> {
    for _ in 1..ATTEMPTS {
        match write() {
            Err(error) if passes(&error) => std::thread::sleep(PAUSE),
            result => return result,
        }
    }
    write()
}

/// Opens for appending, creates private to the user. A device or a stream is opened without waiting for somebody to read
/// from it.
fn open(path: &Path, regular: bool) -> io::Result<File> {
    let mut options = appending();
    if is_systems_name(path) {
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
        return options.open(path);
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    open_own(path, options.create(regular))
}

fn open_own(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = no_follow::open(path, options)?;
    Privilege::among_users().may_write_to(&file.metadata()?)?;
    Ok(file)
}

/// On Windows a file that is open for appending alone can't be locked (LockFileEx wants the right to read or to write all of
/// it). A user's folders are private to the user there by inheritance.
fn appending() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(cfg!(windows)).append(true);
    options
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
    if fs::symlink_metadata(path).is_ok_and(|now| now.is_file() && now.len() >= MAX_SIZE) {
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
        let log = Log::new(Some(path.to_owned()), Hidden::default());
        log.file().write_all(line.as_bytes()).unwrap();
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
    fn what_is_hidden_by_then_is_in_no_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        let hidden = Hidden::default();
        let log = Log::new(Some(path.clone()), hidden.clone());
        log.file()
            .write_all(b"{\"a\":\"planted-token-7Qx2\"}\n{\"b\":1}\n{\"c\":\"NEKOT-DETNALP\"}\n")
            .unwrap();
        hidden.learn(&crate::secret::Secret::new("planted-token-7Qx2"));
        log.flush_within(LONG);
        let written = fs::read_to_string(&path).unwrap();
        assert_eq!(written, "{\"a\":\"(redacted)\"}\n{\"b\":1}\n{\"message\":\"(redacted)\"}\n");
    }

    #[test]
    fn nothing_is_opened_without_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs").join("x.log");
        Log::new(Some(path.clone()), Hidden::default()).flush_within(LONG);
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

    #[test]
    fn a_lock_of_another_process_is_waited_for_and_another_failure_is_not() {
        let passes = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        let mut failures = vec![io::ErrorKind::WouldBlock; 3];
        let done = retry(|| failures.pop().map_or(Ok(()), |kind| Err(kind.into())), passes);
        assert!(done.is_ok() && failures.is_empty(), "{done:?}");
        let mut calls = 0;
        let denied = retry(
            || {
                calls += 1;
                Err(io::ErrorKind::PermissionDenied.into())
            },
            passes,
        );
        assert_eq!((denied.unwrap_err().kind(), calls), (io::ErrorKind::PermissionDenied, 1));
    }

    /// On Windows not every way of opening a file allows a lock on it.
    #[test]
    fn the_log_as_it_is_opened_can_be_locked_and_appended_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        fs::write(&path, "a\n").unwrap();
        let mut file = open(&path, true).unwrap();
        FileExt::try_lock(&file).unwrap();
        FileExt::unlock(&file).unwrap();
        file.write_all(b"b\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\n");
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
