//! Gathers the facts, in the order in which one needs the other.

mod background;
mod binary;
mod codex;
mod desktop;
mod files;
mod hooks;
mod left_out;
mod log;
mod log_tail;
mod payload;
mod runner;
mod service;
mod visible_tokens;

use std::path::PathBuf;
use std::time::Instant;

use self::left_out::LeftOut;
use self::runner::Known;
use crate::access::writers;
use crate::cli::DoctorArgs;
use crate::codex::home::CodexHome;
use crate::commands::doctor::facts::Facts;
use crate::commands::doctor::facts::{
    BinaryFacts, DesktopToken, HookFacts, Layer, Runner, ThisProgram, WritableFacts,
};
use crate::commands::doctor::judge::settings::rows;
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::secret::Secret;
use crate::settings::{Settings, Source};
use crate::system::Env;
use crate::system::System;
use crate::token;

/// Every variable that can hold a token.
const TOKENS: [&str; 3] = ["F5_GUARDRAILS_API_TOKEN", "F5_GLOBAL_API_TOKEN", "CALYPSOAI_TOKEN"];

fn tokens(env: Env<'_>) -> impl Iterator<Item = Secret> {
    TOKENS.iter().filter_map(move |name| env(name)).map(|token| Secret::new(token.to_string_lossy().trim()))
}

pub fn gather(args: &DoctorArgs, env: Env<'_>) -> Facts {
    let mut left_out = LeftOut::new();
    let folder = left_out.folder(std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")));
    let home = CodexHome::find(System::this(), env).map_err(|error| error.to_string());
    let home = left_out.home(home);
    let first = Settings::read(&crate::settings::Enforced::default(), env);
    let stored = token::completed(&first, env, Instant::now() + token::STORE_TIME).ok();
    let stored = stored.and_then(|settings| settings.api_token.value.clone());
    let sanitizer = Sanitizer::new(tokens(env).chain(stored));

    // Before anything is run that could write to it.
    let log = log::examine(&first.log.file, &sanitizer);

    let answers = codex::ask(args.codex.as_deref(), home, &folder, env, &sanitizer);
    let home = answers.home.as_ref().ok();
    let known = Known::here(home, env);
    let files = files::read(home, &folder, &known, env, &sanitizer, &mut left_out);
    let registered = match answers.hooks {
        Some(listed) => listed.into_iter().filter_map(hooks::Registered::listed).collect(),
        None => files.registered.clone(),
    };
    let here = hooks::Here { known: &known, folder: &folder, home, privilege: left_out.privilege };
    let examined = hooks::examine(registered, &files.registered, &here, env, &sanitizer);

    let mut settings = Settings::read(&examined.enforced, env);
    let token = token::complete(&mut settings, env, Instant::now() + token::STORE_TIME).err();
    let sanitizer = Sanitizer::new(tokens(env).chain(settings.api_token.value.clone()));
    let connection = service::connection(&settings, token, &sanitizer);
    let settings_rows = rows(&settings, &connection, &sanitizer);
    // The registered commands may have the last word on it.
    let log = if settings.log.file.value == first.log.file.value {
        log
    } else {
        log::examine(&settings.log.file, &sanitizer)
    };
    let possible = settings_rows.iter().all(|row| {
        row.problem
            .as_ref()
            .is_none_or(|problem| problem.severity < crate::commands::doctor::finding::Severity::Problem)
    });
    Facts {
        program: ThisProgram {
            version: env!("CARGO_PKG_VERSION"),
            path: std::env::current_exe().ok(),
            system: System::this(),
        },
        folder,
        left_out: left_out.why.iter().map(|why| sanitizer.text(why)).collect(),
        settings: settings_rows,
        codex: answers.facts,
        writable: managed_paths(&examined.hooks).into_iter().map(writable).collect(),
        files: files.facts,
        hooks: examined.hooks,
        lookalikes: examined.lookalikes,
        log,
        desktop: match settings.api_token.source {
            // Apps find it there, too.
            Source::Stored(_) | Source::Flag(_) | Source::Option(_) => DesktopToken::NotApplicable,
            Source::Environment(_) | Source::Default => desktop::token(System::this()),
        },
        visible: answers.visible,
        background: background::examine(home, &examined.enforced, &settings, &sanitizer),
        // Before a scan that ends it.
        outage: service::outage(&settings, &sanitizer),
        service: service::ask(args.offline, possible, &settings, &sanitizer),
    }
}

/// What administrators registered: the files and folders that say what runs, and the binaries.
fn managed_paths(hooks: &[HookFacts]) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for hook in hooks.iter().filter(|hook| matches!(hook.layer, Layer::Administrator(_))) {
        // Policies from elsewhere have no file here.
        paths.extend(Some(hook.place.clone()).filter(|place| place.is_absolute() && place.exists()));
        if let Runner::F5Guard(call) = &hook.runner {
            match &call.binary {
                BinaryFacts::Same { path }
                | BinaryFacts::Other { path, .. }
                | BinaryFacts::Unusable { path, .. } => paths.push(path.clone()),
                BinaryFacts::Missing { .. } | BinaryFacts::NotLookedAt { .. } => {}
            }
        }
    }
    paths.sort();
    paths.dedup();
    paths
}

fn writable(path: PathBuf) -> WritableFacts {
    let who = writers(&path);
    WritableFacts { path, who }
}
