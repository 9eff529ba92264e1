//! Why nothing was uninstalled.

use crate::codex::locate::LocateError;
use crate::commands::setup::TargetError;
use crate::file_edit::FileEditError;
use crate::installation::SurroundingsError;

/// A refusal, or a file that can't be edited.
#[derive(Debug, thiserror::Error)]
pub enum UninstallError {
    #[error(transparent)]
    Surroundings(#[from] SurroundingsError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    File(#[from] FileEditError),
    #[error(transparent)]
    Codex(#[from] LocateError),
}
