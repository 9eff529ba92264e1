//! Why a token that is there can't be used.

use std::path::PathBuf;

use super::file::FileProblem;
use super::store::StoreError;
use crate::printable::shown_path;
use crate::settings::Source;

/// A source of tokens that is there and has none to give. The messages hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("The token file {} ({by}) can't be used: {problem}.", shown_path(.path))]
    File { by: Source, path: PathBuf, problem: FileProblem },
    #[error("The stored tokens in {} can't be used: {problem}.", shown_path(.path))]
    Saved { path: PathBuf, problem: FileProblem },
    #[error("The API token could not be read from {name}: {error}.")]
    Store { name: &'static str, error: StoreError },
}

impl TokenError {
    /// What to do about it, in one or two sentences.
    pub fn fix(&self) -> String {
        match self {
            Self::File { by: Source::Flag(_), path, problem } => {
                format!("{} The administrator who registered the hooks has to see to it.", problem.fix(path))
            }
            Self::File { path, problem, .. } => problem.fix(path),
            Self::Saved { path, problem: problem @ FileProblem::Damaged(_) } => {
                format!("{} Then run `f5-guard login --file` again.", problem.fix(path))
            }
            Self::Saved { path, problem } => problem.fix(path),
            Self::Store { error, .. } => error.fix().to_owned(),
        }
    }

    /// A short stable name for the log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } | Self::Saved { .. } => "token_file",
            Self::Store { error: StoreError::Locked { .. }, .. } => "token_store_locked",
            Self::Store { .. } => "token_store",
        }
    }
}
