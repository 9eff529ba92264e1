//! The session files of a Codex home.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::file::{Transcript, Unread, unread};
use super::lines::Line;
use super::texts;

/// Folders of Codex's home in which sessions are.
pub const FOLDERS: [&str; 2] = ["sessions", "archived_sessions"];
/// Years, months and days are folders in each other.
const DEPTH: usize = 4;
/// So many bytes of a file are looked at to see whether it can be understood.
const LOOKED_AT: u64 = 32 * 1024 * 1024;

/// All of them, the oldest first.
pub fn session_files(home: &Path) -> Vec<(SystemTime, PathBuf)> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        find(&home.join(folder), DEPTH, &mut files);
    }
    files.sort_unstable();
    files
}

fn find(folder: &Path, depth: usize, files: &mut Vec<(SystemTime, PathBuf)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // Of a link it is the link's own, so that none is followed.
        let Ok(metadata) = entry.metadata() else { continue };
        let path = entry.path();
        if metadata.is_dir() && depth > 0 {
            find(&path, depth - 1, files);
        } else if metadata.is_file() && path.extension().is_some_and(|extension| extension == "jsonl") {
            files.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), path));
        }
    }
}

/// What keeps hooks from scanning the last session of this home, as far as it is looked at.
pub fn check_last(home: &Path) -> Result<(), Unread> {
    let Some((_, path)) = session_files(home).pop() else { return Ok(()) };
    let file = Transcript::open(&path, Some(home))?;
    let mut lines = file.lines(0).map_err(|error| unread(&error))?;
    let mut number = 0;
    while lines.at() < LOOKED_AT {
        number += 1;
        match lines.next_line().map_err(|error| unread(&error))? {
            // Codex is writing it.
            None | Some(Line::Unfinished) => break,
            Some(Line::Whole(line)) if line.trim_ascii().is_empty() || texts::read(line).is_some() => {}
            Some(Line::Whole(_) | Line::TooLong) => return Err(Unread::Format { line: Some(number) }),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sessions_first_odd_line_is_found() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(check_last(home.path()), Ok(()));
        let folder = home.path().join("sessions/2026/11/26");
        fs::create_dir_all(&folder).unwrap();
        let good = r#"{"type":"event_msg","payload":{}}"#;
        fs::write(folder.join("a.jsonl"), format!("{good}\n{{")).unwrap();
        assert_eq!(check_last(home.path()), Ok(()), "Codex is writing");
        fs::write(folder.join("a.jsonl"), format!("{good}\n\n{{}}\n")).unwrap();
        assert_eq!(check_last(home.path()), Err(Unread::Format { line: Some(3) }));
        assert_eq!(session_files(home.path()).len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_last_session_that_can_not_be_read_is_told() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("sessions/2026/11/26");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.jsonl"), "").unwrap();
        fs::set_permissions(folder.join("a.jsonl"), fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(check_last(home.path()), Err(Unread::File(_))));
    }
}
