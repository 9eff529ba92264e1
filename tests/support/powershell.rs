//! How PowerShell reads the first statement of `-Command <line>`, as far as a registered hook may go.
//!
//! The rules are those of "about_Parsing" in PowerShell's documentation: what a statement begins with decides whether
//! it is a command with words or an expression with a value. Everything that would be expanded, redirected or run in
//! addition is an error here, also where PowerShell has a meaning for it.

/// What PowerShell makes of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// It runs this command with these words.
    Command(Vec<String>),
    /// It shows this value and runs nothing.
    Expression(String),
}

/// Reads a line's first statement.
///
/// # Errors
/// Why PowerShell would refuse the line, or do more than run one command with fixed words.
pub fn parse(line: &str) -> Result<Statement, String> {
    let line = line.split(['\r', '\n']).next().unwrap_or_default().trim_matches([' ', '\t']);
    let mut rest = line;
    let called = match rest.strip_prefix('&') {
        Some(after) => {
            rest = after.trim_start();
            true
        }
        None => false,
    };
    if rest.is_empty() {
        return Err("there is nothing to run".to_owned());
    }
    if !called && begins_an_expression(rest) {
        return expression(rest);
    }
    let mut words = Vec::new();
    while !rest.is_empty() {
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after.trim_start_matches([' ', '\t']);
    }
    Ok(Statement::Command(words))
}

/// Quotes, numbers, variables, brackets and signs begin an expression.
fn begins_an_expression(text: &str) -> bool {
    let first_word = text.split([' ', '\t']).next().unwrap_or_default();
    text.starts_with(['"', '\'', '$', '(', '@', '{', '[', '+', '-', '!', ','])
        || first_word.parse::<f64>().is_ok()
}

fn expression(text: &str) -> Result<Statement, String> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '"' | '\''));
    let (value, after) = match quote {
        Some(quote) => quoted(&text[1..], quote)?,
        None => text.split_once([' ', '\t']).map_or((text.to_owned(), ""), |(a, b)| (a.to_owned(), b)),
    };
    match after.trim() {
        "" => Ok(Statement::Expression(value)),
        token => Err(format!("unexpected token {token:?} behind a value")),
    }
}

/// One word of a command, and what follows it.
fn word(text: &str) -> Result<(String, &str), String> {
    let mut word = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            ' ' | '\t' => break,
            '"' | '\'' => {
                let (part, behind) = quoted(after, c)?;
                word.push_str(&part);
                rest = behind;
                continue;
            }
            '`' | '$' => return Err(format!("{c:?} is expanded")),
            '{' | '}' | '(' | ')' | ';' | ',' | '|' | '&' | '<' | '>' => {
                return Err(format!("{c:?} ends the word and begins something else"));
            }
            '@' | '#' if word.is_empty() => return Err(format!("{c:?} begins no word")),
            '\u{2018}'..='\u{201f}' => return Err("a typographic quote counts as a quote".to_owned()),
            other => word.push(other),
        }
        rest = after;
    }
    if word == "--%" {
        return Err("--% stops the parsing".to_owned());
    }
    Ok((word, rest))
}

/// The value behind an opening quote, and what follows the closing one.
fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let (value, after) = text.split_once(quote).ok_or("a quote is not closed")?;
    if after.starts_with(quote) || quote == '"' && value.contains(['$', '`']) {
        return Err("more than a plain value between quotes".to_owned());
    }
    Ok((value.to_owned(), after))
}
