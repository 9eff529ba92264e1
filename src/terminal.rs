//! Colours, where stdout is a terminal that shows them and nobody asked for none (`NO_COLOR`, `CLICOLOR`, `TERM=dumb`).

use std::io;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

pub const GREEN: Style = AnsiColor::Green.on_default();
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
pub const RED: Style = AnsiColor::Red.on_default();
pub const BOLD: Style = Style::new().bold();

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
    fn a_word_is_styled_alone_and_only_where_that_is_wanted() {
        assert_eq!(Paint { on: true }.word("x", RED), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Paint::off().word("x", RED), "x");
    }
}
