//! When the first connection got how far, to tell the network's time from the service's.
//!
//! HTTP client and TLS library report no times, but ask for things on the way: for the addresses of a name, for
//! a session to resume when a handshake starts, for a verdict on the certificate when it arrives. What they are
//! given here is what they would have without it, and no session to resume: each connection of the few that a
//! process makes shows its certificate.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

use crate::phase;

/// The moments of the first connection; each is noted once.
#[derive(Debug, Default)]
pub(super) struct Connecting {
    begun: OnceLock<Instant>,
    resolved: OnceLock<Instant>,
    hello: OnceLock<Instant>,
    trusted: OnceLock<Instant>,
}

impl Connecting {
    /// A request is about to need a connection.
    pub(super) fn begin(&self) {
        self.begun.get_or_init(Instant::now);
    }

    fn resolved(&self) {
        note(&self.resolved, "dns", &[&self.begun]);
    }

    /// TCP stands, through the proxy if there is one, and TLS begins.
    fn hello(&self) {
        note(&self.hello, "tcp", &[&self.resolved, &self.begun]);
    }

    /// The server has shown a certificate that was found good.
    pub(super) fn trusted(&self) {
        note(&self.trusted, "tls", &[&self.hello]);
    }

    /// When a request that set off at `sent` could be on its way.
    pub(super) fn ready(&self, sent: Instant) -> Instant {
        self.trusted.get().map_or(sent, |trusted| sent.max(*trusted))
    }
}

/// Notes that a moment has come, if it had not; the phase that ends with it began at the latest of `before`.
fn note(moment: &OnceLock<Instant>, phase: &'static str, before: &[&OnceLock<Instant>]) {
    let now = Instant::now();
    if moment.set(now).is_err() {
        return;
    }
    if let Some(begun) = before.iter().find_map(|moment| moment.get()) {
        phase::took(phase, now.saturating_duration_since(*begun));
    }
}

/// The system's name look-up, on a thread of its own, as the HTTP client's default does it.
pub(super) struct TimedResolver(pub(super) Arc<Connecting>);

impl Resolve for TimedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let connecting = Arc::clone(&self.0);
        Box::pin(async move {
            // The client puts the URL's port in the place of 0.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            connecting.resolved();
            let addresses: Vec<SocketAddr> = found.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Is asked for a session whenever a handshake starts, and has none.
#[derive(Debug)]
pub(super) struct NoSessions(pub(super) Arc<Connecting>);

impl ClientSessionStore for NoSessions {
    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.hello();
        None
    }
    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }
    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}
    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}
    fn remove_tls12_session(&self, _: &ServerName<'static>) {}
    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}
}
