//! Time that cannot be turned back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Now, by two clocks: that of the wall can be set back, that of the machine's uptime begins anew at each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Milliseconds since 1970.
    wall: u64,
    /// Milliseconds since the machine was started, the same for every process.
    uptime: u64,
}

impl Moment {
    #[must_use]
    pub fn now() -> Option<Self> {
        let wall = milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).ok()?)?;
        Some(Self { wall, uptime: milliseconds(platform::uptime()?)? })
    }

    #[cfg(test)]
    pub(super) fn at(wall: u64, uptime: u64) -> Self {
        Self { wall, uptime }
    }

    /// Whether `now` is no earlier, and at most `limit` later, by either clock.
    #[must_use]
    pub fn is_within(self, limit: Duration, now: Self) -> bool {
        let Some(limit) = milliseconds(limit) else { return false };
        let within = |then: u64, now: u64| now.checked_sub(then).is_some_and(|passed| passed <= limit);
        within(self.wall, now.wall) && within(self.uptime, now.uptime)
    }
}

fn milliseconds(time: Duration) -> Option<u64> {
    u64::try_from(time.as_millis()).ok()
}

#[cfg(unix)]
mod platform {
    use std::time::Duration;

    use nix::time::{ClockId, clock_gettime};

    pub fn uptime() -> Option<Duration> {
        clock_gettime(ClockId::CLOCK_MONOTONIC).ok().map(Duration::from)
    }
}

#[cfg(windows)]
mod platform {
    use std::time::Duration;

    #[allow(clippy::unnecessary_wraps, reason = "the other systems can fail")]
    pub fn uptime() -> Option<Duration> {
        Some(crate::windows::api::uptime())
    }
}
