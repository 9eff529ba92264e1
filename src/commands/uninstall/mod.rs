//! `f5-guard uninstall`: takes our hooks, their trust and our binary out again, and names what stays.

mod user;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

pub(super) use user::{edit_user, remove_user};

use super::install::{
    InstallError, bystander_notes, find_codex, needs_administrator, project_folder, say, say_error,
};
use crate::cli::UninstallArgs;
use crate::codex::System;
use crate::codex::app_server::AppServer;
use crate::codex::locate::{Codex, LocateError};
use crate::codex::trust;
use crate::file_edit::{BinaryRemoval, EditLock, FileEditError, NewFile, remove_binary};
use crate::installation::{
    Ledger, OurFolder, Removal, Scope, Surroundings, Witness, carry_out_removal, is_registered,
    managed_folder, prepare_removal, project_files, stamp, state_keys, system_files, user_files,
};
use crate::registration::{ManagedDirs, MovedHook, OurPlaces};
use user::{CODEX_TIME, PATIENCE};

/// What was removed, in lines and sentences.
#[derive(Debug, Default)]
pub struct Outcome {
    pub lines: Vec<String>,
    pub notes: Vec<String>,
}

/// Uninstalls; 0 also where there was nothing to remove.
pub fn run(args: &UninstallArgs) -> ExitCode {
    match uninstall(args) {
        Ok(text) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            say_error(&format!("f5-guard uninstall: {error}."));
            ExitCode::FAILURE
        }
    }
}

fn uninstall(args: &UninstallArgs) -> Result<String, InstallError> {
    let env: &crate::codex::Env<'_> = &|name| std::env::var_os(name);
    let surroundings = Surroundings::of_this_process(env)?;
    let target = &args.target;
    let scope = target.scope.map_or(Scope::default_for(surroundings.system), Scope::from);
    if target.dir.is_some() && scope != Scope::Project {
        return Err(InstallError::StrayFolder);
    }
    if target.managed_dir.is_some() && scope != Scope::System {
        return Err(InstallError::StrayManagedDir);
    }
    let codex = find_codex(target.codex.as_deref(), surroundings.system)?;
    let found = codex.as_ref().map_err(ToString::to_string);
    let there = surroundings.installed_managed_dir();
    let managed_dir =
        target.managed_dir.clone().or(there).unwrap_or_else(|| surroundings.managed_dir.clone());
    let managed = managed_folder(surroundings.system, &managed_dir);
    let places = surroundings.our_places(Some(&managed));
    if target.dry_run {
        return dry_run(scope, &surroundings, &managed, &places, target.dir.as_deref());
    }
    let outcome = match scope {
        Scope::User => remove_user(&surroundings, &places, found)?,
        Scope::Project => {
            remove_project(&surroundings, &places, &project_folder(target.dir.as_deref())?, &codex)?
        }
        Scope::System => {
            needs_administrator(&surroundings, false)?;
            remove_system(&surroundings, &places, &managed)?
        }
    };
    Ok(text(&outcome, scope))
}

fn text(outcome: &Outcome, scope: Scope) -> String {
    let whose = match scope {
        Scope::User => "this user's registration",
        Scope::Project => "this project's registration",
        Scope::System => "this machine's registration",
    };
    let mut out = if outcome.lines.is_empty() {
        format!("f5-guard: nothing of {whose} is there.\n")
    } else {
        format!("f5-guard: {whose} is removed. Codex is no longer protected by it.\n")
    };
    for line in &outcome.lines {
        out += &format!("  {line}\n");
    }
    for note in &outcome.notes {
        out += &format!("  note    {note}\n");
    }
    out
}

fn dry_run(
    scope: Scope,
    surroundings: &Surroundings,
    managed: &OurFolder,
    places: &OurPlaces,
    dir: Option<&Path>,
) -> Result<String, InstallError> {
    let user = surroundings.user_folder();
    let (folder, files, new_file) = match scope {
        Scope::User => (&user, user_files(&surroundings.home).to_vec(), NewFile::Private),
        Scope::Project => (&user, project_files(&project_folder(dir)?).to_vec(), NewFile::Private),
        Scope::System => (managed, system_files(&surroundings.system_folder).to_vec(), NewFile::Public),
    };
    let ledger = Ledger::open(folder, new_file);
    let dirs = managed_dirs(surroundings.system, managed);
    let removals = prepare_removal(&files, &[], &dirs, &ledger, places)?;
    let mut out: String = removals.iter().map(Removal::diff).collect();
    if scope != Scope::Project && folder.binary().exists() {
        out += &format!("# {} would be deleted.\n", folder.binary().display());
    }
    out += "# Nothing was written.\n";
    Ok(out)
}

/// What our installation wrote into the requirements.
fn managed_dirs(system: System, managed: &OurFolder) -> ManagedDirs {
    let dir = Some(managed.path.to_string_lossy().into_owned());
    match system {
        System::Windows => ManagedDirs { managed_dir: None, windows_managed_dir: dir },
        System::Unix | System::MacOs => ManagedDirs { managed_dir: dir, windows_managed_dir: None },
    }
}

fn remove_system(
    surroundings: &Surroundings,
    places: &OurPlaces,
    managed: &OurFolder,
) -> Result<Outcome, InstallError> {
    let mut outcome = Outcome::default();
    let files = system_files(&surroundings.system_folder);
    if !managed.path.is_dir() && !is_registered(&files, places)? {
        return Ok(outcome);
    }
    let existed = managed.path.is_dir();
    let lock = EditLock::acquire(&managed.lock(), PATIENCE)?;
    let mut ledger = Ledger::open(managed, NewFile::Public);
    let dirs = managed_dirs(surroundings.system, managed);
    let removals = prepare_removal(&files, &[], &dirs, &ledger, places)?;
    let mut created = ledger.record.created_folders.clone();
    if !existed {
        created.push(managed.path.clone());
    }
    remove_files(&removals, &mut ledger, &mut outcome)?;
    finish_folder(managed, &mut ledger, lock, &created, &mut outcome)?;
    Ok(outcome)
}

fn remove_project(
    surroundings: &Surroundings,
    places: &OurPlaces,
    project: &Path,
    codex: &Result<Codex, LocateError>,
) -> Result<Outcome, InstallError> {
    let mut outcome = Outcome::default();
    let files = project_files(project);
    let folder = surroundings.user_folder();
    let remembered = Ledger::open(&folder, NewFile::Private);
    let is_remembered = files.iter().any(|place| remembered.record.file(&place.path).is_some());
    if !is_registered(&files, places)? && !is_remembered {
        return Ok(outcome);
    }
    let mut created: Vec<PathBuf> =
        folder.path.ancestors().take_while(|path| !path.exists()).map(Path::to_path_buf).collect();
    let lock = EditLock::acquire(&folder.lock(), PATIENCE)?;
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
    created.extend(ledger.record.created_folders.clone());
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
    files: &[crate::installation::ConfigPlace],
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

fn moved(removals: &[Removal]) -> Vec<MovedHook> {
    removals.iter().flat_map(|removal| removal.removed.moved.clone()).collect()
}

fn remove_files(
    removals: &[Removal],
    ledger: &mut Ledger,
    outcome: &mut Outcome,
) -> Result<(), FileEditError> {
    let cleared = carry_out_removal(removals, ledger, &stamp(SystemTime::now()))?;
    for removal in removals.iter().filter(|removal| removal.changes()) {
        let path = removal.place.path.display();
        outcome.lines.push(match (&removal.removed.text, removal.removed.restored) {
            (None, _) => format!("file    {path} (deleted: an installation of ours created it)"),
            (Some(_), true) => format!("file    {path} (as it was before the installation)"),
            (Some(_), false) => format!("file    {path} (our entries taken out)"),
        });
        let again = &removal.removed.python_again;
        if removal.removed.restored && !again.is_empty() {
            outcome.notes.push(format!(
                "The Python integration's hooks stand in {path} again, as before; they need their scripts."
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
    }
    for backup in cleared.backups_left {
        outcome.notes.push(format!("A backup stays: {}.", backup.display()));
    }
    Ok(())
}

/// Deletes the binary, what is remembered, the lock, and the folders that an installation made, where they are empty.
fn finish_folder(
    folder: &OurFolder,
    ledger: &mut Ledger,
    lock: EditLock,
    created: &[PathBuf],
    outcome: &mut Outcome,
) -> Result<(), FileEditError> {
    let binary = folder.binary();
    match remove_binary(&binary)? {
        BinaryRemoval::Missing => {}
        BinaryRemoval::Deleted => outcome.lines.push(format!("binary  {} (deleted)", binary.display())),
        BinaryRemoval::SetAside(aside) => {
            let when = if goes_at_next_start(&aside) {
                "it goes when Windows starts next"
            } else {
                "delete it when it has ended; the next installation does so too"
            };
            outcome.lines.push(format!("binary  {} (it runs just now; {when})", aside.display()));
        }
    }
    ledger.save_or_delete()?;
    if !ledger.record.is_empty() {
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
