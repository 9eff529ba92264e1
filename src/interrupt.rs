//! What a terminal sends to everything that runs in it, while a hook works or the terminal does not show what is typed.
//!
//! A hook that dies of Ctrl-C leaves no answer, and one that Ctrl-Z stops gives it too late: Codex takes both for "go
//! ahead" where it lives on itself. A hook ends in time by itself.

/// Ctrl-C, Ctrl-Z, and the stop of a background process that wants to use the terminal.
#[cfg(unix)]
const FROM_TERMINALS: [libc::c_int; 4] = [libc::SIGINT, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// From here on the terminal's keys neither end nor stop this process. A failure is no reason to answer differently.
#[cfg(unix)]
pub fn hold_off() {
    for signal in FROM_TERMINALS {
        // SAFETY: an ignored signal runs no code of ours, so there is nothing that could be unsafe in a handler.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Asks on a terminal that does not show what is typed. Whatever ends the process meanwhile, but `SIGKILL`, finds the
/// terminal as it was; Ctrl-C arrives as a character.
#[cfg(unix)]
pub fn without_echo<T>(ask: impl FnOnce() -> T) -> T {
    use nix::sys::signal::{SigHandler, SigSet, Signal, raise, signal};
    use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};

    hold_off();
    let ends: SigSet =
        [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT].into_iter().collect();
    let default = || {
        // SAFETY: the default action runs no code of ours.
        let _ = unsafe { signal(Signal::SIGINT, SigHandler::SigDfl) };
    };
    let terminal = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty");
    let before = terminal.and_then(|terminal| Ok((tcgetattr(&terminal)?, terminal)));
    if let (Ok((settings, terminal)), Ok(())) = (before, ends.thread_block()) {
        default();
        let watch = move || {
            let Ok(which) = ends.wait() else { return };
            let _ = tcsetattr(&terminal, SetArg::TCSANOW, &settings);
            let _ = ends.thread_unblock();
            let _ = raise(which);
        };
        // Without a thread the signals wait until the question is answered.
        let _ = std::thread::Builder::new().name("terminal".into()).spawn(watch);
    }
    let answer = ask();
    // A Ctrl-C that was typed has become the answer: what is pending of it is dropped.
    hold_off();
    let _ = ends.thread_unblock();
    default();
    answer
}

/// From here on Ctrl-C does not end this process. A failure is no reason to answer differently.
#[cfg(windows)]
pub fn hold_off() {
    let _ = crate::windows::api::ignore_ctrl_c(true);
}

/// Asks on a terminal that does not show what is typed; Ctrl-C arrives as a character.
#[cfg(windows)]
pub fn without_echo<T>(ask: impl FnOnce() -> T) -> T {
    hold_off();
    let answer = ask();
    let _ = crate::windows::api::ignore_ctrl_c(false);
    answer
}
