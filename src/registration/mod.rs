//! What f5-guard registers with Codex, and how it gets into and out of Codex's configuration documents.
//!
//! Pure: strings and bytes in, strings and bytes out. Files are written by [`crate::file_edit`], Codex itself is asked
//! about trust by [`crate::codex`], and which files and places there are is the `install` command's knowledge.
//!
//! The way of an edit: the document is parsed, the next difference to the goal becomes a few splices of its text, and
//! again, until nothing differs. Then the result is parsed once more, and all that is not ours must be equal.

mod call;
mod change;
mod command;
mod definition;
mod diff;
mod document;
mod error;
mod exclusion;
mod foreign;
mod json;
mod model;
mod owner;
mod plan;
mod portable;
mod position;
mod quoting;
mod record;
mod removal;
mod render;
mod sequence;
#[cfg(test)]
mod tests;
mod text;
mod toml;
mod trust;

pub use call::{BINARY, CalledProgram, HookCall, hook_call};
pub use command::{Argument, CommandError, Launcher};
pub use definition::{HookDefinition, MATCH_ALL_TOOLS, Registration, RegistrationOptions};
pub use diff::unified_diff;
pub use document::{Installed, document, hidden_names, hides, install, our_trust_keys, registered};
pub use error::DocumentError;
pub use model::Handler;
pub use model::NamedHook;
pub use owner::{FOLDER, KnownBinaries, Owner, Python, owner_of};
pub use plan::{ManagedDirs, Wanted};
pub use quoting::is_windows_safe;
pub use record::EditRecord;
pub use removal::{RemovalScope, Removed, remove, renew_record, trusts_any, without_trust};
pub use render::{PrintFormat, render};
