//! Ctrl-C while a hook works, or while a terminal does not show what is typed.
//!
//! A terminal sends it to everything that runs in it. A hook that dies of it leaves no answer, which Codex takes for
//! "go ahead" where it lives on itself; and a hook ends in time without being told. Other signals are left alone.

/// From here on Ctrl-C does not end this process. A failure is no reason to answer differently.
#[cfg(unix)]
pub fn hold_off() {
    // SAFETY: an ignored signal runs no code of ours, so there is nothing that could be unsafe in a handler.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
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
