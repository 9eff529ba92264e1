//! Why a text could not be scanned: each kind with its cause in one sentence and what to do about it.
//!
//! The sentences hold nothing that was scanned and no secret; they may be shown to the user, to the model
//! and to support.

use thiserror::Error;

use crate::printable::{counted, printable, seconds};
use crate::secret::Secret;
use crate::settings::{BaseUrlError, Budget, Literal, Origins, RelativePath, Settings, Source};
use crate::token::{Elsewhere, TokenError};
use crate::transport::{Failure, TlsMaterialError, TransportError};

/// A scan that did not happen, or that proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScanError {
    #[error("No API token is set.")]
    NoToken,
    #[error("{0}")]
    TokenElsewhere(Elsewhere),
    #[error("{0}")]
    Token(#[from] TokenError),
    #[error("The API token holds a line break, a blank or a non-ASCII character.")]
    UnusableToken { from: Source },
    #[error("The API token is not a token{}.", literal.clause())]
    LiteralToken { from: Source, literal: Literal },
    #[error("{0}")]
    BaseUrl(#[from] BaseUrlError),
    #[error("{0}")]
    RelativePath(#[from] RelativePath),
    #[error("{0}")]
    TlsMaterial(#[from] TlsMaterialError),
    #[error("{0}")]
    Transport(TransportError),
    #[error("The F5 service answered HTTP {code}{what}.", code = .0.code, what = .0.explanation())]
    Status(StatusError),
    #[error("The answer of the F5 service could not be used: {0}.")]
    BadBody(&'static str),
    #[error("The F5 service can't be relied on here: {failed} of its {scanners} reported an error.", scanners = counted(*.of, "scanner"))]
    ScannerFailed { failed: usize, of: usize },
    #[error(
        "The F5 service can't be relied on here: {unclear} of its {of} scanner results are neither a clear pass nor a clear failure."
    )]
    ScannerUnclear { unclear: usize, of: usize },
    #[error("The F5 service can't be relied on here: none of its scanners ran.")]
    NoScannerRan,
    #[error("The content has more than {limit} characters; the rest was not scanned.")]
    TooLong { limit: usize },
    #[error("The scan did not finish within {}{}.", seconds(&.budget.limit), pending_clause(.pending))]
    Deadline { budget: Budget, pending: Option<Box<Failure>> },
    /// Another error, whose own words hold the token.
    #[error("The scan failed, and the reason is not shown, because it repeats the API token.")]
    RepeatsToken { kind: &'static str },
    #[error("f5-guard failed internally.")]
    Internal,
}

impl From<TransportError> for ScanError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::TlsMaterial(error) => Self::TlsMaterial(error),
            error => Self::Transport(error),
        }
    }
}

/// The error of a scan that is out of time.
impl From<Budget> for ScanError {
    fn from(budget: Budget) -> Self {
        Self::Deadline { budget, pending: None }
    }
}

/// A status that carries no verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusError {
    pub code: u16,
    /// Where a redirect pointed (its origin only), or which fields a 422 refused; made printable.
    pub detail: Option<String>,
    /// Where the token came from.
    pub token: Source,
}

impl StatusError {
    fn explanation(&self) -> String {
        let text = match self.code {
            401 => " (the token was not accepted)",
            403 => " (access denied by the service or a firewall in front of it)",
            404 => " (no scan service at this address, or no such project)",
            407 => " (the proxy wants a login)",
            413 => " (the request was too large)",
            429 => " (too many requests)",
            511 => " (the network wants you to sign in)",
            502..=504 => " (the service is temporarily unavailable)",
            500..=599 => " (an error inside the service)",
            300..=399 => " (a redirect, which is never followed with the token)",
            _ => "",
        };
        match (&self.detail, self.code) {
            (Some(target), 300..=399) => format!("{text}, pointing to {target}"),
            (Some(fields), 422) => format!(" (it refused the field {fields})"),
            _ => text.to_owned(),
        }
    }
}

fn pending_clause(pending: &Option<Box<Failure>>) -> String {
    pending.as_ref().map_or_else(String::new, |pending| format!(": {}", pending.waiting_for()))
}

impl ScanError {
    /// The same, with what had not happened yet when the time was up.
    pub fn while_pending(self, pending: Option<Box<Failure>>) -> Self {
        match self {
            Self::Deadline { budget, .. } => Self::Deadline { budget, pending },
            other => other,
        }
    }

    /// What is wrong with settings without a token.
    #[must_use]
    pub fn no_token(settings: &Settings) -> Self {
        Elsewhere::of(settings).map_or(Self::NoToken, Self::TokenElsewhere)
    }

    /// Why this can't be a token.
    #[must_use]
    pub fn of_token(token: &Secret, from: Source) -> Option<Self> {
        match Literal::of(token.expose()) {
            Literal::Plain if token.expose().bytes().all(|byte| byte.is_ascii_graphic()) => None,
            Literal::Plain => Some(Self::UnusableToken { from }),
            literal => Some(Self::LiteralToken { from, literal }),
        }
    }

    /// What to do about it, in one or two sentences.
    pub fn fix(&self, origins: Origins) -> String {
        let base_url = origins.base_url();
        match self {
            Self::NoToken => "Run `f5-guard login`, or set F5_GUARDRAILS_API_TOKEN where Codex is started, and restart Codex.".into(),
            Self::TokenElsewhere(elsewhere) => elsewhere.fix(origins.base_url),
            Self::Token(error) => error.fix(),
            Self::LiteralToken { from, .. } => format!("Put the token itself into {}, or run `f5-guard login`.", from.or_variable("F5_GUARDRAILS_API_TOKEN")),
            Self::UnusableToken { from } => match from {
                Source::Stored(_) => "Copy the token again from the F5 console, and run `f5-guard login`.".into(),
                from if from.is_file() => format!("Copy the token again from the F5 console into the file that {} names.", from.or_variable("")),
                _ => "Copy the token again from the F5 console into F5_GUARDRAILS_API_TOKEN.".into(),
            },
            Self::BaseUrl(BaseUrlError::PlainHttp) => format!("Use https in {base_url} (or set F5_GUARDRAILS_ALLOW_HTTP=true if you accept the risk)."),
            Self::BaseUrl(BaseUrlError::PlainHttpProxy) => format!("Add localhost and 127.0.0.1 to {}, or use https in {base_url}.", origins.exceptions),
            Self::BaseUrl(_) => format!("Set {base_url} to an address such as https://www.us1.calypsoai.app."),
            Self::RelativePath(error) => error.fix(),
            Self::TlsMaterial(error) => error.fix(),
            Self::Transport(error) => error.fix(origins),
            Self::Status(status) => status.fix(origins),
            Self::BadBody(_) => format!("Check that {base_url} points to the F5 service itself and not to a login or proxy page."),
            Self::ScannerFailed { .. } | Self::ScannerUnclear { .. } | Self::NoScannerRan => "Try again; if it stays, ask those who run the F5 project to check its scanners.".into(),
            Self::TooLong { .. } => "Work on a smaller part at a time.".into(),
            Self::Deadline { pending: Some(pending), .. } if !pending.answered => pending.fix(origins),
            // Nobody can say what took the time.
            Self::Deadline { pending: None, .. } => "Try again; `f5-guard smoketest --tls-diagnostics` shows which step takes the time.".into(),
            Self::Deadline { budget, .. } => format!("Check the network or proxy, or {}.", budget.more_time()),
            Self::RepeatsToken { .. } => format!("Check that {base_url} leads to the F5 service. No address or path in the settings may hold the token. If all is right, revoke the token and report this to those who run the service."),
            Self::Internal => "Report this with the version of f5-guard and the last lines of its log.".into(),
        }
    }

    /// A short stable name for the log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoToken | Self::TokenElsewhere(_) => "no_token",
            Self::Token(error) => error.kind(),
            Self::UnusableToken { .. } | Self::LiteralToken { .. } => "unusable_token",
            Self::BaseUrl(_) => "unusable_url",
            Self::RelativePath(_) => "relative_path",
            Self::TlsMaterial(_) => "tls_material",
            Self::Transport(error) => error.kind(),
            Self::Status(_) => "http_status",
            Self::BadBody(_) => "bad_body",
            Self::ScannerFailed { .. } => "scanner_error",
            Self::ScannerUnclear { .. } => "scanner_unclear",
            Self::NoScannerRan => "no_scanner_ran",
            Self::TooLong { .. } => "too_long",
            Self::Deadline { .. } => "deadline",
            Self::RepeatsToken { kind } => kind,
            Self::Internal => "internal",
        }
    }
}

impl StatusError {
    /// From a status and its body. Of a 422 only the names of the refused fields are kept, because the
    /// service's own message could repeat what was sent.
    pub fn new(code: u16, location: Option<&str>, body: &[u8]) -> Self {
        let detail = match code {
            300..=399 => location.map(|target| match url::Url::parse(target) {
                Ok(url) if url.has_host() => printable(&url.origin().ascii_serialization(), 120),
                _ => "another path on the same host".to_owned(),
            }),
            422 => {
                let fields = refused_fields(body);
                (!fields.is_empty()).then(|| fields.join(", "))
            }
            _ => None,
        };
        Self { code, detail, token: Source::Environment("F5_GUARDRAILS_API_TOKEN") }
    }

    /// The same, about a token from elsewhere than the environment.
    pub fn with_token_from(self, token: Source) -> Self {
        Self { token, ..self }
    }

    fn fix(&self, origins: Origins) -> String {
        let (base_url, project_id) = (origins.base_url(), origins.project_id());
        match self.code {
            401 => match self.token {
                Source::Stored(_) => "Run `f5-guard login`: the stored token may be expired or revoked.".into(),
                from if from.is_file() => format!("Put a new token into the file that {} names. The old one may be expired, revoked, or of another F5 region than {base_url}.", from.or_variable("")),
                _ => format!("Check F5_GUARDRAILS_API_TOKEN: it may be expired, revoked, or of another F5 region than {base_url}."),
            },
            403 => "Check that the token may use this project. No firewall or proxy in between may block the request.".into(),
            404 => format!("Check {base_url} and {project_id}."),
            407 => format!("Give the proxy's user and password in {} (http://user:password@proxy:port).", origins.proxy.unwrap_or("the proxy's address")),
            413 => "Lower F5_GUARDRAILS_MAX_SCAN_LENGTH, so that less is sent in one request.".into(),
            422 => format!("Check {project_id}; if it is right, report this with the version of f5-guard."),
            429 => "Wait a moment and try again; ask F5 for a higher limit if this is frequent.".into(),
            300..=399 => format!("Set {base_url} to the service's final address."),
            511 => "Sign in to this network in a browser, then try again.".into(),
            _ => "Try again in a moment; if it stays, check the state of the F5 service.".into(),
        }
    }
}

/// The last part of each `detail[].loc` of a validation error (`HTTPValidationError` in the vendor's OpenAPI).
pub fn refused_fields(body: &[u8]) -> Vec<String> {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else { return Vec::new() };
    let Some(details) = body.get("detail").and_then(|detail| detail.as_array()) else { return Vec::new() };
    let known = ["input", "project", "externalMetadata", "scanDirection", "verbose", "flagOnly"];
    let mut fields = Vec::new();
    for location in details.iter().filter_map(|detail| detail.get("loc")?.as_array()) {
        for part in location.iter().filter_map(|part| part.as_str()) {
            // Only names of our own fields: anything else could be a piece of the content.
            if known.contains(&part) && !fields.iter().any(|field| field == part) {
                fields.push(part.to_owned());
            }
        }
    }
    fields
}

/// One of each kind, and more where their sentences differ.
#[cfg(test)]
pub fn examples(budget: Budget) -> Vec<ScanError> {
    use crate::transport::certificate_problem::{CertificateProblem as Problem, Obstacle};
    use crate::transport::failure::example;
    use crate::transport::fault::Fault;
    let codes = [300, 401, 403, 404, 407, 413, 422, 429, 500, 511];
    let token = Source::Flag("--token-file");
    let status = |code| ScanError::Status(StatusError::new(code, None, b"").with_token_from(token));
    let mut all: Vec<ScanError> = codes.map(status).into();
    for url in [BaseUrlError::Invalid, BaseUrlError::PlainHttp, BaseUrlError::PlainHttpProxy] {
        all.push(url.into());
    }
    for fault in [
        Fault::NoSuchName,
        Fault::Refused,
        Fault::NotTls,
        Fault::UnknownServerName,
        Fault::NotHttp,
        Fault::TimedOut,
        Fault::SocksRefused { why: "", passing: true },
        Fault::Certificate(Problem::UnknownIssuer),
        Fault::Certificate(Problem::CaAsServer),
        Fault::Certificate(Problem::WrongName),
        Fault::Certificate(Problem::OnlyCommonName),
        Fault::Certificate(Problem::RootMayNotIssue(Obstacle::NotCa)),
    ] {
        all.push(example(fault.clone()).into());
        let TransportError::Failed(mut failure) = example(fault) else { continue };
        for answered in [false, true] {
            failure.answered = answered;
            all.push(ScanError::from(budget).while_pending(Some(failure.clone())));
        }
    }
    all.extend([
        ScanError::NoToken,
        ScanError::TokenElsewhere(Elsewhere::example(1)),
        ScanError::TokenElsewhere(Elsewhere::example(3)),
        ScanError::NoScannerRan,
        ScanError::ScannerFailed { failed: 1, of: 4 },
        ScanError::ScannerUnclear { unclear: 1, of: 4 },
        ScanError::TooLong { limit: 2_000_000 },
        ScanError::Internal,
        ScanError::UnusableToken { from: token },
        ScanError::BadBody("x"),
        ScanError::RepeatsToken { kind: "x" },
        ScanError::from(budget),
        ScanError::from(TlsMaterialError::CaBundleExpired {
            path: "/ca.pem".into(),
            from: Source::Flag("--ca-bundle"),
        }),
    ]);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_422_names_our_fields_and_repeats_nothing_else() {
        let body = br#"{"detail":[{"loc":["body","project"],"msg":"bad my-secret-prompt"},{"loc":["body","my-secret-prompt"]}]}"#;
        let error = ScanError::Status(StatusError::new(422, None, body));
        assert_eq!(error.to_string(), "The F5 service answered HTTP 422 (it refused the field project).");
    }

    #[test]
    fn a_redirect_says_where_it_pointed_without_path_and_query() {
        let error = ScanError::Status(StatusError::new(302, Some("https://login.example/x?token=abc"), b""));
        assert_eq!(
            error.to_string(),
            "The F5 service answered HTTP 302 (a redirect, which is never followed with the token), pointing to https://login.example."
        );
    }

    /// Settings as a hook has them that is registered with every flag.
    fn registered() -> crate::settings::Settings {
        let text = |text: &str| Some(text.into());
        let enforced = crate::settings::Enforced {
            base_url: text("https://f5.example"),
            project_id: text("p"),
            timeout: text("5"),
            ca_bundle: text(if cfg!(windows) { r"C:\ca.pem" } else { "/ca.pem" }),
            token_file: text("/token"),
            ..Default::default()
        };
        crate::settings::Settings::read(&enforced, &|name| {
            matches!(name, "no_proxy" | "https_proxy").then(|| "f5.example".into())
        })
    }

    #[test]
    fn advice_names_no_variable_that_a_registered_flag_overrides() {
        let settings = registered();
        let with_token = |error: &ScanError| *error != ScanError::NoToken;
        for error in examples(settings.budget()).into_iter().filter(with_token) {
            let fix = error.fix(settings.origins());
            for variable in ["BASE_URL", "PROJECT_ID", "TIMEOUT", "CA_BUNDLE", "API_TOKEN"] {
                assert!(!fix.contains(&format!("F5_GUARDRAILS_{variable}")), "{error:?}: {fix}");
            }
            // They are set, in the other spelling.
            assert!(!fix.contains("HTTPS_PROXY") && !fix.contains("NO_PROXY"), "{error:?}: {fix}");
        }
    }

    #[test]
    fn more_time_is_advised_only_where_the_service_answers_slowly() {
        let settings = crate::settings::Settings::read(&Default::default(), &|_| None);
        for error in examples(settings.budget()) {
            let slow =
                matches!(&error, ScanError::Deadline { pending: Some(failure), .. } if failure.answered);
            let fix = error.fix(settings.origins());
            assert_eq!(fix.contains("raise F5_GUARDRAILS_TIMEOUT (up to 35 s)"), slow, "{error:?}: {fix}");
        }
    }
}
