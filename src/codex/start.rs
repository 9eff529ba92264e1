//! The command that starts a Codex.

use std::path::Path;
use std::process::Command;

use super::home::CodexHome;

/// `program` with this process's environment, and with `home` where one is given.
///
/// Root's is another matter (`sudo -E` hands on what the user exported): there Codex gets what it needs to answer, and
/// looks other programs up only where root alone can put them.
pub fn command(program: &Path, home: Option<&CodexHome>) -> Command {
    let mut command = Command::new(program);
    #[cfg(unix)]
    if crate::access::Privilege::of_this_process() == crate::access::Privilege::Administrator {
        unix::reduce(&mut command);
    }
    if let Some(home) = home {
        home.apply(&mut command);
    }
    command
}

#[cfg(unix)]
mod unix {
    use std::process::Command;

    use crate::access::{Privilege, guarded_path};
    use crate::secret::SECRET_VARIABLES;

    /// How a program speaks and tells the time.
    const KEPT: [&str; 5] = ["LANG", "LC_ALL", "LC_CTYPE", "TERM", "TZ"];

    pub(super) fn reduce(command: &mut Command) {
        command.env_clear().env("PATH", guarded_path());
        command.envs(KEPT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        // Whether commands of the model see them is to be found out, and their values have no part in that.
        let set = SECRET_VARIABLES.into_iter().filter(|name| std::env::var_os(name).is_some());
        command.envs(set.map(|name| (name, "set")));
        // Without one Codex takes root's from the user database.
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
        if let Some(home) = home.filter(|home| Privilege::Administrator.may_use(home.as_ref()).is_ok()) {
            command.env("HOME", home);
        }
    }
}
