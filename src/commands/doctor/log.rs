//! Looks at the log file: can it be written, and what were its last problems? Nothing is written to it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::doctor::facts::{LogFacts, LogFile};
use crate::doctor::log_tail::last_problems;
use crate::doctor::screen::Screen;
use crate::supervise::supervise;

/// A file on a network drive can hang.
const LIMIT: Duration = Duration::from_secs(10);
/// How much of the file's end is read.
const TAIL: u64 = 256 * 1024;

pub fn examine(path: Option<PathBuf>, screen: &Screen) -> LogFacts {
    let Some(path) = path else { return LogFacts { file: LogFile::None, problems: Vec::new() } };
    let looked_at = path.clone();
    let looked = supervise(Instant::now() + LIMIT, move || {
        (writable(&looked_at), tail(&looked_at).unwrap_or_default())
    });
    let (writable, tail) =
        looked.unwrap_or_else(|_| (Err("it did not answer in time".to_owned()), String::new()));
    let file = match writable {
        Ok(()) => LogFile::Writable(path),
        Err(why) => LogFile::NotWritable(path, screen.text(&why)),
    };
    LogFacts { file, problems: last_problems(&tail, screen) }
}

fn writable(path: &Path) -> Result<(), String> {
    match fs::metadata(path) {
        Ok(data) if data.is_file() => {
            OpenOptions::new().append(true).open(path).map(drop).map_err(|error| error.to_string())
        }
        Ok(data) if data.is_dir() => Err("it is a folder".to_owned()),
        // A pipe or a device: opening one can have effects of its own.
        Ok(_) => Ok(()),
        Err(_) => {
            let existing = path.ancestors().skip(1).find(|folder| folder.exists());
            let folder = existing.ok_or_else(|| "there is no folder for it".to_owned())?;
            // Deleted again at once.
            tempfile::tempfile_in(folder)
                .map(drop)
                .map_err(|error| format!("{} can't be written to ({error})", folder.display()))
        }
    }
}

fn tail(path: &Path) -> std::io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Ok(String::new());
    }
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
