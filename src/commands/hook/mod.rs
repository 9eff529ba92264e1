//! One hook call, from stdin to the exit code.
//!
//! The work runs under supervision, so that a hang or a panic anywhere in it still becomes an answer. The log
//! file is written after the answer.

mod abort;
mod assess;
mod by_hand;
mod call;
mod decision_line;
mod memory;
mod overtime;
mod proof;
mod reply;
mod scanning;
mod stdin;
mod transcript;
mod unusable;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use assess::{Progress, assess, policy_of};
use call::Call;
use decision_line::{Answered, Setup, decision_line, tell_people};
use overtime::Overtime;
use reply::{Reply, Says};
use stdin::{Caller, caller_on_stdin, drain_stdin_within};
use unusable::{named_event, strictest_fail_mode, usage_problem, wants_help};

use crate::event::Event;
use crate::hook::{Assessment, Failure, News, Part, Policy};
use crate::installation;
use crate::interrupt;
use crate::logging::{self, CallLine, Stderr, StderrOwner};
use crate::phase;
use crate::scan::ScanError;
use crate::secret::Hidden;
use crate::settings::values::{Enforcement, FailMode, FlaggedOutput};
use crate::settings::{ANSWER_TIME, Enforced, Settings, enforcement, fail_mode};
use crate::stdio::{give_stderr_back, json_waits_on_stdin, keep_stderr_for_the_answer};
use crate::supervise::{Interrupted, supervise_then};
use crate::system::PROCESS_ENV;

/// The log gets no more time than this after the answer: the process must end before the hook's timeout.
const LOG_TIME: Duration = Duration::from_millis(200);

/// Codex writes the payload as soon as it has started the process. Somebody who asks for help may hold stdin open and
/// never write to it.
const PAYLOAD_COMES_WITHIN: Duration = Duration::from_secs(2);

/// Runs a hook with a command line that clap accepted.
pub fn run(event: Event, enforced: &Enforced, started: Instant) -> ExitCode {
    if io::stdin().is_terminal() {
        return by_hand::explain(event);
    }
    // Looked at only where it matters.
    let has_variable = std::env::var_os("F5_GUARDRAILS_ENFORCEMENT").is_some();
    let is_managed =
        has_variable && catch_unwind(|| installation::is_managed_program(PROCESS_ENV)).unwrap_or(true);
    let enforced = &Enforced { is_managed, ..enforced.clone() };
    guarded(event, enforced, || answer_call(event, enforced, None, started))
}

/// Runs a command line that clap refused, or that asks for help or the version: Codex takes clap's exit as "go ahead"
/// for some events and as an endless loop for others. With a payload on stdin, whole or not, it is a scan error, answered by
/// the fail mode that can still be read from it: one that asks for `closed` anywhere is closed. `None` where nobody
/// called a hook.
pub fn run_unusable(args: &[OsString], error: &clap::Error, started: Instant) -> Option<ExitCode> {
    if io::stdin().is_terminal() {
        return None;
    }
    // What else it says can't be relied on, and a user's variable has no say in what is registered.
    let enforced = Enforced {
        fail_mode: strictest_fail_mode(args),
        enforcement: Some(Enforcement::Block.as_str().into()),
        ..Enforced::default()
    };
    let named = named_event(args);
    let is_hook = named.is_some() && !wants_help(error);
    let or_named = named.unwrap_or(Event::PreToolUse);
    // The payload may take its time, and a signal may come first.
    guarded(or_named, &enforced, || {
        let event = if is_hook { or_named } else { event_of_codex(&enforced, started)?.unwrap_or(or_named) };
        let usage = usage_problem(error);
        Some(guarded(event, &enforced, || answer_call(event, &enforced, Some(usage), started)))
    })
}

/// The event of Codex's call, as far as stdin shows it within the deadline; `None` where it is somebody else's.
fn event_of_codex(enforced: &Enforced, started: Instant) -> Option<Option<Event>> {
    if !json_waits_on_stdin(PAYLOAD_COMES_WITHIN) {
        return None;
    }
    keep_stderr_for_the_answer();
    let limit = Settings::read(enforced, PROCESS_ENV).budget().limit;
    match caller_on_stdin(started + limit) {
        Caller::Codex(event) => Some(event),
        Caller::Somebody => {
            give_stderr_back();
            None
        }
    }
}

/// The last line of defence: a panic outside the supervised work.
fn guarded<T: From<ExitCode>>(event: Event, enforced: &Enforced, run: impl FnOnce() -> T) -> T {
    logging::quiet_panics();
    let policy = catch_unwind(|| Policy {
        fail_mode: *fail_mode(enforced.fail_mode.as_ref(), PROCESS_ENV),
        flagged_output: FlaggedOutput::Withhold,
        enforcement: *enforcement(enforced, PROCESS_ENV),
    });
    let policy = policy.unwrap_or(Policy {
        fail_mode: FailMode::Closed,
        flagged_output: FlaggedOutput::Withhold,
        enforcement: Enforcement::Block,
    });
    abort::prepare(event, policy.unscanned());
    // A person who tries a hook by hand may end it.
    if !io::stdin().is_terminal() {
        interrupt::hold_off();
    }
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        drain_stdin_within(LOG_TIME);
        let reply = Reply::new(
            &Call::unread(event),
            &not_scanned(ScanError::Internal),
            &News::default(),
            policy,
            Says::default(),
            &Hidden::default(),
        );
        ExitCode::from(reply.write()).into()
    })
}

fn not_scanned(error: ScanError) -> Assessment {
    Assessment::NotScanned(Failure::Scan(error))
}

/// All that was found out about a call, and the answer to it.
struct Outcome {
    call: Call,
    assessment: Assessment,
    part: Option<Part>,
    reply: Reply,
}

fn answer_call(subcommand: Event, enforced: &Enforced, usage: Option<String>, started: Instant) -> ExitCode {
    keep_stderr_for_the_answer();
    let settings = Settings::read(enforced, PROCESS_ENV);
    let hidden = Hidden::default();
    settings.api_token.iter().for_each(|token| hidden.learn(token));
    let log = logging::init(&settings.log, Stderr::Deferred, &hidden);
    settings.problems().for_each(|problem| tracing::warn!("{problem}"));
    phase::ended("settings", started);

    let policy = policy_of(&settings);
    let budget = settings.budget();
    let settings = Arc::new(settings);
    let seen = Arc::new(OnceLock::new());
    let outcome = {
        let (seen, settings, hidden) = (Arc::clone(&seen), Arc::clone(&settings), hidden.clone());
        move |(assessment, news): (Assessment, News)| {
            let call = seen.get().cloned().unwrap_or_else(|| Call::unread(subcommand)).without(&hidden);
            let masked = match &assessment {
                Assessment::Scanned(report) => report.by_modes.masked.as_ref(),
                _ => None,
            };
            let call = call.without_masked(masked);
            let says = Says {
                fail_mode_problem: settings.fail_mode.problem.as_deref().unwrap_or_default(),
                contact: settings.contact.as_deref(),
                origins: settings.origins(),
            };
            let reply = Reply::new(&call, &assessment, &news, policy, says, &hidden);
            Outcome { call, assessment, part: news.part, reply }
        }
    };
    // A call that names no hook may have waited for its payload already.
    let late = usage.clone().map_or_else(|| Failure::Scan(budget.into()), Failure::Usage);
    let progress = Arc::new(Progress::default());
    let work = {
        let progress = Arc::clone(&progress);
        let (seen, outcome, settings) = (Arc::clone(&seen), outcome.clone(), Arc::clone(&settings));
        let hidden = hidden.clone();
        move || {
            let assessed = assess(subcommand, usage, &settings, started, &seen, &hidden, &progress);
            let _ = progress.assessed.set(assessed.clone());
            let found = outcome(assessed);
            if let Some(call) = seen.get() {
                // What stands against a call may be another text's verdict.
                let is_scanned = matches!(found.assessment, Assessment::Scanned(_)) && found.part.is_none();
                transcript::note_own_words(call, &found.reply, is_scanned, &settings, PROCESS_ENV);
            }
            found
        }
    };
    // The work knows more about a scan that is late than this thread does: it gets the time to tell.
    let deadline = started + budget.limit;
    let overtime = Overtime::default();
    let watch = overtime.clone();
    let more = |progress: &Progress| {
        let is_reading = progress.assessed.get().is_none() && progress.has_an_answer();
        is_reading.then_some(budget.for_reading)
    };
    let found = supervise_then(deadline + ANSWER_TIME, || more(&progress), work, move || watch.watch());
    let is_watched = found.is_ok();
    let found = found.unwrap_or_else(|interrupted| {
        if let Some(assessed) = progress.assessed.get() {
            return outcome(assessed.clone());
        }
        let assessment = match interrupted {
            Interrupted::TimedOut => Assessment::NotScanned(late),
            Interrupted::Panicked => not_scanned(ScanError::Internal),
            Interrupted::NotStarted => {
                drain_stdin_within(deadline.saturating_duration_since(Instant::now()));
                not_scanned(ScanError::Internal)
            }
        };
        outcome((assessment, News::default()))
    });
    let assessed = Instant::now();
    let written = found.reply.write();
    overtime.answered(written);
    let times = Answered { started, assessed, written: Instant::now() };
    let setup = Setup { enforced, settings: &settings, env: PROCESS_ENV };
    record(&found, setup, times, written.is_on_stderr(), |call, owner| match is_watched {
        // The thread that made the scan is still there, and watches. To start another takes longer than to write.
        true => log.finish(call, owner),
        false => log.finish_within(LOG_TIME, call, owner),
    });
    written.into()
}

fn record(
    found: &Outcome,
    setup: Setup<'_>,
    times: Answered,
    is_on_stderr: bool,
    write: impl FnOnce(Option<CallLine>, StderrOwner),
) {
    // Nothing that happens in here may change the exit code, or lead to a second answer: Codex drops two.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        phase::took("answer", times.written.saturating_duration_since(times.assessed));
        phase::took("all", times.written.saturating_duration_since(times.started));
        let owner = if is_on_stderr { StderrOwner::Answer } else { StderrOwner::Log };
        let mut line = decision_line(&found.call, &found.assessment, found.reply.action, setup, times);
        if let Some(part) = &found.part {
            line.part = Some(part.kind.to_owned());
            line.allow_text = part.allow.clone();
        }
        tell_people(&line);
        // The doctor tries whether hooks run, and changes nothing.
        let is_trial = matches!(found.assessment, Assessment::Proof(_));
        write((!is_trial).then(|| CallLine { line, text: found.call.text.clone() }), owner);
    }));
}
