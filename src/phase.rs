//! Tells in the log, at `debug`, how long each phase of a call took: one line a phase, with its name and its
//! milliseconds. docs/performance.md explains the phases.

use std::time::{Duration, Instant};

/// Logs that `phase` has just ended.
pub fn ended(phase: &'static str, begun: Instant) {
    took(phase, begun.elapsed());
}

/// Logs how long `phase` took.
pub fn took(phase: &'static str, time: Duration) {
    tracing::debug!(phase, ms = milliseconds(time));
}

/// Whole microseconds, as milliseconds.
fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}
