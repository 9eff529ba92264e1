//! Stores a token, and removes it.

use std::time::Instant;

use super::may_ask;
use crate::secret::Secret;
use crate::system::Env;
use crate::token::saved::SavedTokens;
use crate::token::store::{self, Manner, Store, StoreError};
use crate::token::{Entry, Kind, Place, STORE_TIME};

/// What the user has to know before a token goes into a file.
pub const WHAT_A_FILE_MEANS: &str = "It is not encrypted: only you can read it, and so can every program that runs as \
                                     you, backups, and administrators.";

/// Where the token will go.
pub enum Keeper<'a> {
    File(SavedTokens, Env<'a>),
    Store(Box<dyn Store>, Env<'a>),
}

impl<'a> Keeper<'a> {
    /// The file where it is wanted, else the system's store if one answers; or why none does.
    pub fn choose(file: bool, env: Env<'a>) -> Result<Self, String> {
        if file {
            let saved =
                SavedTokens::of_this_user(env).ok_or("your home folder is unknown: HOME is not set.")?;
            return Ok(Self::File(saved, env));
        }
        let store = store::system(env);
        // Any question will do: whether it answers is what matters, and a locked one does.
        let probe = Entry { kind: Kind::Scan, origin: "https://probe.invalid".to_owned() };
        match store.get(&probe, Manner::Silent, Instant::now() + STORE_TIME) {
            Err(StoreError::Absent { why }) => Err(why),
            Err(error @ StoreError::Silent { .. }) => Err(format!("{}: {error}", store.name())),
            _ => Ok(Self::Store(Box::new(store), env)),
        }
    }

    pub fn place(&self) -> Place {
        match self {
            Self::File(saved, _) => Place::File(saved.path().to_owned()),
            Self::Store(store, _) => Place::Store(store.name()),
        }
    }

    /// Stores the token, sees that it can be read, and removes an older one from the other place.
    pub fn keep(&self, entry: &Entry, token: &Secret, deadline: Instant) -> Result<(), String> {
        match self {
            Self::File(saved, env) => {
                saved.set(entry, token).map_err(|error| error.to_string())?;
                // A store that is not there, or does not answer, holds nothing that a hook would find.
                let _ = remove_quietly(&store::system(env), entry);
                Ok(())
            }
            Self::Store(store, env) => {
                let name = store.name();
                let failed = |error: StoreError| {
                    format!("the token could not be stored in {name}: {error}. {}", error.fix())
                };
                store.set(entry, token, deadline).map_err(failed)?;
                // On macOS this is where the permission is given.
                match store.get(entry, Manner::MayAsk, deadline).map_err(failed)? {
                    Some(read) if read == *token => {}
                    _ => {
                        return Err(format!(
                            "the token was stored in {name}, but does not come back from there."
                        ));
                    }
                }
                // The file would be found first.
                if let Some(saved) = SavedTokens::of_this_user(env) {
                    saved.remove(entry).map_err(|error| error.to_string())?;
                }
                Ok(())
            }
        }
    }
}

/// Removes a token where that takes no question.
fn remove_quietly(store: &impl Store, entry: &Entry) -> Result<bool, StoreError> {
    let deadline = Instant::now() + STORE_TIME;
    match store.get(entry, Manner::Silent, deadline)? {
        Some(_) => store.remove(entry, deadline),
        None => Ok(false),
    }
}

/// Removes a token from every place. Where it was.
pub fn remove(entry: &Entry, env: Env<'_>, deadline: Instant) -> Result<Vec<Place>, String> {
    let mut removed = Vec::new();
    if let Some(saved) = SavedTokens::of_this_user(env) {
        if saved.remove(entry).map_err(|error| error.to_string())? {
            removed.push(Place::File(saved.path().to_owned()));
        }
    }
    let store = store::system(env);
    // A store that does not answer at once is not waited for as long as a person may take.
    let first = store::ask(&store, entry, Manner::Silent, STORE_TIME);
    let found = match first {
        Ok(None) | Err(StoreError::Absent { .. }) => false,
        Err(error @ StoreError::Silent { .. }) => return Err(failed(&store, &error)),
        Err(error @ StoreError::Locked { .. }) if !may_ask() => return Err(failed(&store, &error)),
        Ok(Some(_)) | Err(_) => store.remove(entry, deadline).map_err(|error| failed(&store, &error))?,
    };
    if found {
        removed.push(Place::Store(store.name()));
    }
    Ok(removed)
}

fn failed(store: &impl Store, error: &StoreError) -> String {
    format!("the token could not be removed from {}: {error}. {}", store.name(), error.fix())
}
