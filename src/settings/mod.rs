//! Settings: flags and environment variables, read once into one typed value.
//!
//! Nothing here touches files or the network, and nothing fails: a text that can't be used falls back to a
//! safe value and leaves a problem to be reported. What needs the value (a token, a URL, a certificate) reports
//! its own error when it is used.

mod base_url;
mod enforced;
mod escape;
mod evidence;
mod log;
mod origins;
mod policy;
mod proxies;
mod setting;
mod timeout;
mod tls;
pub mod values;
mod words;

use std::path::PathBuf;
use std::time::Duration;

pub use base_url::{BaseUrl, BaseUrlError, PlainHttp, is_loopback_host};
pub use enforced::{Enforced, HOOK_TIMEOUT_FLAG};
pub use escape::{escaped, unescaped};
pub use evidence::{MetadataPair, contact_problem, metadata_problem};
pub use log::{LogSettings, log_below};
pub use origins::Origins;
pub use policy::{enforcement, fail_mode};
pub use proxies::ProxySettings;
pub(crate) use setting::home_relative;
pub use setting::{Given, Literal, RelativePath, Setting, Source};
pub use timeout::{
    ANSWER_TIME, Budget, DEFAULT_TIMEOUT, HOOK_TIMEOUT, LONGEST_UNREGISTERED_TIMEOUT, STALL_ROOM,
};
pub use tls::TlsSettings;
use values::{Enforcement, FailMode, FlaggedOutput};
pub use words::Words;

use crate::secret::Secret;
use crate::system::Env;

/// Where scans go when nobody says otherwise.
pub const DEFAULT_BASE_URL: &str = "https://www.us1.calypsoai.app";
/// Characters in one scan request.
pub const DEFAULT_MAX_SCAN_LENGTH: usize = 50_000;

/// Everything that a scan and its answer depend on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The token of the environment. Where there is none, [`crate::token::complete`] looks further.
    pub api_token: Setting<Option<Secret>>,
    /// Addresses of other services that a token is stored for, where none is for `base_url`; found by
    /// [`crate::token::complete`].
    pub other_services: Vec<String>,
    /// A file with the token. Where a registered command names one, no variable has a say.
    pub token_file: Setting<Option<PathBuf>>,
    pub base_url: Setting<Result<BaseUrl, BaseUrlError>>,
    pub plain_http: Setting<PlainHttp>,
    pub project_id: Setting<Option<String>>,
    /// The user's wish for one whole scan; the hook's registration may cut it, see [`Settings::budget`].
    pub timeout: Setting<Duration>,
    /// The timeout that an older version registered the hook with (`--hook-timeout`).
    pub hook_timeout: Option<Duration>,
    pub fail_mode: Setting<FailMode>,
    pub enforcement: Setting<Enforcement>,
    pub flagged_output: Setting<FlaggedOutput>,
    pub max_scan_length: Setting<usize>,
    /// Whether hooks remember outages for each other; see [`crate::outage`].
    pub outage_memory: Setting<bool>,
    /// Whether what a session's own file holds is scanned, too; see [`crate::transcript`].
    pub transcript: Setting<bool>,
    /// Whether texts count that the user allowed. `None`: not where an administrator registered the hooks.
    pub allowed_texts: Setting<Option<bool>>,
    pub tls: TlsSettings,
    pub proxies: ProxySettings,
    pub log: LogSettings,
    /// Whom users may ask about a refusal; made printable.
    pub contact: Setting<Option<String>>,
    /// What is sent to the service with each scan.
    pub metadata: Setting<Vec<MetadataPair>>,
    /// Paths that are ignored because they are not absolute.
    pub relative_paths: Vec<RelativePath>,
}

impl Settings {
    /// Reads flags and environment. Never fails; see [`Settings::problems`].
    pub fn read(enforced: &Enforced, env: Env<'_>) -> Self {
        let plain_http = Setting::read(
            "F5_GUARDRAILS_ALLOW_HTTP",
            None,
            env,
            values::switch,
            false,
            "a switch (true or false)",
            "it is treated as false",
        )
        .map(PlainHttp::from_switch);
        let mut relative_paths = Vec::new();
        Self {
            api_token: match &enforced.token_file {
                Some(_) => Setting::default_value(None),
                None => text("F5_GUARDRAILS_API_TOKEN", None, env).map(|token| token.map(Secret::new)),
            },
            other_services: Vec::new(),
            token_file: token_file(enforced, env),
            base_url: base_url(enforced, *plain_http, env),
            plain_http,
            project_id: text(
                "F5_GUARDRAILS_PROJECT_ID",
                enforced.flag("--project-id", &enforced.project_id),
                env,
            ),
            timeout: timeout::scan_timeout(enforced, env),
            hook_timeout: enforced
                .hook_timeout
                .as_ref()
                .map(|t| values::old_hook_timeout(&t.to_string_lossy())),
            fail_mode: fail_mode(enforced.fail_mode.as_ref(), env),
            enforcement: enforcement(enforced, env),
            flagged_output: policy::flagged_output(enforced, env),
            max_scan_length: Setting::read(
                "F5_GUARDRAILS_MAX_SCAN_LENGTH",
                None,
                env,
                values::max_scan_length,
                DEFAULT_MAX_SCAN_LENGTH,
                "a number of characters from 1000 to 2000000",
                "the default of 50000 is used",
            ),
            outage_memory: match Given::find(
                enforced.flag("--outage-memory", &enforced.outage_memory),
                "F5_GUARDRAILS_OUTAGE_MEMORY",
                env,
            ) {
                Some(given) => given.parse(values::switch, false, "on or off", "it is treated as off"),
                None => Setting::default_value(true),
            },
            transcript: match Given::find(
                enforced.flag("--transcript", &enforced.transcript),
                "F5_GUARDRAILS_TRANSCRIPT",
                env,
            ) {
                Some(given) => given.parse(values::switch, true, "on or off", "it counts as on"),
                None => Setting::default_value(true),
            },
            allowed_texts: match enforced.flag("--allowed-texts", &enforced.allowed_texts) {
                Some(given) => given.parse(values::switch, false, "on or off", "it counts as off").map(Some),
                None => Setting::default_value(None),
            },
            tls: TlsSettings::read(enforced, env, &mut relative_paths),
            proxies: ProxySettings::read(env),
            log: LogSettings::read(enforced.log.as_ref(), env, &mut relative_paths),
            contact: evidence::contact(enforced.contact.as_ref()),
            metadata: evidence::metadata(&enforced.metadata),
            relative_paths,
        }
    }

    /// A path that is not absolute, where that is an error: in closed mode nobody shall have to guess which file was
    /// meant. In open mode it is only ignored.
    pub fn refused_path(&self) -> Option<RelativePath> {
        self.relative_paths.first().copied().filter(|_| *self.fail_mode == FailMode::Closed)
    }

    /// Every sentence about a text that could not be used, for the log and for `doctor`.
    pub fn problems(&self) -> impl Iterator<Item = &str> {
        [
            &self.plain_http.problem,
            &self.timeout.problem,
            &self.fail_mode.problem,
            &self.enforcement.problem,
            &self.flagged_output.problem,
            &self.max_scan_length.problem,
            &self.outage_memory.problem,
            &self.transcript.problem,
            &self.allowed_texts.problem,
            &self.tls.system_store.problem,
            &self.log.level.problem,
            &self.log.file.problem,
            &self.contact.problem,
            &self.metadata.problem,
        ]
        .into_iter()
        .filter_map(|problem| problem.as_deref())
        .chain(self.tls.problems.iter().map(String::as_str))
    }
}

/// Trimmed text. What is not Unicode is kept lossily: a token or id with a replacement character in it is
/// refused where it is used, which says more than pretending that it was not set.
fn text(variable: &'static str, flag: Option<Given>, env: Env<'_>) -> Setting<Option<String>> {
    match Given::find(flag, variable, env) {
        Some(given) => Setting {
            value: Some(given.text.to_string_lossy().trim().to_owned()).filter(|text| !text.is_empty()),
            source: given.source,
            problem: None,
        },
        None => Setting::default_value(None),
    }
}

/// The path as it was given, with the home folder in it. One that is not absolute is kept, so that it is an error in
/// open mode too: ignored, it would leave the choice of the token to what comes next.
fn token_file(enforced: &Enforced, env: Env<'_>) -> Setting<Option<PathBuf>> {
    let flag = enforced.flag("--token-file", &enforced.token_file);
    match Given::find(flag, "F5_GUARDRAILS_API_TOKEN_FILE", env) {
        Some(given) => {
            Setting { value: Some(home_relative(&given.text, env)), source: given.source, problem: None }
        }
        None => Setting::default_value(None),
    }
}

fn base_url(
    enforced: &Enforced,
    plain_http: PlainHttp,
    env: Env<'_>,
) -> Setting<Result<BaseUrl, BaseUrlError>> {
    let flag = enforced.flag("--base-url", &enforced.base_url);
    match Given::find(flag, "F5_GUARDRAILS_BASE_URL", env) {
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
