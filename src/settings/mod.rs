//! Settings: flags and environment variables, read once into one typed value.
//!
//! Nothing here touches files or the network, and nothing fails: a text that can't be used falls back to a
//! safe value and leaves a problem to be reported. What needs the value (a token, a URL, a certificate) reports
//! its own error when it is used.

mod base_url;
mod enforced;
mod escape;
mod evidence;
mod origins;
mod proxies;
mod setting;
pub mod values;
mod words;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub use base_url::{BaseUrl, BaseUrlError, PlainHttp, is_loopback_host};
pub use enforced::{Enforced, HOOK_TIMEOUT_FLAG};
pub use escape::{escaped, unescaped};
pub use evidence::{MetadataPair, contact_problem, metadata_problem};
pub use origins::{Budget, Origins};
pub use proxies::ProxySettings;
pub(crate) use setting::home_relative;
pub use setting::{Given, Literal, RelativePath, Setting, Source};
use values::{Enforcement, FailMode, FlaggedOutput, LogLevel, SystemStore};
pub use words::Words;

use crate::codex::home::{CodexHome, NoHome};
use crate::secret::Secret;
use crate::stdio::is_systems_name;
use crate::system::Env;
use crate::system::System;

/// Where scans go when nobody says otherwise.
pub const DEFAULT_BASE_URL: &str = "https://www.us1.calypsoai.app";
/// Seconds for one whole scan.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout that `install` registers with Codex, where the scan's own does not ask for more.
pub const HOOK_TIMEOUT: Duration = Duration::from_secs(60);
/// What a registered timeout leaves beyond the scan's own: a machine may stall, or a process be stopped, for almost so
/// long, and the answer still comes before Codex gives up on the hook and goes ahead.
pub const STALL_ROOM: Duration = Duration::from_secs(25);
/// The longest scan that [`HOOK_TIMEOUT`] has room for. A longer one has to be registered (`install --timeout`), because
/// a hook can't know how long Codex waits for it.
pub const LONGEST_UNREGISTERED_TIMEOUT: Duration = HOOK_TIMEOUT.saturating_sub(STALL_ROOM);
/// Characters in one scan request.
pub const DEFAULT_MAX_SCAN_LENGTH: usize = 50_000;

/// The time from the end of a scan, at the latest, to its answer.
pub const ANSWER_TIME: Duration = Duration::from_millis(100);

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

/// Trust and identity for TLS.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// CA bundles in the order in which they are tried; the places of one count together.
    pub ca_bundles: Vec<Vec<Setting<PathBuf>>>,
    /// Trusted besides the system's store: what Codex itself trusts so.
    pub codex_ca: Vec<Setting<PathBuf>>,
    pub system_store: Setting<SystemStore>,
    pub client_cert: Setting<Option<PathBuf>>,
    pub client_key: Setting<Option<PathBuf>>,
    /// Where `SSLKEYLOGFILE` asks for the session keys to be written.
    pub key_log: Option<PathBuf>,
    /// In closed mode what is set has to be usable.
    pub strict: bool,
    /// Sentences on paths that are ignored.
    pub problems: Vec<String>,
}

/// Where and how much to log.
#[derive(Debug, Clone)]
pub struct LogSettings {
    pub level: Setting<LogLevel>,
    /// `None`: no file.
    pub file: Setting<Option<PathBuf>>,
}

impl Settings {
    /// Reads flags and environment. Never fails; see [`Settings::problems`].
    pub fn read(enforced: &Enforced, env: Env<'_>) -> Self {
        let plain_http = parsed(
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
            token_file: token_file(enforced, env),
            base_url: base_url(enforced, *plain_http, env),
            plain_http,
            project_id: text(
                "F5_GUARDRAILS_PROJECT_ID",
                enforced.flag("--project-id", &enforced.project_id),
                env,
            ),
            timeout: scan_timeout(enforced, env),
            hook_timeout: enforced
                .hook_timeout
                .as_ref()
                .map(|t| values::old_hook_timeout(&t.to_string_lossy())),
            fail_mode: fail_mode(enforced.fail_mode.as_ref(), env),
            enforcement: enforcement(enforced, env),
            flagged_output: match Given::find(
                enforced.flag("--post-strict", &enforced.post_strict),
                "F5_GUARDRAILS_POST_STRICT",
                env,
            ) {
                Some(given) => given
                    .parse(values::switch, true, "a switch (true or false)", "it is treated as true")
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

    /// The time for one hook run: the scan timeout, as far as the registration has room for it, because Codex takes a
    /// hook that it had to kill as "allow".
    ///
    /// Where an older version registered the hook, the answer, [`ANSWER_TIME`] included, comes 2 s (or a third, if that
    /// is less) before the timeout that it was registered with. Otherwise `--timeout` has its room, since `install`
    /// registers the two together, and a timeout of the environment has at most [`LONGEST_UNREGISTERED_TIMEOUT`].
    pub fn budget(&self) -> Budget {
        let most = match (self.hook_timeout, self.timeout.source) {
            (Some(hook), _) => {
                let reserve = (hook / 3).min(Duration::from_secs(2));
                hook.saturating_sub(reserve).saturating_sub(ANSWER_TIME)
            }
            (None, Source::Flag(_) | Source::Option(_)) => Duration::MAX,
            (None, Source::Environment(_) | Source::Stored(_) | Source::Default) => {
                LONGEST_UNREGISTERED_TIMEOUT
            }
        };
        Budget {
            limit: (*self.timeout).min(most),
            cut_by_hook: *self.timeout > most,
            set_by: self.timeout.source,
            most,
        }
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

/// The fail mode alone, for the moment when nothing else can be relied on.
pub fn fail_mode(flag: Option<&OsString>, env: Env<'_>) -> Setting<FailMode> {
    let flag = flag.map(|text| Given { text: text.clone(), source: Source::Flag("--fail-mode") });
    match Given::find(flag, "F5_GUARDRAILS_FAIL_MODE", env) {
        Some(given) => {
            given.parse(FailMode::parse, FailMode::Closed, "open or closed", "it is treated as closed")
        }
        None => Setting::default_value(FailMode::Open),
    }
}

/// Who says what becomes of a hit. Where a registration enforces anything at all or is an administrator's, it alone does: an administrator who set
/// up what is scanned has not agreed to a user's variable that lets it pass.
pub fn enforcement(enforced: &Enforced, env: Env<'_>) -> Setting<Enforcement> {
    const VARIABLE: &str = "F5_GUARDRAILS_ENFORCEMENT";
    let read = |given: Given| {
        given.parse(Enforcement::parse, Enforcement::Block, "block, project or observe", "it counts as block")
    };
    let variable = Given::find(None, VARIABLE, env);
    match (enforced.flag("--enforcement", &enforced.enforcement), variable) {
        (Some(flag), _) => read(flag),
        (None, Some(given)) if !enforced.is_set_up() => read(given),
        (None, Some(given)) => {
            let setting = Setting::default_value(Enforcement::Block);
            let is_the_same = *read(given) == Enforcement::Block;
            let problem = "F5_GUARDRAILS_ENFORCEMENT has no say, because the hook is registered with options or is an administrator's; without --enforcement among them it is block.";
            Setting { problem: (!is_the_same).then(|| problem.to_owned()), ..setting }
        }
        (None, None) => Setting::default_value(Enforcement::Block),
    }
}

impl TlsSettings {
    fn read(enforced: &Enforced, env: Env<'_>, relative: &mut Vec<RelativePath>) -> Self {
        let mut problems = Vec::new();
        let mut place = |given: Given| {
            let Setting { value, source, problem } = given.absolute_or_none(env, relative);
            problems.extend(problem);
            Some(Setting { value: value?, source, problem: None })
        };
        let mut one = |given: Option<Given>| given.and_then(&mut place).into_iter().collect::<Vec<_>>();
        // A bundle that the registered command names is the only one: falling back to a user's variable
        // would let that variable decide what is trusted.
        let ca_bundles = match enforced.flag("--ca-bundle", &enforced.ca_bundle) {
            Some(given) => vec![one(Some(given))],
            None => {
                // OpenSSL reads both; the folders are a list as in PATH.
                let folders = env_setting("SSL_CERT_DIR", env).into_iter().flat_map(|folders| {
                    let source = folders.source;
                    let paths: Vec<PathBuf> = std::env::split_paths(&folders.text).collect();
                    paths.into_iter().map(move |path| Given { text: path.into(), source })
                });
                let mut openssl = one(env_setting("SSL_CERT_FILE", env));
                openssl.extend(folders.flat_map(|folder| one(Some(folder))));
                let [ours, requests, curl] =
                    ["F5_GUARDRAILS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
                        .map(|name| one(env_setting(name, env)));
                vec![ours, requests, openssl, curl]
            }
        };
        let ca_bundles = ca_bundles.into_iter().filter(|places| !places.is_empty()).collect();
        let codex_ca = one(env_setting("CODEX_CA_CERTIFICATE", env));
        let mut path = |name| match env_setting(name, env) {
            Some(given) => {
                let setting = given.absolute_or_none(env, relative);
                problems.extend(setting.problem.clone());
                setting
            }
            None => Setting::default_value(None),
        };
        let (client_cert, client_key) = (path("F5_GUARDRAILS_CLIENT_CERT"), path("F5_GUARDRAILS_CLIENT_KEY"));
        Self {
            ca_bundles,
            codex_ca,
            system_store: parsed(
                "F5_GUARDRAILS_USE_SYSTEM_CERT_STORE",
                None,
                env,
                SystemStore::parse,
                SystemStore::Auto,
                "auto, true or false",
                "auto is used",
            ),
            client_cert,
            client_key,
            key_log: env("SSLKEYLOGFILE").filter(|value| !value.is_empty()).map(PathBuf::from),
            strict: *fail_mode(enforced.fail_mode.as_ref(), env) == FailMode::Closed,
            problems,
        }
    }
}

impl LogSettings {
    /// Where the lines are, or would be if there were any.
    #[must_use]
    pub fn place(env: Env<'_>) -> Option<PathBuf> {
        Self::read(Some(&"on".into()), env, &mut Vec::new()).file.value
    }

    /// `--log off` leaves no log, and with `--log on` a variable can move it but not take it away.
    fn read(flag: Option<&OsString>, env: Env<'_>, relative: &mut Vec<RelativePath>) -> Self {
        let variable = env_setting("F5_GUARDRAILS_LOG_FILE", env);
        let says_off = |given: &Given| given.trimmed().and_then(values::switch) == Some(false);
        let flag = flag.map(|text| {
            let given = Given { text: text.clone(), source: Source::Flag("--log") };
            given.parse(values::switch, true, "on or off", "it is treated as on")
        });
        let file = match (flag, variable) {
            (Some(Setting { value: false, source, .. }), _) => Setting { value: None, source, problem: None },
            (Some(on), variable) => Self::kept_on(on.problem, variable, env, relative),
            (None, Some(given)) if says_off(&given) => {
                Setting { value: None, source: given.source, problem: None }
            }
            (None, Some(given)) => given.absolute_or_none(env, relative),
            (None, None) => log_in_codex_home(env),
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

impl LogSettings {
    /// The variable's file, unless that would be none at all.
    fn kept_on(
        problem: Option<String>,
        variable: Option<Given>,
        env: Env<'_>,
        relative: &mut Vec<RelativePath>,
    ) -> Setting<Option<PathBuf>> {
        let Some(given) = variable else { return Setting { problem, ..log_in_codex_home(env) } };
        let off = given.trimmed().and_then(values::switch) == Some(false);
        let file = if off { Setting::default_value(None) } else { given.absolute_or_none(env, relative) };
        match &file.value {
            Some(path) if !is_systems_name(path) => Setting { problem, ..file },
            _ => Setting {
                problem: Some(
                    "F5_GUARDRAILS_LOG_FILE names no file, and --log on is registered; the usual file is used."
                        .to_owned(),
                ),
                ..log_in_codex_home(env)
            },
        }
    }
}

/// The timeout as it was asked for. A longer one of the environment than registrations have room for is a problem to
/// tell: whoever set it expects scans to get that long.
fn scan_timeout(enforced: &Enforced, env: Env<'_>) -> Setting<Duration> {
    let mut timeout = parsed(
        "F5_GUARDRAILS_TIMEOUT",
        enforced.flag("--timeout", &enforced.timeout),
        env,
        values::timeout_seconds,
        DEFAULT_TIMEOUT,
        "a number of seconds from 0.1 to 3600",
        "the default of 10 s is used",
    );
    let has_no_room = enforced.hook_timeout.is_none() && timeout.value > LONGEST_UNREGISTERED_TIMEOUT;
    if let (Source::Environment(name), true) = (timeout.source, has_no_room) {
        let most = LONGEST_UNREGISTERED_TIMEOUT.as_secs();
        timeout.problem = Some(format!(
            "{name} asks for more than the {most} s that a registration has room for; {most} s are used. A longer \
             timeout has to be registered: f5-guard install --timeout SECONDS."
        ));
    }
    timeout
}

/// None where the home folder would be another one for each session: what is there may be a repository's.
fn log_in_codex_home(env: Env<'_>) -> Setting<Option<PathBuf>> {
    match CodexHome::find(System::this(), env) {
        Ok(home) => Setting::default_value(Some(home.path.join("logs").join("f5_guardrails.log"))),
        Err(NoHome::NotSet { .. }) => Setting::default_value(None),
        Err(NoHome::Relative { variable }) => Setting {
            value: None,
            source: Source::Environment(variable),
            problem: Some(format!("{variable} is not an absolute path, so there is no log.")),
        },
    }
}

fn env_setting(variable: &'static str, env: Env<'_>) -> Option<Given> {
    Given::find(None, variable, env)
}

fn parsed<T>(
    variable: &'static str,
    flag: Option<Given>,
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
