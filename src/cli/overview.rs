//! The first screen: what a person needs, what Codex runs last, on the width of the terminal.

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::builder::{StyledStr, Styles};
use clap::{CommandFactory, FromArgMatches};

use super::Cli;
use crate::printable::wrapped;
use crate::terminal;

/// The subcommands by what they are for.
const GROUPS: &[(&str, &[&str])] = &[
    ("Set up", &["login", "install", "doctor"]),
    ("See what happened", &["report", "why", "coverage", "smoketest"]),
    ("Remove", &["uninstall", "logout"]),
    ("After a false alarm", &["allow-text"]),
    ("For administrators", &["dump-config", "completions", "man"]),
];
const EXAMPLES: &[(&str, &str)] = &[
    ("f5-guard login", "store your API token"),
    ("f5-guard install", "register with Codex; ends with PROTECTED or the reason why not"),
    ("f5-guard why", "explain the last refusal"),
];
const BY_CODEX: (&str, &[&str]) =
    ("Run by Codex", &["user-prompt-submit", "pre-tool-use", "post-tool-use", "stop"]);

/// Columns of the names.
const NAMES: usize = 20;
/// The most columns that are used: longer lines are hard to read.
const WIDTH: usize = 100;
const NARROWEST: usize = 40;

/// The command line with its first screen.
pub fn command() -> clap::Command {
    let width = terminal::columns().unwrap_or(terminal::WIDTH).clamp(NARROWEST, WIDTH);
    let command = Cli::command();
    let screen = overview(&command, width);
    let styles = Styles::styled();
    let header = styles.get_header();
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{{before-help}}{header}Options:{header:#}\n{{options}}{{after-help}}"
    );
    command.before_help(screen).help_template(template).term_width(width)
}

/// Parses as [`clap::Parser::try_parse_from`], with `help` and `version` as words too.
pub fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    let mut command = command();
    let mut matches = command.try_get_matches_from_mut(with_words(args))?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// What is shown where nothing is asked for: all but the variables.
pub fn short_help() -> StyledStr {
    command().after_help("f5-guard --help lists the environment variables too.").render_help()
}

/// `help` as `--help`, `help install` as `install --help`, `version` as `--version`.
fn with_words(args: &[OsString]) -> Vec<OsString> {
    let with = |behind: &[OsString], flag: &str| {
        args.iter().take(1).chain(behind).cloned().chain([flag.into()]).collect()
    };
    match args {
        [_, word, behind @ ..] if word == "help" => with(behind, "--help"),
        [_, word] if word == "version" => with(&[], "--version"),
        _ => args.to_vec(),
    }
}

fn overview(command: &clap::Command, width: usize) -> String {
    let mut text = String::new();
    let about = |name: &str| {
        let about = command.find_subcommand(name).and_then(clap::Command::get_about);
        about.map(ToString::to_string).unwrap_or_default()
    };
    let mut group = |(heading, names): (&str, &[&str])| {
        section(&mut text, heading, width, names.iter().map(|name| (*name, about(name))));
    };
    GROUPS.iter().for_each(|row| group(*row));
    section(&mut text, "Examples", width, EXAMPLES.iter().map(|(call, what)| (*call, (*what).to_owned())));
    let mut group = |(heading, names): (&str, &[&str])| {
        section(&mut text, heading, width, names.iter().map(|name| (*name, about(name))));
    };
    group(BY_CODEX);
    text.trim_end().to_owned()
}

fn section<'a>(
    text: &mut String,
    heading: &str,
    width: usize,
    rows: impl Iterator<Item = (&'a str, String)>,
) {
    let styles = Styles::styled();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    // To a string it can't fail.
    let _ = writeln!(text, "{header}{heading}:{header:#}");
    for (name, about) in rows {
        let about = wrapped(&about, width, NAMES + 2);
        let _ = writeln!(text, "  {literal}{name:<NAMES$}{literal:#}{about}");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(width: usize) -> String {
        StyledStr::from(overview(&Cli::command(), width)).to_string()
    }

    #[test]
    fn every_subcommand_is_on_the_first_screen_once() {
        let shown: Vec<&str> =
            GROUPS.iter().chain([&BY_CODEX]).flat_map(|(_, names)| names.iter().copied()).collect();
        let command = Cli::command();
        let mut known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        let mut sorted = shown.clone();
        sorted.sort_unstable();
        known.sort_unstable();
        assert_eq!(sorted, known);
        let first = ["login", "install", "doctor", "report", "why", "coverage", "smoketest", "uninstall"];
        assert_eq!(shown[..8], first);
    }

    #[test]
    fn what_codex_runs_comes_last() {
        let screen = plain(80);
        let at = |words: &str| screen.find(words).unwrap_or_else(|| panic!("{words}: {screen}"));
        assert!(at("Set up:") < at("Examples:") && at("Examples:") < at("Run by Codex:"));
    }

    #[test]
    fn the_first_screen_fits_the_terminal() {
        for width in [NARROWEST, 60, 80, WIDTH] {
            let screen = plain(width);
            let longest = |line: &&str| line.chars().count() > width && line.contains(' ');
            let words = screen.lines().filter(longest).collect::<Vec<_>>();
            assert!(words.is_empty(), "{width}: {words:?}");
        }
    }

    #[test]
    fn help_and_version_are_words_too() {
        let line = |words: &[&str]| -> Vec<OsString> { words.iter().map(OsString::from).collect() };
        for (words, meant) in [
            (&["x", "help"][..], &["x", "--help"][..]),
            (&["x", "help", "install"], &["x", "install", "--help"]),
            (&["x", "version"], &["x", "--version"]),
            (&["x", "install", "help"], &["x", "install", "help"]),
        ] {
            assert_eq!(with_words(&line(words)), line(meant));
        }
    }
}
