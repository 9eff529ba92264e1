//! What an installation asks the person at the terminal.

use super::carried::CarriedOptions;
use super::error::InstallError;
use super::first_scan::missing_token;
use super::summary::{commands, question};
use crate::cli::{InstallArgs, LoginArgs, TokenService};
use crate::codex::listing::HookListing;
use crate::commands::login;
use crate::printable::printable;
use crate::registration::RegistrationOptions;
use crate::stdio::{has_terminal, say, says_yes};
use crate::system::PROCESS_ENV;

/// What a repository's files carry is not the user's word: an address in it is where the token would go. It is kept only
/// where somebody has seen it and said so.
pub fn agree_to(kept: &CarriedOptions, args: &InstallArgs) -> Result<(), InstallError> {
    let Some(options) = kept.options() else { return Ok(()) };
    if args.keep_options {
        return Ok(());
    }
    let address = args.enforced.base_url.as_ref();
    let address = address.map(|url| printable(&url.to_string_lossy(), 200));
    let file = kept.has("--token-file").then(|| {
        format!(
            "With --token-file they send the content of a local file, on the machine of each of them, to {}.\n",
            address.as_deref().unwrap_or("the service's address")
        )
    });
    let file = file.unwrap_or_default();
    let question = format!(
        "The registration in this repository carries {options}.\nThe hooks of everybody who works here would have that, \
         and send the API token to any address in it.\n{file}Keep it? [y/N]"
    );
    if has_terminal() && says_yes(&question, false) {
        Ok(())
    } else {
        Err(InstallError::CarriedOptions { options, file })
    }
}

/// Without a token nothing would be scanned: where somebody can be asked for it, that comes first.
pub fn offer_login(args: &InstallArgs, options: &RegistrationOptions) {
    if args.target.dry_run || !has_terminal() {
        return;
    }
    let Some(missing) = missing_token(options, PROCESS_ENV) else { return };
    let wants_login = match missing.elsewhere {
        None => says_yes("No API token is set or stored, so nothing is scanned. Log in now? [Y/n]", true),
        // Enter gives no token to a service that may be the wrong one.
        Some((cause, fix)) => says_yes(&format!("{cause} {fix}\nLog in now? [y/N]"), false),
    };
    if wants_login {
        let service = TokenService {
            base_url: options.enforced.base_url.clone(),
            project_id: options.enforced.project_id.clone(),
            ca_bundle: options.enforced.ca_bundle.clone(),
            global: false,
        };
        // It says itself what went wrong, and the last lines of the installation say what is still to do.
        let _ = login::run(&LoginArgs { service, ..LoginArgs::default() });
    }
}

/// Whether these hooks are to be trusted.
pub fn ask(hooks: &[HookListing]) -> bool {
    say(&commands(hooks));
    says_yes(&question(hooks), false)
}
