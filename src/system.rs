//! The operating system that this runs on, and the environment that it was given.

use std::ffi::OsString;
use std::path::PathBuf;

/// Looks one environment variable up. Passed in, so that tests need no process-wide environment.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The family of operating systems, as far as Codex and we behave differently on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Linux and the other Unix systems.
    Unix,
    /// macOS: as Unix, with application bundles and zsh.
    MacOs,
    /// Windows.
    Windows,
}

impl System {
    /// The system this program was built for.
    pub const fn this() -> Self {
        if cfg!(windows) {
            Self::Windows
        } else if cfg!(target_os = "macos") {
            Self::MacOs
        } else {
            Self::Unix
        }
    }
}

/// Windows' folder for data of all users.
pub fn program_data(env: Env<'_>) -> PathBuf {
    non_empty(env, "ProgramData").map_or_else(|| r"C:\ProgramData".into(), PathBuf::from)
}

/// A variable's value, where it is set to something other than nothing.
pub fn non_empty(env: Env<'_>, name: &str) -> Option<OsString> {
    env(name).filter(|value| !value.is_empty())
}
