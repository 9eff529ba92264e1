//! The scan client: a text goes out, in pieces where it is long, and the worst verdict comes back.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::endpoint::Endpoint;
use super::error::ScanError;
use super::pieces::{pieces, split_after};
use super::report::ScanReport;
use super::request::{Metadata, ScanDirection};
use super::tally::Tally;
use crate::settings::{Budget, Settings};
use crate::transport::ExchangeLog;
use crate::transport::watch::Watch;

/// Of longer content only this many characters are scanned, and what stays unscanned is a scan error.
pub const MAX_CHARACTERS: usize = 2_000_000;
/// Pieces that are scanned at the same time.
const MAX_PARALLEL: usize = 8;
/// So long after the deadline what has come by then is still read.
const TO_READ_THE_REST: Duration = Duration::from_millis(20);

/// What one scan came to.
pub type Scanned = Result<ScanReport, ScanError>;

/// One text to scan, and what the service is told about it.
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
    pub(super) max_scan_length: usize,
    pub(super) deadline: Instant,
    budget: Budget,
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
        let budget = settings.budget();
        let deadline = started + budget.limit;
        let endpoint = Arc::new(Endpoint::new(settings, deadline, log, watch)?);
        Ok(Self { endpoint, max_scan_length: *settings.max_scan_length, deadline, budget })
    }

    /// The same client, seen in this watch.
    pub(super) fn watched_by(&self, watch: Watch) -> Self {
        Self { endpoint: Arc::new(self.endpoint.watched_by(watch)), ..self.clone() }
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
        let mut tally = Tally::new(self.endpoint.counts_modes());
        let all = {
            let mut work = pin!(self.scan_pieces(job, &mut tally));
            match tokio::time::timeout_at(deadline, work.as_mut()).await {
                // What came in time may not have been read yet: this thread reads one answer after the other.
                Err(_) => tokio::time::timeout(TO_READ_THE_REST, work).await,
                in_time => in_time,
            }
        };
        let all = match all {
            Ok(all) => all && characters <= MAX_CHARACTERS,
            Err(_) => {
                tally.error = Some(self.endpoint.late(self.budget));
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
        on_this_thread(self.scan(job))?
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

/// Runs on the calling thread, which waits for it.
pub(super) fn on_this_thread<T>(work: impl Future<Output = T>) -> Result<T, ScanError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|_| ScanError::Internal)?;
    let result = runtime.block_on(work);
    // Not dropped: that would wait for a name look-up that hangs. Nor shut down, which takes time before the
    // answer: the end of the process does the same and keeps nobody waiting.
    std::mem::forget(runtime);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Enforced, Origins};
    use std::ffi::OsString;

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
