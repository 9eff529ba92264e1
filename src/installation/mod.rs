//! Where an installation of f5-guard lives: its binary, Codex's files that register it, and what is remembered of the
//! edits to them. Shared by `install`, `uninstall` and `doctor`.
//!
//! Places are computed from a [`System`](crate::system::System) and an environment that come in by parameter. What an
//! edit makes of a document is [`crate::registration`]'s knowledge, how a file is replaced [`crate::file_edit`]'s; nothing
//! here talks to Codex ([`crate::codex`] does).

mod context;
mod edits;
mod goals;
mod launch;
mod managed;
mod moved;
mod places;
mod protect;
mod removal;
mod scope;
mod stamp;
mod state;
mod state_file;
mod version;

pub use crate::access::Privilege;
pub use context::{ContextError, InstallContext, plain};
pub use edits::{Edit, Goal, carry_out, new_file, prepare, remember_trust, source_spellings, state_keys_in};
pub use goals::{Format, RegisteredCommand, is_registered, our_commands, pair_goals, system_goals};
pub use launch::{LaunchError, launcher};
pub use managed::{is_managed, is_managed_program};
pub use places::{
    InstallDir, PATIENCE, binary_name, default_managed_dir, managed_folder, project_files, python_scripts,
    system_files, user_files, user_folder,
};
pub use protect::{ProtectError, protected_folder};
pub use removal::{Removal, carry_out_removal, forget_trust, prepare_removal};
pub use scope::Scope;
pub use stamp::stamp;
pub use state::InstallState;
pub use version::version_of;
