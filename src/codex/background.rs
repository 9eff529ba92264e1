//! The server that the terminal's `codex` starts and leaves running (seen with 0.169.0). Sessions of later terminals run in
//! it, and their hooks get the environment that the server was started with, not the terminal's.

use std::ffi::OsString;
use std::path::Path;

/// A server that runs.
#[derive(Debug)]
pub struct Background {
    /// Its process, with its variables; `None` where the system does not show them.
    pub process: Option<(u32, Vec<(OsString, OsString)>)>,
}

/// The server of this Codex home, if one runs. On Windows none is found: what it listens on there could not be tried.
pub fn find(home: &Path) -> Option<Background> {
    platform::find(&home.join("app-server-control").join("app-server-control.sock"))
}

#[cfg(unix)]
mod platform {
    use std::os::unix::net::UnixStream;
    use std::path::Path;

    use super::Background;

    pub fn find(socket: &Path) -> Option<Background> {
        // A file without a server behind it refuses.
        let connection = UnixStream::connect(socket).ok()?;
        Some(Background { process: process(&connection) })
    }

    #[cfg(target_os = "linux")]
    fn process(connection: &UnixStream) -> Option<(u32, Vec<(std::ffi::OsString, std::ffi::OsString)>)> {
        use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
        let id = u32::try_from(getsockopt(connection, PeerCredentials).ok()?.pid()).ok()?;
        let environment = std::fs::read(format!("/proc/{id}/environ")).ok()?;
        Some((id, super::variables(&environment)))
    }

    #[cfg(not(target_os = "linux"))]
    fn process(_connection: &UnixStream) -> Option<(u32, Vec<(std::ffi::OsString, std::ffi::OsString)>)> {
        None
    }
}

#[cfg(not(unix))]
mod platform {
    pub fn find(_socket: &std::path::Path) -> Option<super::Background> {
        None
    }
}

/// The variables of an environment as Linux shows it: `NAME=value`, each ended by a NUL.
#[cfg(target_os = "linux")]
fn variables(environment: &[u8]) -> Vec<(OsString, OsString)> {
    use std::os::unix::ffi::OsStringExt;
    let pair = |entry: &[u8]| {
        let (name, rest) = entry.split_at_checked(entry.iter().position(|byte| *byte == b'=')?)?;
        let value = rest.strip_prefix(b"=")?;
        Some((OsString::from_vec(name.to_vec()), OsString::from_vec(value.to_vec())))
    };
    environment.split(|byte| *byte == 0).filter_map(pair).collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn listen(home: &Path) -> UnixListener {
        std::fs::create_dir_all(home.join("app-server-control")).unwrap();
        UnixListener::bind(home.join("app-server-control").join("app-server-control.sock")).unwrap()
    }

    #[test]
    fn a_server_that_listens_is_found_with_its_variables() {
        let home = tempfile::tempdir().unwrap();
        assert!(find(home.path()).is_none(), "nothing is there");
        let listener = listen(home.path());
        let (id, variables) = find(home.path()).unwrap().process.unwrap();
        assert_eq!(id, std::process::id());
        let path = variables.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
        assert_eq!(path, std::env::var_os("PATH"));
        drop(listener);
        assert!(find(home.path()).is_none(), "the file that it left is no server");
    }

    #[test]
    fn values_may_hold_what_names_can_not() {
        let found = variables(b"A=1=2\0EMPTY=\0no assignment\0\0B=x\n\0");
        let pairs = [("A", "1=2"), ("EMPTY", ""), ("B", "x\n")];
        assert_eq!(found, pairs.map(|(name, value)| (name.into(), value.into())));
    }
}
