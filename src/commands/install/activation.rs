//! Asks Codex whether it runs the registered hooks, and gives them the user's trust through Codex itself.

use std::fs;
use std::path::Path;

use crate::codex::app_server::{AppServer, AppServerError};
use crate::codex::layers::{self, HooksFeature, OnlyManaged};
use crate::codex::listing::{FolderHooks, HookListing};
use crate::codex::locate::Codex;
use crate::codex::trust::{self, Review, Standing, SwitchedOff};
use crate::commands::setup::{CODEX_TIME, PATIENCE};
use crate::installation::{
    ConfigPlace, Ledger, OurFolder, Surroundings, new_file, remember_trust, source_spellings, state_keys_in,
    user_files,
};
use crate::registration::{HookEvent, OurPlaces, Owner, owner_of};

/// Whether to trust the hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustChoice {
    /// `--trust`
    Yes,
    /// `--no-trust`, or nobody there to ask.
    No,
    /// Ask on the terminal.
    Ask,
}

/// What Codex makes of the registration.
#[derive(Debug)]
pub enum Activation {
    /// No Codex that knows trust could be asked.
    NotAsked { why: String },
    /// Codex was asked.
    Asked(State),
}

/// Codex's view, after trust was given where it was.
#[derive(Debug, Default)]
pub struct State {
    /// The four hooks run and are obeyed.
    pub protects: bool,
    /// Hooks trusted in this run.
    pub trusted_now: usize,
    /// Our hooks that wait for trust.
    pub waiting: usize,
    /// Everything else that keeps hooks from running, as whole sentences.
    pub problems: Vec<String>,
    /// Codex's own warnings about its configuration.
    pub warnings: Vec<String>,
}

/// What is asked about.
pub struct Question<'a> {
    pub surroundings: &'a Surroundings,
    pub codex: &'a Codex,
    /// The folder whose sessions count.
    pub cwd: &'a Path,
    /// The files that were registered in.
    pub files: &'a [ConfigPlace],
    pub places: &'a OurPlaces,
    pub choice: TrustChoice,
    /// Remembers what Codex writes.
    pub folder: &'a OurFolder,
    /// Shows the hooks and takes the answer.
    pub ask: &'a dyn Fn(&[HookListing]) -> bool,
}

impl Question<'_> {
    /// Asks Codex, trusts what may be trusted, and asks again.
    pub fn settle(&self) -> Activation {
        let started = AppServer::start(&self.codex.program, &self.surroundings.home, self.cwd, CODEX_TIME);
        let result = started.and_then(|mut server| self.converse(&mut server));
        match result {
            Ok(state) => Activation::Asked(state),
            Err(error) => Activation::NotAsked { why: error.to_string() },
        }
    }

    fn converse(&self, server: &mut AppServer) -> Result<State, AppServerError> {
        let mut folder = server.list_hooks_in(self.cwd)?;
        let mut state = State::default();
        let waiting = self.review(&folder).to_trust();
        let agreed = match self.choice {
            _ if waiting.is_empty() => false,
            TrustChoice::Yes => true,
            TrustChoice::No => false,
            TrustChoice::Ask => (self.ask)(&waiting),
        };
        if agreed {
            match self.trust(server, &waiting) {
                Ok(()) => state.trusted_now = waiting.len(),
                Err(error) => state.problems.push(format!("Trusting them failed: {error}.")),
            }
            folder = server.list_hooks_in(self.cwd)?;
        }
        let review = self.review(&folder);
        state.protects = review.protects();
        state.waiting = review.to_trust().len();
        state.warnings = folder.warnings.clone();
        // One for each hook, in the same words.
        state.warnings.dedup();
        self.explain(server, &folder, &review, &mut state);
        Ok(state)
    }

    fn explain(&self, server: &mut AppServer, folder: &FolderHooks, review: &Review, state: &mut State) {
        if state.protects {
            return;
        }
        state.problems.extend(folder.errors.iter().map(|error| {
            format!("Codex refuses its configuration: {}.", error.message.trim_end_matches('.'))
        }));
        if let Ok(switches) = layers::hook_switches(server, self.cwd) {
            if let HooksFeature::Off { by } = switches.feature {
                state.problems.push(format!("Hooks are switched off ([features] hooks = false) in {by}."));
            }
            let managed = self.files.iter().any(|file| file.path.ends_with("requirements.toml"));
            if switches.only_managed == OnlyManaged::Yes && !managed {
                state.problems.push(
                    "The administrator allows managed hooks only (allow_managed_hooks_only); ask for an \
                     installation with --scope system."
                        .into(),
                );
            }
        }
        let missing = review.missing();
        if !missing.is_empty() && state.problems.is_empty() {
            let names: Vec<&str> = missing.iter().map(|event| event.as_str()).collect();
            let next = if state.warnings.is_empty() {
                "look at /hooks in `codex`"
            } else {
                "do what its warning above says, and install again"
            };
            state.problems.push(format!("Codex does not list our hook for {}: {next}.", names.join(", ")));
        }
        for hook in &review.ours {
            let event = hook.listing.event.as_str();
            match &hook.standing {
                Standing::Disabled => {
                    state.problems.push(format!("The {event} hook is switched off; switch it on in /hooks."));
                }
                Standing::Asynchronous => state.problems.push(format!(
                    "The {event} hook is registered as asynchronous, so Codex does not wait for it."
                )),
                Standing::Unknown(word) => {
                    state
                        .problems
                        .push(format!("Codex calls the {event} hook `{word}`, which is unknown here."));
                }
                _ => {}
            }
        }
    }

    /// Ours, in the files of this installation.
    fn review(&self, folder: &FolderHooks) -> Review {
        let sources: Vec<String> = self.files.iter().flat_map(|file| source_spellings(&file.path)).collect();
        Review::of(folder, &|hook| {
            let source = hook.source_path.to_string_lossy();
            let here = sources.iter().any(|path| same_path(path, &source));
            (here || hook.is_managed)
                && owner_of(hook.command.as_deref(), None, None, self.places) == Owner::Ours
        })
    }

    fn trust(&self, server: &mut AppServer, hooks: &[HookListing]) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let _lock = self.folder.hold(PATIENCE).map_err(|error| text(&error))?;
        let before = fs::read(self.surroundings.home.config_toml()).ok();
        let trusted = trust::trust(server, self.cwd, hooks, SwitchedOff::Stay);
        // Also after a failure: Codex may have written.
        let user = user_files(&self.surroundings.home);
        let [place, _] = &user;
        let mut ledger = Ledger::open(self.folder, new_file(place));
        let keys = state_keys_in(&[self.files, &user].concat(), self.places);
        remember_trust(place, before.as_deref(), &keys, &mut ledger, self.places)
            .map_err(|error| text(&error))?;
        trusted.map_err(|error| text(&error))
    }
}

fn same_path(a: &str, b: &str) -> bool {
    a == b || (cfg!(windows) && a.eq_ignore_ascii_case(b))
}

/// The order in which hooks are shown: that of a turn.
pub fn turn_order(hook: &HookListing) -> usize {
    HookEvent::ALL
        .iter()
        .position(|event| event.name() == hook.event.as_str())
        .unwrap_or(HookEvent::ALL.len())
}
