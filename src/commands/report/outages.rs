//! Times without a service: two calls or more in a row for which no scan worked.

use time::OffsetDateTime;

use super::summary::Outage;
use crate::logging::read::Entry;

/// So many outages are listed, the last ones.
const MOST_OUTAGES: usize = 50;

/// Causes that lie in one call or in its settings. All others lie in the service or on the way to it.
const OF_THE_CALL: [&str; 20] = [
    "transcript_large",
    "transcript_format",
    "transcript_unreadable",
    "payload_too_large",
    "unknown_event",
    "unreadable_payload",
    "usage",
    "cut_output",
    "too_long",
    "no_token",
    "unusable_token",
    "token_file",
    "token_store",
    "token_store_locked",
    "unusable_url",
    "relative_path",
    "tls_material",
    "scanner_error",
    "scanner_unclear",
    "no_scanner_ran",
];

/// The outages so far, and the one that may have begun.
#[derive(Debug, Default)]
pub struct Outages {
    ended: Vec<Outage>,
    more: u64,
    begun: Option<(OffsetDateTime, Outage)>,
}

impl Outages {
    pub fn add(&mut self, entry: &Entry) {
        let line = &entry.line;
        match line.outcome.as_str() {
            "blank" => {}
            "not_scanned" => {
                let cause = line.cause.as_deref().unwrap_or_default();
                if OF_THE_CALL.contains(&cause) {
                    return;
                }
                let (begun, outage) = self.begun.get_or_insert_with(|| {
                    (
                        entry.time,
                        Outage {
                            from: line.timestamp.clone(),
                            until: String::new(),
                            seconds: 0,
                            calls: 0,
                            went_ahead: 0,
                            refused: 0,
                            cause: cause.to_owned(),
                            goes_on: false,
                        },
                    )
                });
                outage.calls += 1;
                *if line.is_refusal() { &mut outage.refused } else { &mut outage.went_ahead } += 1;
                outage.until.clone_from(&line.timestamp);
                // Lines of parallel hooks need not come in the order of their times.
                outage.seconds =
                    outage.seconds.max(u64::try_from((entry.time - *begun).whole_seconds()).unwrap_or(0));
            }
            _ => self.end(),
        }
    }

    fn end(&mut self) {
        if let Some((_, outage)) = self.begun.take().filter(|(_, outage)| outage.calls > 1) {
            if self.ended.len() == MOST_OUTAGES {
                self.ended.remove(0);
                self.more += 1;
            }
            self.ended.push(outage);
        }
    }

    /// Those that are listed, and how many more there were before.
    pub fn all(mut self) -> (Vec<Outage>, u64) {
        if let Some((_, outage)) = &mut self.begun {
            outage.goes_on = true;
        }
        self.end();
        (self.ended, self.more)
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::report::counter::tests::{call, failed, summary};

    #[test]
    fn an_outage_is_two_calls_in_a_row_without_a_service() {
        let summary = summary(&[
            failed(0, "warn", "network"),
            call(1, "allow", "cleared"),
            failed(10, "warn", "network"),
            failed(11, "warn", "cut_output"),
            call(12, "allow", "blank"),
            failed(40, "deny", "deadline"),
            call(41, "allow", "cleared"),
            failed(50, "warn", "dns"),
            failed(51, "warn", "dns"),
        ]);
        let outages: Vec<_> = summary
            .outages
            .iter()
            .map(|outage| {
                (outage.calls, outage.seconds, outage.refused, outage.cause.as_str(), outage.goes_on)
            })
            .collect();
        assert_eq!(outages, [(2, 30, 1, "network", false), (2, 1, 0, "dns", true)]);
        assert_eq!(summary.not_scanned[0].name, "dns");
    }
}
