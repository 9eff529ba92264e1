//! What a terminal sends to everything that runs in it, while a hook works or the terminal does not show what is typed.
//!
//! A hook that dies of Ctrl-C leaves no answer, and one that Ctrl-Z stops gives it too late: Codex takes both for "go
//! ahead" where it lives on itself. A hook ends in time without being told.

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

/// From here on Ctrl-C ends this process again.
#[cfg(unix)]
pub fn let_through() {
    // SAFETY: the default action runs no code of ours.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
}

/// From here on Ctrl-C does not end this process. A failure is no reason to answer differently.
#[cfg(windows)]
pub fn hold_off() {
    let _ = crate::windows::api::ignore_ctrl_c(true);
}

/// From here on Ctrl-C ends this process again.
#[cfg(windows)]
pub fn let_through() {
    let _ = crate::windows::api::ignore_ctrl_c(false);
}
