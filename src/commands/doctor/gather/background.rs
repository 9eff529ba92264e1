//! Whether hooks get the settings of this report, or those of a server of Codex's that was started before.

use std::borrow::Cow;
use std::time::Instant;

use crate::codex::background::find;
use crate::codex::home::CodexHome;
use crate::commands::doctor::facts::BackgroundServer;
use crate::commands::doctor::judge::settings::differences;
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::settings::{Enforced, Settings};
use crate::system::Env;
use crate::token;

/// Compares `settings`, those of this process with the registered `flags`, with what the same flags lead to in the server.
pub fn examine(
    home: Option<&CodexHome>,
    flags: &Enforced,
    settings: &Settings,
    sanitizer: &Sanitizer,
) -> BackgroundServer {
    let Some(server) = home.and_then(|home| find(&home.path)) else { return BackgroundServer::NotFound };
    let Some((process, variables)) = server.process else { return BackgroundServer::Unseen };
    let env: Env<'_> =
        &|name| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let there = Settings::read(flags, env);
    let deadline = Instant::now() + token::STORE_TIME;
    // What can't be read there is as good as not there.
    let there = token::completed(&there, env, deadline).unwrap_or(Cow::Borrowed(&there));
    match differences(settings, &there, sanitizer) {
        differences if differences.is_empty() => BackgroundServer::Same,
        settings => BackgroundServer::Differs { process, settings },
    }
}
