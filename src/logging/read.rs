//! Reads the decision lines of a log and its older files, the oldest first, without holding more than one.
//!
//! What a line says is not trusted: everything that can be written to the file may be in it. Text is made printable and
//! short here, once for all readers; what is not a line of ours is counted and passed over.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use memchr::memchr;
use time::OffsetDateTime;

use super::decision_line::{DecisionLine, MAX_LINE, MAX_LISTED, MESSAGE, NAME, OPERATORS_MESSAGE, SENTENCE};
use super::rotation::{KEPT, older};
use crate::clock;
use crate::file_edit::no_follow;
use crate::printable::printable;

/// How every line of the log begins.
const BEGINNING: &[u8] = b"{\"timestamp\":";

/// A decision, and when it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub time: OffsetDateTime,
    pub line: DecisionLine,
}

/// What was in the files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Read {
    /// Files that there were.
    pub files: usize,
    /// Lines that are neither ours nor readable.
    pub unreadable: u64,
}

/// Hands every decision to `each`.
///
/// # Errors
/// One of the files is there and can't be read. None at all is no error.
pub fn read(log: &Path, mut each: impl FnMut(Entry)) -> io::Result<Read> {
    let mut found = Read::default();
    // All are opened before one is read, so that a log that is set aside meanwhile is still read once.
    let mut files = Vec::new();
    for number in 0..=KEPT {
        match no_follow::open(&older(log, number), OpenOptions::new().read(true)) {
            Ok(file) if file.metadata()?.is_file() => files.push(file),
            Ok(_) => return Err(io::Error::other("it is not a regular file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    found.files = files.len();
    for file in files.into_iter().rev() {
        read_file(file, &mut found, &mut each)?;
    }
    Ok(found)
}

fn read_file(file: File, found: &mut Read, each: &mut impl FnMut(Entry)) -> io::Result<()> {
    let mut input = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::new();
    loop {
        let length = next_line(&mut input, &mut line)?;
        if length == 0 {
            return Ok(());
        }
        match entry(&line) {
            _ if length > MAX_LINE => found.unreadable += 1,
            Ok(Some(entry)) => each(entry),
            Ok(None) => {}
            Err(()) => found.unreadable += 1,
        }
    }
}

/// Reads up to the end of a line and returns how many bytes it has; of one that is longer than ours are only the
/// beginning is kept.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    line.clear();
    let mut length = 0;
    loop {
        let bytes = input.fill_buf()?;
        let end = memchr(b'\n', bytes);
        let part = bytes.get(..end.map_or(bytes.len(), |end| end + 1)).unwrap_or_default();
        let room = MAX_LINE.saturating_sub(line.len());
        line.extend(part.get(..room).unwrap_or(part));
        let taken = part.len();
        length += taken;
        input.consume(taken);
        if end.is_some() || taken == 0 {
            return Ok(length);
        }
    }
}

/// The decision on a line; none where it says something else.
fn entry(line: &[u8]) -> Result<Option<Entry>, ()> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(None);
    }
    let read = match serde_json::from_slice::<DecisionLine>(line) {
        Ok(read) => read,
        // A line that a full disk cut short, with the next one behind it.
        Err(_) => {
            let whole = memchr::memmem::rfind(line, BEGINNING).filter(|at| *at > 0).ok_or(())?;
            serde_json::from_slice(line.get(whole..).unwrap_or_default()).map_err(|_| ())?
        }
    };
    if read.message != MESSAGE {
        return Ok(None);
    }
    let time = clock::parse(&read.timestamp).ok_or(())?;
    Ok(Some(Entry { time, line: shown(read) }))
}

fn shown(mut line: DecisionLine) -> DecisionLine {
    let short = |text: &mut String| *text = printable(text, NAME);
    for text in [
        &mut line.timestamp,
        &mut line.level,
        &mut line.version,
        &mut line.event,
        &mut line.decision,
        &mut line.outcome,
        &mut line.fail_mode,
    ] {
        short(text);
    }
    let optional = [
        &mut line.tool,
        &mut line.tool_use_id,
        &mut line.session_id,
        &mut line.turn_id,
        &mut line.outcome_word,
        &mut line.part,
        &mut line.allow_text,
        &mut line.cause,
        &mut line.contact,
        &mut line.address,
        &mut line.hmac_sha256,
    ];
    optional.into_iter().flatten().for_each(short);
    for text in [&mut line.error, &mut line.fix].into_iter().flatten() {
        *text = printable(text, SENTENCE);
    }
    line.scanners.truncate(MAX_LISTED);
    line.scan_ids.truncate(MAX_LISTED);
    line.enforced.truncate(MAX_LISTED);
    line.scan_ids.iter_mut().chain(&mut line.enforced).for_each(short);
    for scanner in &mut line.scanners {
        short(&mut scanner.scanner_type);
        scanner.message = scanner.message.as_deref().map(|message| printable(message, OPERATORS_MESSAGE));
    }
    line
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    fn line(second: u32, session: &str) -> String {
        format!(
            r#"{{"timestamp":"2026-11-26T09:12:{second:02}.000000Z","level":"INFO","message":"decision","event":"Stop","session_id":"{session}"}}"#
        )
    }

    fn log(files: &[&[u8]]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        for (number, content) in files.iter().enumerate() {
            fs::write(older(&log, number), content).unwrap();
        }
        (folder, log)
    }

    fn all(log: &Path) -> (Vec<Entry>, Read) {
        let mut entries = Vec::new();
        let found = read(log, |entry| entries.push(entry)).unwrap();
        (entries, found)
    }

    #[test]
    fn older_files_come_first_and_gaps_do_not_matter() {
        let (_folder, log) = log(&[line(3, "c").as_bytes(), line(2, "b").as_bytes()]);
        fs::write(older(&log, 4), line(1, "a")).unwrap();
        let (entries, found) = all(&log);
        let sessions: Vec<_> = entries.iter().filter_map(|entry| entry.line.session_id.as_deref()).collect();
        assert_eq!((sessions, found), (vec!["a", "b", "c"], Read { files: 3, unreadable: 0 }));
    }

    #[test]
    fn other_lines_are_passed_over() {
        let other = r#"{"timestamp":"2026-11-26T09:12:33Z","level":"WARN","message":"something"}"#;
        let text = [other, "", &line(2, "a")].join("\n");
        let (_folder, log) = log(&[text.as_bytes()]);
        let (entries, found) = all(&log);
        assert_eq!((entries.len(), found.unreadable), (1, 0));
    }

    #[test]
    fn what_is_not_a_line_of_ours_is_counted_and_hides_no_other() {
        let good = line(2, "good");
        let half = &line(1, "half")[..40];
        let long = format!("{{\"x\":\"{}\"}}", "x".repeat(3 << 20));
        for bad in [
            "no JSON",
            "[1]",
            "7",
            &long,
            half,
            "\u{0}",
            r#"{"message":"decision"}"#,
            r#"{"timestamp":"2026-99-99T99:99:99Z","message":"decision"}"#,
            r#"{"timestamp":"2026-11-26T09:12:33Z","message":"decision","duration_ms":1e999}"#,
            r#"{"timestamp":"2026-11-26T09:12:33Z","message":"decision","duration_ms":-1}"#,
            r#"{"timestamp":"2026-11-26T09:12:33Z","message":"decision","scanners":"x"}"#,
        ] {
            let (_folder, log) = log(&[format!("{good}\n{bad}\n{good}").as_bytes()]);
            let (entries, found) = all(&log);
            assert_eq!((entries.len(), found.unreadable), (2, 1), "{}", bad.get(..40).unwrap_or(bad));
        }
    }

    #[test]
    fn a_line_behind_half_a_line_is_found() {
        let text = format!("{}{}\n", &line(1, "half")[..60], line(2, "whole"));
        let (_folder, log) = log(&[text.as_bytes()]);
        assert_eq!(all(&log).0[0].line.session_id.as_deref(), Some("whole"));
    }

    #[test]
    fn no_log_is_an_empty_one_and_a_folder_is_an_error() {
        let (_folder, log) = log(&[]);
        assert_eq!(all(&log), (Vec::new(), Read::default()));
        fs::create_dir(&log).unwrap();
        assert!(read(&log, |_| ()).is_err());
    }

    proptest! {
        #[test]
        fn no_text_of_a_line_keeps_what_harms_a_terminal(text in any::<String>()) {
            let line = serde_json::json!({
                "timestamp": "2026-11-26T09:12:33Z", "message": "decision", "event": text, "tool": text, "error": text,
                "scanners": [{"type": text, "message": text}], "scan_ids": [text], "contact": text, "cause": text,
            });
            let entry = entry(line.to_string().as_bytes()).unwrap().unwrap();
            let shown = format!("{}", serde_json::to_value(&entry.line).unwrap());
            prop_assert!(!shown.chars().any(char::is_control) && !shown.contains("\\u00"), "{shown}");
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = entry(&bytes);
            let (_folder, log) = log(&[&bytes]);
            let _ = all(&log);
        }
    }
}
