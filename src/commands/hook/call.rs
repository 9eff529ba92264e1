//! The supervised work of a hook: read the payload, scan its text. Everything in here may block or panic.

use std::io::{self, Read};
use std::sync::OnceLock;
use std::time::Instant;

use super::{PROCESS_ENV, abort, proof};
use crate::event::Event;
use crate::hook::payload::{self, MAX_PAYLOAD};
use crate::hook::{Assessment, Failure, Payload, PayloadError};
use crate::phase;
use crate::scan::{Metadata, ScanClient, ScanDirection, ScanError, ScanJob, ScanReport};
use crate::settings::Settings;
use crate::token;

/// What is known about the call once its payload was looked at.
#[derive(Debug, Clone)]
pub struct Call {
    pub event: Event,
    pub tool_name: Option<String>,
    pub session_id: Option<String>,
    pub turn_id: Option<String>,
    /// Length of the text to scan; `None` where the payload could not be read.
    pub characters: Option<usize>,
}

impl Call {
    pub fn unread(event: Event) -> Self {
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

/// Reads the payload and scans it. `seen` learns what the call is about as soon as that is known.
pub fn assess(
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
    abort::prepare(call.event, *settings.fail_mode);
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
    if payload.is_blank() {
        return Assessment::NothingToScan;
    }
    if let Some(proof) = proof::answer(&payload, settings, started) {
        return Assessment::Proof(proof);
    }
    let direction =
        if payload.event.ends_a_turn() { ScanDirection::Response } else { ScanDirection::Request };
    let metadata = Metadata::new(
        payload.event.name(),
        payload.tool_name.as_deref(),
        payload.session_id.as_deref(),
        payload.turn_id.as_deref(),
    );
    let job = ScanJob { content: &payload.content, direction, metadata };
    Assessment::of_scan(scan(&job, settings, started), payload.is_cut)
}

/// Scans within the time of this run of the hook.
pub fn scan(job: &ScanJob<'_>, settings: &Settings, started: Instant) -> Result<ScanReport, ScanError> {
    let settings = token::completed(settings, PROCESS_ENV, started + settings.budget().limit)?;
    let client = ScanClient::new(&settings, started)?;
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

/// Takes what is left on stdin, where no answer depends on it any more.
pub fn drain_stdin() {
    // What can't be read can't be drained either.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
}

/// The event of the payload on stdin, for a command line that may not say which hook it is.
pub fn event_on_stdin() -> Option<Event> {
    payload::salvage_event(&read_stdin().ok()?)
}

fn note_salvaged(bytes: &[u8], seen: &OnceLock<Call>) {
    if let Some(event) = payload::salvage_event(bytes) {
        seen.get_or_init(|| Call::unread(event));
    }
}
