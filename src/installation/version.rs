//! Which version an installed binary is.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::file_edit::same_place;
use crate::process::{self, End};

/// How long it may take to say so.
const LIMIT: Duration = Duration::from_secs(10);

/// The version that an f5-guard says it is; the words of a failure continue "The binary …". This very program is not asked.
pub fn version_of(path: &Path) -> Result<String, String> {
    if std::env::current_exe().is_ok_and(|this| same_place(&this, path)) {
        return Ok(env!("CARGO_PKG_VERSION").to_owned());
    }
    let done = process::run(Command::new(path).arg("--version"), b"", LIMIT)
        .map_err(|error| format!("can't be run ({error})"))?;
    if done.end == End::TimedOut {
        return Err("did not say its version in time".to_owned());
    }
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    said.trim()
        .strip_prefix("f5-guard ")
        .map(str::to_owned)
        .ok_or_else(|| "is no f5-guard: it does not say its version".to_owned())
}
