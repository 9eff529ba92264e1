//! Handing the answer to Codex.

use std::io::{self, Write};
use std::process::ExitCode;

use super::call::Call;
use crate::abort;
use crate::hook::message::{Subject, words};
use crate::hook::{Action, Assessment, answer};
use crate::stdio::stdout_is_lost;

/// Writes the answer; where it can't be written, says no by exit code.
pub fn write_answer(
    call: &Call,
    assessment: &Assessment,
    action: Action,
    fail_mode_problem: &str,
) -> ExitCode {
    let subject = Subject { event: call.event, tool_name: call.tool_name.as_deref(), fail_mode_problem };
    let words = words(subject, assessment, action);
    let written = match answer::render(call.event, action, &words) {
        Ok(None) => Ok(()),
        Ok(Some(_)) if stdout_is_lost() => Err(io::ErrorKind::NotConnected.into()),
        Ok(Some(line)) => write_line(&line),
        Err(error) => Err(error.into()),
    };
    if written.is_ok() {
        abort::answered();
        return ExitCode::SUCCESS;
    }
    // Codex shows this text as the reason where exit code 2 blocks. It must not be empty.
    let _ = writeln!(io::stderr(), "{} {}", words.notice, words.reason);
    // For the stop events exit code 2 would send that text to the model as a new prompt, without end.
    ExitCode::from(if call.event.ends_a_turn() { 1 } else { 2 })
}

fn write_line(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}
