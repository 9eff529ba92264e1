//! How the registered commands start an installed binary.

use std::path::{Path, PathBuf};

use crate::registration::Launcher;
use crate::system::System;

/// Why no command can name the binary.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("{} can't be registered: its path is not Unicode", .0.display())]
    NotUnicode(PathBuf),
    /// Windows' shells read no spelling of the path alike.
    #[cfg(windows)]
    #[error("{0}")]
    NotPlain(String),
}

/// The start of a command that runs `binary` at its fixed place. `plain` gives the spelling that needs no quoting on
/// Windows.
pub fn launcher(
    system: System,
    binary: &Path,
    plain: &dyn Fn(&Path) -> Result<String, LaunchError>,
) -> Result<Launcher, LaunchError> {
    match system {
        System::Windows => Ok(Launcher::Windows { binary: plain(binary)? }),
        System::Unix | System::MacOs => {
            let binary = binary.to_str().ok_or_else(|| LaunchError::NotUnicode(binary.into()))?.to_owned();
            Ok(Launcher::Unix { binary })
        }
    }
}
