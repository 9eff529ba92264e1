//! What each scope means: folders, files, commands.

use std::path::{Path, PathBuf};

use super::summary::Report;
use super::{InstallError, print};
use crate::cli::{Format, InstallArgs};
use crate::codex::System;
use crate::codex::locate::{Codex, LocateError};
use crate::commands::setup::{self, needs_administrator, project_folder};
use crate::commands::uninstall;
use crate::file_edit::{FileEditError, NewFile};
use crate::installation::{
    ConfigPlace, Goal, Ledger, OurFolder, Scope, Surroundings, is_concerned, is_registered, launcher,
    managed_folder, our_commands, pair_goals, plain, prepare, project_files, system_files, system_goals,
    user_files,
};
use crate::registration::{
    Launcher, ManagedDirs, OurPlaces, Registration, RegistrationOptions, is_windows_safe,
};

/// One installation, decided on and not yet made.
pub struct Plan<'a> {
    pub scope: Scope,
    pub surroundings: &'a Surroundings,
    /// Where what is remembered lies, and the binary except for a project's.
    pub folder: OurFolder,
    /// The files of Codex's that are edited.
    pub files: Vec<ConfigPlace>,
    pub places: OurPlaces,
    /// The folder whose Codex sessions the question of trust is about.
    pub cwd: PathBuf,
    pub new_file: NewFile,
    /// Sentences for the summary.
    pub notes: Vec<String>,
    /// Variables that the model's commands shall not see.
    pub hidden: Vec<String>,
    registration: Registration,
    managed_dirs: ManagedDirs,
    format: Option<Format>,
    also_user: bool,
    scanner: PathBuf,
}

impl<'a> Plan<'a> {
    /// Decides; nothing is written.
    pub fn make(
        args: &InstallArgs,
        options: &RegistrationOptions,
        surroundings: &'a Surroundings,
    ) -> Result<Self, InstallError> {
        let scope = setup::scope(&args.target, surroundings.system)?;
        match scope {
            Scope::User => Self::user(args, options, surroundings),
            Scope::Project => Self::project(args, options, surroundings),
            Scope::System => Self::system(args, options, surroundings),
        }
    }

    fn user(
        args: &InstallArgs,
        options: &RegistrationOptions,
        surroundings: &'a Surroundings,
    ) -> Result<Self, InstallError> {
        let managed =
            surroundings.installed_managed_dir().map(|dir| managed_folder(surroundings.system, &dir));
        let places = surroundings.our_places(managed.as_ref());
        if let Some(file) = managed_registration(surroundings, &places) {
            if !args.also_user {
                return Err(InstallError::AlreadyManaged(file));
            }
        }
        let folder = surroundings.user_folder();
        let launcher = launcher(surroundings.system, &folder.binary(), &plain)?;
        Ok(Self {
            scope: Scope::User,
            surroundings,
            files: user_files(&surroundings.home).into(),
            cwd: surroundings.home.path.clone(),
            new_file: NewFile::Private,
            notes: Vec::new(),
            hidden: Vec::new(),
            registration: Registration::new(options, &launcher, None)?,
            managed_dirs: ManagedDirs::default(),
            format: args.format,
            also_user: args.also_user,
            scanner: folder.binary(),
            folder,
            places,
        })
    }

    fn project(
        args: &InstallArgs,
        options: &RegistrationOptions,
        surroundings: &'a Surroundings,
    ) -> Result<Self, InstallError> {
        let project = project_folder(args.target.dir.as_deref())?;
        let managed =
            surroundings.installed_managed_dir().map(|dir| managed_folder(surroundings.system, &dir));
        let places = surroundings.our_places(managed.as_ref());
        let mut notes = Vec::new();
        let double = |whose: &str, file: &Path, scope: &str| {
            format!(
                "WARNING: {whose} registers f5-guard too ({}), so everything in this project is scanned twice. \
                 Remove one: f5-guard uninstall --scope {scope}.",
                file.display()
            )
        };
        if let Some(file) = managed_registration(surroundings, &places) {
            notes.push(double("This machine", &file, "system"));
        }
        for place in user_files(&surroundings.home) {
            if is_registered(std::slice::from_ref(&place), &places).unwrap_or(false) {
                notes.push(double("Your own Codex", &place.path, "user"));
            }
        }
        notes.push(
            "Everybody who works here needs f5-guard on PATH or in their Codex home; without it Codex is told to \
             block (but for Stop)."
                .into(),
        );
        Ok(Self {
            scope: Scope::Project,
            surroundings,
            folder: surroundings.user_folder(),
            files: project_files(&project).into(),
            places,
            cwd: project,
            new_file: NewFile::Private,
            notes,
            hidden: Vec::new(),
            registration: print::project_registration(options, false)?,
            managed_dirs: ManagedDirs::default(),
            format: args.format,
            also_user: true,
            scanner: surroundings.executable.clone(),
        })
    }

    fn system(
        args: &InstallArgs,
        options: &RegistrationOptions,
        surroundings: &'a Surroundings,
    ) -> Result<Self, InstallError> {
        needs_administrator(surroundings, args.target.dry_run)?;
        let there = surroundings.installed_managed_dir();
        let dir = match (&args.target.managed_dir, there) {
            (Some(given), _) if !given.is_absolute() => {
                return Err(InstallError::RelativeManagedDir(given.clone()));
            }
            (Some(given), Some(there)) if *given != there => {
                return Err(InstallError::ManagedElsewhere(there));
            }
            (Some(given), _) => given.clone(),
            (None, Some(there)) => there,
            (None, None) => surroundings.managed_dir.clone(),
        };
        let folder = managed_folder(surroundings.system, &dir);
        let launcher = managed_launcher(surroundings.system, &folder)?;
        let on_windows = matches!(launcher, Launcher::Windows { .. });
        let registration = Registration::new(options, &launcher, on_windows.then_some(&launcher))?;
        let dir = dir.to_string_lossy().into_owned();
        let managed_dirs = if on_windows {
            ManagedDirs { managed_dir: None, windows_managed_dir: Some(dir) }
        } else {
            ManagedDirs { managed_dir: Some(dir), windows_managed_dir: None }
        };
        let notes = vec![
            "Other users' own registrations are theirs: where there are any, they scan everything a second time \
             until each of those users runs `f5-guard uninstall --scope user`."
                .into(),
        ];
        Ok(Self {
            scope: Scope::System,
            surroundings,
            files: system_files(&surroundings.system_folder).into(),
            places: surroundings.our_places(Some(&folder)),
            cwd: surroundings.home.path.clone(),
            new_file: NewFile::Public,
            notes,
            hidden: Vec::new(),
            registration,
            managed_dirs,
            format: args.format,
            also_user: args.also_user,
            scanner: folder.binary(),
            folder,
        })
    }

    /// What each file shall say.
    pub fn goals(&self) -> Result<Vec<Goal>, FileEditError> {
        let format = self.format.map(Into::into);
        match self.files.as_slice() {
            [config, hooks] => {
                let files = [config.clone(), hooks.clone()];
                let mut goals = pair_goals(files, Some(&self.registration), format, &self.places)?;
                if let Some(config) = goals.first_mut() {
                    config.wanted.hidden.clone_from(&self.hidden);
                }
                Ok(goals)
            }
            [requirements, config, hooks] => Ok(system_goals(
                [requirements.clone(), config.clone(), hooks.clone()],
                &self.registration,
                self.managed_dirs.clone(),
            )),
            _ => Ok(Vec::new()),
        }
    }

    /// Where this binary is copied to; a project's registration names none.
    pub fn binary(&self) -> Option<PathBuf> {
        (self.scope != Scope::Project).then(|| self.folder.binary())
    }

    /// The binary that tries the scan.
    pub fn scanner(&self) -> &Path {
        &self.scanner
    }

    /// What a managed installation would change in the user's own files.
    pub fn user_level_diff(&self) -> Result<String, InstallError> {
        if self.scope != Scope::System {
            return Ok(String::new());
        }
        let user = self.surroundings.user_folder();
        let ledger = Ledger::open(&user, NewFile::Private);
        if let Some(goals) = self.user_goals()? {
            return Ok(prepare(goals, &ledger, &self.places)?
                .iter()
                .map(crate::installation::Edit::diff)
                .collect());
        }
        Ok(String::new())
    }

    /// The user's own files beside a managed registration: ours and the Python integration's go, or with
    /// `--also-user` ours are there.
    fn user_goals(&self) -> Result<Option<Vec<Goal>>, FileEditError> {
        let files = user_files(&self.surroundings.home);
        if self.also_user {
            if is_registered(&files, &self.places)? {
                return Ok(None);
            }
            return pair_goals(files, Some(&self.registration), self.format.map(Into::into), &self.places)
                .map(Some);
        }
        if !is_concerned(&files, &self.places)? {
            return Ok(None);
        }
        pair_goals(files, None, None, &self.places).map(Some)
    }

    /// After a managed registration was written: no second scan through the user's own files.
    pub fn clean_user_level(
        &self,
        codex: &Result<Codex, LocateError>,
        report: &mut Report,
    ) -> Result<(), InstallError> {
        if self.scope != Scope::System {
            return Ok(());
        }
        let found = codex.as_ref().map_err(ToString::to_string);
        let files = user_files(&self.surroundings.home);
        if !self.also_user && is_registered(&files, &self.places)? {
            let outcome = uninstall::remove_user(self.surroundings, &self.places, found.clone())?;
            report.notes.push(
                "Your own registration was removed, because everything would be scanned twice (--also-user keeps it)."
                    .into(),
            );
            report.notes.extend(outcome.notes);
        }
        if let Some(goals) = self.user_goals()? {
            uninstall::edit_user(self.surroundings, &self.places, goals, found, report_into(report))?;
        }
        Ok(())
    }
}

fn report_into(
    report: &mut Report,
) -> impl FnMut(&[crate::installation::Edit], Vec<PathBuf>, Vec<String>) + '_ {
    |edits, backups, notes| {
        report.edits(edits, &[]);
        report.backups.extend(backups);
        report.notes.extend(notes);
    }
}

/// The commands of ours that the scope's files register now.
pub fn registered_commands(
    args: &InstallArgs,
    surroundings: &Surroundings,
) -> Result<Vec<String>, InstallError> {
    let managed = surroundings.installed_managed_dir().map(|dir| managed_folder(surroundings.system, &dir));
    let places = surroundings.our_places(managed.as_ref());
    let files: Vec<ConfigPlace> = match setup::scope(&args.target, surroundings.system)? {
        Scope::User => user_files(&surroundings.home).into(),
        Scope::Project => project_files(&project_folder(args.target.dir.as_deref())?).into(),
        Scope::System => system_files(&surroundings.system_folder).into(),
    };
    Ok(our_commands(&files, &places)?)
}

/// The administrator's file that registers f5-guard, if one does.
fn managed_registration(surroundings: &Surroundings, places: &OurPlaces) -> Option<PathBuf> {
    // What can't be read says nothing; it is not ours to complain about here.
    let registers = |place: &ConfigPlace| is_registered(std::slice::from_ref(place), places).unwrap_or(false);
    system_files(&surroundings.system_folder).into_iter().find(registers).map(|place| place.path)
}

fn managed_launcher(system: System, folder: &OurFolder) -> Result<Launcher, InstallError> {
    let binary = folder.binary();
    match binary.to_str() {
        // The folder need not exist yet, so a plain path is taken as it is.
        Some(text) if system == System::Windows && is_windows_safe(text) => {
            Ok(Launcher::Windows { binary: text.to_owned() })
        }
        _ => Ok(launcher(system, &binary, &plain)?),
    }
}
