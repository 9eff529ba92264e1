//! The document's file: whole or not at all, and readable by its owner only.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use crate::access::Privilege;
use crate::commands::result_file;
use crate::stdio::is_systems_name;

/// Why the file could not be written.
#[derive(Debug, Error)]
#[error("{} could not be written: {source}.", path.display())]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// Writes `document` as JSON to `path`: into a temporary file in the same folder, which then takes the place of whatever
/// file is there. Nobody but the user may read it (mode 0600 on Unix; on Windows it inherits its folder's rights). A
/// link is replaced and what it leads to stays as it is; a device or a pipe is written to and not replaced.
///
/// # Errors
/// The folder does not exist or is not writable, or the disk is full. The file that was there is then untouched.
pub fn write_file(path: &Path, document: &impl Serialize) -> Result<(), WriteError> {
    check_place(path)?;
    write_to(path, document).map_err(|source| WriteError { path: path.to_owned(), source })
}

/// Whether root may write there at all: nothing is created where others could have it end up somewhere else.
///
/// # Errors
/// This is root, and others can change what leads to `path`.
pub fn check_place(path: &Path) -> Result<(), WriteError> {
    Privilege::among_users().may_append_to(path).map_err(|shared| {
        let why = format!("{shared}, and this is root; run it as that user, or give --output - for stdout");
        WriteError { path: path.to_owned(), source: io::Error::other(why) }
    })
}

fn write_to(path: &Path, document: &impl Serialize) -> io::Result<()> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => Some(found.file_type()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if is_systems_name(path) {
        let stream = OpenOptions::new().write(true).open(path)?;
        return write_json(stream, document).map(drop);
    }
    match found {
        Some(found) if found.is_dir() => {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
        }
        Some(found) if !found.is_file() && !found.is_symlink() => {
            let mut options = OpenOptions::new();
            options.write(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW);
            return write_json(options.open(path)?, document).map(drop);
        }
        _ => {}
    }
    result_file::write(path, &write_json(Vec::new(), document)?)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_file_is_replaced_whole_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump.json");
        std::fs::write(&path, "an old and much longer content than the new one").unwrap();
        write_file(&path, &json!({"a": 1})).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\n  \"a\": 1\n}\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn an_old_file_survives_a_document_that_can_not_be_written() {
        struct Broken;
        impl serde::Serialize for Broken {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("broken"))
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump.json");
        std::fs::write(&path, "old").unwrap();
        assert!(write_file(&path, &Broken).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write_file(folder.path(), &json!(1)).is_err(), "a directory is not a file");
        assert!(write_file(&folder.path().join("none").join("x.json"), &json!(1)).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_a_device_or_a_pipe_is_not() {
        use std::os::unix::fs::FileTypeExt;
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file.json"), folder.path().join("link.json"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_file(&link, &json!(1)).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_file());
        assert_eq!(std::fs::read_to_string(&link).unwrap(), "1\n");
        write_file(std::path::Path::new("/dev/null"), &json!(1)).unwrap();
        assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| std::fs::read_to_string(&pipe).unwrap());
            write_file(&pipe, &json!(1)).unwrap();
            assert_eq!(reader.join().unwrap(), "1\n");
        });
        assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
    }
}
