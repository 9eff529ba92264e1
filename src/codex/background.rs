//! The server that the terminal's `codex` starts and leaves running (seen with 0.169.0). Sessions of later terminals run in
//! it, and their hooks get the environment that the server was started with, not the terminal's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::app_server::{AppServer, AppServerError};

/// A server that runs.
#[derive(Debug)]
pub struct Background {
    /// Its process, with its variables; `None` where the system does not show them.
    pub process: Option<(u32, Vec<(OsString, OsString)>)>,
}

/// A session that is open in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveThread {
    pub id: String,
    /// Its folder, where the server says so.
    pub folder: Option<String>,
}

/// Speaks with the server of this Codex home: a WebSocket on its socket.
///
/// # Errors
/// Why it can't be spoken with, in words.
pub fn speak(home: &Path, limit: Duration) -> Result<AppServer, String> {
    platform::speak(&socket(home), limit)
}

/// The sessions that are open in a server, without those that nobody keeps (the doctor's own are such).
pub fn live_threads(server: &mut AppServer) -> Result<Vec<LiveThread>, AppServerError> {
    let loaded = server.call("thread/loaded/list", json!({}))?;
    let ids = loaded.get("data").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut threads = Vec::new();
    for id in ids.take(MOST_THREADS) {
        let read = server.call("thread/read", json!({ "threadId": id })).unwrap_or_default();
        let thread = read.get("thread");
        let is_ephemeral = thread.and_then(|thread| thread.get("ephemeral")).and_then(Value::as_bool);
        if is_ephemeral != Some(true) {
            let folder = thread.and_then(|thread| thread.get("cwd")).and_then(Value::as_str);
            threads.push(LiveThread { id: id.to_owned(), folder: folder.map(str::to_owned) });
        }
    }
    Ok(threads)
}

/// How long the handshake may take: a server that does not even do that hangs.
#[cfg(unix)]
const HANDSHAKE: Duration = Duration::from_secs(5);

/// So many are asked about.
const MOST_THREADS: usize = 50;

fn socket(home: &Path) -> PathBuf {
    home.join("app-server-control").join("app-server-control.sock")
}

/// The server of this Codex home, if one runs. On Windows none is found: what it listens on there could not be tried.
pub fn find(home: &Path) -> Option<Background> {
    platform::find(&socket(home))
}

#[cfg(unix)]
mod platform {
    use std::os::unix::net::UnixStream;
    use std::path::Path;

    use std::time::Duration;

    use super::{Background, HANDSHAKE};
    use crate::codex::app_server::{AppServer, LINE_LIMIT};
    use crate::codex::websocket;

    pub fn speak(socket: &Path, limit: Duration) -> Result<AppServer, String> {
        let open = || {
            let stream = UnixStream::connect(socket)?;
            if !is_ours(&stream) {
                return Err(std::io::Error::other("it is another user's"));
            }
            let limit = limit.min(HANDSHAKE);
            stream.set_write_timeout(Some(limit))?;
            // The handshake has no other limit; the caller waits for what comes later.
            stream.set_read_timeout(Some(limit))?;
            let (reader, kept) = (stream.try_clone()?, stream.try_clone()?);
            let opened = websocket::open(reader, stream, LINE_LIMIT)?;
            kept.set_read_timeout(None)?;
            Ok::<_, std::io::Error>(opened)
        };
        let (requests, lines) = open().map_err(|error| error.to_string())?;
        AppServer::running(requests, lines, limit).map_err(|error| error.to_string())
    }

    pub fn find(socket: &Path) -> Option<Background> {
        // A file without a server behind it refuses.
        let connection = UnixStream::connect(socket).ok()?;
        if !is_ours(&connection) {
            return None;
        }
        Some(Background { process: process(&connection) })
    }

    /// Whether the other end runs as this user: the socket is in a folder that all share, as a rule.
    #[cfg(target_os = "linux")]
    fn is_ours(connection: &UnixStream) -> bool {
        use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
        let own = nix::unistd::geteuid().as_raw();
        getsockopt(connection, PeerCredentials).is_ok_and(|peer| peer.uid() == own)
    }

    #[cfg(not(target_os = "linux"))]
    fn is_ours(_connection: &UnixStream) -> bool {
        true
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

    pub fn speak(
        _socket: &std::path::Path,
        _limit: std::time::Duration,
    ) -> Result<crate::codex::app_server::AppServer, String> {
        Err("what it listens on is not known on this system".to_owned())
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
