//! Turns the enforcement flags into what is registered. A value that the hooks could not use is refused here, where
//! somebody can correct it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::access::Privilege;
use crate::cli::InstallArgs;
use crate::registration::RegistrationOptions;
use crate::settings::values::{Enforcement, FailMode, switch};
use crate::settings::{Enforced, Settings, Source, contact_problem, metadata_problem, unescaped};
use crate::system::Env;
use crate::transport::load_trust;

/// Whether the values are for this machine, or for another one that they can't be tried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    ThisMachine,
    Elsewhere,
}

/// A value that can't be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    #[error("{flag} can't be used: {problem}")]
    Unusable { flag: &'static str, problem: String },
}

impl OptionError {
    /// The option, with its dashes.
    pub fn flag(&self) -> &'static str {
        let Self::Unusable { flag, .. } = self;
        flag
    }
}

fn unusable(flag: &'static str, problem: impl Into<String>) -> OptionError {
    // Some problems are whole sentences; the full stop is added where the error is shown.
    let problem = problem.into();
    OptionError::Unusable { flag, problem: problem.trim_end_matches('.').to_owned() }
}

/// Checks every given value with the parsers that the hooks use.
///
/// # Errors
/// [`OptionError`] for the first value that they would not take.
pub fn registration_options(
    args: &InstallArgs,
    audience: For,
    env: Env<'_>,
) -> Result<RegistrationOptions, OptionError> {
    let given = &args.enforced;
    let matcher = args.matcher.as_deref().map(|matcher| {
        let usable = !matcher.trim().is_empty() && !matcher.chars().any(char::is_control);
        if usable {
            Ok(matcher.to_owned())
        } else {
            Err(unusable("--matcher", "it is empty or unprintable."))
        }
    });
    let fail_mode = given.fail_mode.as_ref().map(|mode| {
        let mode = mode.to_str().and_then(|mode| FailMode::parse(mode.trim()));
        mode.map(|mode| mode.as_str().to_owned())
            .ok_or_else(|| unusable("--fail-mode", "it is neither open nor closed."))
    });
    let enforcement = given.enforcement.as_ref().map(|enforcement| {
        let enforcement = enforcement.to_str().and_then(|text| Enforcement::parse(text.trim()));
        enforcement
            .map(|enforcement| enforcement.as_str().to_owned())
            .ok_or_else(|| unusable("--enforcement", "it is none of block, project and observe."))
    });
    let post_strict = given.post_strict.as_ref().map(|strict| {
        let strict = strict.to_str().and_then(|strict| switch(strict.trim()));
        strict
            .map(|strict| strict.to_string())
            .ok_or_else(|| unusable("--post-strict", "it is neither true nor false."))
    });
    let log = given.log.as_ref().map(|log| {
        let on = log.to_str().and_then(|log| switch(log.trim()));
        on.map(|on| if on { "on" } else { "off" })
            .ok_or_else(|| unusable("--log", "it is neither on nor off."))
    });
    if let Some(problem) = given.contact.as_ref().and_then(contact_problem) {
        return Err(unusable("--contact", problem));
    }
    if let Some(problem) = metadata_problem(&given.metadata) {
        return Err(unusable("--metadata", problem));
    }
    let outage_memory = given.outage_memory.as_ref().map(|memory| {
        let memory = memory.to_str().and_then(|memory| switch(memory.trim()));
        memory
            .map(|memory| if memory { "on" } else { "off" }.to_owned())
            .ok_or_else(|| unusable("--outage-memory", "it is neither on nor off."))
    });
    let on_or_off = |flag: &'static str, given: &Option<OsString>| match given {
        None => Ok(None),
        Some(given) => match given.to_str().and_then(|given| switch(given.trim())) {
            Some(on) => Ok(Some(OsString::from(if on { "on" } else { "off" }))),
            None => Err(unusable(flag, "it is neither on nor off.")),
        },
    };
    let transcript = on_or_off("--transcript", &given.transcript)?;
    let allowed_texts = on_or_off("--allowed-texts", &given.allowed_texts)?;
    let ca_bundle =
        given.ca_bundle.as_ref().map(|file| named_file("--ca-bundle", file, audience)).transpose()?;
    let token_file =
        given.token_file.as_ref().map(|file| named_file("--token-file", file, audience)).transpose()?;
    let enforced = Enforced { ca_bundle: ca_bundle.clone().map(PathBuf::into_os_string), ..given.clone() };
    let settings = Settings::read(&enforced, env);
    if let (Source::Flag(flag), Some(_)) = (settings.timeout.source, &settings.timeout.problem) {
        return Err(unusable(flag, "it is not a number of seconds from 0.1 to 3600."));
    }
    if let (Source::Flag(flag), Err(error)) = (settings.base_url.source, settings.base_url.as_ref()) {
        return Err(unusable(flag, error.to_string()));
    }
    if ca_bundle.is_some() && audience == For::ThisMachine {
        load_trust(&settings.tls).map_err(|error| unusable("--ca-bundle", error.to_string()))?;
    }
    Ok(RegistrationOptions {
        matcher: matcher.transpose()?,
        enforced: Enforced {
            fail_mode: fail_mode.transpose()?.map(OsString::from),
            enforcement: enforcement.transpose()?.map(OsString::from),
            base_url: text("--base-url", given.base_url.as_ref())?,
            project_id: text("--project-id", given.project_id.as_ref())?,
            post_strict: post_strict.transpose()?.map(OsString::from),
            timeout: text("--timeout", given.timeout.as_ref())?,
            ca_bundle: ca_bundle.map(PathBuf::into_os_string),
            token_file: token_file.map(PathBuf::into_os_string),
            log: log.transpose()?.map(OsString::from),
            // Those that were registered before may be escaped for Windows.
            contact: text("--contact", given.contact.as_ref())?.map(plain_text),
            metadata: given.metadata.iter().cloned().map(plain_text).collect(),
            outage_memory: outage_memory.transpose()?.map(OsString::from),
            transcript,
            allowed_texts,
            // An old hook's timeout is never written any more.
            ..Enforced::default()
        },
    })
}

fn plain_text(text: OsString) -> OsString {
    text.to_str().map_or_else(|| text.clone(), |text| unescaped(text).into())
}

fn text(flag: &'static str, value: Option<&OsString>) -> Result<Option<OsString>, OptionError> {
    let Some(value) = value else { return Ok(None) };
    let text = value.to_str().map(str::trim).filter(|text| !text.is_empty());
    text.map(|text| Some(text.into())).ok_or_else(|| unusable(flag, "it is empty or not Unicode."))
}

/// The hooks run in the session's folder, so that only an absolute path names the same file everywhere.
fn named_file(flag: &'static str, file: &OsString, audience: For) -> Result<PathBuf, OptionError> {
    let refuse = |problem: &str| Err(unusable(flag, problem));
    let Some(text) = file.to_str().filter(|text| !text.is_empty()) else {
        return refuse("its path is empty or not Unicode.");
    };
    if audience == For::Elsewhere {
        let windows = text.get(1..3) == Some(r":\");
        return if text.starts_with('/') || windows {
            Ok(PathBuf::from(text))
        } else {
            refuse("a registration for other machines needs an absolute path.")
        };
    }
    let path = std::path::absolute(Path::new(text)).map_err(|error| unusable(flag, error.to_string()))?;
    if path.is_file() { Ok(path) } else { refuse("there is no such file.") }
}

/// What everybody's hooks read must not be for one user to change.
///
/// # Errors
/// [`OptionError`] for a CA bundle or token file that others than administrators can change.
pub fn refuse_shared_files(options: &RegistrationOptions, privilege: Privilege) -> Result<(), OptionError> {
    let files = [
        ("--ca-bundle", &options.enforced.ca_bundle, "it decides for everybody which servers to trust"),
        ("--token-file", &options.enforced.token_file, "it says for everybody which token is sent"),
    ];
    for (flag, file, why) in files {
        let Some(file) = file else { continue };
        privilege.may_use(Path::new(file)).map_err(|shared| {
            unusable(flag, format!("{shared}, and {why}; copy it to a folder of the administrator's"))
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(change: impl FnOnce(&mut Enforced)) -> Result<RegistrationOptions, OptionError> {
        let mut args = InstallArgs::default();
        change(&mut args.enforced);
        registration_options(&args, For::Elsewhere, &|_| None)
    }

    #[test]
    fn what_the_hooks_could_not_use_is_refused_with_its_flag() {
        for (flag, error) in [
            ("--fail-mode", options(|given| given.fail_mode = Some("close".into()))),
            ("--base-url", options(|given| given.base_url = Some("http://example.com".into()))),
            ("--base-url", options(|given| given.base_url = Some("https://u:p@example.com".into()))),
            ("--post-strict", options(|given| given.post_strict = Some("maybe".into()))),
            ("--timeout", options(|given| given.timeout = Some("0".into()))),
            ("--project-id", options(|given| given.project_id = Some(" ".into()))),
            ("--ca-bundle", options(|given| given.ca_bundle = Some("ca.pem".into()))),
            ("--token-file", options(|given| given.token_file = Some("token".into()))),
            ("--log", options(|given| given.log = Some("sometimes".into()))),
            ("--contact", options(|given| given.contact = Some("a\u{1b}b".into()))),
            ("--metadata", options(|given| given.metadata = vec!["team".into()])),
            ("--metadata", options(|given| given.metadata = vec!["hook=x".into()])),
        ] {
            let error = error.expect_err(flag).to_string();
            assert!(error.starts_with(flag) && !error.ends_with('.'), "{error}");
            assert!(!error.contains("u:p"), "{error}");
        }
    }

    #[test]
    fn values_are_registered_in_their_plain_form() {
        let options = options(|given| {
            given.fail_mode = Some("CLOSED".into());
            given.post_strict = Some("on".into());
            given.timeout = Some("20.5".into());
            given.log = Some("TRUE".into());
            given.contact = Some(" the SOC ".into());
        });
        let options = options.unwrap();
        assert_eq!(options.enforced.fail_mode, Some("closed".into()));
        assert_eq!(options.enforced.post_strict, Some("true".into()));
        assert_eq!(options.enforced.timeout, Some("20.5".into()));
        assert_eq!(options.enforced.log, Some("on".into()));
        assert_eq!(options.enforced.contact, Some("the SOC".into()));
        let kept = super::registration_options(
            &InstallArgs {
                enforced: Enforced {
                    contact: Some("the~20SOC".into()),
                    metadata: vec!["site=Bad~20Homburg".into()],
                    ..Enforced::default()
                },
                ..InstallArgs::default()
            },
            For::Elsewhere,
            &|_| None,
        );
        let kept = kept.unwrap().enforced;
        assert_eq!((kept.contact, kept.metadata), (Some("the SOC".into()), vec!["site=Bad Homburg".into()]));
    }

    #[test]
    fn a_timeout_of_the_environment_has_no_say_in_what_is_registered() {
        let env = |name: &str| (name == "F5_GUARDRAILS_TIMEOUT").then(|| "120".into());
        let options = registration_options(&InstallArgs::default(), For::ThisMachine, &env).unwrap();
        assert_eq!(options, RegistrationOptions::default());
    }
}
