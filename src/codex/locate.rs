//! Finds the Codex executable and asks it for its version. Talking to it further is left to `app_server`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::start;
use crate::access::{Changeable, Privilege};
use crate::process::{self, End};
use crate::system::{Env, System, non_empty};

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
    #[error("{} did not tell its version within {} s", program.display(), limit.as_secs_f32())]
    Hangs {
        /// The program.
        program: PathBuf,
        /// The time it had.
        limit: Duration,
    },
    /// It says no version.
    #[error("{} tells no version; it says: {said}", program.display())]
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

fn path_candidates(system: System, env: Env<'_>, name: &str) -> Vec<PathBuf> {
    let endings: &[&str] = if system == System::Windows { &[".exe", ".cmd", ".bat"] } else { &[""] };
    let path = non_empty(env, "PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .flat_map(|folder| endings.iter().map(move |ending| folder.join(format!("{name}{ending}"))))
        .collect()
}

fn named_and_on_path(system: System, env: Env<'_>) -> Vec<Codex> {
    let named = non_empty(env, "CODEX_CLI_PATH").map(PathBuf::from).filter(|path| path.is_absolute());
    let mut found: Vec<_> =
        named.into_iter().map(|program| Codex { program, place: Place::Variable }).collect();
    let on_path = path_candidates(system, env, "codex");
    found.extend(on_path.into_iter().map(|program| Codex { program, place: Place::Path }));
    found
}

/// The places that are no part of `PATH`, most trustworthy first. From public sources: openai/codex's
/// `scripts/install/install.{sh,ps1}` and its search for the desktop app, and reports of where the Windows
/// app and the editors' extension keep their copy.
fn usual_places(system: System, env: Env<'_>, privilege: Privilege) -> Vec<Codex> {
    // A folder of somebody else's is not even searched with an administrator's rights.
    let folder = |variable| {
        let folder = non_empty(env, variable).map(PathBuf::from).filter(|folder| folder.is_absolute());
        folder.filter(|folder| privilege.may_use(folder).is_ok())
    };
    let mut found = Vec::new();
    let mut add = |place, program: PathBuf| found.push(Codex { program, place });
    if system == System::Windows {
        if let Some(local) = folder("LOCALAPPDATA") {
            add(Place::Installer, local.join(r"Programs\OpenAI\Codex\bin\codex.exe"));
            let app = local.join(r"OpenAI\Codex\bin");
            add(Place::DesktopApp, app.join("codex.exe"));
            // The app keeps each version in a folder named by a hash: the newest is the one in use.
            for folder in newest_first(&app, "") {
                add(Place::DesktopApp, folder.join("codex.exe"));
            }
        }
        if let Some(roaming) = folder("APPDATA") {
            add(Place::PackageManager, roaming.join("npm").join("codex.cmd"));
        }
        if let Some(user) = folder("USERPROFILE") {
            extensions(&user, "windows-", "codex.exe")
                .into_iter()
                .for_each(|path| add(Place::IdeExtension, path));
        }
        return found;
    }
    let user = folder("HOME");
    if let Some(user) = &user {
        add(Place::Installer, user.join(".local/bin/codex"));
    }
    for folder in ["/opt/homebrew/bin", "/usr/local/bin", "/home/linuxbrew/.linuxbrew/bin"] {
        add(Place::PackageManager, Path::new(folder).join("codex"));
    }
    if system == System::MacOs {
        let own = user.as_ref().map(|user| user.join("Applications"));
        for folder in [Some(PathBuf::from("/Applications")), own].into_iter().flatten() {
            for app in ["ChatGPT.app", "Codex.app"] {
                add(Place::DesktopApp, folder.join(app).join("Contents/Resources/codex"));
            }
        }
    }
    if let Some(user) = &user {
        let prefix = if system == System::MacOs { "macos-" } else { "linux-" };
        extensions(user, prefix, "codex").into_iter().for_each(|path| add(Place::IdeExtension, path));
    }
    found
}

/// `<user>/.vscode/extensions/openai.chatgpt-<version>/bin/<platform>/codex`, newest extension first.
fn extensions(user: &Path, platform: &str, name: &str) -> Vec<PathBuf> {
    [".vscode", ".vscode-insiders", ".cursor", ".windsurf", ".vscode-server"]
        .iter()
        .flat_map(|editor| newest_first(&user.join(editor).join("extensions"), "openai.chatgpt-"))
        .flat_map(|extension| newest_first(&extension.join("bin"), platform))
        .map(|folder| folder.join(name))
        .collect()
}

/// The entries of `folder` whose names begin with `prefix`, last changed first.
fn newest_first(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| {
            let changed = entry.metadata().and_then(|data| data.modified());
            (changed.unwrap_or(SystemTime::UNIX_EPOCH), entry.path())
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

/// The real binary behind npm's launcher, where it is found; else the program itself.
///
/// The launcher (`codex.js` on Unix, `codex.cmd` on Windows) needs Node on `PATH`, costs its start-up and,
/// when ended, leaves the real binary behind.
fn native(program: &Path, system: System) -> PathBuf {
    let Ok(resolved) = fs::canonicalize(program) else { return program.to_path_buf() };
    let package = if resolved.file_name().is_some_and(|name| name == "codex.js") {
        resolved.parent().and_then(Path::parent).map(Path::to_path_buf)
    } else if system == System::Windows && program.extension().is_some_and(|ending| ending == "cmd") {
        program.parent().map(|folder| folder.join(r"node_modules\@openai\codex"))
    } else {
        None
    };
    let name = if system == System::Windows { "codex.exe" } else { "codex" };
    package
        .and_then(|package| in_npm_package(&package, name))
        .filter(|found| is_program(found))
        .unwrap_or_else(|| program.to_path_buf())
}

/// `@openai/codex-<platform>` lies inside or beside `@openai/codex`, with `vendor/<target>/bin/codex` in it.
/// Only the package of this platform is installed, so the first one found is the one to use.
fn in_npm_package(package: &Path, name: &str) -> Option<PathBuf> {
    let inside = package.join("node_modules").join("@openai");
    let beside = package.parent()?;
    [inside.as_path(), beside]
        .into_iter()
        .flat_map(|scope| newest_first(scope, "codex-"))
        .flat_map(|platform| newest_first(&platform.join("vendor"), ""))
        .map(|target| target.join("bin").join(name))
        .find(|candidate| candidate.is_file())
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const ORDINARY: Privilege = Privilege::Ordinary;

    fn program(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn env_of<'a>(home: &'a Path, path: &'a str) -> impl Fn(&str) -> Option<OsString> + 'a {
        move |name| match name {
            "HOME" => Some(home.into()),
            "PATH" => Some(path.into()),
            _ => None,
        }
    }

    #[test]
    fn an_explicit_codex_wins_over_the_one_on_path() {
        let dir = tempfile::tempdir().unwrap();
        let (mine, other) = (dir.path().join("mine/codex"), dir.path().join("bin/codex"));
        program(&mine);
        program(&other);
        let path = dir.path().join("bin").to_str().unwrap().to_owned();
        let found = locate(Some(&mine), System::Unix, &env_of(dir.path(), &path), ORDINARY).unwrap();
        assert_eq!(found, Codex { program: mine, place: Place::Explicit });
        let found = locate(None, System::Unix, &env_of(dir.path(), &path), ORDINARY).unwrap();
        assert_eq!(found, Codex { program: other, place: Place::Path });
    }

    #[test]
    fn an_explicit_codex_that_is_no_program_is_an_error_even_when_path_has_one() {
        let dir = tempfile::tempdir().unwrap();
        program(&dir.path().join("bin/codex"));
        let path = dir.path().join("bin").to_str().unwrap().to_owned();
        let missing = dir.path().join("missing");
        let error = locate(Some(&missing), System::Unix, &env_of(dir.path(), &path), ORDINARY).unwrap_err();
        assert!(matches!(error, LocateError::NotAProgram(path) if path == missing));
    }

    #[test]
    fn relative_folders_on_path_and_files_that_cannot_run_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("plain/codex");
        fs::create_dir_all(plain.parent().unwrap()).unwrap();
        fs::write(&plain, "").unwrap();
        let path = format!(".:node_modules/.bin:{}", plain.parent().unwrap().display());
        let env = env_of(dir.path(), &path);
        assert_eq!(on_path(System::Unix, &env, "codex"), None);
        assert!(named_and_on_path(System::Unix, &env).iter().all(|codex| codex.program.is_absolute()));
    }

    /// Whoever runs the tests: a folder that everybody can write to is not root's.
    #[test]
    fn an_administrator_starts_no_codex_that_others_can_change() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        for place in ["bin/codex", "home/.local/bin/codex"] {
            program(&dir.path().join(place));
        }
        fs::set_permissions(&home, fs::Permissions::from_mode(0o777)).unwrap();
        fs::set_permissions(dir.path().join("bin"), fs::Permissions::from_mode(0o777)).unwrap();
        let path = dir.path().join("bin").to_str().unwrap().to_owned();
        let env = env_of(&home, &path);
        let named = dir.path().join("bin/codex");
        let root = Privilege::Administrator;
        let error = locate(Some(&named), System::Unix, &env, root).unwrap_err();
        assert!(matches!(error, LocateError::Changeable(_)), "{error}");
        let variable = |name: &str| (name == "CODEX_CLI_PATH").then(|| named.clone().into()).or(env(name));
        // What is installed on this machine may be found instead.
        if let Ok(found) = locate(None, System::Unix, &variable, root) {
            assert!(!found.program.starts_with(dir.path()), "{found:?}");
        }
        assert!(locate(None, System::Unix, &variable, ORDINARY).unwrap().program.starts_with(dir.path()));
        assert!(!usual_places(System::Unix, &env, root).iter().any(|codex| codex.program.starts_with(&home)));
    }

    #[test]
    fn a_home_that_is_not_absolute_is_no_place_to_look_in() {
        let places = usual_places(System::Unix, &env_of(Path::new("home"), ""), ORDINARY);
        assert!(places.iter().all(|codex| codex.program.is_absolute()), "{places:?}");
    }

    #[test]
    fn the_newest_editor_extension_is_a_usual_place() {
        let dir = tempfile::tempdir().unwrap();
        let codex =
            dir.path().join(".vscode/extensions/openai.chatgpt-26.1-linux-x64/bin/linux-x86_64/codex");
        program(&codex);
        let places = usual_places(System::Unix, &env_of(dir.path(), ""), ORDINARY);
        assert!(places.contains(&Codex { program: codex, place: Place::IdeExtension }), "{places:?}");
    }

    #[test]
    fn the_macos_app_bundles_are_usual_places_on_macos_only() {
        let home = Path::new("/Users/me");
        let has_app = |system| {
            let places = usual_places(system, &env_of(home, ""), ORDINARY);
            places
                .iter()
                .any(|codex| codex.program == Path::new("/Applications/ChatGPT.app/Contents/Resources/codex"))
        };
        assert_eq!((has_app(System::MacOs), has_app(System::Unix)), (true, false));
    }

    #[test]
    fn npms_launcher_is_replaced_by_the_binary_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let scope = dir.path().join("node_modules/@openai");
        let launcher = scope.join("codex/bin/codex.js");
        let binary = scope.join("codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex");
        program(&launcher);
        program(&binary);
        let bin = dir.path().join("node_modules/.bin");
        fs::create_dir_all(&bin).unwrap();
        symlink(&launcher, bin.join("codex")).unwrap();
        let path = bin.to_str().unwrap().to_owned();
        let found = locate(None, System::Unix, &env_of(dir.path(), &path), ORDINARY).unwrap();
        assert_eq!(found.program, fs::canonicalize(binary).unwrap());
    }

    #[test]
    fn npms_launcher_is_kept_when_the_binary_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        let launcher = dir.path().join("node_modules/@openai/codex/bin/codex.js");
        program(&launcher);
        assert_eq!(native(&launcher, System::Unix), launcher);
    }

    #[test]
    fn the_version_is_the_first_word_that_looks_like_one() {
        assert_eq!(parse_version("codex-cli 0.169.0-alpha.2\n").as_deref(), Some("0.169.0-alpha.2"));
        assert_eq!(parse_version("codex 7 is great"), None);
    }
}

#[cfg(all(test, windows))]
mod windows_tests {
    use std::ffi::OsString;

    use super::*;

    const ORDINARY: Privilege = Privilege::Ordinary;

    fn program(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    fn env_of(name: &'static str, value: PathBuf) -> impl Fn(&str) -> Option<OsString> {
        move |asked| (asked == name).then(|| value.clone().into())
    }

    #[test]
    fn npms_cmd_file_is_replaced_by_the_program_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let npm = dir.path().join("npm");
        let launcher = npm.join("codex.cmd");
        let scope = npm.join(r"node_modules\@openai");
        let binary = scope
            .join(r"codex\node_modules\@openai\codex-win32-x64\vendor\x86_64-pc-windows-msvc\bin\codex.exe");
        program(&launcher);
        program(&scope.join(r"codex\bin\codex.js"));
        let kept = locate(None, System::Windows, &env_of("PATH", npm.clone()), ORDINARY).unwrap();
        assert_eq!(kept, Codex { program: launcher, place: Place::Path });
        program(&binary);
        for (name, place) in [("PATH", Place::Path), ("APPDATA", Place::PackageManager)] {
            let value = if name == "PATH" { npm.clone() } else { dir.path().to_path_buf() };
            let found = locate(None, System::Windows, &env_of(name, value), ORDINARY).unwrap();
            assert_eq!(found, Codex { program: binary.clone(), place });
        }
    }

    #[test]
    fn the_newest_folder_of_the_desktop_app_is_a_usual_place() {
        let dir = tempfile::tempdir().unwrap();
        let codex = dir.path().join(r"OpenAI\Codex\bin\0123abcd\codex.exe");
        program(&codex);
        let env = env_of("LOCALAPPDATA", dir.path().to_path_buf());
        let found = locate(None, System::Windows, &env, ORDINARY).unwrap();
        assert_eq!(found, Codex { program: codex, place: Place::DesktopApp });
    }

    #[test]
    fn relative_folders_on_path_are_passed_over() {
        let path = PathBuf::from(r".;node_modules\.bin;\tools");
        assert_eq!(path_candidates(System::Windows, &env_of("PATH", path), "codex"), Vec::<PathBuf>::new());
    }
}
