//! Which users f5-guard is installed for.

use crate::codex::layers::Layer;
use crate::system::System;

/// Whose Codex runs the hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scope {
    /// This user's Codex ($CODEX_HOME)
    User,
    /// One repository ([DIR]/.codex), for everybody who works in it
    // Needs each user's trust.
    Project,
    /// Everybody on this machine, as managed hooks that need no trust; root or Administrator only
    System,
}

impl Scope {
    /// Whose files it registers in.
    pub const fn layer(self) -> Layer {
        match self {
            Self::User => Layer::User,
            Self::Project => Layer::Project,
            Self::System => Layer::System,
        }
    }

    /// The scope that `install` and `uninstall` take where none is named: on Windows the whole machine, as the
    /// Python integration's users know it.
    pub const fn default_for(system: System) -> Self {
        match system {
            System::Windows => Self::System,
            System::Unix | System::MacOs => Self::User,
        }
    }
}
