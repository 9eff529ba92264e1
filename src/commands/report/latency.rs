//! How long calls took: percentiles of milliseconds, exact up to a minute, in little memory however many there are.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::logging::DecisionLine;

/// Longer times are counted in whole seconds, and none is longer than an hour, whatever a line says.
const EXACT: u64 = 60_000;
const LONGEST: u64 = 3_600_000;

/// How often each time was seen.
#[derive(Debug, Clone, Default)]
pub struct Times(BTreeMap<u64, u64>);

/// Half, 95 and 99 of 100 of the calls took at most so many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// How many calls have such a time.
    pub calls: u64,
    pub p50: u64,
    pub p95: u64,
    pub p99: u64,
}

impl Times {
    pub fn add(&mut self, milliseconds: u64) {
        let time = match milliseconds.min(LONGEST) {
            exact @ ..EXACT => exact,
            long => long / 1000 * 1000,
        };
        *self.0.entry(time).or_default() += 1;
    }

    /// None where no time was seen.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let calls: u64 = self.0.values().sum();
        let last = *self.0.keys().next_back()?;
        // The nearest rank: the least time that so many of the calls did not exceed.
        let at_most = |percent: u64| {
            let rank = (calls * percent).div_ceil(100);
            let mut seen = 0;
            let found = self.0.iter().find(|(_, count)| {
                seen += *count;
                seen >= rank
            });
            found.map_or(last, |(time, _)| *time)
        };
        Some(Percentiles { calls, p50: at_most(50), p95: at_most(95), p99: at_most(99) })
    }
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Latency {
    /// From the start of the hook to its answer.
    pub total: Option<Percentiles>,
    /// Until the first byte of the service's answer, without the service's own time.
    pub network: Option<Percentiles>,
    /// The service's own time.
    pub service: Option<Percentiles>,
}

/// The times of calls, whole and in parts.
#[derive(Debug, Clone, Default)]
pub struct AllTimes {
    total: Times,
    network: Times,
    service: Times,
}

impl AllTimes {
    pub fn add(&mut self, line: &DecisionLine) {
        if line.outcome == "blank" {
            return; // no service was asked
        }
        self.total.add(line.duration_ms);
        if let Some(service) = line.service_ms {
            self.service.add(service);
        }
        // Where the text went out in pieces, neither time is that of one way there and back.
        if let (Some(first_byte), Some(service), Some(1)) = (line.first_byte_ms, line.service_ms, line.pieces)
        {
            if let Some(network) = first_byte.checked_sub(service) {
                self.network.add(network);
            }
        }
    }

    pub fn latency(&self) -> Latency {
        Latency {
            total: self.total.percentiles(),
            network: self.network.percentiles(),
            service: self.service.percentiles(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::report::counter::tests::{call, summary};

    #[test]
    fn percentiles_are_times_that_were_seen() {
        let mut times = Times::default();
        assert_eq!(times.percentiles(), None);
        times.add(7);
        assert_eq!(times.percentiles(), Some(Percentiles { calls: 1, p50: 7, p95: 7, p99: 7 }));
        let mut times = Times::default();
        (1..=100).rev().for_each(|time| times.add(time));
        assert_eq!(times.percentiles(), Some(Percentiles { calls: 100, p50: 50, p95: 95, p99: 99 }));
    }

    #[test]
    fn huge_times_take_no_memory() {
        let mut times = Times::default();
        (0..1_000_000).for_each(|number| times.add(u64::MAX - number * 1_000_003));
        assert_eq!(times.percentiles().unwrap().p50, LONGEST);
        assert_eq!(times.0.len(), 1);
    }

    #[test]
    fn the_network_is_what_the_service_did_not_take() {
        let mut one = call(1, "allow", "cleared");
        (one.line.first_byte_ms, one.line.service_ms, one.line.pieces) = (Some(290), Some(200), Some(1));
        let mut many = one.clone();
        many.line.pieces = Some(3);
        let mut impossible = one.clone();
        impossible.line.service_ms = Some(5_000);
        let summary = summary(&[one, many, impossible]);
        let network = summary.latency.network.unwrap();
        assert_eq!((network.calls, network.p50), (1, 90));
        assert_eq!(summary.latency.service.unwrap().calls, 3);
        assert_eq!(summary.latency.total.unwrap().p99, 300);
    }
}
