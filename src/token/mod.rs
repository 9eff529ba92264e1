//! Where an API token comes from.
//!
//! In this order, and the first that has one counts: the file that the registered command names (`--token-file`),
//! `F5_GUARDRAILS_API_TOKEN`, the file in `F5_GUARDRAILS_API_TOKEN_FILE`, what `f5-guard login` stored for the address
//! of the service. A source that is there and can't be used is an error, never a reason to take the next one: what an
//! administrator registered must not be replaced by what a user has.
//!
//! Only the last two steps touch anything but memory, and only where nothing before them has a token.

pub mod elsewhere;
mod error;
pub mod file;
pub mod saved;
pub mod store;

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use elsewhere::Elsewhere;
pub use error::TokenError;
use saved::SavedTokens;
use store::{Manner, Store, StoreError};

use crate::printable::shown_path;
use crate::secret::Secret;
use crate::settings::{BaseUrl, Setting, Settings, Source};
use crate::system::Env;

/// The system's store gets no more time than this, and less where the deadline is nearer.
pub const STORE_TIME: Duration = Duration::from_secs(2);

/// What a stored token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Scans: a project's token as a rule.
    Scan,
    /// `dump-config`: an administrator's.
    Global,
}

impl Kind {
    /// Its word in the stores.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Global => "global",
        }
    }

    /// The entry that [`Entry::account`] wrote.
    pub fn entry_of(account: &str) -> Option<Entry> {
        let (word, origin) = account.split_once(' ')?;
        let kind = [Self::Scan, Self::Global].into_iter().find(|kind| kind.as_str() == word)?;
        Some(Entry { kind, origin: origin.to_owned() })
    }
}

/// The name of a stored token: what it is for, and the one service that it is ever sent to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub kind: Kind,
    /// Scheme, host and port as browsers write an origin: lower case, without a port that goes without saying.
    pub origin: String,
}

impl Entry {
    pub fn new(kind: Kind, address: &BaseUrl) -> Self {
        Self { kind, origin: address.url().origin().ascii_serialization() }
    }

    /// Kind and origin in one word, for stores that have one field for a name.
    pub fn account(&self) -> String {
        format!("{} {}", self.kind.as_str(), self.origin)
    }
}

/// A stored token, and where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub token: Secret,
    pub place: Place,
}

/// A place for stored tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The private file of `login --file`.
    File(PathBuf),
    /// The system's store, by its name.
    Store(&'static str),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", shown_path(path)),
            Self::Store(name) => f.write_str(name),
        }
    }
}

/// Settings with the token of the first source that has one. `deadline` is when a scan would have to be over.
pub fn completed<'a>(
    settings: &'a Settings,
    env: Env<'_>,
    deadline: Instant,
) -> Result<Cow<'a, Settings>, TokenError> {
    if settings.api_token.is_some() {
        return Ok(Cow::Borrowed(settings));
    }
    let mut settings = settings.clone();
    complete(&mut settings, env, deadline)?;
    Ok(Cow::Owned(settings))
}

/// Completes settings that have no token yet. `deadline` is when a scan would have to be over.
///
/// # Errors
/// [`TokenError`] where a source is there and can't be used. No source at all is no error here: what needs a token
/// says so, with the other addresses that have one.
pub fn complete(settings: &mut Settings, env: Env<'_>, deadline: Instant) -> Result<(), TokenError> {
    complete_from(settings, env, deadline, Manner::Silent, &store::system(env))
}

/// [`complete`] with another manner of asking, or another store.
pub fn complete_from(
    settings: &mut Settings,
    env: Env<'_>,
    deadline: Instant,
    manner: Manner,
    store: &dyn Store,
) -> Result<(), TokenError> {
    if settings.api_token.is_some() {
        return Ok(());
    }
    if let Some(path) = settings.token_file.as_deref() {
        let source = settings.token_file.source;
        let token = file::read(path).map_err(|problem| TokenError::File {
            by: source,
            path: path.to_owned(),
            problem,
        })?;
        settings.api_token = Setting { value: Some(token), source, problem: None };
        return Ok(());
    }
    let Ok(address) = settings.base_url.as_ref() else { return Ok(()) };
    let entry = Entry::new(Kind::Scan, address);
    let Some(found) = stored(&entry, env, deadline, manner, store)? else {
        settings.other_services = elsewhere::others(&entry, env, deadline, store);
        return Ok(());
    };
    let source = match found.place {
        Place::File(_) => Source::Stored("the file of `f5-guard login --file`"),
        Place::Store(name) => Source::Stored(name),
    };
    settings.api_token = Setting { value: Some(found.token), source, problem: None };
    Ok(())
}

/// What `login` stored under this name: in its file, else in the system's store.
///
/// # Errors
/// [`TokenError`] for a file or a store that is there and can't be read. A system without a store is none.
pub fn stored(
    entry: &Entry,
    env: Env<'_>,
    deadline: Instant,
    manner: Manner,
    store: &dyn Store,
) -> Result<Option<Stored>, TokenError> {
    if let Some(saved) = SavedTokens::of_this_user(env) {
        if let Some(token) = saved.get(entry)? {
            return Ok(Some(Stored { token, place: Place::File(saved.path().to_owned()) }));
        }
    }
    let limit = deadline.saturating_duration_since(Instant::now()).min(STORE_TIME);
    match store::ask(store, entry, manner, limit) {
        Ok(token) => Ok(token.map(|token| Stored { token, place: Place::Store(store.name()) })),
        // The ordinary case on a server or in a container: nobody expects a store there.
        Err(StoreError::Absent { .. }) => Ok(None),
        Err(error) => Err(TokenError::Store { name: store.name(), error }),
    }
}

#[cfg(test)]
mod tests;
