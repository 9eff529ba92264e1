//! The options of `install` and `uninstall`.

use std::path::PathBuf;

use clap::Args;

use crate::installation::{Format, Scope};
use crate::registration::PrintFormat;
use crate::settings::{Enforced, Words};

/// Which installation.
#[derive(Debug, Clone, Default, Args)]
pub struct Target {
    /// Who to install for [default: user; on Windows system]
    #[arg(long, value_enum)]
    pub scope: Option<Scope>,
    /// The repository of `--scope project` [default: the one around the current folder]
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Folder of the binary of `--scope system` [default: /opt/f5-guard; on Windows %ProgramData%\f5-guard]
    #[arg(long, value_name = "FOLDER")]
    pub managed_dir: Option<PathBuf>,
    /// Show what would change in every file, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `install`. A bare `--post-strict` in front of DIR must not take it for its value.
#[derive(Debug, Clone, Default, Args)]
#[command(
    mut_arg("post_strict", |arg| Words::TRUE_FALSE.strict()(arg).require_equals(true)),
    mut_arg("fail_mode", Words::FAIL_MODE.strict()),
    mut_arg("outage_memory", Words::ON_OFF.strict()),
    mut_arg("log", Words::ON_OFF.strict())
)]
pub struct InstallArgs {
    #[command(flatten)]
    pub target: Target,
    /// The Codex to ask about trust [default: CODEX_CLI_PATH, else the one on PATH or in a common place]
    #[arg(long, value_name = "FILE")]
    pub codex: Option<PathBuf>,
    /// Trust the five hooks without asking
    #[arg(long, conflicts_with = "no_trust")]
    pub trust: bool,
    /// Don't ask, and leave the hooks untrusted
    #[arg(long)]
    pub no_trust: bool,
    /// Keep the variables that hold tokens from the commands that the model runs: [shell_environment_policy] exclude
    /// of your config.toml
    #[arg(long, conflicts_with = "no_hide_token")]
    pub hide_token: bool,
    /// Don't ask, and leave those variables as they are
    #[arg(long)]
    pub no_hide_token: bool,
    /// Don't try a scan at the end
    #[arg(long)]
    pub skip_smoketest: bool,
    /// With `--scope user`: copy the binary and register nothing, for hooks that a repository registers
    #[arg(long, conflicts_with_all = ["trust", "hide_token", "require_protected", "print"])]
    pub binary_only: bool,
    /// Exit with 1 unless the last lines say PROTECTED
    #[arg(long)]
    pub require_protected: bool,
    /// Stop Codex's background server without asking: its sessions end, and later ones get these hooks
    #[arg(long)]
    pub restart_codex: bool,
    /// With `--scope user`: register even if the machine has managed hooks; everything is then scanned twice
    #[arg(long)]
    pub also_user: bool,
    /// With `--scope project`: keep the options that the repository's registration carries
    #[arg(long, help_heading = "Registration")]
    pub keep_options: bool,
    /// Which tools are scanned: a regular expression, as Codex reads it [default: .*]
    #[arg(long, value_name = "REGEX", help_heading = "Registration")]
    pub matcher: Option<String>,
    /// The file to register in [default: where the folder already keeps hooks, else config.toml]
    #[arg(long, value_enum, help_heading = "Registration")]
    pub format: Option<Format>,
    /// Write the registration to stdout and change nothing
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Registration")]
    pub print: Option<PrintFormat>,
    /// With `--print`: for Windows alone, as `command`
    #[arg(long, requires = "print", help_heading = "Registration")]
    pub for_windows: bool,
    /// What the registered commands carry.
    #[command(
        flatten,
        next_help_heading = "Enforcement (part of the registered commands; wins over the environment)"
    )]
    pub enforced: Enforced,
}

/// Options of `uninstall`.
#[derive(Debug, Clone, Default, Args)]
pub struct UninstallArgs {
    #[command(flatten)]
    pub target: Target,
    /// Accepted as for `install`, and ignored: no Codex is asked
    #[arg(long, value_name = "FILE")]
    pub codex: Option<PathBuf>,
    /// Also remove every token that you stored with `f5-guard login`
    #[arg(long)]
    pub purge: bool,
}
