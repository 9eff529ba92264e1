//! The scans of one call, within the time of this run of the hook.

use std::time::Instant;

use crate::scan::{ScanClient, ScanError, ScanJob, ScanReport, Scanned};
use crate::settings::Settings;
use crate::transport::watch::Watch;

/// Scans the call's own text, unless it is blank, and next to it those of the session. What happens to the one can be seen in
/// the first watch, to the others in the second: what they meet says nothing of how far the call's own text came.
pub fn scan_with(
    job: &ScanJob<'_>,
    is_blank: bool,
    texts: &[String],
    settings: &Settings,
    started: Instant,
    [watch, of_session]: [&Watch; 2],
) -> (Option<Scanned>, Vec<Scanned>) {
    if texts.is_empty() {
        return ((!is_blank).then(|| scan(job, settings, started, watch.clone())), Vec::new());
    }
    let own = (!is_blank).then_some(job);
    let metadata = job.metadata.clone().of_the_transcript();
    let found = ScanClient::new(settings, started, None, watch.clone()).and_then(|client| {
        let found = client.scan_blocking_with(own, texts, &metadata, of_session);
        // As for `scan`.
        std::mem::forget(client);
        found
    });
    found.unwrap_or_else(|error| {
        (own.map(|_| Err(error.clone())), texts.iter().map(|_| Err(error.clone())).collect())
    })
}

/// Scans within the time of this run of the hook.
pub fn scan(
    job: &ScanJob<'_>,
    settings: &Settings,
    started: Instant,
    watch: Watch,
) -> Result<ScanReport, ScanError> {
    let client = ScanClient::new(settings, started, None, watch)?;
    let result = client.scan_blocking(job);
    // The process ends with the answer, which need not wait for hundreds of certificates to be freed one by one.
    std::mem::forget(client);
    result
}
