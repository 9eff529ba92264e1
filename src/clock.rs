//! Times as the log and the service write them (RFC 3339), written and read; durations in whole milliseconds.

use std::time::{Duration, SystemTime};

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

/// `2026-11-26T09:12:33.482913Z`, as the other lines of the log have it.
#[must_use]
pub fn timestamp(now: SystemTime) -> String {
    let now = OffsetDateTime::from(now);
    let (date, time) = (now.date(), now.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.microsecond()
    )
}

/// A duration in whole milliseconds.
pub fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Reads a time of ISO 8601 as services write it: `T` or a blank between date and time, a fraction of any length or
/// none, `Z`, an offset or nothing (UTC).
#[must_use]
pub fn parse(text: &str) -> Option<OffsetDateTime> {
    let date = parse_date(text.get(..10)?)?;
    let rest = text.get(10..)?.strip_prefix(['T', 't', ' '])?;
    let field = |from: usize| number(rest.get(from..from + 2)?).and_then(|n| u8::try_from(n).ok());
    let separated = rest.get(2..3)? == ":" && rest.get(5..6)? == ":";
    let (hour, minute, second) = (field(0)?, field(3)?, field(6)?);
    if !separated {
        return None;
    }
    let rest = rest.get(8..)?;
    let (nanoseconds, rest) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (fraction, rest) = rest.split_at_checked(digits).filter(|_| digits > 0)?;
            let known: String = fraction.chars().chain("000000000".chars()).take(9).collect();
            (number(&known)?, rest)
        }
    };
    let time = Time::from_hms_nano(hour, minute, second, nanoseconds).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_offset(offset(rest)?))
}

/// `2026-11-26`.
#[must_use]
pub fn parse_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    let month = Month::try_from(u8::try_from(number(month)?).ok()?).ok()?;
    Date::from_calendar_date(i32::try_from(number(year)?).ok()?, month, u8::try_from(number(day)?).ok()?).ok()
}

fn offset(text: &str) -> Option<UtcOffset> {
    if matches!(text, "" | "Z" | "z") {
        return Some(UtcOffset::UTC);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = (rest.get(..2)?, rest.get(2..)?);
    let minutes = minutes.strip_prefix(':').unwrap_or(minutes);
    let part = |text: &str| if text.is_empty() { Some(0) } else { i8::try_from(number(text)?).ok() };
    UtcOffset::from_hms(sign * part(hours)?, sign * part(minutes)?, 0).ok()
}

fn number(digits: &str) -> Option<u32> {
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_of_services_are_read() {
        let expected = parse("2026-11-26T09:12:33.5Z").unwrap();
        for text in [
            "2026-11-26T09:12:33.500000Z",
            "2026-11-26T09:12:33.500000000999Z",
            "2026-11-26T10:12:33.5+01:00",
            "2026-11-26T04:42:33.5-0430",
            "2026-11-26 09:12:33.5",
            "2026-11-26t09:12:33.5z",
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "now",
            "2026-11-26",
            "2026-13-26T09:12:33Z",
            "2026-02-30T09:12:33Z",
            "2026-11-26T25:12:33Z",
            "2026-11-26T09:12:33.Z",
            "2026-11-26T09:12:33+99:00",
            "2026-11-26T09:12:33 UTC",
            "2026-11-26T09.12.33Z",
            "+026-11-26T09:12:33Z",
            "2026-11-26T09:12:3ü",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(micros in 0u64..4_000_000_000_000_000) {
            let now = SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
            prop_assert_eq!(parse(&timestamp(now)), Some(OffsetDateTime::from(now)));
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "[-0-9T:.+Zü ]{0,40}", any in any::<String>()) {
            let _ = (parse(&text), parse(&any), parse_date(&any));
        }
    }
}
