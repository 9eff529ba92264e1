//! The steps of an attempt, and what came of each: in words, and as fields of the report.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::certificate::name_of_der;
use crate::printable::printable;
use crate::transport::Peer;
use crate::transport::fault::{Fault, Stage};
use crate::transport::watch::{AddressOutcome, Attempt, Session, Step};

/// More of the certificate authorities whose client certificates a server accepts are not listed.
const MOST_ISSUERS: usize = 8;
const ADDRESSES_SHOWN: usize = 8;

pub(super) fn names(issuers: &[Vec<u8>]) -> Vec<String> {
    issuers.iter().take(MOST_ISSUERS).map(|der| name_of_der(der)).collect()
}

/// What came of a step, in a few words.
pub(super) fn done(attempt: &Attempt, index: usize, step: &Step) -> String {
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
pub(super) fn peer(attempt: &Attempt, step: &Step) -> String {
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
