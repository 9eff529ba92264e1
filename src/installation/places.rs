//! Which files and folders belong to an installation, for each scope.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::codex::home::CodexHome;
use crate::codex::layers::{ConfigFile, ConfigFormat, Layer};
use crate::event::Event;
use crate::file_edit::{EditLock, FileEditError, Snapshot, check_own_folder};
use crate::registration::{BINARY, FOLDER, KnownBinaries, Python};
use crate::system::{Env, System, program_data};

/// The state file's name, beside the binary.
const RECORD: &str = "installation.json";
/// The lock that one installation at a time holds.
const LOCK: &str = "installation.lock";

/// How long another installation may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A folder that holds our binary and what is remembered of the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallDir {
    pub path: PathBuf,
    system: System,
}

impl InstallDir {
    pub fn new(path: PathBuf, system: System) -> Self {
        Self { path, system }
    }

    /// The binary that the registered commands name.
    pub fn binary(&self) -> PathBuf {
        self.path.join(binary_name(self.system))
    }

    /// What is remembered of the edits to Codex's files, see `StateFile`.
    pub fn state_file(&self) -> PathBuf {
        self.path.join(RECORD)
    }

    pub fn lock(&self) -> PathBuf {
        self.path.join(LOCK)
    }

    /// Creates the folder where it is missing, and takes its lock.
    ///
    /// # Errors
    /// [`FileEditError`]; also where the folder leads elsewhere or belongs to somebody else.
    pub fn hold(&self, patience: Duration) -> Result<EditLock, FileEditError> {
        self.check()?;
        let lock = EditLock::acquire(&self.lock(), patience)?;
        self.check()?;
        Ok(lock)
    }

    /// Whether it is a folder, and the user's own.
    pub fn check(&self) -> Result<(), FileEditError> {
        check_own_folder(&self.path)
    }
}

/// `f5-guard`, on Windows `f5-guard.exe`.
pub const fn binary_name(system: System) -> &'static str {
    match system {
        System::Windows => "f5-guard.exe",
        System::Unix | System::MacOs => BINARY,
    }
}

/// A user's installation: `$CODEX_HOME/hooks/f5_guardrails`. What is remembered of a project's files is kept there
/// too, because nothing of one machine belongs into a repository.
pub fn user_folder(system: System, home: &CodexHome) -> InstallDir {
    InstallDir::new(home.path.join("hooks").join(FOLDER), system)
}

/// Where the managed binary goes when nobody names another folder: one without spaces, that only administrators can
/// change.
pub fn default_managed_dir(system: System, env: Env<'_>) -> PathBuf {
    match system {
        System::Unix | System::MacOs => "/opt/f5-guard".into(),
        System::Windows => program_data(env).join("f5-guard"),
    }
}

/// The managed installation in `managed_dir`.
pub fn managed_folder(system: System, managed_dir: &Path) -> InstallDir {
    InstallDir::new(managed_dir.to_path_buf(), system)
}

impl ConfigFile {
    /// The file as it is now. A project's links may lead anywhere in the project itself, but not in a repository around
    /// it: that can be the user's whole home, as with dotfiles.
    pub fn read(&self) -> Result<Snapshot, FileEditError> {
        let project = self.path.ancestors().nth(2).filter(|_| self.layer == Layer::Project);
        match project {
            Some(project) => {
                let within = project.canonicalize().unwrap_or_else(|_| project.to_owned());
                Snapshot::read_within(&self.path, &within)
            }
            None => Snapshot::read(&self.path),
        }
    }
}

fn pair(folder: &Path, layer: Layer) -> [ConfigFile; 2] {
    [("config.toml", ConfigFormat::ConfigToml), ("hooks.json", ConfigFormat::HooksJson)]
        .map(|(name, format)| ConfigFile { path: folder.join(name), format, layer })
}

/// The user's two files: `config.toml`, `hooks.json`.
pub fn user_files(home: &CodexHome) -> [ConfigFile; 2] {
    pair(&home.path, Layer::User)
}

/// A project's two files in its `.codex` folder.
pub fn project_files(project: &Path) -> [ConfigFile; 2] {
    pair(&project.join(".codex"), Layer::Project)
}

/// The administrator's files in `folder` (see [`crate::codex::layers::system_folder`]): `requirements.toml`, where
/// hooks need no trust, then the ordinary pair.
pub fn system_files(folder: &Path) -> [ConfigFile; 3] {
    let requirements = ConfigFile {
        path: folder.join("requirements.toml"),
        format: ConfigFormat::RequirementsToml,
        layer: Layer::System,
    };
    let [config, hooks] = pair(folder, Layer::System);
    [requirements, config, hooks]
}

/// The managed binaries as documents for a fleet name them by default (`--print`), on both families of systems.
pub const FLEET_BINARIES: [&str; 2] = ["/opt/f5-guard/f5-guard", r"C:\ProgramData\f5-guard\f5-guard.exe"];

/// Which commands are ours in a layer of the user's or the administrator's: those that run the binary of one of `folders`,
/// or one of `more`. `plain` gives a path the spelling that a registered command has, where that may differ (Windows' 8.3
/// form); the long one counts as well.
pub fn known_binaries(
    folders: &[&InstallDir],
    more: impl IntoIterator<Item = String>,
    plain: &dyn Fn(&Path) -> Option<String>,
) -> KnownBinaries {
    let of_folders = folders.iter().flat_map(|folder| {
        let binary = folder.binary();
        [binary.to_str().map(str::to_owned), plain(&binary)].into_iter().flatten()
    });
    let mut binaries: Vec<String> = Vec::new();
    for spelling in of_folders.chain(more) {
        if !binaries.contains(&spelling) {
            binaries.push(spelling);
        }
    }
    KnownBinaries { binaries, python: Python::TakenOver }
}

/// The Python integration's scripts that lie in one of our folders. Nothing of ours ever deletes them.
pub fn python_scripts(folder: &InstallDir) -> Vec<PathBuf> {
    let mut scripts: Vec<PathBuf> =
        Event::ALL.into_iter().map(|event| folder.path.join(event.python_script())).collect();
    scripts.dedup();
    scripts.retain(|script| script.is_file());
    scripts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codex::home::Origin;
    use crate::registration::{Owner, is_windows_safe, owner_of};

    fn home() -> CodexHome {
        CodexHome { path: "/h/.codex".into(), origin: Origin::UserFolder }
    }

    #[test]
    fn the_users_binary_has_its_fixed_place_on_every_system() {
        let unix = user_folder(System::Unix, &home()).binary();
        assert_eq!(unix, Path::new("/h/.codex/hooks/f5_guardrails/f5-guard"));
        assert!(user_folder(System::Windows, &home()).binary().ends_with("f5-guard.exe"));
    }

    #[test]
    fn the_default_managed_folders_need_no_quoting() {
        let windows = default_managed_dir(System::Windows, &|_| None);
        assert!(is_windows_safe(&windows.to_string_lossy().replace('/', r"\")));
        let elsewhere =
            default_managed_dir(System::Windows, &|name| (name == "ProgramData").then(|| r"D:\Data".into()));
        assert!(elsewhere.starts_with(r"D:\Data"));
        assert_eq!(default_managed_dir(System::MacOs, &|_| None), Path::new("/opt/f5-guard"));
    }

    #[test]
    fn both_spellings_of_a_binary_and_what_was_recorded_are_ours() {
        // Each system joins paths with its own separator.
        let (folder, short, commands) = if cfg!(windows) {
            let folder = InstallDir::new(r"C:\x".into(), System::Windows);
            (folder, r"C:\X~1\f5-guard.exe", [r"C:\x\f5-guard.exe stop", r"C:\X~1\f5-guard.exe stop"])
        } else {
            let folder = InstallDir::new("/x y".into(), System::Unix);
            (folder, "/x~1/f5-guard", ["'/x y/f5-guard' stop", "'/x~1/f5-guard' stop"])
        };
        let places = known_binaries(&[&folder], ["/before/f5-guard".to_owned()], &|_| Some(short.into()));
        for command in commands.into_iter().chain(["/before/f5-guard stop"]) {
            assert_eq!(owner_of("Stop", Some(command), None, None, &places), Owner::Ours, "{command}");
        }
    }

    #[test]
    fn the_fleets_binaries_are_those_of_the_default_folders() {
        let binary = |system| managed_folder(system, &default_managed_dir(system, &|_| None)).binary();
        let spelled = |system| binary(system).to_string_lossy().into_owned();
        assert_eq!(spelled(System::Unix).replace('\\', "/"), FLEET_BINARIES[0]);
        assert_eq!(spelled(System::Windows).replace('/', r"\"), FLEET_BINARIES[1]);
    }
}
