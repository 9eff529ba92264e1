//! The system's store for secrets: macOS' Keychain, Windows' Credential Manager, the Secret Service elsewhere.

#[cfg(windows)]
mod credential_manager;
#[cfg(all(unix, not(target_os = "macos")))]
mod dbus;
#[cfg(target_os = "macos")]
mod keychain;
#[cfg(all(unix, not(target_os = "macos")))]
mod secret_service;

use std::thread;
use std::time::{Duration, Instant};

#[cfg(any(target_os = "macos", test))]
use std::path::Path;

use super::Entry;
#[cfg(any(target_os = "macos", test))]
use crate::access::Privilege;
#[cfg(any(target_os = "macos", test))]
use crate::file_edit::EditLock;
use crate::printable::seconds;
use crate::secret::Secret;
use crate::system::Env;

/// Whether the store may talk to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// From a hook: no dialog, ever. A store that is locked stays so.
    Silent,
    /// Somebody sits there and has just asked for it.
    MayAsk,
}

/// Why a store gave or took nothing; the words continue "could not be read from …: ". What the store itself says is
/// not repeated: it could hold anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("there is none here ({why})")]
    Absent { why: String },
    #[error("it is locked")]
    Locked { fix: &'static str },
    #[error("it did not answer within {}", seconds(.limit))]
    Silent { limit: Duration },
    #[error("the question was dismissed")]
    Dismissed,
    #[error("{0}")]
    Failed(String),
}

impl StoreError {
    /// What to do about it, in one or two sentences.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Locked { fix } => fix,
            Self::Dismissed => "Run it again, and answer the question.",
            Self::Absent { .. } => "Run `f5-guard login --file`, or set F5_GUARDRAILS_API_TOKEN.",
            Self::Silent { .. } | Self::Failed(_) => {
                "Run `f5-guard login --status`. If it stays so, run `f5-guard login --file`, or set F5_GUARDRAILS_API_TOKEN."
            }
        }
    }

    /// Whether the next try may go better.
    fn may_pass(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Locked { .. }) && cfg!(target_os = "macos")
    }
}

/// A store for secrets. Every call may block until `deadline` and not much longer.
pub trait Store: Sync {
    /// As its users know it.
    fn name(&self) -> &'static str;

    /// The token under a name; `None` where the store has none.
    fn get(&self, entry: &Entry, manner: Manner, deadline: Instant) -> Result<Option<Secret>, StoreError>;

    /// Adds a token, or replaces it. May ask the user to unlock the store.
    ///
    /// # Errors
    /// [`StoreError`]; the store is as it was.
    fn set(&self, entry: &Entry, token: &Secret, deadline: Instant) -> Result<(), StoreError>;

    /// Takes a token out. Whether there was one.
    fn remove(&self, entry: &Entry, deadline: Instant) -> Result<bool, StoreError>;

    /// The names of all that f5-guard keeps there; nobody is asked anything for them.
    fn entries(&self, deadline: Instant) -> Result<Vec<Entry>, StoreError>;
}

/// This system's, as a process with this environment finds it.
#[cfg_attr(
    any(target_os = "macos", windows),
    expect(unused_variables, reason = "the system knows its user's store")
)]
pub fn system(env: Env<'_>) -> impl Store + 'static {
    #[cfg(target_os = "macos")]
    return keychain::Keychain;
    #[cfg(windows)]
    return credential_manager::CredentialManager;
    #[cfg(all(unix, not(target_os = "macos")))]
    return secret_service::SecretService::of_session(env);
}

/// How long a store that refuses is left alone before it is asked again.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(30), Duration::from_millis(80), Duration::from_millis(200)];

/// Reads a token within `limit`. macOS refuses reads at times while another process reads: it is asked again.
///
/// # Errors
/// The last [`StoreError`].
pub fn ask(
    store: &dyn Store,
    entry: &Entry,
    manner: Manner,
    limit: Duration,
) -> Result<Option<Secret>, StoreError> {
    ask_patiently(store, entry, manner, limit, StoreError::may_pass)
}

fn ask_patiently(
    store: &dyn Store,
    entry: &Entry,
    manner: Manner,
    limit: Duration,
    may_pass: fn(&StoreError) -> bool,
) -> Result<Option<Secret>, StoreError> {
    let deadline = Instant::now() + limit;
    let mut pauses = PAUSES.into_iter();
    loop {
        let answer = store.get(entry, manner, deadline);
        match (&answer, pauses.next()) {
            (Err(error), Some(pause)) if may_pass(error) && Instant::now() + pause < deadline => {
                thread::sleep(pause);
            }
            _ => return answer,
        }
    }
}

/// Makes this the only process that reads a store that refuses some of several at once, as long as what is returned
/// lives. Whatever is wrong with the lock file, and after half of the time that is left, it reads all the same.
#[cfg(any(target_os = "macos", test))]
fn turn(lock: &Path, deadline: Instant) -> Option<EditLock> {
    // Root writes nothing where others can change it.
    Privilege::among_users().may_use(lock.parent()?).ok()?;
    EditLock::acquire(lock, deadline.saturating_duration_since(Instant::now()) / 2).ok()
}

/// The token that an entry holds; none where it holds nothing.
fn token_in(bytes: &[u8]) -> Result<Option<Secret>, StoreError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| StoreError::Failed("what it holds is not a token".to_owned()))?;
    Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(Secret::new))
}

/// Runs a call of the system that has no time limit of its own.
#[cfg(any(target_os = "macos", windows, test))]
fn within<T: Send + 'static>(
    deadline: Instant,
    call: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let limit = deadline.saturating_duration_since(Instant::now());
    crate::supervise::supervise(deadline, call).unwrap_or(Err(StoreError::Silent { limit }))
}

#[cfg(test)]
pub mod fake {
    //! A store in memory.

    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::*;

    type Answer = Result<Option<Secret>, StoreError>;

    /// Gives the prepared answers, then the last one again and again.
    pub struct Fake {
        answers: Mutex<VecDeque<Answer>>,
        pub asked: Mutex<Vec<(Entry, Manner)>>,
        /// What it has names of, and how often it was asked for them.
        pub names: Vec<Entry>,
        pub listed: Mutex<usize>,
    }

    impl Fake {
        pub fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
            Self {
                answers: Mutex::new(answers.into_iter().collect()),
                asked: Mutex::default(),
                names: Vec::new(),
                listed: Mutex::default(),
            }
        }
    }

    impl Store for Fake {
        fn name(&self) -> &'static str {
            "the fake store"
        }

        fn get(&self, entry: &Entry, manner: Manner, _deadline: Instant) -> Answer {
            self.asked.lock().unwrap().push((entry.clone(), manner));
            let mut answers = self.answers.lock().unwrap();
            if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
        }

        fn set(&self, _entry: &Entry, token: &Secret, _deadline: Instant) -> Result<(), StoreError> {
            *self.answers.lock().unwrap() = [Ok(Some(token.clone()))].into();
            Ok(())
        }

        fn remove(&self, _entry: &Entry, _deadline: Instant) -> Result<bool, StoreError> {
            let before = std::mem::replace(&mut *self.answers.lock().unwrap(), [Ok(None)].into());
            Ok(matches!(before.front(), Some(Ok(Some(_)))))
        }

        fn entries(&self, _deadline: Instant) -> Result<Vec<Entry>, StoreError> {
            *self.listed.lock().unwrap() += 1;
            Ok(self.names.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fake::Fake;
    use super::*;
    use crate::token::Kind;

    const LONG: Duration = Duration::from_secs(60);

    fn entry() -> Entry {
        Entry { kind: Kind::Scan, origin: "https://h.example".to_owned() }
    }

    fn refused() -> Result<Option<Secret>, StoreError> {
        Err(StoreError::Failed("error -25293".to_owned()))
    }

    #[test]
    fn a_read_that_is_refused_at_times_is_tried_again() {
        let store = Fake::answering([refused(), refused(), Ok(Some(Secret::new("t")))]);
        let answer = ask_patiently(&store, &entry(), Manner::Silent, LONG, |_| true);
        assert_eq!(answer, Ok(Some(Secret::new("t"))));
        assert_eq!(store.asked.lock().unwrap().len(), 3);
    }

    #[test]
    fn what_stays_refused_or_has_no_time_left_is_given_up() {
        let store = Fake::answering([refused()]);
        assert_eq!(ask_patiently(&store, &entry(), Manner::Silent, LONG, |_| true), refused());
        assert_eq!(store.asked.lock().unwrap().len(), 1 + PAUSES.len());
        let store = Fake::answering([refused()]);
        assert_eq!(ask_patiently(&store, &entry(), Manner::Silent, Duration::ZERO, |_| true), refused());
        assert_eq!(store.asked.lock().unwrap().len(), 1);
    }

    #[test]
    fn readers_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("lock");
        let readers = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let turn = turn(&lock, Instant::now() + LONG);
                    assert!(turn.is_some());
                    assert_eq!(readers.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0, "alone");
                    std::thread::yield_now();
                    readers.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                });
            }
        });
    }

    #[test]
    fn a_lock_that_can_not_be_had_is_no_reason_not_to_read() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("lock");
        let held = turn(&lock, Instant::now() + LONG);
        assert!(held.is_some());
        assert!(turn(&lock, Instant::now() + Duration::from_millis(60)).is_none(), "somebody else reads");
        assert!(turn(&lock, Instant::now()).is_none(), "no time left");
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        assert!(turn(&folder.path().join("folder"), Instant::now() + LONG).is_none(), "not a file");
        assert!(turn(&folder.path().join("lock/x"), Instant::now() + LONG).is_none(), "not in a folder");
    }

    #[test]
    fn a_call_that_never_comes_back_is_left_behind() {
        let (_keep, never) = std::sync::mpsc::channel::<()>();
        let answer = within(Instant::now(), move || {
            let _ = never.recv();
            Ok(())
        });
        assert!(matches!(answer, Err(StoreError::Silent { .. })));
    }
}
