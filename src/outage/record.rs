//! One outage: what is remembered of it, and what follows from that for the next hook.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::key::TextDigest;
use super::sign::Sign;
use crate::clock::milliseconds;

/// How long nothing goes to the network after the first failed try, the second, and so on; the last one counts for all
/// that follow.
const WAITS: [Duration; 4] =
    [Duration::from_secs(15), Duration::from_secs(30), Duration::from_secs(60), LONGEST_WAIT];
/// After so long a service that is back is asked again, whatever the clock does.
pub const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// No claim holds longer: the scan of a hook with a very long timeout must not keep the others waiting, nor must a clock
/// that was put back.
const LONGEST_CLAIM: Duration = Duration::from_secs(60);
/// A record that nobody has renewed for so long says nothing any more.
const STALE: Duration = Duration::from_secs(10 * 60);
/// A clock that is put right goes back by less than this; a record from further ahead is one from the future.
const CLOCK_STEP: Duration = Duration::from_secs(2);

/// A time of the wall clock, the only one that processes share on every system. In milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(u64);

/// The hook that claimed a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClaimId(u64);

/// What is remembered of one outage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Of the first failure; together with the key it is the outage's name.
    pub since: Moment,
    /// Of the last one.
    pub noted: Moment,
    pub cause: Cause,
    /// The text that failed last, where it may have caused that itself.
    text: Option<TextDigest>,
    /// Failed tries in a row that count for the wait.
    failures: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum State {
    /// One text alone got no answer, or a gateway's error.
    Suspected,
    Waiting {
        next_try: Moment,
    },
    Tried {
        by: ClaimId,
        until: Moment,
    },
}

/// What a hook does that has a text to scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Scan as always.
    Scan,
    /// The next try is due: claim it.
    Claim,
    /// Another hook tries: wait for what comes of it.
    Wait,
    /// Do not go to the network; the next try comes after this time.
    Skip(Duration),
}

impl Moment {
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(milliseconds(since))
    }

    pub fn as_millis(self) -> u64 {
        self.0
    }

    pub fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(milliseconds(time)))
    }

    /// The time from `earlier` until now; none where that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Whether it lies ahead by more than a clock is put right.
    pub fn is_in_the_future_of(self, now: Self) -> bool {
        self.since(now) > CLOCK_STEP
    }

    #[cfg(test)]
    pub(super) const fn at(milliseconds: u64) -> Self {
        Self(milliseconds)
    }
}

impl ClaimId {
    pub fn random() -> Self {
        Self(fastrand::u64(..))
    }
}

impl Record {
    fn new(cause: Cause, text: Option<TextDigest>, now: Moment) -> Self {
        Self { since: now, noted: now, cause, text, failures: 0, state: State::Suspected }
    }

    /// Whether it can still be relied on; where not, it counts as none.
    pub fn counts(&self, now: Moment) -> bool {
        let next_try = match self.state {
            State::Waiting { next_try } => next_try,
            State::Suspected | State::Tried { .. } => self.noted,
        };
        self.since <= self.noted
            && !self.noted.is_in_the_future_of(now)
            && now.since(self.noted) <= STALE
            && next_try <= self.noted.plus(LONGEST_WAIT)
    }

    pub fn advice(&self, now: Moment) -> Advice {
        match self.state {
            _ if !self.counts(now) => Advice::Scan,
            State::Suspected => Advice::Scan,
            State::Waiting { next_try } if now < next_try => Advice::Skip(next_try.since(now)),
            State::Tried { until, .. } if now < until && until.since(now) <= LONGEST_CLAIM => Advice::Wait,
            State::Waiting { .. } | State::Tried { .. } => Advice::Claim,
        }
    }

    /// Claims the try that is due, for as long as the hook may take. Whether it was due.
    pub fn claim(&mut self, by: ClaimId, time: Duration, now: Moment) -> bool {
        let due = self.advice(now) == Advice::Claim;
        if due {
            self.state = State::Tried { by, until: now.plus(time.min(LONGEST_CLAIM)) };
        }
        due
    }

    /// Whether this hook tries.
    pub fn is_claimed_by(&self, id: ClaimId) -> bool {
        matches!(self.state, State::Tried { by, .. } if by == id)
    }

    /// The time until the next try; `None` where no hook waits for one.
    pub fn next_try(&self, now: Moment) -> Option<Duration> {
        match self.advice(now) {
            Advice::Skip(time) => Some(time),
            Advice::Claim | Advice::Wait => Some(Duration::ZERO),
            Advice::Scan => None,
        }
    }

    /// Another failed try.
    fn failed(self, cause: Cause, text: Option<TextDigest>, now: Moment) -> Self {
        let index = usize::try_from(self.failures).unwrap_or(usize::MAX);
        let wait = WAITS.get(index).copied().unwrap_or(LONGEST_WAIT);
        Self {
            noted: now,
            cause,
            text,
            failures: self.failures.saturating_add(1),
            state: State::Waiting { next_try: now.plus(wait) },
            // A clock that was put right in between.
            since: self.since.min(now),
        }
    }

    /// A try that said nothing: the next hook tries. Nor is the record any younger.
    fn tried_in_vain(self) -> Self {
        match self.state {
            State::Suspected => self,
            State::Waiting { .. } | State::Tried { .. } => {
                Self { state: State::Waiting { next_try: self.noted }, ..self }
            }
        }
    }
}

/// What is remembered once a hook has tried. `claim` is what it had claimed the try with, if it had.
pub fn conclude(known: Option<Record>, claim: Option<ClaimId>, sign: Sign, now: Moment) -> Option<Record> {
    let known = known.filter(|record| record.counts(now));
    let Some(record) = known else {
        return match sign {
            Sign::Down(cause) => Some(Record::new(cause, None, now).failed(cause, None, now)),
            Sign::Suspect { cause, text } => Some(Record::new(cause, Some(text), now)),
            Sign::Answers | Sign::NoAnswer | Sign::Unclear => None,
        };
    };
    // A hook that was at it before somebody else took the try over, or when the outage was found, adds nothing.
    let counts = match (record.state, claim) {
        (State::Suspected, _) => true,
        (State::Tried { by, .. }, Some(claim)) => by == claim,
        (State::Waiting { .. } | State::Tried { .. }, _) => false,
    };
    match sign {
        Sign::Answers => None,
        _ if !counts => Some(record),
        Sign::Down(cause) => Some(record.failed(cause, None, now)),
        // Two in a row, and of two texts: what one text alone gets, that text may have caused.
        Sign::Suspect { text, .. } if record.text == Some(text) => Some(record.tried_in_vain()),
        Sign::Suspect { cause, text } if record.text.is_some() => Some(record.failed(cause, Some(text), now)),
        Sign::Suspect { cause, text } => Some(Record {
            noted: now,
            cause,
            text: Some(text),
            state: State::Suspected,
            since: record.since.min(now),
            failures: record.failures,
        }),
        // Whatever it was, it was not one more in a row.
        Sign::Unclear if record.text.is_some() => None,
        Sign::NoAnswer | Sign::Unclear => Some(record.tried_in_vain()),
    }
}

#[cfg(test)]
mod tests;
