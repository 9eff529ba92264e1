//! `f5-guard install`: copies the binary to its place, registers the five hooks, asks Codex whether they run, and says
//! so.
//!
//! This file is the way through; which files say what is known by [`crate::installation`], how they are edited by
//! [`crate::registration`].

mod activation;
mod address;
mod background;
mod carried;
mod codex;
mod error;
mod first_scan;
mod hide_token;
mod options;
mod print;
mod scopes;
mod summary;
mod target;
mod undo;
pub mod uninstall;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use activation::{Activation, TrustChoice, TrustPrompt};
use carried::CarriedOptions;
pub use error::InstallError;
use scopes::Plan;
use summary::{FirstScan, Report};
use undo::Undo;

use self::codex::{CODEX_TIME, find_codex, other_home};
use crate::cli::{InstallArgs, LoginArgs, TokenService};
use crate::codex::home::{CodexHome, Origin};
use crate::codex::layers::ConfigFile;
use crate::codex::listing::HookListing;
use crate::codex::locate::{self, Codex, LocateError};
use crate::commands::doctor::{Outcome, Question, State};
use crate::file_edit::{
    EditLock, FileEditError, create_folder, install_binary, keep_as_backup, running_program, temporary_folder,
};
use crate::installation::{
    Edit, InstallContext, InstallState, PATIENCE, Scope, carry_out, managed_folder, prepare,
    protected_folder, python_scripts, stamp, state_keys_in, user_files, version_of,
};
use crate::printable::{counted, printable};
use crate::registration::{RegistrationOptions, trusts_any};
use crate::stdio::{self, say, say_error};
use crate::system::Env;
use crate::terminal::{Paint, commented};

const PROCESS_ENV: Env<'static> = &|name| std::env::var_os(name);

/// Installs; 0 also where the user still has something to do, unless that is to be a failure, 1 where nothing could be
/// installed.
pub fn run(args: &InstallArgs) -> ExitCode {
    match install(args) {
        Ok(Protected::No) if args.require_protected => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&format!(
                "f5-guard install: {}.\nNothing was registered; Codex's files are as they were.",
                error.to_string().trim_end_matches('.')
            ));
            ExitCode::FAILURE
        }
    }
}

/// Whether it was proven at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protected {
    Yes,
    No,
    /// Nothing was to be installed.
    NotAsked,
}

fn install(args: &InstallArgs) -> Result<Protected, InstallError> {
    let mut context = InstallContext::of_this_process(&PROCESS_ENV)?;
    if let Some(print) = args.print {
        let options = options::registration_options(args, options::For::Elsewhere, PROCESS_ENV)?;
        say(&print::document(args, print, &options, &context)?);
        return Ok(Protected::NotAsked);
    }
    let scope = target::scope(&args.target, context.system)?;
    if args.also_user && scope == Scope::System {
        return Err(InstallError::AlsoUser);
    }
    if args.hide_token && scope != Scope::User {
        return Err(InstallError::HideTokenScope);
    }
    if args.binary_only && scope != Scope::User {
        return Err(InstallError::BinaryOnlyScope);
    }
    let codex = find_codex(args.codex.as_deref(), &context, scope)?;
    let mut notes = Vec::new();
    if let (Ok(codex), Scope::User | Scope::Project) = (&codex, scope) {
        if let Some(home) = other_home(codex, &context.home) {
            notes.push(format!(
                "{} is started with {} as its home, whatever CODEX_HOME is here: that one is meant.",
                codex.program.display(),
                home.path.display()
            ));
            context.home = home;
        }
    }
    let managed = managed_folder(context.system, &scopes::managed_dir(args, &context)?);
    target::places(scope, &context, &args.target, &managed)?;
    let mut args = args.clone();
    let registered = scopes::registered_commands(&args, &context)?;
    let kept = CarriedOptions::complete(&mut args, &registered);
    let args = &args;
    if scope == Scope::Project {
        agree_to(&kept, args)?;
    }
    let options = options::registration_options(args, options::For::ThisMachine, PROCESS_ENV)
        .map_err(|error| InstallError::option(error, &kept))?;
    if scope == Scope::System {
        options::refuse_shared_files(&options, context.privilege)
            .map_err(|error| InstallError::option(error, &kept))?;
    }
    let mut plan = Plan::make(args, &options, &context)?;
    // Everything that could be refused is refused before anything is asked, and before the first byte is written.
    let state = InstallState::open(&plan.folder, plan.new_file)?;
    prepare(plan.goals()?, &state, &plan.places)?;
    plan.check_binarys_place()?;
    if !args.binary_only {
        offer_login(args, &options);
        plan.hidden = hide_token::decide(args, &plan);
    }
    let edits = prepare(plan.goals()?, &state, &plan.places)?;
    if args.target.dry_run {
        dry_run(&plan, &edits, &kept)?;
        return Ok(Protected::NotAsked);
    }
    plan.notes.extend(notes.into_iter().chain(kept.note()));
    let mut report = Report::default();
    write(&mut plan, &mut report)?;
    if args.binary_only {
        report.notes.extend(plan.binary().and_then(|binary| summary::path_note(&binary, PROCESS_ENV)));
        say(&report.text_of_binary());
        return Ok(Protected::NotAsked);
    }
    let version = codex.as_ref().ok().and_then(|codex| locate::version(codex, CODEX_TIME).ok());
    let activation = activate(args, &plan, &codex, version.as_deref());
    report.notes.push(
        "Sessions of Codex that are open keep the hooks that they were started with, or none: restart them."
            .into(),
    );
    report.notes.extend(address::note(&options, scope, &context.home.path, PROCESS_ENV));
    report.notes.extend(background::offer_to_stop(args, scope, &context, &codex));
    let is_asked = matches!(&activation, Activation::Asked(state) if state.protects);
    let proof = is_asked.then(|| prove(args, &plan));
    let scan = match &activation {
        _ if args.skip_smoketest || !plan.scanner_may_be_started(&mut report) => FirstScan::Skipped,
        // The hooks have scanned by themselves, or it is known why they can't.
        _ if proof.as_ref().is_some_and(|proof| proof.state != State::NotProven) => FirstScan::Skipped,
        Activation::Asked(state) if !state.protects => match first_scan::has_token(&options, PROCESS_ENV) {
            true => FirstScan::Skipped,
            false => FirstScan::NoToken,
        },
        _ => first_scan::first_scan(plan.scanner(), &options, PROCESS_ENV),
    };
    if let Activation::Asked(state) = &activation {
        report.notes.extend(state.warnings.iter().map(|warning| format!("Codex warns: {warning}")));
        report.notes.extend(state.trusted_lookalikes.iter().map(|command| {
            format!(
                "WARNING: CODEX RUNS WHAT ONLY LOOKS LIKE F5-GUARD: {}. You trusted it, or an older f5-guard did. Remove it \
                 from its file, or switch it off under /hooks in Codex.",
                printable(command, 200)
            )
        }));
        if state.trusted_now > 0 {
            let config = context.home.config_toml();
            report.notes.push(format!(
                "Codex noted your trust in {} in {}.",
                counted(state.trusted_now, "hook"),
                config.display()
            ));
        }
    }
    report.notes.extend(hide_token::note(&plan, PROCESS_ENV));
    report.notes.extend(plan.binary().and_then(|binary| summary::path_note(&binary, PROCESS_ENV)));
    let verdict = summary::verdict(plan.scope, &activation, proof.as_ref(), scan, version.as_deref());
    say(&format!("{}\n{}", report.text(plan.scope), verdict.text(Paint::for_stdout())));
    let is_proven = proof.is_some_and(|proof| proof.state == State::Protected);
    Ok(if is_proven { Protected::Yes } else { Protected::No })
}

/// Has the hooks tried, as `f5-guard doctor` does it in the folder whose sessions count.
fn prove(args: &InstallArgs, plan: &Plan<'_>) -> Outcome {
    Outcome::of(&Question {
        codex: args.codex.clone(),
        home: (plan.scope != Scope::System).then(|| plan.context.home.clone()),
        folder: Some(plan.cwd.clone()),
        offline: args.skip_smoketest,
        ..Question::default()
    })
}

/// What a repository's files carry is not the user's word: an address in it is where the token would go. It is kept only
/// where somebody has seen it and said so.
fn agree_to(kept: &CarriedOptions, args: &InstallArgs) -> Result<(), InstallError> {
    let Some(options) = kept.options() else { return Ok(()) };
    if args.keep_options {
        return Ok(());
    }
    let address = args.enforced.base_url.as_ref();
    let address = address.map(|url| printable(&url.to_string_lossy(), 200));
    let file = kept.has("--token-file").then(|| {
        format!(
            "With --token-file they send the content of a local file, on the machine of each of them, to {}.\n",
            address.as_deref().unwrap_or("the service's address")
        )
    });
    let file = file.unwrap_or_default();
    let question = format!(
        "The registration in this repository carries {options}.\nThe hooks of everybody who works here would have that, \
         and send the API token to any address in it.\n{file}Keep it? [y/N]"
    );
    if has_terminal() && says_yes(&question, false) {
        Ok(())
    } else {
        Err(InstallError::CarriedOptions { options, file })
    }
}

fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

fn dry_run(plan: &Plan<'_>, edits: &[Edit], kept: &CarriedOptions) -> Result<(), InstallError> {
    let mut out: String = edits.iter().map(Edit::dry_run).collect();
    let same = |binary: &PathBuf| {
        let [there, here] = [binary, &plan.context.executable].map(|path| std::fs::read(path).ok());
        there.is_some() && there == here
    };
    if let Some(binary) = plan.binary().filter(|binary| !same(binary)) {
        let program = plan.context.executable.display();
        out += &commented(&format!("{program} would be copied to {}.", binary.display()));
    }
    if edits.iter().all(|edit| !edit.changes()) {
        out += "# No file of Codex's would change.\n";
    }
    let config = user_files(&plan.context.home).into_iter().next();
    if let (Scope::User | Scope::Project, Some(error)) =
        (plan.scope, config.and_then(|config| activation::cannot_keep_trust(&config)))
    {
        out += &commented(&error);
    }
    if let Some(note) = kept.note() {
        out += &commented(&note);
    }
    out += "# Nothing was written.\n";
    say(&out);
    Ok(())
}

/// Writes everything, under the lock of the installation's folder, or nothing.
fn write(plan: &mut Plan<'_>, report: &mut Report) -> Result<(), InstallError> {
    let context = plan.context;
    let missing = |folder: &Path| {
        let missing = folder.ancestors().take_while(|path| !path.exists()).map(PathBuf::from);
        missing.collect::<Vec<_>>().into_iter().rev()
    };
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
        Ok(found) if found.is_file() => {
            std::fs::read(path).ok() != std::fs::read(running_program(executable)).ok()
        }
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

fn activate(
    args: &InstallArgs,
    plan: &Plan<'_>,
    codex: &Result<Codex, LocateError>,
    version: Option<&str>,
) -> Activation {
    let codex = match codex {
        Ok(codex) => codex,
        Err(error) => {
            return Activation::NotAsked { why: error.to_string().trim_end_matches('.').to_owned() };
        }
    };
    if plan.scope == Scope::System {
        return activate_system(plan, codex, version);
    }
    let choice = match (args.trust, args.no_trust, has_terminal()) {
        (true, ..) => TrustChoice::Yes,
        (_, false, true) => TrustChoice::Ask,
        _ => TrustChoice::No,
    };
    let prompt = TrustPrompt {
        context: plan.context,
        codex,
        version,
        cwd: &plan.cwd,
        files: &plan.files,
        places: &plan.places,
        registration: &plan.registration,
        choice,
        folder: &plan.context.user_folder(),
        ask: &ask,
    };
    prompt.run()
}

/// Managed hooks run whatever the user's folder says: Codex is asked with an empty one, and no user's is touched.
fn activate_system(plan: &Plan<'_>, codex: &Codex, version: Option<&str>) -> Activation {
    let home = match temporary_folder(&plan.folder.path) {
        Ok(home) => home,
        Err(error) => {
            return Activation::NotAsked { why: format!("no folder could be made for it: {error}") };
        }
    };
    let codex_home = CodexHome { path: home.path().to_owned(), origin: Origin::Variable };
    let prompt = TrustPrompt {
        context: &InstallContext { home: codex_home, ..plan.context.clone() },
        codex,
        version,
        cwd: home.path(),
        files: &plan.files,
        places: &plan.places,
        registration: &plan.registration,
        choice: TrustChoice::No,
        folder: &plan.folder,
        ask: &ask,
    };
    prompt.run()
}

/// Without a token nothing would be scanned: where somebody can be asked for it, that comes first.
fn offer_login(args: &InstallArgs, options: &RegistrationOptions) {
    if args.target.dry_run || !has_terminal() || first_scan::has_token(options, PROCESS_ENV) {
        return;
    }
    if says_yes("No API token is set or stored, so nothing is scanned. Log in now? [Y/n]", true) {
        let service = TokenService {
            base_url: options.enforced.base_url.clone(),
            project_id: options.enforced.project_id.clone(),
            ca_bundle: options.enforced.ca_bundle.clone(),
            global: false,
        };
        // It says itself what went wrong, and the last lines of the installation say what is still to do.
        let _ = super::login::run(&LoginArgs { service, ..LoginArgs::default() });
    }
}

fn ask(hooks: &[HookListing]) -> bool {
    say(&summary::commands(hooks));
    says_yes(&summary::question(hooks), false)
}

/// A question on the terminal. Nothing but Enter is the usual answer.
fn says_yes(question: &str, usual: bool) -> bool {
    let answer = stdio::ask(question).unwrap_or_default();
    match answer.trim().to_lowercase().as_str() {
        "" => answer.ends_with('\n') && usual,
        answer => matches!(answer, "y" | "yes"),
    }
}
