//! The file of a result that the user asked for: whole or not at all, and readable by its owner only.

use std::io;
use std::path::Path;

use crate::file_edit::{FileEditError, NewFile, folder_of, write_own};

/// Writes a new file that takes the place of whatever file or link is there.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if !folder_of(path).is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "its folder does not exist"));
    }
    write_own(path, bytes, NewFile::Private).map_err(|error| match error {
        FileEditError::Write { source, .. } => source,
        other => io::Error::other(other),
    })
}
