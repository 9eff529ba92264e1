//! macOS' login keychain.
//!
//! An entry may be read without a question by the program that wrote it, which macOS recognises by its signature. The
//! binary that `install` copies is the same program; an upgrade is another one, and macOS may ask again. A hook never
//! lets it ask: it says that `f5-guard login` has to be run.

use std::time::Instant;

use security_framework::base::Error;
use security_framework::item::{ItemClass, ItemSearchOptions, Limit};
use security_framework::os::macos::keychain::SecKeychain;

use super::{Entry, Manner, Store, StoreError, token_in, turn, within};
use crate::secret::Secret;
use crate::token::Kind;

const NAME: &str = "the macOS Keychain";
const SERVICE: &str = "f5-guard";

// From Apple's SecBase.h; the crate names only some.
const ITEM_NOT_FOUND: i32 = -25300;
const NO_DEFAULT_KEYCHAIN: i32 = -25307;
const NO_SUCH_KEYCHAIN: i32 = -25294;
const NOT_AVAILABLE: i32 = -25291;
const INTERACTION_NOT_ALLOWED: i32 = -25308;
const AUTH_FAILED: i32 = -25293;
const USER_CANCELED: i32 = -128;

/// The user's default keychain, as a rule the login keychain.
#[derive(Debug, Clone, Copy)]
pub struct Keychain;

impl Store for Keychain {
    fn name(&self) -> &'static str {
        NAME
    }

    fn get(&self, entry: &Entry, manner: Manner, deadline: Instant) -> Result<Option<Secret>, StoreError> {
        let account = entry.account();
        within(deadline, move || {
            // macOS refuses a read at times while another process reads. Where somebody answers a dialog, no hook waits.
            let lock = std::env::temp_dir().join("f5-guard-keychain.lock");
            let _turn = (manner == Manner::Silent).then(|| turn(&lock, deadline));
            // Of the whole process, until it is dropped.
            let _no_questions = match manner {
                Manner::Silent => Some(SecKeychain::disable_user_interaction().map_err(failure)?),
                Manner::MayAsk => None,
            };
            let keychain = SecKeychain::default().map_err(failure)?;
            match keychain.find_generic_password(SERVICE, &account) {
                Ok((password, _)) => token_in(&password),
                Err(error) if error.code() == ITEM_NOT_FOUND => Ok(None),
                Err(error) => Err(failure(error)),
            }
        })
    }

    fn set(&self, entry: &Entry, token: &Secret, deadline: Instant) -> Result<(), StoreError> {
        let (account, token) = (entry.account(), token.clone());
        within(deadline, move || {
            let keychain = SecKeychain::default().map_err(failure)?;
            // Anew and not changed, so that the permission is this program's.
            if let Ok((_, item)) = keychain.find_generic_password(SERVICE, &account) {
                item.delete();
            }
            keychain.set_generic_password(SERVICE, &account, token.expose().as_bytes()).map_err(failure)
        })
    }

    fn remove(&self, entry: &Entry, deadline: Instant) -> Result<bool, StoreError> {
        let account = entry.account();
        within(deadline, move || {
            let keychain = SecKeychain::default().map_err(failure)?;
            match keychain.find_generic_password(SERVICE, &account) {
                Ok((_, item)) => {
                    item.delete();
                    Ok(true)
                }
                Err(error) if error.code() == ITEM_NOT_FOUND => Ok(false),
                Err(error) => Err(failure(error)),
            }
        })
    }

    fn entries(&self, deadline: Instant) -> Result<Vec<Entry>, StoreError> {
        within(deadline, move || {
            // Names are readable without a password, and nobody shall be asked for one.
            let _no_questions = SecKeychain::disable_user_interaction().map_err(failure)?;
            let mut search = ItemSearchOptions::new();
            search.class(ItemClass::generic_password()).service(SERVICE);
            let found = match search.load_attributes(true).limit(Limit::All).search() {
                Ok(found) => found,
                Err(error) if error.code() == ITEM_NOT_FOUND => return Ok(Vec::new()),
                Err(error) => return Err(failure(error)),
            };
            let accounts = found.iter().filter_map(|item| item.simplify_dict()?.remove("acct"));
            Ok(accounts.filter_map(|account| Kind::entry_of(&account)).collect())
        })
    }
}

fn failure(error: Error) -> StoreError {
    match error.code() {
        NO_DEFAULT_KEYCHAIN | NO_SUCH_KEYCHAIN | NOT_AVAILABLE => {
            StoreError::Absent { why: "this user has no keychain".to_owned() }
        }
        INTERACTION_NOT_ALLOWED | AUTH_FAILED => StoreError::Locked {
            fix: "Run `f5-guard login --status` in a terminal of the desktop and answer macOS with \"Always Allow\", \
                  or run `f5-guard login` again: macOS asks once for each new version of f5-guard. Where nobody can \
                  answer (SSH), run `f5-guard login --file`.",
        },
        USER_CANCELED => StoreError::Dismissed,
        code => StoreError::Failed(format!("it refused with error {code}")),
    }
}
