//! Replacing files on a real file system.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::file_edit::{
    BinaryInstall, BinaryRemoval, EditLock, FileEditError, NewFile, Snapshot, install_binary, remove_binary,
    same_bytes,
};

fn names(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_replaced_file_leaves_its_old_content_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, "old").unwrap();
    let backup = Snapshot::read(&path).unwrap().replace(b"new", NewFile::Private, "1").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::read(backup.unwrap()).unwrap(), b"old");
    Snapshot::read(&path).unwrap().replace(b"newer", NewFile::Private, "1").unwrap();
    assert_eq!(names(folder.path()), ["config.toml", "config.toml.bak-1", "config.toml.bak-1-1"]);
}

#[test]
fn a_new_file_gets_its_folder_and_no_backup() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/config.toml");
    let snapshot = Snapshot::read(&path).unwrap();
    assert_eq!(snapshot.bytes(), None);
    assert_eq!(snapshot.replace(b"new", NewFile::Private, "1").unwrap(), None);
    assert_eq!(names(path.parent().unwrap()), ["config.toml"]);
}

#[test]
fn a_file_that_another_program_changed_meanwhile_stays_as_that_program_wrote_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, "old").unwrap();
    let snapshot = Snapshot::read(&path).unwrap();
    fs::write(&path, "theirs").unwrap();
    let error = snapshot.replace(b"ours", NewFile::Private, "1").unwrap_err();
    assert!(matches!(error, FileEditError::ChangedMeanwhile { .. }), "{error}");
    assert!(matches!(snapshot.delete(), Err(FileEditError::ChangedMeanwhile { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"theirs");
    assert_eq!(names(folder.path()), ["config.toml"], "no backup and no temporary file is left");
}

#[test]
fn a_file_that_appeared_meanwhile_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hooks.json");
    let snapshot = Snapshot::read(&path).unwrap();
    fs::write(&path, "theirs").unwrap();
    assert!(snapshot.replace(b"ours", NewFile::Private, "1").is_err());
    assert_eq!(fs::read(&path).unwrap(), b"theirs");
}

#[test]
fn a_write_protected_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, "old").unwrap();
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let error = Snapshot::read(&path).unwrap().replace(b"new", NewFile::Private, "1").unwrap_err();
    assert!(matches!(error, FileEditError::WriteProtected { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["config.toml"]);
}

#[test]
fn a_folder_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Snapshot::read(folder.path()), Err(FileEditError::NotAFile { .. })));
}

#[test]
fn readers_see_the_old_or_the_new_file_and_nothing_between() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let (old, new) = (vec![b'o'; 200_000], vec![b'n'; 200_000]);
    fs::write(&path, &old).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let end = SetAtTheEnd(&done);
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) || reads == 0 {
                if cfg!(windows) {
                    // Windows replaces no file that somebody has open, so a reader without a pause would forbid it.
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                let seen = fs::read(&path).unwrap();
                assert!(seen == old || seen == new, "a part of {} bytes was seen", seen.len());
                reads += 1;
            }
        });
        for round in 0..20 {
            let content = if round % 2 == 0 { &new } else { &old };
            Snapshot::read(&path).unwrap().replace(content, NewFile::Private, &round.to_string()).unwrap();
        }
        drop(end);
        reader.join().unwrap();
    });
}

/// Ends the reader also where the writer fails, so that the test fails and does not hang.
struct SetAtTheEnd<'a>(&'a AtomicBool);

impl Drop for SetAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn two_runs_at_once_do_not_lose_each_others_edit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let lock = folder.path().join("ours/lock");
    fs::write(&path, "").unwrap();
    std::thread::scope(|scope| {
        for run in 0..8 {
            let (path, lock) = (&path, &lock);
            scope.spawn(move || {
                let _held = EditLock::acquire(lock, Duration::from_secs(60)).unwrap();
                let snapshot = Snapshot::read(path).unwrap();
                let mut text = snapshot.bytes().unwrap().to_vec();
                text.extend_from_slice(format!("{run}\n").as_bytes());
                snapshot.replace(&text, NewFile::Private, &run.to_string()).unwrap();
            });
        }
    });
    let mut lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

#[test]
fn a_held_lock_is_reported_and_a_removed_one_can_be_taken_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    let held = EditLock::acquire(&path, Duration::ZERO).unwrap();
    assert!(matches!(EditLock::acquire(&path, Duration::ZERO), Err(FileEditError::Busy { .. })));
    held.remove();
    assert!(!path.exists());
    EditLock::acquire(&path, Duration::ZERO).unwrap();
}

#[test]
fn the_binary_is_copied_once_and_replaced_when_it_differs() {
    let folder = tempfile::tempdir().unwrap();
    let source: PathBuf = folder.path().join("built");
    let place = folder.path().join("hooks/f5_guardrails/f5-guard");
    fs::write(&source, "version 1").unwrap();
    assert_eq!(install_binary(&source, &place).unwrap(), BinaryInstall::Written);
    assert_eq!(install_binary(&source, &place).unwrap(), BinaryInstall::Unchanged);
    assert_eq!(install_binary(&place, &place).unwrap(), BinaryInstall::Unchanged);
    fs::write(&source, "version 2").unwrap();
    assert_eq!(install_binary(&source, &place).unwrap(), BinaryInstall::Written);
    assert_eq!(fs::read(&place).unwrap(), b"version 2");
    assert_eq!(remove_binary(&place).unwrap(), BinaryRemoval::Deleted);
    assert_eq!(remove_binary(&place).unwrap(), BinaryRemoval::Missing);
    assert_eq!(names(place.parent().unwrap()), Vec::<String>::new());
}

#[test]
fn files_are_the_same_where_every_byte_is() {
    let dir = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| dir.path().join(name));
    for length in [0_usize, 1, 65_535, 65_536, 65_537, 200_000] {
        let bytes: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
        fs::write(&one, &bytes).unwrap();
        fs::write(&other, &bytes).unwrap();
        assert!(same_bytes(&one, &other) && same_bytes(&one, &one), "{length}");
        for place in [0, length / 2, length.saturating_sub(1)] {
            let mut changed = bytes.clone();
            if let Some(byte) = changed.get_mut(place) {
                *byte ^= 1;
                fs::write(&other, &changed).unwrap();
                assert!(!same_bytes(&one, &other), "{length}, {place}");
            }
        }
        fs::write(&other, [&bytes[..], b"x"].concat()).unwrap();
        assert!(!same_bytes(&one, &other) && !same_bytes(&other, &one), "{length}, longer");
    }
    for nothing in [dir.path().to_owned(), dir.path().join("missing")] {
        assert!(
            !same_bytes(&one, &nothing) && !same_bytes(&nothing, &one) && !same_bytes(&nothing, &nothing)
        );
    }
}

#[test]
fn copies_that_somebody_made_of_the_binary_stay() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("built");
    let place = folder.path().join("ours/f5-guard");
    fs::create_dir(folder.path().join("ours")).unwrap();
    // What Windows sets aside has one of the numbers 0 to 99; elsewhere nothing is set aside.
    let others = if cfg!(windows) { vec![] } else { vec!["f5-guard.old-1"] };
    let copies = [vec!["f5-guard.old-", "f5-guard.old-100", "f5-guard.old-20250101"], others].concat();
    for name in &copies {
        fs::write(place.with_file_name(name), "mine").unwrap();
    }
    for version in ["1", "2"] {
        fs::write(&source, version).unwrap();
        install_binary(&source, &place).unwrap();
    }
    remove_binary(&place).unwrap();
    for name in copies {
        assert!(place.with_file_name(name).exists(), "{name}");
    }
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::process::{Command, Stdio};

    fn mode(path: &std::path::Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_symbolic_link_stays_and_its_target_is_written() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("dotfiles")).unwrap();
        let target = folder.path().join("dotfiles/config.toml");
        fs::write(&target, "old").unwrap();
        let middle = folder.path().join("middle");
        symlink("dotfiles/config.toml", &middle).unwrap();
        let link = folder.path().join("config.toml");
        symlink(&middle, &link).unwrap();
        let backup = Snapshot::read(&link).unwrap().replace(b"new", NewFile::Private, "1").unwrap().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::symlink_metadata(&middle).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(backup, folder.path().join("config.toml.bak-1"), "beside the file that the user knows");
        assert_eq!(names(&folder.path().join("dotfiles")), ["config.toml"]);
    }

    #[test]
    fn a_link_to_a_missing_file_gets_its_target_and_a_circle_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("config.toml");
        symlink("real.toml", &link).unwrap();
        Snapshot::read(&link).unwrap().replace(b"new", NewFile::Private, "1").unwrap();
        assert_eq!(fs::read(folder.path().join("real.toml")).unwrap(), b"new");
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        assert!(matches!(Snapshot::read(&circle), Err(FileEditError::BrokenLink { .. })));
    }

    #[test]
    fn the_mode_is_kept_and_a_new_file_is_private_or_public() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let backup = Snapshot::read(&path).unwrap().replace(b"new", NewFile::Public, "1").unwrap().unwrap();
        assert_eq!((mode(&path), mode(&backup)), (0o640, 0o640));
        for (new_file, expected) in [(NewFile::Private, 0o600), (NewFile::Public, 0o644)] {
            let path = folder.path().join(format!("{expected:o}"));
            Snapshot::read(&path).unwrap().replace(b"new", new_file, "1").unwrap();
            assert_eq!(mode(&path), expected);
        }
    }

    #[test]
    fn a_running_binary_is_replaced_while_it_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("f5-guard");
        fs::copy("/bin/cat", &place).unwrap();
        let mut running = Command::new(&place).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let source = folder.path().join("new");
        fs::write(&source, "#!/bin/sh\necho new\n").unwrap();
        assert_eq!(install_binary(&source, &place).unwrap(), BinaryInstall::Written);
        assert_eq!(mode(&place), 0o755);
        assert_eq!(Command::new(&place).output().unwrap().stdout, b"new\n");
        drop(running.stdin.take());
        assert!(running.wait().unwrap().success(), "the old one ends as it would have");
    }
}
