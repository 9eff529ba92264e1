//! What stdin, stdout and stderr are connected to, writing to them without waiting for ever, and questions on the terminal.
//! A hook's stdout belongs to the answer alone: one byte more, and Codex drops the answer.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

#[cfg(unix)]
use unix as platform;
#[cfg(windows)]
use windows as platform;

use crate::terminal::fitted;

pub use platform::{is_stdout, is_systems_name, json_waits_on_stdin, stderr_is_stdout, stdout_is_lost};

/// What an answer is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// How a block can reach Codex from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockBy {
    /// Exit code 2 and a reason on stderr.
    ExitCode,
    /// JSON on stdout and exit code 0.
    Json,
}

impl BlockBy {
    /// Exit code 2, wherever Codex reads our stderr: it survives what a shell's start-up file writes to stdout, which
    /// JSON does not. With nothing on stderr it counts for nothing, so elsewhere it is JSON. Async-signal-safe.
    pub fn here() -> Self {
        platform::block_by()
    }
}

/// Where stderr comes out among the answer (see [`stderr_is_stdout`]), keeps everything away from there that is not the
/// answer: what Rust's library says on its own when memory runs out, what a C library says. [`write_within`] still
/// reaches the place.
pub fn keep_stderr_for_the_answer() {
    platform::keep_stderr_for_the_answer();
}

/// Undoes [`keep_stderr_for_the_answer`], where no answer is to be given.
pub fn give_stderr_back() {
    platform::give_stderr_back();
}

/// Takes what is left on stdin, by nobody's help, for no longer than `limit`.
pub fn drain_stdin_within(limit: Duration) {
    platform::drain_stdin_within(limit);
}

/// Writes to a stream within `limit`, as far as somebody takes it, and returns how many bytes were taken.
/// Async-signal-safe on Unix.
pub fn write_within(stream: Stream, bytes: &[u8], limit: Duration) -> usize {
    platform::write_within(stream, bytes, limit)
}

/// Writes to stdout. It is no error that the reader has seen enough (`f5-guard man | head`).
pub fn hand_out(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes to stdout. Nothing can be done about a closed one.
pub fn say(text: &str) {
    let _ = hand_out(text.as_bytes());
}

/// Writes a line to stdout, broken where the terminal ends.
pub fn say_line(line: &str) {
    say(&format!("{}\n", fitted(line)));
}

/// Writes a line to stderr, broken where the terminal ends. Nothing can be done about a closed one.
pub fn say_error(text: &str) {
    let _ = writeln!(io::stderr(), "{}", fitted(text));
}

/// Asks on the terminal and returns the line that was typed; none at the end of the input.
fn ask(question: &str) -> Option<String> {
    let mut answer = String::new();
    say(&format!("{} ", fitted(question)));
    let read = io::stdin().lock().read_line(&mut answer).ok()?;
    (read > 0).then_some(answer)
}

/// Whether there is somebody to ask.
pub fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// A question on the terminal. Nothing but Enter is the usual answer.
pub fn says_yes(question: &str, usual: bool) -> bool {
    let answer = ask(question).unwrap_or_default();
    match answer.trim().to_lowercase().as_str() {
        "" => answer.ends_with('\n') && usual,
        answer => matches!(answer, "y" | "yes"),
    }
}
