//! The document's file: whole or not at all, and readable by its owner only.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

/// Why the file could not be written.
#[derive(Debug, Error)]
#[error("{} could not be written: {source}.", path.display())]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// Writes `document` as JSON to `path`: into a temporary file in the same folder, which then takes the place of whatever
/// file is there. Nobody but the user may read it (mode 0600 on Unix; on Windows it inherits its folder's rights). A
/// link is followed; a device or a pipe is written to and not replaced.
///
/// # Errors
/// The folder does not exist or is not writable, or the disk is full. The file that was there is then untouched.
pub fn write_file(path: &Path, document: &impl Serialize) -> Result<(), WriteError> {
    write_to(path, document).map_err(|source| WriteError { path: path.to_owned(), source })
}

fn write_to(path: &Path, document: &impl Serialize) -> io::Result<()> {
    let target = match std::fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    match std::fs::metadata(&target) {
        Ok(found) if found.is_dir() => {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
        }
        Ok(found) if !found.is_file() => return write_json(File::create(&target)?, document).map(drop),
        _ => {}
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // tempfile creates with mode 0600 and removes the file where anything below fails.
    let temporary = tempfile::Builder::new().prefix(".f5-guard-dump-").tempfile_in(folder)?;
    write_json(temporary.as_file(), document)?.sync_all()?;
    temporary.persist(&target).map_err(|failed| failed.error)?;
    Ok(())
}

/// Writes `document` as indented JSON with a final line feed, and returns the writer.
///
/// # Errors
/// The writer's.
pub fn write_json<W: Write>(writer: W, document: &impl Serialize) -> io::Result<W> {
    let mut writer = BufWriter::with_capacity(1 << 16, writer);
    serde_json::to_writer_pretty(&mut writer, document)?;
    writer.write_all(b"\n")?;
    writer.into_inner().map_err(io::IntoInnerError::into_error)
}
