//! The supervised work of a hook: read the payload, scan its text. Everything in here may block or panic.

use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::memory::{Memory, Permit, tells_of_observing};
use super::transcript::{Session, Verdict};
use super::{PROCESS_ENV, abort, proof};
use crate::event::Event;
use crate::hook::payload::{self, MAX_PAYLOAD};
use crate::hook::{Assessment, Failure, Input, News, Part, Payload, PayloadError, Policy, decide};
use crate::phase;
use crate::scan::mask::Masked;
use crate::scan::{Metadata, ScanClient, ScanDirection, ScanError, ScanJob, ScanReport, Scanned};
use crate::secret::Hidden;
use crate::settings::Settings;
use crate::stdio;
use crate::supervise::{Interrupted, supervise};
use crate::system::Env;
use crate::token;
use crate::transport::watch::Watch;

/// What is known about the call once its payload was looked at.
#[derive(Debug, Clone)]
pub struct Call {
    pub event: Event,
    pub tool_name: Option<String>,
    pub input: Input,
    pub session_id: Option<String>,
    pub turn_id: Option<String>,
    pub tool_use_id: Option<String>,
    /// The text to scan; `None` where the payload could not be read.
    pub text: Option<Arc<String>>,
    /// Whether the session has a file of its own.
    pub has_transcript: bool,
}

impl Call {
    pub fn unread(event: Event) -> Self {
        Self {
            event,
            tool_name: None,
            input: Input::default(),
            session_id: None,
            turn_id: None,
            tool_use_id: None,
            text: None,
            has_transcript: false,
        }
    }

    /// The same without what is hidden: names and ids come from the model and from servers.
    pub fn without(mut self, hidden: &Hidden) -> Self {
        let texts = [&mut self.tool_name, &mut self.session_id, &mut self.turn_id, &mut self.tool_use_id];
        texts.into_iter().flatten().for_each(|text| hidden.clean(text));
        Self { input: self.input.without(hidden), ..self }
    }

    /// The same without what is masked of the text, in case a name or an id repeats it.
    pub fn without_masked(mut self, masked: Option<&Masked>) -> Self {
        let (Some(masked), Some(text)) = (masked, self.text.clone()) else { return self };
        let texts = [&mut self.tool_name, &mut self.session_id, &mut self.turn_id, &mut self.tool_use_id];
        masked.clean(texts.into_iter().flatten().chain(self.input.texts_mut()), &text);
        self
    }

    fn of(payload: &Payload) -> Self {
        Self {
            event: payload.event,
            tool_name: payload.tool_name.clone(),
            input: payload.input.clone(),
            session_id: payload.session_id.clone(),
            turn_id: payload.turn_id.clone(),
            tool_use_id: payload.tool_use_id.clone(),
            text: Some(Arc::clone(&payload.content)),
            has_transcript: payload.transcript_path.is_some(),
        }
    }
}

/// What the settings say of a call.
pub fn policy_of(settings: &Settings) -> Policy {
    Policy {
        fail_mode: *settings.fail_mode,
        flagged_output: *settings.flagged_output,
        enforcement: *settings.enforcement,
    }
}

/// Reads the payload and scans it. `seen` learns what the call is about as soon as that is known, `hidden` the token, and
/// `known` a hit, which counts even if there is no time left to mask it.
pub fn assess(
    subcommand: Event,
    usage: Option<String>,
    settings: &Settings,
    started: Instant,
    seen: &OnceLock<Call>,
    hidden: &Hidden,
    known: &OnceLock<(Assessment, News)>,
) -> (Assessment, News) {
    let failed = |failure: Failure| (Assessment::NotScanned(failure), News::default());
    let begun = Instant::now();
    let input = read_stdin();
    let payload =
        match input.and_then(|bytes| payload::parse(&bytes).inspect_err(|_| note_salvaged(&bytes, seen))) {
            Ok(payload) => payload,
            Err(error) => return failed(usage.map_or(Failure::Payload(error), Failure::Usage)),
        };
    let call = seen.get_or_init(|| Call::of(&payload));
    phase::ended("payload", begun);
    abort::prepare(call.event, policy_of(settings).unscanned());
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
    if !payload.unknown_fields.is_empty() {
        tracing::debug!(
            "fields of the payload that this version does not know: {}",
            payload.unknown_fields.join(", ")
        );
    }
    let reads_on =
        *settings.transcript && payload.transcript_path.is_some() && payload.event.comes_before_an_act();
    if payload.is_blank() && !reads_on {
        return (Assessment::NothingToScan, News::default());
    }
    if let Some(proof) = proof::answer(&payload, settings, started, hidden) {
        return (Assessment::Proof(proof), News::default());
    }
    match token::completed(settings, PROCESS_ENV, started + settings.budget().limit) {
        Ok(settings) => {
            settings.api_token.iter().for_each(|token| hidden.learn(token));
            let (assessment, news) =
                scan_unless_out_of_reach(&payload, &settings, PROCESS_ENV, started, known);
            let session = payload.session_id.as_deref();
            let observes = tells_of_observing(&settings, PROCESS_ENV, session, payload.event, started);
            (assessment, News { observes, ..news })
        }
        Err(error) => failed(ScanError::from(error).into()),
    }
}

fn scan_unless_out_of_reach(
    payload: &Payload,
    settings: &Settings,
    env: Env<'_>,
    started: Instant,
    known: &OnceLock<(Assessment, News)>,
) -> (Assessment, News) {
    let session = Session::open(payload, settings, env, started + settings.budget().limit);
    if payload.is_blank() && session.as_ref().is_none_or(Session::is_quiet) {
        return (Assessment::NothingToScan, News::default());
    }
    let policy = policy_of(settings);
    let mut memory = Memory::open(settings, env, payload.session_id.as_deref(), started);
    let attempt = match memory.permit() {
        Permit::Scan(attempt) => attempt,
        Permit::Skip(outage) => {
            let own = Assessment::NotScanned(Failure::Outage(outage));
            let (assessment, part) =
                stricter(payload.event, own, session.and_then(|session| session.known(policy)), policy);
            return (assessment, News { part, ..memory.skipped() });
        }
    };
    let job = ScanJob {
        content: &payload.content,
        direction: if payload.event.ends_a_turn() { ScanDirection::Response } else { ScanDirection::Request },
        metadata: Metadata::new(
            payload.event.name(),
            payload.tool_name.as_deref(),
            payload.session_id.as_deref(),
            payload.turn_id.as_deref(),
            &settings.metadata,
        ),
    };
    let watch = Watch::default();
    let texts = session.as_ref().map(Session::texts).unwrap_or_default();
    let (mut own, results) = scan_with(&job, payload.is_blank(), &texts, settings, started, watch.clone());
    if let Some(Ok(report)) = own.as_mut().filter(|own| own.as_ref().is_ok_and(ScanReport::has_mask)) {
        // Refused as a whole, where it is not only observed.
        let early = Assessment::of_scan(Ok(report.clone().unmasked()), payload.coverage);
        let _ = known.set((early, News::default()));
        report.mask(&payload.content);
    }
    let failed = own.as_ref().and_then(|result| result.as_ref().err()).cloned();
    let own = own.map_or(Assessment::NothingToScan, |result| {
        Assessment::of_scan(result, payload.coverage).under(policy.enforcement)
    });
    let verdict = session.and_then(|session| session.conclude(&own, &results, policy));
    // Where the call's own text was answered, all others count as one.
    let error = failed.as_ref().or_else(|| results.iter().find_map(|result| result.as_ref().err()));
    let sent = match failed.is_none() && error.is_some() {
        true => Cow::Owned(texts.join("\n")),
        false => Cow::Borrowed(payload.content.as_str()),
    };
    let (assessment, part) = stricter(payload.event, own, verdict, policy);
    let news = memory.conclude(&attempt, error, &watch, &sent, &assessment);
    // What can't be read of a session is told with each prompt, and not with every call of a tool.
    let is_known = news.is_known || part.is_some() && payload.event != Event::UserPromptSubmit;
    (assessment, News { part, is_known, ..news })
}

/// The call's own hit before one of the session's, and both before what was not scanned.
fn stricter(
    event: Event,
    own: Assessment,
    verdict: Option<Verdict>,
    policy: Policy,
) -> (Assessment, Option<Part>) {
    let Some(Verdict { assessment, part, .. }) = verdict else { return (own, None) };
    let is_hit =
        |assessment: &Assessment| matches!(assessment, Assessment::Scanned(report) if !report.is_cleared());
    let rank = |assessment: &Assessment| (decide(event, assessment, policy), is_hit(assessment));
    if rank(&own) >= rank(&assessment) { (own, None) } else { (assessment, Some(part)) }
}

/// Scans the call's own text, unless it is blank, and next to it those of the session.
fn scan_with(
    job: &ScanJob<'_>,
    is_blank: bool,
    texts: &[String],
    settings: &Settings,
    started: Instant,
    watch: Watch,
) -> (Option<Scanned>, Vec<Scanned>) {
    if texts.is_empty() {
        return ((!is_blank).then(|| scan(job, settings, started, watch)), Vec::new());
    }
    let own = (!is_blank).then_some(job);
    let metadata = job.metadata.clone().of_the_transcript();
    let found = ScanClient::new(settings, started, None, watch).and_then(|client| {
        // What the others meet says nothing of how far the call's own text came.
        let others = match own {
            Some(_) => ScanClient::new(settings, started, None, Watch::default())?,
            None => client.clone(),
        };
        let found = client.scan_blocking_with(own, &others, texts, &metadata);
        std::mem::forget(others);
        // As for `scan`.
        std::mem::forget(client);
        found
    });
    found.unwrap_or_else(|error| {
        (own.map(|_| Err(error.clone())), texts.iter().map(|_| Err(error.clone())).collect())
    })
}

/// Scans within the time of this run of the hook.
pub fn scan(
    job: &ScanJob<'_>,
    settings: &Settings,
    started: Instant,
    watch: Watch,
) -> Result<ScanReport, ScanError> {
    let client = ScanClient::new(settings, started, None, watch)?;
    let result = client.scan_blocking(job);
    // The process ends with the answer, which need not wait for hundreds of certificates to be freed one by one.
    std::mem::forget(client);
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

/// Takes what is left on stdin within `limit`, where no answer depends on it any more.
pub fn drain_stdin_within(limit: Duration) {
    // What can't be read can't be drained either.
    let drain = || drop(io::copy(&mut io::stdin().lock(), &mut io::sink()));
    if supervise(Instant::now() + limit, drain) == Err(Interrupted::NotStarted) {
        stdio::drain_stdin_within(limit);
    }
}

/// Whose call it is, for a command line that may not say which hook it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Codex's, as what came on stdin shows, with the event that it names.
    Codex(Option<Event>),
    Somebody,
}

/// Looks at stdin until its end or the deadline. What begins as a payload and does not end in time is one.
pub fn caller_on_stdin(deadline: Instant) -> Caller {
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let read = {
        let arrived = Arc::clone(&arrived);
        move || read_stdin_into(&arrived)
    };
    let ended = supervise(deadline, read);
    let bytes = arrived.lock().unwrap_or_else(PoisonError::into_inner);
    match ended {
        // Without a thread nothing was read, and something is there.
        Err(Interrupted::NotStarted) => Caller::Codex(None),
        ended if payload::may_be_one(&bytes, ended.is_ok()) => Caller::Codex(payload::salvage_event(&bytes)),
        _ => Caller::Somebody,
    }
}

/// Reads stdin to its end, and keeps as much as [`read_stdin`].
fn read_stdin_into(arrived: &Mutex<Vec<u8>>) {
    let mut stdin = io::stdin().lock();
    let mut part = vec![0; 64 * 1024];
    loop {
        match stdin.read(&mut part) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
            Ok(count) => {
                let mut arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
                let room = (MAX_PAYLOAD + 1).saturating_sub(arrived.len()).min(count);
                arrived.extend_from_slice(part.get(..room).unwrap_or_default());
            }
        }
    }
}

fn note_salvaged(bytes: &[u8], seen: &OnceLock<Call>) {
    if let Some(event) = payload::salvage_event(bytes) {
        seen.get_or_init(|| Call::unread(event));
    }
}
