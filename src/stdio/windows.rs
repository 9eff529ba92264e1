//! The streams on Windows.

use std::io::{self, IsTerminal, Write};
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use std::time::Duration;

use super::{BlockBy, Stream};

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
