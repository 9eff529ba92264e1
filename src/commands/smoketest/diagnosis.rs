//! Explains the scan that was just made. Where there was none to make (no token) or where another host is asked for, a
//! request without a token takes its place, over the same transport.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::Method;
use rustls::pki_types::{CertificateDer, ServerName};
use url::Url;

use super::Scan;
use crate::scan::ScanError;
use crate::settings::Settings;
use crate::system::Env;
use crate::system::System;
use crate::tls_diagnostics::{Chain, Facts, Report, RootsInForce, environment_report, name_servers};
use crate::transport::fault::Fault;
use crate::transport::proxy::route;
use crate::transport::watch::Watch;
use crate::transport::{Peer, Transport, Trust, alternatives, load_trust, unverified_probe, with_retries};

/// What is said before the second look.
const LOOK_ANNOUNCEMENT: &str = "Now an unverified look at the certificates: a second connection on which nothing \
    but the TLS handshake is begun. No token and no text is sent on it.";

/// What the command line asks for in place of the base URL's host and port.
pub struct Asked<'a> {
    pub host: Option<&'a str>,
    pub port: Option<u16>,
}

/// Diagnoses the connection; `announce` is called before anything unverified is done. An error is a sentence on why
/// there is nothing to diagnose.
pub fn run(
    settings: &Settings,
    asked: &Asked<'_>,
    scan: &Scan,
    watch: &Watch,
    env: Env<'_>,
    announce: &mut dyn FnMut(&str),
) -> Result<Report, String> {
    let url = target(settings, asked)?;
    let trust = load_trust(&settings.tls)
        .map_err(|error| format!("No TLS diagnosis without usable roots: {error} {}", error.fix()))?;
    let transport = Transport::new(&settings.tls, &settings.proxies).map_err(|error| {
        format!("No TLS diagnosis without the configured client certificate: {error} {}", error.fix())
    })?;
    let scanned = asked.host.is_none() && asked.port.is_none();
    let (error, attempts) = match scan {
        Scan::Done { .. } if scanned => (None, watch.attempts()),
        Scan::Failed(error) if scanned => (Some(error.clone()), watch.attempts()),
        _ => {
            let watch = Watch::default();
            let error = ask(&transport.clone().watched_by(watch.clone()), &url, settings).err();
            (error, watch.attempts())
        }
    };
    let (earlier_attempts, attempt) = match attempts.split_last() {
        Some((last, earlier)) => (earlier.len(), last.clone()),
        None => Default::default(),
    };
    let clock = seconds(SystemTime::now());
    let mut facts = Facts {
        target: Peer::of(&url),
        clock,
        trust: RootsInForce { source: trust.source.clone(), roots: trust.roots.len() },
        route: route(&url, &settings.proxies).ok(),
        attempt,
        earlier_attempts,
        chain: None,
        looked_again: false,
        client_certificate: settings.tls.client_cert.is_some().then_some("F5_GUARDRAILS_CLIENT_CERT"),
        origins: settings.origins(),
        name_servers: name_servers(),
        error,
    };
    let mut shown = facts.attempt.chain.clone();
    if matches!(facts.fault(), Some(Fault::NothingInCommon)) && shown.is_empty() {
        announce(LOOK_ANNOUNCEMENT);
        shown = within(settings, unverified_probe(&transport, &url)).unwrap_or_default();
        facts.looked_again = !shown.is_empty();
    }
    facts.chain = describe(&shown, &facts.target, settings, &trust, clock);
    Ok(Report::new(environment_report(env), facts, System::this()))
}

fn describe(
    shown: &[CertificateDer<'static>],
    target: &Peer,
    settings: &Settings,
    trust: &Trust,
    clock: i64,
) -> Option<Chain> {
    let name = ServerName::try_from(target.host.clone()).ok()?;
    let others = || alternatives(&settings.tls, &trust.source);
    (!shown.is_empty()).then(|| Chain::analyse(shown, &name, &trust.roots, &others, clock))
}

/// A request without a token, with the retries and within the time of a scan.
fn ask(transport: &Transport, url: &Url, settings: &Settings) -> Result<(), ScanError> {
    let deadline = Instant::now() + settings.budget().limit;
    let asked = with_retries(deadline, || transport.send(transport.request(Method::GET, url.clone())));
    match within(settings, asked) {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(error.into()),
        None => Err(ScanError::from(settings.budget()).while_pending(transport.pending())),
    }
}

/// Waits for `work` as long as a scan may take.
fn within<T>(settings: &Settings, work: impl Future<Output = T>) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let limit = settings.budget().limit.max(Duration::from_millis(100));
    let result = runtime.block_on(async { tokio::time::timeout(limit, work).await.ok() });
    // A name look-up that hangs is left behind.
    runtime.shutdown_background();
    result
}

/// Seconds since the Unix epoch; negative before it.
fn seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |secs| -secs),
    }
}

fn target(settings: &Settings, asked: &Asked<'_>) -> Result<Url, String> {
    let base = settings.base_url.as_ref().ok().map(|base| base.url());
    let host = match (asked.host, base) {
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
    let port = match (asked.port, asked.host, base) {
        (Some(port), ..) => port,
        (None, None, Some(url)) => url.port_or_known_default().unwrap_or(443),
        _ => 443,
    };
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
    let url = Url::parse(&format!("https://{host}:{port}/"));
    url.ok()
        .filter(|url| url.username().is_empty() && url.path() == "/")
        .ok_or_else(|| "The host to diagnose is not a name or an address.".to_owned())
}
