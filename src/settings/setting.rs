//! One setting: its value, where it came from, and what was wrong with what the user wrote.

use std::ffi::OsString;
use std::fmt;
use std::ops::Deref;

/// Looks up one environment variable. Passed by parameter, so that tests bring their own environment.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Where a setting's value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// An environment variable, by name.
    Environment(&'static str),
    /// A command-line flag, by name with its dashes.
    Flag(&'static str),
    /// What `f5-guard login` stored, by the name of the store.
    Stored(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Environment(name) | Self::Flag(name) | Self::Stored(name) => f.write_str(name),
        }
    }
}

/// A value with its origin and, where the given text could not be used, a sentence that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    pub value: T,
    pub source: Source,
    /// What was wrong with the given text and which value is used instead.
    pub problem: Option<String>,
}

impl<T> Setting<T> {
    /// The default that applies where nobody set anything.
    pub fn default_value(value: T) -> Self {
        Self { value, source: Source::Default, problem: None }
    }

    /// The same origin with another value.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Setting<U> {
        Setting { value: convert(self.value), source: self.source, problem: self.problem }
    }
}

impl<T> Deref for Setting<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// The text that somebody gave for a setting: the flag if there is one, else the environment variable.
#[derive(Debug, Clone)]
pub struct Given {
    pub text: OsString,
    pub source: Source,
}

impl Given {
    /// A flag wins over the variable, even when its text turns out to be unusable: what an administrator
    /// registered must not be replaced by a user's variable. An empty variable counts as not set.
    pub fn find(
        flag: Option<(&'static str, &OsString)>,
        variable: &'static str,
        env: Env<'_>,
    ) -> Option<Self> {
        if let Some((name, text)) = flag {
            return Some(Self { text: text.clone(), source: Source::Flag(name) });
        }
        let text = env(variable).filter(|text| !text.to_string_lossy().trim().is_empty())?;
        Some(Self { text, source: Source::Environment(variable) })
    }

    /// The trimmed text, or `None` where it is not Unicode.
    pub fn trimmed(&self) -> Option<&str> {
        self.text.to_str().map(str::trim)
    }

    /// Parses the text; where `parse` refuses it, the setting takes `otherwise` and carries a problem that
    /// ends in `instead` (a clause such as "the default of 10 s is used").
    pub fn parse<T>(
        self,
        parse: impl FnOnce(&str) -> Option<T>,
        otherwise: T,
        expected: &str,
        instead: &str,
    ) -> Setting<T> {
        match self.trimmed().and_then(parse) {
            Some(value) => Setting { value, source: self.source, problem: None },
            None => {
                let problem = format!("{} is not {expected}; {instead}.", self.source);
                Setting { value: otherwise, source: self.source, problem: Some(problem) }
            }
        }
    }
}
