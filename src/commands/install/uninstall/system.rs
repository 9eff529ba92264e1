//! The registration for the whole machine: the administrator's files and the managed folder.

use super::removal::{Outcome, finish_folder, remove_files};
use crate::file_edit::{FileEditError, NewFile};
use crate::installation::PATIENCE;
use crate::installation::{
    InstallContext, InstallDir, InstallState, is_registered, prepare_removal, system_files,
};
use crate::registration::{KnownBinaries, ManagedDirs};

/// Removes the machine's registration and binary.
///
/// # Errors
/// [`FileEditError`]; what was not reached is as it was.
pub fn remove_system(
    context: &InstallContext,
    places: &KnownBinaries,
    managed: &InstallDir,
) -> Result<Outcome, FileEditError> {
    let mut outcome = Outcome::default();
    let files = system_files(&context.system_folder);
    if !managed.path.is_dir() && !is_registered(&files, places)? {
        return Ok(outcome);
    }
    let existed = managed.path.is_dir();
    let lock = managed.hold(PATIENCE)?;
    let mut state = InstallState::open(managed, NewFile::Public)?;
    let dirs = ManagedDirs::on(context.system, &managed.path);
    let removals = prepare_removal(&files, &[], &dirs, &state, places)?;
    let mut created = state.record.created_above(&[&managed.path, &context.system_folder]);
    if !existed {
        created.push(managed.path.clone());
    }
    let owns_binary = context.owns_binary(managed, &state, &files)?;
    remove_files(&removals, &mut state, &mut outcome)?;
    finish_folder(managed, &mut state, lock, &created, owns_binary, &mut outcome)?;
    Ok(outcome)
}
