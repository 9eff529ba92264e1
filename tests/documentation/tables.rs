//! The documents' tables say what the program says: defaults of settings, kinds of findings, modules.

use std::collections::{BTreeMap, BTreeSet};

use clap::CommandFactory;
use f5_guard::internals::cli::Cli;
use f5_guard::internals::doctor::FindingId;
use f5_guard::internals::settings::{
    DEFAULT_BASE_URL, DEFAULT_MAX_SCAN_LENGTH, DEFAULT_TIMEOUT, HOOK_TIMEOUT, LONGEST_UNREGISTERED_TIMEOUT,
    STALL_ROOM,
};

use crate::markdown::{Document, root};

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

#[test]
fn defaults_in_the_readme_and_in_the_help_are_those_of_the_program() {
    let readme = Document::read("README.md");
    let shown: BTreeMap<String, String> = rows(readme.section("Settings"))
        .iter()
        .filter_map(|row| {
            Some((code(row.first()?).first()?.to_string(), code(row.get(2)?).first()?.to_string()))
        })
        .filter(|(name, _)| name.starts_with("F5_"))
        .collect();
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
        assert!(readme.section("Settings").contains(&seconds), "{seconds}");
    }
}

#[test]
fn every_kind_of_finding_is_in_the_readmes_table_and_no_other() {
    let readme = Document::read("README.md");
    let section = readme.section("Troubleshooting: `f5-guard doctor`");
    let shown: BTreeSet<&str> = rows(section).iter().skip(1).flat_map(|row| code(row[0])).collect();
    let known: BTreeSet<&str> = FindingId::ALL.iter().map(|id| id.as_str()).collect();
    assert_eq!(shown, known);
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
