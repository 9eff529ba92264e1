//! Small texts of the report: URLs without logins, times, dates, addresses.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// A URL without what may be secret in it: its user info, query and fragment. A password may hold `/`, `?`, `#` and `@`
/// unescaped, so everything up to the *last* `@` goes: better a host too few than a part of a password. Says whether
/// anything was removed.
pub fn without_secrets(url: &str) -> (String, bool) {
    let (scheme, rest) = match url.find("://") {
        Some(at) => url.split_at(at + 3),
        None => ("", url),
    };
    let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
    let end = address.find(['?', '#']).unwrap_or(address.len());
    let shown = address.get(..end).unwrap_or_default();
    (format!("{scheme}{shown}"), shown.len() < rest.len())
}

/// Milliseconds for people: two digits that matter, never more than a tenth of a millisecond.
pub fn milliseconds(took: Duration) -> String {
    let ms = took.as_secs_f64() * 1000.0;
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

/// `2026-11-01 12:00:00 UTC` for seconds since the Unix epoch; the bare number where no calendar date fits.
pub fn utc(seconds: i64) -> String {
    match time::OffsetDateTime::from_unix_timestamp(seconds) {
        Ok(t) => format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        ),
        Err(_) => format!("{seconds} s after 1970"),
    }
}

/// The address in a certificate's IP name: 4 or 16 bytes.
pub fn ip_name(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(v4).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|v6| Ipv6Addr::from(v6).to_string())
}

/// `host:port`, with brackets around an IPv6 address.
pub fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_password_or_a_query_survives_in_a_url() {
        for url in ["http://u:pa@ss/w?o#rd@proxy:8080", "http://u@x:pa://ss@proxy:8080"] {
            assert_eq!(without_secrets(url), ("http://proxy:8080".to_owned(), true), "{url}");
        }
        for url in
            ["http://proxy:8080?token=secret", "http://proxy:8080#secret", "http://u:p@proxy:8080?q=a#b"]
        {
            assert_eq!(without_secrets(url), ("http://proxy:8080".to_owned(), true), "{url}");
        }
        assert_eq!(without_secrets("u:p@proxy:8080"), ("proxy:8080".to_owned(), true));
        assert_eq!(without_secrets("http://proxy:8080"), ("http://proxy:8080".to_owned(), false));
    }

    #[test]
    fn dates_read_as_a_calendar_says_and_absurd_ones_do_not_panic() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(1_793_534_400), "2026-11-01 12:00:00 UTC");
        assert_eq!(utc(i64::MAX), format!("{} s after 1970", i64::MAX));
    }
}
