//! Owners and modes.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::unistd::{Uid, User, geteuid};

use super::{Changeable, Writers};

const ROOT: u32 = 0;
const STICKY: u32 = 0o1000;
const EVERYBODY_WRITES: u32 = 0o002;
/// Also set where an access control list lets somebody write.
const GROUP_WRITES: u32 = 0o020;
/// Links followed before a chain of them counts as a circle.
const MOST_LINKS: usize = 40;
/// The longest first line that Linux reads.
const FIRST_LINE: u64 = 256;

pub(super) fn writers(path: &Path) -> Writers {
    verdict(walk(path, Extent::Whole, &[ROOT]))
}

pub(super) fn writers_of_the_way(path: &Path) -> Writers {
    verdict(walk(path, Extent::Way, &[ROOT]))
}

pub(super) fn writers_beside_us(path: &Path) -> Writers {
    verdict(walk(path, Extent::Whole, &[ROOT, geteuid().as_raw()]))
}

pub(super) fn is_ours(place: &Path) -> Result<(), Changeable> {
    Changeable::unless_guarded(place, writers(place))
}

pub(super) fn is_ours_alone(file: &Metadata) -> io::Result<()> {
    // Also a pipe or a socket: its creator reads what is written.
    if file.uid() == ROOT && (!file.is_file() || file.nlink() == 1) {
        return Ok(());
    }
    Err(io::Error::other("it is not root's, or has a second name"))
}

fn verdict(found: io::Result<Vec<Writer>>) -> Writers {
    match found {
        Err(error) => Writers::CannotTell(error.to_string()),
        Ok(found) if found.is_empty() => Writers::Administrators,
        Ok(found) => Writers::Others(found.iter().map(ToString::to_string).collect()),
    }
}

/// What is looked at of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The file or folder itself and what leads there.
    Whole,
    /// What leads there.
    Way,
}

/// Somebody who can change `place`.
#[derive(Debug, PartialEq, Eq)]
struct Writer {
    place: PathBuf,
    by: By,
}

#[derive(Debug, PartialEq, Eq)]
enum By {
    Owner(u32),
    Group(u32),
    Everybody,
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.display();
        match self.by {
            By::Owner(id) => match User::from_uid(Uid::from_raw(id)) {
                Ok(Some(user)) => write!(f, "{place} belongs to user {id}, {}", user.name),
                _ => write!(f, "{place} belongs to user {id}"),
            },
            By::Group(id) => write!(f, "group {id} may write to {place}"),
            By::Everybody => write!(f, "everybody may write to {place}"),
        }
    }
}

/// Goes from the root folder to `path` as the system does, link by link, and looks at each place on the way.
fn walk(path: &Path, extent: Extent, trusted: &[u32]) -> io::Result<Vec<Writer>> {
    let path = std::path::absolute(path)?;
    let mut pending: VecDeque<OsString> = names(&path).collect();
    let mut place = PathBuf::from("/");
    let mut data = fs::symlink_metadata(&place)?;
    let mut found = Vec::new();
    let mut missing = false;
    let mut links = 0;
    while let Some(name) = pending.pop_front() {
        judge(&place, &data, IsLast::No, trusted, &mut found);
        if name == ".." {
            place.pop();
            data = fs::symlink_metadata(&place)?;
            continue;
        }
        let next = place.join(name);
        let next_data = match fs::symlink_metadata(&next) {
            Ok(data) => data,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                missing = true;
                break;
            }
            Err(error) => return Err(error),
        };
        if !next_data.is_symlink() {
            (place, data) = (next, next_data);
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(io::Error::from_raw_os_error(libc::ELOOP));
        }
        // Of a link only its owner matters.
        by_owner(&next, &next_data, trusted, &mut found);
        let target = fs::read_link(&next)?;
        if target.is_absolute() {
            place = PathBuf::from("/");
            data = fs::symlink_metadata(&place)?;
        }
        let rest = std::mem::take(&mut pending);
        pending = names(&target).chain(rest).collect();
    }
    match extent {
        // What is missing would be created in the last folder that is there.
        Extent::Whole => judge(&place, &data, IsLast::Yes, trusted, &mut found),
        Extent::Way if missing => judge(&place, &data, IsLast::No, trusted, &mut found),
        Extent::Way => {}
    }
    Ok(found)
}

fn names(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum IsLast {
    Yes,
    No,
}

/// In a sticky folder nobody can exchange what is another's, but everybody can put something in.
fn judge(place: &Path, data: &Metadata, last: IsLast, trusted: &[u32], found: &mut Vec<Writer>) {
    by_owner(place, data, trusted, found);
    let mode = data.mode();
    if last == IsLast::No && mode & STICKY != 0 {
        return;
    }
    if mode & EVERYBODY_WRITES != 0 {
        add(found, place, By::Everybody);
    } else if mode & GROUP_WRITES != 0 {
        add(found, place, By::Group(data.gid()));
    }
}

fn by_owner(place: &Path, data: &Metadata, trusted: &[u32], found: &mut Vec<Writer>) {
    if !trusted.contains(&data.uid()) {
        add(found, place, By::Owner(data.uid()));
    }
}

fn add(found: &mut Vec<Writer>, place: &Path, by: By) {
    let writer = Writer { place: place.to_owned(), by };
    if !found.contains(&writer) {
        found.push(writer);
    }
}

/// Judges the program that a script's first line has it run by. `env` looks it up on `PATH`, which is root's business as
/// little as what a wrapper script of the administrator's runs then; but the first thing that it finds must be root's.
pub(super) fn interpreter(program: &Path) -> Result<(), Changeable> {
    let refuse = |why: String| Err(Changeable { path: program.to_owned(), why });
    let mut line = Vec::new();
    let read = File::open(program).and_then(|file| file.take(FIRST_LINE).read_to_end(&mut line));
    if let Err(error) = read {
        return refuse(error.to_string());
    }
    let Some(line) = line.strip_prefix(b"#!") else { return Ok(()) };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let interpreter = words.next().map(|word| Path::new(OsStr::from_bytes(word)).to_owned());
    let Some(interpreter) = interpreter.filter(|path| path.is_absolute()) else {
        return refuse("its first line names no interpreter by an absolute path".to_owned());
    };
    let guarded = |path: &Path| Changeable::unless_guarded(program, writers(path));
    guarded(&interpreter)?;
    if interpreter.file_name() != Some(OsStr::new("env")) {
        return Ok(());
    }
    let name = words.next().map(OsStr::from_bytes).filter(|name| !name.as_bytes().starts_with(b"-"));
    let path = guarded_path();
    let found = name.and_then(|name| {
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
    });
    match found {
        Some(found) => guarded(&found),
        None => refuse(
            "the interpreter that its first line has looked up is not in a folder of root's".to_owned(),
        ),
    }
}

/// The folders of `PATH` that root alone can change.
pub fn guarded_path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute() && writers(folder) == Writers::Administrators);
    // Folders that came out of a list can be put into one.
    std::env::join_paths(folders).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// A folder below one that nobody else can change, with what `walk` says of a path in it.
    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn folder(&self, name: &str, mode: u32) -> PathBuf {
            let path = self.0.path().join(name);
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        }

        fn file(&self, name: &str, mode: u32) -> PathBuf {
            let path = self.0.path().join(name);
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        }

        /// Who could change it but for root and the user of the tests.
        fn writers(path: &Path, extent: Extent) -> Vec<Writer> {
            walk(path, extent, &[ROOT, geteuid().as_raw()]).unwrap()
        }
    }

    fn everybody(place: &Path) -> Vec<Writer> {
        vec![Writer { place: place.canonicalize().unwrap(), by: By::Everybody }]
    }

    #[test]
    fn a_file_is_judged_with_the_folders_above_it() {
        let place = Place::new();
        let folder = place.folder("a", 0o755);
        let file = place.file("a/file", 0o644);
        assert_eq!(Place::writers(&file, Extent::Whole), []);
        place.file("a/file", 0o646);
        assert_eq!(Place::writers(&file, Extent::Whole), everybody(&file));
        place.file("a/file", 0o644);
        place.folder("a", 0o757);
        assert_eq!(Place::writers(&file, Extent::Whole), everybody(&folder));
        let gid = fs::metadata(&folder).unwrap().gid();
        place.folder("a", 0o775);
        let by = Place::writers(&file, Extent::Whole);
        assert!(matches!(by.as_slice(), [Writer { by: By::Group(id), .. }] if *id == gid), "{by:?}");
    }

    #[test]
    fn a_sticky_folder_is_safe_above_what_is_there_and_no_place_for_what_is_not() {
        let place = Place::new();
        let folder = place.folder("tmp", 0o1777);
        let file = place.file("tmp/file", 0o644);
        assert_eq!(Place::writers(&file, Extent::Whole), []);
        assert_eq!(Place::writers(&folder, Extent::Whole), everybody(&folder));
        let missing = folder.join("missing/file");
        assert_eq!(Place::writers(&missing, Extent::Whole), everybody(&folder));
        assert_eq!(Place::writers(&missing, Extent::Way), []);
    }

    #[test]
    fn each_link_of_a_chain_is_judged_where_it_is() {
        let place = Place::new();
        place.folder("safe", 0o755);
        let open = place.folder("open", 0o777);
        let target = place.file("safe/target", 0o755);
        symlink(&target, open.join("middle")).unwrap();
        let link = place.0.path().join("safe/link");
        symlink("../open/middle", &link).unwrap();
        assert_eq!(Place::writers(&link, Extent::Whole), everybody(&open), "between two safe places");
        assert_eq!(Place::writers(&target, Extent::Whole), []);
    }

    #[test]
    fn a_link_to_what_is_missing_counts_as_the_folder_that_would_get_it() {
        let place = Place::new();
        let open = place.folder("open", 0o777);
        let link = place.0.path().join("link");
        symlink("open/missing", &link).unwrap();
        assert_eq!(Place::writers(&link, Extent::Whole), everybody(&open));
        let circle = place.0.path().join("circle");
        symlink("circle", &circle).unwrap();
        assert!(walk(&circle, Extent::Whole, &[ROOT]).is_err());
    }

    #[test]
    fn somebody_elses_file_is_told_with_its_owner() {
        let place = Place::new();
        let file = place.file("file", 0o644);
        let uid = fs::metadata(&file).unwrap().uid();
        let by = walk(&file, Extent::Whole, &[uid + 1]).unwrap();
        assert!(
            by.iter().any(|writer| writer.place.ends_with("file") && writer.by == By::Owner(uid)),
            "{by:?}"
        );
        let words = Writer { place: "/x".into(), by: By::Owner(4_000_000_000) }.to_string();
        assert_eq!(words, "/x belongs to user 4000000000");
    }

    /// As root; what others may write to is refused for everybody else too.
    #[test]
    fn a_script_is_judged_by_its_interpreter() {
        let place = Place::new();
        let script = |line: &str| {
            let path = place.file("script", 0o755);
            fs::write(&path, line).unwrap();
            interpreter(&path)
        };
        let open = place.folder("open", 0o777);
        for (line, fine) in [
            ("\x7fELF", true),
            ("#!/bin/sh\n", true),
            ("#! /bin/sh -e\n", true),
            ("#!/usr/bin/env sh\n", true),
            ("#!sh\n", false),
            ("#!\n", false),
            ("#!/usr/bin/env -S sh\n", false),
            ("#!/usr/bin/env no-such-interpreter\n", false),
            (&format!("#!{}\n", open.join("sh").display()), false),
        ] {
            assert_eq!(script(line).is_ok(), fine, "{line}");
        }
    }
}
