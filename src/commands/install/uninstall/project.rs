//! A repository's registration, and the trust in it that stands in the user's own file.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::removal::{Outcome, finish_folder, remove_files};
use crate::file_edit::{FileEditError, NewFile};
use crate::installation::PATIENCE;
use crate::installation::{
    ConfigPlace, Layer, Ledger, Removal, Surroundings, forget_trust, is_registered, prepare_removal,
    project_files, remember_trust, stamp, state_keys_in, user_files,
};
use crate::registration::{ManagedDirs, OurPlaces};

/// Removes the project's registration, and the user's trust in it.
///
/// # Errors
/// [`FileEditError`]; what was not reached is as it was.
pub fn remove_project(
    surroundings: &Surroundings,
    places: &OurPlaces,
    project: &Path,
) -> Result<Outcome, FileEditError> {
    let mut outcome = Outcome::default();
    let files = project_files(project);
    let folder = surroundings.user_folder();
    let remembered = Ledger::open(&folder, NewFile::Private)?;
    let is_remembered = files.iter().any(|place| remembered.record.file(&place.path).is_some());
    if !is_registered(&files, places)? && !is_remembered {
        return Ok(outcome);
    }
    let mut created: Vec<PathBuf> =
        folder.path.ancestors().take_while(|path| !path.exists()).map(Path::to_path_buf).collect();
    let lock = folder.hold(PATIENCE)?;
    let mut ledger = Ledger::open(&folder, NewFile::Private)?;
    let removals = prepare_removal(&files, &[], &ManagedDirs::default(), &ledger, places)?;
    if let Err(error) = forget_project_trust(surroundings, places, &files, &mut ledger, &mut outcome) {
        outcome.notes.push(format!(
            "Your trust in this project's hooks may still be in {} under [hooks.state]; it does nothing any more \
             ({error}).",
            surroundings.home.config_toml().display()
        ));
    }
    remove_files(&removals, &mut ledger, &mut outcome)?;
    created.extend(ledger.record.created_above(&[&folder.path]));
    if ledger.record.is_empty() && !folder.binary().exists() {
        finish_folder(&folder, &mut ledger, lock, &created, false, &mut outcome)?;
    } else {
        ledger.save()?;
    }
    outcome.notes.push("The binary stays: it belongs to the user's or the machine's installation.".into());
    Ok(outcome)
}

/// Takes the user's trust in the project's hooks out of the user's own file; back to the byte where only that was ever
/// written there.
fn forget_project_trust(
    surroundings: &Surroundings,
    places: &OurPlaces,
    files: &[ConfigPlace],
    ledger: &mut Ledger,
    outcome: &mut Outcome,
) -> Result<(), FileEditError> {
    let user = user_files(&surroundings.home);
    let [config, _] = &user;
    let users = &surroundings.our_places(Layer::User, None);
    let keys = state_keys_in(files, places);
    let is_registered = is_registered(&user, users)?;
    if !is_registered {
        let removals = prepare_removal(&user, &keys, &ManagedDirs::default(), ledger, users)?;
        let whole: Vec<Removal> = removals.into_iter().filter(|removal| removal.removed.restored).collect();
        remove_files(&whole, ledger, outcome)?;
    }
    let forgotten = forget_trust(config, &keys, &stamp(SystemTime::now()))?;
    match forgotten {
        Some(before) if is_registered => {
            let keys = [keys, state_keys_in(&user, users)].concat();
            remember_trust(config, Some(&before), &keys, ledger, users)
        }
        Some(_) => {
            ledger.record.forget_file(&config.path);
            Ok(())
        }
        None => Ok(()),
    }
}
