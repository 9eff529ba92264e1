//! Coverage for a terminal of 80 columns.

use std::fmt::Write;

use super::count::Coverage;
use crate::printable::{counted, wrapped};
use crate::terminal::{BOLD, Paint, WIDTH};
use crate::transcript::source::kind_in_words;

/// In one sentence.
pub fn sentence(coverage: &Coverage) -> String {
    let all = &coverage.all;
    match coverage.percent {
        None => "The model was given no text in these sessions.".to_owned(),
        Some(percent) => format!(
            "Of {} that the model got, {percent} % were scanned before it got them, {} at the next prompt or tool, \
             and {} never.",
            counted(all.texts, "text"),
            all.later,
            all.never
        ),
    }
}

pub fn render(coverage: &Coverage, paint: Paint) -> String {
    let mut out = String::new();
    // Writing to a string never fails.
    let _ = write(&mut out, coverage, paint);
    out
}

fn write(out: &mut String, coverage: &Coverage, paint: Paint) -> std::fmt::Result {
    let title = paint.word("F5 AI Guardrails: coverage", BOLD);
    writeln!(
        out,
        "{title} of {}, {}\n",
        counted(coverage.sessions, "session"),
        counted(coverage.files, "file")
    )?;
    writeln!(out, "{}", wrapped(&sentence(coverage), WIDTH, 0))?;
    if coverage.unreadable > 0 {
        writeln!(out, "{} could not be read whole.", counted(coverage.unreadable, "file"))?;
    }
    if !coverage.kinds.is_empty() {
        let heading = paint.word("What", BOLD);
        writeln!(out, "\n{heading}                        texts  before  later  never")?;
    }
    for row in &coverage.kinds {
        let tally = row.tally;
        let kind = kind_in_words(&row.kind);
        writeln!(
            out,
            "  {kind:<24}{:>7}{:>8}{:>7}{:>7}",
            tally.texts, tally.before, tally.later, tally.never
        )?;
    }
    if !coverage.reasons.is_empty() {
        let heading = paint.word("Why not before", BOLD);
        writeln!(out, "\n{heading}                                            later  never")?;
    }
    for reason in &coverage.reasons {
        writeln!(out, "  {}", reason.reason)?;
        writeln!(out, "  {:>56}{:>7}{:>7}", "", reason.later, reason.never)?;
    }
    Ok(())
}
