//! Whether hooks get the settings of this report, or those of a server of Codex's that was started before.

use crate::codex::background::find;
use crate::codex::home::CodexHome;
use crate::doctor::facts::BackgroundServer;
use crate::doctor::screen::Screen;
use crate::doctor::settings::differences;
use crate::settings::{Overrides, Settings};

/// Compares `settings`, those of this process with the registered `flags`, with what the same flags lead to in the server.
pub fn examine(
    home: Option<&CodexHome>,
    flags: &Overrides,
    settings: &Settings,
    screen: &Screen,
) -> BackgroundServer {
    let Some(server) = home.and_then(|home| find(&home.path)) else { return BackgroundServer::NotFound };
    let Some((process, variables)) = server.process else { return BackgroundServer::Unseen };
    let there = Settings::read(flags, &|name| {
        variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    });
    match differences(settings, &there, screen) {
        differences if differences.is_empty() => BackgroundServer::Same,
        settings => BackgroundServer::Differs { process, settings },
    }
}
