//! The report: as text for one screen, and as a structure for `--json`.

use serde::Serialize;
use std::fmt::Write as _;

use super::certificate::{Certificate, Content, Details};
use super::chain::{Chain, ChainEnd};
use super::environment::Environment;
use super::facts::Facts;
use super::fix::fix;
use super::steps::{done, names, peer};
use super::text::{ago, milliseconds, utc};
use super::verdict::{Verdict, also, judge};
use crate::printable::{counted, printable};
use crate::system::System;

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
            "  Trust: {} ({})",
            printable(&trust.source.to_string(), 300),
            counted(trust.roots, "root")
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

fn write_chain(out: &mut String, chain: &Chain) -> std::fmt::Result {
    let count = chain.certificates.len() + chain.left_out;
    writeln!(out, "\nChain as the server sent it ({})", counted(count, "certificate"))?;
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
            writeln!(out, "  {} unreadable certificate of {}: {why}", index + 1, counted(*bytes, "byte"))?;
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
        days @ 0.. => format!("{} left", counted(days.unsigned_abs(), "day")),
        _ => format!("EXPIRED {}", ago(details.days_ago())),
    };
    writeln!(out, "    valid {} to {} ({left})", details.not_before, details.not_after)?;
    writeln!(out, "    key {}, signed with {}", details.key, details.signature_algorithm)
}
