//! The report: as text for one screen, and as a structure for `--json`.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::fmt::Write as _;

use super::certificate::{Certificate, Content, Details, name_of_der};
use super::chain::{Chain, ChainEnd};
use super::environment::Environment;
use super::facts::Facts;
use super::fix::fix;
use super::text::{milliseconds, utc};
use super::verdict::{Verdict, also, judge};
use crate::printable::printable;
use crate::system::System;
use crate::transport::Peer;
use crate::transport::fault::{Fault, Stage};
use crate::transport::watch::{AddressOutcome, Attempt, Session, Step};

/// More of the certificate authorities whose client certificates a server accepts are not listed.
const MOST_ISSUERS: usize = 8;
const ADDRESSES_SHOWN: usize = 8;

/// A whole diagnosis.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub environment: Environment,
    #[serde(flatten)]
    pub facts: Facts,
    pub verdict: Judgement,
}

/// The verdict with its words.
#[derive(Debug, Clone, Serialize)]
pub struct Judgement {
    #[serde(flatten)]
    pub verdict: Verdict,
    pub sentence: String,
    /// What else is wrong.
    pub also: Vec<String>,
    pub fix: Vec<String>,
}

impl Report {
    /// Judges the facts, with advice for `os`.
    pub fn new(environment: Environment, facts: Facts, os: System) -> Self {
        let verdict = judge(&facts);
        let verdict = Judgement {
            sentence: printable(&verdict.sentence(&facts), 2000),
            also: also(&facts),
            fix: fix(&verdict, &facts, os),
            verdict,
        };
        Self { environment, facts, verdict }
    }

    /// The report as text; ends with a line break. Colourless, so that it can be pasted into a ticket.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let facts = &self.facts;
        writeln!(out, "TLS diagnostics for {} (local clock {})", facts.target, utc(facts.clock))?;
        self.write_environment(out)?;
        writeln!(out, "\nSteps")?;
        for (index, step) in facts.attempt.steps.iter().enumerate() {
            let result = match step.fault() {
                Some(fault) => format!("FAILED: {fault}"),
                None => done(&facts.attempt, index, step),
            };
            let peer = peer(&facts.attempt, step);
            let via = if result.contains(&peer) { String::new() } else { format!("{peer}: ") };
            let time = milliseconds(step.time());
            writeln!(out, "  {:<10} {time:>8}  {via}{result}", step.stage.label())?;
        }
        if facts.earlier_attempts > 0 {
            let before = facts.earlier_attempts;
            writeln!(
                out,
                "  (attempt {}; those before it failed in a way that was worth another)",
                before + 1
            )?;
        }
        if facts.looked_again {
            writeln!(
                out,
                "  look: unverified, on a second connection: the handshake was begun, nothing was sent"
            )?;
        }
        if let Some(chain) = &facts.chain {
            write_chain(out, chain)?;
        }
        self.write_client_certificate(out)?;
        writeln!(out, "\nVerdict: {}", self.verdict.sentence)?;
        for problem in &self.verdict.also {
            writeln!(out, "Also: {problem}")?;
        }
        for (number, step) in self.verdict.fix.iter().enumerate() {
            writeln!(out, "{} {}. {step}", if number == 0 { "Fix:" } else { "    " }, number + 1)?;
        }
        Ok(())
    }

    fn write_environment(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nEnvironment")?;
        let width = self.environment.set.iter().map(|variable| variable.name.len()).max().unwrap_or(0);
        for variable in &self.environment.set {
            let file = variable.file.as_ref().map_or_else(String::new, |state| format!(" ({state})"));
            let value = if variable.value.is_empty() { "(empty)" } else { &variable.value };
            writeln!(out, "  {:width$}  {value}{file}", variable.name)?;
        }
        if !self.environment.unset.is_empty() {
            writeln!(out, "  not set: {}", self.environment.unset.join(", "))?;
        }
        let trust = &self.facts.trust;
        writeln!(
            out,
            "  Trust: {} ({} root{})",
            printable(&trust.source, 300),
            trust.roots,
            if trust.roots == 1 { "" } else { "s" }
        )?;
        match &self.facts.route {
            Some(route) => writeln!(out, "  Proxy: {route}"),
            None => writeln!(out, "  Proxy: set, and not usable"),
        }
    }

    fn write_client_certificate(&self, out: &mut String) -> std::fmt::Result {
        let Some(issuers) = &self.facts.attempt.client_issuers else { return Ok(()) };
        let configured = self.facts.client_certificate.unwrap_or("none is configured");
        write!(out, "\nThe server asks for a client certificate ({configured})")?;
        if issuers.is_empty() {
            writeln!(out)
        } else {
            writeln!(out, "; it accepts those of: {}", names(issuers).join(" | "))
        }
    }
}

fn names(issuers: &[Vec<u8>]) -> Vec<String> {
    issuers.iter().take(MOST_ISSUERS).map(|der| name_of_der(der)).collect()
}

/// What came of a step, in a few words.
fn done(attempt: &Attempt, index: usize, step: &Step) -> String {
    match step.stage {
        Stage::Dns => {
            let before = attempt.steps.iter().take(index).filter(|step| step.stage == Stage::Dns).count();
            let found = attempt.resolved.get(before).map_or(&[][..], Vec::as_slice);
            let shown: Vec<String> =
                found.iter().take(ADDRESSES_SHOWN).map(|address| address.ip().to_string()).collect();
            match found.len().saturating_sub(ADDRESSES_SHOWN) {
                0 => shown.join(", "),
                more => format!("{} and {more} more", shown.join(", ")),
            }
        }
        Stage::Tcp => {
            let is_connected = |outcome: &AddressOutcome| matches!(outcome, AddressOutcome::Connected);
            let connected = attempt.addresses.iter().find(|tried| is_connected(&tried.outcome));
            connected.map_or_else(|| "done".to_owned(), |tried| tried.address.to_string())
        }
        Stage::ProxyTls => "done".to_owned(),
        Stage::Proxy => "connected".to_owned(),
        Stage::Tls => attempt.tls.as_ref().map_or_else(|| "done".to_owned(), session),
        Stage::Request => match &attempt.head {
            Some(head) => match head.server() {
                Some(server) => format!("HTTP {} from {server}", head.status),
                None => format!("HTTP {}", head.status),
            },
            None => "done".to_owned(),
        },
        Stage::Body => "read".to_owned(),
    }
}

/// Whom a step was taken with.
fn peer(attempt: &Attempt, step: &Step) -> String {
    match (&attempt.proxy, step.stage) {
        (Some(proxy), Stage::ProxyTls | Stage::Proxy) => proxy.to_string(),
        (_, Stage::Dns) => printable(&step.peer.host, 260),
        _ => step.peer.to_string(),
    }
}

fn session(session: &Session) -> String {
    let retry = if session.hello_retry { ", hello retry" } else { "" };
    format!("{}, {}, {}{retry}", session.version, session.cipher_suite, session.key_exchange)
}

/// The steps with what each found, as fields of the report.
pub fn attempt_as_json<S: Serializer>(attempt: &Attempt, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct JsonStep<'a> {
        stage: Stage,
        peer: &'a Peer,
        ms: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        done: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        failed: Option<Fault>,
    }
    let steps = attempt.steps.iter().enumerate().map(|(index, step)| {
        let failed = step.fault();
        JsonStep {
            stage: step.stage,
            peer: &step.peer,
            // To a hundredth, so that the JSON stays readable.
            ms: (step.time().as_secs_f64() * 100_000.0).round() / 100.0,
            done: failed.is_none().then(|| done(attempt, index, step)),
            failed,
        }
    });
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("steps", &steps.collect::<Vec<_>>())?;
    map.serialize_entry("addresses", &attempt.addresses)?;
    map.serialize_entry("tls", &attempt.tls)?;
    map.serialize_entry("client_certificate_requested", &attempt.client_issuers.is_some())?;
    let issuers = attempt.client_issuers.as_deref().unwrap_or_default();
    map.serialize_entry("client_certificate_issuers", &names(issuers))?;
    if let Some(head) = &attempt.head {
        map.serialize_entry("answer", &serde_json::json!({"status": head.status, "server": head.server()}))?;
    }
    map.end()
}

fn write_chain(out: &mut String, chain: &Chain) -> std::fmt::Result {
    let count = chain.certificates.len() + chain.left_out;
    writeln!(
        out,
        "\nChain as the server sent it ({count} certificate{})",
        if count == 1 { "" } else { "s" }
    )?;
    for (index, certificate) in chain.certificates.iter().enumerate() {
        write_certificate(out, index, certificate, chain.path.contains(&index))?;
    }
    if chain.left_out > 0 {
        writeln!(out, "  and {} more", chain.left_out)?;
    }
    match &chain.end {
        ChainEnd::TrustedRoot { subject } if chain.problems.is_empty() => {
            writeln!(out, "  ends in the trusted root {subject}")
        }
        ChainEnd::TrustedRoot { subject } => {
            writeln!(out, "  ends in {subject}, a name that is among the trusted roots")
        }
        ChainEnd::SelfSigned { .. } => writeln!(out, "  self-signed, not among the trusted roots"),
        ChainEnd::UnknownRoot { subject } => {
            writeln!(out, "  ends in {subject}, NOT among the trusted roots")
        }
        ChainEnd::MissingIssuer { issuer, url } => {
            writeln!(out, "  missing issuer: {issuer} (neither sent nor among the trusted roots)")?;
            url.as_ref().map_or(Ok(()), |url| writeln!(out, "  its certificate is said to be at {url}"))
        }
        ChainEnd::Unreadable => writeln!(out, "  the server's own certificate cannot be read"),
    }
}

fn write_certificate(
    out: &mut String,
    index: usize,
    certificate: &Certificate,
    on_path: bool,
) -> std::fmt::Result {
    let aside = if on_path { "" } else { " (not part of the path)" };
    match &certificate.content {
        Content::Readable(details) => write_details(out, index, details, aside)?,
        Content::Unreadable { bytes, why } => {
            writeln!(out, "  {} unreadable certificate of {bytes} bytes: {why}", index + 1)?;
        }
    }
    writeln!(out, "    SHA-256 {}", certificate.sha256)
}

fn write_details(out: &mut String, index: usize, details: &Details, aside: &str) -> std::fmt::Result {
    writeln!(out, "  {} {}{aside}", index + 1, details.subject)?;
    let issuer = if details.self_issued { "itself" } else { &details.issuer };
    writeln!(out, "    issued by {issuer}")?;
    if !details.names.is_empty() {
        let more = match details.names_left_out {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        writeln!(out, "    for {}{more}", details.names.join(", "))?;
    }
    let left = match details.days_left {
        days @ 0.. => format!("{days} days left"),
        days => format!("EXPIRED {} days ago", days.saturating_neg()),
    };
    writeln!(out, "    valid {} to {} ({left})", details.not_before, details.not_after)?;
    writeln!(out, "    key {}, signed with {}", details.key, details.signature_algorithm)
}
