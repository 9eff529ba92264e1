//! The options of `completions` and `man`.

use std::path::PathBuf;

use clap::Args;

/// Options of `completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell that completes
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Options of `man`.
#[derive(Debug, Clone, Default, Args)]
pub struct ManArgs {
    /// Write the page, and one for each subcommand, to files in this folder instead of stdout
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
}
