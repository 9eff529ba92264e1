//! The options of `report` and `why`.

use std::path::PathBuf;

use clap::Args;

/// Options of `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// How far back: 30m, 12h, 7d or 4w, or since a day such as 2026-11-19 (UTC)
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub since: String,
    /// One session only, by Codex's id, or the last one
    #[arg(long, value_name = "ID|last")]
    pub session: Option<String>,
    /// Write one JSON object instead of text
    #[arg(long, conflicts_with = "html")]
    pub json: bool,
    /// Write a page to this file, which only you may read; it loads nothing
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Options of `why`.
#[derive(Debug, Clone, Args)]
pub struct WhyArgs {
    /// The id of a scan, as a refusal names it, or the last refusal or masking
    #[arg(value_name = "SCAN_ID|last", default_value = "last")]
    pub which: String,
    /// Show the last NUMBER calls that did not simply go ahead: missing scans and hits, too
    #[arg(short = 'n', value_name = "NUMBER", conflicts_with = "which", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub number: Option<u16>,
    /// Write a text for the security team. It holds no scanned content
    #[arg(long)]
    pub report: bool,
}

// Laid out by hand for terminals of 80 columns.
pub const REPORT_HELP: &str = "\
The figures come from the log of the hooks of this user ($CODEX_HOME/logs, or
F5_GUARDRAILS_LOG_FILE), and the four older files next to it. NO_COLOR is
honoured.

Exit code: 0 also where there were no calls, 1 the log is unreadable, or the
page was not written.";

pub const WHY_HELP: &str = "\
Without an argument: the last call that was refused, withheld or masked, and
how many went ahead since then without a scan or with a hit. If none was, the
last of those. Read from the log, as `f5-guard report`.

Exit code: 0 found, 1 nothing found, or the log is unreadable.";
