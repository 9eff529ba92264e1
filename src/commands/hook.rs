//! One hook call, from stdin to the exit code.
//!
//! The work runs under supervision, so that a hang or a panic anywhere in it still becomes an answer. The log
//! file is written after the answer.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use clap::error::{ContextKind, ContextValue};

use crate::cli::HookArgs;
use crate::hook::message::{Subject, words};
use crate::hook::payload::{self, MAX_PAYLOAD};
use crate::hook::{Action, Assessment, Event, Failure, Payload, PayloadError, Policy, answer, decide};
use crate::logging::{self, Decided, LogFile};
use crate::phase;
use crate::printable::printable;
use crate::scan::{Metadata, ScanClient, ScanDirection, ScanError, ScanJob};
use crate::settings::values::FailMode;
use crate::settings::{Env, Overrides, Settings, fail_mode};
use crate::supervise::{Interrupted, supervise};

/// The work has this much longer than the scan's deadline to tell of it in its own, more precise words.
const GRACE: Duration = Duration::from_millis(100);
/// The log gets no more time than this after the answer: the process must end before the hook's timeout.
const LOG_TIME: Duration = Duration::from_millis(200);

/// Runs a hook with a command line that clap accepted.
pub fn run(event: Event, args: HookArgs, started: Instant) -> ExitCode {
    let overrides = Overrides::from(args);
    guarded(event, overrides.fail_mode.clone(), || answer_call(event, &overrides, None, started))
}

/// Runs a hook whose command line is unusable: a scan error, answered by the fail mode that can still be
/// read from it. A command line that asks for `closed` anywhere is closed.
pub fn run_unusable(event: Event, args: &[OsString], error: &clap::Error, started: Instant) -> ExitCode {
    let overrides = Overrides { fail_mode: strictest_fail_mode(args), ..Overrides::default() };
    let usage = usage_problem(error);
    guarded(event, overrides.fail_mode.clone(), || answer_call(event, &overrides, Some(usage), started))
}

/// The last line of defence: a panic outside the supervised work.
fn guarded(event: Event, flag: Option<OsString>, run: impl FnOnce() -> ExitCode) -> ExitCode {
    logging::quiet_panics();
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        let mode = catch_unwind(|| *fail_mode(flag.as_ref(), PROCESS_ENV)).unwrap_or(FailMode::Closed);
        let policy =
            Policy { fail_mode: mode, flagged_output: crate::settings::values::FlaggedOutput::Withhold };
        let call = Call::unread(event);
        let assessment = Assessment::NotScanned(ScanError::Internal.into());
        write_answer(&call, &assessment, decide(event, &assessment, policy), "")
    })
}

const PROCESS_ENV: Env<'static> = &|name| std::env::var_os(name);

/// What is known about the call once its payload was looked at.
#[derive(Debug, Clone)]
struct Call {
    event: Event,
    tool_name: Option<String>,
    session_id: Option<String>,
    turn_id: Option<String>,
    characters: Option<usize>,
}

impl Call {
    fn unread(event: Event) -> Self {
        Self { event, tool_name: None, session_id: None, turn_id: None, characters: None }
    }

    fn of(payload: &Payload) -> Self {
        Self {
            event: payload.event,
            tool_name: payload.tool_name.clone(),
            session_id: payload.session_id.clone(),
            turn_id: payload.turn_id.clone(),
            characters: Some(payload.content.chars().count()),
        }
    }
}

fn answer_call(
    subcommand: Event,
    overrides: &Overrides,
    usage: Option<String>,
    started: Instant,
) -> ExitCode {
    let settings = Settings::read(overrides, PROCESS_ENV);
    let log = logging::init(&settings.log);
    settings.problems().for_each(|problem| tracing::warn!("{problem}"));
    phase::ended("settings", started);

    let policy = Policy { fail_mode: *settings.fail_mode, flagged_output: *settings.flagged_output };
    let fail_mode_problem = settings.fail_mode.problem.clone().unwrap_or_default();
    let budget = settings.budget();
    let seen = Arc::new(OnceLock::new());
    let work = {
        let seen = Arc::clone(&seen);
        move || assess(subcommand, usage, &settings, started, &seen)
    };
    let assessment = supervise(started + budget.limit + GRACE, work).unwrap_or_else(|interrupted| {
        let error = match interrupted {
            Interrupted::TimedOut => {
                ScanError::Deadline { limit: budget.limit, cut_by_hook: budget.cut_by_hook }
            }
            Interrupted::Failed => ScanError::Internal,
        };
        Assessment::NotScanned(error.into())
    });
    let call = seen.get().cloned().unwrap_or_else(|| Call::unread(subcommand));
    let scanned = Instant::now();
    let action = decide(call.event, &assessment, policy);
    let exit = write_answer(&call, &assessment, action, &fail_mode_problem);
    phase::ended("answer", scanned);
    phase::ended("all", started);
    record(&log, &call, &assessment, action, started);
    exit
}

/// Reads the payload and scans it. Everything in here may block or panic.
fn assess(
    subcommand: Event,
    usage: Option<String>,
    settings: &Settings,
    started: Instant,
    seen: &OnceLock<Call>,
) -> Assessment {
    let failed = |failure: Failure| Assessment::NotScanned(failure);
    let begun = Instant::now();
    let input = read_stdin();
    let payload =
        match input.and_then(|bytes| payload::parse(&bytes).inspect_err(|_| note_salvaged(&bytes, seen))) {
            Ok(payload) => payload,
            Err(error) => return failed(usage.map_or(Failure::Payload(error), Failure::Usage)),
        };
    let call = seen.get_or_init(|| Call::of(&payload));
    phase::ended("payload", begun);
    if !subcommand.same_subcommand(call.event) {
        tracing::warn!(
            "the subcommand for {} got a payload of {}; it is answered as such: check the registration",
            subcommand.name(),
            call.event.name()
        );
    }
    if let Some(usage) = usage {
        return failed(Failure::Usage(usage));
    }
    if payload.content.trim().is_empty() {
        return Assessment::NothingToScan;
    }
    match scan(&payload, settings, started) {
        Ok(report) => Assessment::Scanned(report),
        Err(error) => failed(error.into()),
    }
}

fn scan(
    payload: &Payload,
    settings: &Settings,
    started: Instant,
) -> Result<crate::scan::ScanReport, ScanError> {
    let client = ScanClient::new(settings, started)?;
    let job = ScanJob {
        content: &payload.content,
        direction: if payload.event.ends_a_turn() { ScanDirection::Response } else { ScanDirection::Request },
        metadata: Metadata::new(
            payload.event.name(),
            payload.tool_name.as_deref(),
            payload.session_id.as_deref(),
            payload.turn_id.as_deref(),
        ),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|_| ScanError::Internal)?;
    let result = runtime.block_on(client.scan(&job));
    // Not dropped: that would wait for a name look-up that hangs.
    runtime.shutdown_background();
    result
}

/// Reads stdin to its end, always: Codex takes a hook that does not as failed, and goes ahead. Of a payload
/// over the limit one byte more than that is kept, by which it is recognised.
fn read_stdin() -> Result<Vec<u8>, PayloadError> {
    let mut stdin = io::stdin().lock();
    let mut bytes = Vec::new();
    stdin.by_ref().take(MAX_PAYLOAD as u64 + 1).read_to_end(&mut bytes).map_err(|_| PayloadError::Read)?;
    if bytes.len() > MAX_PAYLOAD {
        io::copy(&mut stdin, &mut io::sink()).map_err(|_| PayloadError::Read)?;
    }
    Ok(bytes)
}

fn note_salvaged(bytes: &[u8], seen: &OnceLock<Call>) {
    if let Some(event) = payload::salvage_event(bytes) {
        seen.get_or_init(|| Call::unread(event));
    }
}

/// Writes the answer; where it can't be written, says no by exit code.
fn write_answer(call: &Call, assessment: &Assessment, action: Action, fail_mode_problem: &str) -> ExitCode {
    let subject = Subject { event: call.event, tool_name: call.tool_name.as_deref(), fail_mode_problem };
    let words = words(subject, assessment, action);
    let written = match answer::render(call.event, action, &words) {
        Ok(None) => return ExitCode::SUCCESS,
        Ok(Some(line)) => write_line(&line),
        Err(error) => Err(error.into()),
    };
    if written.is_ok() {
        return ExitCode::SUCCESS;
    }
    // Codex shows this text as the reason where exit code 2 blocks. It must not be empty.
    let _ = writeln!(io::stderr(), "{} {}", words.notice, words.reason);
    // For the stop events exit code 2 would send that text to the model as a new prompt, without end.
    ExitCode::from(if call.event.ends_a_turn() { 1 } else { 2 })
}

fn write_line(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

fn record(log: &LogFile, call: &Call, assessment: &Assessment, action: Action, started: Instant) {
    // Nothing that happens in here may change the exit code.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        logging::decided(&Decided {
            event: call.event,
            tool_name: call.tool_name.as_deref(),
            session_id: call.session_id.as_deref(),
            turn_id: call.turn_id.as_deref(),
            characters: call.characters,
            assessment,
            action,
            duration: started.elapsed(),
        });
        log.flush_within(LOG_TIME);
    }));
}

/// The values of every `--fail-mode` on a command line that can't be parsed; the strictest counts.
fn strictest_fail_mode(args: &[OsString]) -> Option<OsString> {
    let mut found: Option<OsString> = None;
    for (index, arg) in args.iter().enumerate() {
        let text = arg.to_string_lossy();
        let value = match text.strip_prefix("--fail-mode") {
            Some("") => args.get(index + 1).cloned().unwrap_or_default(),
            Some(rest) => OsString::from(rest.strip_prefix('=').unwrap_or(rest)),
            None => continue,
        };
        let is_open = |value: &OsString| value.to_str().and_then(FailMode::parse) == Some(FailMode::Open);
        if found.as_ref().is_none_or(is_open) {
            found = Some(value);
        }
    }
    found
}

/// Which argument was wrong, without its value, which could be a secret.
fn usage_problem(error: &clap::Error) -> String {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.as_str(),
        _ => "",
    };
    let name = printable(argument.split(['=', ' ']).next().unwrap_or_default(), 40);
    let kind = error.kind();
    if name.starts_with("--") { format!("{kind} ({name})").to_lowercase() } else { kind.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strictest(line: &str) -> Option<String> {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        strictest_fail_mode(&args).map(|value| value.into_string().unwrap())
    }

    #[test]
    fn the_strictest_fail_mode_of_an_unusable_command_line_counts() {
        assert_eq!(strictest("x stop --nonsense"), None);
        assert_eq!(strictest("x stop --fail-mode open --nonsense").as_deref(), Some("open"));
        assert_eq!(strictest("x stop --fail-mode=open --fail-mode closed").as_deref(), Some("closed"));
        assert_eq!(strictest("x stop --fail-mode closed --fail-mode=open").as_deref(), Some("closed"));
        assert_eq!(
            strictest("x stop --fail-mode").as_deref(),
            Some(""),
            "unreadable, so it counts as closed"
        );
        assert_eq!(strictest("x stop --fail-modeclosed").as_deref(), Some("closed"));
    }
}
