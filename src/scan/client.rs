//! The scan client: a text goes out, in pieces where it is long, and the worst verdict comes back.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use tokio::task::JoinSet;
use url::Url;

use super::error::{ScanError, StatusError, refused_fields};
use super::mask::Mask;
use super::pieces::{pieces, split_after};
use super::report::{ByModes, Outcome, ScanReport, ScanTimes};
use super::request::{Metadata, ScanDirection, ScanRequest};
use super::response::{self, Verdict};
use crate::secret::SecretFinder;
use crate::settings::values::Enforcement;
use crate::settings::{BaseUrlError, Budget, Origins, PlainHttp, Settings, Source};
use crate::transport::proxy::exposes_plain_http;
use crate::transport::watch::Watch;
use crate::transport::{ExchangeLog, Transport, with_retries};

/// Of longer content only this many characters are scanned, and what stays unscanned is a scan error.
pub const MAX_CHARACTERS: usize = 2_000_000;
/// Pieces that are scanned at the same time.
const MAX_PARALLEL: usize = 8;
/// An answer is as long as this and [`ANSWER_FACTOR`] times its piece, at most.
const ANSWER_BASE: usize = 256 * 1024;
/// The service repeats a piece in `redactedInput`, where JSON can make six characters of one byte, and parts of it in
/// what scanners matched.
const ANSWER_FACTOR: usize = 12;

/// Of several texts so many requests are under way; each may be cut into pieces.
const BATCHES_AT_ONCE: usize = 4;
/// Once one text is known to be flagged the others have so much time, so that the next call need not scan them again.
const AFTER_A_HIT: Duration = Duration::from_millis(500);
/// Between texts that are scanned in one request.
const BETWEEN: &str = "\n\n";

/// What one scan came to.
pub type Scanned = Result<ScanReport, ScanError>;

/// Which texts of these lengths go together, in their order: as many as fit into `limit` characters.
fn batches(lengths: &[usize], limit: usize) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = Vec::new();
    let mut characters = 0;
    for (index, length) in lengths.iter().enumerate() {
        let with_this = characters + BETWEEN.len() + length;
        match batches.last_mut() {
            Some(batch) if with_this <= limit => {
                batch.end = index + 1;
                characters = with_this;
            }
            _ => {
                batches.push(index..index + 1);
                characters = *length;
            }
        }
    }
    batches
}

/// One text to scan, and what the service gets to know about it.
#[derive(Debug)]
pub struct ScanJob<'a> {
    pub content: &'a str,
    pub direction: ScanDirection,
    pub metadata: Metadata,
}

/// A client for the scan endpoint of one F5 project.
#[derive(Debug, Clone)]
pub struct ScanClient {
    endpoint: Arc<Endpoint>,
    max_scan_length: usize,
    deadline: Instant,
    budget: Budget,
}

/// What every piece needs.
#[derive(Debug)]
struct Endpoint {
    transport: Transport,
    url: Url,
    authorization: HeaderValue,
    /// Looks for the token in what the service says.
    token: SecretFinder,
    /// Where the token came from.
    token_source: Source,
    origins: Origins,
    project: Option<String>,
    /// Whether each scanner's own mode says what a hit is.
    by_modes: bool,
    deadline: Instant,
    /// Older services refuse the field; once one did, no further piece sends it.
    omit_direction: AtomicBool,
}

impl ScanClient {
    /// Prepares a client; nothing is sent yet. `started` is when the time budget began. What happens on the way can be seen
    /// in `watch`; people who look for a fault want a record of the exchanges, too.
    ///
    /// # Errors
    /// No usable token, base URL or TLS material.
    pub fn new(
        settings: &Settings,
        started: Instant,
        log: Option<ExchangeLog>,
        watch: Watch,
    ) -> Result<Self, ScanError> {
        Self::prepared(settings, started, log, watch).map_err(|error| match settings.api_token.as_ref() {
            Some(token) => without_token(&SecretFinder::new(token), error, settings.origins()),
            None => error,
        })
    }

    fn prepared(
        settings: &Settings,
        started: Instant,
        log: Option<ExchangeLog>,
        watch: Watch,
    ) -> Result<Self, ScanError> {
        if let Some(path) = settings.refused_path() {
            return Err(path.into());
        }
        let token = settings.api_token.as_ref().ok_or_else(|| match settings.base_url.as_ref() {
            // Stored tokens are found by the address.
            Err(error) => ScanError::BaseUrl(*error),
            Ok(_) => ScanError::NoToken,
        })?;
        let unusable = || ScanError::UnusableToken { from: settings.api_token.source };
        if let Some(error) = ScanError::of_token(token, settings.api_token.source) {
            return Err(error);
        }
        let mut authorization =
            HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| unusable())?;
        authorization.set_sensitive(true);
        let url = settings.base_url.as_ref().map_err(|error| *error)?.endpoint("scans");
        if *settings.plain_http == PlainHttp::LoopbackOnly && exposes_plain_http(&url, &settings.proxies) {
            return Err(BaseUrlError::PlainHttpProxy.into());
        }
        let budget = settings.budget();
        let deadline = started + budget.limit;
        let transport = Transport::new(&settings.tls, &settings.proxies)?;
        let endpoint = Arc::new(Endpoint {
            transport: transport.recording(log).watched_by(watch),
            url,
            authorization,
            token: SecretFinder::new(token),
            token_source: settings.api_token.source,
            origins: settings.origins(),
            project: settings.project_id.value.clone(),
            by_modes: *settings.enforcement != Enforcement::Block,
            deadline,
            omit_direction: AtomicBool::new(false),
        });
        Ok(Self { endpoint, max_scan_length: *settings.max_scan_length, deadline, budget })
    }

    /// Scans a text, whole, within the deadline.
    ///
    /// The worst verdict of all pieces wins. A hit is returned without waiting for the rest, and wins over any
    /// error of another piece, but then the report is not complete; an error wins over `cleared`. Where the scanners' own
    /// modes count, a text may pass in spite of a hit, so the rest is waited for, except where nothing worse can come.
    ///
    /// # Errors
    /// Every way in which the text, or a part of it, stayed unscanned.
    pub async fn scan(&self, job: &ScanJob<'_>) -> Result<ScanReport, ScanError> {
        let deadline = tokio::time::Instant::from_std(self.deadline);
        let characters = job.content.chars().count();
        let mut tally = Tally { by_modes: self.endpoint.by_modes, ..Tally::default() };
        let all = match tokio::time::timeout_at(deadline, self.scan_pieces(job, &mut tally)).await {
            Ok(all) => all && characters <= MAX_CHARACTERS,
            Err(_) => {
                let late = ScanError::from(self.budget).while_pending(self.endpoint.transport.pending());
                tally.error = Some(without_token(&self.endpoint.token, late, self.endpoint.origins));
                false
            }
        };
        let mut report = tally.into_report(characters, all)?;
        if characters > MAX_CHARACTERS {
            let too_long = ScanError::TooLong { limit: MAX_CHARACTERS };
            if report.is_cleared() {
                return Err(too_long);
            }
            report.by_modes.doubt.get_or_insert(too_long);
        }
        Ok(report)
    }

    /// [`ScanClient::scan`], on the calling thread, which waits for it. For processes that scan once or a few times:
    /// connections stay open until the process ends.
    ///
    /// # Errors
    /// As `scan`.
    pub fn scan_blocking(&self, job: &ScanJob<'_>) -> Result<ScanReport, ScanError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|_| ScanError::Internal)?;
        let result = runtime.block_on(self.scan(job));
        // Not dropped: that would wait for a name look-up that hangs. Nor shut down, which takes time before the
        // answer: the end of the process does the same and keeps nobody waiting.
        std::mem::forget(runtime);
        result
    }

    /// Scans several texts as requests, in as few as hold them, and one more text next to them, within the deadline. Each
    /// gets its own result: where several went together and were not cleared, each of them is scanned by itself until one
    /// is flagged. Those without a verdict of their own get the one on all together, which counts more characters than
    /// they have; so do all of them where each is cleared alone.
    ///
    /// # Errors
    /// The whole result, where nothing could be begun.
    pub fn scan_blocking_with(
        &self,
        job: Option<&ScanJob<'_>>,
        others: &Self,
        texts: &[String],
        metadata: &Metadata,
    ) -> Result<(Option<Scanned>, Vec<Scanned>), ScanError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|_| ScanError::Internal)?;
        let found = runtime.block_on(async {
            let (client, others, metadata) = (others.clone(), texts.to_vec(), metadata.clone());
            let others = tokio::spawn(async move { client.scan_together(&others, &metadata).await });
            let own = match job {
                Some(job) => Some(self.scan(job).await),
                None => None,
            };
            let panicked = |_| texts.iter().map(|_| Err(ScanError::Internal)).collect();
            (own, others.await.unwrap_or_else(panicked))
        });
        // As for `scan_blocking`.
        std::mem::forget(runtime);
        Ok(found)
    }

    async fn scan_together(&self, texts: &[String], metadata: &Metadata) -> Vec<Scanned> {
        let lengths: Vec<usize> = texts.iter().map(|text| text.chars().count()).collect();
        let mut waiting = batches(&lengths, self.max_scan_length).into_iter();
        let mut results: Vec<Scanned> = texts.iter().map(|_| Err(ScanError::Internal)).collect();
        let mut running = JoinSet::new();
        loop {
            while running.len() < BATCHES_AT_ONCE {
                let Some(batch) = waiting.next() else { break };
                let texts: Vec<String> = texts.get(batch.clone()).unwrap_or_default().to_vec();
                let (client, metadata) = (self.clone(), metadata.clone());
                running.spawn(async move { (batch, client.scan_batch(&texts, &metadata).await) });
            }
            match running.join_next().await {
                None => return results,
                // What panicked keeps its error.
                Some(Err(_)) => {}
                Some(Ok((batch, found))) => {
                    for (place, result) in results.iter_mut().skip(batch.start).zip(found) {
                        *place = result;
                    }
                }
            }
        }
    }

    async fn scan_batch(&self, texts: &[String], metadata: &Metadata) -> Vec<Scanned> {
        let job =
            |content| ScanJob { content, direction: ScanDirection::Request, metadata: metadata.clone() };
        let joined = texts.join(BETWEEN);
        let together = self.scan(&job(&joined)).await;
        let is_hit = together.as_ref().is_ok_and(|report| !report.is_cleared());
        if texts.len() < 2 || !is_hit {
            return vec![together; texts.len()];
        }
        // Until one of them is known to be flagged, the verdict on all together stands for each that has none of its own.
        let mut results = vec![together.clone(); texts.len()];
        let (mut waiting, mut running) = (texts.iter().enumerate(), JoinSet::new());
        let (mut cleared, mut until) = (0, tokio::time::Instant::from_std(self.deadline) + AFTER_A_HIT);
        loop {
            while running.len() < BATCHES_AT_ONCE {
                let Some((index, text)) = waiting.next() else { break };
                let (client, text, metadata) = (self.clone(), text.clone(), metadata.clone());
                running.spawn(async move {
                    let job = ScanJob { content: &text, direction: ScanDirection::Request, metadata };
                    (index, client.scan(&job).await)
                });
            }
            let finished = tokio::time::timeout_at(until, running.join_next()).await;
            let Ok(Some(finished)) = finished else { break };
            if let Ok((index, Ok(report))) = finished {
                match report.is_cleared() {
                    true => cleared += 1,
                    false => until = until.min(tokio::time::Instant::now() + AFTER_A_HIT),
                }
                results.iter_mut().skip(index).take(1).for_each(|place| *place = Ok(report.clone()));
            }
        }
        // None is to blame alone.
        if cleared == texts.len() { vec![together; texts.len()] } else { results }
    }

    /// Scans the pieces, and returns whether all of what may be scanned was.
    async fn scan_pieces(&self, job: &ScanJob<'_>, tally: &mut Tally) -> bool {
        let (scanned, _) = split_after(job.content, MAX_CHARACTERS);
        let mut waiting = pieces(scanned, self.max_scan_length);
        let mut start = 0;
        let mut running = JoinSet::new();
        loop {
            while running.len() < MAX_PARALLEL {
                let Some(piece) = waiting.next() else { break };
                // Both are addresses within the text.
                start = (piece.as_ptr() as usize).saturating_sub(scanned.as_ptr() as usize).max(start);
                let (endpoint, metadata) = (Arc::clone(&self.endpoint), job.metadata.clone());
                let (piece, direction) = (piece.to_owned(), job.direction);
                tally.pieces += 1;
                running
                    .spawn(async move { (start, endpoint.scan_piece(&piece, &metadata, direction).await) });
            }
            let Some(finished) = running.join_next().await else { break };
            let lost = |_| (0, Err(ScanError::Internal));
            let (at, result) = finished.unwrap_or_else(lost);
            tally.add(at, result);
            // What finished in the same moment may be worse.
            while let Some(finished) = running.try_join_next() {
                let (at, result) = finished.unwrap_or_else(lost);
                tally.add(at, result);
            }
            if tally.is_decided() {
                break;
            }
        }
        running.is_empty() && waiting.next().is_none()
    }
}

impl Endpoint {
    async fn scan_piece(
        &self,
        piece: &str,
        metadata: &Metadata,
        direction: ScanDirection,
    ) -> Result<Verdict, ScanError> {
        let omit = self.omit_direction.load(Ordering::Relaxed);
        match self.ask(piece, metadata, (!omit).then_some(direction)).await {
            Err(Refused::Direction) => {
                self.omit_direction.store(true, Ordering::Relaxed);
                match self.ask(piece, metadata, None).await {
                    Ok(verdict) => Ok(verdict),
                    Err(Refused::Direction) => Err(ScanError::Status(StatusError::new(422, None, b""))),
                    Err(Refused::Error(error)) => Err(error),
                }
            }
            Err(Refused::Error(error)) => Err(error),
            Ok(verdict) => Ok(verdict),
        }
    }

    async fn ask(
        &self,
        piece: &str,
        metadata: &Metadata,
        direction: Option<ScanDirection>,
    ) -> Result<Verdict, Refused> {
        let request = ScanRequest {
            input: piece,
            project: self.project.as_deref(),
            external_metadata: metadata,
            flag_only: !self.by_modes,
            scan_direction: direction,
        };
        let body = serde_json::to_vec(&request).map_err(|_| Refused::Error(ScanError::Internal))?;
        let most = piece.len().saturating_mul(ANSWER_FACTOR).saturating_add(ANSWER_BASE);
        let response = with_retries(self.deadline, || {
            let request = self
                .transport
                .request(Method::POST, self.url.clone())
                .header(AUTHORIZATION, self.authorization.clone())
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(body.clone());
            self.transport.send_capped(request, most)
        })
        .await
        .map_err(|error| self.without_token(error.into()))?;
        match response.status {
            200 => {
                let parsed = if self.by_modes {
                    response::parse_by_modes(&response.body, piece)
                } else {
                    response::parse(&response.body)
                };
                let mut verdict = parsed.map_err(|error| self.without_token(error))?;
                self.clean(&mut verdict);
                verdict.times.first_byte = Some(response.first_byte);
                Ok(verdict)
            }
            422 if direction.is_some()
                && refused_fields(&response.body).iter().any(|f| f == "scanDirection") =>
            {
                Err(Refused::Direction)
            }
            status => {
                let error = StatusError::new(status, response.header("location"), &response.body);
                Err(self.without_token(ScanError::Status(error.with_token_from(self.token_source))))
            }
        }
    }

    fn without_token(&self, error: ScanError) -> Refused {
        Refused::Error(without_token(&self.token, error, self.origins))
    }

    /// A verdict whose texts do not repeat the token.
    fn clean(&self, verdict: &mut Verdict) {
        let clean = |text: &mut String| {
            if let Cow::Owned(cleaned) = self.token.without(text) {
                *text = cleaned;
            }
        };
        if let Outcome::Unknown(word) = &mut verdict.outcome {
            clean(word);
        }
        verdict.scan_id.iter_mut().for_each(clean);
        for scanner in &mut verdict.scanners {
            clean(&mut scanner.scanner_type);
            scanner.message.iter_mut().for_each(clean);
        }
    }
}

/// An error without the token, which the other side may repeat in whatever it says, and which can be part of an address or
/// of a path.
fn without_token(token: &SecretFinder, error: ScanError, origins: Origins) -> ScanError {
    let repeats = |error: &ScanError| token.is_in(&format!("{error} {}", error.fix(origins)));
    match error {
        error if !repeats(&error) => error,
        // It says nothing but these words of ours.
        error @ ScanError::LiteralToken { .. } => error,
        ScanError::Status(error) => ScanError::Status(StatusError { detail: None, ..error }),
        error => ScanError::RepeatsToken { kind: error.kind() },
    }
}

/// Why one request brought no verdict.
enum Refused {
    /// The service does not know `scanDirection`: ask again without it.
    Direction,
    Error(ScanError),
}

/// The verdicts and errors of the pieces so far.
#[derive(Default)]
struct Tally {
    /// Whether the scanners' own modes count.
    by_modes: bool,
    /// How many pieces were sent.
    pieces: usize,
    verdicts: Vec<Verdict>,
    /// What is masked, over all pieces.
    mask: Mask,
    /// Whether a piece has to be masked, and where is not known.
    mask_is_lost: bool,
    error: Option<ScanError>,
}

impl Tally {
    /// Takes in what came of the piece that begins at the byte `start` of the text.
    fn add(&mut self, start: usize, result: Result<Verdict, ScanError>) {
        match result {
            // Scanners are named where they object; of hundreds of pieces they would fill the memory.
            Ok(verdict) if verdict.outcome == Outcome::Cleared => {
                self.verdicts.push(Verdict { scanners: Vec::new(), ..verdict });
            }
            Ok(mut verdict) => {
                match verdict.mask.take() {
                    Some(mask) => self.mask.add(mask, start),
                    None => self.mask_is_lost = true,
                }
                self.verdicts.push(verdict);
            }
            Err(error) => self.error = self.error.take().or(Some(error)),
        }
    }

    /// Whether what is still to come can't change what becomes of the text.
    fn is_decided(&self) -> bool {
        self.verdicts.iter().any(|verdict| match verdict.outcome {
            Outcome::Cleared => false,
            Outcome::Flagged | Outcome::Redacted => !self.by_modes,
            Outcome::Unknown(_) | Outcome::Contradicted | Outcome::Blocked => true,
        })
    }

    /// `all` says whether every piece is in.
    fn into_report(self, characters: usize, all: bool) -> Result<ScanReport, ScanError> {
        let outcome = self.verdicts.iter().map(|verdict| verdict.outcome.clone()).max();
        let hit = outcome.as_ref().is_some_and(|outcome| *outcome != Outcome::Cleared);
        let complete = all && self.error.is_none() && self.verdicts.iter().all(|verdict| verdict.complete);
        let outcome = match (outcome, self.error.clone()) {
            (Some(outcome), _) if hit => outcome,
            (_, Some(error)) => return Err(error),
            (Some(outcome), None) => outcome,
            (None, None) => return Err(ScanError::Internal),
        };
        let doubt = || self.error.or_else(|| self.verdicts.iter().find_map(|verdict| verdict.doubt.clone()));
        let masked = outcome == Outcome::Redacted && complete && !self.mask_is_lost;
        let mut report = ScanReport {
            by_modes: match self.by_modes {
                true => ByModes { mask: masked.then(|| Box::new(self.mask)), masked: None, doubt: doubt() },
                false => ByModes::default(),
            },
            outcome,
            scanners: Vec::new(),
            scan_ids: Vec::new(),
            pieces: self.pieces,
            characters,
            complete,
            times: self
                .verdicts
                .iter()
                .fold(ScanTimes::default(), |times, verdict| times.with(verdict.times)),
        };
        for verdict in self.verdicts.into_iter().filter(|verdict| verdict.outcome == report.outcome) {
            report.scanners.extend(verdict.scanners);
            report.scan_ids.extend(verdict.scan_id);
        }
        report.scanners.truncate(response::MAX_SCANNERS);
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::time::Duration;

    use super::*;
    use crate::settings::Enforced;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        let env = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        Settings::read(&Enforced::default(), &env)
    }

    fn job(content: &str) -> ScanJob<'_> {
        let metadata = Metadata::new("PreToolUse", None, None, None, &[]);
        ScanJob { content, direction: ScanDirection::Request, metadata }
    }

    #[test]
    fn a_deadline_does_not_name_a_host_that_is_the_token() {
        // The system connects for it; nobody ever answers.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let settings = settings(&[
            ("F5_GUARDRAILS_API_TOKEN", "127.0.0.1"),
            ("F5_GUARDRAILS_BASE_URL", &url),
            ("F5_GUARDRAILS_TIMEOUT", "1"),
        ]);
        let started = Instant::now().checked_sub(Duration::from_millis(800)).unwrap();
        let late = ScanClient::new(&settings, started, None, Watch::default())
            .unwrap()
            .scan_blocking(&job("x"))
            .unwrap_err();
        assert_eq!(late, ScanError::RepeatsToken { kind: "deadline" });
    }

    #[test]
    fn what_keeps_a_client_from_being_made_does_not_repeat_the_token() {
        let token = "planted-token-7Qx2vLm9Rt4Wz8";
        let path = format!("/nonexistent/{token}.pem");
        for (name, value) in [
            ("F5_GUARDRAILS_CLIENT_CERT", path.as_str()),
            ("F5_GUARDRAILS_CLIENT_CERT", token),
            ("HTTPS_PROXY", &format!("what://{token}.example")),
        ] {
            let variables =
                [("F5_GUARDRAILS_API_TOKEN", token), ("F5_GUARDRAILS_FAIL_MODE", "closed"), (name, value)];
            let client = ScanClient::new(&settings(&variables), Instant::now(), None, Watch::default());
            // A proxy may be complained of when it is used.
            let error = client.and_then(|client| client.scan_blocking(&job("x"))).unwrap_err();
            let said = format!("{error} {} {error:?}", error.fix(Origins::default()));
            assert!(!said.contains(token), "{name}: {said}");
        }
    }
}
