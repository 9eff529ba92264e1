//! The documents' tables say what the program says: defaults of settings, options, states and findings of the doctor,
//! modules.

use std::collections::{BTreeMap, BTreeSet};

use clap::CommandFactory;
use f5_guard::internals::cli::Cli;
use f5_guard::internals::doctor::{FindingId, State};
use f5_guard::internals::settings::{
    DEFAULT_BASE_URL, DEFAULT_MAX_SCAN_LENGTH, DEFAULT_TIMEOUT, Enforced, HOOK_TIMEOUT,
    LONGEST_UNREGISTERED_TIMEOUT, STALL_ROOM,
};

use super::markdown::{Document, root, sources};

/// The cells of each row of a section's tables, headings included.
fn rows(section: &str) -> Vec<Vec<&str>> {
    let lines = section.lines().filter(|line| line.starts_with('|') && !line.starts_with("|-"));
    lines.map(|line| line.split('|').skip(1).map(str::trim).collect()).collect()
}

/// What stands between backquotes.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Each variable of the help with the default in its brackets.
fn defaults_of_the_help() -> BTreeMap<String, String> {
    let help = Cli::command().get_after_help().expect("the help names the variables").to_string();
    let mut defaults = BTreeMap::new();
    let mut name = String::new();
    for line in help.lines() {
        if let Some(word) = line.trim().split([' ', ',']).next().filter(|_| line.starts_with("  F5_")) {
            word.clone_into(&mut name);
        }
        if let Some((_, rest)) = line.split_once('[') {
            defaults.insert(name.clone(), rest.trim_end_matches(']').to_owned());
        }
    }
    defaults
}

/// The variable, flag and default of each row of a table of settings that has a variable of ours.
fn settings_of(section: &str) -> BTreeMap<String, [String; 2]> {
    let first = |row: &[&str], cell: usize| {
        row.get(cell).and_then(|cell| code(cell).first().map(ToString::to_string)).unwrap_or_default()
    };
    let rows = rows(section);
    let settings = rows.iter().map(|row| (first(row, 0), [first(row, 1), first(row, 2)]));
    settings.filter(|(name, _)| name.starts_with("F5_")).collect()
}

#[test]
fn defaults_in_the_documents_and_in_the_help_are_those_of_the_program() {
    let document = Document::read("docs/settings.md");
    let settings = settings_of(document.section("Variables and flags")).into_iter();
    let shown: BTreeMap<String, String> =
        settings.map(|(name, [_, default])| (name, default)).filter(|(_, d)| !d.is_empty()).collect();
    assert_eq!(shown, defaults_of_the_help());
    for (name, value) in [
        ("F5_GUARDRAILS_BASE_URL", DEFAULT_BASE_URL.to_owned()),
        ("F5_GUARDRAILS_TIMEOUT", DEFAULT_TIMEOUT.as_secs().to_string()),
        ("F5_GUARDRAILS_MAX_SCAN_LENGTH", DEFAULT_MAX_SCAN_LENGTH.to_string()),
    ] {
        assert_eq!(shown.get(name), Some(&value), "{name}");
    }
    for time in [HOOK_TIMEOUT, LONGEST_UNREGISTERED_TIMEOUT, STALL_ROOM] {
        let seconds = format!("{} s", time.as_secs());
        assert!(document.section("Timeouts and retries").contains(&seconds), "{seconds}");
    }
}

#[test]
fn the_readmes_settings_are_those_of_the_settings_page() {
    let page = Document::read("docs/settings.md");
    let all = settings_of(page.section("Variables and flags"));
    let readme = Document::read("README.md");
    let some = settings_of(readme.section("Settings"));
    assert!(!some.is_empty());
    for (name, setting) in some {
        assert_eq!(all.get(&name), Some(&setting), "{name}");
    }
}

#[test]
fn every_option_of_install_is_in_the_table_of_options() {
    let page = Document::read("docs/deployment.md");
    let options = page.section("Options");
    let install = Cli::command().find_subcommand("install").expect("install").clone();
    let known: BTreeSet<String> = install
        .get_arguments()
        .filter(|argument| !argument.is_hide_set() && argument.get_long() != Some("help"))
        .filter_map(|argument| Some(format!("--{}", argument.get_long()?)))
        .collect();
    let words = rows(options);
    let words = words.iter().skip(1).flat_map(|row| code(row[0]));
    let mut shown: BTreeSet<String> =
        words.filter_map(|code| code.split(' ').next()).map(str::to_owned).collect();
    assert!(options.contains("`--for-windows`"), "named with --print");
    shown.insert("--for-windows".to_owned());
    assert_eq!(shown, known);
}

#[test]
fn every_flag_that_is_enforced_is_named_where_enforcement_is_explained() {
    for (page, section) in
        [("docs/deployment.md", "Rolling it out"), ("SECURITY.md", "What an attacker can do")]
    {
        let page = Document::read(page);
        for flag in Enforced::FLAGS {
            assert!(page.section(section).contains(&format!("`{flag}`")), "{}: {flag}", page.name);
        }
    }
}

#[test]
fn every_kind_of_finding_is_in_the_table_of_findings_and_no_other() {
    let page = Document::read("docs/troubleshooting.md");
    let shown: BTreeSet<&str> =
        rows(page.section("Findings")).iter().skip(1).flat_map(|row| code(row[0])).collect();
    let known: BTreeSet<&str> = FindingId::ALL.iter().map(|id| id.as_str()).collect();
    assert_eq!(shown, known);
}

#[test]
fn every_state_of_the_doctor_is_in_the_tables_of_verdicts_and_of_json() {
    let page = Document::read("docs/troubleshooting.md");
    let shown: BTreeSet<&str> =
        rows(page.section("The verdict")).iter().skip(1).flat_map(|row| code(row[0])).collect();
    assert_eq!(shown, State::ALL.iter().map(|state| state.heading()).collect());
    let json = rows(page.section("Output for programs"));
    let states = json.iter().find(|row| row[0] == "`state`").expect("a row for the state");
    let shown: BTreeSet<&str> = code(states[1]).into_iter().filter(|word| !word.contains(' ')).collect();
    assert_eq!(shown, State::ALL.iter().map(|state| state.as_str()).collect());
}

/// Where a document quotes the program, the program still says so. A message that is quoted gets a row here.
#[test]
fn words_that_are_quoted_from_the_program_are_in_it() {
    let sources: String = sources().into_iter().map(|(_, source)| source).collect();
    for (name, quote) in [
        ("docs/troubleshooting.md", "proven"),
        ("docs/troubleshooting.md", "did not run"),
        ("docs/troubleshooting.md", "ran, and blocked nothing"),
        ("docs/troubleshooting.md", "not reached"),
        ("docs/troubleshooting.md", "did not end"),
        ("docs/troubleshooting.md", "protected"),
        ("docs/troubleshooting.md", "not_protected"),
        ("docs/troubleshooting.md", "cannot_tell"),
    ] {
        assert!(Document::read(name).text.contains(&format!("`{quote}`")), "{name}: {quote}");
        assert!(sources.contains(&format!("\"{quote}\"")), "the program does not say {quote}");
    }
}

#[test]
fn every_module_is_in_the_table_of_the_architecture_and_no_other() {
    let contributing = Document::read("CONTRIBUTING.md");
    let shown: BTreeSet<String> = rows(contributing.section("Architecture"))
        .iter()
        .skip(1)
        .flat_map(|row| code(row[0]))
        .map(Into::into)
        .collect();
    let entries = std::fs::read_dir(root().join("src")).expect("src can be listed");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let modules = names.map(|name| name.trim_end_matches(".rs").to_owned());
    let modules: BTreeSet<String> =
        modules.filter(|name| !["main", "lib", "internals"].contains(&name.as_str())).collect();
    let (inner, outer): (BTreeSet<String>, _) = shown.into_iter().partition(|name| name.contains('/'));
    assert_eq!(outer, modules);
    for folder in inner {
        assert!(root().join("src").join(&folder).is_dir(), "{folder}");
    }
}
