//! `completions` and `man`: generated from the command line's own definition, so they know all of it.

use std::process::{Command, Output};

use clap::CommandFactory;
use f5_guard::internals::cli::Cli;
use tempfile::TempDir;

const SHELLS: [&str; 5] = ["bash", "zsh", "fish", "powershell", "elvish"];

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_f5-guard")).args(arguments).output().expect("the program starts")
}

fn stdout(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("it is text")
}

/// Hyphens are written `\-` in a manual page.
fn man(arguments: &[&str]) -> String {
    stdout(arguments).replace("\\-", "-")
}

fn subcommands() -> Vec<String> {
    Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

#[test]
fn the_completions_of_every_shell_know_every_subcommand_and_option() {
    for shell in SHELLS {
        let script = stdout(&["completions", shell]);
        for command in Cli::command().get_subcommands() {
            assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
                assert!(script.contains(option), "{shell}: {} --{option}", command.get_name());
            }
        }
    }
}

#[test]
fn an_unknown_shell_is_refused_with_the_names_of_the_known_ones() {
    let output = run(&["completions", "tcsh"]);
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    for shell in SHELLS {
        assert!(words.contains(shell), "{words}");
    }
}

#[test]
#[cfg(unix)]
fn bash_completes_subcommands_and_options() {
    let folder = TempDir::new().expect("a temporary folder");
    let script = folder.path().join("f5-guard.bash");
    std::fs::write(&script, stdout(&["completions", "bash"])).expect("the script can be written");
    let complete = |words: &str, at: usize, current: &str| {
        let commands = format!(
            "source \"$0\"; COMP_WORDS=({words}); COMP_CWORD={at}; \
             [[ $(complete -p f5-guard) =~ -F\\ ([^ ]+) ]] && \
             \"${{BASH_REMATCH[1]}}\" f5-guard '{current}' ''; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["--norc", "-c", &commands]).arg(&script).output();
        let output = output.expect("bash starts");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).expect("completions are text")
    };
    assert_eq!(complete("f5-guard smok", 1, "smok").trim(), "smoketest");
    assert_eq!(complete("f5-guard smoketest --tls-d", 2, "--tls-d").trim(), "--tls-diagnostics");
}

#[test]
fn the_manual_page_names_every_subcommand_and_keeps_the_columns_of_the_variables() {
    let page = man(&["man"]);
    assert!(page.contains(".TH F5-GUARD 1"), "{page}");
    for name in subcommands() {
        assert!(page.contains(&format!("f5-guard-{name}(1)")), "{name}: {page}");
    }
    let help = Cli::command().get_after_help().expect("the help names the variables").to_string();
    let (_, variables) = help.split_once(":\n").expect("a heading and lines");
    assert!(page.contains(&format!(".SH ENVIRONMENT\n.nf\n{variables}")), "{page}");
}

#[test]
fn a_folder_gets_the_page_of_every_subcommand_with_its_options() {
    let folder = TempDir::new().expect("a temporary folder");
    let pages = folder.path().join("share/man1");
    stdout(&["man", "--dir", &pages.to_string_lossy()]);
    for command in Cli::command().get_subcommands() {
        let path = pages.join(format!("f5-guard-{}.1", command.get_name()));
        let page = std::fs::read_to_string(&path).expect("a page for each").replace("\\-", "-");
        let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
        for option in shown.filter_map(|argument| argument.get_long()) {
            assert!(page.contains(&format!("--{option}")), "{}: --{option}", path.display());
        }
        let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let last = notes.lines().last().unwrap_or_default();
        assert!(page.contains(last), "{}: {last}", path.display());
    }
    let count = std::fs::read_dir(&pages).expect("the folder exists").count();
    assert_eq!(count, subcommands().len() + 1);
}

#[test]
fn a_folder_that_can_not_be_made_is_an_error_that_names_it() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("the folder can be written to");
    let output = run(&["man", "--dir", &file.join("man").to_string_lossy()]);
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.starts_with("[ERROR] ") && words.contains("could not be written"), "{words}");
}
