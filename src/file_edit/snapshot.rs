//! A file as it was read, and its replacement only if nobody changed it since.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::atomic::{self, Attributes};
use super::error::FileEditError;

/// Links followed before a chain of them counts as a circle.
const MOST_LINKS: usize = 40;

/// Who may read a file that did not exist before. On Windows the folder decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewFile {
    /// Its owner only.
    Private,
    /// Everybody, as a system-wide file must be.
    Public,
}

impl NewFile {
    pub(super) fn mode(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Public => 0o644,
        }
    }
}

/// A file's content at one moment; `bytes()` is `None` where there was no file.
#[derive(Debug)]
pub struct Snapshot {
    path: PathBuf,
    /// Where `path` leads, if it is a symbolic link.
    target: PathBuf,
    content: Option<(Vec<u8>, Metadata)>,
}

impl Snapshot {
    /// Reads a file.
    ///
    /// # Errors
    /// [`FileEditError::Read`], [`FileEditError::NotAFile`] or [`FileEditError::BrokenLink`].
    pub fn read(path: &Path) -> Result<Self, FileEditError> {
        let target = resolve(path)?;
        let content = match fs::metadata(&target) {
            Ok(metadata) if !metadata.is_file() => return Err(FileEditError::NotAFile { path: path.into() }),
            Ok(metadata) => {
                let bytes =
                    fs::read(&target).map_err(|source| FileEditError::Read { path: path.into(), source })?;
                Some((bytes, metadata))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(FileEditError::Read { path: path.into(), source }),
        };
        Ok(Self { path: path.into(), target, content })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        self.content.as_ref().map(|(bytes, _)| bytes.as_slice())
    }

    /// Replaces the file (or creates it, as `new_file` says). Where there was one, its old content goes into a new
    /// file beside it first, named after it with `.bak-` and `stamp`; the path of that is returned.
    ///
    /// # Errors
    /// [`FileEditError`]; the file is as it was, or as another program wrote it meanwhile.
    pub fn replace(
        &self,
        bytes: &[u8],
        new_file: NewFile,
        stamp: &str,
    ) -> Result<Option<PathBuf>, FileEditError> {
        self.check_writable()?;
        let attributes = match &self.content {
            Some((_, metadata)) => Attributes::Like(metadata),
            None => Attributes::Mode(new_file.mode()),
        };
        let backup = self.back_up(stamp)?;
        let written = self.put(bytes, &attributes);
        if let (Err(_), Some(backup)) = (&written, &backup) {
            let _ = fs::remove_file(backup);
        }
        written.map(|()| backup)
    }

    fn put(&self, bytes: &[u8], attributes: &Attributes<'_>) -> Result<(), FileEditError> {
        let failed = |source| FileEditError::Write { path: self.path.clone(), source };
        let prepared = atomic::prepare(&self.target, bytes, attributes).map_err(failed)?;
        self.check_unchanged()?;
        atomic::persist(prepared, &self.target).map_err(failed)
    }

    /// Deletes the file; a symbolic link to it goes too only where the link itself was made for it, which nobody can
    /// know, so it stays and leads nowhere.
    ///
    /// # Errors
    /// [`FileEditError`]; the file is as it was then.
    pub fn delete(&self) -> Result<(), FileEditError> {
        if self.content.is_none() {
            return Ok(());
        }
        self.check_writable()?;
        self.check_unchanged()?;
        fs::remove_file(&self.target)
            .map_err(|source| FileEditError::Delete { path: self.path.clone(), source })
    }

    fn back_up(&self, stamp: &str) -> Result<Option<PathBuf>, FileEditError> {
        let Some((bytes, metadata)) = &self.content else { return Ok(None) };
        for number in 0..1000 {
            let mut name = self.path.as_os_str().to_owned();
            name.push(if number == 0 { format!(".bak-{stamp}") } else { format!(".bak-{stamp}-{number}") });
            let path = PathBuf::from(name);
            // Nothing is lost if two runs take the same name: each replaces whole files, and both hold old content.
            if fs::symlink_metadata(&path).is_err() {
                let written = atomic::write(&path, bytes, &Attributes::Like(metadata));
                return match written {
                    Ok(()) => Ok(Some(path)),
                    Err(source) => Err(FileEditError::Write { path, source }),
                };
            }
        }
        let source =
            io::Error::new(io::ErrorKind::AlreadyExists, "there are too many backups of this moment");
        Err(FileEditError::Write { path: self.path.clone(), source })
    }

    /// Whether [`Self::replace`] would be refused because the file is write-protected.
    ///
    /// # Errors
    /// [`FileEditError::WriteProtected`].
    pub fn check_writable(&self) -> Result<(), FileEditError> {
        match &self.content {
            Some((_, metadata)) if metadata.permissions().readonly() => {
                Err(FileEditError::WriteProtected { path: self.path.clone() })
            }
            _ => Ok(()),
        }
    }

    fn check_unchanged(&self) -> Result<(), FileEditError> {
        let now = match fs::read(&self.target) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(FileEditError::Read { path: self.path.clone(), source }),
        };
        if now.as_deref() == self.bytes() && resolve(&self.path)? == self.target {
            Ok(())
        } else {
            Err(FileEditError::ChangedMeanwhile { path: self.path.clone() })
        }
    }
}

/// Follows symbolic links, also to a file that does not exist yet.
fn resolve(path: &Path) -> Result<PathBuf, FileEditError> {
    let mut current = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&current) {
            Ok(metadata) if metadata.file_type().is_symlink() => {
                let next = fs::read_link(&current)
                    .map_err(|source| FileEditError::Read { path: path.into(), source })?;
                let folder = current.parent().unwrap_or(Path::new("")).to_owned();
                current = folder.join(next);
            }
            Ok(_) => return Ok(current),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(current),
            Err(source) => return Err(FileEditError::Read { path: path.into(), source }),
        }
    }
    Err(FileEditError::BrokenLink { path: path.into() })
}
