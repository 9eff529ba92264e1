//! `dump-config`: the service's configuration, without its secrets, in a file for support.
//!
//! Providers, projects, tokens and which providers each project has added, may use and has enabled; redacted with
//! [`crate::redact`], under the JSON keys of the Python dump, because support scripts read them. All but [`service`] is
//! tested without a network, through a [`PageSource`](source::PageSource).
//!
//! Exit code 0: everything was read. 1: nothing was written. 2: something is missing, and the file says what.

mod collection;
mod cursor;
mod document;
mod highlight;
mod intern;
mod read;
mod service;
mod source;
mod write;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use self::document::{Contents, Document, Header, Outcome};
use self::highlight::{Highlight, highlights};
use self::read::Progress;
pub(super) use self::service::Service;
pub(super) use self::source::PageSource;
use crate::cli::DumpConfigArgs;
use crate::logging;
use crate::printable::{counted, printable};
use crate::redact::Redactor;
use crate::secret::{Hidden, Secret, TOKEN_VARIABLES};
use crate::settings::{BaseUrl, Enforced, PlainHttp, Settings, Source};
use crate::stdio::say_error;
use crate::system::{Env, PROCESS_ENV};
use crate::terminal::fitted;
use crate::token::store::{self, Manner};
use crate::token::{self, Elsewhere, Entry, Kind, TokenError, elsewhere};
use crate::transport::Transport;

/// Where the configuration is read from when nobody says otherwise; not the host that scans go to.
pub(super) const DEFAULT_BASE_URL: &str = "https://us1.calypsoai.app";
/// What stands for a variable's name where the token was stored.
const STORED: &str = "f5-guard login --global";
/// Progress is shown when the reading takes longer than this, and again after each such time.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);
/// So many failures are shown one by one; the file lists them all.
const SHOWN_FAILURES: usize = 10;
/// Characters of a name or cause that are shown.
const SHOWN: usize = 300;
const LOG_TIME: Duration = Duration::from_millis(200);

/// Runs the subcommand.
pub fn run(args: &DumpConfigArgs, started: Instant) -> ExitCode {
    logging::quiet_panics();
    let env = PROCESS_ENV;
    let enforced = Enforced { base_url: args.base_url.clone(), ..Enforced::default() }.as_own();
    let settings = Settings::read(&enforced, env);
    let hidden = Hidden::default();
    let log = logging::init(&settings.log, logging::Stderr::Immediate, &hidden);
    let code = match dump(args, &settings, env, started, &hidden) {
        Ok(outcome) => outcome.exit_code(),
        Err(problem) => {
            say_error(&format!("[ERROR] {}", hidden.without(&problem)));
            Outcome::Nothing.exit_code()
        }
    };
    log.flush_within(LOG_TIME);
    ExitCode::from(code)
}

/// Reads, writes and reports. An error is a problem with its fix, in sentences.
fn dump(
    args: &DumpConfigArgs,
    settings: &Settings,
    env: Env<'_>,
    started: Instant,
    hidden: &Hidden,
) -> Result<Outcome, String> {
    let base_url = base_url(settings)?;
    let found = global_token(&base_url, env, started + token::STORE_TIME)
        .map_err(|error| format!("{error} {}", error.fix()))?;
    let GlobalToken { name: token_env, token } = found.ok_or_else(|| {
        let variables = TOKEN_VARIABLES.join(", ");
        if let Some(elsewhere) = global_elsewhere(&base_url, env, started + token::STORE_TIME) {
            return format!("{elsewhere} {}", elsewhere.fix(settings.base_url.source));
        }
        format!(
            "No API token is set. Run `f5-guard login --global`, or set one of {variables}; only a global token can \
             read the whole configuration."
        )
    })?;
    hidden.learn(&token);
    let to_stdout = args.output.as_os_str() == "-";
    if !to_stdout {
        write::check_place(&args.output).map_err(|error| error.to_string())?;
    }
    let transport = Transport::new(&settings.tls, &settings.proxies)
        .map_err(|error| format!("{error} {}", error.fix()))?;
    let service = Service::new(transport, base_url.clone(), &token, settings.origins())
        .map_err(|error| format!("{error} Copy the token again from the F5 console{}.", into(token_env)))?;

    let redactor = Redactor::new([token.expose().to_owned()]);
    let contents = read(&service, &redactor, started)?;
    let outcome = contents.outcome();
    tell_failures(&contents, token_env);
    if outcome == Outcome::Nothing {
        return Err("Nothing could be read, so no file was written.".to_owned());
    }

    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let header = Header::new(now, base_url.shown(), token_env, &args.project, &redactor);
    let document = Document { header, contents };
    if to_stdout {
        let written = write::write_json(io::stdout().lock(), &document);
        written.map(drop).map_err(|error| format!("stdout can't be written: {error}."))?;
    } else {
        write::write_file(Path::new(&args.output), &document).map_err(|error| error.to_string())?;
    }
    // Scripts that read the document from stdout must find nothing else there.
    let mut report: Box<dyn Write> = if to_stdout { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
    let told = report_on(&mut report, &document, args);
    tell_redactions(&document.contents);
    // The file is there; that nobody listens takes nothing away from it.
    let _ = told;
    Ok(outcome)
}

/// A token, and the variable that holds it or the command that stored it.
pub(super) struct GlobalToken {
    pub name: &'static str,
    pub token: Secret,
}

/// The token for the service at `address`; the store has until `deadline`.
pub(super) fn global_token(
    address: &BaseUrl,
    env: Env<'_>,
    deadline: Instant,
) -> Result<Option<GlobalToken>, TokenError> {
    let stored = || {
        let entry = Entry::new(Kind::Global, address);
        let found = token::stored(&entry, env, deadline, Manner::Silent, &store::system(env))?;
        Ok(found.map(|found| found.token))
    };
    find_token(env, stored)
}

/// The global tokens of other services, where this one has none.
pub(super) fn global_elsewhere(address: &BaseUrl, env: Env<'_>, deadline: Instant) -> Option<Elsewhere> {
    let wanted = Entry::new(Kind::Global, address);
    let others = elsewhere::others(&wanted, env, deadline, &store::system(env));
    Elsewhere::new(wanted, &others)
}

fn find_token(
    env: Env<'_>,
    stored: impl FnOnce() -> Result<Option<Secret>, TokenError>,
) -> Result<Option<GlobalToken>, TokenError> {
    let variable = |name: &'static str| {
        // What is not Unicode turns into characters that no token has, and is refused where it is used.
        let token = env(name)?.to_string_lossy().trim().to_owned();
        (!token.is_empty()).then(|| GlobalToken { name, token: Secret::new(token) })
    };
    // The first that is set holds the token. What `login --global` stored comes behind the first of them: the others hold
    // a project's as a rule, which can't read everything.
    let [global, others @ ..] = TOKEN_VARIABLES;
    if let Some(found) = variable(global) {
        return Ok(Some(found));
    }
    match stored() {
        Ok(Some(token)) => Ok(Some(GlobalToken { name: STORED, token })),
        // A store that can't be read is reported where nothing else has a token.
        otherwise => match others.into_iter().find_map(variable) {
            Some(found) => Ok(Some(found)),
            None => otherwise.map(|_| None),
        },
    }
}

/// Where a new token goes.
fn into(token_env: &str) -> String {
    match token_env {
        STORED => format!(", and run `{STORED}`"),
        variable => format!(" into {variable}"),
    }
}

fn base_url(settings: &Settings) -> Result<BaseUrl, String> {
    let parsed = match settings.base_url.source {
        Source::Default => BaseUrl::parse(DEFAULT_BASE_URL, PlainHttp::LoopbackOnly),
        _ => settings.base_url.value.clone(),
    };
    parsed.map_err(|error| {
        let from = settings.base_url.source;
        format!("{error} Give {from} an address such as {DEFAULT_BASE_URL}.")
    })
}

fn read(service: &Service, redactor: &Redactor, started: Instant) -> Result<Contents, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("The network can't be used: {error}."))?;
    let mut told = started;
    let contents = runtime.block_on(read::read(service, redactor, |progress| {
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            say_error(&progress_line(progress));
        }
    }));
    // Not dropped: that would wait for a name look-up that hangs.
    runtime.shutdown_background();
    Ok(contents)
}

fn progress_line(progress: Progress) -> String {
    let requests = counted(progress.requests, "request");
    match progress.projects {
        None => format!("[INFO] Reading providers, projects and tokens: {requests} so far."),
        Some((done, total)) => {
            let projects = counted(total, "project");
            format!("[INFO] Reading the projects' providers: {done} of {projects}, {requests} so far.")
        }
    }
}

fn tell_failures(contents: &Contents, token_env: &str) {
    let failures = &contents.failures;
    for failure in failures.iter().take(SHOWN_FAILURES) {
        say_error(&format!("[MISSING] {}", printable(&failure.to_string(), SHOWN)));
    }
    if let Some(more @ 1..) = failures.len().checked_sub(SHOWN_FAILURES) {
        say_error(&format!("[MISSING] … and {more} more; `failures` in the file lists them all."));
    }
    let any = |status| failures.iter().any(|failure| failure.status == Some(status));
    if any(401) {
        say_error(&match token_env {
            STORED => format!("[FIX] Run `{STORED}`: the stored token may be expired or revoked."),
            name => format!("[FIX] Check {name}: the token may be expired, revoked or of another F5 region."),
        });
    }
    if any(403) {
        say_error(&format!(
            "[FIX] Only a global token of an administrator may read everything: store one with `{STORED}`, or put it into F5_GLOBAL_API_TOKEN ({token_env} was used)."
        ));
    }
}

fn report_on(report: &mut dyn Write, document: &Document, args: &DumpConfigArgs) -> io::Result<()> {
    let Document { contents, .. } = document;
    let how = match contents.outcome() {
        Outcome::Complete => "[OK] Wrote the redacted configuration",
        _ => "[WARN] Wrote the redacted configuration as far as it could be read",
    };
    writeln!(report, "{}", fitted(&format!("{how}: {}", args.output.display())))?;
    writeln!(report, "  providers: {}", contents.providers.count)?;
    writeln!(report, "  projects:  {}", contents.projects.count)?;
    writeln!(report, "  tokens:    {}", contents.tokens.count)?;
    for wanted in &args.project {
        let found = highlights(contents, wanted);
        if found.is_empty() {
            let read = contents.relationships.len();
            say_error(&format!(
                "[WARN] None of the projects that were read ({read}) has the name, id or friendly id {}.",
                printable(wanted, SHOWN)
            ));
        }
        for project in found {
            highlight(report, &project)?;
        }
    }
    report.flush()
}

fn highlight(report: &mut dyn Write, project: &Highlight) -> io::Result<()> {
    let count = |count: Option<usize>| {
        count.map_or_else(|| "could not be read".to_owned(), |count| count.to_string())
    };
    let named = |mark: &str, name: &str, id: &str| {
        fitted(&format!("{mark}{} ({})", printable(name, SHOWN), printable(id, SHOWN)))
    };
    writeln!(report, "{}", named("project: ", &project.name, &project.id))?;
    writeln!(report, "  added providers:      {}", count(project.added))?;
    writeln!(report, "  accessible providers: {}", count(project.accessible))?;
    writeln!(report, "  enabled providers:    {}", count(project.enabled))?;
    for provider in &project.enabled_providers {
        writeln!(report, "{}", named("    - ", &provider.name, &provider.id))?;
    }
    Ok(())
}

fn tell_redactions(contents: &Contents) {
    let counts: Vec<String> =
        contents.counts.iter().map(|(kind, count)| format!("{} {count}", kind.as_str())).collect();
    let counts = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
    say_error(&format!("[INFO] Redacted: {counts}. Look through the file before you share it."));
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn token(stored: Option<&str>, variables: &[(&str, &str)]) -> Option<(&'static str, String)> {
        let env =
            |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
        let found = find_token(&env, || Ok(stored.map(Secret::new))).unwrap();
        found.map(|found| (found.name, found.token.expose().to_owned()))
    }

    #[test]
    fn the_global_token_comes_first_and_an_empty_one_counts_as_not_set() {
        let all =
            [("CALYPSOAI_TOKEN", "c"), ("F5_GUARDRAILS_API_TOKEN", " g "), ("F5_GLOBAL_API_TOKEN", "a")];
        assert_eq!(token(None, &all), Some(("F5_GLOBAL_API_TOKEN", "a".to_owned())));
        assert_eq!(token(None, &all[..2]), Some(("F5_GUARDRAILS_API_TOKEN", "g".to_owned())));
        assert_eq!(
            token(None, &[("F5_GLOBAL_API_TOKEN", " "), all[0]]),
            Some(("CALYPSOAI_TOKEN", "c".to_owned()))
        );
        assert_eq!(token(None, &[]), None);
    }

    #[test]
    fn a_stored_global_token_comes_before_a_projects_variable() {
        let project = [("F5_GUARDRAILS_API_TOKEN", "g")];
        assert_eq!(token(Some("s"), &project), Some((STORED, "s".to_owned())));
        assert_eq!(
            token(Some("s"), &[("F5_GLOBAL_API_TOKEN", "a")]),
            Some(("F5_GLOBAL_API_TOKEN", "a".to_owned()))
        );
    }

    #[test]
    fn a_store_that_cannot_be_read_is_told_where_no_variable_has_a_token() {
        let error =
            || TokenError::Store { name: "the store", error: store::StoreError::Locked { fix: "unlock it" } };
        let project = |name: &str| (name == "CALYPSOAI_TOKEN").then(|| OsString::from("c"));
        assert!(find_token(&project, || Err(error())).unwrap().is_some());
        assert_eq!(find_token(&|_| None, || Err(error())).err(), Some(error()));
    }
}
