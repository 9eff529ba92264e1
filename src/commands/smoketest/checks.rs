//! The steps of the smoke test. Each says what it found, or what is wrong and how to fix it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::access::Privilege;
use crate::commands::registered::Registered;
use crate::installation::version_of;
use crate::installation::{ContextError, InstallContext, managed_folder};
use crate::outage::remembered;
use crate::printable::{counted, printable};
use crate::scan::{Metadata, ScanClient, ScanDirection, ScanError, ScanJob, ScanReport};
use crate::settings::{BaseUrl, Origins, Settings, Source, TlsSettings};
use crate::supervise::supervise;
use crate::system::Env;
use crate::token::TokenError;
use crate::transport::proxy::{self, route};
use crate::transport::watch::Watch;
use crate::transport::{ExchangeLog, TlsMaterialError, Trust, client_identity, key_log_note, load_trust};

/// Time for reading the trust store: a keychain can be slow at first.
const TRUST_TIME: Duration = Duration::from_secs(60);
pub const SLOW_STORE: &str = "The certificate store could not be read in time.";
/// The scan ends by itself at its deadline; this much later it is given up.
const GRACE: Duration = Duration::from_millis(100);

/// One step and what came of it.
#[derive(Debug, Clone)]
pub struct Step {
    pub name: &'static str,
    pub result: Result<String, Problem>,
    /// Whether its failure leaves nothing to scan with.
    pub stops_scan: bool,
    /// Things to know that are no failure.
    pub notes: Vec<String>,
}

/// What is wrong, and how to fix it.
#[derive(Debug, Clone)]
pub struct Problem {
    pub cause: String,
    pub fix: String,
}

/// What came of the scan.
#[derive(Debug)]
pub enum Scan {
    Done {
        report: Box<ScanReport>,
        took: Duration,
    },
    Failed(ScanError),
    /// An earlier step failed without which there can be none.
    NotTried,
}

/// The steps, with what later ones need to know of earlier ones.
pub struct Checks<'a> {
    settings: &'a Settings,
    env: Env<'a>,
    possible: bool,
}

impl<'a> Checks<'a> {
    pub fn new(settings: &'a Settings, env: Env<'a>) -> Self {
        Self { settings, env, possible: true }
    }

    pub fn origins(&self) -> Origins {
        self.settings.origins()
    }

    /// `problem` is why a source of tokens gave none.
    pub fn token(&mut self, problem: Option<TokenError>) -> Step {
        let api_token = &self.settings.api_token;
        let result = match (api_token.as_ref(), problem) {
            (Some(token), _) => Ok(match api_token.source {
                Source::Stored(place) => format!("from {place} ({})", counted(token.length(), "character")),
                source => format!("{source} is set ({})", counted(token.length(), "character")),
            }),
            (None, Some(problem)) => Err(self.impossible(&problem.into())),
            (None, None) => Err(self.impossible(&ScanError::no_token(self.settings))),
        };
        Step { name: "Token", result, stops_scan: true, notes: Vec::new() }
    }

    /// The binary that `f5-guard install` puts into Codex's home folder.
    pub fn hook_binary(&self) -> Step {
        let result = match installed_binary(self.env) {
            Err(why) => Err(install(format!("The hook binary's place can't be found out: {why}"))),
            Ok(path) if !path.exists() => {
                Err(install(format!("The hook binary is not installed: {} does not exist.", path.display())))
            }
            Ok(path) => check_binary(&path),
        };
        Step { name: "Hook binary", result, stops_scan: false, notes: Vec::new() }
    }

    /// `hooks` are those whose flags count here.
    pub fn base_url(&mut self, hooks: Option<&Registered>) -> Step {
        let setting = &self.settings.base_url;
        let result = match setting.as_ref() {
            Ok(url) => {
                let project = match self.settings.project_id.as_deref() {
                    Some(id) => format!(", project {}", printable(id, 80)),
                    None => String::new(),
                };
                Ok(format!("{} ({}){project}", url.as_str(), origin(setting.source, hooks)))
            }
            Err(error) => {
                let error = ScanError::from(*error);
                Err(self.impossible(&error))
            }
        };
        let other = hooks.filter(|hooks| {
            let theirs = hooks.flags.base_url.as_ref().and_then(|url| url.to_str());
            let theirs = theirs.map(|url| BaseUrl::parse(url, *self.settings.plain_http));
            theirs.is_some_and(|theirs| theirs != setting.value)
        });
        let note =
            |hooks: &Registered| format!("The hooks registered in {} use another address.", hooks.file);
        Step { name: "Base URL", result, stops_scan: true, notes: other.map(note).into_iter().collect() }
    }

    pub fn trust(&mut self) -> Step {
        let mut notes = Vec::new();
        notes.extend(self.settings.tls.key_log.as_deref().map(key_log_note));
        let result = match load_tls(&self.settings.tls) {
            Some(Ok((trust, identity))) => {
                notes.extend(trust.notes);
                let count = trust.roots.len();
                let client = if identity { "; a client certificate is configured" } else { "" };
                Ok(format!("{} ({}){client}", trust.source, counted(count, "root")))
            }
            Some(Err(error)) => Err(self.impossible(&ScanError::TlsMaterial(error))),
            None => {
                self.possible = false;
                Err(Problem { cause: SLOW_STORE.to_owned(), fix: self.origins().faster_roots() })
            }
        };
        Step { name: "Trust", result, stops_scan: true, notes }
    }

    /// Which way the scan goes.
    pub fn proxy(&mut self) -> Step {
        let result = match self.settings.base_url.as_ref().map(|url| route(url.url(), &self.settings.proxies))
        {
            Ok(Ok(route)) => Ok(route.to_string()),
            Ok(Err(problem)) => Err(self.impossible(&ScanError::Transport(problem.into()))),
            Err(_) => Ok("not looked up, because there is no usable base URL".to_owned()),
        };
        let notes = proxy::notes(&self.settings.proxies);
        Step { name: "Proxy", result, stops_scan: true, notes }
    }

    /// What hooks remember of an outage, which no scan of these checks takes notice of.
    pub fn outage(&self) -> Option<String> {
        remembered::shown(self.settings, self.env)
    }

    /// Scans `prompt`, if the steps so far make that possible. A verdict ends what hooks remember of an outage.
    pub fn scan(&self, prompt: &'static str, record: Option<ExchangeLog>, watch: Watch) -> Scan {
        if !self.possible {
            return Scan::NotTried;
        }
        let settings = self.settings.clone();
        let budget = settings.budget();
        let started = Instant::now();
        let result = within(budget.limit + GRACE, move || scan(&settings, prompt, record, watch, started));
        match result {
            Some(Ok(report)) => {
                let took = started.elapsed();
                remembered::end(self.settings, self.env);
                Scan::Done { report: Box::new(report), took }
            }
            Some(Err(error)) => Scan::Failed(error),
            None => Scan::Failed(budget.into()),
        }
    }

    fn impossible(&mut self, error: &ScanError) -> Problem {
        self.possible = false;
        Problem { cause: error.to_string(), fix: error.fix(self.origins()) }
    }
}

fn scan(
    settings: &Settings,
    prompt: &str,
    record: Option<ExchangeLog>,
    watch: Watch,
    started: Instant,
) -> Result<ScanReport, ScanError> {
    let client = ScanClient::new(settings, started, record, watch)?;
    let job = ScanJob {
        content: prompt,
        direction: ScanDirection::Request,
        metadata: Metadata::new("smoketest", None, None, None, &settings.metadata),
    };
    client.scan_blocking(&job)
}

/// The roots that are trusted, and whether there is a client certificate; `None` where they could not be read in time.
pub fn load_tls(tls: &TlsSettings) -> Option<Result<(Trust, bool), TlsMaterialError>> {
    let tls = tls.clone();
    within(TRUST_TIME, move || {
        let trust = load_trust(&tls)?;
        Ok((trust, client_identity(&tls)?.is_some()))
    })
}

/// Runs `work` in a thread, so that nothing in it (a name look-up, a slow trust store) outlives `limit`.
fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    supervise(Instant::now() + limit, work).ok()
}

/// What came of a scan, and the scanners that objected, where any is named.
pub fn outcome_by_scanners(report: &ScanReport) -> String {
    let scanners: Vec<&str> = report.scanners.iter().map(|scanner| scanner.scanner_type.as_str()).collect();
    let by = if scanners.is_empty() { String::new() } else { format!(" by {}", scanners.join(", ")) };
    format!("{}{by}", report.outcome)
}

fn origin(source: Source, hooks: Option<&Registered>) -> String {
    match (source, hooks) {
        (Source::Default, _) => "the default".to_owned(),
        (Source::Flag(flag), Some(hooks)) => format!("{flag} of the hooks registered in {}", hooks.file),
        (other, _) => format!("from {other}"),
    }
}

/// Where `f5-guard install` put the binary: for the user, else for the whole machine.
fn installed_binary(env: Env<'_>) -> Result<PathBuf, ContextError> {
    let context = InstallContext::of_this_process(&env)?;
    let user = context.user_folder().binary();
    if Privilege::among_users().may_use(&user).is_ok() && user.exists() {
        return Ok(user);
    }
    let managed = context.installed_managed_dir();
    Ok(managed.map_or(user, |folder| managed_folder(context.system, &folder).binary()))
}

fn install(cause: String) -> Problem {
    Problem { cause, fix: "Run `f5-guard install`.".to_owned() }
}

fn check_binary(path: &Path) -> Result<String, Problem> {
    if let Err(shared) = Privilege::among_users().may_start(path) {
        return Err(Problem {
            cause: format!("The installed hook binary was not run, because this is root and {shared}."),
            fix: "Run `f5-guard smoketest` as the user whose Codex is meant, without sudo.".to_owned(),
        });
    }
    let version = version_of(path).map(|version| printable(&version, 40));
    let (path, this) = (path.display(), env!("CARGO_PKG_VERSION"));
    match version {
        Ok(version) if version == this => Ok(format!("{path}, version {version}")),
        Ok(version) => Err(install(format!(
            "The installed hook binary {path} is version {version}, this one is {this}."
        ))),
        Err(why) => Err(install(format!("The installed hook binary {path} {why}."))),
    }
}
