//! Quotes words for the shells that Codex runs hooks with, and reads them back.
//!
//! On Unix that is the login shell of the user database with `-c`, so not only `sh`: the quoting here means the same
//! to sh, bash, dash, ksh, zsh, fish and tcsh. On Windows it is PowerShell as a rule and `cmd.exe` as fallback, which
//! agree on no quoting at all: only words that need none are accepted.

/// Joins words to a command line for Unix shells.
pub(super) fn join_unix<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(quote_unix).collect::<Vec<_>>().join(" ")
}

/// One word as every Unix shell reads it back.
///
/// Single quotes do most of it. Backslash, single quote and `!` stand outside of them, behind a backslash: fish
/// treats `\\` and `\'` in single quotes as escapes, and csh expands `!` even there.
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
pub(super) fn windows_trouble(word: &str) -> Option<&'static str> {
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

/// Why PowerShell and `cmd.exe` do not both run this path as it stands; `None` for one that they do.
pub(super) fn program_trouble(path: &str) -> Option<&'static str> {
    let mut chars = path.chars();
    let drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic());
    if !(drive && chars.next() == Some(':') && chars.next() == Some('\\')) {
        return Some("does not begin with a drive, as in `C:\\`");
    }
    if path.contains('/') {
        return Some("has a `/` in it, which cmd.exe takes for a switch");
    }
    windows_trouble(path)
}

/// Whether PowerShell and `cmd.exe` both run this path as it stands.
pub fn is_windows_safe(path: &str) -> bool {
    program_trouble(path).is_none()
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
    fn a_compound_command_is_not_split() {
        for line in ["a; b", "a && b", "a `b`", "a > b", "a \"`b`\"", "a \"$(b)\"", "a 'b"] {
            assert_eq!(split_unix(line), None, "{line}");
        }
    }
}
