//! What a registered command runs, as far as its words can tell: f5-guard, the Python integration, or something that only
//! looks like them.

use std::path::Path;

use crate::codex::home::CodexHome;
use crate::codex::layers::Layer;
use crate::codex::listing::EventName;
use crate::installation::{self, InstallContext};
use crate::registration::{CalledProgram, HookCall, KnownBinaries, Owner, hook_call, owner_of};
use crate::system::Env;

/// The binaries that are known on this machine.
#[derive(Debug, Default)]
pub struct Known {
    user: KnownBinaries,
    administrator: KnownBinaries,
    none: KnownBinaries,
}

/// What a command runs.
pub enum Runs {
    F5Guard(HookCall),
    Python,
    /// It looks like f5-guard, and nothing says that it is.
    Lookalike,
    Else,
}

impl Known {
    /// Those of this machine and, where their folder may be looked at, of this user.
    pub fn here(home: Option<&CodexHome>, env: Env<'_>) -> Self {
        let Ok(context) = InstallContext::of_this_process(&env) else { return Self::default() };
        let managed = context.installed_managed_dir();
        let managed = managed.map(|dir| installation::managed_folder(context.system, &dir));
        let places = |layer| context.known_binaries(layer, managed.as_ref());
        Self {
            user: home.map(|_| places(Layer::User)).unwrap_or_default(),
            administrator: places(Layer::System),
            none: KnownBinaries::default(),
        }
    }

    /// Judges a command by its words, and by whose file it is in: what users and administrators registered by hand is
    /// f5-guard where it calls one, while the word of a repository (or a plugin) makes nothing f5-guard.
    pub fn runs(&self, layer: Layer, event: &EventName, command: &str, status_message: Option<&str>) -> Runs {
        let places = match layer {
            Layer::User => &self.user,
            layer if layer.is_managed() => &self.administrator,
            _ => &self.none,
        };
        let owner = owner_of(event.as_str(), Some(command), None, status_message, places);
        let call = hook_call(command).filter(|call| {
            owner == Owner::Ours
                || matches!(event, EventName::Known(_)) && self.is_f5_guard(layer, &call.program)
        });
        match (call, owner) {
            (Some(call), _) => Runs::F5Guard(call),
            (None, Owner::Python) => Runs::Python,
            (None, Owner::Ours | Owner::Lookalike) => Runs::Lookalike,
            (None, Owner::Foreign) => Runs::Else,
        }
    }

    fn is_f5_guard(&self, layer: Layer, program: &CalledProgram) -> bool {
        let CalledProgram::Named(program) = program else { return true };
        let known = self.user.has(program) || self.administrator.has(program);
        let by_hand = layer == Layer::User || layer.is_managed();
        known || by_hand && names_one_place(program)
    }
}

/// Whether a program is the same one in every folder that a session can be in. A bare name is looked up on `PATH`; but on
/// Windows it may be looked for in the session's folder first.
fn names_one_place(program: &str) -> bool {
    let is_bare = !program.contains(['/', '\\', ':']);
    let starts = ["~/", "$HOME/", "${HOME}/", "$CODEX_HOME/"];
    Path::new(program).is_absolute()
        || (is_bare && !cfg!(windows))
        || starts.iter().any(|start| program.starts_with(start))
}
