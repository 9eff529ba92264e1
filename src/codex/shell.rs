//! Which shell Codex runs a hook's command with, and running a registered command exactly so.
//! Judging what the command answered is left to the caller.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::locate;
use crate::process::{self, Finished};
use crate::system::{Env, System};

/// The shell that Codex uses, and how it hands the command over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookShell {
    /// `<program> -c <command>`: no login shell, no profile.
    Posix(PathBuf),
    /// `<program> -NoProfile -Command <command>`.
    PowerShell(PathBuf),
    /// `<program> /C <command>`.
    Cmd(PathBuf),
}

impl HookShell {
    /// The shell of this machine's user. `$SHELL` has no say, only the user database (measured).
    pub fn of_this_user(env: Env<'_>) -> Self {
        choose(
            System::this(),
            login_shell(),
            &|name| locate::on_path(System::this(), env, name),
            &Path::is_file,
        )
    }

    /// The program, for display.
    pub fn program(&self) -> &Path {
        match self {
            Self::Posix(program) | Self::PowerShell(program) | Self::Cmd(program) => program,
        }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(self.program());
        match self {
            Self::Posix(_) => {
                command.args(["-c", line]);
            }
            Self::PowerShell(_) => {
                command.args(["-NoProfile", "-Command", line]);
            }
            Self::Cmd(_) => {
                command.args(["/C", line]);
            }
        }
        command
    }
}

/// Runs a registered command the way Codex would: through `shell`, in `cwd`, with this process's environment
/// and `payload` on its standard input. `limit` plays the part of the hook's timeout.
pub fn run_hook(
    shell: &HookShell,
    line: &str,
    payload: &[u8],
    cwd: &Path,
    limit: Duration,
) -> io::Result<Finished> {
    process::run(shell.command(line).current_dir(cwd), payload, limit)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Zsh,
    Bash,
    Sh,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Zsh => "zsh",
            Self::Bash => "bash",
            Self::Sh => "sh",
        }
    }

    fn of(shell: &Path) -> Option<Self> {
        let name = shell.file_stem()?;
        [Self::Zsh, Self::Bash, Self::Sh].into_iter().find(|kind| name == kind.name())
    }
}

/// Codex's choice. Unix: a login shell named zsh, bash or sh is used as it is; any other (fish, dash, nologin,
/// none, or one that is not there) gives way to bash, on macOS to zsh (measured on Linux with the user
/// database replaced; macOS and Windows from openai/codex's `core/src/shell.rs`).
fn choose(
    system: System,
    login: Option<PathBuf>,
    on_path: &dyn Fn(&str) -> Option<PathBuf>,
    is_file: &dyn Fn(&Path) -> bool,
) -> HookShell {
    if system == System::Windows {
        return ["pwsh", "powershell"]
            .into_iter()
            .find_map(on_path)
            .map_or_else(|| HookShell::Cmd("cmd.exe".into()), HookShell::PowerShell);
    }
    if let Some(kind) = login.as_deref().and_then(Kind::of) {
        if let Some(login) = login.filter(|shell| is_file(shell)) {
            return HookShell::Posix(login);
        }
        if let Some(shell) = find(kind, on_path, is_file) {
            return HookShell::Posix(shell);
        }
    }
    let order = if system == System::MacOs { [Kind::Zsh, Kind::Bash] } else { [Kind::Bash, Kind::Zsh] };
    let fallback = order.into_iter().find_map(|kind| find(kind, on_path, is_file));
    HookShell::Posix(fallback.unwrap_or_else(|| "/bin/sh".into()))
}

fn find(
    kind: Kind,
    on_path: &dyn Fn(&str) -> Option<PathBuf>,
    is_file: &dyn Fn(&Path) -> bool,
) -> Option<PathBuf> {
    let usual = Path::new("/bin").join(kind.name());
    on_path(kind.name()).or_else(|| is_file(&usual).then_some(usual))
}

#[cfg(unix)]
fn login_shell() -> Option<PathBuf> {
    use nix::unistd::{User, getuid};
    User::from_uid(getuid()).ok().flatten().map(|user| user.shell)
}

#[cfg(not(unix))]
fn login_shell() -> Option<PathBuf> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_linux(login: Option<&str>, files: &[&str]) -> HookShell {
        let on_path = |name: &str| {
            let path = Path::new("/usr/bin").join(name);
            files.iter().any(|file| Path::new(file) == path).then_some(path)
        };
        let is_file = |path: &Path| files.iter().any(|file| Path::new(file) == path);
        choose(System::Unix, login.map(PathBuf::from), &on_path, &is_file)
    }

    fn posix(path: &str) -> HookShell {
        HookShell::Posix(path.into())
    }

    // What Codex 0.169.0 did on Linux with each of these in the user database.
    #[test]
    fn a_login_shell_that_codex_knows_is_used_as_it_is() {
        let files = ["/bin/bash", "/usr/bin/bash", "/bin/sh"];
        assert_eq!(on_linux(Some("/bin/bash"), &files), posix("/bin/bash"));
        assert_eq!(on_linux(Some("/bin/sh"), &files), posix("/bin/sh"));
    }

    #[test]
    fn any_other_login_shell_gives_way_to_the_bash_on_path() {
        let files = ["/bin/dash", "/usr/bin/fish", "/bin/bash", "/usr/bin/bash"];
        for login in [Some("/bin/dash"), Some("/usr/bin/fish"), Some("/nonexistent/zsh"), Some(""), None] {
            assert_eq!(on_linux(login, &files), posix("/usr/bin/bash"), "{login:?}");
        }
    }

    #[test]
    fn without_bash_and_zsh_there_is_always_bin_sh() {
        assert_eq!(on_linux(None, &[]), posix("/bin/sh"));
    }

    #[test]
    fn macos_falls_back_to_zsh() {
        let on_path = |name: &str| Some(Path::new("/bin").join(name));
        assert_eq!(choose(System::MacOs, Some("/bin/fish".into()), &on_path, &|_| true), posix("/bin/zsh"));
    }

    #[test]
    fn windows_prefers_powershell_and_falls_back_to_cmd() {
        let only = |wanted: &'static str| move |name: &str| (name == wanted).then(|| PathBuf::from(name));
        let pick =
            |on_path: &dyn Fn(&str) -> Option<PathBuf>| choose(System::Windows, None, on_path, &|_| true);
        assert_eq!(pick(&only("powershell")), HookShell::PowerShell("powershell".into()));
        assert_eq!(pick(&only("pwsh")), HookShell::PowerShell("pwsh".into()));
        assert_eq!(pick(&only("none")), HookShell::Cmd("cmd.exe".into()));
    }

    #[test]
    fn powershell_gets_the_command_without_a_profile() {
        let command = HookShell::PowerShell("pwsh".into()).command("f5 stop");
        assert_eq!(command.get_args().collect::<Vec<_>>(), ["-NoProfile", "-Command", "f5 stop"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_hook_gets_its_payload_its_folder_and_the_shells_quoting() {
        let dir = tempfile::tempdir().unwrap();
        let line = r#"printf '%s|' 'a b' "$PWD"; cat"#;
        let done = run_hook(&posix("/bin/sh"), line, b"{}", dir.path(), Duration::from_secs(60)).unwrap();
        let cwd = std::fs::canonicalize(dir.path()).unwrap();
        let expected = format!("a b|{}|{{}}", cwd.display());
        assert_eq!(String::from_utf8(done.stdout).unwrap(), expected);
        assert_eq!(done.end, process::End::Code(0));
    }

    #[cfg(windows)]
    #[test]
    fn cmd_gets_the_line_with_its_spaces_and_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let shell = HookShell::Cmd("cmd.exe".into());
        let done =
            run_hook(&shell, "echo a b& cd& exit 3", b"{}", dir.path(), Duration::from_secs(60)).unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        assert_eq!(said.lines().map(str::trim).collect::<Vec<_>>(), ["a b", dir.path().to_str().unwrap()]);
        assert_eq!(done.end, process::End::Code(3));
    }
}
