//! `f5-guard allow-text`: the way out of a false alarm about a text that no hook handed over.

use std::io;
use std::process::ExitCode;
use std::time::SystemTime;

use super::registered::Registered;
use crate::cli::AllowTextArgs;
use crate::clock;
use crate::installation;
use crate::logging::{self, Stderr, StderrOwner};
use crate::secret::Hidden;
use crate::settings::{Enforced, Settings};
use crate::stdio::{say_error, say_line};
use crate::system::PROCESS_ENV;
use crate::transcript::{NO_HOME, Store};

/// What Codex sets for the commands of a session.
const OF_A_SESSION: [&str; 3] = ["CODEX_THREAD_ID", "CODEX_SESSION_ID", "CODEX_TOOL_CALL_ID"];

/// Runs the subcommand.
pub fn run(args: &AllowTextArgs) -> ExitCode {
    logging::quiet_panics();
    match allow(args) {
        Ok(done) => {
            say_line(&done);
            ExitCode::SUCCESS
        }
        Err(problem) => {
            say_error(&format!("[ERROR] {problem}"));
            ExitCode::from(1)
        }
    }
}

fn allow(args: &AllowTextArgs) -> Result<String, String> {
    let hash = args.hash.trim().to_ascii_lowercase();
    if hash.len() != 32 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("That is not what a refusal names: 32 hexadecimal digits.".to_owned());
    }
    if OF_A_SESSION.iter().any(|name| PROCESS_ENV(name).is_some()) {
        return Err(
            "This is a command of a Codex session, which must not allow its own texts. Run it in a terminal of your own."
                .to_owned(),
        );
    }
    let store = Store::of_this_user(PROCESS_ENV).ok_or(NO_HOME)?;
    let kept = |error: io::Error| format!("{} can't be changed: {error}.", store.allowed_file().display());
    let (done, event) = if args.remove {
        let was = store.disallow(&hash).map_err(kept)?;
        let done = if was { "It is scanned again from now on." } else { "It was not allowed." };
        (done, "a text is no longer allowed")
    } else {
        refuse_where_managed()?;
        let is_new = store.allow(&hash, &clock::timestamp(SystemTime::now())).map_err(kept)?;
        let done =
            if is_new { "Allowed: exactly this text counts as cleared." } else { "It is allowed already." };
        (done, "a text was allowed")
    };
    let settings = Settings::read(&Enforced::default(), PROCESS_ENV);
    let log = logging::init(&settings.log, Stderr::Deferred, &Hidden::default());
    tracing::warn!(allow_text = hash, "{event}");
    log.finish(None, StderrOwner::Answer);
    Ok(done.to_owned())
}

/// Hooks of an administrator take notice of it only where their registration says so.
fn refuse_where_managed() -> Result<(), String> {
    let hooks = Registered::find(PROCESS_ENV);
    let enforced = hooks.map(|hooks| hooks.flags).unwrap_or_default();
    let may = Settings::read(&enforced, PROCESS_ENV).allowed_texts.value;
    if may.unwrap_or_else(|| !installation::is_managed_program(PROCESS_ENV)) {
        return Ok(());
    }
    Err("The hooks are registered so that users can't allow texts. Ask your administrator (--allowed-texts on), or have the scanner corrected in your F5 project.".to_owned())
}
