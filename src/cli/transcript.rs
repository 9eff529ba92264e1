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
