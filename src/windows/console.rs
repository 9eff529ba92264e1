//! Windows opens a console window for a console program that is started where there is no console, as below a desktop
//! app. These are the ways to start one without that window.

use std::os::windows::process::CommandExt;
use std::process::Command;

use windows_sys::Win32::System::Threading::CREATE_NO_WINDOW;

use super::api;

/// For a child whose streams are all redirected: it gets a console that is never shown. A Ctrl-C in ours does not
/// reach it.
pub fn without_window(command: &mut Command) -> &mut Command {
    command.creation_flags(CREATE_NO_WINDOW)
}

/// For a child that speaks to the user through our streams: it shares our console, and gets one that is never shown
/// only where there is none to share.
pub fn without_new_window(command: &mut Command) -> &mut Command {
    if api::has_console() { command } else { without_window(command) }
}
