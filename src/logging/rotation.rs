//! Older lines: `x.log` becomes `x.log.1`, that becomes `x.log.2`, and so on.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use fs4::FileExt;

use crate::access::Privilege;
use crate::file_edit::{no_follow, with_suffix};

/// A file of this many bytes is set aside before the next line.
pub const MAX_SIZE: u64 = 10 * 1024 * 1024;
/// So many older files are kept.
pub const KEPT: usize = 4;

/// The file with the `number`th older lines; 0 is the log itself.
#[must_use]
pub fn older(log: &Path, number: usize) -> PathBuf {
    match number {
        0 => log.to_owned(),
        number => with_suffix(log, &format!(".{number}")),
    }
}

/// Sets the log aside, once, however many processes see that it is too large: the one with the lock looks again at the
/// path, where after a rename there is a short file or none. The others don't wait. They write on in whatever file the
/// path leads to, and so does one that opened the file before: it keeps its lines under its new name.
pub fn rotate(log: &Path) {
    let Ok(lock) = open_lock(log) else { return };
    if !matches!(FileExt::try_lock(&lock), Ok(())) {
        return;
    }
    if fs::symlink_metadata(log).is_ok_and(|now| now.is_file() && now.len() >= MAX_SIZE) {
        set_aside(log);
    }
    let _ = FileExt::unlock(&lock);
}

/// Moves the older files up to the first free place, and then the log. Where one can't move, none after it does: it would
/// be overwritten. Where only the log can't (an editor of Windows holds it), the first place is free by then, and the
/// next attempt moves nothing else.
fn set_aside(log: &Path) {
    let is_free = |number: &usize| fs::symlink_metadata(older(log, *number)).is_err();
    let last = (1..KEPT).find(is_free).unwrap_or(KEPT);
    for number in (0..last).rev() {
        match fs::rename(older(log, number), older(log, number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return,
            _ => {}
        }
    }
}

/// A file of its own: on Windows a lock on the log would keep others from writing to it.
fn open_lock(log: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = no_follow::open(&with_suffix(log, ".lock"), &mut options)?;
    Privilege::among_users().may_write_to(&file.metadata()?)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn large(log: &Path, begins_with: &str) {
        fs::write(log, begins_with).unwrap();
        OpenOptions::new().write(true).open(log).unwrap().set_len(MAX_SIZE).unwrap();
    }

    fn begins_with(path: &Path) -> Option<char> {
        fs::read(path).ok().map(|bytes| char::from(bytes[0]))
    }

    #[test]
    fn four_older_files_are_kept_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        for name in ["a", "b", "c", "d", "e", "f"] {
            large(&log, name);
            rotate(&log);
        }
        let kept: Vec<_> = (0..=KEPT + 1).map(|number| begins_with(&older(&log, number))).collect();
        assert_eq!(kept, [None, Some('f'), Some('e'), Some('d'), Some('c'), None]);
    }

    #[test]
    fn a_file_that_is_not_too_large_stays() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        fs::write(&log, "a").unwrap();
        rotate(&log);
        assert_eq!(begins_with(&log), Some('a'));
    }

    // On Windows a folder moves over a file.
    #[cfg(unix)]
    #[test]
    fn nothing_is_overwritten_where_an_older_file_cannot_move() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        fs::create_dir_all(older(&log, 3).join("full")).unwrap();
        fs::write(older(&log, 4), "d").unwrap();
        fs::write(older(&log, 2), "b").unwrap();
        fs::write(older(&log, 1), "a").unwrap();
        large(&log, "now");
        rotate(&log);
        assert_eq!(begins_with(&log), Some('n'), "it grows on");
        assert_eq!((begins_with(&older(&log, 1)), begins_with(&older(&log, 2))), (Some('a'), Some('b')));
    }

    #[test]
    fn attempts_that_fail_at_the_log_itself_do_not_use_up_the_older_files() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        for number in 1..=KEPT {
            fs::write(older(&log, number), number.to_string()).unwrap();
        }
        // There is no log that could move.
        for _ in 0..3 {
            set_aside(&log);
        }
        let kept: Vec<_> = (0..=KEPT).map(|number| begins_with(&older(&log, number))).collect();
        assert_eq!(kept, [None, None, Some('1'), Some('2'), Some('3')]);
    }

    #[test]
    fn while_another_process_rotates_nothing_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        large(&log, "a");
        let lock = open_lock(&log).unwrap();
        FileExt::try_lock(&lock).unwrap();
        rotate(&log);
        assert_eq!(begins_with(&log), Some('a'));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_the_lock_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        std::os::unix::fs::symlink(folder.path().join("target"), with_suffix(&log, ".lock")).unwrap();
        large(&log, "a");
        rotate(&log);
        assert!(!folder.path().join("target").exists());
    }
}
