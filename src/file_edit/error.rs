//! What can go wrong with a file, always with its path.

use std::io;
use std::path::PathBuf;

use super::obstacle::Obstacle;

/// A file that was left as it was, and why.
#[derive(Debug, thiserror::Error)]
pub enum FileEditError {
    #[error("can't read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("can't write {path}: {source}{}", because(source))]
    Write { path: PathBuf, source: io::Error },
    #[error("can't change {path}: {obstacle}")]
    InTheWay { path: PathBuf, obstacle: Obstacle },
    #[error("can't delete {path}: {source}")]
    Delete { path: PathBuf, source: io::Error },
    #[error(
        "{path} is write-protected, so it was left as it is; make it writable, or edit what generates it"
    )]
    WriteProtected { path: PathBuf },
    #[error("{path} is no ordinary file")]
    NotAFile { path: PathBuf },
    #[error("{path} is a file; a folder has to be there")]
    NotAFolder { path: PathBuf },
    #[error(
        "{path} leads out of the project, to {target}, which a project's registration must not change; put a file or \
         folder of the project's own there instead of the link"
    )]
    OutsideProject { path: PathBuf, target: PathBuf },
    #[error("{path} can't hold what belongs to f5-guard alone: {source}; remove it")]
    NotOurFolder { path: PathBuf, source: io::Error },
    #[error("{path} is a symbolic link that leads nowhere or in a circle")]
    BrokenLink { path: PathBuf },
    #[error(
        "{path} was changed by another program meanwhile and was left as that program wrote it; try again"
    )]
    ChangedMeanwhile { path: PathBuf },
    #[error("another installation is at work (it holds {path}); try again when it has finished")]
    Busy { path: PathBuf },
    #[error("{path} was written by a newer f5-guard, so nothing was changed; update f5-guard first")]
    NewerRecord { path: PathBuf },
    /// The document in the file could not be edited.
    #[error("{path}: {source}")]
    Document { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
}

/// What the system's refusal means.
fn because(source: &io::Error) -> String {
    Obstacle::of(source).map(|obstacle| format!("; {obstacle}")).unwrap_or_default()
}

impl FileEditError {
    /// Adds the file's path to a refusal of its document.
    pub fn document<E: std::error::Error + Send + Sync + 'static>(
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |source| Self::Document { path, source: Box::new(source) }
    }
}
