//! Ends a process whose answer is out and that does not end by itself: the log may be on a network drive that hangs, or
//! stderr be a pipe that nobody reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use super::LOG_TIME;
use super::reply::{PATIENCE, Written};

/// No exit code is so large.
const NOT_YET: u16 = u16::MAX;
/// So often it looks whether an answer that is late is out by now.
const PAUSE: Duration = Duration::from_millis(20);

/// What the thread that answers tells the one that watches. Clones are the same.
#[derive(Debug, Clone)]
pub struct Overtime {
    exit_code: Arc<AtomicU16>,
}

impl Default for Overtime {
    fn default() -> Self {
        Self { exit_code: Arc::new(AtomicU16::new(NOT_YET)) }
    }
}

impl Overtime {
    /// The answer is out; the process only has to end.
    pub fn answered(&self, written: Written) {
        self.exit_code.store(u16::from(written.exit_code()), Ordering::Release);
    }

    /// Waits for the time that the answer and then the log may take, and ends the process, if it is still there, with the
    /// answer's exit code.
    pub fn watch(&self) {
        thread::sleep(2 * PATIENCE + LOG_TIME);
        loop {
            if let Ok(exit_code) = u8::try_from(self.exit_code.load(Ordering::Acquire)) {
                std::process::exit(i32::from(exit_code));
            }
            thread::sleep(PAUSE);
        }
    }
}
