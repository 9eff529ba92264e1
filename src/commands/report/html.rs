//! The report as one page: inline SVG and styles, for light and dark, nothing loaded from anywhere, no script.

mod drawings;

use std::fmt::Write;

use drawings::{bar, calls_by_day, latency_by_day};

use super::latency::Percentiles;
use super::summary::{Cause, Named, Observed, Summary, Tally, minute};
use crate::commands::coverage;
use crate::printable::counted;

/// Rows of a table.
const ROWS: usize = 50;
const HEAD: &str = include_str!("page.head.html");

/// The whole document.
pub fn render(summary: &Summary) -> String {
    let mut page = String::from(HEAD);
    // Writing to a string never fails.
    let _ = body(&mut page, summary);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// Text from the log, as text.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn body(page: &mut String, summary: &Summary) -> std::fmt::Result {
    let all = &summary.all;
    writeln!(page, "<h1>F5 AI Guardrails: what the hooks decided</h1>")?;
    let session = summary.session.as_deref().map(|id| format!(", session <code>{}</code>", escaped(id)));
    writeln!(
        page,
        "<p>{} to {} (UTC){}. From the log of f5-guard {}.</p>",
        escaped(&minute(&summary.from)),
        escaped(&minute(&summary.until)),
        session.unwrap_or_default(),
        summary.version,
    )?;
    tiles(page, summary)?;
    observed(page, &all.observed)?;
    if all.calls > 0 {
        writeln!(page, "<h2>By day</h2>")?;
        calls_by_day(page, &summary.days)?;
        latency_by_day(page, &summary.days)?;
        latency(page, summary)?;
        tallies(page, "By event", &summary.events)?;
        tallies(page, "By tool", &summary.tools)?;
        scanners(page, &summary.scanners)?;
        causes(page, &summary.not_scanned)?;
        outages(page, summary)?;
    }
    if let Some(coverage) = summary.coverage.as_ref().filter(|coverage| coverage.all.texts > 0) {
        writeln!(page, "<h2>Coverage</h2>\n<p>{}</p>", escaped(&coverage::sentence(coverage)))?;
    }
    if summary.unreadable_lines > 0 {
        writeln!(
            page,
            "<p>{} of the log could not be read and are not counted.</p>",
            counted(summary.unreadable_lines, "line")
        )?;
    }
    Ok(())
}

fn tiles(page: &mut String, summary: &Summary) -> std::fmt::Result {
    let all = &summary.all;
    let (decisions, outcomes) = (&all.decisions, &all.outcomes);
    writeln!(page, "<div class=\"tiles\">")?;
    for (kind, number, words) in [
        ("", all.calls, "calls of hooks"),
        ("", summary.sessions as u64, "sessions"),
        ("ok", decisions.allow, "went ahead"),
        ("warn", decisions.warn, "went ahead, with a warning"),
        ("warn", decisions.mask, "masked"),
        ("bad", decisions.refused(), "refused"),
        ("off", outcomes.not_scanned, "not scanned"),
    ]
    .into_iter()
    .filter(|(_, number, words)| *number > 0 || *words != "masked")
    {
        writeln!(page, "<div class=\"tile {kind}\"><b>{number}</b><span>{words}</span></div>")?;
    }
    writeln!(page, "</div>")
}

fn observed(page: &mut String, observed: &Observed) -> std::fmt::Result {
    if observed.is_none() {
        return Ok(());
    }
    writeln!(
        page,
        "<h2>Only observed</h2>\n<p><b>{} went ahead whatever was found</b> (enforcement observe).</p>\n<table><tr><th>would have been</th><th>by block</th><th>by project</th></tr>",
        counted(observed.calls, "call")
    )?;
    for (name, block, project) in observed.rows() {
        writeln!(page, "<tr><td>{name}</td><td>{block}</td><td>{project}</td></tr>")?;
    }
    writeln!(page, "</table>")
}

fn latency(page: &mut String, summary: &Summary) -> std::fmt::Result {
    let latency = &summary.latency;
    writeln!(
        page,
        "<h2>Time of a call</h2>\n<table><tr><th>in milliseconds</th><th>calls</th><th>half within</th><th>95 % within</th><th>99 % within</th></tr>"
    )?;
    for (name, percentiles) in
        [("in total", latency.total), ("network", latency.network), ("the service itself", latency.service)]
    {
        match percentiles {
            Some(Percentiles { calls, p50, p95, p99 }) => writeln!(
                page,
                "<tr><td>{name}</td><td>{calls}</td><td>{p50}</td><td>{p95}</td><td>{p99}</td></tr>"
            )?,
            None => writeln!(page, "<tr><td>{name}</td><td>0</td><td colspan=\"3\">not measured</td></tr>")?,
        }
    }
    writeln!(page, "</table>")
}

fn tallies(page: &mut String, heading: &str, rows: &[Named<Tally>]) -> std::fmt::Result {
    let Some(most) = rows.first().map(|row| row.value.calls) else { return Ok(()) };
    writeln!(
        page,
        "<h2>{heading}</h2>\n<table><tr><th></th><th></th><th>calls</th><th>cleared</th><th>objected</th><th>not scanned</th><th>blank</th><th>with a warning</th><th>refused</th></tr>"
    )?;
    for Named { name, value } in rows.iter().take(ROWS) {
        write!(page, "<tr><td>{}</td>", escaped(name))?;
        bar(page, "ok", value.calls, most)?;
        let (outcomes, decisions) = (&value.outcomes, &value.decisions);
        writeln!(
            page,
            "<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            value.calls,
            outcomes.cleared,
            outcomes.objections(),
            outcomes.not_scanned,
            outcomes.blank,
            decisions.warn,
            decisions.refused(),
        )?;
    }
    writeln!(page, "</table>")?;
    more(page, rows.len())
}

fn scanners(page: &mut String, rows: &[Named<Tally>]) -> std::fmt::Result {
    let Some(most) = rows.first().map(|row| row.value.calls) else { return Ok(()) };
    writeln!(
        page,
        "<h2>Scanners that objected</h2>\n<table><tr><th></th><th></th><th>calls</th><th>with a warning</th><th>refused</th></tr>"
    )?;
    for Named { name, value } in rows.iter().take(ROWS) {
        write!(page, "<tr><td>{}</td>", escaped(name))?;
        bar(page, "bad", value.calls, most)?;
        let decisions = &value.decisions;
        writeln!(
            page,
            "<td>{}</td><td>{}</td><td>{}</td></tr>",
            value.calls,
            decisions.warn,
            decisions.refused()
        )?;
    }
    writeln!(page, "</table>")?;
    more(page, rows.len())
}

fn more(page: &mut String, rows: usize) -> std::fmt::Result {
    match rows.saturating_sub(ROWS) {
        0 => Ok(()),
        more => writeln!(page, "<p>and {more} more</p>"),
    }
}

fn causes(page: &mut String, rows: &[Named<Cause>]) -> std::fmt::Result {
    let Some(most) = rows.first().map(|row| row.value.calls) else { return Ok(()) };
    writeln!(
        page,
        "<h2>Not scanned, and why</h2>\n<table><tr><th></th><th></th><th>calls</th><th>went ahead</th><th>refused</th><th>last</th><th class=\"words\">in words</th></tr>"
    )?;
    for Named { name, value } in rows.iter().take(ROWS) {
        write!(page, "<tr><td>{}</td>", escaped(name))?;
        bar(page, "off", value.calls, most)?;
        writeln!(
            page,
            "<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"words\">{}</td></tr>",
            value.calls,
            value.went_ahead,
            value.refused,
            escaped(&minute(&value.last)),
            escaped(value.error.as_deref().unwrap_or_default()),
        )?;
    }
    writeln!(page, "</table>")?;
    more(page, rows.len())
}

fn outages(page: &mut String, summary: &Summary) -> std::fmt::Result {
    if summary.outages.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "<h2>Outages</h2>\n<p>Two calls or more in a row for which no scan worked.</p>\n<table><tr><th>from</th><th>to</th><th>seconds</th><th>calls</th><th>went ahead</th><th>refused</th><th>cause</th></tr>"
    )?;
    for outage in summary.outages.iter().rev() {
        let until = if outage.goes_on { "goes on".to_owned() } else { escaped(&minute(&outage.until)) };
        writeln!(
            page,
            "<tr><td>{}</td><td>{until}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&minute(&outage.from)),
            outage.seconds,
            outage.calls,
            outage.went_ahead,
            outage.refused,
            escaped(&outage.cause),
        )?;
    }
    writeln!(page, "</table>")?;
    match summary.more_outages {
        0 => Ok(()),
        more => writeln!(page, "<p>and {more} before</p>"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::counter::tests::{call, failed, summary};
    use super::*;
    use crate::logging::ScannerLine;

    fn page_with(text: &str) -> String {
        let mut entries = vec![call(1, "deny", "flagged"), failed(2, "warn", text), failed(3, "deny", text)];
        for entry in &mut entries {
            entry.line.tool = Some(text.to_owned());
            entry.line.event = text.to_owned();
            entry.line.error = Some(text.to_owned());
            entry.line.timestamp = text.to_owned();
            entry.line.scanners = vec![ScannerLine { scanner_type: text.to_owned(), message: None }];
        }
        render(&summary(&entries))
    }

    #[test]
    fn the_page_loads_nothing_and_runs_nothing() {
        let page = page_with("x");
        for word in ["http:", "https:", "<script", "<link", "<img", "@import", "url(", "src=", "href="] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(page.contains("default-src 'none'") && page.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn html_in_a_line_is_text_on_the_page() {
        let page = page_with("</td><script>alert(1)</script>\"'&");
        assert!(
            !page.contains("<script>")
                && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;")
        );
    }

    proptest! {
        #[test]
        fn no_text_adds_an_element(text in "[-<>&\"'/a-z= ü]{0,40}") {
            let tags = |page: &str| page.matches('<').count();
            prop_assert_eq!(tags(&page_with(&text)), tags(&page_with("x")));
        }
    }
}
