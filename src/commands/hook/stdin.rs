//! What comes on stdin, and whose call it is.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::event::Event;
use crate::hook::PayloadError;
use crate::hook::payload::{self, MAX_PAYLOAD};
use crate::stdio;
use crate::supervise::{Interrupted, supervise};

/// Reads stdin to its end, always: Codex takes a hook that does not as failed, and goes ahead. Of a payload
/// over the limit one byte more than that is kept, by which it is recognised.
pub fn read_stdin() -> Result<Vec<u8>, PayloadError> {
    let mut stdin = io::stdin().lock();
    let mut bytes = Vec::new();
    stdin.by_ref().take(MAX_PAYLOAD as u64 + 1).read_to_end(&mut bytes).map_err(|_| PayloadError::Read)?;
    if bytes.len() > MAX_PAYLOAD {
        io::copy(&mut stdin, &mut io::sink()).map_err(|_| PayloadError::Read)?;
    }
    Ok(bytes)
}

/// Takes what is left on stdin within `limit`, where no answer depends on it any more.
pub fn drain_stdin_within(limit: Duration) {
    // What can't be read can't be drained either.
    let drain = || drop(io::copy(&mut io::stdin().lock(), &mut io::sink()));
    if supervise(Instant::now() + limit, drain) == Err(Interrupted::NotStarted) {
        stdio::drain_stdin_within(limit);
    }
}

/// Whose call it is, for a command line that may not say which hook it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Codex's, as what came on stdin shows, with the event that it names.
    Codex(Option<Event>),
    Somebody,
}

/// Looks at stdin until its end or the deadline. What begins as a payload and does not end in time is one.
pub fn caller_on_stdin(deadline: Instant) -> Caller {
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let read = {
        let arrived = Arc::clone(&arrived);
        move || read_stdin_into(&arrived)
    };
    let ended = supervise(deadline, read);
    let bytes = arrived.lock().unwrap_or_else(PoisonError::into_inner);
    match ended {
        // Without a thread nothing was read, and something is there.
        Err(Interrupted::NotStarted) => Caller::Codex(None),
        ended if payload::may_be_one(&bytes, ended.is_ok()) => Caller::Codex(payload::salvage_event(&bytes)),
        _ => Caller::Somebody,
    }
}

/// Reads stdin to its end, and keeps as much as [`read_stdin`].
fn read_stdin_into(arrived: &Mutex<Vec<u8>>) {
    let mut stdin = io::stdin().lock();
    let mut part = vec![0; 64 * 1024];
    loop {
        match stdin.read(&mut part) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
            Ok(count) => {
                let mut arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
                let room = (MAX_PAYLOAD + 1).saturating_sub(arrived.len()).min(count);
                arrived.extend_from_slice(part.get(..room).unwrap_or_default());
            }
        }
    }
}
