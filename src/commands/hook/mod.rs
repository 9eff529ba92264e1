//! One hook call, from stdin to the exit code.
//!
//! The work runs under supervision, so that a hang or a panic anywhere in it still becomes an answer. The log
//! file is written after the answer.

mod call;
mod reply;
mod unusable;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use call::{Call, assess, drain_stdin, event_on_stdin};
use reply::write_answer;
use unusable::{strictest_fail_mode, usage_problem};

use crate::abort;
use crate::cli::HookArgs;
use crate::hook::{Action, Assessment, Event, Policy, decide};
use crate::interrupt;
use crate::logging::{self, Decided, Log, Stderr};
use crate::phase;
use crate::scan::ScanError;
use crate::settings::values::{FailMode, FlaggedOutput};
use crate::settings::{ANSWER_TIME, Env, Overrides, Settings, fail_mode};
use crate::supervise::{Interrupted, supervise};

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

/// Runs a command line with a subcommand that does not exist: misspelt in a registration it would let every call
/// pass, or at a stop start the turn again and again. `None` where stdin holds no hook payload.
pub fn run_misspelt(args: &[OsString], error: &clap::Error, started: Instant) -> Option<ExitCode> {
    let overrides = Overrides { fail_mode: strictest_fail_mode(args), ..Overrides::default() };
    let limit = Settings::read(&overrides, PROCESS_ENV).budget().limit;
    let event = supervise(started + limit, event_on_stdin).ok().flatten()?;
    let usage = usage_problem(error);
    Some(guarded(event, overrides.fail_mode.clone(), || answer_call(event, &overrides, Some(usage), started)))
}

/// The last line of defence: a panic outside the supervised work.
fn guarded(event: Event, flag: Option<OsString>, run: impl FnOnce() -> ExitCode) -> ExitCode {
    logging::quiet_panics();
    // A person who tries a hook by hand may end it.
    if !io::stdin().is_terminal() {
        interrupt::hold_off();
    }
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        let mode = catch_unwind(|| *fail_mode(flag.as_ref(), PROCESS_ENV)).unwrap_or(FailMode::Closed);
        let policy = Policy { fail_mode: mode, flagged_output: FlaggedOutput::Withhold };
        let call = Call::unread(event);
        let assessment = Assessment::NotScanned(ScanError::Internal.into());
        let _ = supervise(Instant::now() + LOG_TIME, drain_stdin);
        write_answer(&call, &assessment, decide(event, &assessment, policy), "")
    })
}

const PROCESS_ENV: Env<'static> = &|name| std::env::var_os(name);

fn answer_call(
    subcommand: Event,
    overrides: &Overrides,
    usage: Option<String>,
    started: Instant,
) -> ExitCode {
    let settings = Settings::read(overrides, PROCESS_ENV);
    let log = logging::init(&settings.log, Stderr::Deferred);
    abort::prepare(subcommand, *settings.fail_mode);
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
    // The work knows more about a scan that is late than this thread does: it gets the time to tell.
    let assessment = supervise(started + budget.limit + ANSWER_TIME, work).unwrap_or_else(|interrupted| {
        let error = match interrupted {
            Interrupted::TimedOut => budget.into(),
            Interrupted::Panicked => ScanError::Internal,
            Interrupted::NotStarted => {
                drain_stdin();
                ScanError::Internal
            }
        };
        Assessment::NotScanned(error.into())
    });
    let call = seen.get().cloned().unwrap_or_else(|| Call::unread(subcommand));
    let assessed = Instant::now();
    let action = decide(call.event, &assessment, policy);
    let exit = write_answer(&call, &assessment, action, &fail_mode_problem);
    record(&log, &call, &assessment, action, Answered { started, assessed, written: Instant::now() });
    exit
}

/// When a call began, when its scan was over, and when its answer was out.
struct Answered {
    started: Instant,
    assessed: Instant,
    written: Instant,
}

fn record(log: &Log, call: &Call, assessment: &Assessment, action: Action, times: Answered) {
    // Nothing that happens in here may change the exit code, or lead to a second answer: Codex drops two.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        phase::took("answer", times.written.saturating_duration_since(times.assessed));
        phase::took("all", times.written.saturating_duration_since(times.started));
        logging::decided(&Decided {
            event: call.event,
            tool_name: call.tool_name.as_deref(),
            session_id: call.session_id.as_deref(),
            turn_id: call.turn_id.as_deref(),
            characters: call.characters,
            assessment,
            action,
            duration: times.started.elapsed(),
        });
        log.flush_within(LOG_TIME);
    }));
}
