//! Other people's hooks that an edit moves: their trust follows them, or the user hears about it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::codex::app_server::AppServer;
use crate::codex::carry_over;
use crate::codex::home::CodexHome;
use crate::codex::listing::{FolderHooks, HookListing};
use crate::codex::locate::Codex;
use crate::registration::{MovedHook, OurPlaces, owner_of};

/// What became of the moved hooks of others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bystanders {
    /// Hooks whose trust was carried over, by command.
    pub carried: Vec<String>,
    /// Hooks that Codex may skip now, by command, and why nothing could be done.
    pub in_doubt: Option<(Vec<String>, String)>,
}

/// Codex's view from before an edit that moves somebody's hooks.
pub struct Witness {
    state: Result<(AppServer, FolderHooks), String>,
    moved: Vec<String>,
    cwd: PathBuf,
}

impl Witness {
    /// Asks Codex before the edit. `None` where nothing moves.
    pub fn before(
        moved: &[MovedHook],
        codex: Result<&Codex, String>,
        home: &CodexHome,
        cwd: &Path,
        limit: Duration,
    ) -> Option<Self> {
        if moved.is_empty() {
            return None;
        }
        let listed = codex.and_then(|codex| {
            let mut server =
                AppServer::start(&codex.program, home, cwd, limit).map_err(|error| error.to_string())?;
            let folder = server.list_hooks_in(cwd).map_err(|error| error.to_string())?;
            Ok((server, folder))
        });
        let moved = moved.iter().map(|hook| hook.command.clone()).collect();
        Some(Self { state: listed, moved, cwd: cwd.to_path_buf() })
    }

    /// Carries the trust over after the edit. `config_toml` is where Codex keeps it.
    #[must_use]
    pub fn after(self, config_toml: &Path, places: &OurPlaces) -> Bystanders {
        let doubt =
            |why: String| Bystanders { in_doubt: Some((self.moved.clone(), why)), ..Bystanders::default() };
        let (mut server, before) = match self.state {
            Ok(listed) => listed,
            Err(why) => return doubt(why),
        };
        let after = match server.list_hooks_in(&self.cwd) {
            Ok(after) => after,
            Err(error) => return doubt(error.to_string()),
        };
        let is_ours = |hook: &HookListing| is_replaced(hook, places);
        let moves = carry_over::plan(&before, &after, &is_ours);
        if let Err(error) = carry_over::carry_over(&mut server, config_toml, &self.cwd, &moves) {
            return doubt(error.to_string());
        }
        let name = |hook: &HookListing| hook.command.clone().unwrap_or_else(|| hook.key.clone());
        let lost: Vec<String> = moves.lost.iter().map(name).collect();
        Bystanders {
            carried: moves.moved.iter().map(|step| name(&step.before)).collect(),
            in_doubt: (!lost.is_empty()).then(|| (lost, "Codex does not list them any more".to_owned())),
        }
    }
}

/// Whether a listed hook is ours or the Python integration's.
#[must_use]
pub fn is_replaced(hook: &HookListing, places: &OurPlaces) -> bool {
    owner_of(hook.event.as_str(), hook.command.as_deref(), None, hook.status_message.as_deref(), places)
        .is_replaced()
}
