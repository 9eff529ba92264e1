//! The supervised work of a hook: read the payload, scan its text. Everything in here may block or panic.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::Instant;

use super::call::Call;
use super::memory::{Memory, Permit, tells_of_observing};
use super::scanning::scan_with;
use super::stdin::read_stdin;
use super::transcript::{Session, Verdict};
use super::{PROCESS_ENV, abort, proof};
use crate::event::Event;
use crate::hook::payload;
use crate::hook::{Action, Assessment, Failure, News, Part, Payload, Policy, decide};
use crate::phase;
use crate::scan::{Metadata, ScanDirection, ScanError, ScanJob, ScanReport};
use crate::secret::Hidden;
use crate::settings::Settings;
use crate::system::Env;
use crate::token;
use crate::transport::watch::{Reached, Watch};

/// What there is to answer with when the time is up before the work is done.
#[derive(Debug, Default)]
pub struct Progress {
    /// What came of the scans, as soon as that is known: no mask, note or word that takes longer shall lose a hit.
    pub assessed: OnceLock<(Assessment, News)>,
    own: Watch,
    session: Watch,
}

impl Progress {
    /// Whether the service began to answer, so that a hit may be read right now.
    pub fn has_an_answer(&self) -> bool {
        [&self.own, &self.session].into_iter().any(|watch| watch.reached() == Reached::Answer)
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
/// `progress` what may be answered with before all is done.
pub fn assess(
    subcommand: Event,
    usage: Option<String>,
    settings: &Settings,
    started: Instant,
    seen: &OnceLock<Call>,
    hidden: &Hidden,
    progress: &Progress,
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
                scan_unless_out_of_reach(&payload, &settings, PROCESS_ENV, started, progress);
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
    progress: &Progress,
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
    let texts = session.as_ref().map(Session::texts).unwrap_or_default();
    let watches = [&progress.own, &progress.session];
    let (mut own, results) = scan_with(&job, payload.is_blank(), &texts, settings, started, watches);
    if let Some(Ok(report)) = own.as_mut().filter(|own| own.as_ref().is_ok_and(ScanReport::has_mask)) {
        // Refused as a whole, where it is not only observed.
        let early = Assessment::of_scan(Ok(report.clone().unmasked()), payload.coverage);
        let _ = progress.assessed.set((early, News::default()));
        report.mask(&payload.content);
    }
    let failed = own.as_ref().and_then(|result| result.as_ref().err()).cloned();
    let own = own.map_or(Assessment::NothingToScan, |result| {
        Assessment::of_scan(result, payload.coverage).under(policy.enforcement)
    });
    let verdict = session.as_ref().and_then(|session| session.verdict(&results, policy));
    let (assessment, part) = stricter(payload.event, own.clone(), verdict, policy);
    let _ = progress.assessed.set((assessment.clone(), News { part: part.clone(), ..News::default() }));
    if let Some(session) = &session {
        session.note(&own, &results, policy);
    }
    // Where the call's own text was answered, all others count as one.
    let error = failed.as_ref().or_else(|| results.iter().find_map(|result| result.as_ref().err()));
    let sent = match failed.is_none() && error.is_some() {
        true => Cow::Owned(texts.join("\n")),
        false => Cow::Borrowed(payload.content.as_str()),
    };
    let news = memory.conclude(&attempt, error, &progress.own, &sent, &assessment);
    // What was not scanned of a session is told once in a turn, and not with every call of a tool.
    let is_open = decide(payload.event, &assessment, policy) == Action::Warn;
    let is_told = is_open
        && part.is_some()
        && session.is_some_and(|session| session.has_told_turn())
        && payload.event != Event::UserPromptSubmit;
    let is_known = news.is_known || is_told;
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

fn note_salvaged(bytes: &[u8], seen: &OnceLock<Call>) {
    if let Some(event) = payload::salvage_event(bytes) {
        seen.get_or_init(|| Call::unread(event));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::super::scanning::scan;
    use super::*;
    use crate::settings::Enforced;

    #[test]
    fn a_service_that_began_to_answer_is_waited_for() {
        let service = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", service.local_addr().unwrap());
        let env = move |name: &str| match name {
            "F5_GUARDRAILS_BASE_URL" => Some(url.clone().into()),
            "F5_GUARDRAILS_API_TOKEN" => Some("a-token-for-a-test".into()),
            _ => None,
        };
        let settings = Settings::read(&Enforced::default(), &env);
        let metadata = Metadata::new("PreToolUse", None, None, None, &[]);
        let job = ScanJob { content: "text", direction: ScanDirection::Request, metadata };
        // Asked again after the deadline, which is never.
        let gateway = "HTTP/1.1 502 No\r\nretry-after: 100\r\n\r\n";
        for (answer, is_answer) in [("HTTP/1.1 200 OK\r\n\r\n{}", true), (gateway, false)] {
            let progress = Progress::default();
            assert!(!progress.has_an_answer());
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let (mut wire, _) = service.accept().unwrap();
                    let _ = wire.read(&mut [0; 4096]).unwrap();
                    wire.write_all(answer.as_bytes()).unwrap();
                });
                assert!(scan(&job, &settings, Instant::now(), progress.session.clone()).is_err());
            });
            assert_eq!(progress.has_an_answer(), is_answer, "{answer}");
        }
    }
}
