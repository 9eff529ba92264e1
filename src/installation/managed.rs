//! Whether this program is an administrator's.

use std::path::Path;

use super::places::{default_managed_dir, managed_folder, user_folder};
use crate::access::{Privilege, Writers, writers};
use crate::codex::home::CodexHome;
use crate::file_edit::same_place;
use crate::system::{Env, System};

/// Whether an administrator put the running program here, as that of a managed registration is: nobody else can change it.
/// Root could change any; for root it is one outside of the user's own folder that an installation put there.
pub fn is_managed_program(env: Env<'_>) -> bool {
    // Where that is unknown, it counts as one.
    std::env::current_exe().map_or(true, |program| is_managed(&program, env))
}

/// The same of another program.
pub fn is_managed(program: &Path, env: Env<'_>) -> bool {
    let system = System::this();
    let Some(folder) = program.parent() else { return false };
    if same_place(folder, &default_managed_dir(system, env)) {
        return true;
    }
    match Privilege::among_users() {
        Privilege::Ordinary => !matches!(writers(program), Writers::Others(_)),
        Privilege::Administrator => {
            let own = CodexHome::find(system, env).map(|home| user_folder(system, &home));
            managed_folder(system, folder).state_file().exists()
                && !own.is_ok_and(|own| same_place(folder, &own.path))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;

    use super::*;

    #[test]
    fn a_users_own_program_is_not_an_administrators() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().canonicalize().unwrap();
        let env = |name: &str| (name == "CODEX_HOME").then(|| OsString::from(&home));
        let own = home.join("hooks").join("f5_guardrails");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("installation.json"), "{}").unwrap();
        fs::write(own.join("f5-guard"), "").unwrap();
        assert!(!is_managed(&own.join("f5-guard"), &env));
        fs::write(home.join("f5-guard"), "").unwrap();
        assert!(!is_managed(&home.join("f5-guard"), &env));
    }

    #[cfg(unix)]
    #[test]
    fn what_root_alone_can_change_is_an_administrators() {
        let env = |_: &str| None;
        // For root it is not, because nothing says that an installation put it there.
        let is_root = Privilege::among_users() == Privilege::Administrator;
        let shell = Path::new("/bin/sh").canonicalize().unwrap();
        assert_eq!(is_managed(&shell, &env), !is_root);
    }
}
