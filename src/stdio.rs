//! What stdout and stderr are connected to. Stdout belongs to the answer alone: one byte more, and Codex drops the answer.

#[cfg(unix)]
use std::fs::{File, Metadata};
use std::io::{self, IsTerminal};
use std::path::Path;

/// Whether `path` leads to this process's stdout. By identity and not by name, because there are many names
/// (`/dev/stdout`, `/proc/self/fd/1`, links).
#[cfg(unix)]
#[must_use]
pub fn is_stdout(path: &Path) -> bool {
    match (metadata_of(io::stdout()), std::fs::metadata(path)) {
        (Ok(stdout), Ok(file)) => identity(&stdout) == identity(&file),
        _ => false,
    }
}

/// Whether `path` is one of the system's names for a device or for something that this process has open, such as
/// `/dev/stderr`. Many of them are links, which only the system can make there.
#[cfg(unix)]
#[must_use]
pub fn is_systems_name(path: &Path) -> bool {
    let folders = ["/dev", "/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"];
    path.parent().is_some_and(|folder| folders.iter().any(|known| folder == Path::new(known)))
}

/// Whether what is written to stderr comes out among the answer, as where `2>&1` stands in the registered command. On a
/// terminal it may: there it is for a person.
#[cfg(unix)]
#[must_use]
pub fn stderr_is_stdout() -> bool {
    match (metadata_of(io::stdout()), metadata_of(io::stderr())) {
        (Ok(stdout), Ok(stderr)) => identity(&stdout) == identity(&stderr) && !io::stdout().is_terminal(),
        _ => false,
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Whether what is written to stdout is lost: it is the null device, which Rust's runtime also opens where
/// stdout is closed.
#[cfg(unix)]
#[must_use]
pub fn stdout_is_lost() -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    match (metadata_of(io::stdout()), std::fs::metadata("/dev/null")) {
        (Ok(stdout), Ok(null)) => stdout.file_type().is_char_device() && stdout.rdev() == null.rdev(),
        _ => false,
    }
}

#[cfg(unix)]
fn metadata_of(stream: impl std::os::fd::AsFd) -> io::Result<Metadata> {
    File::from(stream.as_fd().try_clone_to_owned()?).metadata()
}

/// On Windows no path leads to a redirected stdout.
#[cfg(windows)]
#[must_use]
pub fn is_stdout(_path: &Path) -> bool {
    false
}

/// No link on Windows leads to a device.
#[cfg(windows)]
#[must_use]
pub fn is_systems_name(_path: &Path) -> bool {
    false
}

/// Whether there is no stdout: Rust's library then pretends that writing succeeds.
#[cfg(windows)]
#[must_use]
pub fn stdout_is_lost() -> bool {
    use std::os::windows::io::AsRawHandle;
    io::stdout().as_raw_handle().is_null()
}

/// Whether stderr is stdout under another name. A pipe has no identity that could be compared on Windows, so a second
/// handle to the same one is not recognised.
#[cfg(windows)]
#[must_use]
pub fn stderr_is_stdout() -> bool {
    use std::os::windows::io::AsRawHandle;
    io::stdout().as_raw_handle() == io::stderr().as_raw_handle() && !io::stdout().is_terminal()
}
