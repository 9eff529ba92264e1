//! One setting: its value, where it came from, and what was wrong with what the user wrote.

use crate::system::{Env, non_blank};
use std::ffi::OsString;
use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;

/// Where a setting's value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// An environment variable, by name.
    Environment(&'static str),
    /// A flag that a hook is registered with, by name with its dashes.
    Flag(&'static str),
    /// An option of the command that runs, by name with its dashes.
    Option(&'static str),
    /// What `f5-guard login` stored, by the name of the store.
    Stored(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Environment(name) | Self::Flag(name) | Self::Option(name) | Self::Stored(name) => {
                f.write_str(name)
            }
        }
    }
}

impl Source {
    /// Whether it names a file with the token.
    #[must_use]
    pub fn is_file(self) -> bool {
        matches!(self, Self::Flag(_) | Self::Option(_) | Self::Environment("F5_GUARDRAILS_API_TOKEN_FILE"))
    }

    /// What to change so that the setting changes: this, or `variable` where nothing sets it.
    #[must_use]
    pub fn or_variable(self, variable: &str) -> String {
        match self {
            Self::Flag(name) => format!("the {name} of the registered hook"),
            Self::Option(name) | Self::Environment(name) => name.to_owned(),
            Self::Default | Self::Stored(_) => variable.to_owned(),
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

    /// The text of the flag or of the variable, read as [`Given::parse`] does it; where neither is given, the default.
    pub fn read(
        variable: &'static str,
        flag: Option<Given>,
        env: Env<'_>,
        parse: impl FnOnce(&str) -> Option<T>,
        default: T,
        expected: &str,
        instead: &str,
    ) -> Self {
        match Given::find(flag, variable, env) {
            Some(given) => given.parse(parse, default, expected, instead),
            None => Self::default_value(default),
        }
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

/// What a text is that was meant for a shell and met none: some readers of env files keep quotes, and replace nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Literal {
    /// It may be what it seems to be.
    Plain,
    /// It is in quotes.
    Quoted,
    /// It begins with `${`, or is in percent signs, as on Windows.
    Placeholder,
}

impl Literal {
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        let is_within =
            |first: char, last: char| text.len() > 2 && text.starts_with(first) && text.ends_with(last);
        if is_within('"', '"') || is_within('\'', '\'') {
            Self::Quoted
        } else if text.starts_with("${") && text.contains('}') || is_within('%', '%') {
            Self::Placeholder
        } else {
            Self::Plain
        }
    }

    /// As the end of a sentence on a value.
    #[must_use]
    pub fn clause(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Quoted => ": it is in quotes, which nothing has taken off",
            Self::Placeholder => ": it is the name of a variable, which nothing has replaced",
        }
    }
}

/// A path that is not absolute. Hooks run in the session's folder, so it would name a file of whatever repository is
/// worked on there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{given} is not an absolute path{}.", reason.clause())]
pub struct RelativePath {
    pub given: Source,
    /// What the text looks like instead.
    pub reason: Literal,
}

impl RelativePath {
    /// What to do about it, in a sentence.
    pub fn fix(self) -> String {
        format!(
            "Set {} to the whole path, such as /home/you/file or C:\\Users\\you\\file: hooks run in the session's \
             folder, where any other path names a file of the repository.",
            self.given.or_variable("it")
        )
    }
}

/// A path whose leading `~/` is the home folder.
pub fn home_relative(text: &OsString, env: Env<'_>) -> PathBuf {
    let path = PathBuf::from(text);
    let Ok(rest) = path.strip_prefix("~") else { return path };
    // A shell of Unix on Windows sets HOME to a path that Windows does not take for absolute.
    let homes = ["HOME", "USERPROFILE"].into_iter().filter_map(env).map(PathBuf::from);
    homes.into_iter().find(|home| home.is_absolute()).map_or(path.clone(), |home| home.join(rest))
}

/// The text that somebody gave for a setting: the flag if there is one, else the environment variable.
#[derive(Debug, Clone)]
pub struct Given {
    pub text: OsString,
    pub source: Source,
}

impl Given {
    /// A flag wins over the variable, even when its text turns out to be unusable: what an administrator
    /// registered must not be replaced by a user's variable. An empty variable is treated as unset.
    pub fn find(flag: Option<Self>, variable: &'static str, env: Env<'_>) -> Option<Self> {
        if flag.is_some() {
            return flag;
        }
        let text = non_blank(env, variable)?;
        // A file of variables with Windows' line ends leaves a CR behind each value.
        let text = text.to_str().map(|text| text.trim().into()).unwrap_or(text);
        Some(Self { text, source: Source::Environment(variable) })
    }

    /// What the variable alone says.
    pub fn of_variable(name: &'static str, env: Env<'_>) -> Option<Self> {
        Self::find(None, name, env)
    }

    /// The path, whose leading `~/` is the home folder: variables set outside a shell are not expanded by one.
    fn absolute_path(&self, env: Env<'_>) -> Result<PathBuf, RelativePath> {
        Some(home_relative(&self.text, env))
            .filter(|path| path.is_absolute())
            .ok_or(RelativePath { given: self.source, reason: Literal::of(&self.text.to_string_lossy()) })
    }

    /// A path that is ignored where it is not absolute. That it was goes into `relative` too, because in closed mode
    /// it is an error: see [`Settings::refused_path`](super::Settings::refused_path).
    pub fn absolute_or_none(
        &self,
        env: Env<'_>,
        relative: &mut Vec<RelativePath>,
    ) -> Setting<Option<PathBuf>> {
        match self.absolute_path(env) {
            Ok(path) => Setting { value: Some(path), source: self.source, problem: None },
            Err(error) => {
                relative.push(error);
                let problem = format!(
                    "{} is not an absolute path{}; it is ignored.",
                    self.source,
                    error.reason.clause()
                );
                Setting { value: None, source: self.source, problem: Some(problem) }
            }
        }
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
                let clause = Literal::of(&self.text.to_string_lossy()).clause();
                let problem = format!("{} is not {expected}{clause}; {instead}.", self.source);
                Setting { value: otherwise, source: self.source, problem: Some(problem) }
            }
        }
    }
}
