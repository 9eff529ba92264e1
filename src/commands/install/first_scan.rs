//! The scan at the end of an installation: the installed binary's own smoke test, with the values that the registered
//! commands carry.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::summary::{FirstScan, NoToken};
use crate::registration::RegistrationOptions;
use crate::settings::Settings;
use crate::system::Env;
use crate::token::{self, Elsewhere};

/// That hooks with these options find no token. One that is there and can't be used is for the smoke test to explain.
pub fn missing_token(options: &RegistrationOptions, env: Env<'_>) -> Option<NoToken> {
    let settings = Settings::read(&options.enforced, env);
    let deadline = Instant::now() + token::STORE_TIME;
    let settings = token::completed(&settings, env, deadline).ok()?;
    let elsewhere =
        || Elsewhere::of(&settings).map(|found| (found.to_string(), found.fix(settings.base_url.source)));
    settings.api_token.is_none().then(|| NoToken { elsewhere: elsewhere() })
}

/// Runs the smoke test if a token is set; what it finds goes to stdout.
pub fn first_scan(binary: &Path, options: &RegistrationOptions, env: Env<'_>) -> FirstScan {
    if let Some(missing) = missing_token(options, env) {
        return FirstScan::NoToken(missing);
    }
    let mut command = Command::new(binary);
    command.arg("smoketest");
    for (flag, value) in options.enforced.given() {
        command.arg(flag).arg(value);
    }
    #[cfg(windows)]
    crate::windows::console::without_new_window(&mut command);
    // A binary that can't even be started is a failure that its user has to fix, too.
    match command.status() {
        Ok(status) if status.success() => FirstScan::Passed,
        _ => FirstScan::Failed,
    }
}
