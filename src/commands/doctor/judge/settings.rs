//! Each setting: its value as it may be shown, where it came from, and what is wrong with it.

use std::borrow::Cow;

use super::entry::{SWITCH_FIX, TRUST_FIX};
use crate::codex::trust::HookStatus;
use crate::commands::doctor::facts::{Difference, Facts, Runner};
use crate::commands::doctor::finding::{Finding, FindingId, Severity};
use crate::commands::doctor::rows::{FLAGGED_OUTPUT, SettingProblem, SettingRow};
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::scan::ScanError;
use crate::settings::values::{Enforcement, FailMode, FlaggedOutput};
use crate::settings::{BaseUrl, Origins, PlainHttp, Setting, Settings, Source};
use crate::token::TokenError;

/// What the settings lead to, found out at the edge.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The proxy without user info, if one would be used.
    pub proxy: Option<String>,
    /// The roots in force, with what was skipped on the way; or the cause and its fix.
    pub trust: Result<(String, Vec<String>), (String, String)>,
    /// Why a source of tokens that is there gave none.
    pub token: Option<TokenError>,
}

/// The rows of the report.
pub fn rows(settings: &Settings, connection: &Connection, sanitizer: &Sanitizer) -> Vec<SettingRow> {
    let seconds = |setting: &Setting<std::time::Duration>| format!("{} s", setting.value.as_secs_f64());
    let mut rows = vec![
        token(settings, connection.token.as_ref()),
        base_url(&settings.base_url),
        row(PROJECT, &settings.project_id, |id| {
            id.as_ref().map_or_else(|| "not set".to_owned(), |id| sanitizer.text(id))
        }),
        fail_mode(&settings.fail_mode),
        enforcement(&settings.enforcement),
        row(FLAGGED_OUTPUT, &settings.flagged_output, |output| {
            match output {
                FlaggedOutput::Warn => "warn",
                FlaggedOutput::Withhold => "withhold",
            }
            .to_owned()
        }),
        row("timeout", &settings.timeout, |_| seconds(&settings.timeout)),
        row("maximum scan length", &settings.max_scan_length, |length| format!("{length} characters")),
        row("outage memory", &settings.outage_memory, |memory| if *memory { "on" } else { "off" }.to_owned()),
        row("transcript", &settings.transcript, |transcript| {
            if *transcript { "on" } else { "off" }.to_owned()
        }),
        row("plain http", &settings.plain_http, |http| {
            match http {
                PlainHttp::LoopbackOnly => "for this machine only",
                PlainHttp::Allowed => "allowed",
            }
            .to_owned()
        }),
    ];
    let tls = &settings.tls;
    rows.extend(
        tls.ca_bundles.iter().flatten().map(|bundle| row("CA bundle", bundle, |path| sanitizer.path(path))),
    );
    rows.push(row("system certificate store", &tls.system_store, |store| store.as_str().to_owned()));
    for (name, setting) in [("client certificate", &tls.client_cert), ("client key", &tls.client_key)] {
        if setting.source != Source::Default {
            rows.push(row(name, setting, |path| {
                path.as_ref().map_or_else(|| "not set".to_owned(), |path| sanitizer.path(path))
            }));
        }
    }
    rows.push(certificates(connection));
    rows.push(plain(
        PROXY,
        connection.proxy.clone().unwrap_or_else(|| "none".to_owned()),
        "variables or system",
    ));
    rows.push(row("log level", &settings.log.level, |level| level.as_str().to_owned()));
    rows.push(row("log file", &settings.log.file, |path| {
        path.as_ref().map_or_else(|| "none".to_owned(), |path| sanitizer.path(path))
    }));
    if settings.contact.source != Source::Default {
        rows.push(row("contact", &settings.contact, |contact| {
            contact.clone().unwrap_or_else(|| "none".to_owned())
        }));
    }
    if settings.metadata.source != Source::Default {
        rows.push(row("metadata", &settings.metadata, |pairs| {
            let shown: Vec<String> =
                pairs.iter().map(|pair| format!("{}={}", pair.key, pair.value)).collect();
            sanitizer.text(&shown.join(", "))
        }));
    }
    if let Some(path) = settings.refused_path() {
        let given = path.given.to_string();
        for row in rows.iter_mut().filter(|row| row.source == given) {
            row.problem = Some(problem(FindingId::Setting, &ScanError::from(path), Source::Default));
        }
    }
    if tls.key_log.is_some() {
        rows.push(key_log());
    }
    // A token can have been put where something else belongs, in an address or a path.
    for row in &mut rows {
        let problems = [&mut row.problem, &mut row.remark].into_iter().flatten();
        let texts = problems.flat_map(|problem| [&mut problem.text, &mut problem.fix]);
        texts.chain([&mut row.value]).for_each(|text| *text = sanitizer.without_tokens(text));
    }
    rows
}

/// What hooks with the settings `there` have otherwise than hooks with `here`. The connection is not compared.
pub fn differences(here: &Settings, there: &Settings, sanitizer: &Sanitizer) -> Vec<Difference> {
    let nothing = Connection { proxy: None, trust: Ok((String::new(), Vec::new())), token: None };
    let [here_rows, there_rows] = [here, there].map(|settings| rows(settings, &nothing, sanitizer));
    let mut found = differing(&here_rows, &there_rows);
    let tokens = [&here.api_token.value, &there.api_token.value];
    if tokens.iter().all(|token| token.is_some()) {
        // Their rows look the same.
        found.retain(|difference| difference.name != API_TOKEN);
    }
    if tokens[0] != tokens[1] && found.iter().all(|difference| difference.name != API_TOKEN) {
        found.push(Difference {
            name: API_TOKEN.into(),
            value: "another one".to_owned(),
            source: String::new(),
        });
    }
    found
}

/// What stands otherwise in the rows of `there`.
#[must_use]
pub fn differing(here: &[SettingRow], there: &[SettingRow]) -> Vec<Difference> {
    let values = |rows: &[SettingRow], name: &str| -> Vec<String> {
        rows.iter().filter(|row| row.name == name).map(|row| row.value.clone()).collect()
    };
    // A token is known by nothing but where it comes from.
    let sources = |rows: &[SettingRow], name: &str| -> Vec<String> {
        let tokens = rows.iter().filter(|row| row.name == name && name == API_TOKEN);
        tokens.map(|row| row.source.clone()).collect()
    };
    let mut names: Vec<Cow<'static, str>> = here.iter().chain(there).map(|row| row.name.clone()).collect();
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let difference = |name: Cow<'static, str>| {
        let value = values(there, &name);
        let differs = value != values(here, &name) || sources(there, &name) != sources(here, &name);
        differs.then(|| Difference {
            source: there
                .iter()
                .find(|row| row.name == name)
                .map(|row| row.source.clone())
                .unwrap_or_default(),
            value: if value.is_empty() { "not set".to_owned() } else { value.join(", ") },
            name,
        })
    };
    names.into_iter().filter_map(difference).collect()
}

/// Whether all hooks of a session must have this setting alike: what each is registered with may differ in the others.
pub(super) fn is_common(name: &str) -> bool {
    [API_TOKEN, BASE_URL, PROJECT, FAIL_MODE, ENFORCEMENT, PROXY, ROOTS].contains(&name)
}

/// Whether this setting decides what is scanned, where, and what becomes of the rest.
pub fn is_decisive(name: &str) -> bool {
    [API_TOKEN, BASE_URL, PROJECT, FAIL_MODE, ENFORCEMENT, FLAGGED_OUTPUT].contains(&name)
}

const API_TOKEN: &str = "API token";
const BASE_URL: &str = "base URL";
const PROJECT: &str = "project";
const FAIL_MODE: &str = "fail mode";
pub const ENFORCEMENT: &str = "enforcement";
const PROXY: &str = "proxy";
const ROOTS: &str = "trusted roots";

/// The findings of the rows.
pub(super) fn judge(facts: &Facts, findings: &mut Vec<Finding>) {
    for row in &facts.settings {
        if let Some(problem) = &row.problem {
            findings.push(Finding::new(problem.id, problem.severity, &problem.text, &problem.fix));
        }
        let Some(remark) = &row.remark else { continue };
        let finding = |text: &str, fix: &str| Finding::new(remark.id, remark.severity, text, fix);
        findings.push(match skipped(facts, row) {
            Some((flag, value, fix)) => finding(
                &format!("{} Hooks are registered with `{flag} {value}`, but Codex skips them.", remark.text),
                fix,
            ),
            None => finding(&remark.text, &remark.fix),
        });
    }
}

/// A registered flag that would change this setting if Codex ran its hook; and how to have it run. To register the flag
/// is no advice then.
fn skipped<'a>(facts: &'a Facts, row: &SettingRow) -> Option<(&'static str, &'a str, &'static str)> {
    let flag = match row.name.as_ref() {
        FAIL_MODE => "--fail-mode",
        ENFORCEMENT => "--enforcement",
        _ => return None,
    };
    facts.hooks.iter().find_map(|hook| {
        let fix = match hook.status.as_ref()? {
            HookStatus::Untrusted | HookStatus::Modified => TRUST_FIX,
            HookStatus::Disabled => SWITCH_FIX,
            HookStatus::Trusted | HookStatus::Managed | HookStatus::Asynchronous | HookStatus::Unknown(_) => {
                return None;
            }
        };
        let Runner::F5Guard(call) = &hook.runner else { return None };
        let value = flag_value(&call.flags, flag)?;
        (!value.eq_ignore_ascii_case(&row.value)).then_some((flag, value, fix))
    })
}

/// The value of a flag in a command, in either way of writing it.
fn flag_value<'a>(words: &'a [String], flag: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| word == flag).and_then(|at| words.get(at + 1));
    let joined = || words.iter().find_map(|word| word.strip_prefix(flag)?.strip_prefix('='));
    at.map(String::as_str).or_else(joined)
}

fn plain(name: &'static str, value: String, source: &str) -> SettingRow {
    SettingRow { name: name.into(), value, source: source.to_owned(), problem: None, remark: None }
}

fn row<T>(name: &'static str, setting: &Setting<T>, show: impl FnOnce(&T) -> String) -> SettingRow {
    let mut row = plain(name, show(&setting.value), &setting.source.to_string());
    row.problem = setting.problem.as_ref().map(|text| SettingProblem {
        id: FindingId::Setting,
        severity: Severity::Warning,
        text: text.clone(),
        fix: match setting.source {
            Source::Flag(_) | Source::Option(_) => "Install again with a value that can be used.".to_owned(),
            source => format!("Correct {source}, or remove it."),
        },
    });
    row
}

fn token(settings: &Settings, problem_of_source: Option<&TokenError>) -> SettingRow {
    let setting = &settings.api_token;
    let error = match setting.value.as_ref() {
        None => Some(
            problem_of_source.map_or_else(|| ScanError::no_token(settings), |error| error.clone().into()),
        ),
        Some(token) => ScanError::of_token(token, setting.source),
    };
    let mut row = row(API_TOKEN, setting, |token| match token {
        Some(_) => "set".to_owned(),
        None => "not set".to_owned(),
    });
    row.problem = error.map(|error| problem(FindingId::Token, &error, settings.base_url.source));
    row
}

fn base_url(setting: &Setting<Result<BaseUrl, crate::settings::BaseUrlError>>) -> SettingRow {
    let mut row = row(BASE_URL, setting, |url| match url {
        Ok(url) => url.as_str().to_owned(),
        Err(_) => "unusable".to_owned(),
    });
    let error = setting.value.as_ref().err().map(|error| ScanError::from(*error));
    row.problem = error.map(|error| problem(FindingId::Setting, &error, setting.source));
    row
}

fn fail_mode(setting: &Setting<FailMode>) -> SettingRow {
    let mut row = row(FAIL_MODE, setting, |mode| mode.as_str().to_owned());
    row.remark = (setting.value == FailMode::Open).then(|| SettingProblem {
        id: FindingId::FailOpen,
        severity: Severity::Note,
        text: "The fail mode is open: what can't be scanned goes ahead, with a notice.".to_owned(),
        fix: match setting.source {
            Source::Flag(_) => "If it must not: `f5-guard install --fail-mode closed`.",
            _ => "If it must not, set F5_GUARDRAILS_FAIL_MODE=closed, or enforce it: `f5-guard install --fail-mode closed`.",
        }
        .to_owned(),
    });
    row
}

fn enforcement(setting: &Setting<Enforcement>) -> SettingRow {
    let mut row = row(ENFORCEMENT, setting, |enforcement| enforcement.as_str().to_owned());
    let change = match setting.source {
        Source::Flag(_) | Source::Option(_) => {
            "`f5-guard install --enforcement project`, or `--enforcement block`".to_owned()
        }
        source => format!("set {source} to project or block, or install with `--enforcement`"),
    };
    row.remark = match setting.value {
        Enforcement::Block => None,
        Enforcement::Project => Some(SettingProblem {
            id: FindingId::ProjectModes,
            severity: Severity::Note,
            text: "Enforcement is project: the modes of the F5 project's scanners decide. What an auditing scanner finds goes ahead, and is logged.".to_owned(),
            fix: "If every hit must be refused: `f5-guard install --enforcement block`.".to_owned(),
        }),
        Enforcement::Observe => Some(SettingProblem {
            id: FindingId::ObserveOnly,
            severity: Severity::Problem,
            text: "Enforcement is observe: NOTHING is blocked or masked. Hits and what can't be scanned go ahead, and the log has what would have been done.".to_owned(),
            fix: format!("Read `f5-guard report`; when you have seen enough: {change}."),
        }),
    };
    row
}

/// Adds how the project's scanners are set, where they decide or are to decide one day. `read` asks the service.
pub fn add_scanner_modes(rows: &mut Vec<SettingRow>, read: impl FnOnce() -> Result<String, String>) {
    let Some(at) = rows.iter().position(|row| row.name == ENFORCEMENT) else { return };
    let Some(remark) = rows.get_mut(at).and_then(|row| row.remark.as_mut()) else { return };
    let shown = match read() {
        Ok(modes) => {
            remark.text.push_str(&format!(" The project's scanners are set to {modes}."));
            modes
        }
        Err(why) => {
            remark.text.push_str(&format!(
                " How the project's scanners are set could not be read ({}): look in the F5 console.",
                why.trim_end_matches('.')
            ));
            format!("not known: {why}")
        }
    };
    rows.insert(at + 1, plain("scanner modes", shown, "F5 project"));
}

fn certificates(connection: &Connection) -> SettingRow {
    match &connection.trust {
        Ok((source, notes)) => {
            let mut row = plain(ROOTS, source.clone(), "loaded");
            row.remark = (!notes.is_empty()).then(|| SettingProblem {
                id: FindingId::Certificates,
                severity: Severity::Warning,
                text: notes.join(" "),
                fix: "Correct what is named here, or remove the variable; expired certificates in the system's store are replaced by an update of the system.".to_owned(),
            });
            row
        }
        Err((cause, fix)) => {
            let mut row = plain(ROOTS, "unusable".to_owned(), "not loaded");
            row.problem = Some(SettingProblem {
                id: FindingId::Certificates,
                severity: Severity::Problem,
                text: cause.clone(),
                fix: fix.clone(),
            });
            row
        }
    }
}

fn key_log() -> SettingRow {
    let mut row = plain("TLS key log", "on".to_owned(), "SSLKEYLOGFILE");
    row.remark = Some(SettingProblem {
        id: FindingId::KeyLog,
        severity: Severity::Warning,
        text: "SSLKEYLOGFILE is set: anyone who can read that file can decrypt the scans and the token."
            .to_owned(),
        fix: "Remove SSLKEYLOGFILE, and delete the file, unless you are analysing the network right now."
            .to_owned(),
    });
    row
}

fn problem(id: FindingId, error: &ScanError, base_url: Source) -> SettingProblem {
    let fix = error.fix(Origins { base_url, ..Origins::default() });
    SettingProblem { id, severity: Severity::Problem, text: error.to_string(), fix }
}
