//! Finds the binary that a command starts, and compares it with this program.

use std::fs;
use std::path::{Path, PathBuf};

use crate::access::Privilege;
use crate::codex::home::CodexHome;
use crate::codex::locate;
use crate::commands::doctor::facts::BinaryFacts;
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::file_edit::{same_bytes, same_place};
use crate::installation::version_of;
use crate::installation::{binary_name, user_folder};
use crate::registration::CalledProgram;
use crate::system::Env;
use crate::system::System;

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

/// As the command of a project's registration looks for it: never in the outermost repository around the session's folder.
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
    let mut projects = Vec::from_iter(main_checkout(&folder));
    projects.push(outermost_repository(&folder).unwrap_or(&folder).to_owned());
    let path = env("PATH")?;
    std::env::split_paths(&path)
        .filter(|place| place.is_absolute())
        .map(|place| place.join(binary_name(System::this())))
        .find(|path| locate::is_program(path) && leads_past(path, &projects))
}

fn outermost_repository(folder: &Path) -> Option<&Path> {
    folder.ancestors().filter(|place| place.join(".git").exists()).last()
}

/// Where the repository of a linked worktree is.
fn main_checkout(folder: &Path) -> Option<PathBuf> {
    let file = folder.ancestors().map(|place| place.join(".git")).find(|file| file.is_file())?;
    let text = fs::read_to_string(&file).ok()?;
    let git_dir = text.lines().next()?.strip_prefix("gitdir: ")?;
    let git_dir = fs::canonicalize(file.parent()?.join(git_dir)).ok()?;
    outermost_repository(&git_dir).map(Path::to_owned)
}

/// Whether a path leads to its file without passing through one of `projects`, be it by a link in there that leads out
/// again; on Windows, not through any repository.
fn leads_past(path: &Path, projects: &[PathBuf]) -> bool {
    const MOST_LINKS: usize = 40;
    let mut here = PathBuf::new();
    let mut rest = path.to_owned();
    let mut links = 0;
    while let Some(next) = rest.components().next().map(|next| PathBuf::from(next.as_os_str())) {
        rest = rest.components().skip(1).collect();
        if next == Path::new("..") {
            here.pop();
            continue;
        }
        match fs::read_link(here.join(&next)) {
            Ok(_) if links == MOST_LINKS => return false,
            Ok(target) => {
                links += 1;
                here = if target.is_absolute() { PathBuf::new() } else { here };
                rest = target.join(rest);
            }
            Err(_) => here.push(next),
        }
        let is_project = || fs::canonicalize(&here).is_ok_and(|here| projects.contains(&here));
        if is_project() || (cfg!(windows) && here.join(".git").exists()) {
            return false;
        }
    }
    true
}

fn named(name: &str, folder: &Path, env: Env<'_>) -> Result<PathBuf, String> {
    // Characters that a shell would expand stand for themselves in quotes, and in names of folders.
    let literal = PathBuf::from(name);
    if literal.is_absolute() && literal.is_file() {
        return Ok(literal);
    }
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
        Ok(_) => return BinaryFacts::Unusable { path, why: "is not a file".to_owned() },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return BinaryFacts::Missing { path },
        Err(error) => return BinaryFacts::Unusable { path, why: format!("can't be looked at ({error})") },
    }
    if !locate::is_program(&path) {
        return BinaryFacts::Unusable { path, why: "is not executable".to_owned() };
    }
    if is_this_program(&path) {
        return BinaryFacts::Same { path };
    }
    if !may_be_run {
        return BinaryFacts::Other { path, version: "unknown, it was not run".to_owned() };
    }
    match version_of(&path).map(|version| sanitizer.text(&version)) {
        Ok(version) => BinaryFacts::Other { path, version },
        Err(why) => BinaryFacts::Unusable { path, why },
    }
}

/// The same file, or one of the same bytes.
fn is_this_program(path: &Path) -> bool {
    let Ok(this) = std::env::current_exe() else { return false };
    same_place(&this, path) || same_bytes(&this, path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn nothing_is_found_in_or_by_way_of_an_outer_repository() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        for folder in ["outer/.git", "outer/bin", "outer/inner/.git", "outside", "linked", "through"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for binary in ["outer/bin/f5-guard", "outside/f5-guard"] {
            fs::write(at(binary), "").unwrap();
            fs::set_permissions(at(binary), fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::create_dir_all(at("outer/.git/worktrees/w")).unwrap();
        fs::create_dir(at("worktree")).unwrap();
        fs::write(at("worktree/.git"), "gitdir: ../outer/.git/worktrees/w\n").unwrap();
        symlink("../outer/bin/f5-guard", at("linked/f5-guard")).unwrap();
        symlink(at("outside/f5-guard"), at("outer/way-out")).unwrap();
        symlink("../outer/way-out", at("through/f5-guard")).unwrap();
        symlink("outside", at("link")).unwrap();
        let found = |session: &str, on_path: &str| {
            let path = at(on_path).into_os_string();
            on_path_outside(&at(session), &|name| (name == "PATH").then(|| path.clone()))
        };
        for session in ["outer/inner", "worktree"] {
            for on_path in ["outer/bin", "linked", "through"] {
                assert_eq!(found(session, on_path), None, "{on_path} in {session}");
            }
            for on_path in ["outside", "link"] {
                assert_eq!(found(session, on_path), Some(at(on_path).join("f5-guard")));
            }
        }
    }
}
