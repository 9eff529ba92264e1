//! The command line: structs for clap, no behaviour.

mod evidence;
mod install;
mod login;
mod overview;
mod reference;
mod transcript;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::event::Event;
use crate::settings::Enforced;

pub use evidence::{ReportArgs, WhyArgs};
pub use install::{InstallArgs, Target, UninstallArgs};
pub use login::{LoginArgs, LogoutArgs, TokenService};
pub use overview::{parse, short_help};
pub use reference::{CompletionsArgs, ManArgs};
pub use transcript::{AllowTextArgs, CoverageArgs};

/// Puts F5 AI Guardrails between OpenAI Codex and your machine.
#[derive(Debug, Parser)]
#[command(
    name = "f5-guard",
    version,
    about,
    after_help = ENVIRONMENT,
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Store your API token, and check that it works
    #[command(after_help = login::LOGIN_HELP)]
    Login(LoginArgs),
    /// Install f5-guard, register it with Codex, and check that you are protected
    #[command(after_help = INSTALL_HELP)]
    Install(InstallArgs),
    /// Prove that Codex runs the hooks and obeys them, or show what to fix
    #[command(after_help = DOCTOR_HELP)]
    Doctor(DoctorArgs),
    /// Count what was refused, what was not scanned, and what it cost
    #[command(after_help = evidence::REPORT_HELP)]
    Report(ReportArgs),
    /// Explain the last refusal, warning or missing scan
    #[command(after_help = evidence::WHY_HELP)]
    Why(WhyArgs),
    /// Count how much of what the model got was scanned, and when
    #[command(after_help = transcript::COVERAGE_HELP)]
    Coverage(CoverageArgs),
    /// Allow an AGENTS.md, a skill or another such text that was refused by mistake, by its hash
    #[command(after_help = transcript::ALLOW_TEXT_HELP)]
    AllowText(AllowTextArgs),
    /// Scan a greeting with the hooks' settings, and show step by step what works
    #[command(after_help = SMOKETEST_HELP)]
    Smoketest(SmoketestArgs),
    /// Remove the hooks, their trust and the binary
    Uninstall(UninstallArgs),
    /// Remove a stored token
    Logout(LogoutArgs),
    /// Export the service's configuration for support, without its secrets
    #[command(after_help = DUMP_HELP)]
    DumpConfig(DumpConfigArgs),
    /// Print a shell's completion script
    Completions(CompletionsArgs),
    /// Print the manual page, or write all pages to a folder
    Man(ManArgs),
    /// Scan the user's prompt
    #[command(after_help = HOOK_HELP)]
    UserPromptSubmit(Enforced),
    /// Scan a tool's input before it runs
    #[command(after_help = HOOK_HELP)]
    PreToolUse(Enforced),
    /// Scan a tool's output
    #[command(after_help = HOOK_HELP)]
    PostToolUse(Enforced),
    /// Scan the final answer of the agent or of a sub-agent
    #[command(after_help = HOOK_HELP)]
    Stop(Enforced),
}

/// Options of `dump-config`.
#[derive(Debug, Clone, Args)]
pub struct DumpConfigArgs {
    /// Address of the F5 service, with or without /backend/v1
    #[arg(long, value_name = "URL")]
    pub base_url: Option<OsString>,
    /// The file to write, which only you may read; - for stdout
    #[arg(long, value_name = "FILE", default_value = "f5_guardrails_config_dump.redacted.json")]
    pub output: PathBuf,
    /// Also tell of this project which providers it has added, may use and has enabled; may be given again
    #[arg(long, value_name = "NAME|ID|FRIENDLY_ID")]
    pub project: Vec<String>,
}

/// Options of `doctor`.
#[derive(Debug, Clone, Default, Args)]
pub struct DoctorArgs {
    /// Write one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// Do not ask the F5 service for a scan
    #[arg(long)]
    pub offline: bool,
    /// Do not try the hooks in a Codex: the verdict is at most that they are registered
    #[arg(long)]
    pub no_proof: bool,
    /// Try the hooks with the settings of this profile, as `codex --profile NAME` has them
    #[arg(long, value_name = "NAME", conflicts_with = "no_proof")]
    pub profile: Option<String>,
    /// Also show settings, files and the log
    #[arg(short, long)]
    pub verbose: bool,
    /// The Codex to ask, instead of the one that is found
    #[arg(long, value_name = "FILE")]
    pub codex: Option<PathBuf>,
}

/// Options of `smoketest`: those of a registered hook command too, so that it can be tried as it is.
#[derive(Debug, Clone, Default, Args)]
pub struct SmoketestArgs {
    /// Exit with 0 also when something does not work
    #[arg(long)]
    pub no_fail: bool,
    /// Write one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub enforced: Enforced,
    /// Explain the scan, above all why TLS fails here: environment, proxy, each step, the certificates
    #[arg(long, help_heading = "Diagnostics")]
    pub tls_diagnostics: bool,
    /// Diagnose this host instead of the base URL's
    #[arg(long, value_name = "HOST", requires = "tls_diagnostics", help_heading = "Diagnostics")]
    pub tls_host: Option<String>,
    /// Diagnose this port instead of the base URL's
    #[arg(long, value_name = "PORT", requires = "tls_diagnostics", help_heading = "Diagnostics")]
    pub tls_port: Option<u16>,
    /// Show each HTTP exchange; with =body the bodies too. Tokens and cookies are left out
    #[arg(
        long,
        value_name = "WHAT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "heads",
        help_heading = "Diagnostics"
    )]
    pub verbose_http: Option<VerboseHttp>,
}

/// How much of an HTTP exchange is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VerboseHttp {
    Heads,
    Body,
}

/// The hook that a command line calls, where it is in order; anything else is for [`Cli`] to accept or refuse.
///
/// Codex calls hooks twice for every tool call, and setting up the options of all the other subcommands would take
/// longer than most of what they do.
pub fn hook_line(args: &[OsString]) -> Option<(Event, Enforced)> {
    let [_, subcommand, words @ ..] = args else { return None };
    let event = hook_event(subcommand.to_str()?)?;
    Some((event, Enforced::parse(words).ok()?))
}

/// The event that a hook subcommand's name stands for: for `stop` the agent's own.
pub fn hook_event(subcommand: &str) -> Option<Event> {
    Event::ALL.into_iter().find(|event| event.subcommand() == subcommand)
}

// The texts below are laid out by hand for terminals of 80 columns.

const HOOK_HELP: &str = "\
Codex runs this with a payload on stdin; `f5-guard install` registers it, and
`f5-guard uninstall` removes it. A value that can't be used is no error here: it
is treated as the safe one. For the variables see `f5-guard --help`.";

const SMOKETEST_HELP: &str = "\
Exit code: 0 everything works, 1 something does not. For the variables see
`f5-guard --help`.";

const DUMP_HELP: &str = "\
The token is the first of: F5_GLOBAL_API_TOKEN, the one that `f5-guard login
--global` stored, F5_GUARDRAILS_API_TOKEN, CALYPSOAI_TOKEN. Without --base-url
and F5_GUARDRAILS_BASE_URL the service is https://us1.calypsoai.app.

Exit code: 0 complete, 1 nothing written, 2 something could not be read (the
file says what). For the variables see `f5-guard --help`.";

const INSTALL_HELP: &str = "\
Run again, it keeps what the registered commands enforce, unless the option is
given with another value. Of a repository's registration it keeps that only
where you agree, on the terminal or with --keep-options.

Exit code: 0 registered (the last lines say whether you are protected),
1 nothing was registered; with --require-protected also 1 where they don't say
PROTECTED.";

const DOCTOR_HELP: &str = "\
Run it in the folder and with the environment that Codex is started in. It
sends one harmless sentence through a Codex of its own to each hook, which has
to block it, and has the hook scan one greeting. It changes no file of yours.

Exit code: 0 protected, 1 not protected, 2 it could not be found out.

NO_COLOR is honoured. For the variables see `f5-guard --help`.";

const ENVIRONMENT: &str = "\
Environment:
  F5_GUARDRAILS_API_TOKEN    token of the F5 project; without it the one in the
                             next file, or the one that login stored
  F5_GUARDRAILS_API_TOKEN_FILE
                             file with the token, which nobody else can write to
  F5_GUARDRAILS_BASE_URL     address of the service
                             [https://www.us1.calypsoai.app]
  F5_GUARDRAILS_PROJECT_ID   project: uuid or friendly id
  F5_GUARDRAILS_TIMEOUT      seconds for one whole scan, 0.1 to 3600 [10]
  F5_GUARDRAILS_FAIL_MODE    open or closed: what happens to unscanned content
                             [open]
  F5_GUARDRAILS_ENFORCEMENT  block, project or observe: who decides on a hit;
                             only where no option is registered [block]
  F5_GUARDRAILS_POST_STRICT  true withholds flagged tool output [false]
  F5_GUARDRAILS_MAX_SCAN_LENGTH
                             characters in one request, 1000 to 2000000; longer
                             content is sent in pieces [50000]
  F5_GUARDRAILS_OUTAGE_MEMORY
                             on or off: whether an outage that one hook met
                             spares the next ones the wait [on]
  F5_GUARDRAILS_TRANSCRIPT   on or off: whether AGENTS.md and what else the
                             model gets without a hook is scanned, too [on]
  F5_GUARDRAILS_ALLOW_HTTP   true accepts http:// for hosts other than this
                             machine [false]
  F5_GUARDRAILS_CA_BUNDLE    PEM file with root certificates; then
                             REQUESTS_CA_BUNDLE, SSL_CERT_FILE, CURL_CA_BUNDLE
                             are tried
  F5_GUARDRAILS_USE_SYSTEM_CERT_STORE
                             auto, true or false (built-in Mozilla roots) [auto]
  F5_GUARDRAILS_CLIENT_CERT, F5_GUARDRAILS_CLIENT_KEY
                             client certificate and key (PEM) for mutual TLS
  F5_GUARDRAILS_LOG_LEVEL    off, error, warn, info, debug, trace: lines besides
                             the one for each call [warn]
  F5_GUARDRAILS_LOG_FILE     absolute path, for JSON lines; off disables, where
                             --log says nothing
                             [$CODEX_HOME/logs/f5_guardrails.log]
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY (also in lower case),
  SSL_CERT_DIR, SSLKEYLOGFILE, CODEX_HOME
                             as usual

Defaults are in brackets. An empty variable is treated as unset.";

#[cfg(test)]
mod tests;
