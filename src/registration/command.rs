//! Quotes the registered commands for the shells that Codex runs them with.
//!
//! On Unix that is the login shell of the user database with `-c`, so not only `sh`: the quoting here means the same
//! to sh, bash, dash, ksh, zsh, fish and tcsh. On Windows it is PowerShell as a rule and `cmd.exe` as fallback, which
//! agree on no quoting at all: only words that need none are accepted.

use super::portable;

/// The shells that a command is written for, and with what it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Launcher {
    /// A Unix shell runs the binary at this absolute path.
    Unix { binary: String },
    /// PowerShell or `cmd.exe` runs the binary at this absolute path, which must need no quoting: an 8.3 short path,
    /// or one in a folder without spaces.
    Windows { binary: String },
    /// A Unix shell looks for the binary at the user installation's place, then on `PATH`.
    PortableUnix,
    /// PowerShell looks for the binary at the same places; `cmd.exe` says no.
    PortableWindows,
}

/// A command that can't be written so that every shell reads it alike.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// A program path that Windows' shells would split or misread.
    #[error(
        "`{path}` can't be registered on Windows: PowerShell and cmd.exe agree only on a plain path such as \
         `C:\\ProgramData\\F5\\f5-guard.exe`, and this one {why}; use its 8.3 short form (`dir /x`) or a folder \
         without such characters"
    )]
    WindowsProgram { path: String, why: &'static str },
    /// A value of a flag with the same trouble.
    #[error(
        "the value `{value}` of {flag} can't be registered on Windows: PowerShell and cmd.exe agree only on plain \
         words, and this one {why}; set it in the environment instead, or for a file use its 8.3 short form"
    )]
    WindowsValue { flag: &'static str, value: String, why: &'static str },
    /// A value that would be read as another flag.
    #[error("the value `{value}` of {flag} would be read as a flag of its own, because it begins with `-`")]
    LooksLikeFlag { flag: &'static str, value: String },
    /// Empty values and control characters are never meant, and shells disagree about them.
    #[error("the value of {flag} is empty or holds a control character")]
    Unprintable { flag: &'static str },
    /// The program's path is relative, so that it would depend on the session's folder.
    #[error("`{path}` can't be registered because it is no absolute path")]
    NotAbsolute { path: String },
}

/// An argument of the registered command: a word of our own, or a flag with a value that a person gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    Word(String),
    Flag { name: &'static str, value: String },
}

impl Launcher {
    /// The path that the command names, if it names one.
    pub(super) fn binary(&self) -> Option<&str> {
        match self {
            Self::Unix { binary } | Self::Windows { binary } => Some(binary),
            Self::PortableUnix | Self::PortableWindows => None,
        }
    }

    /// The command that starts f5-guard with `arguments`, of which the first is the subcommand.
    ///
    /// # Errors
    /// [`CommandError`] where no command would be read alike by all shells.
    pub fn command(&self, arguments: &[Argument]) -> Result<String, CommandError> {
        let mut words = Vec::new();
        for argument in arguments {
            match argument {
                Argument::Word(word) => words.push(word.clone()),
                Argument::Flag { name, value } => {
                    check_value(name, value)?;
                    words.extend([(*name).to_owned(), value.clone()]);
                }
            }
        }
        match self {
            Self::Unix { binary } => {
                if !binary.starts_with('/') {
                    return Err(CommandError::NotAbsolute { path: binary.clone() });
                }
                Ok(join_unix(std::iter::once(binary.as_str()).chain(words.iter().map(String::as_str))))
            }
            Self::PortableUnix => Ok(portable::unix_command(&words)),
            Self::Windows { binary } => {
                check_windows_program(binary)?;
                check_windows_words(arguments)?;
                Ok(format!("{binary} {}", words.join(" ")))
            }
            Self::PortableWindows => {
                check_windows_words(arguments)?;
                Ok(portable::windows_command(&words))
            }
        }
    }
}

fn check_value(flag: &'static str, value: &str) -> Result<(), CommandError> {
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err(CommandError::Unprintable { flag });
    }
    if value.starts_with('-') {
        return Err(CommandError::LooksLikeFlag { flag, value: value.to_owned() });
    }
    Ok(())
}

/// Joins words to a command line for Unix shells.
pub(super) fn join_unix<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(quote_unix).collect::<Vec<_>>().join(" ")
}

/// One word as every Unix shell reads it back.
///
/// Single quotes do most of it. Backslash, single quote and `!` stand outside of them, behind a backslash: fish
/// treats `\\` and `\'` in single quotes as escapes, and csh expands `!` even there.
#[must_use]
pub fn quote_unix(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut out = String::with_capacity(word.len() + 8);
    let mut quoted = false;
    for c in word.chars() {
        let escape = matches!(c, '\'' | '\\' | '!');
        if quoted == escape {
            out.push('\'');
            quoted = !escape;
        }
        if escape {
            out.push('\\');
        }
        out.push(c);
    }
    if quoted {
        out.push('\'');
    }
    if word.is_empty() { "''".to_owned() } else { out }
}

/// Splits a command line that uses only the quoting of [`quote_unix`], plain words, double quotes without
/// expansions or `$HOME`-like prefixes; `None` for anything that a shell would do more with.
#[must_use]
pub(super) fn split_unix(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '\'' => {
                let target = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        inner => target.push(inner),
                    }
                }
            }
            '"' => {
                let target = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' if matches!(chars.peek(), Some('"' | '\\' | '$' | '`')) => {
                            target.push(chars.next()?)
                        }
                        '`' => return None,
                        '$' if chars.peek() == Some(&'(') => return None,
                        inner => target.push(inner),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            ';' | '&' | '|' | '<' | '>' | '(' | ')' | '`' | '*' | '?' | '#' | '\n' | '\r' => return None,
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

/// Whether PowerShell and `cmd.exe` both read the word as it stands.
pub(super) fn is_windows_word(word: &str) -> bool {
    !word.is_empty() && windows_trouble(word).is_none()
}

/// Why a word is not read alike by PowerShell and `cmd.exe`; `None` for one that is.
fn windows_trouble(word: &str) -> Option<&'static str> {
    let bad = word.chars().find(|&c| !(c.is_alphanumeric() || r"\/:._-+~=".contains(c)))?;
    Some(match bad {
        ' ' | '\t' => "has a space in it",
        '\'' | '"' => "has a quote in it",
        '%' | '!' | '^' => "has a character in it that cmd.exe expands",
        '$' | '`' | ',' | ';' | '@' | '#' | '(' | ')' | '{' | '}' => {
            "has a character in it that PowerShell expands"
        }
        _ => "has a character in it that one of the two reads as an operator",
    })
}

fn check_windows_program(path: &str) -> Result<(), CommandError> {
    let refuse = |why| Err(CommandError::WindowsProgram { path: path.to_owned(), why });
    let mut chars = path.chars();
    let drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic());
    if !(drive && chars.next() == Some(':') && chars.next() == Some('\\')) {
        return refuse("does not begin with a drive, as in `C:\\`");
    }
    if path.contains('/') {
        return refuse("has a `/` in it, which cmd.exe takes for a switch");
    }
    match windows_trouble(path) {
        Some(why) => refuse(why),
        None => Ok(()),
    }
}

fn check_windows_words(arguments: &[Argument]) -> Result<(), CommandError> {
    for argument in arguments {
        if let Argument::Flag { name, value } = argument {
            if let Some(why) = windows_trouble(value) {
                return Err(CommandError::WindowsValue { flag: name, value: value.clone(), why });
            }
        }
    }
    Ok(())
}

/// Whether PowerShell and `cmd.exe` both run this path as it stands.
#[must_use]
pub fn is_windows_safe(path: &str) -> bool {
    check_windows_program(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_words_stay_bare() {
        assert_eq!(quote_unix("/home/ann/.codex/f5-guard"), "/home/ann/.codex/f5-guard");
        assert_eq!(quote_unix(""), "''");
    }

    #[test]
    fn backslash_quote_and_bang_stand_outside_the_quotes() {
        assert_eq!(quote_unix(r"a b\c'd!e"), r"'a b'\\'c'\''d'\!'e'");
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_split_back(words in proptest::collection::vec("[^\\x00-\\x1f]{0,12}", 1..5)) {
            let line = join_unix(words.iter().map(String::as_str));
            prop_assert_eq!(split_unix(&line), Some(words));
        }
    }

    #[test]
    fn a_windows_program_needs_a_plain_absolute_path() {
        assert!(is_windows_safe(r"C:\Users\JOHNDO~1\.codex\hooks\f5_guardrails\f5-guard.exe"));
        for bad in [
            r"C:\Users\John Doe\f5-guard.exe",
            r"C:/x/f5-guard.exe",
            "f5-guard",
            r"C:\a&b\f5.exe",
            r"C:\%A%\f.exe",
        ] {
            assert!(!is_windows_safe(bad), "{bad}");
        }
    }

    #[test]
    fn a_windows_value_with_a_space_is_refused_with_its_flag() {
        let launcher = Launcher::Windows { binary: r"C:\F5\f5-guard.exe".into() };
        let error = launcher
            .command(&[Argument::Flag { name: "--ca-bundle", value: r"C:\My Certs\ca.pem".into() }])
            .unwrap_err();
        assert!(error.to_string().contains("--ca-bundle"), "{error}");
        assert!(error.to_string().contains("has a space in it"), "{error}");
    }

    #[test]
    fn a_value_that_looks_like_a_flag_is_refused() {
        let launcher = Launcher::Unix { binary: "/opt/f5-guard".into() };
        let error = launcher.command(&[Argument::Flag { name: "--project-id", value: "--fail-mode".into() }]);
        assert!(matches!(error, Err(CommandError::LooksLikeFlag { .. })));
    }

    #[test]
    fn a_compound_command_is_not_split() {
        for line in ["a; b", "a && b", "a `b`", "a > b", "a \"`b`\"", "a \"$(b)\"", "a 'b"] {
            assert_eq!(split_unix(line), None, "{line}");
        }
    }
}
