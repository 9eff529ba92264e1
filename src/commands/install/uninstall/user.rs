//! The user's own registration.

use super::removal::{Outcome, finish_folder, remove_files};
use crate::file_edit::{FileEditError, NewFile, missing_folders};
use crate::installation::PATIENCE;
use crate::installation::{
    InstallContext, InstallState, is_registered, prepare_removal, python_scripts, user_files,
};
use crate::logging;
use crate::outage;
use crate::proof::NonceFile;
use crate::registration::{KnownBinaries, ManagedDirs};
use crate::settings::log_below;
use crate::transcript;

/// Removes the user's registration, trust and binary.
///
/// # Errors
/// [`FileEditError`]; what was not reached is as it was.
pub fn remove_user(context: &InstallContext, places: &KnownBinaries) -> Result<Outcome, FileEditError> {
    let mut outcome = Outcome::default();
    let files = user_files(&context.home);
    let folder = context.user_folder();
    let home = &context.home;
    let there = [folder.binary(), folder.state_file(), folder.lock()].iter().any(|path| path.exists());
    if !there && !is_registered(&files, places)? {
        return Ok(outcome);
    }
    let mut created = missing_folders(&folder.path);
    let lock = folder.hold(PATIENCE)?;
    NonceFile::of(&home.path).sweep();
    let mut state = InstallState::open(&folder, NewFile::Private)?;
    if let Some(trouble) = &state.trouble {
        outcome.notes.push(format!("The record of the installation is lost: {trouble}."));
    }
    let removals = prepare_removal(&files, &[], &ManagedDirs::default(), &state, places)?;
    let owns_binary = context.owns_binary(&folder, &state, &files)?;
    remove_files(&removals, &mut state, &mut outcome)?;
    let scripts = python_scripts(&folder);
    if !scripts.is_empty() {
        let names: Vec<String> = scripts.iter().map(|path| path.display().to_string()).collect();
        outcome.notes.push(format!("The Python integration's scripts stay: {}.", names.join(", ")));
    }
    let log = log_below(&home.path);
    let key = logging::key_file(&log);
    match (log.exists(), key.exists()) {
        (true, true) => {
            outcome.notes.push(format!("The log and its key stay: {}, {}.", log.display(), key.display()));
        }
        (true, false) => outcome.notes.push(format!("The log stays: {}.", log.display())),
        (false, true) => outcome.notes.push(format!("The log's key stays: {}.", key.display())),
        (false, false) => {}
    }
    for path in state.record.files() {
        outcome.notes.push(format!(
            "A project still registers f5-guard ({}); Codex blocks there until f5-guard is installed again.",
            path.display()
        ));
    }
    created.extend(state.record.created_above(&[&folder.path]));
    finish_folder(&folder, &mut state, lock, &created, owns_binary, &mut outcome)?;
    transcript::Store::below(&home.path).remove();
    outage::Store::below(&home.path).remove();
    Ok(outcome)
}
