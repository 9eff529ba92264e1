//! The `PATH` on which the doctor looks for the shell that Codex would use.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// This machine's, but without a PowerShell that runs nothing and says that all is well, as Wine's: what is tried with
/// that would be tried with nothing. Without one, Codex and the doctor use `cmd.exe`.
pub fn path() -> String {
    static PATH: OnceLock<String> = OnceLock::new();
    let find = || {
        let path = std::env::var("PATH").unwrap_or_default();
        if cfg!(not(windows)) || powershell_works() {
            return path;
        }
        let is_without = |folder: &Path| !folder.join("powershell.exe").exists();
        let folders = std::env::split_paths(&path).filter(|folder| is_without(folder));
        std::env::join_paths(folders).unwrap().into_string().unwrap()
    };
    PATH.get_or_init(find).clone()
}

fn powershell_works() -> bool {
    let mut command = Command::new("powershell");
    command.args(["-NoProfile", "-Command", "exit 7"]).stdin(Stdio::null()).stdout(Stdio::null());
    command.status().is_ok_and(|status| status.code() == Some(7))
}
