//! Asks Codex whether it runs the registered hooks, and gives them the user's trust through Codex itself.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::codex::CODEX_TIME;
use crate::codex::app_server::{AppServer, AppServerError};
use crate::codex::layers::ConfigFile;
use crate::codex::layers::Layer;
use crate::codex::layers::{self, HooksFeature, OnlyManaged};
use crate::codex::listing::{EventName, FolderHooks, HookListing, Waiting};
use crate::codex::locate::Codex;
use crate::codex::trust::{self, HookStatus, Review};
use crate::codex::version;
use crate::commands::progress::Progress;
use crate::event::Event;
use crate::file_edit::same_place;
use crate::installation::PATIENCE;
use crate::installation::{
    InstallContext, InstallDir, InstallState, new_file, remember_trust, source_spellings, state_keys_in,
    user_files,
};
use crate::registration::{HookDefinition, KnownBinaries, Owner, Registration, owner_of};
use crate::system::System;

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
    /// A hook for every event runs and is obeyed.
    pub protects: bool,
    /// Hooks trusted in this run.
    pub trusted_now: usize,
    /// Our hooks that wait for trust.
    pub waiting: usize,
    /// Why Codex could not keep that trust, as a sentence with the ways out.
    pub untrustable: Option<String>,
    /// Everything else that keeps hooks from running, as whole sentences.
    pub problems: Vec<String>,
    /// Codex's own warnings about its configuration.
    pub warnings: Vec<String>,
    /// Commands in these files that look like ours, are not, and are trusted all the same.
    pub trusted_lookalikes: Vec<String>,
}

/// What is asked about.
pub struct TrustPrompt<'a> {
    pub context: &'a InstallContext,
    pub codex: &'a Codex,
    /// Its version, where it says one.
    pub version: Option<&'a str>,
    /// The folder whose sessions count.
    pub cwd: &'a Path,
    /// The files that were registered in.
    pub files: &'a [ConfigFile],
    pub places: &'a KnownBinaries,
    /// What was written there: exactly this is trusted, and nothing that only looks like it.
    pub registration: &'a Registration,
    pub choice: TrustChoice,
    /// Remembers what Codex writes.
    pub folder: &'a InstallDir,
    /// Shows the hooks and takes the answer.
    pub ask: &'a dyn Fn(&[HookListing]) -> bool,
}

impl TrustPrompt<'_> {
    /// Asks Codex, trusts what may be trusted, and asks again.
    pub fn run(&self) -> Activation {
        let progress = Progress::start("install");
        progress.says("asks Codex about its hooks");
        let started = AppServer::start(&self.codex.program, &self.context.home, self.cwd, CODEX_TIME);
        let result = started.and_then(|mut server| self.ask_codex(&mut server, progress));
        match result {
            Ok(state) => Activation::Asked(state),
            Err(error) => Activation::NotAsked { why: error.to_string() },
        }
    }

    fn ask_codex(&self, server: &mut AppServer, progress: Progress) -> Result<State, AppServerError> {
        let mut folder = server.list_hooks_in(self.cwd)?;
        // The user may be asked now.
        drop(progress);
        let mut state = State::default();
        let own = self.context.home.path.as_path();
        let is_ours = |says: &&Path| *says == own || same_place(says, own);
        if let Some(other) = server.home().filter(|says| !is_ours(says)) {
            state.problems.push(format!(
                "This Codex has {} as its home, whatever CODEX_HOME is here: set CODEX_HOME to that, and install again.",
                other.display()
            ));
        }
        let waiting = self.review(&folder).to_trust();
        let [config, _] = &user_files(&self.context.home);
        let agreed = match self.choice {
            _ if waiting.is_empty() => false,
            TrustChoice::Yes => true,
            TrustChoice::No => false,
            TrustChoice::Ask => (self.ask)(&waiting),
        };
        if agreed {
            match self.trust(server, &waiting) {
                Ok(()) => state.trusted_now = waiting.len(),
                Err(error) => {
                    state.untrustable = cannot_keep_trust(config)
                        .or_else(|| Some(format!("Codex could not keep your trust in the hooks: {error}.")));
                }
            }
            folder = server.list_hooks_in(self.cwd)?;
        }
        let review = self.review(&folder);
        state.protects = review.protects();
        state.waiting = review.to_trust().len();
        if state.waiting > 0 && state.untrustable.is_none() {
            state.untrustable = cannot_keep_trust(config);
        }
        state.warnings = folder.warnings.clone();
        // One for each hook, in the same words.
        state.warnings.dedup();
        let poses = folder.hooks.iter().filter(|hook| {
            let command = hook.command.as_deref();
            self.is_here(hook)
                && HookStatus::of(hook).protects()
                && owner_of(hook.event.as_str(), command, None, None, self.places) == Owner::Lookalike
        });
        state.trusted_lookalikes = poses.filter_map(|hook| hook.command.clone()).collect();
        self.explain(server, &folder, &review, &mut state);
        Ok(state)
    }

    fn explain(&self, server: &mut AppServer, folder: &FolderHooks, review: &Review, state: &mut State) {
        if state.protects {
            return;
        }
        if let Some(old) = self.version.and_then(version::too_old) {
            state.problems.push(format!("{old} Update Codex, and install again."));
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
            let names: Vec<&str> = missing.iter().map(|event| event.name()).collect();
            let next = if state.warnings.is_empty() {
                "look at /hooks in `codex`"
            } else {
                "do what its warning above says, and install again"
            };
            state.problems.push(format!("Codex does not list our hook for {}: {next}.", names.join(", ")));
        }
        for hook in &review.ours {
            let event = hook.listing.event.as_str();
            match &hook.status {
                HookStatus::Disabled => {
                    state.problems.push(format!("The {event} hook is switched off; switch it on in /hooks."));
                }
                HookStatus::Asynchronous => state.problems.push(format!(
                    "The {event} hook is registered as asynchronous, so Codex does not wait for it."
                )),
                HookStatus::Unknown(word) => {
                    state
                        .problems
                        .push(format!("Codex calls the {event} hook `{word}`, which is unknown here."));
                }
                _ => {}
            }
        }
    }

    /// What was just written into the files of this installation, and what the administrator registered of ours.
    fn review(&self, folder: &FolderHooks) -> Review {
        Review::of(folder, &|hook| {
            if hook.is_managed {
                let event = hook.event.as_str();
                return owner_of(event, hook.command.as_deref(), None, None, self.places) == Owner::Ours;
            }
            self.is_here(hook) && self.registration.hooks.iter().any(|written| is_exactly(written, hook))
        })
    }

    fn is_here(&self, hook: &HookListing) -> bool {
        let source = hook.source_path.to_string_lossy();
        self.files.iter().flat_map(|file| source_spellings(&file.path)).any(|path| same_path(&path, &source))
    }

    fn trust(&self, server: &mut AppServer, hooks: &[HookListing]) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let _lock = self.folder.hold(PATIENCE).map_err(|error| text(&error))?;
        let before = fs::read(self.context.home.config_toml()).ok();
        let trusted = trust::trust(server, self.cwd, hooks);
        // Also after a failure: Codex may have written.
        let user = user_files(&self.context.home);
        let [place, _] = &user;
        let mut state = InstallState::open(self.folder, new_file(place)).map_err(|error| text(&error))?;
        let users = self.context.known_binaries(Layer::User, None);
        let mut keys = state_keys_in(self.files, self.places);
        keys.extend(state_keys_in(&user, &users));
        remember_trust(place, before.as_deref(), &keys, &mut state, &users).map_err(|error| text(&error))?;
        trusted.map_err(|error| text(&error))
    }
}

/// Why Codex could not write the user's trust into its configuration, with the ways out.
pub fn cannot_keep_trust(config: &ConfigFile) -> Option<String> {
    let error = config.read().ok()?.check_writable().err()?;
    Some(format!(
        "Codex can't store your trust in the hooks: {}. Where that can't be, have an administrator run `f5-guard install \
         --scope system`: managed hooks need no trust.",
        error.to_string().trim_end_matches('.')
    ))
}

/// Whether Codex lists the hook with every part of the definition as it was written, and none beside.
fn is_exactly(written: &HookDefinition, hook: &HookListing) -> bool {
    hook.event == EventName::Known(written.event)
        && hook.command.as_deref() == Some(written.command_on(System::this()))
        && (!written.event.has_matcher() || hook.matcher == written.matcher)
        && hook.timeout == Duration::from_secs(written.timeout)
        && hook.status_message.as_deref() == Some(&written.status_message)
        && hook.waiting == Waiting::Synchronous
}

fn same_path(a: &str, b: &str) -> bool {
    a == b || (cfg!(windows) && a.eq_ignore_ascii_case(b))
}

/// The order in which hooks are shown: that of a turn.
pub fn turn_order(hook: &HookListing) -> usize {
    Event::ALL.iter().position(|event| event.name() == hook.event.as_str()).unwrap_or(Event::ALL.len())
}
