//! The session files of a Codex home.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::file::Transcript;
use super::lines::Line;
use super::texts;

/// Folders of Codex's home in which sessions are.
const FOLDERS: [&str; 2] = ["sessions", "archived_sessions"];
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

/// The number of a line that can't be understood in the last session of this home; `None` where all can, as far as it can
/// be read.
pub fn not_understood(home: &Path) -> Option<u64> {
    let (_, path) = session_files(home).pop()?;
    let file = Transcript::open(&path, Some(home)).ok()?;
    let mut lines = file.lines(0).ok()?;
    let mut number = 0;
    while lines.at() < LOOKED_AT {
        number += 1;
        match lines.next_line().ok()?? {
            Line::Unfinished => return None,
            Line::Whole(line) if line.trim_ascii().is_empty() || texts::read(line).is_some() => {}
            Line::Whole(_) | Line::TooLong => return Some(number),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sessions_first_odd_line_is_found() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(not_understood(home.path()), None);
        let folder = home.path().join("sessions/2026/11/26");
        fs::create_dir_all(&folder).unwrap();
        let good = r#"{"type":"event_msg","payload":{}}"#;
        fs::write(folder.join("a.jsonl"), format!("{good}\n{{")).unwrap();
        assert_eq!(not_understood(home.path()), None, "Codex is writing");
        fs::write(folder.join("a.jsonl"), format!("{good}\n\n{{}}\n")).unwrap();
        assert_eq!(not_understood(home.path()), Some(3));
        assert_eq!(session_files(home.path()).len(), 1);
    }
}
