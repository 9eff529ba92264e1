//! A file as it was read, and its replacement only if nobody changed it since.

use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::atomic::{self, Attributes};
use super::error::FileEditError;
use super::no_follow;
use super::obstacle::Obstacle;
use super::place::with_suffix;

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
    /// The folder that links must not lead out of, with its own links resolved.
    within: Option<PathBuf>,
    content: Option<(Vec<u8>, Metadata)>,
}

impl Snapshot {
    /// Reads a file. A symbolic link leads wherever its owner wants it to.
    ///
    /// # Errors
    /// [`FileEditError::Read`], [`FileEditError::NotAFile`] or [`FileEditError::BrokenLink`].
    pub fn read(path: &Path) -> Result<Self, FileEditError> {
        Self::read_at(path, None)
    }

    /// Reads a file in a folder of somebody else's making, whose links must not lead out of `folder` nor into its `.git`.
    ///
    /// # Errors
    /// Those of [`Self::read`], and [`FileEditError::OutsideProject`].
    pub fn read_within(path: &Path, folder: &Path) -> Result<Self, FileEditError> {
        Self::read_at(path, Some(folder))
    }

    fn read_at(path: &Path, within: Option<&Path>) -> Result<Self, FileEditError> {
        let failed = |source| FileEditError::Read { path: path.into(), source };
        let within = within.map(|folder| folder.canonicalize().map_err(failed)).transpose()?;
        let target = locate(path, within.as_deref())?;
        let content = match fs::metadata(&target) {
            Ok(metadata) if !metadata.is_file() => return Err(FileEditError::NotAFile { path: path.into() }),
            Ok(_) => Some(read_regular(path, &target)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(failed(source)),
        };
        Ok(Self { path: path.into(), target, within, content })
    }

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
            let path = backup_name(&self.path, stamp, number);
            match atomic::create_new(&path, bytes, &Attributes::Like(metadata)) {
                Ok(()) => return Ok(Some(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(FileEditError::Write { path, source }),
            }
        }
        Err(too_many(&self.path))
    }

    /// Whether [`Self::replace`] would be refused because the file is write-protected, or what else would be in the way.
    pub fn check_writable(&self) -> Result<(), FileEditError> {
        let path = || self.path.clone();
        // The copy of the old content is put beside the link itself.
        if let Some(obstacle) = Obstacle::at(&self.target).or_else(|| Obstacle::at(&self.path)) {
            return Err(FileEditError::InTheWay { path: path(), obstacle });
        }
        match &self.content {
            Some((_, metadata)) if metadata.permissions().readonly() => {
                Err(FileEditError::WriteProtected { path: path() })
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
        if now.as_deref() == self.bytes() && locate(&self.path, self.within.as_deref())? == self.target {
            Ok(())
        } else {
            Err(FileEditError::ChangedMeanwhile { path: self.path.clone() })
        }
    }
}

/// The content of a regular file, with what is known of the very file that was read.
fn read_regular(path: &Path, target: &Path) -> Result<(Vec<u8>, Metadata), FileEditError> {
    let read = || -> io::Result<(Vec<u8>, Metadata)> {
        // All links were followed. On Windows what is open that way need not be what programs see (cloud files).
        let mut file = if cfg!(unix) {
            no_follow::open(target, fs::OpenOptions::new().read(true))?
        } else {
            fs::File::open(target)?
        };
        let metadata = file.metadata()?;
        let mut bytes = Vec::new();
        if metadata.is_file() {
            file.read_to_end(&mut bytes)?;
        }
        Ok((bytes, metadata))
    };
    match read() {
        Ok((_, metadata)) if !metadata.is_file() => Err(FileEditError::NotAFile { path: path.into() }),
        Ok(content) => Ok(content),
        Err(source) => Err(FileEditError::Read { path: path.into(), source }),
    }
}

/// The file that is meant by `path`: where its links lead, which must not be out of `within`.
fn locate(path: &Path, within: Option<&Path>) -> Result<PathBuf, FileEditError> {
    let target = resolve(path)?;
    let Some(within) = within else { return Ok(target) };
    // Copies of old content are put beside the link itself.
    real_place(path, path, within)?;
    real_place(path, &target, within)
}

/// `place` in the folder that it is really in.
fn real_place(path: &Path, place: &Path, within: &Path) -> Result<PathBuf, FileEditError> {
    let name = place.file_name().ok_or_else(|| FileEditError::NotAFile { path: path.into() })?;
    let real = real_folder(path, place.parent().unwrap_or(Path::new("")))?.join(name);
    let inside = real
        .strip_prefix(within)
        .is_ok_and(|rest| !rest.components().any(|part| part.as_os_str().eq_ignore_ascii_case(".git")));
    if inside { Ok(real) } else { Err(FileEditError::OutsideProject { path: path.into(), target: real }) }
}

/// A folder with its links resolved; what is missing of it has none.
fn real_folder(path: &Path, folder: &Path) -> Result<PathBuf, FileEditError> {
    match folder.canonicalize() {
        Ok(real) => Ok(real),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A link to something that is missing.
            if fs::symlink_metadata(folder).is_ok() {
                return Err(FileEditError::BrokenLink { path: folder.into() });
            }
            match (folder.parent(), folder.file_name()) {
                (Some(parent), Some(name)) => Ok(real_folder(path, parent)?.join(name)),
                _ => Err(FileEditError::Read { path: path.into(), source: error }),
            }
        }
        Err(source) => Err(FileEditError::Read { path: path.into(), source }),
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
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                let path = current.parent().unwrap_or(&current).into();
                return Err(FileEditError::NotAFolder { path });
            }
            Err(source) => return Err(FileEditError::Read { path: path.into(), source }),
        }
    }
    Err(FileEditError::BrokenLink { path: path.into() })
}

fn backup_name(path: &Path, stamp: &str, number: u32) -> PathBuf {
    let suffix = if number == 0 { format!(".bak-{stamp}") } else { format!(".bak-{stamp}-{number}") };
    with_suffix(path, &suffix)
}

fn too_many(path: &Path) -> FileEditError {
    let source = io::Error::new(io::ErrorKind::AlreadyExists, "there are too many backups of this moment");
    FileEditError::Write { path: path.into(), source }
}

/// Keeps what stands at `path`, a link as such, under a backup's name: what comes to stand there is ours. Where the file
/// system gives no second name, it is renamed.
pub fn keep_as_backup(path: &Path, stamp: &str) -> Result<PathBuf, FileEditError> {
    for number in 0..1000 {
        let backup = backup_name(path, stamp, number);
        if fs::symlink_metadata(&backup).is_ok() {
            continue;
        }
        match fs::hard_link(path, &backup).or_else(|_| fs::rename(path, &backup)) {
            Ok(()) => return Ok(backup),
            Err(source) => return Err(FileEditError::Write { path: backup, source }),
        }
    }
    Err(too_many(path))
}
