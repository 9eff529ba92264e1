//! Finds the binary that a command starts, and compares it with this program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::access::Privilege;
use crate::codex::home::CodexHome;
use crate::codex::locate;
use crate::commands::doctor::facts::BinaryFacts;
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::installation::{binary_name, user_folder};
use crate::process::{self, End};
use crate::registration::CalledProgram;
use crate::system::Env;
use crate::system::System;

/// A binary that takes longer than this to say its version is broken.
const VERSION_TIME: Duration = Duration::from_secs(10);

pub fn of(
    program: &CalledProgram,
    may_be_run: bool,
    folder: &Path,
    home: Option<&CodexHome>,
    privilege: Privilege,
    env: Env<'_>,
    sanitizer: &Sanitizer,
) -> BinaryFacts {
    let path = match program {
        CalledProgram::LookedUp => looked_up(folder, home, env),
        CalledProgram::Named(name) => named(name, folder, env),
    };
    match path {
        Ok(path) => {
            let may_be_run = may_be_run && privilege.may_start(&path).is_ok();
            compare(path, may_be_run, sanitizer)
        }
        Err(why) => BinaryFacts::NotLookedAt { why },
    }
}

/// As the command of a project's registration looks for it: never in the repository around the session's folder.
fn looked_up(folder: &Path, home: Option<&CodexHome>, env: Env<'_>) -> Result<PathBuf, String> {
    let installed =
        home.map(|home| user_folder(System::this(), home).binary()).filter(|path| path.is_absolute());
    match installed {
        Some(path) if path.is_file() => Ok(path),
        installed => on_path_outside(folder, env)
            .or(installed)
            .ok_or_else(|| "Codex's home folder is unknown".to_owned()),
    }
}

fn on_path_outside(folder: &Path, env: Env<'_>) -> Option<PathBuf> {
    let folder = fs::canonicalize(folder).ok()?;
    let repository = folder.ancestors().find(|place| place.join(".git").exists()).unwrap_or(&folder);
    let path = env("PATH")?;
    std::env::split_paths(&path)
        .filter(|place| place.is_absolute())
        .filter(|place| fs::canonicalize(place).is_ok_and(|place| !place.starts_with(repository)))
        .map(|place| place.join(binary_name(System::this())))
        .find(|path| path.is_file() && is_executable(path))
}

fn named(name: &str, folder: &Path, env: Env<'_>) -> Result<PathBuf, String> {
    let path = expanded(name, env).ok_or_else(|| "its path holds a variable".to_owned())?;
    if path.components().count() == 1 && !path.is_absolute() {
        let bare = name.strip_suffix(".exe").unwrap_or(name);
        return Ok(locate::on_path(System::this(), env, bare).unwrap_or(path));
    }
    Ok(folder.join(path))
}

/// The home folder in the spellings that shells expand; `None` for any other variable.
fn expanded(name: &str, env: Env<'_>) -> Option<PathBuf> {
    for (prefix, variable) in
        [("~/", "HOME"), ("$HOME/", "HOME"), ("${HOME}/", "HOME"), ("$CODEX_HOME/", "CODEX_HOME")]
    {
        if let Some(rest) = name.strip_prefix(prefix) {
            return Some(PathBuf::from(env(variable)?).join(rest));
        }
    }
    (!name.contains(['$', '%'])).then(|| PathBuf::from(name))
}

fn compare(path: PathBuf, may_be_run: bool, sanitizer: &Sanitizer) -> BinaryFacts {
    match fs::metadata(&path) {
        Ok(data) if data.is_file() => {}
        Ok(_) => return BinaryFacts::Unusable { path, why: "is no file".to_owned() },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return BinaryFacts::Missing { path },
        Err(error) => return BinaryFacts::Unusable { path, why: format!("can't be looked at ({error})") },
    }
    if !is_executable(&path) {
        return BinaryFacts::Unusable { path, why: "is not executable".to_owned() };
    }
    if is_this_program(&path) {
        return BinaryFacts::Same { path };
    }
    if !may_be_run {
        return BinaryFacts::Other { path, version: "unknown, it was not run".to_owned() };
    }
    match version(&path, sanitizer) {
        Ok(version) => BinaryFacts::Other { path, version },
        Err(why) => BinaryFacts::Unusable { path, why },
    }
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_path: &Path) -> bool {
    true
}

/// The same file, or one of the same bytes.
fn is_this_program(path: &Path) -> bool {
    let Ok(this) = std::env::current_exe() else { return false };
    if let (Ok(this), Ok(path)) = (fs::canonicalize(&this), fs::canonicalize(path)) {
        if this == path {
            return true;
        }
    }
    let size = |path: &Path| fs::metadata(path).ok().map(|data| data.len());
    size(&this).is_some_and(|length| size(path) == Some(length))
        && matches!((fs::read(&this), fs::read(path)), (Ok(a), Ok(b)) if a == b)
}

/// The version that it says it has; the words of a failure continue "The registered binary …".
fn version(path: &Path, sanitizer: &Sanitizer) -> Result<String, String> {
    let done = process::run(Command::new(path).arg("--version"), b"", VERSION_TIME)
        .map_err(|error| format!("can't be run ({error})"))?;
    if done.end == End::TimedOut {
        return Err("did not say its version in time".to_owned());
    }
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    match said.trim().strip_prefix("f5-guard ") {
        Some(version) => Ok(sanitizer.text(version)),
        None => Err("is no f5-guard: it does not say its version".to_owned()),
    }
}
