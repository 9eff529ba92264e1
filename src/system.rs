//! The operating system that this runs on, the environment that it was given, and its random numbers.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use ring::rand::{SecureRandom, SystemRandom};

/// Looks one environment variable up. Passed in, so that tests need no process-wide environment.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The environment of this process.
pub const PROCESS_ENV: Env<'static> = &|name| std::env::var_os(name);

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

/// Random bytes for keys and the like.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map(|()| bytes).map_err(|_| io::Error::other("the system has no random numbers"))
}

/// Windows' folder for data of all users.
pub fn program_data(env: Env<'_>) -> PathBuf {
    non_empty(env, "ProgramData").map_or_else(|| r"C:\ProgramData".into(), PathBuf::from)
}

/// A variable's value, where it is set to more than white space.
pub fn non_blank(env: Env<'_>, name: &str) -> Option<OsString> {
    env(name).filter(|value| !value.to_string_lossy().trim().is_empty())
}

/// A variable's value, where it is set to something other than nothing.
pub fn non_empty(env: Env<'_>, name: &str) -> Option<OsString> {
    env(name).filter(|value| !value.is_empty())
}
