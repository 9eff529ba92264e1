//! The log that `report` and `why` read. Errors are sentences.

use std::path::{Path, PathBuf};

use crate::logging::read::{self, Entry, Read};
use crate::settings::LogSettings;
use crate::system::PROCESS_ENV;

pub fn place() -> Result<PathBuf, String> {
    LogSettings::place(PROCESS_ENV)
        .ok_or_else(|| "There is no log: neither CODEX_HOME nor a home folder is set.".to_owned())
}

pub fn read(log: &Path, each: impl FnMut(Entry)) -> Result<Read, String> {
    read::read(log, each).map_err(|error| format!("The log {} can't be read: {error}.", log.display()))
}
