//! Colours, where stdout is a terminal that shows them and nobody asked for none (`NO_COLOR`, `CLICOLOR`, `TERM=dumb`), and
//! the width of text.

use std::io;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use crate::printable::wrapped;

/// Columns that screens are laid out for.
pub const WIDTH: usize = 80;
const NARROWEST: usize = 40;

pub const GREEN: Style = AnsiColor::Green.on_default();
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
pub const RED: Style = AnsiColor::Red.on_default();
pub const BOLD: Style = Style::new().bold();

/// Columns for text: those of the terminal, and 80 of a wider or unknown one.
pub fn width() -> usize {
    columns().unwrap_or(WIDTH).clamp(NARROWEST, WIDTH)
}

/// Columns of the terminal that this process is connected to.
pub fn columns() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| width.0.into())
}

/// Breaks each line that is wider than the terminal; its rest is indented as far as its words behind blanks, a list's dash or
/// a mark such as `[ERROR]`.
#[must_use]
pub fn fitted(text: &str) -> String {
    fitted_to(text, width())
}

/// A sentence as comment lines of a dry run.
#[must_use]
pub fn commented(text: &str) -> String {
    format!("# {}\n", wrapped(text, width() - 2, 0).replace('\n', "\n# "))
}

fn fitted_to(text: &str, width: usize) -> String {
    let lines = text.split('\n').map(|line| {
        if line.chars().count() <= width {
            return line.to_owned();
        }
        let words = line.trim_start_matches(' ');
        let mark = match words.split_once(' ') {
            Some((mark, _)) if mark == "-" || mark.starts_with('[') && mark.ends_with(']') => mark.len() + 1,
            _ => 0,
        };
        let begin = (line.len() - words.len() + mark).max(column(line, width / 2));
        let (before, words) = line.split_at_checked(begin).unwrap_or(("", line));
        format!("{before}{}", wrapped(words, width, before.chars().count()))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Where the last column of a row begins: behind the last two blanks in its first `within` characters. 0 without any.
fn column(row: &str, within: usize) -> usize {
    let end = row.char_indices().nth(within).map_or(row.len(), |(at, _)| at);
    let (first, rest) = row.split_at_checked(end).unwrap_or_default();
    match first.rfind("  ") {
        Some(gap) if gap + 2 < end || !rest.starts_with(' ') => gap + 2,
        _ => 0,
    }
}

/// Styles words, or leaves them as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    on: bool,
}

impl Paint {
    pub fn for_stdout() -> Self {
        Self { on: AutoStream::auto(io::stdout()).current_choice() == ColorChoice::AlwaysAnsi }
    }

    #[cfg(test)]
    pub const fn on() -> Self {
        Self { on: true }
    }

    #[cfg(test)]
    pub const fn off() -> Self {
        Self { on: false }
    }

    pub fn word(self, word: &str, style: Style) -> String {
        if self.on { format!("{style}{word}{style:#}") } else { word.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_lines_are_broken_below_their_beginning_and_others_stay_as_they_are() {
        let shown = fitted_to("a  b\n  cc dd ee\n- cc dd ee\n[X] cc dd\n\n", 8);
        assert_eq!(shown, "a  b\n  cc dd\n  ee\n- cc dd\n  ee\n[X] cc\n    dd\n\n");
    }

    #[test]
    fn the_last_column_of_a_row_is_broken_below_itself() {
        let row = "  TLS     1.0 ms  failed: as an example";
        assert_eq!(fitted_to(row, 36), "  TLS     1.0 ms  failed: as an\n                  example");
    }

    #[test]
    fn a_word_is_styled_alone_and_only_where_that_is_wanted() {
        assert_eq!(Paint { on: true }.word("x", RED), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Paint::off().word("x", RED), "x");
    }
}
