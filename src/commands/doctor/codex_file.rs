//! Reads files that Codex reads: it follows a link to them, and so does `doctor`.

use std::io::ErrorKind;
use std::path::Path;

/// `None` for no file. What is no regular file (a pipe would never end) is refused, and one of more than `largest` bytes.
pub fn read(path: &Path, largest: u64) -> Result<Option<Vec<u8>>, String> {
    match std::fs::metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error.to_string()),
        Ok(data) if !data.is_file() => Err("it is not a regular file".to_owned()),
        Ok(data) if data.len() > largest => Err("it is too large for a configuration file".to_owned()),
        Ok(_) => std::fs::read(path).map(Some).map_err(|error| error.to_string()),
    }
}
