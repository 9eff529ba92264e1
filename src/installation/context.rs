//! Everything outside that an installation depends on, read once.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::goals::is_registered;
use super::launch::LaunchError;
use super::places::{self, FLEET_BINARIES, InstallDir, user_folder};
use super::state::InstallState;
use super::state_file::StateFile;
use crate::access::Privilege;
use crate::codex::home::{CodexHome, NoHome};
use crate::codex::layers;
use crate::codex::layers::{ConfigFile, Layer};
use crate::file_edit::{FileEditError, real_path};
use crate::registration::{KnownBinaries, Python, document};
use crate::system::Env;
use crate::system::System;

/// The machine and the user, as far as installing is concerned.
#[derive(Debug, Clone)]
pub struct InstallContext {
    pub system: System,
    /// Codex's home, as an absolute path.
    pub home: CodexHome,
    /// The administrator's folder, where `requirements.toml` is.
    pub system_folder: PathBuf,
    /// Where a managed binary goes when nobody names another folder.
    pub managed_dir: PathBuf,
    /// The running binary.
    pub executable: PathBuf,
    pub privilege: Privilege,
}

/// Why nothing can be installed or removed here.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    #[error(transparent)]
    NoHome(#[from] NoHome),
    #[error("the running f5-guard can't be found: {0}")]
    Executable(io::Error),
    #[error("the folder that this was started in can't be found: {0}")]
    WorkingFolder(io::Error),
}

impl InstallContext {
    /// Those of this process.
    pub fn of_this_process(env: Env<'_>) -> Result<Self, ContextError> {
        let system = System::this();
        let env: Env<'_> = &|name| system_variable(name).or_else(|| env(name));
        let mut home = CodexHome::find(system, env)?;
        home.path = std::path::absolute(&home.path).map_err(ContextError::WorkingFolder)?;
        Ok(Self {
            system,
            home,
            system_folder: layers::system_folder(system, env),
            managed_dir: places::default_managed_dir(system, env),
            executable: std::env::current_exe().map_err(ContextError::Executable)?,
            privilege: Privilege::of_this_process(),
        })
    }

    /// The user's installation.
    pub fn user_folder(&self) -> InstallDir {
        user_folder(self.system, &self.home)
    }

    /// Which commands are ours in the files of a layer. `managed` is where an administrator put the machine's binary, if
    /// not at its default place.
    ///
    /// A binary of the user's means nothing in the administrator's files, and none means anything in a project's.
    pub fn known_binaries(&self, layer: Layer, managed: Option<&InstallDir>) -> KnownBinaries {
        if layer == Layer::Project {
            return KnownBinaries::default();
        }
        let default = InstallDir::new(self.managed_dir.clone(), self.system);
        let mut folders: Vec<InstallDir> = [default].into_iter().chain(managed.cloned()).collect();
        let own = if layer == Layer::User { Some(self.user_folder()) } else { managed.cloned() };
        // A home that was moved, or is named through a link now and was not before, left its name in the commands.
        let recorded =
            own.and_then(|folder| StateFile::read(&folder.state_file()).ok()).unwrap_or_default().binaries;
        if layer == Layer::User {
            folders.push(self.user_folder());
            if let Ok(path) = real_path(&self.home.path) {
                let home = CodexHome { path, origin: self.home.origin };
                folders.push(user_folder(self.system, &home));
            }
        }
        let folders: Vec<&InstallDir> = folders.iter().collect();
        let more = FLEET_BINARIES.into_iter().map(str::to_owned).chain(recorded);
        places::known_binaries(&folders, more, &|path| plain(path).ok())
    }

    /// Whether an installation put the binary into `folder`: its state file or one of `files` says so. A file of that name
    /// can also be the user's own, such as a script that starts f5-guard.
    ///
    /// # Errors
    /// [`FileEditError`] for a file that can't be read.
    pub fn owns_binary(
        &self,
        folder: &InstallDir,
        state: &InstallState,
        files: &[ConfigFile],
    ) -> Result<bool, FileEditError> {
        if !state.record.binaries.is_empty() {
            return Ok(true);
        }
        let real = real_path(&folder.path).unwrap_or_else(|_| folder.path.clone());
        let real = InstallDir::new(real, self.system);
        let places = places::known_binaries(&[folder, &real], [], &|path| plain(path).ok());
        is_registered(files, &KnownBinaries { python: Python::LeftAlone, ..places })
    }
}

/// On Windows `%ProgramData%` as the system knows it: the variable can be set by the user who starts the process.
#[cfg(windows)]
fn system_variable(name: &str) -> Option<OsString> {
    if name != "ProgramData" {
        return None;
    }
    crate::windows::api::program_data().ok().map(OsString::from)
}

#[cfg(not(windows))]
fn system_variable(_name: &str) -> Option<OsString> {
    None
}

/// The spelling of a path that needs no quoting in Windows' shells. The folders that need shortening must exist.
///
/// # Errors
/// [`LaunchError::NotPlain`] where there is none.
#[cfg(windows)]
pub fn plain(path: &Path) -> Result<String, LaunchError> {
    let is_plain = |name: &str| crate::registration::is_windows_safe(&format!(r"C:\{name}"));
    crate::windows::plain_path::plain_form(path, &is_plain, &crate::windows::api::short_path)
        .map_err(|error| LaunchError::NotPlain(error.to_string()))
}

/// The path as it is: only Windows has other spellings.
#[cfg(not(windows))]
pub fn plain(path: &Path) -> Result<String, LaunchError> {
    path.to_str().map(str::to_owned).ok_or_else(|| LaunchError::NotUnicode(path.into()))
}

impl InstallContext {
    /// The managed folder of an installation that is there: the one that the requirements name, if its state file says
    /// that it is ours.
    pub fn installed_managed_dir(&self) -> Option<PathBuf> {
        let [requirements, ..] = places::system_files(&self.system_folder);
        self.privilege.may_use(&requirements.path).ok()?;
        let bytes = std::fs::read(&requirements.path).ok()?;
        let document = document(requirements.format, &bytes).ok()?;
        let key = match self.system {
            System::Windows => "windows_managed_dir",
            System::Unix | System::MacOs => "managed_dir",
        };
        let folder = PathBuf::from(document.get("hooks")?.get(key)?.as_str()?);
        InstallDir::new(folder.clone(), self.system).state_file().is_file().then_some(folder)
    }
}
