//! The form of a path that PowerShell and `cmd.exe` read alike without any quoting, found through 8.3 short names.
//!
//! Which characters need no quoting is the caller's knowledge, and comes in as `is_plain`.

use std::io;
use std::path::{Path, PathBuf};

/// Asks the file system for the short form of an existing path; on Windows [`super::api::short_path`].
///
/// A volume without short names answers with the long path.
pub type ShortPath<'a> = &'a dyn Fn(&Path) -> io::Result<PathBuf>;

/// Why a path has no plain form.
#[derive(Debug, thiserror::Error)]
pub enum NoPlainForm {
    /// The path needs a short name and there is none: 8.3 names can be switched off for a volume.
    #[error(
        "`{path}` can't be registered as a command: `{part}` needs quoting, on which PowerShell and cmd.exe disagree, \
         and the volume has no 8.3 short name for it; install to a folder without spaces and special characters, \
         such as C:\\f5-guard"
    )]
    NoShortName { path: PathBuf, part: String },
    /// A network share, a device, or a path that is relative in any part.
    #[error(
        "`{path}` can't be registered as a command: it has to begin with a drive, as in C:\\; install to a local drive"
    )]
    NoDrive { path: PathBuf },
    /// The file system could not be asked.
    #[error("the 8.3 short form of `{path}` can't be found: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
}

/// The plain form of an existing path.
///
/// Only the parts that need it are shortened: a short name can change when a folder is restored from a backup, and
/// with it the registered command, so there should be few. The verbatim prefix `\\?\`, which
/// [`std::fs::canonicalize`] puts in front, is dropped.
pub fn plain_form(
    path: &Path,
    is_plain: &dyn Fn(&str) -> bool,
    short_path: ShortPath<'_>,
) -> Result<String, NoPlainForm> {
    let text = path.to_str().ok_or_else(|| NoPlainForm::NoShortName {
        path: path.to_owned(),
        part: path.to_string_lossy().into_owned(),
    })?;
    let (drive, names) = split(text).ok_or_else(|| NoPlainForm::NoDrive { path: path.to_owned() })?;
    let (mut long, mut plain) = (drive.to_owned(), drive.to_owned());
    for name in names {
        long = format!("{long}\\{name}");
        plain.push('\\');
        if is_plain(name) {
            plain.push_str(name);
            continue;
        }
        let short = short_path(Path::new(&long))
            .map_err(|source| NoPlainForm::Unreadable { path: path.to_owned(), source })?;
        let last = short.to_str().and_then(|short| short.rsplit(SEPARATORS).next());
        plain.push_str(
            last.filter(|last| is_plain(last))
                .ok_or_else(|| NoPlainForm::NoShortName { path: path.to_owned(), part: name.to_owned() })?,
        );
    }
    Ok(plain)
}

const SEPARATORS: [char; 2] = ['\\', '/'];

/// The drive, as `C:`, and the names below its root. By hand, because the standard library reads such paths on
/// Windows only.
fn split(path: &str) -> Option<(&str, impl Iterator<Item = &str>)> {
    let path = path.strip_prefix(r"\\?\").unwrap_or(path);
    let (drive, rest) = path.split_at_checked(2)?;
    let is_drive = drive.ends_with(':') && drive.starts_with(|c: char| c.is_ascii_alphabetic());
    let names = rest.strip_prefix(SEPARATORS).filter(|_| is_drive)?;
    if names.split(SEPARATORS).any(|name| name == "..") {
        return None;
    }
    Some((drive, names.split(SEPARATORS).filter(|name| !matches!(*name, "" | "."))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_plain(name: &str) -> bool {
        name.chars().all(|c| c.is_ascii_alphanumeric() || "._-~".contains(c))
    }

    /// A volume that cuts the last name to six characters, as NTFS does where short names are switched on.
    fn with_short_names(path: &Path) -> io::Result<PathBuf> {
        let (folder, name) = path.to_str().unwrap().rsplit_once('\\').unwrap();
        let name = name.replace(' ', "").to_uppercase();
        Ok(PathBuf::from(format!(r"{folder}\{}~1", &name[..6])))
    }

    fn without_short_names(path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    #[test]
    fn only_the_parts_that_need_it_are_shortened() {
        let path = Path::new(r"C:\Users\John Doe\.codex\hooks\f5_guardrails\f5-guard.exe");
        let plain = plain_form(path, &is_plain, &with_short_names).unwrap();
        assert_eq!(plain, r"C:\Users\JOHNDO~1\.codex\hooks\f5_guardrails\f5-guard.exe");
    }

    #[test]
    fn a_plain_path_is_left_alone_and_nothing_is_asked() {
        let path = Path::new(r"\\?\C:\f5-guard\f5-guard.exe");
        let asked = |_: &Path| -> io::Result<PathBuf> { panic!("no need to ask") };
        assert_eq!(plain_form(path, &is_plain, &asked).unwrap(), r"C:\f5-guard\f5-guard.exe");
    }

    #[test]
    fn a_volume_without_short_names_is_told_with_the_part_that_needs_one() {
        let path = Path::new(r"D:\John Doe\f5-guard.exe");
        let error = plain_form(path, &is_plain, &without_short_names).unwrap_err();
        assert!(matches!(&error, NoPlainForm::NoShortName { part, .. } if part == "John Doe"), "{error}");
    }

    #[test]
    fn a_short_name_that_needs_quoting_itself_is_none() {
        let path = Path::new(r"C:\R&D\f5-guard.exe");
        let error = plain_form(path, &is_plain, &|path: &Path| Ok(path.to_owned())).unwrap_err();
        assert!(matches!(error, NoPlainForm::NoShortName { .. }));
    }

    #[test]
    fn shares_devices_and_relative_paths_have_no_plain_form() {
        for path in [
            r"\\server\share\f5-guard.exe",
            r"\\.\pipe\x",
            "f5-guard.exe",
            r"C:f5-guard.exe",
            r"C:\a\..\b",
            "",
        ] {
            let error = plain_form(Path::new(path), &is_plain, &without_short_names).unwrap_err();
            assert!(matches!(error, NoPlainForm::NoDrive { .. }), "{path}");
        }
    }

    #[cfg(windows)]
    #[test]
    fn a_user_folder_with_a_space_gets_a_short_name_that_opens_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("John Doe");
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("f5-guard.exe");
        std::fs::write(&file, "the program").unwrap();
        let plain = plain_form(&file, &is_plain, &crate::windows::api::short_path).unwrap();
        assert!(!plain.contains(' ') && plain.contains('~'), "{plain}");
        assert_eq!(std::fs::read_to_string(plain).unwrap(), "the program");
    }
}
