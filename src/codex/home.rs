//! Where Codex keeps its configuration.

use std::ffi::OsString;
use std::path::PathBuf;

/// Codex's home folder: `$CODEX_HOME`, else `.codex` in the user's profile (Windows) or home folder.
/// `None` where none of the variables is set.
#[must_use]
pub fn codex_home(env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("CODEX_HOME")
        .or_else(|| set("USERPROFILE").filter(|_| cfg!(windows)).map(|home| home.join(".codex")))
        .or_else(|| set("HOME").map(|home| home.join(".codex")))
}
