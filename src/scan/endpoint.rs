//! One piece of a text, asked of the scan endpoint of one F5 project, and the verdict on it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use url::Url;

use super::error::{ScanError, StatusError, refused_fields};
use super::report::Outcome;
use super::request::{Metadata, ScanDirection, ScanRequest};
use super::response::{self, Verdict};
use crate::secret::SecretFinder;
use crate::settings::values::Enforcement;
use crate::settings::{BaseUrlError, Budget, Origins, PlainHttp, Settings, Source};
use crate::transport::proxy::exposes_plain_http;
use crate::transport::watch::Watch;
use crate::transport::{ExchangeLog, Transport, with_retries};

/// An answer is as long as this and [`ANSWER_FACTOR`] times its piece, at most.
const ANSWER_BASE: usize = 256 * 1024;
/// The service repeats a piece in `redactedInput`, where JSON can make six characters of one byte, and parts of it in
/// what scanners matched.
const ANSWER_FACTOR: usize = 12;

/// The endpoint, and what is told it with every piece. Clones share connections, roots and what they learn of the service.
#[derive(Debug, Clone)]
pub struct Endpoint {
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
    omit_direction: Arc<AtomicBool>,
}

impl Endpoint {
    /// Nothing is sent yet; requests are repeated until `deadline`.
    pub fn new(
        settings: &Settings,
        deadline: Instant,
        log: Option<ExchangeLog>,
        watch: Watch,
    ) -> Result<Self, ScanError> {
        Self::prepared(settings, deadline, log, watch).map_err(|error| match settings.api_token.as_ref() {
            Some(token) => without_token(&SecretFinder::new(token), error, settings.origins()),
            None => error,
        })
    }

    fn prepared(
        settings: &Settings,
        deadline: Instant,
        log: Option<ExchangeLog>,
        watch: Watch,
    ) -> Result<Self, ScanError> {
        if let Some(path) = settings.refused_path() {
            return Err(path.into());
        }
        let token = settings.api_token.as_ref().ok_or_else(|| match settings.base_url.as_ref() {
            // Stored tokens are found by the address.
            Err(error) => ScanError::BaseUrl(*error),
            Ok(_) => ScanError::no_token(settings),
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
        let transport = Transport::new(&settings.tls, &settings.proxies)?;
        Ok(Self {
            transport: transport.recording(log).watched_by(watch),
            url,
            authorization,
            token: SecretFinder::new(token),
            token_source: settings.api_token.source,
            origins: settings.origins(),
            project: settings.project_id.value.clone(),
            by_modes: *settings.enforcement != Enforcement::Block,
            deadline,
            omit_direction: Arc::default(),
        })
    }

    /// Whether the scanners' own modes count.
    pub fn counts_modes(&self) -> bool {
        self.by_modes
    }

    /// The same endpoint, where what happens can be seen in this watch.
    pub fn watched_by(&self, watch: Watch) -> Self {
        Self { transport: self.transport.clone().watched_by(watch), ..self.clone() }
    }

    /// The error where the time is up.
    pub fn late(&self, budget: Budget) -> ScanError {
        let late = ScanError::from(budget).while_pending(self.transport.pending());
        without_token(&self.token, late, self.origins)
    }

    /// The verdict on a piece, from a service that knows `scanDirection` or one that does not.
    pub async fn scan_piece(
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
