//! Lines on stdout and stderr.

use std::io::{self, Write};

/// Nothing can be done about a closed one.
pub fn say(line: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

pub fn say_error(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
