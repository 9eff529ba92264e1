//! How far back a report goes.

use time::{Duration, OffsetDateTime, Time};

use crate::clock;

/// Since when, and how to say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    pub from: OffsetDateTime,
    /// Such as "the last 7 days".
    pub words: String,
}

impl Since {
    /// Reads `30m`, `12h`, `7d`, `4w` or a day.
    pub fn parse(text: &str, now: OffsetDateTime) -> Option<Self> {
        let text = text.trim();
        if let Some(day) = clock::parse_date(text) {
            return Some(Self {
                from: day.with_time(Time::MIDNIGHT).assume_utc(),
                words: format!("since {text}"),
            });
        }
        let unit = text.chars().last()?;
        let number: u32 = text.strip_suffix(unit)?.parse().ok().filter(|number| *number > 0)?;
        let (name, one) = match unit {
            'm' => ("minute", Duration::MINUTE),
            'h' => ("hour", Duration::HOUR),
            'd' => ("day", Duration::DAY),
            'w' => ("week", Duration::WEEK),
            _ => return None,
        };
        let from = now.checked_sub(one.checked_mul(i32::try_from(number).ok()?)?)?;
        let words = match number {
            1 => format!("the last {name}"),
            many => format!("the last {many} {name}s"),
        };
        Some(Self { from, words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_a_unit_and_days_are_read() {
        let now = clock::parse("2026-11-26T09:12:33Z").unwrap();
        for (text, from, words) in [
            ("30m", "2026-11-26T08:42:33Z", "the last 30 minutes"),
            ("1h", "2026-11-26T08:12:33Z", "the last hour"),
            ("7d", "2026-11-19T09:12:33Z", "the last 7 days"),
            ("2w", "2026-11-12T09:12:33Z", "the last 2 weeks"),
            ("2026-11-19", "2026-11-19T00:00:00Z", "since 2026-11-19"),
        ] {
            let expected = Since { from: clock::parse(from).unwrap(), words: words.to_owned() };
            assert_eq!(Since::parse(text, now), Some(expected), "{text}");
        }
        for bad in
            ["", "7", "d", "-7d", "0d", "7x", "1.5h", "99999999999d", "4294967295w", "2026-13-01", "7ü"]
        {
            assert_eq!(Since::parse(bad, now), None, "{bad}");
        }
    }
}
