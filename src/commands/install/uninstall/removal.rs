//! What the removals of all scopes have in common: files, binary, folders, and what is said about them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::file_edit::{BinaryRemoval, EditLock, FileEditError, remove_binary};
use crate::installation::{InstallDir, InstallState, Removal, carry_out_removal, stamp};

/// What was removed, in lines and sentences.
#[derive(Debug, Default)]
pub struct Outcome {
    pub lines: Vec<String>,
    pub notes: Vec<String>,
    /// What stays of the files as they were before a change.
    pub backups: Vec<PathBuf>,
}

/// Carries the removals out, and reports each.
///
/// # Errors
/// [`FileEditError`]; what was not reached is as it was.
pub fn remove_files(
    removals: &[Removal],
    state: &mut InstallState,
    outcome: &mut Outcome,
) -> Result<(), FileEditError> {
    let cleared = carry_out_removal(removals, state, &stamp(SystemTime::now()))?;
    for removal in removals.iter().filter(|removal| removal.changes()) {
        let path = removal.place.path.display();
        outcome.lines.push(match (&removal.removed.text, removal.removed.restored) {
            (None, _) => format!("file    {path} (deleted: f5-guard had created it)"),
            (Some(_), true) => format!("file    {path} (as if f5-guard had never been in it)"),
            (Some(_), false) => format!("file    {path} (our entries removed)"),
        });
        let again = &removal.removed.python_again;
        if removal.removed.restored && !again.is_empty() {
            outcome.notes.push(format!(
                "The Python integration's hooks are in {path} again, as before; they need their scripts."
            ));
        }
    }
    for removal in removals {
        for hook in &removal.removed.lookalikes {
            outcome.notes.push(format!(
                "Left alone, because it only resembles ours: {} {} ({}).",
                hook.event,
                crate::printable::printable(&hook.command, 200),
                removal.place.path.display()
            ));
        }
        outcome.notes.extend(removal.moved_note());
    }
    outcome.backups.extend(cleared.backups_left);
    Ok(())
}

/// Deletes the binary, where an installation put it there, what is remembered, the lock, and the folders that an installation made, where they are empty.
pub fn finish_folder(
    folder: &InstallDir,
    state: &mut InstallState,
    lock: EditLock,
    created: &[PathBuf],
    owns_binary: bool,
    outcome: &mut Outcome,
) -> Result<(), FileEditError> {
    let binary = folder.binary();
    let removal = if owns_binary { remove_binary(&binary)? } else { BinaryRemoval::Missing };
    if !owns_binary && fs::symlink_metadata(&binary).is_ok() {
        outcome.notes.push(format!("{} stays: no installation put it there.", binary.display()));
    }
    match removal {
        BinaryRemoval::Missing => {}
        BinaryRemoval::Deleted => outcome.lines.push(format!("binary  {} (deleted)", binary.display())),
        BinaryRemoval::SetAside(aside) => {
            let when = if goes_at_next_start(&aside) {
                "it is deleted when Windows starts next"
            } else {
                "delete it when it has ended; the next installation does so too"
            };
            outcome.lines.push(format!("binary  {} (it is running; {when})", aside.display()));
        }
    }
    // From now on a file of its name is somebody else's.
    state.record.binaries.clear();
    state.save_or_delete()?;
    outcome.notes.extend(state.kept_note());
    if !state.record.is_empty() {
        return Ok(());
    }
    lock.remove();
    let mut folders = created.to_vec();
    folders.push(folder.path.clone());
    folders.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
    folders.dedup();
    for path in folders {
        // Not empty: somebody else's files are in it.
        let _ = fs::remove_dir(path);
    }
    Ok(())
}

/// Whether the system deletes the program that was set aside: it does so for administrators.
#[cfg(windows)]
fn goes_at_next_start(path: &Path) -> bool {
    crate::windows::api::delete_at_next_start(path).is_ok()
}

#[cfg(not(windows))]
fn goes_at_next_start(_path: &Path) -> bool {
    false
}
