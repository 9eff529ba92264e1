//! Looks at each registered hook: what it runs, with which settings, and what comes of running it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::binary;
use super::runner::{Known, Runs};
use crate::access::Privilege;
use crate::codex::home::CodexHome;
use crate::codex::layers::Layer;
use crate::codex::listing::{EventName, HookListing};
use crate::codex::trust::HookStatus;
use crate::commands::doctor::facts::{BinaryFacts, CallFacts, HookFacts, Listed, LookalikeFacts, Runner};
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::event::Event;
use crate::installation::is_managed;
use crate::registration::HookCall;
use crate::settings::{Enforced, Settings};
use crate::system::Env;

/// A hook as it is registered, ours or another's.
#[derive(Clone)]
pub struct RegisteredHook {
    pub event: EventName,
    pub layer: Layer,
    pub place: PathBuf,
    /// As it is run: may hold secrets.
    pub command: String,
    pub status_message: Option<String>,
    pub matcher: Option<String>,
    pub timeout: Duration,
    pub status: Option<HookStatus>,
}

/// What the examination brought.
pub struct Examined {
    pub hooks: Vec<HookFacts>,
    pub lookalikes: Vec<LookalikeFacts>,
    /// Where others' hooks for a tool's input are, that Codex runs.
    pub foreign: Vec<PathBuf>,
    /// The flags of a hook that runs: the settings that hooks really have.
    pub enforced: Enforced,
}

impl RegisteredHook {
    /// From Codex's list; `None` for hooks that are no commands.
    pub fn listed(hook: HookListing) -> Option<Self> {
        let status = HookStatus::of(&hook);
        Some(Self {
            event: hook.event,
            layer: hook.layer,
            place: hook.source_path,
            command: hook.command?,
            status_message: hook.status_message,
            matcher: hook.matcher,
            timeout: hook.timeout,
            status: Some(status),
        })
    }

    fn runs(&self) -> bool {
        self.status.as_ref().is_some_and(HookStatus::protects)
    }

    /// Only what Codex runs anyway, or what the user or the administrator wrote, is run here: a repository that was
    /// just checked out must not be able to have its commands run by a look at it.
    fn may_be_run(&self) -> bool {
        self.runs() || self.is_the_users_or_the_administrators()
    }

    fn is_the_users_or_the_administrators(&self) -> bool {
        self.layer == Layer::User || self.layer.is_managed()
    }

    /// Whether it may say where the token goes: only what Codex gives the token to anyway, or, where Codex could not be
    /// asked, what the user or the administrator wrote.
    fn decides_on_settings(&self) -> bool {
        match self.status {
            Some(_) => self.runs(),
            None => self.is_the_users_or_the_administrators(),
        }
    }

    fn lookalike(self, listed: Listed, sanitizer: &Sanitizer) -> LookalikeFacts {
        LookalikeFacts {
            event: sanitizer.text(self.event.as_str()),
            layer: self.layer,
            place: self.place,
            command: sanitizer.text(&self.command),
            status: self.status,
            listed,
        }
    }
}

/// Where hooks are looked at.
pub struct Here<'a> {
    pub known: &'a Known,
    /// The session's folder.
    pub folder: &'a Path,
    pub home: Option<&'a CodexHome>,
    pub privilege: Privilege,
}

/// Looks at `registered`: the hooks as Codex lists them or, where it could not be asked, as the files have them. What only
/// the files have (`in_files`) is looked through for what resembles f5-guard.
pub fn examine(
    registered: Vec<RegisteredHook>,
    in_files: &[RegisteredHook],
    here: &Here<'_>,
    env: Env<'_>,
    sanitizer: &Sanitizer,
) -> Examined {
    let Here { known, folder, home, privilege } = *here;
    let (mut looked_at, mut foreign) = (Vec::new(), Vec::new());
    let runs = |hook: &RegisteredHook| {
        known.runs(hook.layer, &hook.event, &hook.command, hook.status_message.as_deref())
    };
    let unlisted = in_files.iter().filter(|hook| {
        let same = |listed: &RegisteredHook| listed.event == hook.event && listed.command == hook.command;
        !registered.iter().any(same) && matches!(runs(hook), Runs::Lookalike)
    });
    let mut lookalikes: Vec<LookalikeFacts> =
        unlisted.map(|hook| hook.clone().lookalike(Listed::No, sanitizer)).collect();
    for hook in registered {
        match (runs(&hook), &hook.event) {
            (Runs::F5Guard(call), EventName::Known(event)) => {
                let binary =
                    binary::of(&call.program, hook.may_be_run(), folder, home, privilege, env, sanitizer);
                let is_managed = binary.path().is_some_and(|path| is_managed(path, env));
                let own = Enforced { is_managed, ..call.enforced().unwrap_or_default() };
                looked_at.push((*event, hook, Some((call, own, binary))));
            }
            (Runs::Python, EventName::Known(event)) => looked_at.push((*event, hook, None)),
            (Runs::Else, EventName::Known(Event::PreToolUse)) if hook.runs() => foreign.push(hook.place),
            (Runs::Else, _) => {}
            (Runs::F5Guard(_) | Runs::Python | Runs::Lookalike, _) => {
                lookalikes.push(hook.lookalike(Listed::Yes, sanitizer));
            }
        }
    }
    let decisive = looked_at.iter().filter(|(_, hook, _)| hook.decides_on_settings());
    let decisive = decisive.filter_map(|(_, hook, call)| Some((hook, &call.as_ref()?.1)));
    let enforced = decisive.min_by_key(|(hook, _)| !hook.is_the_users_or_the_administrators());
    let enforced = enforced.map(|(_, own)| own.clone()).unwrap_or_default();
    let hooks = looked_at.into_iter().map(|(event, hook, call)| {
        let runner = match call {
            Some((call, own, binary)) => {
                Runner::F5Guard(Box::new(call_facts(&call, &own, binary, env, sanitizer)))
            }
            None => Runner::Python,
        };
        HookFacts {
            event,
            layer: hook.layer,
            place: hook.place,
            command: sanitizer.text(&hook.command),
            runner,
            matcher: hook.matcher.map(|matcher| sanitizer.text(&matcher)),
            timeout: hook.timeout,
            status: hook.status,
        }
    });
    foreign.dedup();
    Examined { hooks: hooks.collect(), lookalikes, foreign, enforced }
}

fn call_facts(
    call: &HookCall,
    enforced: &Enforced,
    binary: BinaryFacts,
    env: Env<'_>,
    sanitizer: &Sanitizer,
) -> CallFacts {
    let settings = Settings::read(enforced, env);
    let mut flags = Vec::new();
    let mut words = call.arguments.iter();
    while let Some(word) = words.next() {
        if word == "--hook-timeout" {
            words.next();
        } else if !word.starts_with("--hook-timeout=") {
            flags.push(sanitizer.text(word));
        }
    }
    CallFacts {
        subcommand: call.event,
        flags,
        hook_timeout: settings.hook_timeout,
        budget: settings.budget(),
        scan_timeout: *settings.timeout,
        binary,
    }
}

/// Why root has Codex run no hooks, if it does not: what runs then must be root's alone.
pub fn refusal_of_root(registered: &[HookFacts], privilege: Privilege, env: Env<'_>) -> Option<String> {
    if privilege == Privilege::Ordinary {
        return None;
    }
    // The folders and files that a shell reads before it runs anything.
    let start_up = ["HOME", "ZDOTDIR", "BASH_ENV", "ENV"].into_iter().filter_map(env);
    let start_up = start_up.filter(|path| !path.is_empty()).map(PathBuf::from);
    // Policies from elsewhere have no file here.
    let places = registered.iter().map(|hook| hook.place.clone()).filter(|place| place.is_absolute());
    let read = start_up.chain(places).try_for_each(|path| privilege.may_use(&path));
    let started = || {
        let binaries = registered.iter().filter_map(|hook| match &hook.runner {
            Runner::F5Guard(call) if matches!(call.binary, BinaryFacts::Missing { .. }) => None,
            Runner::F5Guard(call) => call.binary.path(),
            Runner::Python => None,
        });
        binaries.into_iter().try_for_each(|binary| privilege.may_start(binary))
    };
    read.and_then(|()| started())
        .err()
        .map(|shared| format!("root runs nothing that others can change: {shared}"))
}
