//! On a terminal: what is waited for, once that takes longer than a second.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Nobody wonders before.
const AFTER: Duration = Duration::from_secs(1);

/// Shows it until this value is dropped.
pub struct Progress(Option<(Sender<String>, JoinHandle<()>)>);

impl Progress {
    /// For a subcommand. On stderr, and only where that is a terminal.
    pub fn start(command: &'static str) -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        let (sender, says) = mpsc::channel::<String>();
        let thread = thread::spawn(move || {
            let mut shown = false;
            let Ok(mut what) = says.recv() else { return };
            loop {
                match says.recv_timeout(AFTER) {
                    Ok(next) => {
                        what = next;
                        // What is shown is kept true.
                        if shown {
                            show(command, &what);
                        }
                    }
                    Err(RecvTimeoutError::Timeout) if !shown => {
                        show(command, &what);
                        shown = true;
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            if shown {
                let _ = write!(io::stderr(), "\r\u{1b}[K");
            }
        });
        Self(Some((sender, thread)))
    }

    pub fn says(&self, what: &str) {
        if let Some((sender, _)) = &self.0 {
            // The thread ends with this value, not before.
            let _ = sender.send(what.to_owned());
        }
    }
}

fn show(command: &str, what: &str) {
    let _ = write!(io::stderr(), "\r\u{1b}[Kf5-guard {command} {what} …");
    let _ = io::stderr().flush();
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.0.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}
