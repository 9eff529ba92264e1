//! A file that holds a secret: read only where nobody else can have written it, written so that nobody else can read it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::file_edit::no_follow;
use crate::printable::shown_path;
use crate::secret::Secret;

/// A file that is larger holds no token.
const MOST_BYTES: u64 = 64 * 1024;

/// Why a file with a secret can't be used; the words continue "… can't be used: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileProblem {
    #[error("its path is not absolute, and so names another file in every folder")]
    Relative,
    #[error("it does not exist")]
    Missing,
    #[error("it can't be read ({0})")]
    Unreadable(String),
    #[error("it is a link, which is not followed here")]
    Link,
    #[error("it is not a regular file")]
    NotRegular,
    #[error("it belongs to another user")]
    ForeignOwner,
    #[error("other users can write to it ({0})")]
    Writable(String),
    #[error("it is larger than {} KiB", MOST_BYTES / 1024)]
    TooLarge,
    #[error("it is empty")]
    Empty,
    #[error("it is not UTF-8 text")]
    NotText,
    #[error("{0}")]
    Damaged(String),
}

impl FileProblem {
    /// What to do about it, in a sentence.
    pub fn fix(&self, path: &Path) -> String {
        let path = shown_path(path);
        match self {
            Self::Relative => "Name it by its whole path.".to_owned(),
            Self::Missing => {
                "Check the path; a token file is one line with nothing but the token.".to_owned()
            }
            Self::Link => format!("Put the file itself at {path}, or delete the link."),
            Self::Unreadable(_) => format!("Let the user who runs Codex read {path}."),
            Self::NotRegular | Self::TooLarge | Self::Empty | Self::NotText => {
                "Name a text file that holds nothing but the token, in one line.".to_owned()
            }
            Self::ForeignOwner => format!(
                "Make it the file of the user who runs Codex, or of root: the owner of {path} decides which token is sent."
            ),
            Self::Writable(_) if cfg!(windows) => {
                format!("Take the right to change {path}, and its folders, from everybody else.")
            }
            Self::Writable(_) => format!("Run `chmod go-w {path}`."),
            Self::Damaged(_) => format!("Delete {path}."),
        }
    }
}

/// The token in a file: its text without white space around it. Links are followed (secrets are mounted as such); what
/// they lead to is judged.
///
/// # Errors
/// [`FileProblem`]; the file is not read then, or what was read is thrown away.
pub fn read(path: &Path) -> Result<Secret, FileProblem> {
    // Hooks run in the session's folder: a repository must not be able to choose the token.
    if !path.is_absolute() {
        return Err(FileProblem::Relative);
    }
    let text = text_of(path, platform::open(path))?;
    let token = text.trim_start_matches('\u{feff}').trim();
    if token.is_empty() { Err(FileProblem::Empty) } else { Ok(Secret::new(token)) }
}

/// The text of a private file of f5-guard's own, which is never opened through a link.
pub fn read_own(path: &Path) -> Result<String, FileProblem> {
    let opened = no_follow::open(path, OpenOptions::new().read(true));
    // For the words only.
    if opened.is_err() && path.is_symlink() {
        return Err(FileProblem::Link);
    }
    text_of(path, opened)
}

fn text_of(path: &Path, opened: io::Result<File>) -> Result<String, FileProblem> {
    let file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => FileProblem::Missing,
        _ => FileProblem::Unreadable(plain(&error)),
    })?;
    let metadata = file.metadata().map_err(|error| FileProblem::Unreadable(plain(&error)))?;
    if !metadata.is_file() {
        return Err(FileProblem::NotRegular);
    }
    if metadata.len() > MOST_BYTES {
        return Err(FileProblem::TooLarge);
    }
    platform::check(&file, path)?;
    let mut bytes = Vec::new();
    // It may grow meanwhile.
    let read = Read::take(&file, MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| FileProblem::Unreadable(plain(&error)))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(FileProblem::TooLarge);
    }
    String::from_utf8(bytes).map_err(|_| FileProblem::NotText)
}

/// What the system says, without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

#[cfg(unix)]
mod platform {
    use std::os::unix::fs::OpenOptionsExt;

    use super::*;
    use crate::file_edit::no_follow::NotOwn;

    /// Opens without waiting: a named pipe without a writer would hold the hook up until its deadline.
    pub fn open(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC)
            .open(path)
    }

    /// Judges the file that was opened, so that nobody can exchange it after the look.
    pub fn check(file: &File, _path: &Path) -> Result<(), FileProblem> {
        let metadata = file.metadata().map_err(|error| FileProblem::Unreadable(plain(&error)))?;
        no_follow::check_own(&metadata).map_err(|problem| match problem {
            NotOwn::Owner(_) => FileProblem::ForeignOwner,
            NotOwn::Writable(mode) => FileProblem::Writable(format!("mode {mode:04o}")),
        })
    }
}

#[cfg(windows)]
mod platform {
    use super::*;
    use crate::windows::access::{Audience, writers};
    use crate::windows::api::{descriptor, user_sid};

    pub fn open(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub fn check(_file: &File, path: &Path) -> Result<(), FileProblem> {
        let unknown = |error: io::Error| FileProblem::Unreadable(plain(&error));
        let user = Audience::User(user_sid().map_err(unknown)?);
        let path = path.canonicalize().map_err(unknown)?;
        // Its own list only: on an ordinary disk everybody may create folders at the root.
        let own = |place: &Path| descriptor(place);
        let found = writers(&path, &user, &own).map_err(unknown)?;
        match found.iter().find(|writer| writer.path == path) {
            Some(writer) => Err(FileProblem::Writable(writer.trustee.clone())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn private(path: &Path, bytes: &[u8]) {
        fs::write(path, bytes).unwrap();
        #[cfg(unix)]
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }

    #[test]
    fn white_space_and_a_byte_order_mark_around_the_token_do_not_count() {
        let folder = folder();
        let path = folder.path().join("token");
        for text in ["tok-1", "tok-1\n", "\u{feff}tok-1\r\n", "  tok-1  \n\n"] {
            private(&path, text.as_bytes());
            assert_eq!(read(&path), Ok(Secret::new("tok-1")), "{text:?}");
        }
    }

    #[test]
    fn a_relative_path_is_not_followed_into_whatever_folder_this_is() {
        assert_eq!(read(Path::new("Cargo.toml")), Err(FileProblem::Relative));
    }

    #[test]
    fn what_holds_no_token_is_named() {
        let folder = folder();
        let path = folder.path().join("token");
        assert_eq!(read(&path), Err(FileProblem::Missing));
        assert!(matches!(read(folder.path()), Err(FileProblem::NotRegular | FileProblem::Unreadable(_))));
        for (bytes, problem) in [
            (&b" \r\n"[..], FileProblem::Empty),
            (b"\xff\xfet\0o\0k\0", FileProblem::NotText),
            (&[b'x'; 64 * 1024 + 1], FileProblem::TooLarge),
        ] {
            private(&path, bytes);
            assert_eq!(read(&path), Err(problem));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_write_is_not_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder();
        let path = folder.path().join("token");
        private(&path, b"tok-1\n");
        for (mode, usable) in [(0o600, true), (0o644, true), (0o440, true), (0o620, false), (0o602, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&path).is_ok(), usable, "{mode:o}");
        }
        let problem = read(&path).unwrap_err();
        assert_eq!(problem, FileProblem::Writable("mode 0602".to_owned()));
        assert!(problem.fix(&path).contains("chmod go-w"));
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_refused_at_once_and_a_link_is_judged_by_its_target() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder();
        let (target, link, pipe) =
            (folder.path().join("target"), folder.path().join("link"), folder.path().join("pipe"));
        private(&target, b"tok-1\n");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert_eq!(read(&link), Ok(Secret::new("tok-1")));
        fs::set_permissions(&target, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(read(&link), Err(FileProblem::Writable(_))));
        let name = std::ffi::CString::new(pipe.to_str().unwrap()).unwrap();
        // SAFETY: `name` ends with a NUL and outlives the call.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        assert_eq!(read(&pipe), Err(FileProblem::NotRegular));
    }
}
