//! The user's own registration: removed by `uninstall`, and by an installation for the whole machine.

use std::path::PathBuf;
use std::time::SystemTime;

use super::removal::{Outcome, finish_folder, remove_files};
use crate::commands::setup::PATIENCE;
use crate::file_edit::{EditLock, FileEditError, NewFile};
use crate::installation::{
    Edit, Goal, Ledger, Surroundings, carry_out, is_registered, prepare, prepare_removal, python_scripts,
    stamp, user_files,
};
use crate::registration::{ManagedDirs, OurPlaces};

/// Removes the user's registration, trust and binary.
///
/// # Errors
/// [`FileEditError`]; what was not reached is as it was.
pub fn remove_user(surroundings: &Surroundings, places: &OurPlaces) -> Result<Outcome, FileEditError> {
    let mut outcome = Outcome::default();
    let files = user_files(&surroundings.home);
    let folder = surroundings.user_folder();
    let home = &surroundings.home;
    let there = [folder.binary(), folder.record(), folder.lock()].iter().any(|path| path.exists());
    if !there && !is_registered(&files, places)? {
        return Ok(outcome);
    }
    let mut created: Vec<PathBuf> =
        folder.path.ancestors().take_while(|path| !path.exists()).map(PathBuf::from).collect();
    let lock = EditLock::acquire(&folder.lock(), PATIENCE)?;
    let mut ledger = Ledger::open(&folder, NewFile::Private);
    if let Some(trouble) = &ledger.trouble {
        outcome.notes.push(format!("What was remembered of the installation is lost: {trouble}."));
    }
    let removals = prepare_removal(&files, &[], &ManagedDirs::default(), &ledger, places)?;
    remove_files(&removals, &mut ledger, &mut outcome)?;
    let scripts = python_scripts(&folder);
    if !scripts.is_empty() {
        let names: Vec<String> = scripts.iter().map(|path| path.display().to_string()).collect();
        outcome.notes.push(format!("The Python integration's scripts stay: {}.", names.join(", ")));
    }
    let log = home.path.join("logs").join("f5_guardrails.log");
    if log.exists() {
        outcome.notes.push(format!("The log stays: {}.", log.display()));
    }
    for path in ledger.record.files() {
        outcome.notes.push(format!(
            "A project still registers f5-guard ({}); there Codex is told to block until f5-guard is installed again.",
            path.display()
        ));
    }
    created.extend(ledger.record.created_folders.clone());
    finish_folder(&folder, &mut ledger, lock, &created, &mut outcome)?;
    Ok(outcome)
}

/// Edits the user's own files beside an installation for the whole machine.
///
/// # Errors
/// [`FileEditError`].
pub fn edit_user(
    surroundings: &Surroundings,
    places: &OurPlaces,
    goals: Vec<Goal>,
    mut tell: impl FnMut(&[Edit], Vec<PathBuf>),
) -> Result<(), FileEditError> {
    let folder = surroundings.user_folder();
    let lock = EditLock::acquire(&folder.lock(), PATIENCE)?;
    let mut ledger = Ledger::open(&folder, NewFile::Private);
    let edits = prepare(goals, &ledger, places)?;
    let backups = carry_out(&edits, &mut ledger, &stamp(SystemTime::now()))?;
    tell(&edits, backups);
    // Left behind, an administrator's lock file would keep the user out.
    lock.remove();
    Ok(())
}
