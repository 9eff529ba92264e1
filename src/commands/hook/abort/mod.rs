//! The last word of a process that is about to end, and who has it.
//!
//! Codex takes a hook that is killed by a signal as "go ahead". So every signal that can be caught becomes an answer:
//! what Rust's library raises itself (`SIGABRT` without memory, `SIGSEGV` without stack), what points to a broken
//! program, and what others send (`SIGTERM` from a program that tidies up, `SIGXCPU` from a limit on processor time, a timer that
//! was set before the hook was started). A write beyond a file size limit (`SIGXFSZ`) is made an ordinary error; what
//! means "go on" or "stop" to a process is left alone here (see [`crate::interrupt`] for the terminal's). `SIGKILL`,
//! the kernel's own way when the machine is out of memory, can't be caught.
//!
//! Two answers are as bad as none, so the one that is to give it is claimed first.

#[cfg(unix)]
mod last_words;

use crate::event::Event;
use crate::hook::Unscanned;

/// Prepares for these ends. Called first without knowing the payload, and again when its event is known.
#[cfg(unix)]
pub fn prepare(event: Event, unscanned: Unscanned) {
    unix::prepare(event, unscanned);
}

/// On Windows the library's abort is final.
#[cfg(not(unix))]
pub fn prepare(_event: Event, _unscanned: Unscanned) {}

/// Takes the right to answer. Never returns where a signal's handler has it, which ends the process.
///
/// # Errors
/// The exit code of an answer that is out already.
pub fn claim_answer() -> Result<(), u8> {
    #[cfg(unix)]
    return unix::claim();
    #[cfg(not(unix))]
    Ok(())
}

/// The answer is out, whole: no end of the process may take it back.
pub fn answered(exit_code: u8) {
    #[cfg(unix)]
    unix::answered(exit_code);
    #[cfg(not(unix))]
    let _ = exit_code;
}

#[cfg(unix)]
mod unix {
    use std::sync::Once;
    use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};
    use std::time::{Duration, Instant};

    use super::last_words::{Buffer, Cause, LastWords};
    use crate::event::Event;
    use crate::hook::Unscanned;
    use crate::stdio::{BlockBy, Stream, stderr_is_stdout, stdout_is_lost, write_within};

    /// Nobody has answered yet.
    const NOT_YET: i32 = -3;
    /// The main thread is answering.
    const BY_MAIN_THREAD: i32 = -2;
    /// A handler is answering; it ends the process.
    const BY_HANDLER: i32 = -1;
    /// One of these, or the exit code of the answer that is out.
    static ANSWER: AtomicI32 = AtomicI32::new(NOT_YET);
    /// The event, and what becomes of what was not scanned, in one.
    static CALL: AtomicU8 = AtomicU8::new(0);
    static INSTALLED: Once = Once::new();

    const EVENTS: [Event; 5] =
        [Event::PreToolUse, Event::UserPromptSubmit, Event::PostToolUse, Event::Stop, Event::SubagentStop];
    /// Added to an event's number in `EVENTS`. Without either a text that was not scanned is blocked.
    const GOES_AHEAD: u8 = 0x80;
    const IS_OBSERVED: u8 = 0x40;

    /// So long a stream is waited for, and an answer that another thread is giving.
    const PATIENCE: Duration = Duration::from_millis(250);

    /// What comes of an instruction or a call that can't go on, whatever the handler does.
    const FATAL: [libc::c_int; 7] =
        [libc::SIGABRT, libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGSYS];

    /// Handled elsewhere, not to be caught, or no end of the process.
    const LEFT_ALONE: &[libc::c_int] = &[
        libc::SIGKILL,
        libc::SIGSTOP,
        libc::SIGCONT,
        libc::SIGCHLD,
        libc::SIGURG,
        libc::SIGWINCH,
        // The terminal's.
        libc::SIGINT,
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
        // Rust's library ignores it, and a write fails instead.
        libc::SIGPIPE,
        libc::SIGXFSZ,
        // These end no process there.
        #[cfg(target_os = "macos")]
        libc::SIGIO,
        #[cfg(target_os = "macos")]
        libc::SIGINFO,
    ];

    fn last_signal() -> libc::c_int {
        #[cfg(target_os = "linux")]
        return libc::SIGRTMAX();
        #[cfg(not(target_os = "linux"))]
        return libc::SIGUSR2;
    }

    pub fn prepare(event: Event, unscanned: Unscanned) {
        let number = EVENTS.iter().position(|known| *known == event).unwrap_or_default();
        let number = u8::try_from(number).unwrap_or_default();
        let unscanned = match unscanned {
            Unscanned::IsBlocked => 0,
            Unscanned::GoesAhead => GOES_AHEAD,
            Unscanned::IsObserved => IS_OBSERVED,
        };
        CALL.store(number | unscanned, Ordering::Relaxed);
        INSTALLED.call_once(install);
    }

    fn call() -> (Event, Unscanned) {
        let call = CALL.load(Ordering::Relaxed);
        let number = usize::from(call & !(GOES_AHEAD | IS_OBSERVED));
        let unscanned = match call & (GOES_AHEAD | IS_OBSERVED) {
            GOES_AHEAD => Unscanned::GoesAhead,
            IS_OBSERVED => Unscanned::IsObserved,
            _ => Unscanned::IsBlocked,
        };
        (EVENTS.get(number).copied().unwrap_or(Event::PreToolUse), unscanned)
    }

    fn install() {
        // SAFETY: the structures are valid when they are all zero. The handler calls only async-signal-safe functions,
        // and reads and writes atomics. On the stack that Rust's library has set up for it, a handler runs even where
        // the thread's own is used up.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_end as extern "C" fn(libc::c_int) as libc::sighandler_t;
            action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
            libc::sigfillset(&raw mut action.sa_mask);
            let mut before: libc::sigaction = std::mem::zeroed();
            for signal in (1..=last_signal()).filter(|signal| !LEFT_ALONE.contains(signal)) {
                libc::sigaction(signal, &raw const action, &raw mut before);
                // What the parent had ignored (nohup does) stays so.
                if before.sa_sigaction == libc::SIG_IGN && !FATAL.contains(&signal) {
                    libc::sigaction(signal, &raw const before, std::ptr::null_mut());
                }
            }
        }
        // SAFETY: an ignored signal runs no code.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        ignore_the_c_librarys_own();
    }

    /// The C library keeps two or three of the real-time signals for itself and lets nobody handle them; it needs them
    /// for what is never done here (ending threads, changing users). Unhandled they would end the process.
    #[cfg(target_os = "linux")]
    fn ignore_the_c_librarys_own() {
        /// All that the kernel's structure needs for a signal that is ignored: the handler comes first.
        const IGNORED: [usize; 8] = [libc::SIG_IGN, 0, 0, 0, 0, 0, 0, 0];
        /// The size of the kernel's set of signals, in bytes.
        const SET: usize = 8;
        for signal in 32..libc::SIGRTMIN() {
            // SAFETY: the structure is larger than the kernel's, and an ignored signal runs no code.
            unsafe {
                libc::syscall(
                    libc::SYS_rt_sigaction,
                    signal,
                    IGNORED.as_ptr(),
                    std::ptr::null_mut::<libc::c_void>(),
                    SET,
                );
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn ignore_the_c_librarys_own() {}

    pub fn claim() -> Result<(), u8> {
        match claim_for(BY_MAIN_THREAD) {
            // A panic may have kept this thread from finishing.
            Ok(()) | Err(BY_MAIN_THREAD) => Ok(()),
            Err(BY_HANDLER) => wait_for_the_end(),
            Err(exit_code) => Err(u8::try_from(exit_code).unwrap_or(2)),
        }
    }

    fn claim_for(whom: i32) -> Result<(), i32> {
        ANSWER.compare_exchange(NOT_YET, whom, Ordering::AcqRel, Ordering::Acquire).map(|_| ())
    }

    pub fn answered(exit_code: u8) {
        ANSWER.store(i32::from(exit_code), Ordering::Release);
    }

    extern "C" fn on_end(signal: libc::c_int) {
        let fatal = FATAL.contains(&signal);
        let cause = if fatal { Cause::Failure } else { Cause::Signal };
        let exit_code = match claim_for(BY_HANDLER) {
            Ok(()) => answer(cause),
            Err(BY_HANDLER) => wait_for_the_end(),
            // The answer is on its way or out, and the end of the process with it.
            Err(_) if !fatal => return,
            Err(_) => answer_of_main_thread().unwrap_or_else(|| answer(cause)),
        };
        // SAFETY: `_exit` is async-signal-safe.
        unsafe { libc::_exit(exit_code) };
    }

    /// Another thread's handler is about to end the process.
    fn wait_for_the_end() -> ! {
        loop {
            std::thread::sleep(PATIENCE);
        }
    }

    /// The exit code of the answer that the main thread gives; `None` where it does not come, as where that thread is
    /// the one that can't go on.
    fn answer_of_main_thread() -> Option<i32> {
        let until = Instant::now() + PATIENCE;
        loop {
            match ANSWER.load(Ordering::Acquire) {
                exit_code @ 0.. => return Some(exit_code),
                _ if Instant::now() >= until => return None,
                _ => std::thread::yield_now(),
            }
        }
    }

    /// Says what becomes of a text that was not scanned, and returns the exit code that belongs to it.
    fn answer(cause: Cause) -> i32 {
        let (event, unscanned) = call();
        let words = LastWords { event, unscanned, cause };
        let mut buffer = Buffer::default();
        let text = |buffer: &mut Buffer| {
            words.text(buffer);
            write_within(Stream::Stderr, buffer.bytes(), PATIENCE) > 0
        };
        let blocks = unscanned == Unscanned::IsBlocked && !event.ends_a_turn();
        if blocks && BlockBy::here() == BlockBy::ExitCode && text(&mut buffer) {
            // A start-up file's `trap 'exit 0' EXIT` takes the exit code away, and JSON is left.
            if !stderr_is_stdout() && !stdout_is_lost() {
                words.json(&mut buffer);
                write_within(Stream::Stdout, buffer.bytes(), PATIENCE);
            }
            return 2;
        }
        words.json(&mut buffer);
        if !stdout_is_lost() && write_within(Stream::Stdout, buffer.bytes(), PATIENCE) == buffer.bytes().len()
        {
            return 0;
        }
        text(&mut buffer);
        if blocks { 2 } else { 1 }
    }
}
