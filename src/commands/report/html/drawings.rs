//! The drawings of the page: what happened day by day, and the bars of its tables.

use std::fmt::Write;

use super::escaped;
use crate::commands::report::latency::Percentiles;
use crate::commands::report::summary::Day;
use crate::printable::counted;

/// The drawing of the days: its size, and what is left for words below and at the left.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 200.0;
const BELOW: f64 = 22.0;
const LEFT: f64 = 52.0;

/// Where a day is, from the left, and how wide.
fn column(index: usize, days: usize) -> (f64, f64) {
    let width = (WIDTH - LEFT) / days.max(1) as f64;
    (LEFT + width * index as f64, width)
}

fn axis(page: &mut String, most: u64, unit: &str, days: &[Day]) -> std::fmt::Result {
    let bottom = HEIGHT - BELOW;
    for (part, value) in [(0.0, 0), (0.5, most / 2), (1.0, most)] {
        let y = bottom - (bottom - 10.0) * part;
        writeln!(
            page,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{value}{unit}</text>",
            LEFT - 6.0,
            y + 4.0,
        )?;
    }
    // Not more than a dozen dates, so that they have room.
    let step = days.len().div_ceil(12).max(1);
    for (index, day) in days.iter().enumerate().step_by(step) {
        let (x, width) = column(index, days.len());
        let date = day.day.get(5..).unwrap_or(&day.day);
        writeln!(
            page,
            "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>",
            x + width / 2.0,
            HEIGHT - 6.0,
            escaped(date)
        )?;
    }
    Ok(())
}

pub fn calls_by_day(page: &mut String, days: &[Day]) -> std::fmt::Result {
    let most = days.iter().map(|day| day.tally.calls).max().unwrap_or(0).max(1);
    writeln!(
        page,
        "<figure><figcaption>Calls: <i class=\"ok\"></i> went ahead <i class=\"warn\"></i> with a warning <i class=\"bad\"></i> refused</figcaption>"
    )?;
    writeln!(page, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Calls by day\">")?;
    axis(page, most, "", days)?;
    let bottom = HEIGHT - BELOW;
    for (index, day) in days.iter().enumerate() {
        let (x, width) = column(index, days.len());
        let decisions = &day.tally.decisions;
        let mut y = bottom;
        let parts = [
            ("ok", decisions.allow),
            ("warn", decisions.warn + decisions.other),
            ("bad", decisions.refused()),
        ];
        writeln!(
            page,
            "<g><title>{}: {}, {} with a warning, {} refused, {} not scanned</title>",
            escaped(&day.day),
            counted(day.tally.calls, "call"),
            decisions.warn,
            decisions.refused(),
            day.tally.outcomes.not_scanned,
        )?;
        for (kind, count) in parts.into_iter().filter(|(_, count)| *count > 0) {
            // What is there is seen.
            let height = ((bottom - 10.0) * count as f64 / most as f64).max(1.5);
            y -= height;
            let bar = (width * 0.7).min(60.0);
            writeln!(
                page,
                "<rect class=\"{kind}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{bar:.1}\" height=\"{height:.1}\"/>",
                x + (width - bar) / 2.0,
            )?;
        }
        writeln!(page, "</g>")?;
    }
    writeln!(page, "</svg></figure>")
}

pub fn latency_by_day(page: &mut String, days: &[Day]) -> std::fmt::Result {
    let times = |day: &Day| day.latency.total;
    let Some(most) = days.iter().filter_map(times).map(|total| total.p99).max() else { return Ok(()) };
    let most = most.max(1);
    writeln!(
        page,
        "<figure><figcaption>How long a call took: <i class=\"p50\"></i> half of them at most <i class=\"p95\"></i> 95 of 100 at most <i class=\"p99\"></i> 99 of 100 at most</figcaption>"
    )?;
    writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Milliseconds of a call by day\">"
    )?;
    axis(page, most, " ms", days)?;
    let bottom = HEIGHT - BELOW;
    for kind in ["p50", "p95", "p99"] {
        let of = |total: &Percentiles| match kind {
            "p50" => total.p50,
            "p95" => total.p95,
            _ => total.p99,
        };
        let points: Vec<(f64, f64)> = days
            .iter()
            .enumerate()
            .filter_map(|(index, day)| {
                let (x, width) = column(index, days.len());
                let part = of(&times(day)?) as f64 / most as f64;
                Some((x + width / 2.0, bottom - (bottom - 10.0) * part))
            })
            .collect();
        let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        writeln!(page, "<polyline class=\"{kind}\" points=\"{}\"/>", line.join(" "))?;
        for (x, y) in points {
            writeln!(page, "<circle class=\"{kind}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>")?;
        }
    }
    writeln!(page, "</svg></figure>")
}

/// A bar in a cell.
pub fn bar(page: &mut String, kind: &str, value: u64, most: u64) -> std::fmt::Result {
    let width = 120.0 * value as f64 / most.max(1) as f64;
    let width = if value > 0 { width.max(1.5) } else { 0.0 };
    write!(
        page,
        "<td class=\"bar\"><svg viewBox=\"0 0 120 12\" width=\"120\" height=\"12\" aria-hidden=\"true\"><rect class=\"{kind}\" width=\"{width:.1}\" height=\"12\"/></svg></td>"
    )
}
