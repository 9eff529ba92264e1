//! `SSLKEYLOGFILE`: the secrets of each TLS session, for a network analyser.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::material::reason;
use crate::access::Privilege;
use crate::file_edit::no_follow;
use crate::stdio::{is_stdout, is_systems_name};

/// A log in the form of Mozilla's NSS.
#[derive(Debug)]
pub(super) struct KeyLog(Mutex<File>);

impl KeyLog {
    /// Opens the file without ever waiting for somebody at its other end; the error is a clause.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        if is_stdout(path) {
            return Err("it is this program's output".to_owned());
        }
        if !path.is_absolute() {
            return Err("it is not an absolute path, so it would be in each session's folder".to_owned());
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

/// As the log is opened: never through a link but for the system's own, by root only where root alone can change anything.
fn open(path: &Path) -> io::Result<File> {
    let privilege = Privilege::among_users();
    privilege.may_append_to(path).map_err(io::Error::other)?;
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let is_systems = is_systems_name(path);
    let file = if is_systems { open_stream(path, &mut options) } else { no_follow::open(path, &mut options) };
    let file = match file {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "its folder does not exist"));
        }
        // A pipe that nobody reads from.
        #[cfg(unix)]
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe that nobody reads from"));
        }
        file => file?,
    };
    if !is_systems {
        privilege.may_write_to(&file.metadata()?)?;
    }
    Ok(file)
}

/// A device, or what this process has open under another name; without waiting for its other end.
fn open_stream(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NONBLOCK);
    options.open(path)
}

impl rustls::KeyLog for KeyLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        // A full disk is no reason not to scan.
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}
