//! What f5-guard promises about its speed: ratios of cases of the same run.

use crate::cases::{LARGE_OUTPUT, name};
use crate::report::Report;
use crate::stage::{ROUND_TRIP, SLOW_SCAN};

/// A figure and the bound that it must not exceed.
struct Target {
    what: &'static str,
    figure: f64,
    bound: f64,
    unit: &'static str,
}

/// Prints every target that can be judged; `false` where one is missed.
pub fn print(report: &Report) -> bool {
    let targets = targets(report);
    println!("\n| target | figure | bound | |\n|---|--:|--:|---|");
    for Target { what, figure, bound, unit } in &targets {
        let met = if figure <= bound { "met" } else { "MISSED" };
        println!("| {what} | {figure:.2} {unit} | {bound:.2} {unit} | {met} |");
    }
    targets.iter().all(|target| target.figure <= target.bound)
}

fn targets(report: &Report) -> Vec<Target> {
    let median = |name: &str| report.case(name).map(|case| case.median_ms);
    let cleared = median(name::CLEARED);
    let milliseconds = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
    let target = |what, figure: Option<f64>, bound: Option<f64>, unit| {
        Some(Target { what, figure: figure?, bound: bound?, unit })
    };
    // A piece has 50,000 characters, of which 512 are the piece's before it; eight go at once.
    let pieces = (LARGE_OUTPUT - 4096).div_ceil(50_000 - 4096);
    let scans = milliseconds(SLOW_SCAN) * pieces.div_ceil(8) as f64;
    let floor = median(name::VERSION).zip(median(name::BARE_CLIENT));
    [
        target(
            "cleared hook: 2.5 × --version, or --version + bare client + 1.5 ms",
            cleared,
            floor.map(|(version, client)| (2.5 * version).max(version + client + 1.5)),
            "ms",
        ),
        target(
            "cleared hook: a thirtieth of Python",
            cleared,
            median(name::PYTHON).map(|ms| ms / 30.0),
            "ms",
        ),
        target(
            "cold hook at 50 ms: 3 round trips + 5 ms",
            median(name::FAR),
            Some(milliseconds(ROUND_TRIP) * 3.0 + 5.0),
            "ms",
        ),
        target(
            "1 MB: 1.15 × (pieces / 8) scans + connection",
            median(name::LARGE),
            cleared.map(|connection| 1.15 * scans + connection),
            "ms",
        ),
        target(
            "1 MB: peak memory",
            report.case(name::LARGE).and_then(|case| Some(case.peak_bytes? as f64 / 1e6)),
            Some(30.0),
            "MB",
        ),
        target("binary", Some(report.binary_bytes as f64 / 1e6), Some(6.8), "MB"),
    ]
    .into_iter()
    .flatten()
    .collect()
}
