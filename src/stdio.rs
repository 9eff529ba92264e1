//! What stdout is connected to. It belongs to the answer alone: one byte more, and Codex drops the answer.

#[cfg(unix)]
use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

/// Whether `path` leads to this process's stdout. By identity and not by name, because there are many names
/// (`/dev/stdout`, `/proc/self/fd/1`, links).
#[cfg(unix)]
#[must_use]
pub fn is_stdout(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
    match (stdout_metadata(), std::fs::metadata(path)) {
        (Ok(stdout), Ok(file)) => identity(stdout) == identity(file),
        _ => false,
    }
}

/// Whether what is written to stdout is lost: it is the null device, which Rust's runtime also opens where
/// stdout is closed.
#[cfg(unix)]
#[must_use]
pub fn stdout_is_lost() -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    match (stdout_metadata(), std::fs::metadata("/dev/null")) {
        (Ok(stdout), Ok(null)) => stdout.file_type().is_char_device() && stdout.rdev() == null.rdev(),
        _ => false,
    }
}

#[cfg(unix)]
fn stdout_metadata() -> io::Result<Metadata> {
    use std::os::fd::AsFd;
    File::from(io::stdout().as_fd().try_clone_to_owned()?).metadata()
}

/// On Windows no path leads to a redirected stdout.
#[cfg(windows)]
#[must_use]
pub fn is_stdout(_path: &Path) -> bool {
    false
}

/// Whether there is no stdout: Rust's library then pretends that writing succeeds.
#[cfg(windows)]
#[must_use]
pub fn stdout_is_lost() -> bool {
    use std::os::windows::io::AsRawHandle;
    io::stdout().as_raw_handle().is_null()
}
