//! The streams on Windows.

use std::io::{self, IsTerminal, Read, Write};
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{BlockBy, Stream};
use crate::windows::api;

/// On Windows no path leads to a redirected stdout.
pub fn is_stdout(_path: &Path) -> bool {
    false
}

/// No link on Windows leads to a device.
pub fn is_systems_name(_path: &Path) -> bool {
    false
}

/// Whether there is no stdout: Rust's library then pretends that writing succeeds.
pub fn stdout_is_lost() -> bool {
    io::stdout().as_raw_handle().is_null()
}

/// Whether stderr is stdout under another name. A pipe has no identity that could be compared on Windows, so a second
/// handle to the same one is not recognised.
pub fn stderr_is_stdout() -> bool {
    io::stdout().as_raw_handle() == io::stderr().as_raw_handle() && !io::stdout().is_terminal()
}

/// PowerShell turns every exit code but 0 into 1, and is started without its profiles: nothing writes to stdout but us.
pub(super) fn block_by() -> BlockBy {
    BlockBy::Json
}

/// Rust's library ends the process there after what it says, so that nothing is to be kept.
pub(super) fn keep_stderr_for_the_answer() {}

pub(super) fn give_stderr_back() {}

/// Reads no more than what is there, so that no read waits. What is no pipe needs no draining.
pub(super) fn drain_stdin_within(limit: Duration) {
    const PAUSE: Duration = Duration::from_millis(1);
    let until = Instant::now() + limit;
    let mut bytes = [0; 4096];
    while let Ok(waiting) = api::waiting_in_pipe(io::stdin().as_raw_handle()) {
        let now = waiting.min(bytes.len());
        if now == 0 {
            if Instant::now() >= until {
                break;
            }
            std::thread::sleep(PAUSE);
        } else if !matches!(bytes.get_mut(..now).map(|room| io::stdin().lock().read(room)), Some(Ok(1..))) {
            break;
        }
    }
}

/// A pipe can't be looked into without taking from it, and what is taken is gone: so it is assumed.
pub fn json_waits_on_stdin(_limit: Duration) -> bool {
    !io::stdin().is_terminal()
}

/// A pipe holds more than an answer, so that nobody has to be waited for.
pub(super) fn write_within(stream: Stream, bytes: &[u8], _limit: Duration) -> usize {
    let write = |out: &mut dyn Write| out.write_all(bytes).and_then(|()| out.flush());
    let written = match stream {
        Stream::Stdout => write(&mut io::stdout().lock()),
        Stream::Stderr => write(&mut io::stderr().lock()),
    };
    if written.is_ok() { bytes.len() } else { 0 }
}
