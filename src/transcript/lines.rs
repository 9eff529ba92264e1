//! The lines of a session's file, one at a time, however long the file is.

use std::io::{self, BufRead};
use std::time::Instant;

use memchr::memchr;

/// Pictures are on such lines, in base64. A longer line is not kept.
pub const LONGEST: usize = 64 * 1024 * 1024;

/// One line, without its line feed.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    Whole(&'a [u8]),
    TooLong,
    /// The file ends in the middle of it.
    Unfinished,
}

/// Reads lines, and knows where each ends.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    line: Vec<u8>,
    at: u64,
    longest: usize,
    until: Option<Instant>,
}

impl<R: BufRead> Lines<R> {
    /// `at` is where `input` is in its file.
    pub fn new(input: R, at: u64, longest: usize) -> Self {
        Self { input, line: Vec::new(), at, longest, until: None }
    }

    /// The same, with an error of the kind `TimedOut` from then on.
    #[must_use]
    pub fn until(self, until: Option<Instant>) -> Self {
        Self { until, ..self }
    }

    /// Where the next line begins.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next line; `None` at the end of the file.
    ///
    /// # Errors
    /// The system's.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let mut length = 0usize;
        loop {
            if self.until.is_some_and(|until| Instant::now() >= until) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let bytes = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if bytes.is_empty() {
                return Ok((length > 0).then_some(Line::Unfinished));
            }
            let end = memchr(b'\n', bytes);
            let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
            let room = self.longest.saturating_sub(self.line.len());
            self.line.extend_from_slice(part.get(..room).unwrap_or(part));
            length = length.saturating_add(part.len());
            let taken = part.len() + usize::from(end.is_some());
            self.input.consume(taken);
            if end.is_some() {
                self.at += length as u64 + 1;
                let is_long = length > self.longest;
                return Ok(Some(if is_long { Line::TooLong } else { Line::Whole(&self.line) }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_without_its_end_is_unfinished_and_does_not_count() {
        let mut lines = Lines::new(&b"ab\ncd"[..], 10, 9);
        assert_eq!(lines.next_line().unwrap(), Some(Line::Whole(b"ab")));
        assert_eq!(lines.at(), 13);
        assert_eq!(lines.next_line().unwrap(), Some(Line::Unfinished));
        assert_eq!(lines.at(), 13);
    }

    #[test]
    fn a_long_line_is_passed_over_without_being_kept() {
        let text = format!("{}\nx\n", "y".repeat(50_000));
        let mut lines = Lines::new(io::BufReader::with_capacity(7, text.as_bytes()), 0, 100);
        assert_eq!(lines.next_line().unwrap(), Some(Line::TooLong));
        assert_eq!(lines.line.len(), 100);
        assert_eq!(lines.next_line().unwrap(), Some(Line::Whole(b"x")));
        assert_eq!(lines.at(), 50_003);
    }

    #[test]
    fn reading_ends_when_its_time_is_over() {
        let mut lines = Lines::new(&b"ab\ncd\n"[..], 0, 9).until(Some(Instant::now()));
        assert_eq!(lines.next_line().unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(lines.at(), 0);
    }

    proptest! {
        #[test]
        fn all_lines_come_whatever_the_buffer(
            lines in proptest::collection::vec("[a-z]{0,12}", 0..8), tail in "[a-z]{0,5}", capacity in 1usize..9,
        ) {
            let whole: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let text = whole.clone() + &tail;
            let mut read = Lines::new(io::BufReader::with_capacity(capacity, text.as_bytes()), 0, 100);
            for line in &lines {
                prop_assert_eq!(read.next_line().unwrap(), Some(Line::Whole(line.as_bytes())));
            }
            let last = read.next_line().unwrap();
            prop_assert_eq!(last, (!tail.is_empty()).then_some(Line::Unfinished));
            prop_assert_eq!(read.at(), whole.len() as u64);
        }
    }
}
