//! The tokens that `login` stored: they stay, and that is said; with `--purge` they go.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use super::removal::Outcome;
use crate::system::Env;
use crate::token::saved::SavedTokens;
use crate::token::store::{self, Store, StoreError};
use crate::token::{Entry, Kind, STORE_TIME};

/// A program to remove the tokens with, now that the installed one may be gone.
fn copy_that_is_left(program: &Path) -> String {
    if program.exists() {
        program.display().to_string()
    } else {
        "another copy of f5-guard, such as the one in the archive".to_owned()
    }
}

/// What cannot be removed is said; the rest of the uninstallation stands.
pub fn settle(purge: bool, env: Env<'_>, program: &Path, outcome: &mut Outcome) {
    let store = store::system(env);
    let stored = store.entries(Instant::now() + STORE_TIME);
    let saved = SavedTokens::of_this_user(env).filter(|saved| saved.path().exists());
    if purge {
        if let Ok(entries) = &stored {
            entries.iter().for_each(|entry| remove(&store, entry, outcome));
        }
        if let Some(saved) = saved {
            match saved.delete() {
                Ok(()) => outcome.lines.push(format!("tokens  {} (deleted)", saved.path().display())),
                Err(error) => outcome.notes.push(format!("The stored tokens could not be removed: {error}")),
            }
        }
    } else {
        let mut kept: Vec<String> = Vec::new();
        for entry in stored.iter().flatten() {
            kept.push(format!("{} in {}", words(entry), store.name()));
        }
        if let Some(saved) = saved {
            kept.push(format!("those in {}", saved.path().display()));
        }
        if !kept.is_empty() {
            outcome.notes.push(format!(
                "Stored tokens stay: {}. To remove them all, run `uninstall --purge` with {}.",
                kept.join("; "),
                copy_that_is_left(program)
            ));
        }
    }
    match stored {
        Ok(_) | Err(StoreError::Absent { .. }) => {}
        Err(error) if purge => outcome.notes.push(format!(
            "Tokens in {} could not be removed: {error}. {}",
            store.name(),
            error.fix()
        )),
        Err(error) => outcome
            .notes
            .push(format!("Whether {} holds a token could not be found out: {error}.", store.name())),
    }
}

fn remove(store: &impl Store, entry: &Entry, outcome: &mut Outcome) {
    // A locked store asks for its password first.
    let patience = if std::io::stdout().is_terminal() { Duration::from_secs(120) } else { STORE_TIME };
    match store.remove(entry, Instant::now() + patience) {
        Ok(_) => outcome.lines.push(format!("token   {} (removed from {})", words(entry), store.name())),
        Err(error) => outcome.notes.push(format!(
            "The token {} stays in {}: {error}. {}",
            words(entry),
            store.name(),
            error.fix()
        )),
    }
}

fn words(entry: &Entry) -> String {
    let kind = match entry.kind {
        Kind::Scan => "for",
        Kind::Global => "for dump-config of",
    };
    format!("{kind} {}", crate::printable::printable(&entry.origin, 200))
}
