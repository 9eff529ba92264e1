//! What f5-guard knows about the real Codex: where it lives, how to ask it about hooks and trust, which
//! shell runs a hook, and which files can hold one.
//!
//! Facts here were measured on Codex 0.169.0 unless a comment names another source. What a hook receives and
//! answers is left to the hook modules; editing the user's files is left to the registration.

pub mod app_server;
pub mod background;
pub mod home;
#[cfg(windows)]
mod job;
pub mod layers;
pub mod listing;
pub mod locate;
pub mod process;
pub mod shell;
mod start;
pub mod trust;

use std::ffi::OsString;

/// Looks one environment variable up. Passed in, so that tests need no process-wide environment.
pub type Env<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// The family of operating systems, as far as Codex behaves differently on it.
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

/// A variable's value, where it is set to something other than nothing.
fn non_empty(env: &Env<'_>, name: &str) -> Option<OsString> {
    env(name).filter(|value| !value.is_empty())
}
