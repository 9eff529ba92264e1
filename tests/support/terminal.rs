//! A terminal of its own, and a program that runs in it.

#![allow(dead_code, reason = "each test crate uses its own part")]

use std::fs::File;
use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::ptr::null_mut;

/// A terminal with a program in it.
pub struct Terminal {
    pub screen: File,
    /// Kept open, so that the terminal's settings can be asked for after the program's end.
    pub inside: OwnedFd,
    pub child: Child,
    pub shown: String,
}

impl Terminal {
    pub fn of(mut command: Command) -> Self {
        let (mut outside, mut inside) = (0, 0);
        // SAFETY: the call fills in two descriptors, which are owned from here on; the other parameters may be null.
        let (screen, inside) = unsafe {
            assert_eq!(libc::openpty(&mut outside, &mut inside, null_mut(), null_mut(), null_mut()), 0);
            (File::from_raw_fd(outside), OwnedFd::from_raw_fd(inside))
        };
        let end = || inside.try_clone().unwrap();
        command.stdin(end()).stdout(end()).stderr(end());
        let terminal = inside.as_raw_fd();
        // SAFETY: these calls are allowed between fork and exec.
        unsafe {
            command.pre_exec(move || {
                libc::setsid();
                // Whoever started the tests may have them ignored, as nohup and a shell's background do.
                for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
                    libc::signal(signal, libc::SIG_DFL);
                }
                libc::ioctl(terminal, libc::TIOCSCTTY as _, 0);
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        Self { screen, inside, child, shown: String::new() }
    }

    /// Reads the screen until these words are on it.
    pub fn wait_for(&mut self, words: &str) {
        let mut bytes = [0; 1024];
        while !self.shown.contains(words) {
            let count = self.screen.read(&mut bytes).unwrap_or(0);
            assert!(count > 0, "never shown: {words}\n{}", self.shown);
            self.shown += &String::from_utf8_lossy(&bytes[..count]);
        }
    }

    pub fn type_in(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).unwrap();
    }

    /// Whether what is typed is shown.
    pub fn echoes(&self) -> bool {
        let mut settings = MaybeUninit::<libc::termios>::uninit();
        // SAFETY: the descriptor is a terminal's; the call fills in the settings where it succeeds.
        unsafe {
            assert_eq!(libc::tcgetattr(self.inside.as_raw_fd(), settings.as_mut_ptr()), 0);
            settings.assume_init().c_lflag & libc::ECHO != 0
        }
    }

    pub fn end(mut self) -> (Option<i32>, String, bool) {
        let code = self.child.wait().unwrap().code();
        let echoes = self.echoes();
        drop(self.inside);
        let mut rest = Vec::new();
        // The end of a terminal is an error on Linux.
        let _ = self.screen.read_to_end(&mut rest);
        self.shown += &String::from_utf8_lossy(&rest);
        (code, self.shown, echoes)
    }
}
