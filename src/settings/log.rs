//! Where the log is, and how much goes into it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::values::{self, LogLevel};
use super::{Given, RelativePath, Setting, Source};
use crate::codex::home::{CodexHome, NoHome};
use crate::stdio::is_systems_name;
use crate::system::{Env, System};

/// Where and how much to log.
#[derive(Debug, Clone)]
pub struct LogSettings {
    pub level: Setting<LogLevel>,
    /// `None`: no file.
    pub file: Setting<Option<PathBuf>>,
}

impl LogSettings {
    /// Where the lines are, or would be if there were any.
    #[must_use]
    pub fn place(env: Env<'_>) -> Option<PathBuf> {
        Self::read(Some(&"on".into()), env, &mut Vec::new()).file.value
    }

    /// `--log off` leaves no log, and with `--log on` a variable can move it but not take it away.
    pub(super) fn read(flag: Option<&OsString>, env: Env<'_>, relative: &mut Vec<RelativePath>) -> Self {
        let variable = Given::of_variable("F5_GUARDRAILS_LOG_FILE", env);
        let says_off = |given: &Given| given.trimmed().and_then(values::switch) == Some(false);
        let flag = flag.map(|text| {
            let given = Given { text: text.clone(), source: Source::Flag("--log") };
            given.parse(values::switch, true, "on or off", "it is treated as on")
        });
        let file = match (flag, variable) {
            (Some(Setting { value: false, source, .. }), _) => Setting { value: None, source, problem: None },
            (Some(on), variable) => Self::kept_on(on.problem, variable, env, relative),
            (None, Some(given)) if says_off(&given) => {
                Setting { value: None, source: given.source, problem: None }
            }
            (None, Some(given)) => given.absolute_or_none(env, relative),
            (None, None) => log_in_codex_home(env),
        };
        Self {
            level: Setting::read(
                "F5_GUARDRAILS_LOG_LEVEL",
                None,
                env,
                LogLevel::parse,
                LogLevel::Warn,
                "one of off, error, warn, info, debug, trace",
                "warn is used",
            ),
            file,
        }
    }

    /// The variable's file, unless that would be none at all.
    fn kept_on(
        problem: Option<String>,
        variable: Option<Given>,
        env: Env<'_>,
        relative: &mut Vec<RelativePath>,
    ) -> Setting<Option<PathBuf>> {
        let Some(given) = variable else { return Setting { problem, ..log_in_codex_home(env) } };
        let off = given.trimmed().and_then(values::switch) == Some(false);
        let file = if off { Setting::default_value(None) } else { given.absolute_or_none(env, relative) };
        match &file.value {
            Some(path) if !is_systems_name(path) => Setting { problem, ..file },
            _ => Setting {
                problem: Some(
                    "F5_GUARDRAILS_LOG_FILE names no file, and --log on is registered; the usual file is used."
                        .to_owned(),
                ),
                ..log_in_codex_home(env)
            },
        }
    }
}

/// Where the log is when nobody says otherwise.
pub fn log_below(codex_home: &Path) -> PathBuf {
    codex_home.join("logs").join("f5_guardrails.log")
}

/// None where the home folder would be another one for each session: what is there may be a repository's.
fn log_in_codex_home(env: Env<'_>) -> Setting<Option<PathBuf>> {
    match CodexHome::find(System::this(), env) {
        Ok(home) => Setting::default_value(Some(log_below(&home.path))),
        Err(NoHome::NotSet { .. }) => Setting::default_value(None),
        Err(NoHome::Relative { variable }) => Setting {
            value: None,
            source: Source::Environment(variable),
            problem: Some(format!("{variable} is not an absolute path, so there is no log.")),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::tests::{read, rooted};
    use super::super::{Enforced, Literal};
    use super::*;

    #[test]
    fn the_log_file_moves_or_goes_off() {
        let file = |value: &str| {
            let settings = read(
                &Enforced::default(),
                &[("F5_GUARDRAILS_LOG_FILE", value), ("CODEX_HOME", &rooted("/c"))],
            );
            settings.log.file.value
        };
        for off in ["off", "none", "false", "0", "disabled"] {
            assert_eq!(file(off), None, "{off}");
        }
        assert_eq!(file(&rooted("/tmp/x.log")), Some(rooted("/tmp/x.log").into()));
        assert_eq!(file(""), Some(PathBuf::from(rooted("/c")).join("logs").join("f5_guardrails.log")));
    }

    #[test]
    fn a_log_path_that_is_not_absolute_is_ignored_and_refused_only_in_closed_mode() {
        for path in ["x.log", "./x.log", "../x.log", "logs/x.log", "~/x.log", "~other/x.log"] {
            for (mode, refused) in [("open", false), ("closed", true), ("cloesd", true)] {
                let variables =
                    [("F5_GUARDRAILS_LOG_FILE", path), ("F5_GUARDRAILS_FAIL_MODE", mode), ("HOME", "here")];
                let settings = read(&Enforced::default(), &variables);
                assert_eq!(settings.log.file.value, None, "{path}");
                let problems: Vec<&str> = settings.problems().collect();
                let words = "F5_GUARDRAILS_LOG_FILE is not an absolute path; it is ignored.";
                assert!(problems.contains(&words), "{path}: {problems:?}");
                let source = Source::Environment("F5_GUARDRAILS_LOG_FILE");
                let expected = refused.then_some(RelativePath { given: source, reason: Literal::Plain });
                assert_eq!(settings.refused_path(), expected, "{path} {mode}");
            }
        }
    }

    #[test]
    fn a_path_below_the_home_folder_counts_as_absolute() {
        let (home, profile) = (rooted("/home/u"), rooted("/profile"));
        for homes in
            [[("HOME", home.as_str()), ("USERPROFILE", "")], [("HOME", "u"), ("USERPROFILE", &profile)]]
        {
            let variables =
                [[("F5_GUARDRAILS_LOG_FILE", "~/x.log"), ("F5_GUARDRAILS_FAIL_MODE", "closed")], homes];
            let settings = read(&Enforced::default(), &variables.concat());
            let expected = if homes[0].1 == "u" { &profile } else { &home };
            assert_eq!(settings.log.file.value, Some(Path::new(expected).join("x.log")));
            assert_eq!(settings.refused_path(), None);
        }
    }

    #[test]
    fn a_codex_home_that_is_not_absolute_gets_no_log_and_is_no_error() {
        for variables in [[("CODEX_HOME", ".codex"), ("HOME", "/h")], [("CODEX_HOME", ""), ("HOME", "h")]] {
            let closed = ("F5_GUARDRAILS_FAIL_MODE", "closed");
            let variables = [variables.as_slice(), &[closed, ("USERPROFILE", "h")]].concat();
            let settings = read(&Enforced::default(), &variables);
            assert_eq!(settings.log.file.value, None);
            assert!(settings.problems().all(|problem| problem.ends_with("so there is no log.")));
            assert_eq!((settings.problems().count(), settings.refused_path()), (1, None));
        }
    }
}
