//! Replaces files so that a kill at any instant leaves the old or the new one: configuration files with a backup
//! beside them, and our own binary, also while it runs.
//!
//! What goes into a file is decided elsewhere ([`crate::registration`]). Kept are the symbolic link (its target is
//! written), the file's mode and, where the process may, its owner. Not kept are extended attributes, access control
//! lists beyond the mode, and hard links: the file becomes a new one.

mod atomic;
pub mod binary;
mod error;
mod lock;
pub(crate) mod no_follow;
mod obstacle;
mod place;
mod snapshot;
#[cfg(test)]
mod tests;

pub use atomic::{create_folder, create_private_folder, temporary_folder};
pub use binary::{
    BinaryInstall, BinaryRemoval, install_binary, put_program, remove_binary, running_program, same_bytes,
};
pub use error::FileEditError;
pub use lock::EditLock;
pub use obstacle::{Obstacle, starts_no_program};
pub use place::{folder_of, missing_folders, real_path, same_place, with_suffix};
pub use snapshot::{NewFile, Snapshot, keep_as_backup};

/// Refuses a folder for f5-guard's own files that is a link, no folder at all, or somebody else's.
pub fn check_own_folder(folder: &std::path::Path) -> Result<(), FileEditError> {
    no_follow::check_own_folder(folder)
        .map_err(|source| FileEditError::NotOurFolder { path: folder.into(), source })
}

/// Writes a file that is f5-guard's own alone, in one step and without a backup.
///
/// # Errors
/// [`FileEditError::Write`]; the file is as it was then.
pub fn write_own(path: &std::path::Path, bytes: &[u8], new_file: NewFile) -> Result<(), FileEditError> {
    let attributes = atomic::Attributes::Mode(new_file.mode());
    atomic::write(path, bytes, &attributes)
        .map_err(|source| FileEditError::Write { path: path.into(), source })
}

/// The same for a private file that may be lost in a power failure: nobody waits for the disk.
///
/// # Errors
/// [`FileEditError::Write`]; the file is as it was then.
pub fn replace_private(path: &std::path::Path, bytes: &[u8]) -> Result<(), FileEditError> {
    atomic::write_unsynced(path, bytes, &atomic::Attributes::Mode(NewFile::Private.mode()))
        .map_err(|source| FileEditError::Write { path: path.into(), source })
}
