//! The page's file: whole or not at all, and readable by its owner only.

use std::fs;
use std::io;
use std::path::Path;

use crate::access::Privilege;
use crate::commands::result_file;

/// Writes `text` to `path`, into a new file that takes the place of whatever file or link is there.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    Privilege::among_users().may_append_to(path).map_err(io::Error::other)?;
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => return Err(io::Error::other("it is a folder")),
        Ok(found) if !found.is_file() && !found.is_symlink() => {
            return Err(io::Error::other("it is not a regular file"));
        }
        _ => {}
    }
    result_file::write(path, text.as_bytes())
}
