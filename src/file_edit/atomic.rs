//! The one way in which a file comes to stand under its name.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use tempfile::{Builder, NamedTempFile};

/// How often Windows is asked again while another program (a virus scanner, an editor) has the file open.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// What the new file takes over.
#[cfg_attr(not(unix), expect(dead_code, reason = "without modes there is nothing to take over"))]
pub(super) enum Attributes<'a> {
    /// Mode and owner of the file that it replaces.
    Like(&'a Metadata),
    /// A mode, on Unix.
    Mode(u32),
}

/// Writes a complete file beside `path` and renames it to `path`.
pub(super) fn write(path: &Path, bytes: &[u8], attributes: &Attributes<'_>) -> io::Result<()> {
    persist(prepare(path, bytes, attributes)?, path)
}

/// The complete new file under a temporary name; dropping it deletes it.
pub(super) fn prepare(path: &Path, bytes: &[u8], attributes: &Attributes<'_>) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = Builder::new().prefix(".f5-guard-").suffix(".tmp").tempfile_in(folder)?;
    file.write_all(bytes)?;
    platform::set(file.as_file(), attributes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Renames the prepared file to `path`, over whatever stands there.
pub(super) fn persist(mut file: NamedTempFile, path: &Path) -> io::Result<()> {
    for attempt in 1.. {
        match file.persist(path) {
            Ok(_) => break,
            Err(failed) if attempt < ATTEMPTS && is_in_use(&failed.error) => {
                file = failed.file;
                std::thread::sleep(PAUSE);
            }
            Err(failed) => return Err(failed.error),
        }
    }
    platform::sync_folder(path);
    Ok(())
}

/// Windows' "access denied" and "sharing violation", which pass when the other program lets go.
pub(super) fn is_in_use(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.raw_os_error(), Some(5 | 32))
}

#[cfg(unix)]
mod platform {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

    pub(super) fn set(file: &File, attributes: &Attributes<'_>) -> io::Result<()> {
        let mode = match attributes {
            Attributes::Mode(mode) => *mode,
            Attributes::Like(old) => {
                // An ordinary user may not give a file away; then it is theirs, as with any editor.
                let own = file.metadata()?;
                if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
                    let _ = fchown(file, Some(old.uid()), Some(old.gid()))
                        .or_else(|_| fchown(file, None, Some(old.gid())));
                }
                old.mode() & 0o7777
            }
        };
        file.set_permissions(fs::Permissions::from_mode(mode))
    }

    /// Makes the rename itself survive a power failure, where the file system can.
    pub(super) fn sync_folder(path: &Path) {
        if let Some(Ok(folder)) = path.parent().map(File::open) {
            let _ = folder.sync_all();
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use super::*;

    pub(super) fn set(_file: &File, _attributes: &Attributes<'_>) -> io::Result<()> {
        Ok(()) // a new file inherits its folder's access control list
    }

    pub(super) fn sync_folder(_path: &Path) {}
}
