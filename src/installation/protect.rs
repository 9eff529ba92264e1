//! A folder for what runs on everybody's behalf: made so, or found to be so, that ordinary users can't change it.

use std::path::{Path, PathBuf};

/// Why a folder can't hold a managed binary or the administrator's policy.
#[derive(Debug, thiserror::Error)]
pub enum ProtectError {
    #[error(
        "{} can't be used: ordinary users can change {}, and so what runs for everybody; choose another \
         --managed-dir, or mend its owner and mode (chown root, chmod go-w)", folder.display(), place.display()
    )]
    Changeable { folder: PathBuf, place: PathBuf },
    #[error("{} can't be created or looked at: {source}", path.display())]
    Unusable { path: PathBuf, source: std::io::Error },
    /// Windows' own reasons.
    #[error("{0}")]
    Other(String),
}

/// Makes sure that `folder` exists and that nobody but administrators can change it. What is missing of it is created
/// so; what exists is judged and left alone. The folders created are returned, outermost first.
///
/// # Errors
/// [`ProtectError`].
pub fn protected_folder(folder: &Path) -> Result<Vec<PathBuf>, ProtectError> {
    platform::ensure(folder)
}

#[cfg(unix)]
mod platform {
    use super::{Path, PathBuf, ProtectError};
    use std::fs::{self, Permissions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    const STICKY: u32 = 0o1000;
    const OTHERS_WRITE: u32 = 0o022;

    pub(super) fn ensure(folder: &Path) -> Result<Vec<PathBuf>, ProtectError> {
        let unusable = |path: &Path| {
            let path = path.to_path_buf();
            move |source: io::Error| ProtectError::Unusable { path, source }
        };
        let mut missing: Vec<&Path> = folder.ancestors().take_while(|path| !path.exists()).collect();
        missing.reverse();
        // Judged first: nothing is created below a folder that others can change.
        let base = missing.first().and_then(|path| path.parent()).unwrap_or(folder);
        let real = base.canonicalize().map_err(unusable(base))?;
        for (place, position) in real.ancestors().zip(0..) {
            let metadata = fs::metadata(place).map_err(unusable(place))?;
            let is_last = position == 0 && missing.is_empty();
            if is_changeable(metadata.uid(), metadata.mode(), own_uid(), is_last) {
                return Err(ProtectError::Changeable { folder: folder.into(), place: place.into() });
            }
        }
        for path in &missing {
            fs::create_dir(path).map_err(unusable(path))?;
            // Everybody has to reach the binary, whatever the administrator's umask.
            fs::set_permissions(path, Permissions::from_mode(0o755)).map_err(unusable(path))?;
        }
        Ok(missing.into_iter().map(Path::to_path_buf).collect())
    }

    fn own_uid() -> u32 {
        nix::unistd::geteuid().as_raw()
    }

    /// A parent that everybody may write to but whose sticky bit keeps them from each other's entries is safe.
    fn is_changeable(uid: u32, mode: u32, administrator: u32, is_the_folder: bool) -> bool {
        let strangers = uid != 0 && uid != administrator;
        let sticky_parent = !is_the_folder && mode & STICKY != 0;
        strangers || (mode & OTHERS_WRITE != 0 && !sticky_parent)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_administrators_may_own_or_write_to_the_folder_and_what_leads_there() {
            assert!(!is_changeable(0, 0o40755, 0, true));
            assert!(is_changeable(1000, 0o40755, 0, true), "an owner can change it");
            assert!(is_changeable(0, 0o40775, 0, true), "a group can");
            assert!(is_changeable(0, 0o40777, 0, false), "everybody can");
            assert!(!is_changeable(0, 0o41777, 0, false), "as /tmp above it");
            assert!(is_changeable(0, 0o41777, 0, true), "as /tmp itself");
        }

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
    use crate::windows::access::Audience;
    use crate::windows::protected_folder;

    pub(super) fn ensure(folder: &Path) -> Result<Vec<PathBuf>, ProtectError> {
        let mut missing: Vec<PathBuf> =
            folder.ancestors().take_while(|path| !path.exists()).map(Path::to_path_buf).collect();
        missing.reverse();
        protected_folder::ensure(folder, &Audience::Everyone)
            .map_err(|error| ProtectError::Other(error.to_string()))?;
        Ok(missing)
    }
}
