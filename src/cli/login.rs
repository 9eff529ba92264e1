//! The options of `login` and `logout`.

use std::ffi::OsString;

use clap::Args;

/// Options of `login`.
#[derive(Debug, Clone, Default, Args)]
pub struct LoginArgs {
    #[command(flatten)]
    pub service: TokenService,
    /// Say where the token comes from and whether it works; change nothing
    #[arg(long, conflicts_with_all = ["file", "stdin", "no_verify"])]
    pub status: bool,
    /// Read the token from stdin instead of asking for it
    #[arg(long)]
    pub stdin: bool,
    /// Keep the token in a file that only you can read, where there is no secret store
    #[arg(long)]
    pub file: bool,
    /// Store the token without trying it
    #[arg(long)]
    pub no_verify: bool,
}

/// Options of `logout`.
#[derive(Debug, Clone, Default, Args)]
pub struct LogoutArgs {
    /// The administrator's token for `dump-config`, instead of the one for scans
    #[arg(long)]
    pub global: bool,
    /// Address of the F5 service, with or without /backend/v1 [default: that of the registered hooks]
    #[arg(long, value_name = "URL")]
    pub base_url: Option<OsString>,
}

/// Which token is meant, and the service that it is for.
#[derive(Debug, Clone, Default, Args)]
pub struct TokenService {
    /// The administrator's token for `dump-config`, instead of the one for scans
    #[arg(long)]
    pub global: bool,
    /// Address of the F5 service, with or without /backend/v1 [default: that of the registered hooks]
    #[arg(long, value_name = "URL")]
    pub base_url: Option<OsString>,
    /// F5 project to try the token with: uuid or friendly id
    #[arg(long, value_name = "ID")]
    pub project_id: Option<OsString>,
    /// PEM file with the only root certificates to trust
    #[arg(long, value_name = "FILE")]
    pub ca_bundle: Option<OsString>,
}

/// Laid out by hand for terminals of 80 columns.
pub const LOGIN_HELP: &str = "\
The token is kept for one address, in the macOS Keychain, the Windows Credential
Manager, or the Secret Service of the Linux desktop; with --file in
~/.config/f5-guard/tokens.json (Windows: %APPDATA%\\f5-guard\\tokens.json).
Hooks take the first of: the file of a registered --token-file,
F5_GUARDRAILS_API_TOKEN, the file in F5_GUARDRAILS_API_TOKEN_FILE, the stored
token.

Exit code: 0 stored (with --status: the token works), 1 not.";
