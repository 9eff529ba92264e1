//! Puts the running executable at the place that the registered commands name, and removes it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::atomic::{self, Attributes};
use super::error::FileEditError;
use super::place::with_suffix;

/// Windows lets a running program be renamed but not replaced: the name that it gets until it ends.
const ASIDE: &str = ".old-";

/// How many bytes are compared at once.
const PART: usize = 64 * 1024;

/// What [`install_binary`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryInstall {
    /// The same bytes stood there.
    Unchanged,
    Written,
}

/// What [`remove_binary`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BinaryRemoval {
    /// There was none.
    Missing,
    Deleted,
    /// It runs, on Windows: it stands under this name until it ends and [`remove_leftovers`] deletes it.
    SetAside(PathBuf),
}

/// Where to read the running program, whose path is `executable`: on Linux the very file that was started, because under its
/// name there can be another one by now where somebody else can write to that folder.
pub fn running_program(executable: &Path) -> &Path {
    let started = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && started.exists() { started } else { executable }
}

/// Copies the executable `source` to `path`, in one step for anybody who starts it, also while the old one runs.
///
/// # Errors
/// [`FileEditError::Read`] for the source, [`FileEditError::Write`] for the place.
pub fn install_binary(source: &Path, path: &Path) -> Result<BinaryInstall, FileEditError> {
    let bytes =
        fs::read(source).map_err(|error| FileEditError::Read { path: source.into(), source: error })?;
    put_program(&bytes, path)
}

/// The same for a program that is in memory.
///
/// # Errors
/// [`FileEditError::Write`].
pub fn put_program(bytes: &[u8], path: &Path) -> Result<BinaryInstall, FileEditError> {
    if is_installed(path, bytes) {
        return Ok(BinaryInstall::Unchanged);
    }
    let failed = |source| FileEditError::Write { path: path.into(), source };
    let prepared = atomic::prepare(path, bytes, &Attributes::Mode(0o755)).map_err(failed)?;
    let prepared = match prepared.persist(path) {
        Ok(_) => None,
        Err(refused) if atomic::is_in_use(&refused.error) => Some(refused.file),
        Err(refused) => return Err(failed(refused.error)),
    };
    if let Some(prepared) = prepared {
        replace_running(prepared, path).map_err(failed)?;
    }
    remove_leftovers(path);
    Ok(BinaryInstall::Written)
}

/// Windows: moves a running program out of the way first. A kill between the two renames would leave none under the
/// name, so there is nothing but the second rename between them.
fn replace_running(prepared: tempfile::NamedTempFile, path: &Path) -> io::Result<()> {
    let aside = set_aside(path)?;
    atomic::persist(prepared, path).inspect_err(|_| {
        let _ = fs::rename(&aside, path);
    })
}

/// Whether both are files of the same bytes; `false` where one can't be read. Neither is ever in memory as a whole.
pub fn same_bytes(one: &Path, other: &Path) -> bool {
    opened(other).is_some_and(|(other, length)| holds(one, other, length))
}

/// Whether the file at `path` holds the `length` bytes that `expected` gives.
fn holds(path: &Path, expected: impl Read, length: u64) -> bool {
    opened(path).filter(|(_, found)| *found == length).is_some_and(|(file, _)| {
        let buffered = BufReader::with_capacity(PART, file);
        same_stream(buffered, BufReader::with_capacity(PART, expected)).unwrap_or(false)
    })
}

/// A file and its length. A pipe would hold up who opens it.
fn opened(path: &Path) -> Option<(File, u64)> {
    let file = File::open(fs::metadata(path).is_ok_and(|data| data.is_file()).then_some(path)?).ok()?;
    let length = file.metadata().ok()?.len();
    Some((file, length))
}

fn same_stream(mut one: impl BufRead, mut other: impl BufRead) -> io::Result<bool> {
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let common = left.len().min(right.len());
        if left.get(..common) != right.get(..common) {
            return Ok(false);
        }
        if common == 0 {
            return Ok(left.len() == right.len());
        }
        one.consume(common);
        other.consume(common);
    }
}

fn is_installed(path: &Path, bytes: &[u8]) -> bool {
    let executable = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.is_file() && is_executable(&metadata),
        Err(_) => false,
    };
    executable && holds(path, bytes, bytes.len() as u64)
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.mode() & 0o7777 == 0o755
}

#[cfg(not(unix))]
fn is_executable(_metadata: &fs::Metadata) -> bool {
    true
}

/// Deletes the binary, or on Windows sets it aside while it runs.
///
/// # Errors
/// [`FileEditError::Delete`]; the binary is still there then.
pub fn remove_binary(path: &Path) -> Result<BinaryRemoval, FileEditError> {
    remove_leftovers(path);
    match fs::remove_file(path) {
        Ok(()) => Ok(BinaryRemoval::Deleted),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BinaryRemoval::Missing),
        Err(error) if atomic::is_in_use(&error) => match set_aside(path) {
            Ok(aside) => Ok(BinaryRemoval::SetAside(aside)),
            Err(source) => Err(FileEditError::Delete { path: path.into(), source }),
        },
        Err(source) => Err(FileEditError::Delete { path: path.into(), source }),
    }
}

/// The names that a running program can get on Windows.
fn asides(path: &Path) -> impl Iterator<Item = PathBuf> {
    (0..100).map(move |number| with_suffix(path, &format!("{ASIDE}{number}")))
}

fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for aside in asides(path) {
        if aside.exists() {
            continue;
        }
        match fs::rename(path, &aside) {
            Ok(()) => {
                // For the case that nobody comes to call `remove_leftovers`. Only administrators may ask for it.
                #[cfg(windows)]
                let _ = crate::windows::api::delete_at_next_start(&aside);
                return Ok(aside);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Deletes what earlier runs set aside, as far as it no longer runs, and what killed ones left unfinished. Nothing but that:
/// a copy that somebody made of the binary is theirs, whatever its name.
pub fn remove_leftovers(path: &Path) {
    if let Some(folder) = path.parent() {
        atomic::sweep_own(folder);
    }
    if cfg!(windows) {
        for aside in asides(path) {
            let _ = fs::remove_file(aside);
        }
    }
}
