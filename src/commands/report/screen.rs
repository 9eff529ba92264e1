//! The report for a terminal of 80 columns, without a legend to look up.

use std::fmt::Write;

use anstyle::Style;

use super::latency::Percentiles;
use super::summary::{Cause, Decisions, Named, Observed, Summary, Tally, minute};
use crate::commands::coverage;
use crate::printable::{counted, printable, wrapped};
use crate::terminal::{BOLD, GREEN, Paint, RED, WIDTH, YELLOW};

/// Columns of a name.
const NAME: usize = 22;
/// Columns of the longest bar.
const BAR: usize = 30;
/// So many rows of one kind are shown; `--json` has all.
const ROWS: usize = 12;

/// `words` says which period it is.
pub fn render(summary: &Summary, words: &str, paint: Paint) -> String {
    let mut out = String::new();
    // Writing to a string never fails.
    let _ = Screen { out: &mut out, paint }.report(summary, words);
    out
}

struct Screen<'a> {
    out: &'a mut String,
    paint: Paint,
}

impl Screen<'_> {
    fn report(&mut self, summary: &Summary, words: &str) -> std::fmt::Result {
        let title = self.paint.word("F5 AI Guardrails", BOLD);
        writeln!(self.out, "{title}: {words}, until {} UTC", minute(&summary.until))?;
        if let Some(session) = &summary.session {
            writeln!(self.out, "Session {session}")?;
        }
        let all = &summary.all;
        if all.calls == 0 {
            let log = printable(&summary.log, 200);
            let of = if summary.session.is_some() { " of that session" } else { "" };
            writeln!(self.out, "\nNo call of a hook{of} in that time.")?;
            match summary.files {
                0 => writeln!(self.out, "There is no log yet: {log}")?,
                _ => writeln!(self.out, "Read: {log}")?,
            }
            return self.unreadable(summary);
        }
        let sessions = if summary.session.is_some() {
            String::new()
        } else {
            format!(" in {}", counted(summary.sessions, "session"))
        };
        writeln!(self.out, "\n{}{sessions}", counted(all.calls, "call"))?;
        self.decisions(all)?;
        self.observed(&all.observed)?;
        self.table("By event", &summary.events)?;
        self.table("By tool", &summary.tools)?;
        self.scanners(&summary.scanners)?;
        self.causes(&summary.not_scanned)?;
        self.coverage(summary)?;
        self.outages(summary)?;
        self.latency(summary)?;
        self.days(summary)?;
        self.unreadable(summary)
    }

    fn coverage(&mut self, summary: &Summary) -> std::fmt::Result {
        let Some(coverage) = summary.coverage.as_ref().filter(|coverage| coverage.all.texts > 0) else {
            return Ok(());
        };
        self.heading("Coverage", "")?;
        writeln!(self.out, "  {}", wrapped(&coverage::sentence(coverage), WIDTH, 2))?;
        writeln!(self.out, "  `f5-guard coverage` says why.")
    }

    fn heading(&mut self, text: &str, columns: &str) -> std::fmt::Result {
        let heading = self.paint.word(text, BOLD);
        let gap = (NAME + 2).saturating_sub(text.chars().count());
        writeln!(self.out, "\n{heading}{}{columns}", " ".repeat(gap))
    }

    fn bar(&self, style: Style, value: u64, most: u64) -> String {
        self.paint.word(&bar(value, most, BAR), style)
    }

    fn decisions(&mut self, all: &Tally) -> std::fmt::Result {
        let decisions = &all.decisions;
        let unscanned = all.outcomes.not_scanned;
        let rows = [
            ("went ahead", decisions.allow, GREEN),
            ("went ahead, with a warning", decisions.warn, YELLOW),
            ("masked", decisions.mask, YELLOW),
            ("refused", decisions.refused(), RED),
            ("other", decisions.other, YELLOW),
        ];
        let is_shown = |name: &str, count: u64| count > 0 || !matches!(name, "other" | "masked");
        for (name, count, code) in rows.into_iter().filter(|(name, count, _)| is_shown(name, *count)) {
            let bar = self.bar(code, count, all.calls);
            let percent = percent(count, all.calls);
            writeln!(self.out, "  {name:<26}{count:>7} {percent:>7}  {bar}")?;
        }
        let percent = percent(unscanned, all.calls);
        let bar = self.bar(RED, unscanned, all.calls);
        writeln!(self.out, "  {:<26}{unscanned:>7} {percent:>7}  {bar}", "not scanned (among these)")
    }

    fn observed(&mut self, observed: &Observed) -> std::fmt::Result {
        if observed.is_none() {
            return Ok(());
        }
        let calls = counted(observed.calls, "call");
        let loud = self.paint.word(&format!("ONLY OBSERVED: {calls} went ahead whatever was found"), YELLOW);
        writeln!(self.out, "\n{loud} (enforcement observe)")?;
        writeln!(self.out, "  {:<26}{:>10}{:>12}", "would have been", "by block", "by project")?;
        for (name, block, project) in observed.rows() {
            writeln!(self.out, "  {name:<26}{block:>10}{project:>12}")?;
        }
        Ok(())
    }

    fn table(&mut self, heading: &str, rows: &[Named<Tally>]) -> std::fmt::Result {
        if rows.is_empty() {
            return Ok(());
        }
        self.heading(heading, "  calls  cleared  objected  not scanned  blank  refused")?;
        for Named { name, value } in rows.iter().take(ROWS) {
            let outcomes = &value.outcomes;
            writeln!(
                self.out,
                "  {:<NAME$}{:>7}{:>9}{:>10}{:>13}{:>7}{:>9}",
                cut(name),
                value.calls,
                outcomes.cleared,
                outcomes.objections(),
                outcomes.not_scanned,
                outcomes.blank,
                value.decisions.refused(),
            )?;
        }
        self.more(rows.len())
    }

    fn more(&mut self, rows: usize) -> std::fmt::Result {
        match rows.saturating_sub(ROWS) {
            0 => Ok(()),
            more => writeln!(self.out, "  and {more} more (--json has them all)"),
        }
    }

    fn scanners(&mut self, rows: &[Named<Tally>]) -> std::fmt::Result {
        let Some(most) = rows.first().map(|row| row.value.calls) else { return Ok(()) };
        let observed = rows.iter().any(|row| !row.value.observed.is_none());
        let more = if observed { "  by block  by project" } else { "" };
        self.heading("Scanners that objected", &format!("  calls  refused{more}"))?;
        for Named { name, value } in rows.iter().take(ROWS) {
            let bar = self.bar(RED, value.calls, most);
            let stopped = |decisions: &Decisions| decisions.refused() + decisions.mask;
            let refused = stopped(&value.decisions);
            // What would have been refused or masked where it was only observed.
            let would = if observed {
                let of = &value.observed;
                format!("{:>10}{:>12}", stopped(&of.block), stopped(&of.project))
            } else {
                String::new()
            };
            writeln!(self.out, "  {:<NAME$}{:>7}{refused:>9}{would}  {bar}", cut(name), value.calls)?;
        }
        self.more(rows.len())
    }

    fn causes(&mut self, rows: &[Named<Cause>]) -> std::fmt::Result {
        if rows.is_empty() {
            return Ok(());
        }
        self.heading("Not scanned, and why", "  calls  went ahead  refused")?;
        for Named { name, value } in rows.iter().take(ROWS) {
            let (ahead, refused) = (value.went_ahead, value.refused);
            writeln!(self.out, "  {:<NAME$}{:>7}{ahead:>12}{refused:>9}", cut(name), value.calls)?;
            if let Some(error) = &value.error {
                writeln!(self.out, "    {}", printable(error, 75))?;
            }
        }
        self.more(rows.len())
    }

    fn outages(&mut self, summary: &Summary) -> std::fmt::Result {
        if summary.outages.is_empty() {
            return Ok(());
        }
        self.heading("Outages: no scan worked", "    lasted  calls  went ahead  refused  cause")?;
        for outage in summary.outages.iter().rev().take(ROWS) {
            let lasted = if outage.goes_on { "goes on".to_owned() } else { duration(outage.seconds) };
            writeln!(
                self.out,
                "  {:<NAME$}{lasted:>11}{:>7}{:>12}{:>9}  {}",
                minute(&outage.from),
                outage.calls,
                outage.went_ahead,
                outage.refused,
                printable(&outage.cause, 14),
            )?;
        }
        let listed = u64::try_from(summary.outages.len().min(ROWS)).unwrap_or(u64::MAX);
        let all = u64::try_from(summary.outages.len()).unwrap_or(u64::MAX) + summary.more_outages;
        match all - listed {
            0 => Ok(()),
            more => writeln!(self.out, "  and {more} before"),
        }
    }

    fn latency(&mut self, summary: &Summary) -> std::fmt::Result {
        let latency = &summary.latency;
        let Some(total) = latency.total else { return Ok(()) };
        self.heading("Time of a call, in ms", "  calls  half within  95 % within  99 % within")?;
        let rows =
            [("in total", Some(total)), ("network", latency.network), ("the service", latency.service)];
        for (name, percentiles) in rows {
            match percentiles {
                Some(Percentiles { calls, p50, p95, p99 }) => {
                    writeln!(self.out, "  {name:<NAME$}{calls:>7}{p50:>13}{p95:>13}{p99:>13}")?;
                }
                None => writeln!(self.out, "  {name:<NAME$}{:>7}  not measured", 0)?,
            }
        }
        Ok(())
    }

    fn days(&mut self, summary: &Summary) -> std::fmt::Result {
        let Some(most) = summary.days.iter().map(|day| day.tally.calls).max() else { return Ok(()) };
        self.heading("By day, in UTC", "  calls  refused  not scanned  95 % within")?;
        let first = summary.days.len().saturating_sub(31);
        for day in summary.days.iter().skip(first) {
            let tally = &day.tally;
            let (refused, unscanned) = (tally.decisions.refused(), tally.outcomes.not_scanned);
            let time = day.latency.total.map_or_else(|| "–".to_owned(), |total| format!("{} ms", total.p95));
            let bar = self.paint.word(&bar(tally.calls, most, 12), GREEN);
            writeln!(
                self.out,
                "  {:<10} {bar}{}{:>7}{refused:>9}{unscanned:>13}{time:>13}",
                day.day,
                " ".repeat(13_usize.saturating_sub(self::bar(tally.calls, most, 12).chars().count())),
                tally.calls,
            )?;
        }
        match first {
            0 => Ok(()),
            more => writeln!(self.out, "  and {} before", counted(more, "day")),
        }
    }

    fn unreadable(&mut self, summary: &Summary) -> std::fmt::Result {
        match summary.unreadable_lines {
            0 => Ok(()),
            lines => writeln!(
                self.out,
                "\n{} of the log could not be read and are not counted.",
                counted(lines, "line")
            ),
        }
    }
}

/// Eighths of a column; something that is there is seen.
fn bar(value: u64, most: u64, columns: usize) -> String {
    let eighths = (value.min(most) as f64 / most.max(1) as f64 * (columns * 8) as f64).round() as usize;
    let eighths = if value > 0 { eighths.max(1) } else { 0 };
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"].get(eighths % 8).copied().unwrap_or_default();
    "█".repeat(eighths / 8) + rest
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", part as f64 / whole.max(1) as f64 * 100.0)
}

fn cut(name: &str) -> String {
    printable(name, NAME - 1)
}

fn duration(seconds: u64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::super::counter::tests::{call, failed, summary};
    use super::*;
    use crate::logging::ScannerLine;
    use crate::logging::read::Entry;

    fn some_calls() -> Vec<Entry> {
        let mut entries: Vec<Entry> = (0..40).map(|second| call(second, "allow", "cleared")).collect();
        let mut flagged = call(50, "deny", "flagged");
        flagged.line.scanners =
            vec![ScannerLine { scanner_type: "prompt_injection".to_owned(), message: None }];
        (flagged.line.first_byte_ms, flagged.line.service_ms, flagged.line.pieces) =
            (Some(290), Some(200), Some(1));
        entries.push(flagged);
        entries.extend([failed(60, "warn", "network"), failed(200, "deny", "network")]);
        entries.push(call(300, "allow", "blank"));
        entries
    }

    #[test]
    fn the_screen_says_what_was_counted() {
        let shown = render(&summary(&some_calls()), "the last day", Paint::off());
        assert_eq!(shown, include_str!("screen.golden.txt"), "{shown}");
    }

    #[test]
    fn no_line_is_wider_than_80_columns_whatever_the_names_are() {
        let mut entries = some_calls();
        for entry in &mut entries {
            entry.line.tool = Some("mcp__a_server_with_a_name__a_tool_with_a_longer_one".to_owned());
            entry.line.cause = entry.line.cause.take().map(|_| "c".repeat(200));
            entry.line.error = entry.line.error.take().map(|_| "word ".repeat(300));
            for scanner in &mut entry.line.scanners {
                scanner.scanner_type = "x".repeat(200);
            }
        }
        let shown = render(&summary(&entries), "the last 4 weeks", Paint::off());
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let summary = summary(&some_calls());
        let coloured = render(&summary, "the last day", Paint::on());
        assert!(coloured.contains("\u{1b}[31m"));
        let mut plain = coloured;
        for code in ["32", "33", "31", "1", "0"] {
            plain = plain.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(plain, render(&summary, "the last day", Paint::off()));
    }

    #[test]
    fn a_bar_shows_what_is_there_and_no_more() {
        assert_eq!(
            (bar(0, 10, 4), bar(1, 1_000_000, 4), bar(10, 10, 4)),
            (String::new(), "▏".to_owned(), "████".to_owned())
        );
        assert_eq!(bar(u64::MAX, u64::MAX, 4), "████");
        assert_eq!(bar(5, 0, 4), "▏");
    }

    #[test]
    fn a_hundred_percent_stay_in_their_column() {
        let shown = render(&summary(&[call(0, "allow", "cleared")]), "the last day", Paint::off());
        let columns: Vec<usize> = shown.lines().filter_map(|line| line.find('%')).take(4).collect();
        assert!(shown.contains("100.0 %") && columns.iter().all(|column| *column == columns[0]), "{shown}");
    }

    #[test]
    fn without_a_call_it_says_so() {
        let shown = render(&summary(&[]), "the last hour", Paint::off());
        assert!(shown.contains("No call of a hook in that time."), "{shown}");
    }
}
