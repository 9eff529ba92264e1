//! Windows' Credential Manager: entries of the user's profile on this machine, which the system encrypts.

use std::time::Instant;

use super::{Entry, Manner, Store, StoreError, token_in, within};
use crate::secret::Secret;
use crate::token::Kind;
use crate::windows::credentials;

const NAME: &str = "the Windows Credential Manager";
const PREFIX: &str = "f5-guard ";

// From winerror.h.
const NOT_FOUND: i32 = 1168;
const NO_SUCH_LOGON_SESSION: i32 = 1312;

#[derive(Debug, Clone, Copy)]
pub struct CredentialManager;

impl Store for CredentialManager {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Windows never asks anybody.
    fn get(&self, entry: &Entry, _manner: Manner, deadline: Instant) -> Result<Option<Secret>, StoreError> {
        let name = name_of(entry);
        within(deadline, move || match credentials::read(&name) {
            Ok(bytes) => token_in(&bytes),
            Err(error) if error.raw_os_error() == Some(NOT_FOUND) => Ok(None),
            Err(error) => Err(failure(&error)),
        })
    }

    fn set(&self, entry: &Entry, token: &Secret, deadline: Instant) -> Result<(), StoreError> {
        let (name, token) = (name_of(entry), token.clone());
        within(deadline, move || {
            credentials::write(&name, "f5-guard", token.expose().as_bytes()).map_err(|error| failure(&error))
        })
    }

    fn remove(&self, entry: &Entry, deadline: Instant) -> Result<bool, StoreError> {
        let name = name_of(entry);
        within(deadline, move || match credentials::delete(&name) {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(NOT_FOUND) => Ok(false),
            Err(error) => Err(failure(&error)),
        })
    }

    fn entries(&self, deadline: Instant) -> Result<Vec<Entry>, StoreError> {
        within(deadline, move || match credentials::names(&format!("{PREFIX}*")) {
            Ok(names) => {
                let accounts = names.iter().filter_map(|name| name.strip_prefix(PREFIX));
                Ok(accounts.filter_map(Kind::entry_of).collect())
            }
            Err(error) if error.raw_os_error() == Some(NOT_FOUND) => Ok(Vec::new()),
            Err(error) => Err(failure(&error)),
        })
    }
}

fn name_of(entry: &Entry) -> String {
    format!("{PREFIX}{}", entry.account())
}

fn failure(error: &std::io::Error) -> StoreError {
    match error.raw_os_error() {
        Some(NO_SUCH_LOGON_SESSION) => StoreError::Absent { why: "this session has none".to_owned() },
        Some(code) => StoreError::Failed(format!("it refused with error {code}")),
        None => StoreError::Failed("it refused".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn entry(origin: &str) -> Entry {
        Entry { kind: Kind::Scan, origin: origin.to_owned() }
    }

    #[test]
    fn a_token_is_stored_read_replaced_listed_and_removed() {
        let store = CredentialManager;
        let soon = || Instant::now() + Duration::from_secs(60);
        let entry = entry(&format!("https://test-{}.example", std::process::id()));
        let get = || store.get(&entry, Manner::Silent, soon());
        assert_eq!(get(), Ok(None));
        for token in ["tok-1", "tok-2"] {
            store.set(&entry, &Secret::new(token), soon()).unwrap();
            assert_eq!(get(), Ok(Some(Secret::new(token))));
        }
        assert!(store.entries(soon()).unwrap().contains(&entry));
        assert_eq!(store.remove(&entry, soon()), Ok(true));
        assert_eq!(store.remove(&entry, soon()), Ok(false));
        assert_eq!(get(), Ok(None));
    }
}
