//! What an installation writes: the program, the registration and the record of both, all of it or nothing.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::InstallError;
use super::scopes::Plan;
use super::summary::Report;
use super::undo::Undo;
use crate::codex::layers::ConfigFile;
use crate::file_edit::{
    EditLock, FileEditError, create_folder, install_binary, keep_as_backup, missing_folders, running_program,
    same_bytes,
};
use crate::installation::{
    Edit, InstallContext, InstallState, PATIENCE, Scope, carry_out, prepare, protected_folder,
    python_scripts, stamp, state_keys_in, version_of,
};
use crate::printable::printable;
use crate::registration::trusts_any;

/// Writes everything, under the lock of the installation's folder, or nothing.
pub fn write(plan: &mut Plan<'_>, report: &mut Report) -> Result<(), InstallError> {
    let context = plan.context;
    let missing = |folder| missing_folders(folder).into_iter().rev();
    let mut created: Vec<PathBuf> = missing(&plan.folder.path).collect();
    if plan.scope == Scope::System {
        created.extend(missing(&context.system_folder));
    }
    let anchor = plan.anchor.as_ref().filter(|folder| !folder.exists());
    let undone = created.iter().chain(anchor).cloned().collect();
    let mut undo = Undo::of(&plan.folder, undone, plan.new_file);
    let mut lock = None;
    let written = write_or_fail(plan, report, created, &mut undo, &mut lock);
    if written.is_err() {
        undo.take_back(lock);
    }
    written
}

fn write_or_fail(
    plan: &mut Plan<'_>,
    report: &mut Report,
    created: Vec<PathBuf>,
    undo: &mut Undo,
    lock: &mut Option<EditLock>,
) -> Result<(), InstallError> {
    let context = plan.context;
    if plan.scope == Scope::System {
        protected_folder(&plan.folder.path)?;
        protected_folder(&context.system_folder)?;
    }
    *lock = Some(plan.folder.hold(PATIENCE)?);
    // Again, and now nobody else of ours changes it.
    let mut state = InstallState::open(&plan.folder, plan.new_file)?;
    if let Some(trouble) = &state.trouble {
        report.notes.push(format!(
            "The record of an earlier installation is lost: {trouble}. Uninstalling will remove \
             exactly our entries."
        ));
    }
    let edits = prepare(plan.goals()?, &state, &plan.places)?;
    if changes_what_was_trusted(plan, &edits) {
        report.notes.push(
            "This replaces a registration that you had trusted. Codex asks for your trust again, once: it trusts exact \
             commands and timeouts."
                .into(),
        );
    }
    if let Some(binary) = plan.binary() {
        put_binary(plan, &binary, &state, report, undo)?;
    }
    if let Some(anchor) = &plan.anchor {
        create_folder(anchor).map_err(|source| FileEditError::Write { path: anchor.clone(), source })?;
    }
    for folder in created {
        if !state.record.created_folders.contains(&folder) {
            state.record.created_folders.push(folder);
        }
    }
    if plan.scope != Scope::Project {
        for binary in &plan.registration.binaries {
            if !state.record.binaries.contains(binary) {
                state.record.binaries.push(binary.clone());
            }
        }
    }
    let moment = stamp(SystemTime::now());
    report.backups = carry_out(&edits, &mut state, &moment)?;
    state.save()?;
    report.notes.extend(state.kept_note());
    let scripts = match plan.scope {
        Scope::System => Vec::new(),
        Scope::User | Scope::Project => python_scripts(&context.user_folder()),
    };
    report.edits(&edits, &scripts);
    report.notes.append(&mut plan.notes);
    Ok(())
}

/// Copies the binary to its place, and starts it once from there: a hook that can't be started is one that lets pass.
fn put_binary(
    plan: &Plan<'_>,
    binary: &Path,
    state: &InstallState,
    report: &mut Report,
    undo: &mut Undo,
) -> Result<(), InstallError> {
    let context = plan.context;
    undo.binary(binary);
    let is_foreign = !context.owns_binary(&plan.folder, state, &plan.files)?;
    if is_foreign && is_another(binary, &context.executable) {
        let kept = keep_as_backup(binary, &stamp(SystemTime::now()))?;
        undo.made(&kept);
        report.notes.push(format!(
            "No installation had put {} there: what it was is kept in {}.",
            binary.display(),
            kept.display()
        ));
    }
    let installed = install_binary(running_program(&context.executable), binary)?;
    let said =
        version_of(binary).map_err(|why| InstallError::BinaryFails { path: binary.to_owned(), why })?;
    if said != env!("CARGO_PKG_VERSION") {
        let why = format!("says that it is version {}", printable(&said, 40));
        return Err(InstallError::BinaryFails { path: binary.to_owned(), why });
    }
    report.binary = Some((binary.to_owned(), installed));
    report.notes.extend(source_note(context));
    Ok(())
}

/// Whether a link, or a file with other content than `executable`, stands at `path`.
fn is_another(path: &Path, executable: &Path) -> bool {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => !same_bytes(path, running_program(executable)),
        Ok(found) => found.is_symlink(),
        Err(_) => false,
    }
}

/// Whether hooks of ours that the user trusts are about to get other words.
fn changes_what_was_trusted(plan: &Plan<'_>, edits: &[Edit]) -> bool {
    if plan.scope == Scope::System {
        return false;
    }
    let changed: Vec<ConfigFile> =
        edits.iter().filter(|edit| edit.changes()).map(|edit| edit.place.clone()).collect();
    let config = std::fs::read(plan.context.home.config_toml()).unwrap_or_default();
    trusts_any(&config, &state_keys_in(&changed, &plan.places))
}

/// What is copied with an administrator's rights is what the administrator started; whether that is what they meant to start,
/// only they can tell.
fn source_note(context: &InstallContext) -> Option<String> {
    let shared = context.privilege.may_use(&context.executable).err()?;
    Some(format!(
        "The program was copied from {}, and {shared}: make sure that it is the f5-guard that you meant to install.",
        context.executable.display()
    ))
}
