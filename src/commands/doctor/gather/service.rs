//! The way to the service: proxy, trusted roots, and one scan.

use std::time::Duration;

use crate::clock::milliseconds;
use crate::commands::doctor::facts::ServiceFacts;
use crate::commands::doctor::judge::settings::Connection;
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::commands::smoketest::{Checks, PROMPT, SLOW_STORE, Scan, load_tls, outcome_by_scanners};
use crate::printable::counted;
use crate::proof::Greeting;
use crate::scan::{ScanError, ScanReport};
use crate::settings::{Origins, Settings};
use crate::system::PROCESS_ENV;
use crate::token::TokenError;
use crate::transport::proxy::{Route, route};
use crate::transport::watch::Watch;

pub fn connection(settings: &Settings, token: Option<TokenError>, sanitizer: &Sanitizer) -> Connection {
    let way = settings.base_url.as_ref().ok().map(|url| route(url.url(), &settings.proxies));
    let proxy = match way {
        Some(Ok(Route::Through(proxy))) => Some(sanitizer.text(&proxy.to_string())),
        Some(Err(_)) => Some("set, but not usable".to_owned()),
        _ => None,
    };
    let trust = match load_tls(&settings.tls) {
        Some(Ok((trust, _))) => {
            let source = format!("{}, {}", trust.source, counted(trust.roots.len(), "root"));
            Ok((sanitizer.text(&source), trust.notes.iter().map(|note| sanitizer.text(note)).collect()))
        }
        Some(Err(error)) => Err((sanitizer.text(&error.to_string()), error.fix())),
        None => Err((SLOW_STORE.to_owned(), settings.origins().faster_roots())),
    };
    Connection { proxy, trust, token }
}

/// What hooks with these settings remember of an outage.
pub fn outage(settings: &Settings, sanitizer: &Sanitizer) -> Option<String> {
    Checks::new(settings, PROCESS_ENV).outage().map(|words| sanitizer.text(&words))
}

/// One scan of the smoke test's greeting. Not tried where a setting has a problem of its own.
pub fn ask(offline: bool, possible: bool, settings: &Settings, sanitizer: &Sanitizer) -> ServiceFacts {
    if offline {
        return ServiceFacts::Offline;
    }
    if !possible {
        return ServiceFacts::NotTried;
    }
    let scanned = match Checks::new(settings, PROCESS_ENV).scan(PROMPT, None, Watch::default()) {
        Scan::Done { report, took } => Ok((*report, took)),
        Scan::Failed(error) => Err(error),
        Scan::NotTried => return ServiceFacts::NotTried,
    };
    ServiceFacts::Asked(greeting(scanned, settings.origins(), sanitizer))
}

/// What came of the scan of a greeting, as it may be shown.
pub fn greeting(
    scanned: Result<(ScanReport, Duration), ScanError>,
    origins: Origins,
    sanitizer: &Sanitizer,
) -> Greeting {
    match scanned {
        Ok((report, took)) if report.is_cleared() => Greeting::Cleared { milliseconds: milliseconds(took) },
        Ok((report, _)) => Greeting::Objected { words: sanitizer.text(&outcome_by_scanners(&report)) },
        Err(error) => Greeting::Failed { why: sanitizer.text(&error.to_string()), fix: error.fix(origins) },
    }
}
