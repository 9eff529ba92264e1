//! Why nothing was installed.

use std::path::PathBuf;

use super::carried::CarriedOptions;
use super::options::OptionError;
use crate::commands::install::target::TargetError;
use crate::file_edit::FileEditError;
use crate::installation::{ContextError, LaunchError, ProtectError};
use crate::registration::{CommandError, DocumentError};

/// The way out that is not the user's own.
const SYSTEM: &str = ", or have an administrator run `f5-guard install --scope system`";

/// A refusal; Codex's files are as they were.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error(transparent)]
    InstallContext(#[from] ContextError),
    #[error(transparent)]
    Option(#[from] OptionError),
    #[error("{0}. It comes from the existing registration; give {flag} another value", flag = .0.flag())]
    KeptOption(OptionError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    File(#[from] FileEditError),
    #[error(transparent)]
    Protect(#[from] ProtectError),
    #[error("the registration could not be rendered: {0}")]
    Render(#[from] DocumentError),
    #[error(
        "f5-guard is registered for everybody on this machine already, in {}; a registration of your own would scan \
         everything twice. Leave it as it is, or say --also-user if you want both", .0.display()
    )]
    AlreadyManaged(PathBuf),
    #[error("f5-guard is installed in {} already; omit --managed-dir, or uninstall that first", .0.display())]
    ManagedElsewhere(PathBuf),
    #[error(
        "--scope system touches no user's folder, and leaves registrations there as they are; to be registered for \
         yourself too, run `f5-guard install --scope user --also-user` afterwards"
    )]
    AlsoUser,
    #[error(
        "the registration in this repository carries {options}, which only somebody who has seen it can answer for. {file}\
         Give each of these options again, with the value that you want, or say --keep-options"
    )]
    CarriedOptions {
        options: String,
        /// What keeping `--token-file` would mean, as a line; empty without it.
        file: String,
    },
    #[error(
        "where a Windows user's f5-guard is can only be found out on that machine; use --scope project, or \
         --print requirements-toml"
    )]
    NoWindowsUser,
    #[error(
        "--hide-token is for --scope user: a list in a project's or the administrator's file would replace the user's \
         own, and uncover what that hides. Each user can run `f5-guard install --scope user --hide-token`, or put the \
         names into their own config.toml"
    )]
    HideTokenScope,
    #[error(
        "--binary-only is for --scope user: it puts f5-guard where the hooks of every project of yours look for it"
    )]
    BinaryOnlyScope,
    #[error(
        "{} is on a file system that is mounted so that no program on it can be started (noexec), and hooks could not start \
         f5-guard there. Mount it without noexec, or put Codex's home elsewhere (CODEX_HOME){}", folder.display(), SYSTEM
    )]
    StartsNoProgram { folder: PathBuf },
    #[error(
        "the binary was copied to {} and {why} when it was started there, as hooks would do it. Look for what forbids programs \
         in that folder (noexec, SELinux, AppArmor, fapolicyd, an antivirus, Gatekeeper, AppLocker), or put Codex's home \
         elsewhere (CODEX_HOME){}", path.display(), SYSTEM
    )]
    BinaryFails { path: PathBuf, why: String },
    #[error("{0}")]
    Codex(#[from] crate::codex::locate::LocateError),
}

impl InstallError {
    /// A value that can't be registered, with where it came from: the user need not have given it.
    pub fn option(error: OptionError, kept: &CarriedOptions) -> Self {
        if kept.has(error.flag()) { Self::KeptOption(error) } else { Self::Option(error) }
    }
}
