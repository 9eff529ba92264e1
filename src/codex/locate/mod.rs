//! Finds the Codex executable and asks it for its version. Talking to it further is left to `app_server`.

mod npm;
mod places;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::npm::native;
use self::places::{named_and_on_path, path_candidates, usual_places};
use super::start;
use crate::access::{Changeable, Privilege};
use crate::process::{self, End};
use crate::system::{Env, System};

/// Where a Codex was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Named on the command line.
    Explicit,
    /// Named by `CODEX_CLI_PATH`, which the desktop app and the IDE extension obey too.
    Variable,
    /// In a folder of `PATH`.
    Path,
    /// Put there by OpenAI's own installer.
    Installer,
    /// Where a package manager puts it (Homebrew, npm's own prefix, …).
    PackageManager,
    /// Inside the desktop app.
    DesktopApp,
    /// Inside an editor's extension.
    IdeExtension,
}

/// A Codex executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codex {
    /// The program to start.
    pub program: PathBuf,
    /// Where it was found.
    pub place: Place,
}

/// Why no Codex can be used.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// The named one could be exchanged by somebody without this process's rights.
    #[error(
        "{0}, so it is not started with administrator's rights. Name one that only administrators can change."
    )]
    Changeable(Changeable),
    /// All that were found could be.
    #[error(
        "no Codex was found that only administrators can change, and no other is started with their rights: {0}"
    )]
    OnlyChangeable(Changeable),
    /// The named file is no program.
    #[error("{} is not a program that can be started. Name the codex executable itself.", .0.display())]
    NotAProgram(PathBuf),
    /// It is nowhere.
    #[error("no Codex was found on PATH or in its usual places. Install it, or name its executable.")]
    NotFound,
    /// It cannot be started.
    #[error("{} could not be started: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It hangs.
    #[error("{} did not report its version within {} s", program.display(), limit.as_secs_f32())]
    Hangs {
        /// The program.
        program: PathBuf,
        /// The time it had.
        limit: Duration,
    },
    /// It says no version.
    #[error("{} reports no version; it says: {said}", program.display())]
    NoVersion {
        /// The program.
        program: PathBuf,
        /// Its output's first line.
        said: String,
    },
}

/// Finds Codex: the explicitly named one, else `CODEX_CLI_PATH`, `PATH`, then the usual places; of those only what
/// `privilege` may start.
///
/// An explicit name that is no program is an error, never passed over in favour of another Codex.
pub fn locate(
    explicit: Option<&Path>,
    system: System,
    env: Env<'_>,
    privilege: Privilege,
) -> Result<Codex, LocateError> {
    let usable = |program: &Path| {
        privilege.may_start(program)?;
        let native = native(program, system);
        privilege.may_start(&native).map(|()| native)
    };
    if let Some(program) = explicit {
        if !is_program(program) {
            return Err(LocateError::NotAProgram(program.to_path_buf()));
        }
        let program = usable(program).map_err(LocateError::Changeable)?;
        return Ok(Codex { program, place: Place::Explicit });
    }
    let mut candidates = named_and_on_path(system, env);
    candidates.extend(usual_places(system, env, privilege));
    let mut shared = None;
    for Codex { program, place } in candidates.into_iter().filter(|candidate| is_program(&candidate.program))
    {
        match usable(&program) {
            Ok(program) => return Ok(Codex { program, place }),
            Err(error) => shared = shared.or(Some(error)),
        }
    }
    Err(shared.map_or(LocateError::NotFound, LocateError::OnlyChangeable))
}

/// Asks for the version (`0.169.0`), for at most `limit`.
pub fn version(codex: &Codex, limit: Duration) -> Result<String, LocateError> {
    let program = &codex.program;
    let mut command = start::command(program, None);
    command.arg("--version");
    let done = process::run(&mut command, b"", limit)
        .map_err(|source| LocateError::Start { program: program.clone(), source })?;
    if done.end == End::TimedOut {
        return Err(LocateError::Hangs { program: program.clone(), limit });
    }
    let output = String::from_utf8_lossy(&done.stdout);
    parse_version(&output).ok_or_else(|| {
        let stderr = String::from_utf8_lossy(&done.stderr);
        let first = output.lines().chain(stderr.lines()).find(|line| !line.trim().is_empty());
        LocateError::NoVersion { program: program.clone(), said: first.unwrap_or("nothing").to_owned() }
    })
}

/// `codex-cli 0.169.0` → `0.169.0`.
fn parse_version(output: &str) -> Option<String> {
    output
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
        .map(str::to_owned)
}

/// Looks `name` up in the folders of `PATH`. Relative folders are passed over: what a checked-out repository
/// brings along must not be run in Codex's place.
pub fn on_path(system: System, env: Env<'_>, name: &str) -> Option<PathBuf> {
    path_candidates(system, env, name).into_iter().find(|path| is_program(path))
}

/// Whether a file is there that may be run.
#[cfg(unix)]
pub fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
pub fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests;
