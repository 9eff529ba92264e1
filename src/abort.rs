//! The last word of a process that the system is about to end.
//!
//! Codex takes a hook that is killed by a signal as "go ahead". Such ends can be turned into a "no" by exit code:
//! `SIGABRT`, which is how Rust's library ends a process that has no memory or no stack left, and what others send
//! (`SIGTERM` from whoever tidies up, `SIGXCPU` from a limit on processor time, a timer that was set before the hook
//! was started). A write beyond a file size limit (`SIGXFSZ`) is made an ordinary error. `SIGKILL`, the kernel's own
//! way when the machine is out of memory, can't be caught.

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

/// Prepares for these ends. Called first without knowing the payload, and again when its event is known.
#[cfg(unix)]
pub fn prepare(event: Event, mode: FailMode) {
    unix::install(exit_code(event, mode));
}

/// On Windows the library's abort is final.
#[cfg(not(unix))]
pub fn prepare(event: Event, mode: FailMode) {
    let _ = exit_code(event, mode);
}

/// The answer is out, whole: no end of the process may take it back.
pub fn answered() {
    #[cfg(unix)]
    unix::answered();
}

#[cfg(unix)]
mod unix {
    use std::sync::Once;
    use std::sync::atomic::{AtomicI32, Ordering};

    static EXIT_CODE: AtomicI32 = AtomicI32::new(2);
    static INSTALLED: Once = Once::new();

    /// Codex shows these where the exit code is 2; an empty reason would let the action pass.
    const FAILED: &[u8] = b"F5 Guardrails: not scanned. f5-guard ran out of memory or failed internally.\n";
    const ENDED: &[u8] = b"F5 Guardrails: not scanned. A signal ended f5-guard before the scan was done.\n";

    /// What ends a process where nobody handles it, without `SIGINT` (see [`crate::interrupt`]), `SIGPIPE` (which
    /// Rust's library ignores) and what points to a broken program.
    const FROM_OTHERS: [libc::c_int; 9] = [
        libc::SIGTERM,
        libc::SIGHUP,
        libc::SIGQUIT,
        libc::SIGXCPU,
        libc::SIGALRM,
        libc::SIGVTALRM,
        libc::SIGPROF,
        libc::SIGUSR1,
        libc::SIGUSR2,
    ];

    pub fn install(exit_code: i32) {
        // Work that was left behind may come here after the answer.
        let unless_answered = |code| (code != 0).then_some(exit_code);
        let _ = EXIT_CODE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, unless_answered);
        INSTALLED.call_once(|| {
            let handler = on_end as extern "C" fn(libc::c_int) as libc::sighandler_t;
            // SAFETY: SIG_IGN runs no code. The handler calls only async-signal-safe functions (write, _exit)
            // and reads an atomic.
            unsafe {
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                libc::signal(libc::SIGABRT, handler);
                for signal in FROM_OTHERS {
                    // What the parent had ignored (nohup does) stays so.
                    if libc::signal(signal, handler) == libc::SIG_IGN {
                        libc::signal(signal, libc::SIG_IGN);
                    }
                }
            }
        });
    }

    pub fn answered() {
        EXIT_CODE.store(0, Ordering::Relaxed);
    }

    extern "C" fn on_end(signal: libc::c_int) {
        let exit_code = EXIT_CODE.load(Ordering::Relaxed);
        let reason = if signal == libc::SIGABRT { FAILED } else { ENDED };
        // SAFETY: both calls are async-signal-safe; the buffers are static.
        unsafe {
            if exit_code != 0 {
                libc::write(2, reason.as_ptr().cast(), reason.len());
            }
            libc::_exit(exit_code);
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
