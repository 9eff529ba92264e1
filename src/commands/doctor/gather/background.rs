//! Whether hooks get the settings of this report, or those of a server of Codex's that was started before.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use crate::codex::app_server::AppServer;
use crate::codex::background::{self, Background, LiveThread, find};
use crate::codex::home::CodexHome;
use crate::commands::doctor::facts::{BackgroundServer, InBackground};
use crate::commands::doctor::judge::settings::differences;
use crate::commands::doctor::proof::{DotEnv, Proof};
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::settings::{Enforced, Settings};
use crate::system::Env;
use crate::token;

/// For each question to the server.
const LIMIT: Duration = Duration::from_secs(20);

/// Asks the server for its sessions, and has its hooks tried with `attempt`, in their own environment.
pub fn ask(
    home: Option<&CodexHome>,
    sanitizer: &Sanitizer,
    attempt: &mut dyn FnMut(&mut AppServer, bool) -> Result<Proof, String>,
) -> Option<InBackground> {
    let home = home?;
    let found = find(&home.path)?;
    let mut server = match background::speak(&home.path, LIMIT) {
        Ok(server) => server,
        Err(why) => return Some(InBackground { sessions: Vec::new(), proof: Err(sanitizer.text(&why)) }),
    };
    let threads = background::live_threads(&mut server).unwrap_or_default();
    let folder = |thread: LiveThread| thread.folder.map_or(thread.id, |folder| sanitizer.text(&folder));
    let sessions = threads.into_iter().map(folder).collect();
    let proof = match obstacle(&found) {
        Some(why) => Err(why),
        // A scan with these settings was asked for already, or the settings differ, which says enough.
        None => attempt(&mut server, true),
    };
    Some(InBackground { sessions, proof })
}

/// Why the server can't be asked to speak with the doctor's model.
fn obstacle(found: &Background) -> Option<String> {
    let Some((_, variables)) = &found.process else {
        return Some(
            "its variables can't be seen from here, and a proxy among them would get the test".to_owned(),
        );
    };
    let texts = variables.iter().map(|(name, value)| (name.to_string_lossy(), value.to_string_lossy()));
    let variables = DotEnv::of(texts.map(|(name, value)| (name.into_owned(), value.into_owned())).collect());
    let name = variables.proxy()?;
    Some(format!(
        "it was started with {name}, so that it would send the test to a proxy; it needs NO_PROXY=127.0.0.1"
    ))
}

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
