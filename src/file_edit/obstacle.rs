//! What keeps a file from being replaced, or a program from being started, although its permissions allow it; found before
//! the first byte is written.

use std::io;
use std::path::Path;

/// Why a file can't be replaced by renaming another one to its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(unix), allow(dead_code, reason = "none of them is looked for elsewhere"))]
pub enum Obstacle {
    #[error(
        "it is mounted by itself (into a container, for example), and such a file can't be replaced: mount the folder that it \
         is in instead, or change it where it comes from"
    )]
    Mounted,
    #[error(
        "it, or its folder, is marked as immutable, whatever its permissions are: take the mark away ({}), or change what \
         generates it",
        UNMARK
    )]
    Immutable,
    #[error(
        "it is on a file system that is read-only here: change it where it comes from, or mount that writable"
    )]
    ReadOnly,
    #[error("its folder can't be written to: correct its permissions, or change what generates the file")]
    Folder,
}

const UNMARK: &str = if cfg!(target_os = "macos") { "chflags nouchg,noschg" } else { "chattr -i" };

impl Obstacle {
    /// What will be in the way at `path`, which need not exist, nor its folder.
    pub fn at(path: &Path) -> Option<Self> {
        platform::at(path)
    }

    /// What the system's refusal means, for a file that was there.
    pub fn of(refusal: &io::Error) -> Option<Self> {
        platform::of(refusal)
    }
}

/// Whether a program could not be started from `folder`, which need not exist, because of how its file system is mounted.
pub fn starts_no_program(folder: &Path) -> bool {
    platform::starts_no_program(folder)
}

/// The folder that exists on the way to `path`.
#[cfg(unix)]
fn existing(path: &Path) -> Option<&Path> {
    path.ancestors().skip(1).find(|folder| folder.exists())
}

#[cfg(unix)]
mod platform {
    use std::io;
    use std::path::Path;

    use rustix::fs::{Access, access};
    use rustix::io::Errno;

    use super::{Obstacle, existing};

    pub(super) fn at(path: &Path) -> Option<Obstacle> {
        let folder = existing(path)?;
        if marks::is_mounted(path) {
            return Some(Obstacle::Mounted);
        }
        if marks::is_immutable(path) || marks::is_immutable(folder) {
            return Some(Obstacle::Immutable);
        }
        match access(folder, Access::WRITE_OK | Access::EXEC_OK) {
            Ok(()) => None,
            Err(Errno::ROFS) => Some(Obstacle::ReadOnly),
            Err(Errno::ACCESS | Errno::PERM) => Some(Obstacle::Folder),
            // Whatever else it is comes again where it is written.
            Err(_) => None,
        }
    }

    pub(super) fn of(refusal: &io::Error) -> Option<Obstacle> {
        match Errno::from_io_error(refusal)? {
            Errno::BUSY => Some(Obstacle::Mounted),
            Errno::PERM => Some(Obstacle::Immutable),
            Errno::ROFS => Some(Obstacle::ReadOnly),
            Errno::ACCESS => Some(Obstacle::Folder),
            _ => None,
        }
    }

    #[cfg(target_os = "linux")]
    pub(super) fn starts_no_program(folder: &Path) -> bool {
        let there = folder.ancestors().find(|folder| folder.exists());
        let found = there.and_then(|there| rustix::fs::statvfs(there).ok());
        found.is_some_and(|found| found.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC))
    }

    /// There the program is tried after it was copied.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn starts_no_program(_folder: &Path) -> bool {
        false
    }

    #[cfg(target_os = "linux")]
    mod marks {
        use std::path::Path;

        use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

        fn has(path: &Path, attribute: StatxAttributes) -> bool {
            let found = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE);
            found.is_ok_and(|found| {
                found.stx_attributes_mask.contains(attribute) && found.stx_attributes.contains(attribute)
            })
        }

        pub(in super::super) fn is_mounted(path: &Path) -> bool {
            has(path, StatxAttributes::MOUNT_ROOT)
        }

        pub(in super::super) fn is_immutable(path: &Path) -> bool {
            has(path, StatxAttributes::IMMUTABLE) || has(path, StatxAttributes::APPEND)
        }
    }

    #[cfg(target_os = "macos")]
    mod marks {
        use std::os::macos::fs::MetadataExt;
        use std::path::Path;

        /// `UF_IMMUTABLE`, `UF_APPEND`, `SF_IMMUTABLE`, `SF_APPEND`.
        const MARKS: u32 = 0x2 | 0x4 | 0x2_0000 | 0x4_0000;

        pub(in super::super) fn is_mounted(_path: &Path) -> bool {
            false
        }

        pub(in super::super) fn is_immutable(path: &Path) -> bool {
            std::fs::symlink_metadata(path).is_ok_and(|found| found.st_flags() & MARKS != 0)
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    mod marks {
        use std::path::Path;

        pub(in super::super) fn is_mounted(_path: &Path) -> bool {
            false
        }

        pub(in super::super) fn is_immutable(_path: &Path) -> bool {
            false
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use std::io;
    use std::path::Path;

    use super::Obstacle;

    pub(super) fn at(_path: &Path) -> Option<Obstacle> {
        None
    }

    pub(super) fn of(_refusal: &io::Error) -> Option<Obstacle> {
        None
    }

    pub(super) fn starts_no_program(_folder: &Path) -> bool {
        false
    }
}
