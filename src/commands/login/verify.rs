//! Tries a token: a greeting is scanned with it, or one page of the configuration read.

use std::time::Duration;

use super::address::Service;
use crate::commands::dump_config::{PageSource, Service as ConfigService};
use crate::commands::progress::Progress;
use crate::commands::smoketest::{Checks, PROMPT, Scan, outcome_by_scanners};
use crate::printable::printable;
use crate::scan::ScanError;
use crate::secret::Secret;
use crate::settings::{Setting, Source};
use crate::supervise::supervise;
use crate::system::PROCESS_ENV;
use crate::token::Kind;
use crate::transport::Transport;
use crate::transport::watch::Watch;

/// For reading one page of the configuration.
const PAGE_TIME: Duration = Duration::from_secs(20);

/// What came of it, in words for the user.
pub enum Verified {
    Works(String),
    /// The token works, and something else is to be looked at.
    Objected(String),
    /// The service does not take the token.
    Refused(String),
    /// It could not be tried.
    Unknown(String),
}

/// Tries `token` with the service.
pub fn verify(service: &Service, token: &Secret) -> Verified {
    let progress = Progress::start("login");
    progress.says("tries the token");
    match service.entry.kind {
        Kind::Scan => {
            let mut settings = service.settings.clone();
            let source = Source::Stored("login");
            settings.api_token = Setting { value: Some(token.clone()), source, problem: None };
            scan(&Checks::new(&settings, PROCESS_ENV))
        }
        Kind::Global => read(service, token),
    }
}

/// Scans the greeting with the settings of `checks`.
pub fn scan(checks: &Checks<'_>) -> Verified {
    match checks.scan(PROMPT, None, Watch::default()) {
        Scan::Done { report, took } if report.is_cleared() => {
            Verified::Works(format!("The token works: a greeting was cleared in {} ms.", took.as_millis()))
        }
        Scan::Done { report, .. } => Verified::Objected(format!(
            "The token works, but the greeting was {}. Look at the scanners of this F5 project: a greeting should \
                 pass them.",
            printable(&outcome_by_scanners(&report), 200)
        )),
        Scan::Failed(ScanError::Status(status)) if [401, 403].contains(&status.code) => {
            Verified::Refused(format!("{} {}", ScanError::Status(status.clone()), refusal(status.code)))
        }
        Scan::Failed(error) => Verified::Unknown(format!("{error} {}", error.fix(checks.origins()))),
        Scan::NotTried => Verified::Unknown("Nothing was tried.".to_owned()),
    }
}

fn refusal(code: u16) -> &'static str {
    match code {
        401 => {
            "Copy the token again from the F5 console. One of another F5 region needs that region's address: --base-url."
        }
        _ => {
            "Check that the token may use this project, and that no firewall or proxy in between blocks the request."
        }
    }
}

/// Reads a list that only administrators may read.
fn read(service: &Service, token: &Secret) -> Verified {
    let settings = &service.settings;
    let transport = match Transport::new(&settings.tls, &settings.proxies) {
        Ok(transport) => transport,
        Err(error) => return Verified::Unknown(format!("{error} {}", error.fix())),
    };
    let config = match ConfigService::new(transport, service.address.clone(), token, settings.origins()) {
        Ok(config) => config,
        Err(error) => return Verified::Refused(error.to_string()),
    };
    let asked = supervise(std::time::Instant::now() + PAGE_TIME, move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let query = vec![("limit", "1".to_owned())];
        let answer = runtime.block_on(config.get("/backend/v1/tokens", &query));
        // Not dropped: that would wait for a name look-up that hangs.
        runtime.shutdown_background();
        Some(answer)
    });
    match asked {
        Ok(Some(Ok(_))) => Verified::Works("The token works: it may read the configuration.".to_owned()),
        Ok(Some(Err(error))) => {
            let words = printable(&error.cause, 300);
            match error.status {
                Some(401) => Verified::Refused(format!("{words} {}", refusal(401))),
                Some(403) => Verified::Refused(format!(
                    "{words} Only a global token of an administrator may read everything; a project's token is stored \
                     without --global."
                )),
                _ => Verified::Unknown(words),
            }
        }
        Ok(None) | Err(_) => Verified::Unknown("The service did not answer in time.".to_owned()),
    }
}
