//! The one way in which a file comes to stand under its name.

use std::fs::{self, File, FileType, Metadata};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use tempfile::{Builder, NamedTempFile, TempDir};

use super::place::folder_of;

/// How often Windows is asked again while another program (a virus scanner, an editor) has the file open.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

const PREFIX: &str = ".f5-guard-";
const SUFFIX: &str = ".tmp";
/// The letters and digits between the two, which make the name one that nobody chose.
const RANDOM: usize = 12;
/// A temporary file that is older belongs to a run that was killed: none takes as long.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// What the new file takes over.
#[cfg_attr(not(unix), expect(dead_code, reason = "without modes there is nothing to take over"))]
pub(super) enum Attributes<'a> {
    /// Mode and owner of the file that it replaces.
    Like(&'a Metadata),
    /// A mode, on Unix.
    Mode(u32),
}

/// Writes a file that must not be there yet: nothing is overwritten, and no link followed.
pub(super) fn create_new(path: &Path, bytes: &[u8], attributes: &Attributes<'_>) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written =
        file.write_all(bytes).and_then(|()| platform::set(&file, attributes)).and_then(|()| file.sync_all());
    written.inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

/// Writes a complete file beside `path` and renames it to `path`.
pub(super) fn write(path: &Path, bytes: &[u8], attributes: &Attributes<'_>) -> io::Result<()> {
    persist(prepare(path, bytes, attributes)?, path)
}

/// The same without waiting until it is on the disk.
pub(super) fn write_unsynced(path: &Path, bytes: &[u8], attributes: &Attributes<'_>) -> io::Result<()> {
    put(stage(path, bytes, attributes)?, path)
}

/// The complete new file under a temporary name; dropping it deletes it.
pub(super) fn prepare(path: &Path, bytes: &[u8], attributes: &Attributes<'_>) -> io::Result<NamedTempFile> {
    let file = stage(path, bytes, attributes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn stage(path: &Path, bytes: &[u8], attributes: &Attributes<'_>) -> io::Result<NamedTempFile> {
    let folder = folder_of(path);
    create_folder(folder)?;
    sweep(folder, |kind| kind.is_file());
    // Created anew under a name that nobody can guess, so never through a link.
    let mut file = Builder::new().prefix(PREFIX).suffix(SUFFIX).rand_bytes(RANDOM).tempfile_in(folder)?;
    file.write_all(bytes)?;
    platform::set(file.as_file(), attributes)?;
    Ok(file)
}

/// Creates a folder, and those above it, where they are missing. Whatever the umask: what is in it is run, or says
/// what is run, so nobody but its owner may write to it.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    create_with(folder, 0o755)
}

/// The same for the user alone. On Windows a folder of the user's own has the user's access list.
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    create_with(folder, 0o700)
}

fn create_with(
    folder: &Path,
    #[cfg_attr(not(unix), allow(unused_variables, reason = "there are no modes"))] mode: u32,
) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
    builder.create(folder)
}

/// A folder in our own folder `folder` that is deleted when it is dropped, or by [`sweep_own`].
///
/// # Errors
/// The system's.
pub fn temporary_folder(folder: &Path) -> io::Result<TempDir> {
    Builder::new().prefix(PREFIX).suffix(SUFFIX).rand_bytes(RANDOM).tempdir_in(folder)
}

/// Deletes the temporary files and folders that killed runs left in our own folder. Elsewhere none of ours make folders.
pub(super) fn sweep_own(folder: &Path) {
    sweep(folder, |kind| kind.is_file() || kind.is_dir());
}

fn is_temporary(name: &str) -> bool {
    let random = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    random.is_some_and(|random| {
        random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Deletes what killed runs left in `folder` under temporary names, of the kinds that count.
fn sweep(folder: &Path, counts: impl Fn(&FileType) -> bool) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_str().is_some_and(is_temporary) {
            continue;
        }
        // Of the entry itself: a link is not followed.
        let Some(metadata) = entry.metadata().ok().filter(|found| counts(&found.file_type())) else {
            continue;
        };
        let age = metadata.modified().ok().and_then(|written| written.elapsed().ok());
        if age.is_none_or(|age| age <= ABANDONED) {
            continue;
        }
        let _ =
            if metadata.is_dir() { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
    }
}

/// Renames the prepared file to `path`, over whatever stands there.
pub(super) fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    put(file, path)?;
    platform::sync_folder(path);
    Ok(())
}

fn put(mut file: NamedTempFile, path: &Path) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_a_killed_run_left_is_deleted_and_what_another_run_is_writing_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, age: u64| {
            let path = folder.path().join(name);
            let times = FileTimes::new().set_modified(SystemTime::now() - Duration::from_secs(age));
            File::create(&path).unwrap().set_times(times).unwrap();
            path
        };
        let abandoned = file(".f5-guard-AbC123dEf456.tmp", 3700);
        let stays = [
            file(".f5-guard-XyZ789xYz012.tmp", 60),
            file("f5-guard.tmp", 3700),
            file(".f5-guard-notes", 3700),
            file(".f5-guard-notes.tmp", 3700),
            file(".f5-guard-notes-to-me-.tmp", 3700),
            file(".f5-guard-my.own.notes.tmp", 3700),
        ];
        write(&folder.path().join("config.toml"), b"new", &Attributes::Mode(0o600)).unwrap();
        assert!(!abandoned.exists());
        assert!(stays.iter().all(|path| path.exists()));
    }

    #[cfg(unix)] // Windows opens no folder as a file, which is how it is made old here
    #[test]
    fn an_abandoned_folder_is_deleted_in_our_own_folder_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = temporary_folder(folder.path()).unwrap().keep();
        let times = FileTimes::new().set_modified(SystemTime::now() - Duration::from_secs(3700));
        File::open(&path).unwrap().set_times(times).unwrap();
        write(&folder.path().join("config.toml"), b"new", &Attributes::Mode(0o600)).unwrap();
        assert!(path.exists());
        sweep_own(folder.path());
        assert!(!path.exists());
    }
}
