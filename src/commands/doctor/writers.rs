//! Who but administrators can change a managed file or folder.

use std::path::Path;

use crate::doctor::facts::Writers;

/// Looks at the path and at every folder above it: who can rename a folder can exchange what is in it.
#[cfg(unix)]
pub fn of(path: &Path) -> Writers {
    use std::os::unix::fs::MetadataExt;
    const ROOT: u32 = 0;
    /// macOS' group of administrators.
    const MACOS_ADMIN: u32 = 80;
    const STICKY: u32 = 0o1000;

    let resolved = match std::fs::canonicalize(path) {
        Ok(resolved) => resolved,
        Err(error) => return Writers::CannotTell(error.to_string()),
    };
    let mut why = Vec::new();
    // The path as it is named too: a link on the way can be exchanged.
    for start in [path, resolved.as_path()] {
        for (above, place) in start.ancestors().enumerate() {
            let data = match std::fs::symlink_metadata(place) {
                Ok(data) => data,
                Err(error) => return Writers::CannotTell(format!("{}: {error}", place.display())),
            };
            if data.uid() != ROOT {
                why.push(format!("{} belongs to user {}", place.display(), data.uid()));
            }
            // Of a link only its owner matters. In a sticky folder nobody can exchange what is another's.
            if data.file_type().is_symlink() || (above > 0 && data.mode() & STICKY != 0) {
                continue;
            }
            let administrators =
                data.gid() == ROOT || (cfg!(target_os = "macos") && data.gid() == MACOS_ADMIN);
            if data.mode() & 0o002 != 0 {
                why.push(format!("everybody may write to {}", place.display()));
            } else if data.mode() & 0o020 != 0 && !administrators {
                why.push(format!("group {} may write to {}", data.gid(), place.display()));
            }
        }
    }
    why.sort();
    why.dedup();
    if why.is_empty() { Writers::Administrators } else { Writers::Others(why) }
}

/// Looks at the access list of the path and at those of the folders above it.
#[cfg(windows)]
pub fn of(path: &Path) -> Writers {
    use crate::windows::access::{Audience, How, writers};

    let found = match writers(path, &Audience::Everyone, &crate::windows::api::descriptor) {
        Ok(found) => found,
        Err(error) => return Writers::CannotTell(error.to_string()),
    };
    let mut why: Vec<String> = found
        .iter()
        .map(|writer| {
            let place = writer.path.display();
            match writer.how {
                How::Granted => format!("{} may change {place}", writer.trustee),
                How::Owner => format!("{} owns {place}", writer.trustee),
                How::NoList => format!("{place} has no access list"),
            }
        })
        .collect();
    why.dedup();
    if why.is_empty() { Writers::Administrators } else { Writers::Others(why) }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn a_folder_that_everybody_may_write_to_is_named_also_above_the_binary() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("managed");
        fs::create_dir(&folder).unwrap();
        let binary = folder.join("f5-guard");
        fs::write(&binary, "").unwrap();
        for path in [&binary, &folder] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let before = of(&binary);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let Writers::Others(why) = of(&binary) else { panic!("the folder is open to everybody") };
        let sentence = format!("everybody may write to {}", folder.display());
        assert!(why.contains(&sentence), "{why:?}");
        // What is left depends on who runs the tests: only root's files can be the administrator's alone.
        match before {
            Writers::Administrators => assert_eq!(fs::metadata(&binary).unwrap().uid(), 0),
            Writers::Others(before) => assert!(!before.contains(&sentence), "{before:?}"),
            Writers::CannotTell(why) => panic!("{why}"),
        }
    }
}
