//! `f5-guard login` and `logout`: the token where every Codex of this user finds it.
//!
//! The address, and where it comes from, is shown before the token is asked for: a token goes to the service of that
//! address, and somebody may have chosen the address to get it.

mod address;
mod ask;
mod keep;
mod status;
mod verify;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use address::Service;
use keep::Keeper;
use verify::Verified;

use crate::cli::{LoginArgs, LogoutArgs, TokenService};
use crate::logging;
use crate::printable::{printable, shell_word, wrapped};
use crate::secret::Secret;
use crate::stdio::{has_terminal, say_error, say_line, says_yes};
use crate::system::PROCESS_ENV;
use crate::terminal::width;
use crate::token::store;
use crate::token::{Entry, Kind, STORE_TIME, elsewhere};

/// Columns of a label.
const LABEL: usize = 9;
/// How long the user may take to answer the store's own question.
const PATIENCE: Duration = Duration::from_secs(300);

/// Logs in, or says how things stand. Exit code 0: the token is stored, or works.
pub fn run(args: &LoginArgs) -> ExitCode {
    logging::quiet_panics();
    let done = Service::of(&args.service, PROCESS_ENV).and_then(|service| {
        if args.status { status::report(&service, PROCESS_ENV) } else { login(args, &service) }
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            say_error(&format!("f5-guard login: {why}"));
            ExitCode::FAILURE
        }
    }
}

/// Removes the stored token; 0 also where there was none.
pub fn logout(args: &LogoutArgs) -> ExitCode {
    logging::quiet_panics();
    let asked =
        TokenService { global: args.global, base_url: args.base_url.clone(), ..TokenService::default() };
    let done = Service::of(&asked, PROCESS_ENV).and_then(|service| {
        let removed = keep::remove(&service.entry, PROCESS_ENV, Instant::now() + PATIENCE)?;
        if removed.is_empty() {
            say_line(&format!("No token is stored for {}.", service.entry.origin));
        }
        for place in removed {
            say_line(&format!("Removed the token for {} from {place}.", service.entry.origin));
        }
        say_what_is_left();
        say_others(&service);
        Ok(())
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say_error(&format!("f5-guard logout: {why}"));
            ExitCode::FAILURE
        }
    }
}

fn login(args: &LoginArgs, service: &Service) -> Result<bool, String> {
    let terminal = has_terminal();
    if !terminal && !args.stdin {
        return Err(
            "there is no terminal to ask on. Give the token on stdin: `f5-guard login --stdin <FILE`.".into(),
        );
    }
    say_row("Service", &format!("{} ({})", service.shown(), service.from));
    let keeper = match Keeper::choose(args.file, PROCESS_ENV) {
        Ok(keeper) => keeper,
        // Before a token was typed for nothing.
        Err(why) if terminal && !args.stdin => {
            say_line(&format!("There is no secret store to keep the token in: {why}."));
            if !says_yes(&format!("Keep it in a file instead? {} [y/N]", keep::WHAT_A_FILE_MEANS), false) {
                return Err("nothing was stored.".into());
            }
            Keeper::choose(true, PROCESS_ENV)?
        }
        Err(why) => {
            return Err(format!(
                "there is no secret store to keep the token in: {why}. `f5-guard login --file` keeps it in a file. {}",
                keep::WHAT_A_FILE_MEANS
            ));
        }
    };
    say_row("Kept in", &format!("{}, for this address only", keeper.place()));
    if args.file {
        say_row("", keep::WHAT_A_FILE_MEANS);
    }
    let token = if args.stdin { ask::from_stdin()? } else { ask::without_echo(&service.question())? };
    check(&token)?;
    if !args.no_verify {
        let asks = terminal && !args.stdin;
        if !is_worth_keeping(&verify::verify(service, &token), asks) {
            return Err("nothing was stored. With --no-verify the token is stored untried.".into());
        }
    }
    keeper.keep(&service.entry, &token, Instant::now() + PATIENCE)?;
    say_line(&format!("Stored: {}", stored_words(service)));
    service.only_here().iter().for_each(|note| say_row("Note", note));
    say_others(service);
    Ok(true)
}

fn stored_words(service: &Service) -> &'static str {
    match service.entry.kind {
        Kind::Scan => {
            "Codex's hooks find it in the terminal, in the desktop app and in IDEs, from their next call on."
        }
        Kind::Global => "`f5-guard dump-config` uses it.",
    }
}

/// Whether a token is stored after this. What is doubtful is asked about, where somebody can be asked.
fn is_worth_keeping(verified: &Verified, asks: bool) -> bool {
    match verified {
        Verified::Works(words) => {
            say_row("[ok]", words);
            true
        }
        Verified::Objected(words) => {
            say_row("[warn]", words);
            true
        }
        Verified::Refused(words) => {
            say_row("[FAIL]", words);
            false
        }
        Verified::Unknown(words) => {
            say_row("[FAIL]", words);
            asks && says_yes("The token could not be tried. Store it anyway? [y/N]", false)
        }
    }
}

/// Refuses what can be no token before it is sent anywhere.
fn check(token: &Secret) -> Result<(), String> {
    let text = token.expose();
    if text.is_empty() {
        return Err("no token was given, and nothing was stored.".into());
    }
    if text.len() > 2_500 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            "that is not a token: it is too long, or holds a blank or another character that no token has. \
                    Nothing was stored."
                .into(),
        );
    }
    Ok(())
}

/// A label, and words behind it.
fn say_row(label: &str, words: &str) {
    say_line(&format!("{label:<LABEL$}{}", wrapped(words, width(), LABEL)));
}

/// Says which other source comes before the stored token.
fn say_others(service: &Service) {
    if let Some(first) = service.source_before_the_store(PROCESS_ENV) {
        say_row("Note", &first);
    }
}

/// Names the tokens of other addresses, and how each is removed.
fn say_what_is_left() {
    let deadline = Instant::now() + STORE_TIME;
    for Entry { kind, origin } in elsewhere::all(PROCESS_ENV, deadline, &store::system(PROCESS_ENV)) {
        let address = printable(&origin, 200);
        let (what, global) = match kind {
            Kind::Scan => ("A token", ""),
            Kind::Global => ("The global token", " --global"),
        };
        say_line(&format!(
            "{what} for {address} is stored. To remove it: `f5-guard logout{global} --base-url {}`",
            shell_word(&address)
        ));
    }
}

/// Whether a dialog of the store's would be seen.
fn may_ask() -> bool {
    io::stdout().is_terminal()
}
