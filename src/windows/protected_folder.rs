//! A folder below `%ProgramData%` for programs and policies that ordinary users can't change.
//!
//! Any user may create folders in `%ProgramData%`. So ours gets its access list as it is created, and one that is
//! already there is only used where nobody but its audience could have prepared it.

use std::fs;
use std::io;
use std::os::windows::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::access::{Audience, How, Writer, writers};
use super::api;

/// Why a folder can't be used for what ordinary users must not change.
#[derive(Debug, thiserror::Error)]
pub enum ProtectedFolderError {
    /// Somebody else can change it, or could while it was prepared.
    #[error(
        "`{path}` can't be used: {who} can change `{place}`, {how}; move it away, or have an administrator set its owner \
         and permissions (takeown, icacls)",
        path = .path.display(), who = .writer.trustee, place = .writer.path.display(), how = words(.writer.how)
    )]
    Changeable { path: PathBuf, writer: Writer },
    /// A link or junction, which can lead anywhere.
    #[error("`{}` can't be used because it is a link to another place; remove the link", .0.display())]
    Link(PathBuf),
    /// A file is there instead.
    #[error("`{}` can't be used because it is not a folder", .0.display())]
    NoFolder(PathBuf),
    /// The folder can't be created or looked at.
    #[error("`{path}` can't be created with its permissions: {source}", path = .path.display())]
    Unusable { path: PathBuf, source: io::Error },
}

const fn words(how: How) -> &'static str {
    match how {
        How::Granted => "which its access list grants",
        How::Owner => "because an owner can change the access list",
        How::NoList => "because it has no access list that could be read",
    }
}

/// Makes sure that `path` is a folder that only `audience` and administrators can change. What is missing of it is
/// created; what is there is looked at and never given other rights.
///
/// # Errors
/// See [`ProtectedFolderError`]. What was created is gone again then.
pub fn ensure(path: &Path, audience: &Audience) -> Result<(), ProtectedFolderError> {
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    create_and_judge(path, audience).inspect_err(|_| {
        for folder in missing {
            // Only where it is empty.
            let _ = fs::remove_dir(folder);
        }
    })
}

fn create_and_judge(path: &Path, audience: &Audience) -> Result<(), ProtectedFolderError> {
    let unusable = |source| ProtectedFolderError::Unusable { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Ok(metadata) => check(path, &metadata)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = path.parent().filter(|parent| !parent.exists()) {
                create_and_judge(parent, audience)?;
            }
            match api::create_folder(path, &audience.sddl()) {
                // Somebody else's, made since: judged like any other that is there.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    check(path, &fs::symlink_metadata(path).map_err(unusable)?)?;
                }
                result => result.map_err(unusable)?,
            }
        }
        Err(error) => return Err(unusable(error)),
    }
    match writers(path, audience, &api::descriptor).map_err(unusable)?.into_iter().next() {
        Some(writer) => Err(ProtectedFolderError::Changeable { path: path.to_owned(), writer }),
        None => Ok(()),
    }
}

fn check(path: &Path, metadata: &fs::Metadata) -> Result<(), ProtectedFolderError> {
    const FILE_ATTRIBUTE_REPARSE_POINT: u32 = 0x400;
    if metadata.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0 {
        return Err(ProtectedFolderError::Link(path.to_owned()));
    }
    if !metadata.is_dir() {
        return Err(ProtectedFolderError::NoFolder(path.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_its_place_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f5-guard");
        fs::write(&path, "").unwrap();
        assert!(matches!(ensure(&path, &Audience::Everyone), Err(ProtectedFolderError::NoFolder(_))));
    }

    #[test]
    fn a_users_own_folder_is_no_place_for_everyones_programs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f5-guard");
        fs::create_dir(&path).unwrap();
        let error = ensure(&path, &Audience::Everyone).unwrap_err();
        assert!(matches!(&error, ProtectedFolderError::Changeable { .. }), "{error}");
        assert!(error.to_string().contains("icacls"), "{error}");
    }
}
