//! The README is the front page: it stays short, and leads to everything else.

use std::collections::BTreeSet;

use clap::CommandFactory;
use f5_guard::internals::cli::Cli;

use super::markdown::{Document, documents};

const MOST_LINES: usize = 170;
const MOST_WORDS: usize = 1500;

#[test]
fn the_readme_stays_short() {
    let text = Document::read("README.md").text;
    let (lines, words) = (text.lines().count(), text.split_whitespace().count());
    assert!(lines <= MOST_LINES, "{lines} lines: what is more than an overview belongs in docs/");
    assert!(words <= MOST_WORDS, "{words} words: what is more than an overview belongs in docs/");
}

#[test]
fn every_subcommand_is_named_in_the_readme() {
    let readme = Document::read("README.md").text;
    for command in Cli::command().get_subcommands() {
        assert!(readme.contains(command.get_name()), "{}", command.get_name());
    }
}

#[test]
fn every_document_is_in_the_readmes_index() {
    let readme = Document::read("README.md");
    let index = Document { name: readme.name.clone(), text: readme.section("Documentation").to_owned() };
    let listed: BTreeSet<String> = index.links().into_iter().collect();
    for document in documents().iter().filter(|document| document.name != "README.md") {
        assert!(listed.contains(&document.name), "{} is not in the index", document.name);
    }
}
