//! The Codex that is asked about an installation's hooks.

use std::path::Path;
use std::time::Duration;

use crate::codex::app_server::AppServer;
use crate::codex::home::{CodexHome, Origin};
use crate::codex::locate::{self, Codex, LocateError};
use crate::file_edit::same_place;
use crate::installation::{InstallContext, Privilege, Scope};
use crate::system::PROCESS_ENV;

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
    let found = locate::locate(named, context.system, PROCESS_ENV, privilege);
    match (found, named) {
        (Err(error), Some(_)) => Err(error),
        (found, _) => Ok(found),
    }
}

/// The home of this Codex, where that is another one than was found here: a launcher of the user's can choose it. It is asked
/// with an empty folder instead of `home`: nothing is to be left there by a question.
pub fn other_home(codex: &Codex, home: &CodexHome) -> Option<CodexHome> {
    let stand_in = tempfile::tempdir().ok()?;
    let folder = stand_in.path().canonicalize().ok()?;
    let path = match home.origin {
        Origin::Variable => folder.clone(),
        Origin::UserFolder => folder.join(".codex"),
    };
    let asked = CodexHome { path, origin: home.origin };
    let server = AppServer::start(&codex.program, &asked, &folder, CODEX_TIME).ok()?;
    let says = server.home()?.canonicalize().ok()?;
    // Of a launcher's own choice Codex has not created the folder that was meant.
    if same_place(&asked.path, &says) {
        return None;
    }
    // A launcher can begin at the user's folder, too.
    let path = match (says.strip_prefix(&folder), home.path.parent()) {
        (Ok(rest), Some(user)) if home.origin == Origin::UserFolder => user.join(rest),
        (Ok(_), _) => return None,
        (Err(_), _) => server.home()?.to_owned(),
    };
    (!same_place(&path, &home.path)).then_some(CodexHome { path, origin: Origin::Variable })
}
