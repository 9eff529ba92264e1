//! The options of `install` and `uninstall`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::ServiceArgs;
use crate::installation;
use crate::registration;
use crate::settings::Overrides;

/// For whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// This user's Codex ($CODEX_HOME)
    User,
    /// One repository ([DIR]/.codex), for everybody who works in it
    Project,
    /// Everybody on this machine, as managed hooks that need no trust; root or Administrator only
    System,
}

/// The file that the hooks are registered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// config.toml
    Toml,
    /// hooks.json
    Json,
}

/// What `--print` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Print {
    ConfigToml,
    HooksJson,
    /// Also what the cloud's Policies page takes
    RequirementsToml,
    /// The value of the macOS key com.openai.codex:requirements_toml_base64
    MdmBase64,
}

/// Which installation.
#[derive(Debug, Clone, Default, Args)]
pub struct Target {
    /// For whom [default: user; on Windows system]
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

/// Options of `install`.
#[derive(Debug, Clone, Default, Args)]
pub struct InstallArgs {
    #[command(flatten)]
    pub target: Target,
    /// The Codex to ask about trust [default: CODEX_CLI_PATH, else the one on PATH or in a usual place]
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
    /// With `--scope user`: register although the machine has managed hooks. Everything is scanned twice then
    #[arg(long)]
    pub also_user: bool,
    /// With `--scope project`: keep the options that the repository's registration carries
    #[arg(long, help_heading = "Registration")]
    pub keep_options: bool,
    /// Which tools are scanned, a regular expression of Codex [default: .*]
    #[arg(long, value_name = "REGEX", help_heading = "Registration")]
    pub matcher: Option<String>,
    /// The file to register in [default: where the folder already keeps hooks, else config.toml]
    #[arg(long, value_enum, help_heading = "Registration")]
    pub format: Option<Format>,
    /// Write the registration to stdout and change nothing
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Registration")]
    pub print: Option<Print>,
    /// With `--print`: for Windows alone, as `command`
    #[arg(long, requires = "print", help_heading = "Registration")]
    pub for_windows: bool,
    #[command(flatten)]
    pub enforced: Enforced,
}

/// What the registered commands carry, and so no variable of a user can change.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Enforcement (stands in the registered commands, wins over the environment)")]
pub struct Enforced {
    /// What happens to content that could not be scanned: open (it goes ahead) or closed (it is blocked)
    #[arg(long, value_name = "MODE")]
    pub fail_mode: Option<OsString>,
    /// Withhold flagged tool output instead of warning about it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub post_strict: Option<OsString>,
    #[command(flatten)]
    pub service: ServiceArgs,
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

impl From<Scope> for installation::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::User => Self::User,
            Scope::Project => Self::Project,
            Scope::System => Self::System,
        }
    }
}

impl From<Format> for installation::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Toml => Self::Toml,
            Format::Json => Self::Json,
        }
    }
}

impl From<Print> for registration::PrintFormat {
    fn from(print: Print) -> Self {
        match print {
            Print::ConfigToml => Self::ConfigToml,
            Print::HooksJson => Self::HooksJson,
            Print::RequirementsToml => Self::RequirementsToml,
            Print::MdmBase64 => Self::MdmBase64,
        }
    }
}

impl From<&Enforced> for Overrides {
    fn from(args: &Enforced) -> Self {
        Self {
            fail_mode: args.fail_mode.clone(),
            post_strict: args.post_strict.clone(),
            ..args.service.clone().into()
        }
    }
}
