//! A folder for what runs on everybody's behalf: made so, or found to be so, that ordinary users can't change it.

use std::path::{Path, PathBuf};

/// Why a folder can't hold a managed binary or the administrator's policy.
#[derive(Debug, thiserror::Error)]
pub enum ProtectError {
    #[cfg(unix)]
    #[error(
        "{} can't be used: ordinary users can change it ({why}), and so what runs for everybody; choose another \
         --managed-dir, or fix owner and mode (chown root, chmod go-w)", folder.display()
    )]
    Changeable { folder: PathBuf, why: String },
    #[cfg(unix)]
    #[error("{} can't be created or looked at: {source}", path.display())]
    Unusable { path: PathBuf, source: std::io::Error },
    /// Windows' own reasons.
    #[cfg(windows)]
    #[error("{0}")]
    Other(String),
}

/// Makes sure that `folder` exists and that nobody but administrators can change it. What is missing of it is created
/// so; what exists is judged and left alone. The folders created are returned, outermost first.
pub fn protected_folder(folder: &Path) -> Result<Vec<PathBuf>, ProtectError> {
    platform::ensure(folder)
}

#[cfg(unix)]
mod platform {
    use super::{Path, PathBuf, ProtectError};
    use crate::access::only_ours;
    use crate::file_edit::missing_folders;
    use std::fs::{self, Permissions};
    use std::io;
    use std::os::unix::fs::PermissionsExt;

    pub(super) fn ensure(folder: &Path) -> Result<Vec<PathBuf>, ProtectError> {
        let unusable = |path: &Path| {
            let path = path.to_path_buf();
            move |source: io::Error| ProtectError::Unusable { path, source }
        };
        // Judged first: nothing is created below a folder that others can change.
        only_ours(folder)
            .map_err(|shared| ProtectError::Changeable { folder: folder.into(), why: shared.why })?;
        let mut missing = missing_folders(folder);
        missing.reverse();
        for path in &missing {
            fs::create_dir(path).map_err(unusable(path))?;
            // Everybody has to reach the binary, whatever the administrator's umask.
            fs::set_permissions(path, Permissions::from_mode(0o755)).map_err(unusable(path))?;
        }
        Ok(missing)
    }

    #[cfg(test)]
    mod tests {
        use std::os::unix::fs::MetadataExt;

        use super::*;

        #[test]
        fn a_missing_folder_is_created_for_everybody_to_read() {
            let base = tempfile::tempdir().unwrap();
            let folder = base.path().join("a/b");
            let created = ensure(&folder).unwrap();
            assert_eq!(created, [base.path().join("a"), folder.clone()]);
            assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o755);
            assert!(ensure(&folder).unwrap().is_empty());
            fs::set_permissions(base.path().join("a"), Permissions::from_mode(0o777)).unwrap();
            assert!(matches!(ensure(&folder), Err(ProtectError::Changeable { .. })));
        }
    }
}

#[cfg(windows)]
mod platform {
    use super::{Path, PathBuf, ProtectError};
    use crate::file_edit::missing_folders;
    use crate::windows::access::Audience;
    use crate::windows::protected_folder;

    pub(super) fn ensure(folder: &Path) -> Result<Vec<PathBuf>, ProtectError> {
        let mut missing = missing_folders(folder);
        missing.reverse();
        protected_folder::ensure(folder, &Audience::Everyone)
            .map_err(|error| ProtectError::Other(error.to_string()))?;
        Ok(missing)
    }
}
