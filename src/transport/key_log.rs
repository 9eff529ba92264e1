//! `SSLKEYLOGFILE`: the secrets of each TLS session, for a network analyser.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::material::reason;
use crate::stdio::is_stdout;

/// A log in the form of Mozilla's NSS.
#[derive(Debug)]
pub(super) struct KeyLog(Mutex<File>);

impl KeyLog {
    /// Opens the file without ever waiting for somebody at its other end; the error is a clause.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        if is_stdout(path) {
            return Err("it is this program's output".to_owned());
        }
        open(path).map(|file| Self(Mutex::new(file))).map_err(|error| reason(&error))
    }
}

/// What becomes of the secrets, as a sentence.
pub fn key_log_note(path: &Path) -> String {
    match KeyLog::open(path) {
        Ok(_) => "SSLKEYLOGFILE is set: the secrets of every TLS connection are written there.".to_owned(),
        Err(why) => format!("SSLKEYLOGFILE is set, but nothing is written there: {why}."),
    }
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).mode(0o600).custom_flags(libc::O_NONBLOCK).open(path);
    match file {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "its folder does not exist"))
        }
        // A pipe that nobody reads from.
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe that nobody reads from"))
        }
        file => file,
    }
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

impl rustls::KeyLog for KeyLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        // A full disk is no reason not to scan.
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}
