//! Where a Codex can be, likeliest first.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Codex, Place};
use crate::access::Privilege;
use crate::system::{Env, System, non_empty};

/// Where `name` can be on `PATH`. Relative folders are passed over.
pub(super) fn path_candidates(system: System, env: Env<'_>, name: &str) -> Vec<PathBuf> {
    let endings: &[&str] = if system == System::Windows { &[".exe", ".cmd", ".bat"] } else { &[""] };
    let path = non_empty(env, "PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .flat_map(|folder| endings.iter().map(move |ending| folder.join(format!("{name}{ending}"))))
        .collect()
}

pub(super) fn named_and_on_path(system: System, env: Env<'_>) -> Vec<Codex> {
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
pub(super) fn usual_places(system: System, env: Env<'_>, privilege: Privilege) -> Vec<Codex> {
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
pub(super) fn newest_first(folder: &Path, prefix: &str) -> Vec<PathBuf> {
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
