//! Looks at the log file: can it be written, and what were its last problems? Nothing is written to it.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::access::Privilege;
use crate::commands::doctor::facts::{LogFacts, LogFile};
use crate::commands::doctor::gather::log_tail::last_problems;
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::file_edit::no_follow;
use crate::logging;
use crate::settings::Setting;
use crate::supervise::supervise;

/// A file on a network drive can hang.
const LIMIT: Duration = Duration::from_secs(10);
/// How much of the file's end is read.
const TAIL: u64 = 256 * 1024;

pub fn examine(setting: &Setting<Option<PathBuf>>, sanitizer: &Sanitizer) -> LogFacts {
    let Some(path) = setting.value.clone() else {
        return LogFacts { file: LogFile::None { by: setting.source }, problems: Vec::new() };
    };
    let looked_at = path.clone();
    let looked = supervise(Instant::now() + LIMIT, move || {
        let writable = logging::check(&looked_at).map_err(|error| error.to_string());
        (writable, tail(&looked_at).unwrap_or_default())
    });
    let (writable, tail) =
        looked.unwrap_or_else(|_| (Err("it did not answer in time".to_owned()), String::new()));
    let file = match writable {
        Ok(()) => LogFile::Writable(path),
        Err(why) => LogFile::NotWritable(path, sanitizer.text(&why)),
    };
    LogFacts { file, problems: last_problems(&tail, sanitizer) }
}

fn tail(path: &Path) -> std::io::Result<String> {
    let allowed = Privilege::among_users().may_append_to(path).is_ok();
    if !allowed || !fs::metadata(path)?.is_file() {
        return Ok(String::new());
    }
    let mut file = no_follow::open(path, OpenOptions::new().read(true))?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
