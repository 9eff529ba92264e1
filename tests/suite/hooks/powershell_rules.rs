//! The PowerShell rules that registered commands are checked with, and the registered commands themselves.

use f5_guard::internals::registration::{Argument, Launcher};

use crate::support::powershell::{Statement, parse};

fn command(words: &[&str]) -> Result<Statement, String> {
    Ok(Statement::Command(words.iter().map(|word| (*word).to_owned()).collect()))
}

#[test]
fn a_bare_path_is_a_command() {
    assert_eq!(
        parse(r"C:\F5\f5-guard.exe stop --timeout 5"),
        command(&[r"C:\F5\f5-guard.exe", "stop", "--timeout", "5"])
    );
    assert_eq!(parse(r"C:\Users\JOHNDO~1\f5.exe stop"), command(&[r"C:\Users\JOHNDO~1\f5.exe", "stop"]));
}

#[test]
fn a_quoted_path_is_an_expression_and_fails_with_words_behind_it() {
    assert_eq!(parse(r#""C:\x y\f5.exe""#), Ok(Statement::Expression(r"C:\x y\f5.exe".to_owned())));
    assert!(parse(r#""C:\x y\f5.exe" stop"#).is_err());
    assert!(parse(r"'C:\x y\f5.exe' stop").is_err());
}

#[test]
fn the_call_operator_makes_a_quoted_path_a_command() {
    assert_eq!(parse(r#"& "C:\x y\f5.exe" stop"#), command(&[r"C:\x y\f5.exe", "stop"]));
}

#[test]
fn a_path_with_a_space_is_two_words() {
    assert_eq!(parse(r"C:\x y\f5.exe stop"), command(&[r"C:\x", r"y\f5.exe", "stop"]));
}

#[test]
fn percent_signs_are_plain_text() {
    assert_eq!(parse(r"%USERPROFILE%\f5.exe"), command(&[r"%USERPROFILE%\f5.exe"]));
}

#[test]
fn what_would_be_expanded_or_run_in_addition_is_refused() {
    for line in [
        "a $x", "a `b", "a;b", "a|b", "a (b)", "a {b}", "a,b", "a >b", "a &", "a @b", "a #b", "a --% b", "",
        "&", "a \"$x\"",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
    for value in ["7", "$x", "-1", "@(1)"] {
        assert!(!matches!(parse(value), Ok(Statement::Command(_))), "{value}");
    }
}

#[test]
fn registered_commands_for_windows_are_commands_with_the_words_that_were_meant() {
    let arguments = [
        Argument::Word("pre-tool-use".to_owned()),
        Argument::Flag { name: "--base-url", value: "https://eu1.calypsoai.app/backend/v1".to_owned() },
        Argument::Flag { name: "--ca-bundle", value: r"C:\ProgramData\f5-guard\ca.pem".to_owned() },
    ];
    let words = [
        "pre-tool-use",
        "--base-url",
        "https://eu1.calypsoai.app/backend/v1",
        "--ca-bundle",
        r"C:\ProgramData\f5-guard\ca.pem",
    ];
    let program = r"C:\Users\JOHNDO~1\.codex\hooks\f5_guardrails\f5-guard.exe";
    let line =
        Launcher::Windows { binary: program.to_owned() }.command(&arguments).expect("every word is plain");
    let expected: Vec<&str> = std::iter::once(program).chain(words).collect();
    assert_eq!(parse(&line), command(&expected));

    // A project's: to PowerShell the first line gives a variable a text, whatever cmd.exe makes of that.
    let line = Launcher::PortableWindows.command(&arguments).expect("every word is plain");
    let Ok(Statement::Command(first)) = parse(&line) else { panic!("{line}") };
    assert_eq!((first.len(), &first[..2]), (3, &["set".to_owned(), "f5".to_owned()][..]), "{first:?}");
    let call = format!("& $g {}; ", words.join(" "));
    assert_eq!(line.matches(&call).count(), 1, "{line}");
}
