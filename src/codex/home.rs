//! Finds Codex's home folder and hands the same choice on to a Codex that is started here.
//!
//! Creating the folder is left to the caller: Codex refuses to start with a `CODEX_HOME` that does not exist.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Env, System, non_empty};

/// How the home folder was chosen. It matters beyond display: Codex resolves links in `CODEX_HOME` but not in
/// the default folder, and the resolved path is part of every trust key. A Codex asked about trust must thus
/// be told its home the way the user's own Codex is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The variable `CODEX_HOME`.
    Variable,
    /// `.codex` in the user's own folder.
    UserFolder,
}

/// Codex's home folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodexHome {
    /// The folder, as it was named (links unresolved).
    pub path: PathBuf,
    /// Who named it.
    pub origin: Origin,
}

/// No variable says where the home folder is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Codex's home folder is unknown: neither CODEX_HOME nor {user_folder} is set. Set CODEX_HOME to it.")]
pub struct NoHome {
    /// The variable that names the user's folder on this system.
    pub user_folder: &'static str,
}

impl CodexHome {
    /// `$CODEX_HOME`, else `%USERPROFILE%\.codex` (Windows), else `~/.codex`. A variable set to nothing counts
    /// as absent.
    pub fn find(system: System, env: &Env<'_>) -> Result<Self, NoHome> {
        if let Some(path) = non_empty(env, "CODEX_HOME") {
            return Ok(Self { path: path.into(), origin: Origin::Variable });
        }
        let variables: &[&str] = match system {
            System::Windows => &["USERPROFILE", "HOME"],
            System::Unix | System::MacOs => &["HOME"],
        };
        variables
            .iter()
            .find_map(|name| non_empty(env, name))
            .map(|folder| Self { path: Path::new(&folder).join(".codex"), origin: Origin::UserFolder })
            .ok_or(NoHome { user_folder: variables.first().copied().unwrap_or("HOME") })
    }

    /// The user's `config.toml`, which also holds every trust record.
    pub fn config_toml(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// Makes a Codex that is about to be started use this home.
    pub fn apply(&self, command: &mut Command) {
        match self.origin {
            Origin::Variable => {
                command.env("CODEX_HOME", &self.path);
            }
            Origin::UserFolder => {
                command.env_remove("CODEX_HOME");
                if let Some(folder) = self.path.parent() {
                    command.env(if cfg!(windows) { "USERPROFILE" } else { "HOME" }, folder);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn find(system: System, variables: &[(&str, &str)]) -> Result<CodexHome, NoHome> {
        CodexHome::find(system, &|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn codex_home_wins_over_the_users_folder() {
        let home = find(System::Unix, &[("CODEX_HOME", "/c"), ("HOME", "/h")]).unwrap();
        assert_eq!(home, CodexHome { path: "/c".into(), origin: Origin::Variable });
    }

    #[test]
    fn an_empty_codex_home_counts_as_absent() {
        let home = find(System::MacOs, &[("CODEX_HOME", ""), ("HOME", "/h")]).unwrap();
        assert_eq!(home, CodexHome { path: Path::new("/h").join(".codex"), origin: Origin::UserFolder });
    }

    #[test]
    fn windows_asks_userprofile_before_home_and_unix_never_asks_it() {
        let both = [("USERPROFILE", "/profile"), ("HOME", "/h")];
        assert_eq!(find(System::Windows, &both).unwrap().path, Path::new("/profile").join(".codex"));
        assert_eq!(find(System::Unix, &both).unwrap().path, Path::new("/h").join(".codex"));
    }

    #[test]
    fn without_any_variable_the_error_names_the_missing_one() {
        let error = find(System::Windows, &[]).unwrap_err();
        assert!(error.to_string().contains("USERPROFILE"), "{error}");
    }

    #[test]
    fn the_default_folder_is_not_passed_on_as_codex_home() {
        let home = find(System::Unix, &[("HOME", "/h")]).unwrap();
        let mut command = Command::new("codex");
        home.apply(&mut command);
        let set: Vec<_> = command.get_envs().collect();
        assert!(set.contains(&("CODEX_HOME".as_ref(), None)), "{set:?}");
    }
}
