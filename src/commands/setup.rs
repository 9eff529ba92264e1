//! What `install` and `uninstall` have in common: which installation is meant, who may change it, which Codex is asked.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::Target;
use crate::codex::System;
use crate::codex::locate::{self, Codex, LocateError};
use crate::installation::{Privilege, Scope, Surroundings};

/// How long Codex may take for each answer.
pub const CODEX_TIME: Duration = Duration::from_secs(30);
/// How long another installation may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Which installation is meant makes no sense, or is not for this user.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error(
        "--scope system needs {who}, because it changes what runs for everybody on this machine; run it again as \
         {who}, or use --scope user for yourself alone"
    )]
    NeedsAdministrator { who: &'static str },
    #[error("{} is no folder", .0.display())]
    NoProject(PathBuf),
    #[error("a folder can only be given with --scope project")]
    StrayFolder,
    #[error("--managed-dir can only be given with --scope system")]
    StrayManagedDir,
}

/// The scope that is meant.
///
/// # Errors
/// [`TargetError`] where another option belongs to another scope.
pub fn scope(target: &Target, system: System) -> Result<Scope, TargetError> {
    let scope = target.scope.map_or(Scope::default_for(system), Scope::from);
    if target.dir.is_some() && scope != Scope::Project {
        return Err(TargetError::StrayFolder);
    }
    if target.managed_dir.is_some() && scope != Scope::System {
        return Err(TargetError::StrayManagedDir);
    }
    Ok(scope)
}

/// Refuses what only an administrator may do; a dry run writes nothing.
///
/// # Errors
/// [`TargetError::NeedsAdministrator`].
pub fn needs_administrator(surroundings: &Surroundings, dry_run: bool) -> Result<(), TargetError> {
    if dry_run || surroundings.privilege == Privilege::Administrator {
        return Ok(());
    }
    let who = match surroundings.system {
        System::Windows => "Administrator",
        System::Unix | System::MacOs => "root (sudo)",
    };
    Err(TargetError::NeedsAdministrator { who })
}

/// The named folder, or the repository around the current one.
///
/// # Errors
/// [`TargetError::NoProject`].
pub fn project_folder(given: Option<&Path>) -> Result<PathBuf, TargetError> {
    let here = std::path::absolute(given.unwrap_or(Path::new("."))).unwrap_or_default();
    if !here.is_dir() {
        return Err(TargetError::NoProject(here));
    }
    if given.is_some() {
        return Ok(here);
    }
    let repository = here.ancestors().find(|folder| folder.join(".git").exists());
    Ok(repository.unwrap_or(&here).to_path_buf())
}

/// A Codex that was named must be there; that none is found otherwise is no error.
///
/// # Errors
/// [`LocateError`] for the named one.
pub fn find_codex(named: Option<&Path>, system: System) -> Result<Result<Codex, LocateError>, LocateError> {
    let found = locate::locate(named, system, &|name| std::env::var_os(name));
    match (found, named) {
        (Err(error), Some(_)) => Err(error),
        (found, _) => Ok(found),
    }
}

/// Writes to stdout. Nothing can be done about a closed one.
pub fn say(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Writes to stderr.
pub fn say_error(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codex::home::{CodexHome, Origin};

    fn surroundings(privilege: Privilege) -> Surroundings {
        Surroundings {
            system: System::Unix,
            home: CodexHome { path: "/nowhere/.codex".into(), origin: Origin::UserFolder },
            system_folder: "/nowhere/etc".into(),
            managed_dir: "/nowhere/opt".into(),
            executable: "/nowhere/f5-guard".into(),
            privilege,
        }
    }

    #[test]
    fn only_an_administrator_installs_for_everybody_but_anybody_may_look() {
        let ordinary = surroundings(Privilege::Ordinary);
        let error = needs_administrator(&ordinary, false).unwrap_err().to_string();
        assert!(error.contains("root (sudo)") && error.contains("--scope user"), "{error}");
        assert!(needs_administrator(&ordinary, true).is_ok());
        assert!(needs_administrator(&surroundings(Privilege::Administrator), false).is_ok());
    }
}
