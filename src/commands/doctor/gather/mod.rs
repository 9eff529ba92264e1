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
mod runner;
mod scanner_modes;
mod service;
mod visible_tokens;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::left_out::LeftOut;
use self::runner::Known;
pub use self::service::greeting;
use crate::access::writers;
use crate::codex::app_server::AppServer;
use crate::codex::home::CodexHome;
use crate::commands::doctor::facts::Facts;
use crate::commands::doctor::facts::{
    BinaryFacts, DesktopToken, Difference, HookFacts, LookalikeFacts, Runner, ServiceFacts, ThisProgram,
    WritableFacts,
};
use crate::commands::doctor::finding::Severity;
use crate::commands::doctor::judge::settings as judge;
use crate::commands::doctor::proof::{self, DotEnv, Experiment, Proof};
use crate::commands::doctor::rows::SettingRow;
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::proof::Greeting;
use crate::secret::{Secret, TOKEN_VARIABLES};
use crate::settings::{Settings, Source};
use crate::supervise::supervise;
use crate::system::Env;
use crate::system::System;
use crate::token;
use crate::transcript::{Unread, sessions};

/// A session's file on a network drive can hang.
const SESSION_TIME: Duration = Duration::from_secs(5);

fn tokens(env: Env<'_>) -> impl Iterator<Item = Secret> {
    TOKEN_VARIABLES
        .iter()
        .filter_map(move |name| env(name))
        .map(|token| Secret::new(token.to_string_lossy().trim()))
}

/// What is to be examined, and how.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// The Codex to ask, instead of the one that is found.
    pub codex: Option<PathBuf>,
    /// Its home, instead of the one that is found.
    pub home: Option<CodexHome>,
    /// The folder of the session, instead of the current one.
    pub folder: Option<PathBuf>,
    pub offline: bool,
    pub no_proof: bool,
    /// The profile of the sessions that are meant.
    pub profile: Option<String>,
}

/// `progress` shows what is waited for.
pub fn gather(question: &Question, env: Env<'_>, progress: &dyn Fn(&str)) -> Facts {
    let mut left_out = LeftOut::new();
    let folder = question.folder.clone().or_else(|| std::env::current_dir().ok());
    let folder = left_out.folder(folder.unwrap_or_else(|| PathBuf::from(".")));
    let home = match &question.home {
        Some(home) => Ok(home.clone()),
        None => CodexHome::find(System::this(), env).map_err(|error| error.to_string()),
    };
    let home = left_out.home(home);
    let first = Settings::read(&crate::settings::Enforced::default(), env);
    let stored = token::completed(&first, env, Instant::now() + token::STORE_TIME).ok();
    let stored = stored.and_then(|settings| settings.api_token.value.clone());
    let sanitizer = Sanitizer::new(tokens(env).chain(stored));

    // Before anything is run that could write to it.
    let log = log::examine(&first.log.file, &sanitizer);

    progress("asks Codex about its hooks");
    let answers = codex::ask(question.codex.as_deref(), home, &folder, env, &sanitizer);
    let home = answers.home.as_ref().ok();
    let known = Known::here(home, env);
    let files = files::read(home, &folder, &known, env, &sanitizer, &mut left_out);
    let registered = match answers.hooks {
        Some(listed) => listed.into_iter().filter_map(hooks::RegisteredHook::listed).collect(),
        None => files.registered.clone(),
    };
    let here = hooks::Here { known: &known, folder: &folder, home, privilege: left_out.privilege };
    let examined = hooks::examine(registered, &files.registered, &here, env, &sanitizer);

    let (settings, own_rows, sanitizer) = shown_settings(Settings::read(&examined.enforced, env), env);
    // The registered commands may have the last word on it.
    let log = if settings.log.file.value == first.log.file.value {
        log
    } else {
        log::examine(&settings.log.file, &sanitizer)
    };
    // Before a scan that ends it.
    let outage = service::outage(&settings, &sanitizer);
    let refusal = if question.no_proof {
        Some("--no-proof was given".to_owned())
    } else if proof::is_under_sudo(env) {
        Some("this is root on behalf of another user, whose Codex is another one".to_owned())
    } else if !left_out.why.is_empty() {
        Some("root does not start what others can change".to_owned())
    } else if examined.lookalikes.iter().any(LookalikeFacts::may_run) {
        Some("Codex would run a hook that only looks like f5-guard".to_owned())
    } else {
        hooks::refusal_of_root(&examined.hooks, left_out.privilege, env)
    };
    let ours: Vec<_> = examined
        .hooks
        .iter()
        .filter(|hook| matches!(hook.runner, Runner::F5Guard(_)))
        .map(|hook| (hook.event, hook.place.clone()))
        .collect();
    let codex_home = |server: &AppServer| {
        server.home().or(home.map(|home| home.path.as_path())).unwrap_or(&folder).to_owned()
    };
    let session = match (refusal, &answers.running) {
        (Some(why), _) => Err(why),
        (None, None) => Err("Codex could not be asked".to_owned()),
        (None, Some((_, None))) => Err("Codex does not say which MCP servers it would start".to_owned()),
        (None, Some((server, Some(session)))) => match &question.profile {
            Some(name) => session.clone().with_profile(&codex_home(server), name),
            None => Ok(session.clone()),
        },
    };
    let mut attempt = |server: &mut AppServer, offline: bool| {
        Experiment {
            home: codex_home(server),
            server,
            folder: &folder,
            session: session.as_ref().map_err(Clone::clone)?,
            ours: ours.clone(),
            offline,
            sanitizer: &sanitizer,
            progress,
        }
        .run()
    };
    let proof = match answers.running {
        Some((mut server, _)) => attempt(&mut server, question.offline),
        None => session.as_ref().map_err(Clone::clone).and(Err("Codex could not be asked".to_owned())),
    };
    let in_background = background::ask(home, &sanitizer, &mut attempt);
    let report = proof.as_ref().ok().and_then(Proof::report);
    let differences = report.map(|report| judge::differing(&own_rows, &report.settings)).unwrap_or_default();
    let differences: Vec<Difference> =
        differences.into_iter().map(|difference| with_its_file(difference, home)).collect();
    let mut settings_rows = report.map_or_else(|| own_rows.clone(), |report| report.settings.clone());
    let possible = |rows: &[SettingRow]| {
        rows.iter().all(|row| row.problem.as_ref().is_none_or(|problem| problem.severity < Severity::Problem))
    };
    let service = match proof.as_ref().ok().and_then(Proof::greeting) {
        // The setting's own finding says so.
        Some(Greeting::Failed { why, .. })
            if settings_rows
                .iter()
                .filter_map(|row| row.problem.as_ref())
                .any(|problem| problem.text == why) =>
        {
            ServiceFacts::NotTried
        }
        Some(greeting) => ServiceFacts::Asked(greeting),
        None => service::ask(question.offline, possible(&settings_rows), &settings, &sanitizer),
    };
    if !question.offline && matches!(service, ServiceFacts::Asked(Greeting::Cleared { .. })) {
        judge::add_scanner_modes(&mut settings_rows, || {
            // Those would be another project's.
            if differences.iter().any(|difference| judge::is_decisive(&difference.name)) {
                return Err("the hooks have other settings than this terminal".to_owned());
            }
            scanner_modes::scanner_modes(&settings, env, &sanitizer)
        });
    }
    Facts {
        program: ThisProgram {
            version: env!("CARGO_PKG_VERSION"),
            path: std::env::current_exe().ok(),
            system: System::this(),
        },
        folder,
        left_out: left_out.why.iter().map(|why| sanitizer.text(why)).collect(),
        settings: settings_rows,
        differences,
        proof,
        codex: answers.facts,
        writable: managed_paths(&examined.hooks).into_iter().map(writable).collect(),
        files: files.facts,
        hooks: examined.hooks,
        lookalikes: examined.lookalikes,
        foreign: examined.foreign,
        log,
        desktop: match settings.api_token.source {
            // Apps find it there, too.
            Source::Stored(_) | Source::Flag(_) | Source::Option(_) => DesktopToken::NotApplicable,
            Source::Environment(_) | Source::Default => desktop::token(System::this()),
        },
        visible: answers.visible,
        profile: question.profile.as_deref().map(|name| sanitizer.text(name)),
        in_background,
        background: background::examine(home, &examined.enforced, &settings, &sanitizer),
        outage,
        transcript: home.filter(|_| *settings.transcript).and_then(|home| transcript(&home.path)),
        service,
    }
}

/// The settings with the token that a scan would have, each as it may be shown, and what must not be shown of them.
pub fn shown_settings(mut settings: Settings, env: Env<'_>) -> (Settings, Vec<SettingRow>, Sanitizer) {
    let token = token::complete(&mut settings, env, Instant::now() + token::STORE_TIME).err();
    let sanitizer = Sanitizer::new(tokens(env).chain(settings.api_token.value.clone()));
    let connection = service::connection(&settings, token, &sanitizer);
    let rows = judge::rows(&settings, &connection, &sanitizer);
    (settings, rows, sanitizer)
}

/// Why hooks could not scan the last session.
fn transcript(home: &Path) -> Option<Unread> {
    let home = home.to_owned();
    supervise(Instant::now() + SESSION_TIME, move || sessions::check_last(&home)).ok()?.err()
}

/// Says of a variable that Codex's file of variables sets it.
fn with_its_file(mut difference: Difference, home: Option<&CodexHome>) -> Difference {
    if let Some(home) = home.filter(|home| DotEnv::read(&home.path).sets(&difference.source)) {
        difference.source = format!("{} in {}", difference.source, home.path.join(".env").display());
    }
    difference
}

/// What administrators registered: the files and folders that say what runs, and the binaries.
fn managed_paths(hooks: &[HookFacts]) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for hook in hooks.iter().filter(|hook| hook.layer.is_managed()) {
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
