//! Finds Codex's home folder and hands the same choice on to a Codex that is started here.
//!
//! Creating the folder is left to the caller: Codex refuses to start with a `CODEX_HOME` that does not exist.

use std::path::PathBuf;
use std::process::Command;

use crate::system::{Env, System, non_empty};

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

/// The variables do not say where the home folder is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoHome {
    #[error(
        "Codex's home folder is unknown: neither CODEX_HOME nor {user_folder} is set. Set CODEX_HOME to it."
    )]
    NotSet {
        /// The variable that names the user's folder on this system.
        user_folder: &'static str,
    },
    /// It would be in the folder of whatever session it is asked in, and so perhaps a repository's.
    #[error("Codex's home folder is unknown: {variable} is not an absolute path. Set it to the whole path.")]
    Relative { variable: &'static str },
}

impl CodexHome {
    /// `$CODEX_HOME`, else `%USERPROFILE%\.codex` (Windows), else `~/.codex`. A variable set to nothing counts
    /// as absent.
    pub fn find(system: System, env: Env<'_>) -> Result<Self, NoHome> {
        let absolute = |variable, path: PathBuf| {
            if path.is_absolute() { Ok(path) } else { Err(NoHome::Relative { variable }) }
        };
        if let Some(path) = non_empty(env, "CODEX_HOME") {
            return Ok(Self { path: absolute("CODEX_HOME", path.into())?, origin: Origin::Variable });
        }
        let variables: &[&'static str] = match system {
            System::Windows => &["USERPROFILE", "HOME"],
            System::Unix | System::MacOs => &["HOME"],
        };
        let Some((variable, folder)) = variables.iter().find_map(|name| Some((*name, non_empty(env, name)?)))
        else {
            return Err(NoHome::NotSet { user_folder: variables.first().copied().unwrap_or("HOME") });
        };
        let folder = absolute(variable, folder.into())?;
        Ok(Self { path: folder.join(".codex"), origin: Origin::UserFolder })
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
    use std::path::Path;

    use super::*;

    /// An absolute path of the system that runs the tests.
    fn rooted(path: &str) -> String {
        if cfg!(windows) { format!("C:{path}") } else { path.to_owned() }
    }

    /// Values that begin with `/` are absolute on each system.
    fn find(system: System, variables: &[(&str, &str)]) -> Result<CodexHome, NoHome> {
        let value = |value: &str| if value.starts_with('/') { rooted(value) } else { value.to_owned() };
        CodexHome::find(system, &|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, text)| OsString::from(value(text)))
        })
    }

    #[test]
    fn codex_home_wins_over_the_users_folder() {
        let home = find(System::Unix, &[("CODEX_HOME", "/c"), ("HOME", "/h")]).unwrap();
        assert_eq!(home, CodexHome { path: rooted("/c").into(), origin: Origin::Variable });
    }

    #[test]
    fn an_empty_codex_home_counts_as_absent() {
        let home = find(System::MacOs, &[("CODEX_HOME", ""), ("HOME", "/h")]).unwrap();
        assert_eq!(
            home,
            CodexHome { path: Path::new(&rooted("/h")).join(".codex"), origin: Origin::UserFolder }
        );
    }

    #[test]
    fn windows_asks_userprofile_before_home_and_unix_never_asks_it() {
        let both = [("USERPROFILE", "/profile"), ("HOME", "/h")];
        assert_eq!(find(System::Windows, &both).unwrap().path, Path::new(&rooted("/profile")).join(".codex"));
        assert_eq!(find(System::Unix, &both).unwrap().path, Path::new(&rooted("/h")).join(".codex"));
    }

    #[test]
    fn without_any_variable_the_error_names_the_missing_one() {
        let error = find(System::Windows, &[]).unwrap_err();
        assert!(error.to_string().contains("USERPROFILE"), "{error}");
    }

    #[test]
    fn a_path_that_is_not_absolute_is_no_home() {
        for path in [".codex", "./x", "../x", "x/y", "~/.codex"] {
            let variables = [("CODEX_HOME", path), ("HOME", "/h")];
            let error = NoHome::Relative { variable: "CODEX_HOME" };
            assert_eq!(find(System::Unix, &variables), Err(error), "{path}");
        }
        let error = NoHome::Relative { variable: "HOME" };
        assert_eq!(find(System::Unix, &[("HOME", "h")]), Err(error));
        let error = NoHome::Relative { variable: "USERPROFILE" };
        assert_eq!(find(System::Windows, &[("USERPROFILE", "h"), ("HOME", "/h")]), Err(error));
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
