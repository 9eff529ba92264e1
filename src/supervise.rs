//! Work under supervision: whatever it does (hang in a system call, panic), an answer comes in time.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Why supervised work brought no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupted {
    /// It was not done by the given instant. Its thread is left behind and ends with the process.
    TimedOut,
    /// It panicked.
    Panicked,
    /// No thread could be started for it.
    NotStarted,
}

/// Runs `work` on a thread of its own and waits for its result until `deadline`.
///
/// A thread and not an async timeout, because name look-ups, reading stdin, trust stores and files block
/// where no timer of a runtime can interrupt them.
pub fn supervise<T: Send + 'static>(
    deadline: Instant,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Interrupted> {
    supervise_then(deadline, || None, work, || ())
}

/// The same; at the deadline `more` is asked once whether there is more time. When the result was taken, the thread goes on
/// with `afterwards`, for which nobody waits.
///
/// # Errors
/// See [`Interrupted`].
pub fn supervise_then<T: Send + 'static>(
    deadline: Instant,
    more: impl FnOnce() -> Option<Duration>,
    work: impl FnOnce() -> T + Send + 'static,
    afterwards: impl FnOnce() + Send + 'static,
) -> Result<T, Interrupted> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("scan".into())
        .stack_size(8 * 1024 * 1024)
        // The receiver is gone only after the deadline; then nobody wants the result any more.
        .spawn(move || {
            if sender.send(work()).is_ok() {
                afterwards();
            }
        })
        .map_err(|_| Interrupted::NotStarted)?;
    let mut received = receiver.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    if matches!(received, Err(RecvTimeoutError::Timeout)) {
        if let Some(more) = more() {
            received = receiver.recv_timeout((deadline + more).saturating_duration_since(Instant::now()));
        }
    }
    match received {
        Ok(result) => Ok(result),
        Err(RecvTimeoutError::Timeout) => Err(Interrupted::TimedOut),
        Err(RecvTimeoutError::Disconnected) => Err(Interrupted::Panicked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_a_minute() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_result_is_passed_on() {
        assert_eq!(supervise(in_a_minute(), || 7), Ok(7));
    }

    #[test]
    fn a_panic_is_told_apart_from_a_result() {
        let result = supervise(in_a_minute(), || -> u8 { panic!("on purpose, to see it caught") });
        assert_eq!(result, Err(Interrupted::Panicked));
    }

    #[test]
    fn work_that_hangs_is_left_behind() {
        let (_keep, never) = mpsc::channel::<()>();
        let result = supervise(Instant::now(), move || never.recv().is_ok());
        assert_eq!(result, Err(Interrupted::TimedOut));
    }

    #[test]
    fn work_that_is_given_more_time_is_waited_for() {
        let (sender, receiver) = mpsc::channel();
        let more = || {
            sender.send(7).unwrap();
            Some(Duration::from_secs(60))
        };
        assert_eq!(supervise_then(Instant::now(), more, move || receiver.recv().unwrap(), || ()), Ok(7));
        let (_keep, never) = mpsc::channel::<()>();
        let work = move || never.recv().is_ok();
        let result = supervise_then(Instant::now(), || Some(Duration::from_millis(1)), work, || ());
        assert_eq!(result, Err(Interrupted::TimedOut));
    }
}
