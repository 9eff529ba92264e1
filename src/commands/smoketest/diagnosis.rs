//! From the settings of a scan to a TLS diagnosis: the same roots, client certificate and proxy.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper_util::client::proxy::matcher::Matcher;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::sign::CertifiedKey;

use crate::diagnose::{
    ClientIdentity, Os, Report, Request, Route, Target, TrustSource, environment_report, run as diagnose,
};
use crate::settings::values::SystemStore;
use crate::settings::{Env, Settings, TlsSettings};
use crate::transport::{TrustSource as Source, client_identity, load_trust};

/// All steps together may take this many times what one may take.
const STEPS: u32 = 4;

/// What the command line asks for in place of the base URL's host and port.
pub struct Asked<'a> {
    pub host: Option<&'a str>,
    pub port: Option<u16>,
}

/// Diagnoses the connection; `announce` is told before anything unverified is done.
///
/// # Errors
/// A sentence on why there is nothing to diagnose.
pub fn run(
    settings: &Settings,
    asked: &Asked<'_>,
    env: Env<'_>,
    announce: &mut dyn FnMut(&str),
) -> Result<Report, String> {
    let target = target(settings, asked)?;
    let trust = load_trust(&settings.tls)
        .map_err(|error| format!("No TLS diagnosis without usable roots: {error} {}", error.fix()))?;
    let client = client_identity(&settings.tls).map_err(|error| {
        format!("No TLS diagnosis without the configured client certificate: {error} {}", error.fix())
    })?;
    let client = match client {
        Some(identity) => {
            let key = any_supported_type(&identity.key)
                .map_err(|error| format!("The client certificate's key cannot be used: {error}."))?;
            Some(ClientIdentity {
                key: Arc::new(CertifiedKey::new(identity.chain, key)),
                source: "F5_GUARDRAILS_CLIENT_CERT".to_owned(),
            })
        }
        None => None,
    };
    let step_timeout = (*settings.timeout).max(Duration::from_secs(1));
    let request = Request {
        alternatives: alternatives(&settings.tls, &trust.source, env),
        trust: TrustSource { source: trust.source.to_string(), roots: Arc::new(trust.roots) },
        client,
        route: Route::choose(&Matcher::from_system(), &target, env),
        target,
        now: SystemTime::now(),
        step_timeout,
        total_timeout: step_timeout.saturating_mul(STEPS),
    };
    let facts = diagnose(&request, announce);
    Ok(Report::new(environment_report(env), facts, Os::current()))
}

fn target(settings: &Settings, asked: &Asked<'_>) -> Result<Target, String> {
    let url = settings.base_url.as_ref().ok().map(|base| base.url());
    let host = match (asked.host, url) {
        (Some(host), _) => host.to_owned(),
        (None, Some(url)) => {
            if url.scheme() != "https" && asked.port.is_none() {
                return Err("There is no TLS to diagnose: the base URL is plain http.".to_owned());
            }
            url.host_str().unwrap_or_default().to_owned()
        }
        (None, None) => {
            return Err("There is nothing to diagnose without a usable base URL or --tls-host.".to_owned());
        }
    };
    // With a host of one's own the base URL's port means nothing.
    let port = match (asked.port, asked.host, url) {
        (Some(port), ..) => port,
        (None, None, Some(url)) => url.port_or_known_default().unwrap_or(443),
        _ => 443,
    };
    Ok(Target { host: host.trim_matches(['[', ']']).to_owned(), port })
}

/// The other roots of this machine, to say under which of them the server would be accepted.
fn alternatives(tls: &TlsSettings, in_force: &Source, env: Env<'_>) -> Vec<TrustSource> {
    // With these variables what is called the system's store is another file, and says nothing about the browser's.
    let replaced =
        ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| env(name).is_some_and(|v| !v.is_empty()));
    let mut stores = Vec::new();
    if matches!(in_force, Source::CaBundle { .. } | Source::BuiltIn) && !replaced {
        stores.push(SystemStore::Always);
    }
    if matches!(in_force, Source::CaBundle { .. } | Source::System) {
        stores.push(SystemStore::Never);
    }
    let load = |choice: SystemStore| {
        let mut other = tls.clone();
        other.ca_bundles.clear();
        other.system_store.value = choice;
        load_trust(&other).ok()
    };
    stores
        .into_iter()
        .filter_map(load)
        .map(|trust| TrustSource { source: trust.source.to_string(), roots: Arc::new(trust.roots) })
        .collect()
}
