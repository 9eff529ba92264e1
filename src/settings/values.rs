//! The values that settings can take, and how each is read from text.

use std::time::Duration;

/// What happens to content that could not be scanned (`F5_GUARDRAILS_FAIL_MODE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailMode {
    /// It goes ahead, with a notice.
    Open,
    /// It is blocked.
    Closed,
}

/// What happens to a tool output that a scanner did not clear (`F5_GUARDRAILS_POST_STRICT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlaggedOutput {
    /// The model sees it, with a warning to treat it as untrusted data.
    Warn,
    /// The model sees the reason instead.
    Withhold,
}

/// Who says what becomes of a hit (`--enforcement`). `Ord` ranks by strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Enforcement {
    /// Nobody: everything goes ahead, and the log has what would have been done.
    Observe,
    /// The scanners' own modes in the F5 project: audit, redact or block.
    Project,
    /// f5-guard: it refuses.
    Block,
}

/// Which roots to trust where no CA bundle is given (`F5_GUARDRAILS_USE_SYSTEM_CERT_STORE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemStore {
    /// The operating system's; Mozilla's where the system has none at all (a bare container).
    Auto,
    /// The operating system's only.
    Always,
    /// Mozilla's, as built into the binary.
    Never,
}

/// The lowest level that is logged (`F5_GUARDRAILS_LOG_LEVEL`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl FailMode {
    /// `open` or `closed`, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "open" => Some(Self::Open),
            "closed" => Some(Self::Closed),
            _ => None,
        }
    }

    /// The word users write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

impl Enforcement {
    /// `block`, `project` or `observe`, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "block" => Some(Self::Block),
            "project" => Some(Self::Project),
            "observe" => Some(Self::Observe),
            _ => None,
        }
    }

    /// The word users write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Project => "project",
            Self::Observe => "observe",
        }
    }
}

impl FlaggedOutput {
    /// From the switch `F5_GUARDRAILS_POST_STRICT`.
    pub fn from_strict(strict: bool) -> Self {
        if strict { Self::Withhold } else { Self::Warn }
    }
}

impl SystemStore {
    /// `auto` or a switch word.
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("auto") {
            return Some(Self::Auto);
        }
        switch(text).map(|on| if on { Self::Always } else { Self::Never })
    }

    /// The word users write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "true",
            Self::Never => "false",
        }
    }
}

impl LogLevel {
    /// Rust's level names and Python's, which today's users may have set.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "off" | "none" => Some(Self::Off),
            "error" | "critical" | "fatal" => Some(Self::Error),
            "warn" | "warning" => Some(Self::Warn),
            "info" => Some(Self::Info),
            "debug" => Some(Self::Debug),
            "trace" => Some(Self::Trace),
            _ => None,
        }
    }

    /// The word users write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// The switch words of the Python integration.
pub fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" | "none" | "disabled" => Some(false),
        _ => None,
    }
}

/// Seconds, whole or decimal, from 0.1 to 3600.
pub fn timeout_seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok()?;
    (0.1..=3600.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// The timeout that older versions registered a hook with and wrote into its command, in whole seconds; 0 means 1, as to
/// Codex. Of a text that is not a number the first number in it counts, or what they wrote as a rule, whichever is less: a
/// deadline too early is safe, one too late is not.
pub fn old_hook_timeout(text: &str) -> Duration {
    const USUAL: Duration = Duration::from_secs(15);
    let seconds = |digits: &str| {
        let seconds: u64 = digits.parse().ok()?;
        (seconds <= 86_400).then(|| Duration::from_secs(seconds.max(1)))
    };
    let first = || {
        let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
        seconds(digits.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default())
    };
    seconds(text).unwrap_or_else(|| first().map_or(USUAL, |first| first.min(USUAL)))
}

/// Characters in one scan request. The lower bound leaves room for the overlap of two pieces.
pub fn max_scan_length(text: &str) -> Option<usize> {
    let characters: usize = text.replace('_', "").parse().ok()?;
    (1_000..=2_000_000).contains(&characters).then_some(characters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_outside_the_range_are_refused() {
        assert_eq!(timeout_seconds("2.5"), Some(Duration::from_millis(2500)));
        for bad in ["0", "-1", "nan", "inf", "1e9", "ten", ""] {
            assert_eq!(timeout_seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn of_an_unreadable_hook_timeout_the_shorter_reading_counts() {
        for (text, seconds) in
            [("30", 30), ("0", 1), ("5s", 5), ("=7", 7), ("60s", 15), ("x", 15), ("", 15), ("0.5", 1)]
        {
            assert_eq!(old_hook_timeout(text).as_secs(), seconds, "{text}");
        }
    }

    #[test]
    fn switch_words_are_those_of_the_python_integration() {
        for word in ["1", "TRUE", "yes", "On"] {
            assert_eq!(switch(word), Some(true), "{word}");
        }
        for word in ["0", "False", "no", "off", "none", "disabled"] {
            assert_eq!(switch(word), Some(false), "{word}");
        }
        assert_eq!(switch("maybe"), None);
    }

    #[test]
    fn a_scan_length_that_the_overlap_would_eat_is_refused() {
        assert_eq!(max_scan_length("1000"), Some(1000));
        assert_eq!(max_scan_length("50_000"), Some(50_000));
        for bad in ["999", "0", "-5", "2000001", "50k"] {
            assert_eq!(max_scan_length(bad), None, "{bad}");
        }
    }
}
