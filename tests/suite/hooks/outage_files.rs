//! The file of outages where somebody else had a hand in it: it counts as none, so that hooks scan.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::MARKER;
use crate::support::memory::CodexHome;

/// A user's memory of an outage to which `harm` is done. The next hook scans.
fn counts_as_none(harm: impl FnOnce(&CodexHome)) -> CodexHome {
    let home = CodexHome::new();
    home.meet_an_outage();
    home.spare_a_hook_the_wait();
    harm(&home);
    home.meet_an_outage();
    home
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode can be set");
}

#[test]
fn a_link_is_not_followed_and_its_target_stays() {
    let home = counts_as_none(|home| {
        fs::rename(home.file(), home.path().join("target")).expect("renamed");
        symlink(home.path().join("target"), home.file()).expect("a link");
    });
    let target = fs::read_to_string(home.path().join("target")).expect("the target");
    assert!(target.contains("\"failures\":1"), "{target}");
}

#[test]
fn a_pipe_is_not_waited_for() {
    counts_as_none(|home| {
        fs::remove_file(home.file()).expect("removed");
        assert!(Command::new("mkfifo").arg(home.file()).status().expect("mkfifo").success());
    });
}

#[test]
fn a_folder_in_its_place_is_nothing() {
    counts_as_none(|home| {
        fs::remove_file(home.file()).expect("removed");
        fs::create_dir(home.file()).expect("a folder");
    });
}

#[test]
fn what_others_may_read_or_write_is_nothing() {
    for open in [0o644, 0o620, 0o602] {
        counts_as_none(|home| mode(&home.file(), open));
    }
    counts_as_none(|home| mode(home.file().parent().expect("a folder"), 0o777));
}

#[test]
fn a_linked_folder_is_nothing() {
    counts_as_none(|home| {
        let folder = home.file().parent().expect("a folder").to_owned();
        fs::rename(&folder, home.path().join("elsewhere")).expect("renamed");
        symlink(home.path().join("elsewhere"), &folder).expect("a link");
    });
}

#[test]
fn damaged_and_hostile_content_is_nothing() {
    for text in ["", "{", "[]", "{\"version\":1,\"outages\":{},\"sessions\":{}}", &"[".repeat(60_000)] {
        counts_as_none(|home| fs::write(home.file(), text).expect("written"));
    }
    counts_as_none(|home| {
        let text = fs::read_to_string(home.file()).expect("the file");
        let (before, _) = text.split_once("next_try\":").expect("a moment");
        fs::write(home.file(), format!("{before}next_try\":99999999999999}}}}}},\"sessions\":{{}}}}"))
            .expect("written");
    });
}

#[test]
fn a_record_that_somebody_without_the_token_made_up_is_nothing() {
    counts_as_none(|home| {
        let text = fs::read_to_string(home.file()).expect("the file");
        let (before, key) = text.split_once("outages\":{\"").expect("a record");
        let forged = format!("{before}outages\":{{\"{}{}", "0".repeat(32), &key[32..]);
        fs::write(home.file(), forged).expect("written");
    });
}

#[test]
fn the_file_is_the_users_alone_and_holds_no_secret() {
    let home = CodexHome::new();
    home.refused().open().run().warned();
    let bits = |path: &Path| fs::metadata(path).expect("it is there").mode() & 0o777;
    assert_eq!(bits(&home.file()), 0o600);
    assert_eq!(bits(home.file().parent().expect("a folder")), 0o700);
    let text = fs::read_to_string(home.file()).expect("the file");
    for secret in [f5_stand_in::f5::TOKEN, MARKER, "127.0.0.1", "01a201f1"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn a_lock_that_is_held_for_ever_keeps_no_hook_from_scanning() {
    let home = CodexHome::new();
    home.meet_an_outage();
    home.pass_the_wait();
    let lock = fs::File::open(home.file().with_extension("lock")).expect("the lock file");
    fs4::FileExt::lock(&lock).expect("nobody else holds it");
    home.meet_an_outage();
    home.meet_an_outage();
}
