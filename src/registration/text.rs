//! Positions, lines and splices in a document's text.
//!
//! All edits are splices: byte ranges of the original that are replaced. What no splice covers stays as it is,
//! byte for byte, whatever a parser or printer would have made of it.

use std::ops::Range;

use super::error::DocumentError;
use super::position::Position;

/// The UTF-8 byte order mark, as text.
pub const BOM: &str = "\u{feff}";

/// Reads bytes as text.
///
/// # Errors
/// [`DocumentError::NotUtf8`] with the place of the first wrong byte.
pub fn decode(bytes: &[u8]) -> Result<&str, DocumentError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or(&[]);
        let good = String::from_utf8_lossy(good);
        DocumentError::NotUtf8 { at: Position::of(&good, good.len()) }
    })
}

/// Splits a leading byte order mark off.
pub fn split_bom(text: &str) -> (&'static str, &str) {
    match text.strip_prefix(BOM) {
        Some(rest) => (BOM, rest),
        None => ("", text),
    }
}

/// The line ending to write: CRLF where most lines of the text end so, else LF.
pub fn newline_of(text: &str) -> &'static str {
    let all = text.matches('\n').count();
    let crlf = text.matches("\r\n").count();
    if crlf * 2 > all { "\r\n" } else { "\n" }
}

/// One replacement. An empty range is an insertion, an empty `with` a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    pub range: Range<usize>,
    pub with: String,
}

impl Splice {
    pub fn insert(at: usize, with: impl Into<String>) -> Self {
        Self { range: at..at, with: with.into() }
    }

    pub fn delete(range: Range<usize>) -> Self {
        Self { range, with: String::new() }
    }

    pub fn replace(range: Range<usize>, with: impl Into<String>) -> Self {
        Self { range, with: with.into() }
    }
}

/// Applies splices, given in any order.
///
/// # Errors
/// [`DocumentError::NotEquivalent`] where two of them overlap or one lies outside the text; both would be a defect
/// of ours, and must not reach a file.
pub fn apply(text: &str, mut splices: Vec<Splice>) -> Result<String, DocumentError> {
    splices.sort_by_key(|splice| (splice.range.start, splice.range.end));
    let mut out = String::with_capacity(text.len() + 256);
    let mut done = 0;
    for splice in splices {
        let kept = text
            .get(done..splice.range.start)
            .filter(|_| text.get(splice.range.clone()).is_some())
            .ok_or_else(|| DocumentError::not_equivalent("two changes meet at one place"))?;
        out.push_str(kept);
        out.push_str(&splice.with);
        done = splice.range.end;
    }
    out.push_str(text.get(done..).unwrap_or(""));
    Ok(out)
}

/// Where the line that holds `at` begins.
pub fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// Where the line that holds `at` ends, its line ending not included.
pub fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or("");
    let end = rest.find('\n').unwrap_or(rest.len());
    let cr = rest.get(..end).is_some_and(|line| line.ends_with('\r') && end < rest.len());
    at + end - usize::from(cr)
}

/// Where the next line begins, or the end of the text.
pub fn next_line(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |newline| at + newline + 1)
}

/// The white space that the line of `at` begins with, up to `at`.
pub fn indent_of(text: &str, at: usize) -> &str {
    let line = text.get(line_start(text, at)..at).unwrap_or("");
    let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
    line.get(..indent).unwrap_or("")
}

/// Whether a piece of text holds nothing but white space.
pub fn is_blank(text: &str, range: Range<usize>) -> bool {
    text.get(range).is_some_and(|piece| piece.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        assert_eq!(Position::of("ä\nöx", 0), Position { line: 1, column: 1 });
        assert_eq!(Position::of("ä\nöx", 5), Position { line: 2, column: 2 });
        assert_eq!(Position::of("ab", 99), Position { line: 1, column: 3 });
    }

    #[test]
    fn bytes_that_are_no_text_are_named_by_their_place() {
        let error = decode(b"a = 1\nb = \"\xff\"").unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 6: this is not UTF-8 text");
    }

    #[test]
    fn most_lines_decide_the_line_ending() {
        assert_eq!(newline_of("a\r\nb\r\nc\n"), "\r\n");
        assert_eq!(newline_of("a\r\nb\nc\n"), "\n");
        assert_eq!(newline_of(""), "\n");
    }

    #[test]
    fn splices_leave_everything_else_alone() {
        let splices = vec![Splice::insert(6, "!"), Splice::replace(0..1, "J"), Splice::delete(1..2)];
        assert_eq!(apply("hello world", splices).unwrap(), "Jllo w!orld".replace("w!o", "!wo"));
    }

    #[test]
    fn overlapping_splices_are_refused() {
        assert!(apply("hello", vec![Splice::delete(0..3), Splice::delete(2..4)]).is_err());
        assert!(apply("hello", vec![Splice::delete(3..9)]).is_err());
    }

    #[test]
    fn a_line_ends_before_its_line_ending() {
        assert_eq!(line_end("ab\r\ncd", 0), 2);
        assert_eq!(next_line("ab\r\ncd", 0), 4);
        assert_eq!(line_end("ab\r\ncd", 4), 6);
    }
}
