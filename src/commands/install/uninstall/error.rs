//! Why nothing was uninstalled.

use crate::commands::install::target::TargetError;
use crate::file_edit::FileEditError;
use crate::installation::ContextError;

/// A refusal, or a file that can't be edited.
#[derive(Debug, thiserror::Error)]
pub enum UninstallError {
    #[error(transparent)]
    InstallContext(#[from] ContextError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    File(#[from] FileEditError),
}
