//! Asks Codex: where it is, whether it accepts its configuration, which hooks it sees and what it makes of them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::visible_tokens;
use crate::access::Privilege;
use crate::codex::app_server::AppServer;
use crate::codex::home::{CodexHome, Origin};
use crate::codex::layers::{self, ConfigVerdict, HookSwitches, HooksFeature, Strictness};
use crate::codex::listing::HookListing;
use crate::codex::locate;
use crate::commands::doctor::facts::{CodexFacts, Existence, HomeFacts, ListingFacts, VisibleTokens};
use crate::commands::doctor::proof::{self, Session};
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::file_edit::same_place;
use crate::system::Env;
use crate::system::System;

/// For each question. Codex answers within a second as a rule; a cold start from a slow disk takes its time.
const LIMIT: Duration = Duration::from_secs(30);

/// What Codex said.
pub struct Answers {
    pub facts: CodexFacts,
    pub home: Result<CodexHome, String>,
    /// All hooks that Codex sees; `None` where it could not be asked.
    pub hooks: Option<Vec<HookListing>>,
    pub visible: VisibleTokens,
    /// The Codex that was asked, still running, and what it would start for a session; `None` where it does not say.
    pub running: Option<(AppServer, Option<Session>)>,
}

pub fn ask(
    explicit: Option<&Path>,
    mut home: Result<CodexHome, String>,
    folder: &Path,
    env: Env<'_>,
    sanitizer: &Sanitizer,
) -> Answers {
    let found = locate::locate(explicit, System::this(), env, Privilege::among_users());
    let mut facts = CodexFacts {
        program: found
            .as_ref()
            .map(|codex| codex.program.clone())
            .map_err(|error| sanitizer.text(&error.to_string())),
        version: Err("it was not asked".to_owned()),
        home: home.as_ref().map(home_facts).map_err(Clone::clone),
        config: None,
        switches: None,
        listing: Err("it was not asked".to_owned()),
    };
    let mut hooks = None;
    let mut visible = None;
    let mut running = None;
    if let Ok(codex) = &found {
        facts.version = locate::version(codex, LIMIT)
            .map(|version| sanitizer.text(&version))
            .map_err(|error| sanitizer.text(&error.to_string()));
        match &home {
            // A Codex that is started without its home would create it.
            Ok(home) if home.path.is_dir() => {
                let config = layers::check_config(&codex.program, home, folder, Strictness::Ordinary, LIMIT);
                facts.config = Some(shown(config, sanitizer));
                match conversation(&codex.program, home, folder, env, sanitizer) {
                    Ok(told) => {
                        running = Some((told.server, told.session));
                        facts.switches = told.switches;
                        facts.listing = Ok(told.notes);
                        hooks = Some(told.hooks);
                        visible = told.visible;
                    }
                    Err(why) => facts.listing = Err(why),
                }
            }
            Ok(_) => facts.listing = Err("its home folder does not exist".to_owned()),
            Err(why) => facts.listing = Err(why.clone()),
        }
    }
    let visible = visible.unwrap_or_else(|| visible_tokens::unasked(env));
    // A launcher of the user's can have chosen another home.
    let is_own = |says: &&Path| home.as_ref().is_ok_and(|home| same_place(&home.path, says));
    let elsewhere = running.as_ref().and_then(|(server, _)| server.home()).filter(|says| !is_own(says));
    if let Some(path) = elsewhere.filter(|path| Privilege::among_users().may_use(path).is_ok()) {
        home = Ok(CodexHome { path: path.to_owned(), origin: Origin::Variable });
        facts.home = home
            .as_ref()
            .map(|home| HomeFacts { from: "Codex says so", ..home_facts(home) })
            .map_err(Clone::clone);
    }
    Answers { facts, home, hooks, visible, running }
}

struct Told {
    switches: Option<HookSwitches>,
    notes: ListingFacts,
    hooks: Vec<HookListing>,
    visible: Option<VisibleTokens>,
    server: AppServer,
    session: Option<Session>,
}

fn conversation(
    program: &Path,
    home: &CodexHome,
    folder: &Path,
    env: Env<'_>,
    sanitizer: &Sanitizer,
) -> Result<Told, String> {
    let words = |error: crate::codex::app_server::AppServerError| sanitizer.text(&error.to_string());
    let prepare = |command: &mut Command| proof::prepare(command, env);
    let mut server = AppServer::start_with(program, home, folder, LIMIT, prepare).map_err(words)?;
    let listed = server.list_hooks_in(folder).map_err(words)?;
    // Refused where the configuration can't be loaded, which the listing tells as well.
    let switches =
        layers::hook_switches(&mut server, folder).ok().map(|switches| shown_switches(switches, sanitizer));
    let notes = ListingFacts {
        warnings: listed.warnings.iter().map(|warning| sanitizer.parser_message(warning)).collect(),
        errors: listed.errors.iter().map(|error| sanitizer.parser_message(&error.message)).collect(),
        unreadable: listed.unreadable.iter().map(|entry| sanitizer.parser_message(entry)).collect(),
    };
    let visible = visible_tokens::ask(&mut server, folder);
    let session = Session::ask(&mut server, folder).ok();
    Ok(Told { switches, notes, hooks: listed.hooks, visible, server, session })
}

fn shown(verdict: ConfigVerdict, sanitizer: &Sanitizer) -> ConfigVerdict {
    match verdict {
        ConfigVerdict::Accepted => ConfigVerdict::Accepted,
        ConfigVerdict::Refused { file, position, message } => {
            ConfigVerdict::Refused { file, position, message: sanitizer.parser_message(&message) }
        }
        ConfigVerdict::CannotTell { reason } => {
            ConfigVerdict::CannotTell { reason: sanitizer.parser_message(&reason) }
        }
    }
}

fn shown_switches(switches: HookSwitches, sanitizer: &Sanitizer) -> HookSwitches {
    let feature = match switches.feature {
        HooksFeature::On => HooksFeature::On,
        HooksFeature::Off { by } => HooksFeature::Off { by: sanitizer.path(Path::new(&by)) },
    };
    HookSwitches { feature, ..switches }
}

fn home_facts(home: &CodexHome) -> HomeFacts {
    HomeFacts {
        path: home.path.clone(),
        from: match home.origin {
            Origin::Variable => "CODEX_HOME",
            Origin::UserFolder => "default",
        },
        exists: if home.path.is_dir() { Existence::Exists } else { Existence::Missing },
    }
}
