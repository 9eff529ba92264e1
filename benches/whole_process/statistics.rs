//! From single runs to the figures of a case.

use serde::{Deserialize, Serialize};

use crate::process::Run;

/// The figures of one case. Times are in milliseconds, memory is in bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figures {
    pub name: String,
    pub runs: usize,
    pub min_ms: f64,
    pub median_ms: f64,
    pub p95_ms: f64,
    /// Median of user plus system time.
    pub cpu_ms: Option<f64>,
    /// The largest of all runs.
    pub peak_bytes: Option<u64>,
}

impl Figures {
    /// `None` where there was no run.
    pub fn of(name: &str, runs: &[Run]) -> Option<Self> {
        let milliseconds = |durations: Vec<f64>| {
            let mut sorted = durations;
            sorted.sort_by(f64::total_cmp);
            sorted
        };
        let wall = milliseconds(runs.iter().map(|run| run.wall.as_secs_f64() * 1e3).collect());
        let cpu = milliseconds(runs.iter().filter_map(|run| Some(run.cpu?.as_secs_f64() * 1e3)).collect());
        Some(Self {
            name: name.to_owned(),
            runs: runs.len(),
            min_ms: *wall.first()?,
            median_ms: median(&wall)?,
            p95_ms: percentile(&wall, 95)?,
            cpu_ms: median(&cpu),
            peak_bytes: runs.iter().filter_map(|run| run.peak).max(),
        })
    }
}

/// The middle of sorted values, or the mean of the two in the middle.
pub fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// The smallest of the sorted values that `percent` of them do not exceed (nearest rank).
fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    sorted.get((sorted.len() * percent).div_ceil(100).checked_sub(1)?).copied()
}
