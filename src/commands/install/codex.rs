//! The Codex that is asked about an installation's hooks.

use std::path::Path;
use std::time::Duration;

use crate::codex::locate::{self, Codex, LocateError};
use crate::installation::{InstallContext, Privilege, Scope};

/// How long Codex may take for each answer.
pub const CODEX_TIME: Duration = Duration::from_secs(30);

/// A Codex that was named must be there; that none is found otherwise is no error.
///
/// # Errors
/// [`LocateError`] for the named one.
pub fn find_codex(
    named: Option<&Path>,
    context: &InstallContext,
    scope: Scope,
) -> Result<Result<Codex, LocateError>, LocateError> {
    let privilege = match scope {
        Scope::System => context.privilege,
        Scope::User | Scope::Project => Privilege::among_users(),
    };
    let found = locate::locate(named, context.system, &|name| std::env::var_os(name), privilege);
    match (found, named) {
        (Err(error), Some(_)) => Err(error),
        (found, _) => Ok(found),
    }
}
