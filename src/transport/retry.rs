//! When to ask again, and when.

use std::time::{Duration, Instant, SystemTime};

use super::exchange::Response;
use super::failure::TransportError;

/// The first attempt and up to two more.
const MAX_ATTEMPTS: u32 = 3;

/// Runs `attempt` until it brings an answer worth having: a failed connection, a 429 and a 502 to 504 (the
/// proxy's too) are asked again, at most twice, after a wait with jitter or after the time that `Retry-After` names. Where the
/// wait would reach the deadline the last result is returned at once: the caller can tell the user more with
/// it than with a timeout.
///
/// # Errors
/// The last attempt's.
pub async fn with_retries<F>(
    deadline: Instant,
    mut attempt: impl FnMut() -> F,
) -> Result<Response, TransportError>
where
    F: Future<Output = Result<Response, TransportError>>,
{
    let mut attempts = 0;
    loop {
        let result = attempt().await;
        attempts += 1;
        let Some(wait) = (attempts < MAX_ATTEMPTS).then(|| wait_before_retry(&result, attempts)).flatten()
        else {
            return result;
        };
        if Instant::now() + wait >= deadline {
            return result;
        }
        tracing::debug!(
            attempts,
            wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            "asking again"
        );
        tokio::time::sleep(wait).await;
    }
}

/// How long to wait before asking again; `None` where asking again can't help.
fn wait_before_retry(result: &Result<Response, TransportError>, attempts: u32) -> Option<Duration> {
    let named = match result {
        Err(error) if error.is_retryable() => {
            error.retry_after().and_then(|value| retry_after(value, SystemTime::now()))
        }
        Ok(response) if matches!(response.status, 429 | 502..=504) => {
            response.header("retry-after").and_then(|value| retry_after(value, SystemTime::now()))
        }
        _ => return None,
    };
    // Jitter keeps many machines from asking again in step: half the step to one and a half of it.
    let step = 100 * 3u64.pow(attempts - 1);
    let jitter = Duration::from_millis(fastrand::u64(step / 2..=step * 3 / 2));
    Some(match named {
        Some(wait) => wait + jitter / 4,
        None => jitter,
    })
}

/// `Retry-After` in seconds or as an HTTP date (RFC 9110, section 10.2.3).
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large for the type is far beyond any deadline, too.
        return Some(Duration::from_secs(value.parse::<u32>().unwrap_or(u32::MAX).into()));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::fault::Fault;
    use http::header::{HeaderMap, HeaderValue};

    fn answer(status: u16, retry_after: Option<&'static str>) -> Result<Response, TransportError> {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert("retry-after", HeaderValue::from_static(value));
        }
        Ok(Response { status, headers, body: Vec::new(), first_byte: Instant::now() })
    }

    #[test]
    fn only_passing_troubles_are_asked_again() {
        for status in [429, 502, 503, 504] {
            assert!(wait_before_retry(&answer(status, None), 1).is_some(), "{status}");
        }
        for status in [200, 301, 400, 401, 403, 404, 413, 422, 500, 501] {
            assert!(wait_before_retry(&answer(status, Some("1")), 1).is_none(), "{status}");
        }
        for (fault, again) in [
            (Fault::Refused, true),
            (Fault::NoConnection, true),
            (Fault::TooLarge { most: 1024 }, false),
            (Fault::ProxyStatus { status: 503, retry_after: None }, true),
            (Fault::ProxyStatus { status: 403, retry_after: None }, false),
            (Fault::ProxyLogin { sent: true, offers: Vec::new() }, false),
            (Fault::SocksRefused { why: "rules", passing: false }, false),
        ] {
            let error = Err(crate::transport::failure::example(fault.clone()));
            assert_eq!(wait_before_retry(&error, 1).is_some(), again, "{fault}");
        }
    }

    #[test]
    fn a_proxy_may_say_when_to_ask_again() {
        let fault = Fault::ProxyStatus { status: 503, retry_after: Some("7".to_owned()) };
        let wait = wait_before_retry(&Err(crate::transport::failure::example(fault)), 1);
        assert!(wait.is_some_and(|wait| wait >= Duration::from_secs(7)), "{wait:?}");
    }

    #[test]
    fn waits_grow_and_vary() {
        for _ in 0..50 {
            let first = wait_before_retry(&answer(503, None), 1).unwrap();
            let second = wait_before_retry(&answer(503, None), 2).unwrap();
            assert!((50..=150).contains(&first.as_millis()), "{first:?}");
            assert!((150..=450).contains(&second.as_millis()), "{second:?}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(retry_after("7", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:40 GMT", now), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("99999999999999999999", now), Some(Duration::from_secs(u32::MAX.into())));
        assert_eq!(retry_after("soon", now), None);
        assert!(wait_before_retry(&answer(429, Some("30")), 1).unwrap() >= Duration::from_secs(30));
    }
}
