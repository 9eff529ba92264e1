//! Which installation `install` and `uninstall` mean, and who may change it.

use std::path::{Path, PathBuf};

use crate::access::Changeable;
use crate::cli::Target;
use crate::codex::home::CodexHome;
use crate::codex::layers::ConfigFile;
use crate::codex::worktree;
use crate::file_edit::same_place;
use crate::installation::{
    InstallContext, InstallDir, Privilege, Scope, project_files, system_files, user_files,
};
use crate::system::System;

/// Which installation is meant makes no sense, or is not for this user.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error(
        "--scope system needs {who}, because it changes what runs for everybody on this machine; run it again as \
         {who}, or use --scope user for yourself alone"
    )]
    NeedsAdministrator { who: &'static str },
    #[error("{} is not a folder", .0.display())]
    NoProject(PathBuf),
    #[error("a folder can only be given with --scope project")]
    StrayFolder,
    #[error("--managed-dir can only be given with --scope system")]
    StrayManagedDir,
    #[error("--managed-dir {} is not an absolute path", .0.display())]
    RelativeManagedDir(PathBuf),
    #[error(
        "{0}, and this runs as {administrator}, who works only where nobody else can change anything: what \
         {administrator} wrote there, that user's Codex might not even be able to read. Run it as that user{sudo}, or \
         use --scope system, which is for everybody on this machine and touches no user's folder",
        administrator = ADMINISTRATOR, sudo = if cfg!(unix) { ", without sudo" } else { "" }
    )]
    SomebodyElses(Changeable),
    #[error(
        "{} is, or leads to, your own Codex's configuration and not a project's; use --scope user for that, or put files \
         of the project's own there", .0.display()
    )]
    OwnFolder(PathBuf),
    #[error(
        "{0}, and what is registered for everybody must be {ADMINISTRATOR}'s alone: fix its owner and permissions"
    )]
    NotTheAdministrators(Changeable),
}

const ADMINISTRATOR: &str = if cfg!(windows) { "Administrator" } else { "root" };

/// The scope that is meant.
///
/// # Errors
/// [`TargetError`] where another option belongs to another scope.
pub fn scope(target: &Target, system: System) -> Result<Scope, TargetError> {
    let scope = target.scope.unwrap_or(Scope::default_for(system));
    if target.dir.is_some() && scope != Scope::Project {
        return Err(TargetError::StrayFolder);
    }
    if target.managed_dir.is_some() && scope != Scope::System {
        return Err(TargetError::StrayManagedDir);
    }
    if let Some(dir) = target.managed_dir.as_ref().filter(|dir| !dir.is_absolute()) {
        return Err(TargetError::RelativeManagedDir(dir.clone()));
    }
    Ok(scope)
}

/// Refuses what only an administrator may do; a dry run writes nothing.
pub fn needs_administrator(context: &InstallContext, dry_run: bool) -> Result<(), TargetError> {
    if dry_run || context.privilege == Privilege::Administrator {
        return Ok(());
    }
    let who = match context.system {
        System::Windows => "Administrator",
        System::Unix | System::MacOs => "root (sudo)",
    };
    Err(TargetError::NeedsAdministrator { who })
}

/// What an installation of this scope reads and writes: Codex's files, and the folder that remembers it.
///
/// With an administrator's rights it is refused where others can change it: they could have had what is there put there, or
/// lead elsewhere what is written. Nothing of it was read before this.
pub fn places(
    scope: Scope,
    context: &InstallContext,
    target: &Target,
    managed: &InstallDir,
) -> Result<(Vec<ConfigFile>, InstallDir), TargetError> {
    let user = context.user_folder();
    let mut found = None;
    let (files, folder): (Vec<ConfigFile>, InstallDir) = match scope {
        Scope::User => (user_files(&context.home).into(), user),
        Scope::Project => {
            let project = found.insert(project(target.dir.as_deref())?);
            (project_files(&project.hooks).into(), user)
        }
        Scope::System => (system_files(&context.system_folder).into(), managed.clone()),
    };
    let privilege = context.privilege;
    for place in files.iter().map(|file| &file.path).chain([&folder.path]) {
        match scope {
            Scope::System => privilege.may_use(place).map_err(TargetError::NotTheAdministrators)?,
            Scope::User | Scope::Project => {
                privilege.may_register_at(place).map_err(TargetError::SomebodyElses)?;
            }
        }
    }
    if let Some(project) = found {
        // An empty folder is put there, too.
        privilege.may_register_at(&project.folder).map_err(TargetError::SomebodyElses)?;
        refuse_own(&project.hooks, &context.home)?;
    }
    Ok((files, folder))
}

/// A project, and where its hooks are registered.
#[derive(Debug)]
pub struct Project {
    /// Whose sessions are meant.
    pub folder: PathBuf,
    /// The folder whose `.codex` Codex reads for them: the main checkout's where `folder` is a linked worktree's.
    pub hooks: PathBuf,
}

impl Project {
    pub fn is_elsewhere(&self) -> bool {
        self.folder != self.hooks
    }
}

/// The project of the named folder, or of the repository around the current one.
pub fn project(given: Option<&Path>) -> Result<Project, TargetError> {
    let folder = project_folder(given)?;
    let hooks = worktree::hooks_elsewhere(&folder).unwrap_or_else(|| folder.clone());
    Ok(Project { folder, hooks })
}

fn project_folder(given: Option<&Path>) -> Result<PathBuf, TargetError> {
    let here = std::path::absolute(given.unwrap_or(Path::new("."))).unwrap_or_default();
    if !here.is_dir() {
        return Err(TargetError::NoProject(here));
    }
    if given.is_some() {
        return Ok(here);
    }
    Ok(worktree::checkout(&here).unwrap_or(&here).to_path_buf())
}

/// A project that is, or whose files are links to, the user's own.
fn refuse_own(project: &Path, home: &CodexHome) -> Result<(), TargetError> {
    let folder = project.join(".codex");
    for name in ["", "config.toml", "hooks.json"] {
        let (theirs, own) = (folder.join(name), home.path.join(name));
        if same_place(&theirs, &own) {
            return Err(TargetError::OwnFolder(theirs));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codex::home::{CodexHome, Origin};

    fn context(privilege: Privilege) -> InstallContext {
        InstallContext {
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
        let ordinary = context(Privilege::Ordinary);
        let error = needs_administrator(&ordinary, false).unwrap_err().to_string();
        assert!(error.contains("root (sudo)") && error.contains("--scope user"), "{error}");
        assert!(needs_administrator(&ordinary, true).is_ok());
        assert!(needs_administrator(&context(Privilege::Administrator), false).is_ok());
    }
}
