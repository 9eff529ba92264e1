//! The way to the service: proxy, trusted roots, and one scan.

use std::time::{Duration, Instant};

use crate::commands::doctor::facts::ServiceFacts;
use crate::commands::doctor::judge::settings::Connection;
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::commands::smoketest::{Checks, PROMPT, Scan};
use crate::printable::counted;
use crate::proof::Greeting;
use crate::settings::Settings;
use crate::supervise::supervise;
use crate::token::TokenError;
use crate::transport::proxy::{Route, route};
use crate::transport::watch::Watch;
use crate::transport::{client_identity, load_trust};

/// Time for reading the trust store: a keychain can be slow at first.
const TRUST_TIME: Duration = Duration::from_secs(60);

pub fn connection(settings: &Settings, token: Option<TokenError>, sanitizer: &Sanitizer) -> Connection {
    let way = settings.base_url.as_ref().ok().map(|url| route(url.url(), &settings.proxies));
    let proxy = match way {
        Some(Ok(Route::Through(proxy))) => Some(sanitizer.text(&proxy.to_string())),
        Some(Err(_)) => Some("set, but not usable".to_owned()),
        _ => None,
    };
    let tls = settings.tls.clone();
    let loaded = supervise(Instant::now() + TRUST_TIME, move || {
        let trust = load_trust(&tls)?;
        client_identity(&tls)?;
        Ok((format!("{}, {}", trust.source, counted(trust.roots.len(), "root")), trust.notes))
    });
    let trust = match loaded {
        Ok(Ok((source, notes))) => {
            Ok((sanitizer.text(&source), notes.iter().map(|note| sanitizer.text(note)).collect()))
        }
        Ok(Err(error)) => {
            let error: crate::transport::TlsMaterialError = error;
            Err((sanitizer.text(&error.to_string()), error.fix()))
        }
        Err(_) => Err((
            "The certificate store could not be read in time.".to_owned(),
            settings.origins().faster_roots(),
        )),
    };
    Connection { proxy, trust, token }
}

/// What hooks with these settings remember of an outage.
pub fn outage(settings: &Settings, sanitizer: &Sanitizer) -> Option<String> {
    Checks::new(settings, crate::commands::doctor::PROCESS_ENV).outage().map(|words| sanitizer.text(&words))
}

/// One scan of the smoke test's greeting. Not tried where a setting has a problem of its own.
pub fn ask(offline: bool, possible: bool, settings: &Settings, sanitizer: &Sanitizer) -> ServiceFacts {
    if offline {
        return ServiceFacts::Offline;
    }
    if !possible {
        return ServiceFacts::NotTried;
    }
    match Checks::new(settings, crate::commands::doctor::PROCESS_ENV).scan(PROMPT, None, Watch::default()) {
        Scan::Done { report, took } if report.is_cleared() => ServiceFacts::Cleared { took },
        Scan::Done { report, .. } => {
            let scanners: Vec<&str> =
                report.scanners.iter().map(|scanner| scanner.scanner_type.as_str()).collect();
            let by = if scanners.is_empty() { String::new() } else { format!(" by {}", scanners.join(", ")) };
            ServiceFacts::Objected { words: sanitizer.text(&format!("{}{by}", report.outcome)) }
        }
        Scan::Failed(error) => ServiceFacts::Failed {
            why: sanitizer.text(&error.to_string()),
            fix: error.fix(settings.origins()),
        },
        Scan::NotTried => ServiceFacts::NotTried,
    }
}

impl From<Greeting> for ServiceFacts {
    fn from(greeting: Greeting) -> Self {
        match greeting {
            Greeting::Cleared { milliseconds } => Self::Cleared { took: Duration::from_millis(milliseconds) },
            Greeting::Objected { words } => Self::Objected { words },
            Greeting::Failed { why, fix } => Self::Failed { why, fix },
        }
    }
}
