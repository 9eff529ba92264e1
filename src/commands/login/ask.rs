//! Takes the token from a terminal, without showing it, or from stdin.

use std::io::{self, Read};

use crate::interrupt;
use crate::secret::Secret;

/// More than any token has.
const MOST_BYTES: u64 = 64 * 1024;

/// Asks on the terminal, which is as before afterwards, however it ends.
pub fn without_echo(question: &str) -> Result<Secret, String> {
    match interrupt::without_echo(|| rpassword::prompt_password(question)) {
        Ok(text) => Ok(token_in(&text)),
        // Ctrl-C.
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            Err("interrupted; nothing was stored.".into())
        }
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err("no token was given, and nothing was stored.".into())
        }
        Err(_) => Err("the terminal can't be asked without showing what is typed. Give the token on stdin: \
                       `f5-guard login --stdin <FILE`."
            .into()),
    }
}

/// The token on stdin, to its end.
pub fn from_stdin() -> Result<Secret, String> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(MOST_BYTES).read_to_end(&mut bytes);
    read.map_err(|_| "stdin can't be read; nothing was stored.".to_owned())?;
    let text = String::from_utf8(bytes).map_err(|_| "stdin is not text; nothing was stored.".to_owned())?;
    Ok(token_in(&text))
}

/// Without what people copy along: white space, and a byte order mark.
fn token_in(text: &str) -> Secret {
    Secret::new(text.trim_start_matches('\u{feff}').trim())
}
