//! Two runs of the benchmark, side by side.

use std::path::Path;

use crate::Outcome;
use crate::cases::name;
use crate::report::Report;

/// Prints each case's median now against the one in `file`, and the same in units of a process that does nothing,
/// which takes out how fast the machine was at the time.
pub fn print(now: &Report, file: &Path) -> Outcome<()> {
    let before = Report::read(file)?;
    let unit = |report: &Report| report.case(name::NOTHING).map(|case| case.median_ms);
    let units = unit(now).zip(unit(&before));
    println!("\ncompared with {} (f5-guard {}, {})\n", file.display(), before.version, before.system);
    println!("| case | before ms | now ms | ratio | ratio, machine taken out |\n|---|--:|--:|--:|--:|");
    for case in &now.cases {
        let Some(old) = before.case(&case.name) else { continue };
        let ratio = case.median_ms / old.median_ms;
        let adjusted = units.map_or("–".into(), |(now, before)| format!("{:.2}", ratio * before / now));
        println!(
            "| {} | {:.2} | {:.2} | {ratio:.2} | {adjusted} |",
            case.name, old.median_ms, case.median_ms
        );
    }
    Ok(())
}
