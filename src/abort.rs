//! The last word of a process that the system is about to end.
//!
//! Codex takes a hook that is killed by a signal as "go ahead". Two such ends can be turned into a "no" by exit
//! code: a write beyond a file size limit (`SIGXFSZ`, here made an ordinary error) and `SIGABRT`, which is how
//! Rust's library ends a process that has no memory or no stack left. `SIGKILL`, the kernel's own way when the
//! machine is out of memory, can't be caught.

use crate::hook::Event;
use crate::settings::values::FailMode;

/// The exit code that says no to `event`, or lets it pass where the fail mode is open: for the stop events 2
/// would start the turn again, without end.
fn exit_code(event: Event, mode: FailMode) -> i32 {
    match mode {
        FailMode::Closed if !event.ends_a_turn() => 2,
        _ => 1,
    }
}

/// Prepares for both ends. Called first without knowing the payload, and again when its event is known.
#[cfg(unix)]
pub fn prepare(event: Event, mode: FailMode) {
    unix::install(exit_code(event, mode));
}

/// On Windows the library's abort is final.
#[cfg(not(unix))]
pub fn prepare(event: Event, mode: FailMode) {
    let _ = exit_code(event, mode);
}

#[cfg(unix)]
mod unix {
    use std::sync::Once;
    use std::sync::atomic::{AtomicI32, Ordering};

    static EXIT_CODE: AtomicI32 = AtomicI32::new(2);
    static INSTALLED: Once = Once::new();

    /// Codex shows this where the exit code is 2; an empty reason would let the action pass.
    const REASON: &[u8] =
        b"F5 Guardrails: f5-guard ran out of memory or failed internally, and the fail mode is closed.\n";

    pub fn install(exit_code: i32) {
        EXIT_CODE.store(exit_code, Ordering::Relaxed);
        INSTALLED.call_once(|| {
            // SAFETY: SIG_IGN runs no code. The handler calls only async-signal-safe functions (write, _exit)
            // and reads an atomic.
            unsafe {
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                libc::signal(libc::SIGABRT, on_abort as extern "C" fn(libc::c_int) as libc::sighandler_t);
            }
        });
    }

    extern "C" fn on_abort(_signal: libc::c_int) {
        // SAFETY: both calls are async-signal-safe; the buffer is static.
        unsafe {
            libc::write(2, REASON.as_ptr().cast(), REASON.len());
            libc::_exit(EXIT_CODE.load(Ordering::Relaxed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_closed_mode_says_no_and_never_to_a_stop() {
        assert_eq!(exit_code(Event::PreToolUse, FailMode::Closed), 2);
        assert_eq!(exit_code(Event::PreToolUse, FailMode::Open), 1);
        assert_eq!(exit_code(Event::Stop, FailMode::Closed), 1);
        assert_eq!(exit_code(Event::SubagentStop, FailMode::Closed), 1);
    }
}
