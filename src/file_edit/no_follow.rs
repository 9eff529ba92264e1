//! Opens f5-guard's own files: who can replace such a file with a link must not choose what is read or written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// Opens `path` as `options` say, but never through a link in its last place, and without waiting for the other end of
/// a pipe. What is open may still be no regular file. A file that this creates is private to the user.
///
/// # Errors
/// The system's, and an error of kind `Other` for a link.
pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    platform::open(path, options)
}

/// Reads a file that f5-guard keeps for itself, of at most `limit` bytes; `None` where there is none.
///
/// # Errors
/// Those of [`read_regular`], and one for a file that is somebody else's or that others may write to.
pub fn read_own(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    read(path, limit, |metadata| check_own(metadata).map_err(io::Error::other))
}

/// Why a file is not this user's alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(windows, allow(dead_code, reason = "nothing is found out about a file itself there"))]
pub enum NotOwn {
    #[error("it belongs to user {0}")]
    Owner(u32),
    /// With the permission bits.
    #[error("others may write to it")]
    Writable(u32),
}

/// Whether the file is this user's or root's, and nobody else may write to it. On Windows a file inherits the access list
/// of its folder, which is the user's or the administrators'.
pub fn check_own(metadata: &fs::Metadata) -> Result<(), NotOwn> {
    platform::check_owner(metadata)?;
    platform::check_mode(metadata)
}

/// Reads a file that nobody but this user can read or write, and that has no other name; `None` where there is none.
///
/// # Errors
/// Those of [`read_own`], and one for a file that is not private.
pub fn read_private(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    read(path, limit, |metadata| {
        check_own(metadata).map_err(io::Error::other)?;
        if platform::is_private(metadata) { Ok(()) } else { Err(io::Error::other("it is not private")) }
    })
}

/// Reads a regular file of at most `limit` bytes; `None` where there is none.
///
/// # Errors
/// The system's, and one that says what is wrong with the file: a link, no regular file, a large one.
pub fn read_regular(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    read(path, limit, |_| Ok(()))
}

fn read(
    path: &Path,
    limit: u64,
    check: impl FnOnce(&fs::Metadata) -> io::Result<()>,
) -> io::Result<Option<Vec<u8>>> {
    let file = match open(path, OpenOptions::new().read(true)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    check(&metadata)?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other("it is too large for such a file"));
    }
    Ok(Some(bytes))
}

/// Refuses a folder that is a link, no folder at all, or somebody else's; a missing one is fine.
///
/// # Errors
/// The system's, and one that says what is wrong with the folder.
pub fn check_own_folder(folder: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if metadata.file_type().is_symlink() {
        return Err(link());
    }
    if !metadata.is_dir() {
        return Err(io::Error::other("it is not a folder"));
    }
    platform::check_owner(&metadata).map_err(io::Error::other)
}

/// Refuses a folder as [`check_own_folder`] does, and one that others may write to.
///
/// # Errors
/// Those of [`check_own_folder`], and one that says who may write to it.
pub fn check_private_folder(folder: &Path) -> io::Result<()> {
    check_own_folder(folder)?;
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        found => platform::check_mode(&found?).map_err(io::Error::other),
    }
}

fn link() -> io::Error {
    io::Error::other("it is a link, which is not followed here")
}

#[cfg(unix)]
mod platform {
    use std::fs::{File, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    use std::path::Path;

    use super::NotOwn;

    pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
        // The standard library adds O_CLOEXEC.
        options
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .mode(0o600)
            .open(path)
            .map_err(|error| if error.raw_os_error() == Some(libc::ELOOP) { super::link() } else { error })
    }

    pub(super) fn check_owner(metadata: &Metadata) -> Result<(), NotOwn> {
        let owner = metadata.uid();
        let is_own = owner == 0 || owner == nix::unistd::geteuid().as_raw();
        if is_own { Ok(()) } else { Err(NotOwn::Owner(owner)) }
    }

    pub(super) fn is_private(metadata: &Metadata) -> bool {
        let is_ours = metadata.uid() == nix::unistd::geteuid().as_raw();
        is_ours && metadata.mode() & 0o077 == 0 && metadata.nlink() == 1
    }

    pub(super) fn check_mode(metadata: &Metadata) -> Result<(), NotOwn> {
        let mode = metadata.mode() & 0o777;
        if mode & 0o022 == 0 { Ok(()) } else { Err(NotOwn::Writable(mode)) }
    }
}

#[cfg(windows)]
mod platform {
    use std::fs::{File, Metadata, OpenOptions};
    use std::io;
    use std::os::windows::fs::OpenOptionsExt;
    use std::path::Path;

    use windows_sys::Win32::Storage::FileSystem::FILE_FLAG_OPEN_REPARSE_POINT;

    use super::NotOwn;

    pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
        let file = options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT).open(path)?;
        if file.metadata()?.file_type().is_symlink() { Err(super::link()) } else { Ok(file) }
    }

    pub(super) fn check_owner(_metadata: &Metadata) -> Result<(), NotOwn> {
        Ok(())
    }

    pub(super) fn check_mode(_metadata: &Metadata) -> Result<(), NotOwn> {
        Ok(())
    }

    /// As private as its folder.
    pub(super) fn is_private(_metadata: &Metadata) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_ones_own_is_read_up_to_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert_eq!(read_own(&path, 3).unwrap(), None);
        fs::write(&path, "abc").unwrap();
        assert_eq!(read_own(&path, 3).unwrap().as_deref(), Some(&b"abc"[..]));
        assert!(read_own(&path, 2).unwrap_err().to_string().contains("too large"));
        assert!(read_own(folder.path(), 3).is_err());
    }

    #[test]
    fn a_folder_of_ones_own_is_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(check_own_folder(&path).is_ok(), "it can be created");
        fs::write(&path, "").unwrap();
        assert!(check_own_folder(&path).is_err());
    }

    #[cfg(unix)]
    mod unix {
        use std::os::unix::fs::{PermissionsExt, symlink};

        use super::*;

        #[test]
        fn links_pipes_and_what_others_may_write_to_are_not_read() {
            let folder = tempfile::tempdir().unwrap();
            let file = |name: &str| folder.path().join(name);
            fs::write(file("file"), "{}").unwrap();
            symlink(file("file"), file("link")).unwrap();
            symlink(file("missing"), file("dangling")).unwrap();
            let made = std::process::Command::new("mkfifo").arg(file("pipe")).status().unwrap();
            assert!(made.success());
            for (name, words) in [("link", "link"), ("dangling", "link"), ("pipe", "regular file")] {
                let error = read_regular(&file(name), 9).unwrap_err().to_string();
                assert!(error.contains(words), "{name}: {error}");
            }
            for mode in [0o622, 0o666, 0o660] {
                fs::set_permissions(file("file"), fs::Permissions::from_mode(mode)).unwrap();
                let error = read_own(&file("file"), 9).unwrap_err().to_string();
                assert!(error.contains("others may write to it"), "{mode:o}: {error}");
                assert!(read_regular(&file("file"), 9).is_ok());
            }
        }

        #[test]
        fn a_private_file_is_nobody_elses_business_and_has_one_name() {
            let folder = tempfile::tempdir().unwrap();
            let file = |name: &str| folder.path().join(name);
            fs::write(file("file"), "abc").unwrap();
            for mode in [0o640, 0o604, 0o644] {
                fs::set_permissions(file("file"), fs::Permissions::from_mode(mode)).unwrap();
                assert!(read_own(&file("file"), 9).is_ok());
                assert!(read_private(&file("file"), 9).is_err(), "{mode:o}");
            }
            fs::set_permissions(file("file"), fs::Permissions::from_mode(0o600)).unwrap();
            assert_eq!(read_private(&file("file"), 9).unwrap().as_deref(), Some(&b"abc"[..]));
            fs::hard_link(file("file"), file("second")).unwrap();
            assert!(read_private(&file("file"), 9).is_err());
        }

        #[test]
        fn nothing_is_created_through_a_link() {
            let folder = tempfile::tempdir().unwrap();
            let (target, path) = (folder.path().join("target"), folder.path().join("link"));
            symlink(&target, &path).unwrap();
            assert!(open(&path, OpenOptions::new().create(true).append(true)).is_err());
            assert!(!target.exists());
        }

        #[test]
        fn a_linked_folder_is_not_ones_own() {
            let folder = tempfile::tempdir().unwrap();
            let (target, path) = (folder.path().join("target"), folder.path().join("link"));
            fs::create_dir(&target).unwrap();
            symlink(&target, &path).unwrap();
            assert!(check_own_folder(&path).is_err());
            assert!(check_own_folder(&target).is_ok());
        }
    }
}
