//! What each scope means: folders, files, commands.

use std::path::{Path, PathBuf};

use super::summary::Report;
use super::target::{self, needs_administrator};
use super::{InstallError, print};
use crate::cli::InstallArgs;
use crate::codex::layers::ConfigFile;
use crate::codex::layers::Layer;
use crate::file_edit::{FileEditError, NewFile, Obstacle, starts_no_program};
use crate::installation::{
    Format, Goal, InstallContext, InstallDir, Privilege, RegisteredCommand, Scope, is_registered, launcher,
    managed_folder, our_commands, pair_goals, plain, project_files, system_files, system_goals, user_files,
};
use crate::printable::printable;
use crate::registration::{
    KnownBinaries, Launcher, ManagedDirs, Registration, RegistrationOptions, is_windows_safe,
};
use crate::system::System;

/// One installation, decided on and not yet made.
pub struct Plan<'a> {
    pub scope: Scope,
    pub context: &'a InstallContext,
    /// Where what is remembered lies, and the binary except for a project's.
    pub folder: InstallDir,
    /// The files of Codex's that are edited.
    pub files: Vec<ConfigFile>,
    pub places: KnownBinaries,
    /// The folder whose Codex sessions the question of trust is about.
    pub cwd: PathBuf,
    pub new_file: NewFile,
    /// Sentences for the summary.
    pub notes: Vec<String>,
    /// Variables that the model's commands shall not see.
    pub hidden: Vec<String>,
    pub registration: Registration,
    managed_dirs: ManagedDirs,
    format: Option<Format>,
    scanner: PathBuf,
    /// No file of Codex's is edited.
    binary_only: bool,
    /// A folder without which Codex would not look for the project's hooks.
    pub anchor: Option<PathBuf>,
}

impl<'a> Plan<'a> {
    /// Decides; nothing is written.
    pub fn make(
        args: &InstallArgs,
        options: &RegistrationOptions,
        context: &'a InstallContext,
    ) -> Result<Self, InstallError> {
        let scope = target::scope(&args.target, context.system)?;
        match scope {
            Scope::User => Self::user(args, options, context),
            Scope::Project => Self::project(args, options, context),
            Scope::System => Self::system(args, options, context),
        }
    }

    fn user(
        args: &InstallArgs,
        options: &RegistrationOptions,
        context: &'a InstallContext,
    ) -> Result<Self, InstallError> {
        let managed = context.installed_managed_dir().map(|dir| managed_folder(context.system, &dir));
        let places = context.known_binaries(Layer::User, managed.as_ref());
        if let Some(file) = managed_registration(context) {
            if !args.also_user && !args.binary_only {
                return Err(InstallError::AlreadyManaged(file));
            }
        }
        let folder = context.user_folder();
        let launcher = launcher(context.system, &folder.binary(), &plain)?;
        Ok(Self {
            scope: Scope::User,
            context,
            files: user_files(&context.home).into(),
            cwd: context.home.path.clone(),
            new_file: NewFile::Private,
            notes: sudo_note(context).into_iter().collect(),
            hidden: Vec::new(),
            registration: Registration::new(options, &launcher, None)?,
            managed_dirs: ManagedDirs::default(),
            format: args.format,
            scanner: folder.binary(),
            folder,
            places,
            binary_only: args.binary_only,
            anchor: None,
        })
    }

    fn project(
        args: &InstallArgs,
        options: &RegistrationOptions,
        context: &'a InstallContext,
    ) -> Result<Self, InstallError> {
        let project = target::project(args.target.dir.as_deref())?;
        let managed = context.installed_managed_dir().map(|dir| managed_folder(context.system, &dir));
        let users = context.known_binaries(Layer::User, managed.as_ref());
        let mut notes = Vec::new();
        let double = |whose: &str, file: &Path, scope: &str| {
            format!(
                "WARNING: {whose} registers f5-guard too ({}), so everything in this project is scanned twice. \
                 Remove one: f5-guard uninstall --scope {scope}.",
                file.display()
            )
        };
        if let Some(file) = managed_registration(context) {
            notes.push(double("This machine", &file, "system"));
        }
        for place in user_files(&context.home) {
            if is_registered(std::slice::from_ref(&place), &users).unwrap_or(false) {
                notes.push(double("Your own Codex", &place.path, "user"));
            }
        }
        if project.is_elsewhere() {
            notes.push(format!(
                "This is a linked worktree, and Codex takes its hooks from the main checkout: they are registered in {}. \
                 Codex looks there only from worktrees that have a .codex folder of their own.",
                project.hooks.join(".codex").display()
            ));
        }
        notes.push(
            "Everybody who works here needs f5-guard on PATH or in their Codex home; without it Codex has to \
             block (but for Stop)."
                .into(),
        );
        Ok(Self {
            scope: Scope::Project,
            context,
            folder: context.user_folder(),
            files: project_files(&project.hooks).into(),
            places: context.known_binaries(Layer::Project, None),
            anchor: project.is_elsewhere().then(|| project.folder.join(".codex")),
            cwd: project.folder,
            new_file: NewFile::Private,
            notes,
            hidden: Vec::new(),
            registration: print::project_registration(options, false)?,
            managed_dirs: ManagedDirs::default(),
            format: args.format,
            scanner: context.executable.clone(),
            binary_only: false,
        })
    }

    fn system(
        args: &InstallArgs,
        options: &RegistrationOptions,
        context: &'a InstallContext,
    ) -> Result<Self, InstallError> {
        needs_administrator(context, args.target.dry_run)?;
        let dir = managed_dir(args, context)?;
        let folder = managed_folder(context.system, &dir);
        let launcher = managed_launcher(context.system, &folder)?;
        let on_windows = matches!(launcher, Launcher::Windows { .. });
        let registration = Registration::new(options, &launcher, on_windows.then_some(&launcher))?;
        let managed_dirs = ManagedDirs::on(context.system, &dir);
        let notes = vec![
            "No user's folder was touched. Where users have registered f5-guard for themselves, everything of theirs is \
             scanned twice until each of them runs `f5-guard uninstall --scope user`."
                .into(),
        ];
        Ok(Self {
            scope: Scope::System,
            context,
            files: system_files(&context.system_folder).into(),
            places: context.known_binaries(Layer::System, Some(&folder)),
            cwd: folder.path.clone(),
            new_file: NewFile::Public,
            notes,
            hidden: Vec::new(),
            registration,
            managed_dirs,
            format: args.format,
            scanner: folder.binary(),
            folder,
            binary_only: false,
            anchor: None,
        })
    }

    /// What each file shall say.
    pub fn goals(&self) -> Result<Vec<Goal>, FileEditError> {
        if self.binary_only {
            return Ok(Vec::new());
        }
        match self.files.as_slice() {
            [config, hooks] => {
                let files = [config.clone(), hooks.clone()];
                let mut goals = pair_goals(files, Some(&self.registration), self.format, &self.places)?;
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

    /// Refuses a place from which no hook could start the binary, or to which it can't be copied.
    ///
    /// # Errors
    /// The reason.
    pub fn check_binarys_place(&self) -> Result<(), InstallError> {
        let Some(binary) = self.binary() else { return Ok(()) };
        self.folder.check()?;
        if let Some(obstacle) = Obstacle::at(&binary) {
            return Err(FileEditError::InTheWay { path: binary, obstacle }.into());
        }
        match starts_no_program(&binary) {
            true => Err(InstallError::StartsNoProgram { folder: self.folder.path.clone() }),
            false => Ok(()),
        }
    }

    /// The binary that tries the scan.
    pub fn scanner(&self) -> &Path {
        &self.scanner
    }

    /// Whether the scan at the end may be tried; why not goes into the report.
    pub fn scanner_may_be_started(&self, report: &mut Report) -> bool {
        let privilege = match self.scope {
            Scope::System => self.context.privilege,
            Scope::User | Scope::Project => Privilege::among_users(),
        };
        match privilege.may_start(&self.scanner) {
            Ok(()) => true,
            Err(shared) => {
                report.notes.push(format!("No scan was tried with administrator's rights: {shared}."));
                false
            }
        }
    }
}

/// For somebody who ran `sudo` and meant their own Codex.
fn sudo_note(context: &InstallContext) -> Option<String> {
    let user = std::env::var_os("SUDO_USER").filter(|user| !user.is_empty() && user != "root")?;
    (context.privilege == Privilege::Administrator).then(|| {
        format!(
            "This was registered for root. For {} run it again without sudo.",
            printable(&user.to_string_lossy(), 60)
        )
    })
}

/// The folder of a managed installation: the one that is there, else the one that is given, else the usual one.
pub fn managed_dir(args: &InstallArgs, context: &InstallContext) -> Result<PathBuf, InstallError> {
    match (&args.target.managed_dir, context.installed_managed_dir()) {
        (Some(given), Some(there)) if *given != there => Err(InstallError::ManagedElsewhere(there)),
        (Some(given), _) => Ok(given.clone()),
        (None, Some(there)) => Ok(there),
        (None, None) => Ok(context.managed_dir.clone()),
    }
}

/// The hooks of ours that the scope's files register now.
pub fn registered_commands(
    args: &InstallArgs,
    context: &InstallContext,
) -> Result<Vec<RegisteredCommand>, InstallError> {
    let managed = context.installed_managed_dir().map(|dir| managed_folder(context.system, &dir));
    let scope = target::scope(&args.target, context.system)?;
    let places = context.known_binaries(scope.layer(), managed.as_ref());
    let files: Vec<ConfigFile> = match scope {
        Scope::User => user_files(&context.home).into(),
        Scope::Project => project_files(&target::project(args.target.dir.as_deref())?.hooks).into(),
        Scope::System => system_files(&context.system_folder).into(),
    };
    Ok(our_commands(&files, &places)?)
}

/// The administrator's file that registers f5-guard, if one does.
fn managed_registration(context: &InstallContext) -> Option<PathBuf> {
    let managed = context.installed_managed_dir().map(|dir| managed_folder(context.system, &dir));
    let places = &context.known_binaries(Layer::System, managed.as_ref());
    // What can't be read says nothing; it is not ours to complain about here.
    let registers = |place: &ConfigFile| is_registered(std::slice::from_ref(place), places).unwrap_or(false);
    system_files(&context.system_folder).into_iter().find(registers).map(|place| place.path)
}

fn managed_launcher(system: System, folder: &InstallDir) -> Result<Launcher, InstallError> {
    let binary = folder.binary();
    match binary.to_str() {
        // The folder need not exist yet, so a plain path is taken as it is.
        Some(text) if system == System::Windows && is_windows_safe(text) => {
            Ok(Launcher::Windows { binary: text.to_owned() })
        }
        _ => Ok(launcher(system, &binary, &plain)?),
    }
}
