//! The documents can't rot: every snippet parses, every command is one that works here (`commands`), every variable is
//! known, tables say what the program says (`tables`), every link leads somewhere, what is shown as output is that
//! (`shown`), every picture is there for light and dark pages and in the archive (`pictures`), the README stays short and leads to every page (`readme`), and the quickstart's commands for Linux and macOS
//! are run, word by word, against the stand-in (`walkthrough`).

mod commands;
mod markdown;
mod pictures;
mod readme;
mod shown;
mod tables;
mod walkthrough;

use std::collections::BTreeSet;

use clap::CommandFactory;
use commands::our_call;
use f5_guard::internals::cli::Cli;
use markdown::{Document, documents};

#[test]
fn every_toml_and_json_snippet_parses() {
    let mut count = 0;
    for document in documents() {
        for block in document.blocks() {
            let parses = match block.language {
                "toml" => block.text.parse::<toml_edit::DocumentMut>().map(drop).map_err(|e| e.to_string()),
                "json" => serde_json::from_str::<serde_json::Value>(&block.text)
                    .map(drop)
                    .map_err(|e| e.to_string()),
                _ => continue,
            };
            count += 1;
            parses.unwrap_or_else(|error| panic!("{}: {error}\n{}", document.name, block.text));
        }
    }
    assert!(count >= 2, "{count}");
}

/// In running text a placeholder may stand for a value, or a command be named without its arguments.
#[test]
fn every_command_line_in_running_text_names_a_subcommand_and_options_that_exist() {
    let cli = Cli::command();
    let mut count = 0;
    for document in documents() {
        for code in document.inline_code() {
            let Some(words) = our_call(&code) else { continue };
            let Some(name) = words.get(1) else { continue };
            if name == "--version" || name == "--help" {
                continue;
            }
            count += 1;
            let command = cli.find_subcommand(name);
            let command = command.unwrap_or_else(|| panic!("{}: `{code}`", document.name));
            for option in words.iter().filter_map(|word| word.strip_prefix("--")) {
                let option = option.split('=').next().unwrap_or(option);
                let known = option == "help" || command.get_arguments().any(|a| a.get_long() == Some(option));
                assert!(known, "{}: `{code}`", document.name);
            }
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn every_option_in_running_text_exists_somewhere() {
    let cli = Cli::command();
    let of_commands = cli.get_subcommands().flat_map(|command| command.get_arguments());
    let mut known: BTreeSet<&str> = of_commands.filter_map(|argument| argument.get_long()).collect();
    known.extend(["help", "version"]);
    let bench = markdown::read("benches/whole_process/options.rs");
    known.extend(bench.split('"').filter_map(|word| word.strip_prefix("--")));
    // Other programs have options of their own.
    let others = ["cargo ", "gh ", "codex "];
    for document in documents() {
        let codes = document.inline_code();
        for code in codes.iter().filter(|code| !others.iter().any(|other| code.starts_with(other))) {
            for option in code.split_whitespace().filter_map(|word| word.strip_prefix("--")) {
                let option = option.split('=').next().unwrap_or(option);
                assert!(known.contains(option), "{}: `{code}`", document.name);
            }
        }
    }
}

/// All words of the form `F5_…` or `CALYPSOAI_…`, and the ones without such a prefix that are settings.
fn variables(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let ours = |word: &&str| word.starts_with("F5_GUARDRAILS_") || word.starts_with("F5_GLOBAL_");
    let others = ["CALYPSOAI_TOKEN", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"];
    let others = others.into_iter().chain(["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"]);
    let others: Vec<&str> = others.chain(["SSLKEYLOGFILE", "CODEX_HOME"]).collect();
    words.filter(|word| ours(word) || others.contains(word)).map(str::to_owned).collect()
}

fn help() -> String {
    let mut cli = Cli::command();
    let main = cli.render_long_help().to_string();
    let pages = cli.get_subcommands_mut().map(|command| command.render_long_help().to_string());
    pages.chain([main]).collect()
}

#[test]
fn every_variable_in_the_documents_is_in_the_help() {
    let help = variables(&help());
    // The Python integration's own, which MIGRATING.md says are not read.
    let gone = ["F5_GUARDRAILS_DEBUG", "F5_GUARDRAILS_DEBUG_REQUESTS", "F5_GUARDRAILS_DEBUG_BODY_CHARS"];
    for document in documents() {
        let gone = if document.name == "MIGRATING.md" { &gone[..] } else { &[] };
        for variable in variables(&document.text) {
            let known = help.contains(&variable) || gone.contains(&variable.as_str());
            assert!(known, "{}: {variable} is not in --help", document.name);
        }
    }
}

#[test]
fn every_variable_that_the_program_reads_is_in_the_help() {
    let help = variables(&help());
    for (path, source) in markdown::sources() {
        // Names in quotes; in running text of a message or comment a name may be a prefix.
        let quoted: String = source.split('"').skip(1).step_by(2).collect::<Vec<_>>().join(" ");
        for variable in variables(&quoted).iter().filter(|variable| !variable.ends_with('_')) {
            assert!(help.contains(variable), "{}: {variable} is not in --help", path.display());
        }
    }
}

#[test]
fn every_variable_in_the_help_is_in_a_table_of_its_page() {
    let mut cli = Cli::command();
    let settings = Document::read("docs/settings.md");
    let settings = variables(settings.section("Variables and flags"));
    let export = variables(&Document::read("docs/dump-config.md").text);
    for command in cli.get_subcommands_mut() {
        let name = command.get_name().to_owned();
        for variable in variables(&command.render_long_help().to_string()) {
            let known = settings.contains(&variable) || name == "dump-config" && export.contains(&variable);
            assert!(known, "{variable}, of {name}, is in no table");
        }
    }
    for variable in variables(&cli.render_long_help().to_string()) {
        assert!(settings.contains(&variable), "{variable} is not in docs/settings.md");
    }
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_of_the_repository_or_to_the_web() {
    let mut count = 0;
    for document in documents() {
        for link in document.links() {
            count += 1;
            if link.starts_with("https://") {
                continue;
            }
            let (file, heading) = link.split_once('#').map_or((link.as_str(), None), |(f, h)| (f, Some(h)));
            let target = if file.is_empty() { document.name.clone() } else { document.beside(file) };
            assert!(markdown::root().join(&target).exists(), "{}: {link}", document.name);
            if let Some(heading) = heading {
                assert!(Document::read(&target).anchors().contains(heading), "{}: {link}", document.name);
            }
        }
    }
    assert!(count > 20, "{count}");
}
