//! `f5-guard install`: copies the binary to its place, registers the four hooks, asks Codex whether they run, and says
//! so.
//!
//! This file is the way through; which files say what is known by [`crate::installation`], how they are edited by
//! [`crate::registration`].

mod activation;
mod error;
mod first_scan;
mod hide_token;
mod kept;
mod options;
mod print;
mod scopes;
mod summary;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use activation::{Activation, Question, TrustChoice};
pub use error::InstallError;
use kept::Kept;
use scopes::Plan;
use summary::{FirstScan, Report};

use super::setup::{CODEX_TIME, PATIENCE, find_codex, say, say_error};
use crate::cli::{InstallArgs, LoginArgs, TokenService};
use crate::codex::listing::HookListing;
use crate::codex::locate::{self, Codex, LocateError};
use crate::file_edit::{EditLock, FileEditError, install_binary};
use crate::installation::{
    Edit, Ledger, Scope, Surroundings, Witness, carry_out, prepare, protected_folder, python_scripts, stamp,
};
use crate::registration::{MovedHook, RegistrationOptions};
use crate::settings::Env;

const PROCESS_ENV: Env<'static> = &|name| std::env::var_os(name);

/// Installs; 0 also where the user still has something to do, 1 where nothing could be installed.
pub fn run(args: &InstallArgs) -> ExitCode {
    match install(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&format!(
                "f5-guard install: {}.\nNothing was registered; Codex's files are as they were.",
                error.to_string().trim_end_matches('.')
            ));
            ExitCode::FAILURE
        }
    }
}

fn install(args: &InstallArgs) -> Result<(), InstallError> {
    let surroundings = Surroundings::of_this_process(&PROCESS_ENV)?;
    if let Some(print) = args.print {
        let options = options::registration_options(args, options::For::Elsewhere, PROCESS_ENV)?;
        say(&print::document(args, print, &options, &surroundings)?);
        return Ok(());
    }
    let mut args = args.clone();
    let registered = scopes::registered_commands(&args, &surroundings)?;
    let kept = Kept::complete(&mut args.enforced, &registered);
    let args = &args;
    let options = options::registration_options(args, options::For::ThisMachine, PROCESS_ENV)
        .map_err(|error| InstallError::option(error, &kept))?;
    let codex = find_codex(args.target.codex.as_deref(), surroundings.system)?;
    offer_login(args, &options);
    let mut plan = Plan::make(args, &options, &surroundings)?;
    plan.hidden = hide_token::decide(args, &plan)?;
    // Everything that could be refused is refused before the first byte is written.
    let ledger = Ledger::open(&plan.folder, plan.new_file);
    let edits = prepare(plan.goals()?, &ledger, &plan.places)?;
    if args.target.dry_run {
        dry_run(&plan, &edits, &kept)?;
        return Ok(());
    }
    plan.notes.extend(kept.note());
    let mut report = Report::default();
    write(&mut plan, &codex, &mut report)?;
    let activation = activate(args, &plan, &codex);
    let scan = match &activation {
        _ if args.skip_smoketest => FirstScan::Skipped,
        Activation::Asked(state) if !state.protects => FirstScan::Skipped,
        _ => first_scan::first_scan(plan.scanner(), &options, PROCESS_ENV),
    };
    if let Activation::Asked(state) = &activation {
        report.notes.extend(state.warnings.iter().map(|warning| format!("Codex warns: {warning}")));
        if state.trusted_now > 0 {
            let config = surroundings.home.config_toml();
            report.notes.push(format!(
                "Codex noted your trust in {} hooks in {}.",
                state.trusted_now,
                config.display()
            ));
        }
    }
    report.notes.extend(hide_token::note(&plan, PROCESS_ENV));
    report.notes.extend(plan.binary().and_then(|binary| summary::path_note(&binary, PROCESS_ENV)));
    let version = codex.as_ref().ok().and_then(|codex| locate::version(codex, CODEX_TIME).ok());
    say(&format!(
        "{}\n{}",
        report.text(plan.scope),
        summary::verdict(plan.scope, &activation, scan, version.as_deref())
    ));
    Ok(())
}

fn dry_run(plan: &Plan<'_>, edits: &[Edit], kept: &Kept) -> Result<(), InstallError> {
    let mut out: String = edits.iter().map(Edit::diff).collect();
    let same = |binary: &PathBuf| {
        let [there, here] = [binary, &plan.surroundings.executable].map(|path| std::fs::read(path).ok());
        there.is_some() && there == here
    };
    if let Some(binary) = plan.binary().filter(|binary| !same(binary)) {
        out += &format!(
            "# {} would be copied to {}.\n",
            plan.surroundings.executable.display(),
            binary.display()
        );
    }
    out += &plan.user_level_diff()?;
    if edits.iter().all(|edit| !edit.changes()) {
        out += "# No file of Codex's would change.\n";
    }
    if let Some(note) = kept.note() {
        out += &format!("# {note}\n");
    }
    out += "# Nothing was written.\n";
    say(&out);
    Ok(())
}

/// Writes everything, under the lock of the installation's folder.
fn write(
    plan: &mut Plan<'_>,
    codex: &Result<Codex, LocateError>,
    report: &mut Report,
) -> Result<(), InstallError> {
    let surroundings = plan.surroundings;
    let mut created: Vec<PathBuf> = Vec::new();
    if plan.scope == Scope::System {
        created.extend(protected_folder(&plan.folder.path)?);
        created.extend(protected_folder(&surroundings.system_folder)?);
    } else {
        let missing = plan.folder.path.ancestors().take_while(|path| !path.exists());
        created.extend(missing.map(PathBuf::from));
        created.reverse();
    }
    let lock = EditLock::acquire(&plan.folder.lock(), PATIENCE)?;
    // Again, and now nobody else of ours changes it.
    let mut ledger = Ledger::open(&plan.folder, plan.new_file);
    if let Some(trouble) = &ledger.trouble {
        report.notes.push(format!(
            "What was remembered of an earlier installation is lost: {trouble}. An uninstallation will take out \
             exactly our entries."
        ));
    }
    let edits = prepare(plan.goals()?, &ledger, &plan.places)?;
    let moved: Vec<MovedHook> = edits.iter().flat_map(|edit| edit.installed.moved.clone()).collect();
    let found = codex.as_ref().map_err(ToString::to_string);
    let witness = Witness::before(&moved, found, &surroundings.home, &plan.cwd, CODEX_TIME);
    if let Some(binary) = plan.binary() {
        report.binary = Some((binary.clone(), install_binary(&surroundings.executable, &binary)?));
    }
    for folder in created {
        if !ledger.record.created_folders.contains(&folder) {
            ledger.record.created_folders.push(folder);
        }
    }
    let moment = stamp(SystemTime::now());
    report.backups = carry_out(&edits, &mut ledger, &moment)?;
    ledger.save()?;
    report.edits(&edits, &python_scripts(&surroundings.user_folder()));
    if let Some(witness) = witness {
        let before = std::fs::read(surroundings.home.config_toml()).ok();
        report.bystanders(&witness.after(&surroundings.home.config_toml(), &plan.places));
        remember_bystanders(plan, before.as_deref(), &mut ledger)?;
    }
    drop(lock);
    plan.clean_user_level(codex, report)?;
    report.notes.append(&mut plan.notes);
    Ok(())
}

/// What Codex wrote for other people's hooks belongs to the difference that our part makes.
fn remember_bystanders(
    plan: &Plan<'_>,
    before: Option<&[u8]>,
    ledger: &mut Ledger,
) -> Result<(), FileEditError> {
    if plan.scope != Scope::User {
        return Ok(());
    }
    let [place, _] = crate::installation::user_files(&plan.surroundings.home);
    crate::installation::remember_trust(&place, before, &[], ledger, &plan.places)
}

fn activate(args: &InstallArgs, plan: &Plan<'_>, codex: &Result<Codex, LocateError>) -> Activation {
    let codex = match codex {
        Ok(codex) => codex,
        Err(error) => {
            return Activation::NotAsked { why: error.to_string().trim_end_matches('.').to_owned() };
        }
    };
    if !plan.surroundings.home.path.is_dir() {
        // Codex refuses to start without it, and nothing of a managed installation needs it.
        let home = plan.surroundings.home.path.display();
        return Activation::NotAsked { why: format!("there is no {home} to start it with") };
    }
    let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let choice = match (args.trust, args.no_trust, terminal) {
        (true, ..) => TrustChoice::Yes,
        (_, false, true) => TrustChoice::Ask,
        _ => TrustChoice::No,
    };
    let question = Question {
        surroundings: plan.surroundings,
        codex,
        cwd: &plan.cwd,
        files: &plan.files,
        places: &plan.places,
        choice,
        folder: &plan.surroundings.user_folder(),
        ask: &ask,
    };
    question.settle()
}

/// Without a token nothing would be scanned: where somebody can be asked for it, that comes first.
fn offer_login(args: &InstallArgs, options: &RegistrationOptions) {
    let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    if args.target.dry_run || !terminal || first_scan::has_token(options, PROCESS_ENV) {
        return;
    }
    if yes("No API token is set or stored, and without one nothing is scanned. Log in now? [Y/n] ", true) {
        let service = TokenService {
            base_url: options.base_url.clone().map(Into::into),
            project_id: options.project_id.clone().map(Into::into),
            ca_bundle: options.ca_bundle.clone().map(Into::into),
            global: false,
        };
        // It says itself what went wrong, and the last lines of the installation say what is still to do.
        let _ = super::login::run(&LoginArgs { service, ..LoginArgs::default() });
    }
}

fn ask(hooks: &[HookListing]) -> bool {
    yes(&summary::question(hooks), false)
}

/// A question on the terminal. Nothing but Enter is the usual answer.
fn yes(question: &str, usual: bool) -> bool {
    let mut stdout = io::stdout().lock();
    let asked = stdout.write_all(question.as_bytes()).and_then(|()| stdout.flush());
    let mut answer = String::new();
    let read = asked.and_then(|()| io::stdin().lock().read_line(&mut answer));
    match answer.trim().to_lowercase().as_str() {
        "" if answer.ends_with('\n') => read.is_ok() && usual,
        answer => read.is_ok() && matches!(answer, "y" | "yes"),
    }
}
