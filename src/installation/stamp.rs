//! The moment in a backup's name.

use std::time::SystemTime;

use time::OffsetDateTime;

/// `20260131T235959Z`: sorts by age, and every file system takes it.
pub fn stamp(now: SystemTime) -> String {
    let now = OffsetDateTime::from(now);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute(),
        now.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_moment_is_written_in_utc() {
        assert_eq!(stamp(SystemTime::UNIX_EPOCH + Duration::from_secs(86_399)), "19700101T235959Z");
    }
}
