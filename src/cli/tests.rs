use proptest::prelude::*;

use super::*;

/// The same, by the whole command line.
fn by_cli(args: &[OsString]) -> Option<(Event, Enforced)> {
    match Cli::try_parse_from(args).ok()?.command {
        Command::UserPromptSubmit(args) => Some((Event::UserPromptSubmit, args)),
        Command::PreToolUse(args) => Some((Event::PreToolUse, args)),
        Command::PostToolUse(args) => Some((Event::PostToolUse, args)),
        Command::Stop(args) => Some((Event::Stop, args)),
        _ => None,
    }
}

fn line(words: &[&str]) -> Vec<OsString> {
    std::iter::once("f5-guard").chain(words.iter().copied()).map(OsString::from).collect()
}

#[test]
fn a_registered_command_takes_the_short_way() {
    let args = line(&["pre-tool-use", "--fail-mode", "closed", "--hook-timeout=15", "--post-strict"]);
    let (event, hook) = hook_line(&args).unwrap();
    assert_eq!((event, hook.fail_mode.as_deref()), (Event::PreToolUse, Some("closed".as_ref())));
    assert_eq!(hook.post_strict.as_deref(), Some("true".as_ref()));
}

#[test]
fn help_errors_and_other_subcommands_take_the_long_way() {
    for words in [
        &["pre-tool-use", "--help"][..],
        &["pre-tool-use", "--version"],
        &["pre-tool-use", "--fail-mod", "closed"],
        &["pre-tool-use", "extra"],
        &["doctor"],
        &["--version"],
        &[],
    ] {
        assert!(hook_line(&line(words)).is_none(), "{words:?}");
    }
}

proptest! {
    #[test]
    fn the_short_way_reads_what_the_long_way_reads(words in proptest::collection::vec(
        prop_oneof![
            Just("pre-tool-use"), Just("stop"), Just("doctor"), Just("--fail-mode"), Just("--fail-mode=closed"),
            Just("closed"), Just("--base-url"), Just("https://f5.example"), Just("--project-id"), Just("--post-strict"),
            Just("--post-strict=false"), Just("false"), Just("--timeout=3"), Just("--ca-bundle"), Just("/x.pem"),
            Just("--hook-timeout"), Just("15"), Just("--"), Just("-h"), Just("-V"), Just(""), Just("--fail"),
        ],
        0..6,
    )) {
        for first in ["user-prompt-submit", "post-tool-use", "doctor"] {
            let args = line(&[&[first], words.as_slice()].concat());
            prop_assert_eq!(format!("{:?}", hook_line(&args)), format!("{:?}", by_cli(&args)));
        }
    }
}

#[test]
fn texts_laid_out_by_hand_fit_a_terminal_of_80_columns() {
    for line in [
        ENVIRONMENT,
        HOOK_HELP,
        SMOKETEST_HELP,
        DUMP_HELP,
        INSTALL_HELP,
        DOCTOR_HELP,
        login::LOGIN_HELP,
        evidence::REPORT_HELP,
        evidence::WHY_HELP,
        transcript::ALLOW_TEXT_HELP,
        transcript::COVERAGE_HELP,
    ]
    .iter()
    .flat_map(|text| text.lines())
    {
        assert!(line.chars().count() <= 80, "{line}");
    }
}
