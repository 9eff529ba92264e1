//! The options of `allow-text` and `coverage`.

use clap::Args;

/// Options of `allow-text`.
#[derive(Debug, Clone, Args)]
pub struct AllowTextArgs {
    /// What the refusal named
    #[arg(value_name = "HASH")]
    pub hash: String,
    /// Scan that text again from now on
    #[arg(long)]
    pub remove: bool,
}

// Laid out by hand for terminals of 80 columns.
pub const ALLOW_TEXT_HELP: &str = "\
For a false alarm about AGENTS.md, a skill or another text that a refusal names
with a HASH: exactly that text counts as cleared from now on, in every session
of yours. Any other text is scanned as before, and so is this one where an
administrator registered the hooks without --allowed-texts on.

Exit code: 0 done, 1 refused, or it could not be kept.";

/// Options of `coverage`.
#[derive(Debug, Clone, Args)]
pub struct CoverageArgs {
    /// One session only, by Codex's id, or the last one
    #[arg(long, value_name = "ID|last")]
    pub session: Option<String>,
    /// Write one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// Exit with 1 where less than this was scanned before the model was given it
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub require: Option<f64>,
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').trim().parse::<f64>().ok();
    number
        .filter(|number| (0.0..=100.0).contains(number))
        .ok_or_else(|| "it is not a number from 0 to 100".to_owned())
}

pub const COVERAGE_HELP: &str = "\
Counts the texts in the session files of this user ($CODEX_HOME/sessions)
against what the hooks noted. Users can change both files: it is no proof
against them.

Exit code: 0 counted, 1 less than --require asks for, 2 it could not be found
out.";
