//! A repository's registration, and the trust in it that stands in the user's own file.

use std::fs;
use std::path::{Path, PathBuf};

use super::removal::{Outcome, finish_folder, moved, remove_files};
use crate::codex::app_server::AppServer;
use crate::codex::locate::{Codex, LocateError};
use crate::codex::trust;
use crate::commands::setup::{CODEX_TIME, PATIENCE, bystander_notes};
use crate::file_edit::{FileEditError, NewFile};
use crate::installation::{
    ConfigPlace, Ledger, Removal, Surroundings, Witness, is_registered, prepare_removal, project_files,
    state_keys, user_files,
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
    codex: &Result<Codex, LocateError>,
) -> Result<Outcome, FileEditError> {
    let mut outcome = Outcome::default();
    let files = project_files(project, &surroundings.home);
    let folder = surroundings.user_folder();
    let remembered = Ledger::open(&folder, NewFile::Private);
    let is_remembered = files.iter().any(|place| remembered.record.file(&place.path).is_some());
    if !is_registered(&files, places)? && !is_remembered {
        return Ok(outcome);
    }
    let mut created: Vec<PathBuf> =
        folder.path.ancestors().take_while(|path| !path.exists()).map(Path::to_path_buf).collect();
    let lock = folder.hold(PATIENCE)?;
    let mut ledger = Ledger::open(&folder, NewFile::Private);
    let removals = prepare_removal(&files, &[], &ManagedDirs::default(), &ledger, places)?;
    let found = codex.as_ref().map_err(ToString::to_string);
    forget_project_trust(surroundings, places, &files, project, found.clone(), &mut outcome);
    let moved = moved(&removals);
    let witness = Witness::before(&moved, found, &surroundings.home, project, CODEX_TIME);
    remove_files(&removals, &mut ledger, &mut outcome)?;
    if let Some(witness) = witness {
        outcome.notes.extend(bystander_notes(&witness.after(&surroundings.home.config_toml(), places)));
    }
    let user = user_files(&surroundings.home);
    if !is_registered(&user, places)? {
        // Only a project's trust was ever written there.
        let removals = prepare_removal(&user, &[], &ManagedDirs::default(), &ledger, places)?;
        let removals: Vec<Removal> =
            removals.into_iter().filter(|removal| removal.removed.restored).collect();
        remove_files(&removals, &mut ledger, &mut outcome)?;
    }
    created.extend(ledger.record.created_above(&[&folder.path]));
    if ledger.record.is_empty() && !folder.binary().exists() {
        finish_folder(&folder, &mut ledger, lock, &created, &mut outcome)?;
    } else {
        ledger.save()?;
    }
    outcome.notes.push("The binary stays: it belongs to the user's or the machine's installation.".into());
    Ok(outcome)
}

/// The trust in a project's hooks stands in the user's own file; Codex takes it out.
fn forget_project_trust(
    surroundings: &Surroundings,
    places: &OurPlaces,
    files: &[ConfigPlace],
    project: &Path,
    codex: Result<&Codex, String>,
    outcome: &mut Outcome,
) {
    let contents: Vec<_> = files.iter().map(|file| (file, fs::read(&file.path).ok())).collect();
    let borrowed: Vec<_> = contents.iter().map(|(file, bytes)| (*file, bytes.as_deref())).collect();
    let keys = state_keys(&borrowed, places);
    let config = surroundings.home.config_toml();
    let text = fs::read_to_string(&config).unwrap_or_default();
    if !text.contains("trusted_hash") {
        return;
    }
    let forgotten = codex.and_then(|codex| {
        let mut server = AppServer::start(&codex.program, &surroundings.home, project, CODEX_TIME)
            .map_err(|error| error.to_string())?;
        trust::forget(&mut server, &config, project, &keys).map_err(|error| error.to_string())
    });
    if let Err(why) = forgotten {
        outcome.notes.push(format!(
            "Your trust in this project's hooks may still stand in {} under [hooks.state]; it does nothing any more \
             ({why}).",
            config.display()
        ));
    }
}
