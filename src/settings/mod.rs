//! Settings: flags and environment variables, read once into one typed value.
//!
//! Nothing here touches files or the network, and nothing fails: a text that can't be used falls back to a
//! safe value and leaves a problem to be told. What needs the value (a token, a URL, a certificate) reports
//! its own error when it is used.

mod base_url;
mod setting;
pub mod values;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub use base_url::{BaseUrl, BaseUrlError, PlainHttp, is_loopback_host};
pub use setting::{Env, Given, Setting, Source};
use values::{FailMode, FlaggedOutput, LogLevel, SystemStore};

use crate::codex::System;
use crate::codex::home::CodexHome;
use crate::secret::Secret;

/// Where scans go when nobody says otherwise.
pub const DEFAULT_BASE_URL: &str = "https://www.us1.calypsoai.app";
/// Seconds for one whole scan.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout that `install` registers with Codex.
pub const DEFAULT_HOOK_TIMEOUT: Duration = Duration::from_secs(15);
/// Characters in one scan request.
pub const DEFAULT_MAX_SCAN_LENGTH: usize = 50_000;

/// The time from the end of a scan, at the latest, to its answer.
pub const ANSWER_TIME: Duration = Duration::from_millis(100);

/// What a registered command enforces. Each is `None` where the flag was not given; a flag wins over the
/// environment, so that a user's variables can't weaken what an administrator registered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    pub fail_mode: Option<OsString>,
    pub base_url: Option<OsString>,
    pub project_id: Option<OsString>,
    pub post_strict: Option<OsString>,
    pub timeout: Option<OsString>,
    pub ca_bundle: Option<OsString>,
    pub token_file: Option<OsString>,
    /// The timeout that the hook is registered with, in seconds.
    pub hook_timeout: Option<OsString>,
}

/// Everything that a scan and its answer depend on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The token of the environment. Where there is none, [`crate::token::complete`] looks further.
    pub api_token: Setting<Option<Secret>>,
    /// A file with the token. Where a registered command names one, no variable has a say.
    pub token_file: Setting<Option<PathBuf>>,
    pub base_url: Setting<Result<BaseUrl, BaseUrlError>>,
    pub plain_http: Setting<PlainHttp>,
    pub project_id: Setting<Option<String>>,
    /// The user's wish for one whole scan; the hook's own timeout may cut it, see [`Settings::budget`].
    pub timeout: Setting<Duration>,
    pub hook_timeout: Setting<Duration>,
    pub fail_mode: Setting<FailMode>,
    pub flagged_output: Setting<FlaggedOutput>,
    pub max_scan_length: Setting<usize>,
    pub tls: TlsSettings,
    pub log: LogSettings,
}

/// Trust and identity for TLS.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// CA bundles in the order in which they are tried.
    pub ca_bundles: Vec<Setting<PathBuf>>,
    pub system_store: Setting<SystemStore>,
    pub client_cert: Setting<Option<PathBuf>>,
    pub client_key: Setting<Option<PathBuf>>,
    /// Whether `SSLKEYLOGFILE` asks for the session keys to be written.
    pub key_log: bool,
}

/// Where and how much to log.
#[derive(Debug, Clone)]
pub struct LogSettings {
    pub level: Setting<LogLevel>,
    /// `None`: no file.
    pub file: Setting<Option<PathBuf>>,
}

/// The part of the time budget that the scan may use, and whether the hook's timeout shortened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// From the start of the process to the answer.
    pub limit: Duration,
    /// The hook's registered timeout left less than `F5_GUARDRAILS_TIMEOUT`.
    pub cut_by_hook: bool,
}

impl Settings {
    /// Reads flags and environment. Never fails; see [`Settings::problems`].
    #[must_use]
    pub fn read(overrides: &Overrides, env: Env<'_>) -> Self {
        let plain_http = parsed(
            "F5_GUARDRAILS_ALLOW_HTTP",
            None,
            env,
            values::switch,
            false,
            "a switch (true or false)",
            "it counts as false",
        )
        .map(PlainHttp::from_switch);
        Self {
            api_token: match &overrides.token_file {
                Some(_) => Setting::default_value(None),
                None => text("F5_GUARDRAILS_API_TOKEN", None, env).map(|token| token.map(Secret::new)),
            },
            token_file: path(
                "F5_GUARDRAILS_API_TOKEN_FILE",
                overrides.token_file.as_ref().map(|t| ("--token-file", t)),
                env,
            ),
            base_url: base_url(overrides.base_url.as_ref(), *plain_http, env),
            plain_http,
            project_id: text(
                "F5_GUARDRAILS_PROJECT_ID",
                overrides.project_id.as_ref().map(|t| ("--project-id", t)),
                env,
            ),
            timeout: parsed(
                "F5_GUARDRAILS_TIMEOUT",
                overrides.timeout.as_ref().map(|t| ("--timeout", t)),
                env,
                values::timeout_seconds,
                DEFAULT_TIMEOUT,
                "a number of seconds from 0.1 to 3600",
                "the default of 10 s is used",
            ),
            hook_timeout: match &overrides.hook_timeout {
                Some(text) => Given { text: text.clone(), source: Source::Flag("--hook-timeout") }.parse(
                    values::hook_timeout_seconds,
                    values::shortest_hook_timeout(&text.to_string_lossy(), DEFAULT_HOOK_TIMEOUT),
                    "a whole number of seconds",
                    "its first number or the default of 15 s is used, whichever is shorter",
                ),
                None => Setting::default_value(DEFAULT_HOOK_TIMEOUT),
            },
            fail_mode: fail_mode(overrides.fail_mode.as_ref(), env),
            flagged_output: match Given::find(
                overrides.post_strict.as_ref().map(|t| ("--post-strict", t)),
                "F5_GUARDRAILS_POST_STRICT",
                env,
            ) {
                Some(given) => given
                    .parse(values::switch, true, "a switch (true or false)", "it counts as true")
                    .map(FlaggedOutput::from_strict),
                None => Setting::default_value(FlaggedOutput::Warn),
            },
            max_scan_length: parsed(
                "F5_GUARDRAILS_MAX_SCAN_LENGTH",
                None,
                env,
                values::max_scan_length,
                DEFAULT_MAX_SCAN_LENGTH,
                "a number of characters from 1000 to 2000000",
                "the default of 50000 is used",
            ),
            tls: TlsSettings::read(overrides, env),
            log: LogSettings::read(env),
        }
    }

    /// The time for one hook run: the scan timeout, and never so late that the answer, [`ANSWER_TIME`] included,
    /// comes later than 2 s (or a third, if that is less) before the hook's own timeout, because Codex takes a
    /// hook that it had to kill as "allow".
    #[must_use]
    pub fn budget(&self) -> Budget {
        let hook = *self.hook_timeout;
        let reserve = (hook / 3).min(Duration::from_secs(2));
        let most = hook.saturating_sub(reserve).saturating_sub(ANSWER_TIME);
        Budget { limit: (*self.timeout).min(most), cut_by_hook: *self.timeout > most }
    }

    /// Every sentence about a text that could not be used, for the log and for `doctor`.
    pub fn problems(&self) -> impl Iterator<Item = &str> {
        [
            &self.plain_http.problem,
            &self.timeout.problem,
            &self.hook_timeout.problem,
            &self.fail_mode.problem,
            &self.flagged_output.problem,
            &self.max_scan_length.problem,
            &self.tls.system_store.problem,
            &self.log.level.problem,
        ]
        .into_iter()
        .filter_map(|problem| problem.as_deref())
    }
}

/// The fail mode alone, for the moment when nothing else can be relied on.
#[must_use]
pub fn fail_mode(flag: Option<&OsString>, env: Env<'_>) -> Setting<FailMode> {
    match Given::find(flag.map(|t| ("--fail-mode", t)), "F5_GUARDRAILS_FAIL_MODE", env) {
        Some(given) => {
            given.parse(FailMode::parse, FailMode::Closed, "open or closed", "it counts as closed")
        }
        None => Setting::default_value(FailMode::Open),
    }
}

impl TlsSettings {
    fn read(overrides: &Overrides, env: Env<'_>) -> Self {
        // A bundle that the registered command names is the only one: falling back to a user's variable
        // would let that variable decide whom to trust.
        let ca_bundles = match &overrides.ca_bundle {
            Some(path) => {
                vec![Setting {
                    value: home_relative(path, env),
                    source: Source::Flag("--ca-bundle"),
                    problem: None,
                }]
            }
            None => ["F5_GUARDRAILS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"]
                .into_iter()
                .filter_map(|name| env_setting(name, env))
                .map(|given| Setting {
                    value: home_relative(&given.text, env),
                    source: given.source,
                    problem: None,
                })
                .collect(),
        };
        Self {
            ca_bundles,
            system_store: parsed(
                "F5_GUARDRAILS_USE_SYSTEM_CERT_STORE",
                None,
                env,
                SystemStore::parse,
                SystemStore::Auto,
                "auto, true or false",
                "auto is used",
            ),
            client_cert: path("F5_GUARDRAILS_CLIENT_CERT", None, env),
            client_key: path("F5_GUARDRAILS_CLIENT_KEY", None, env),
            key_log: env("SSLKEYLOGFILE").is_some_and(|value| !value.is_empty()),
        }
    }
}

impl LogSettings {
    fn read(env: Env<'_>) -> Self {
        let file = match env_setting("F5_GUARDRAILS_LOG_FILE", env) {
            Some(given) => Setting {
                value: match given.trimmed().and_then(values::switch) {
                    Some(false) => None,
                    _ => Some(home_relative(&given.text, env)),
                },
                source: given.source,
                problem: None,
            },
            None => Setting::default_value(log_in_codex_home(env)),
        };
        Self {
            level: parsed(
                "F5_GUARDRAILS_LOG_LEVEL",
                None,
                env,
                LogLevel::parse,
                LogLevel::Warn,
                "one of off, error, warn, info, debug, trace",
                "warn is used",
            ),
            file,
        }
    }
}

fn log_in_codex_home(env: Env<'_>) -> Option<PathBuf> {
    let home = CodexHome::find(System::this(), env).ok()?;
    Some(home.path.join("logs").join("f5_guardrails.log"))
}

fn env_setting(variable: &'static str, env: Env<'_>) -> Option<Given> {
    Given::find(None, variable, env)
}

fn parsed<T>(
    variable: &'static str,
    flag: Option<(&'static str, &OsString)>,
    env: Env<'_>,
    parse: impl FnOnce(&str) -> Option<T>,
    default: T,
    expected: &str,
    instead: &str,
) -> Setting<T> {
    match Given::find(flag, variable, env) {
        Some(given) => given.parse(parse, default, expected, instead),
        None => Setting::default_value(default),
    }
}

/// Trimmed text. What is not Unicode is kept lossily: a token or id with a replacement character in it is
/// refused where it is used, which says more than pretending that it was not set.
fn text(
    variable: &'static str,
    flag: Option<(&'static str, &OsString)>,
    env: Env<'_>,
) -> Setting<Option<String>> {
    match Given::find(flag, variable, env) {
        Some(given) => Setting {
            value: Some(given.text.to_string_lossy().trim().to_owned()).filter(|text| !text.is_empty()),
            source: given.source,
            problem: None,
        },
        None => Setting::default_value(None),
    }
}

fn path(
    variable: &'static str,
    flag: Option<(&'static str, &OsString)>,
    env: Env<'_>,
) -> Setting<Option<PathBuf>> {
    match Given::find(flag, variable, env) {
        Some(given) => {
            Setting { value: Some(home_relative(&given.text, env)), source: given.source, problem: None }
        }
        None => Setting::default_value(None),
    }
}

/// A path whose leading `~/` is the home folder: variables set outside a shell are not expanded by one.
pub(crate) fn home_relative(text: &OsString, env: Env<'_>) -> PathBuf {
    let path = PathBuf::from(text);
    match (path.strip_prefix("~"), env("HOME").or_else(|| env("USERPROFILE"))) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path,
    }
}

fn base_url(
    flag: Option<&OsString>,
    plain_http: PlainHttp,
    env: Env<'_>,
) -> Setting<Result<BaseUrl, BaseUrlError>> {
    match Given::find(flag.map(|t| ("--base-url", t)), "F5_GUARDRAILS_BASE_URL", env) {
        Some(given) => Setting {
            value: given.trimmed().ok_or(BaseUrlError::Invalid).and_then(|t| BaseUrl::parse(t, plain_http)),
            source: given.source,
            problem: None,
        },
        None => Setting::default_value(BaseUrl::parse(DEFAULT_BASE_URL, plain_http)),
    }
}

#[cfg(test)]
mod tests;
