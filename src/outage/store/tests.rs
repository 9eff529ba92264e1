use std::path::Path;

use super::*;
use crate::outage::{Advice, Cause, Key, SessionKey, Sign};

fn key() -> Key {
    serde_json::from_value("one".into()).unwrap()
}

fn remember(store: &Store) {
    let kept = store.update(DISK_TIME, |ledger, now| {
        ledger.conclude(&key(), None, Sign::Down(Cause::NameServerSilent), now)
    });
    assert_eq!(kept, Ok(()));
}

fn is_remembered(store: &Store) -> bool {
    store.read().is_some_and(|ledger| matches!(ledger.advice(&key(), Moment::now()), Advice::Skip(_)))
}

fn entries(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

#[test]
fn what_is_remembered_is_read_again_and_goes_without_a_trace() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::below(home.path());
    assert_eq!(store.read(), None);
    remember(&store);
    assert!(is_remembered(&store));
    assert_eq!(entries(&home.path().join(FOLDER)), [FILE, LOCK]);
    store.update(DISK_TIME, |ledger, now| ledger.conclude(&key(), None, Sign::Answers, now)).unwrap();
    assert_eq!(store.read(), None);
    assert!(entries(home.path()).is_empty());
}

#[test]
fn looking_writes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::below(home.path());
    assert_eq!(store.update(DISK_TIME, |_, _| ()), Ok(()));
    store.remove();
    assert!(entries(home.path()).is_empty());
    remember(&store);
    let written = || fs::metadata(store.path()).unwrap().modified().unwrap();
    let before = written();
    store.update(DISK_TIME, |_, _| ()).unwrap();
    assert_eq!(written(), before);
    store.remove();
    assert!(entries(home.path()).is_empty());
}

#[test]
fn a_codex_home_that_is_not_there_is_not_made_up() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::below(&home.path().join("missing"));
    assert_eq!(
        store.update(DISK_TIME, |ledger, now| ledger.tell_of_no_token(&SessionKey::of("a"), now)),
        Err(NotKept::Unusable)
    );
    assert!(entries(home.path()).is_empty());
}

#[test]
fn a_codex_home_that_is_not_absolute_remembers_nothing() {
    let find =
        |value: &'static str| Store::of_this_user(&move |name| (name == "CODEX_HOME").then(|| value.into()));
    assert_eq!(find(".codex"), None);
    assert_eq!(find("./x"), None);
}

#[test]
fn a_damaged_file_is_written_anew() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::below(home.path());
    remember(&store);
    for bytes in [&b""[..], b"\0\0\0", b"[]", b"{\"version\":1}", &[b'x'; 70_000]] {
        fs::write(store.path(), bytes).unwrap();
        assert_eq!(store.read(), None);
        remember(&store);
        assert!(is_remembered(&store));
    }
}

#[test]
fn of_many_at_once_one_claims() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::below(home.path());
    remember(&store);
    let due = Moment::now().plus(Duration::from_secs(16));
    let claim = || {
        let try_it = || {
            store.update(DISK_TIME, move |ledger, _| {
                ledger.claim(&key(), super::super::ClaimId::random(), Duration::from_secs(11), due)
            })
        };
        loop {
            match try_it() {
                Err(NotKept::Busy) => {}
                claimed => return claimed.unwrap(),
            }
        }
    };
    let claimed: usize = std::thread::scope(|scope| {
        let all: Vec<_> = (0..20).map(|_| scope.spawn(claim)).collect();
        all.into_iter().map(|claim| usize::from(claim.join().unwrap())).sum()
    });
    assert_eq!(claimed, 1);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn file_and_folder_are_the_users_alone() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::below(home.path());
        remember(&store);
        assert_eq!((mode(&store.path()), mode(&store.folder)), (0o600, 0o700));
        assert_eq!(mode(&store.folder.join(LOCK)), 0o600);
    }

    #[test]
    fn what_others_can_read_or_write_is_nothing() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::below(home.path());
        remember(&store);
        for open in [0o644, 0o640, 0o622, 0o602] {
            set_mode(&store.path(), open);
            assert_eq!(store.read(), None, "{open:o}");
        }
        set_mode(&store.path(), 0o600);
        assert!(is_remembered(&store));
        for open in [0o770, 0o707, 0o777] {
            set_mode(&store.folder, open);
            assert_eq!(store.read(), None, "{open:o}");
            assert_eq!(store.update(DISK_TIME, |_, _| ()), Err(NotKept::Unusable), "{open:o}");
        }
    }

    #[test]
    fn links_pipes_and_folders_are_nothing_and_their_targets_stay() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::below(home.path());
        remember(&store);
        let elsewhere = home.path().join("elsewhere");
        fs::rename(store.path(), &elsewhere).unwrap();
        let content = fs::read(&elsewhere).unwrap();

        symlink(&elsewhere, store.path()).unwrap();
        assert_eq!(store.read(), None);
        remember(&store);
        assert!(is_remembered(&store) && !fs::symlink_metadata(store.path()).unwrap().is_symlink());
        assert_eq!(fs::read(&elsewhere).unwrap(), content);

        fs::remove_file(store.path()).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(store.path()).status().unwrap().success());
        assert_eq!(store.read(), None);

        fs::remove_file(store.path()).unwrap();
        fs::create_dir(store.path()).unwrap();
        assert_eq!(store.read(), None);
        let failed =
            store.update(DISK_TIME, |ledger, now| ledger.tell_of_no_token(&SessionKey::of("a"), now));
        assert_eq!(failed, Err(NotKept::Unusable));
    }

    #[test]
    fn a_linked_folder_or_lock_is_nothing() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::below(home.path());
        remember(&store);
        let elsewhere = home.path().join("elsewhere");
        fs::rename(&store.folder, &elsewhere).unwrap();
        symlink(&elsewhere, &store.folder).unwrap();
        assert_eq!(store.read(), None);
        assert_eq!(store.update(DISK_TIME, |_, _| ()), Err(NotKept::Unusable));
        fs::remove_file(&store.folder).unwrap();
        fs::rename(&elsewhere, &store.folder).unwrap();
        assert!(is_remembered(&store));

        let target = home.path().join("target");
        fs::remove_file(store.folder.join(LOCK)).unwrap();
        symlink(&target, store.folder.join(LOCK)).unwrap();
        assert_eq!(store.update(DISK_TIME, |_, _| ()), Err(NotKept::Unusable));
        assert!(!target.exists());
    }

    #[test]
    fn a_lock_that_somebody_holds_is_not_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::below(home.path());
        remember(&store);
        let _held = EditLock::acquire(&store.folder.join(LOCK), Duration::ZERO).unwrap();
        assert_eq!(store.update(Duration::from_millis(50), |_, _| ()), Err(NotKept::Busy));
        assert!(is_remembered(&store), "it can still be read");
    }
}
