//! A repository's registration, and the trust in it that is in the user's own file.

use std::path::Path;
use std::time::SystemTime;

use super::removal::{Outcome, finish_folder, remove_files};
use crate::codex::layers::ConfigFile;
use crate::codex::layers::Layer;
use crate::file_edit::{FileEditError, NewFile, missing_folders};
use crate::installation::PATIENCE;
use crate::installation::{
    InstallContext, InstallState, Removal, forget_trust, is_registered, prepare_removal, project_files,
    remember_trust, stamp, state_keys_in, user_files,
};
use crate::registration::{KnownBinaries, ManagedDirs};

/// Removes the project's registration, and the user's trust in it.
///
/// # Errors
/// [`FileEditError`]; what was not reached is as it was.
pub fn remove_project(
    context: &InstallContext,
    places: &KnownBinaries,
    project: &Path,
) -> Result<Outcome, FileEditError> {
    let mut outcome = Outcome::default();
    let files = project_files(project);
    let folder = context.user_folder();
    let remembered = InstallState::open(&folder, NewFile::Private)?;
    let is_remembered = files.iter().any(|place| remembered.record.file(&place.path).is_some());
    if !is_registered(&files, places)? && !is_remembered {
        return Ok(outcome);
    }
    let mut created = missing_folders(&folder.path);
    let lock = folder.hold(PATIENCE)?;
    let mut state = InstallState::open(&folder, NewFile::Private)?;
    let removals = prepare_removal(&files, &[], &ManagedDirs::default(), &state, places)?;
    if let Err(error) = forget_project_trust(context, places, &files, &mut state, &mut outcome) {
        outcome.notes.push(format!(
            "Your trust in this project's hooks may still be in {} under [hooks.state]; it no longer does anything \
             ({error}).",
            context.home.config_toml().display()
        ));
    }
    remove_files(&removals, &mut state, &mut outcome)?;
    created.extend(state.record.created_above(&[&folder.path]));
    if state.record.is_empty() && !folder.binary().exists() {
        finish_folder(&folder, &mut state, lock, &created, false, &mut outcome)?;
    } else {
        state.save()?;
    }
    outcome.notes.push("The binary stays: it belongs to the user's or the machine's installation.".into());
    Ok(outcome)
}

/// Takes the user's trust in the project's hooks out of the user's own file; back to the byte where only that was ever
/// written there.
fn forget_project_trust(
    context: &InstallContext,
    places: &KnownBinaries,
    files: &[ConfigFile],
    state: &mut InstallState,
    outcome: &mut Outcome,
) -> Result<(), FileEditError> {
    let user = user_files(&context.home);
    let [config, _] = &user;
    let users = &context.known_binaries(Layer::User, None);
    let keys = state_keys_in(files, places);
    let is_registered = is_registered(&user, users)?;
    if !is_registered {
        let removals = prepare_removal(&user, &keys, &ManagedDirs::default(), state, users)?;
        let whole: Vec<Removal> = removals.into_iter().filter(|removal| removal.removed.restored).collect();
        remove_files(&whole, state, outcome)?;
    }
    let forgotten = forget_trust(config, &keys, &stamp(SystemTime::now()))?;
    match forgotten {
        Some(before) if is_registered => {
            let keys = [keys, state_keys_in(&user, users)].concat();
            remember_trust(config, Some(&before), &keys, state, users)
        }
        Some(_) => {
            state.record.forget_file(&config.path);
            Ok(())
        }
        None => Ok(()),
    }
}
