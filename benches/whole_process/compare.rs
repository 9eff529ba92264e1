//! Two sets of figures, side by side.

use crate::cases::name;
use crate::report::Report;

/// Prints each case's median now against the one in `before`, and the same in units of a process that does
/// nothing, which takes out how fast the machine was at the time.
pub fn print(now: &Report, before: &Report, source: &str) {
    let unit = |report: &Report| report.case(name::NOTHING).map(|case| case.median_ms);
    let units = unit(now).zip(unit(before));
    println!("\ncompared with {source} (f5-guard {}, {})\n", before.version, before.system);
    println!("| case | before ms | now ms | ratio | ratio, machine taken out | min before | min now |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for case in &now.cases {
        let Some(old) = before.case(&case.name) else { continue };
        let ratio = case.median_ms / old.median_ms;
        let adjusted = units.map_or("–".into(), |(now, before)| format!("{:.2}", ratio * before / now));
        println!(
            "| {} | {:.2} | {:.2} | {ratio:.2} | {adjusted} | {:.2} | {:.2} |",
            case.name, old.median_ms, case.median_ms, old.min_ms, case.min_ms
        );
    }
}
