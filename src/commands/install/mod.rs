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
mod questions;
mod scopes;
mod summary;
mod target;
mod undo;
pub mod uninstall;
mod write;

use std::process::ExitCode;

use activation::{Activation, TrustChoice, TrustPrompt};
use carried::CarriedOptions;
pub use error::InstallError;
use questions::{agree_to, ask, offer_login};
use scopes::Plan;
use summary::{FirstScan, Report};
use write::write;

use self::codex::{CODEX_TIME, find_codex, other_home};
use crate::cli::InstallArgs;
use crate::codex::home::{CodexHome, Origin};
use crate::codex::locate::{self, Codex, LocateError};
use crate::commands::doctor::{Outcome, Question, State};
use crate::file_edit::{same_bytes, temporary_folder};
use crate::installation::{Edit, InstallContext, InstallState, Scope, managed_folder, prepare, user_files};
use crate::printable::{counted, printable};
use crate::stdio::{has_terminal, say, say_error};
use crate::system::PROCESS_ENV;
use crate::terminal::{Paint, commented};

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
        Activation::Asked(state) if !state.protects => match first_scan::missing_token(&options, PROCESS_ENV)
        {
            None => FirstScan::Skipped,
            Some(missing) => FirstScan::NoToken(missing),
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

fn dry_run(plan: &Plan<'_>, edits: &[Edit], kept: &CarriedOptions) -> Result<(), InstallError> {
    let mut out: String = edits.iter().map(Edit::dry_run).collect();
    if let Some(binary) = plan.binary().filter(|binary| !same_bytes(binary, &plan.context.executable)) {
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
