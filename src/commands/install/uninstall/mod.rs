//! `f5-guard uninstall`: removes our hooks, their trust and our binary, and names what stays.

mod error;
mod project;
mod removal;
mod system;
mod tokens;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use error::UninstallError;
use project::remove_project;
use removal::Outcome;
use system::remove_system;
use user::remove_user;

use super::target::{self, needs_administrator};
use crate::cli::UninstallArgs;
use crate::codex::layers::ConfigFile;
use crate::file_edit::NewFile;
use crate::installation::{
    InstallContext, InstallDir, InstallState, Removal, Scope, managed_folder, prepare_removal,
};
use crate::printable::wrapped;
use crate::registration::{KnownBinaries, ManagedDirs};
use crate::stdio::{say, say_error};
use crate::terminal::{WIDTH, commented};

/// Uninstalls; 0 also where there was nothing to remove.
pub fn run(args: &UninstallArgs) -> ExitCode {
    match uninstall(args) {
        Ok(text) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            let error = error.to_string();
            say_error(&format!(
                "f5-guard uninstall: {}.\nFix that and run it again: hooks may still be registered.",
                error.trim_end_matches('.')
            ));
            ExitCode::FAILURE
        }
    }
}

fn uninstall(args: &UninstallArgs) -> Result<String, UninstallError> {
    let env = crate::system::PROCESS_ENV;
    let context = InstallContext::of_this_process(env)?;
    let target = &args.target;
    let scope = target::scope(target, context.system)?;
    let there = context.installed_managed_dir();
    let managed_dir = target.managed_dir.clone().or(there).unwrap_or_else(|| context.managed_dir.clone());
    let managed = managed_folder(context.system, &managed_dir);
    let (files, folder) = target::places(scope, &context, target, &managed)?;
    let places = context.known_binaries(scope.layer(), Some(&managed));
    if target.dry_run {
        return dry_run(scope, &context, &files, &folder, &managed, &places);
    }
    let mut outcome = match scope {
        Scope::User => remove_user(&context, &places)?,
        Scope::Project => remove_project(&context, &places, &target::project(target.dir.as_deref())?.hooks)?,
        Scope::System => {
            needs_administrator(&context, false)?;
            remove_system(&context, &places, &managed)?
        }
    };
    if !outcome.lines.is_empty() {
        let is_gone = scope != Scope::Project && !folder.binary().exists();
        outcome.notes.insert(0, open_sessions(is_gone).into());
    }
    if scope != Scope::Project || args.purge {
        tokens::settle(args.purge, env, &context.executable, &mut outcome);
    }
    Ok(text(&outcome, scope))
}

/// What Codex does until it is started again: it reads its hooks once.
fn open_sessions(program_is_gone: bool) -> &'static str {
    match (program_is_gone, cfg!(unix)) {
        (false, _) => {
            "Sessions of Codex that are open keep the hooks that they were started with: restart them."
        }
        (true, true) => {
            "Sessions of Codex that are open still call the deleted program (\"hook exited with code 127\"): restart them."
        }
        (true, false) => "Sessions of Codex that are open still call the removed program: restart them.",
    }
}

/// Columns of the word that a line begins with.
const LABEL: usize = 8;

fn text(outcome: &Outcome, scope: Scope) -> String {
    let whose = match scope {
        Scope::User => "this user's registration",
        Scope::Project => "this project's registration",
        Scope::System => "this machine's registration",
    };
    let mut out = if outcome.lines.is_empty() {
        format!("f5-guard: there is nothing to remove of {whose}.\n")
    } else {
        format!("f5-guard: {whose} is removed; it no longer protects Codex.\n")
    };
    for line in &outcome.lines {
        let (label, words) = line.split_at_checked(LABEL).unwrap_or(("", line));
        out += &format!("  {label}{}\n", wrapped(words, WIDTH, LABEL + 2));
    }
    for note in outcome.notes.iter().chain(&backups_left(&outcome.backups)) {
        out += &format!("  note    {}\n", wrapped(note, WIDTH, LABEL + 2));
    }
    out
}

fn backups_left(backups: &[PathBuf]) -> Option<String> {
    let paths: Vec<String> = backups.iter().map(|path| path.display().to_string()).collect();
    (!paths.is_empty()).then(|| {
        let (these, them) =
            if paths.len() == 1 { ("A backup stays", "it") } else { ("Backups stay", "them") };
        format!("{these}; delete {them} when you like: {}.", paths.join(", "))
    })
}

fn dry_run(
    scope: Scope,
    context: &InstallContext,
    files: &[ConfigFile],
    folder: &InstallDir,
    managed: &InstallDir,
    places: &KnownBinaries,
) -> Result<String, UninstallError> {
    let new_file = if scope == Scope::System { NewFile::Public } else { NewFile::Private };
    let state = InstallState::open(folder, new_file)?;
    let dirs = ManagedDirs::on(context.system, &managed.path);
    let removals = prepare_removal(files, &[], &dirs, &state, places)?;
    let mut out: String = removals.iter().map(Removal::dry_run).collect();
    let owns_binary = scope != Scope::Project && context.owns_binary(folder, &state, files)?;
    if owns_binary && folder.binary().exists() {
        out += &commented(&format!("{} would be deleted.", folder.binary().display()));
    }
    out += "# Nothing was written.\n";
    Ok(out)
}
