//! The scan at the end of an installation: the installed binary's own smoke test, with the values that the registered
//! commands carry.

use std::path::Path;
use std::process::Command;

use super::summary::FirstScan;
use crate::registration::RegistrationOptions;
use crate::settings::Env;

/// Runs the smoke test if a token is set; what it finds goes to stdout.
pub fn first_scan(binary: &Path, options: &RegistrationOptions, env: Env<'_>) -> FirstScan {
    let is_set = |text: std::ffi::OsString| !text.to_string_lossy().trim().is_empty();
    if !env("F5_GUARDRAILS_API_TOKEN").is_some_and(is_set) {
        return FirstScan::NoToken;
    }
    let mut command = Command::new(binary);
    command.arg("smoketest");
    for (flag, value) in [
        ("--base-url", &options.base_url),
        ("--project-id", &options.project_id),
        ("--timeout", &options.timeout),
        ("--ca-bundle", &options.ca_bundle),
    ] {
        if let Some(value) = value {
            command.args([flag, value]);
        }
    }
    #[cfg(windows)]
    crate::windows::console::without_new_window(&mut command);
    // A binary that can't even be started is a failure that its user has to mend, too.
    match command.status() {
        Ok(status) if status.success() => FirstScan::Passed,
        _ => FirstScan::Failed,
    }
}
