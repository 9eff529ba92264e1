//! `completions` and `man`: what shells and readers of manuals need to know of the command line, from its definition.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::stdio::{hand_out, say_error};

/// Writes the completion script of a shell to stdout.
pub fn completions(args: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    exit_code(to_stdout(&script))
}

/// Writes the manual page to stdout, or all pages to a folder.
pub fn man(args: &ManArgs) -> ExitCode {
    let command = Cli::command().disable_help_subcommand(true);
    exit_code(match &args.dir {
        None => page(command).and_then(|page| to_stdout(&page)),
        Some(folder) => pages_to(folder, command),
    })
}

/// `f5-guard.1`, and `f5-guard-NAME.1` for each subcommand.
fn pages_to(folder: &Path, mut command: Command) -> Result<(), String> {
    command.build();
    let at = |path: &Path, error: io::Error| format!("{} could not be written: {error}.", path.display());
    std::fs::create_dir_all(folder).map_err(|error| at(folder, error))?;
    let subcommands: Vec<Command> = command.get_subcommands().cloned().collect();
    for command in std::iter::once(command).chain(subcommands) {
        // After build() this is `f5-guard-install` for a subcommand.
        let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
        let path = folder.join(format!("{name}.1"));
        std::fs::write(&path, page(command.display_name(name))?).map_err(|error| at(&path, error))?;
    }
    Ok(())
}

fn page(command: Command) -> Result<Vec<u8>, String> {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let source = concat!("f5-guard ", env!("CARGO_PKG_VERSION"));
    let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_subcommands = command.has_subcommands();
    let man = Man::new(command).title(name.to_uppercase()).source(source);
    let mut page = Vec::new();
    let mut render = || {
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        if has_subcommands {
            man.render_subcommands_section(&mut page)?;
        }
        render_notes(&notes, &mut page)
    };
    render().map_err(|error: io::Error| format!("The page could not be made: {error}."))?;
    Ok(page)
}

/// The end of `--help`, with its columns. A first line that ends in a colon is the section's name.
fn render_notes(notes: &str, page: &mut dyn Write) -> io::Result<()> {
    if notes.is_empty() {
        return Ok(());
    }
    let (heading, lines) = match notes.split_once(":\n") {
        Some((heading, lines)) if !heading.contains('\n') => (heading.to_uppercase(), lines),
        _ => ("NOTES".to_owned(), notes),
    };
    let mut section = Roff::default();
    section.control("SH", [heading.as_str()]).control("nf", []);
    section.text([roman(lines)]).control("fi", []);
    section.to_writer(page)
}

fn to_stdout(bytes: &[u8]) -> Result<(), String> {
    hand_out(bytes).map_err(|error| format!("Nothing more could be written to stdout: {error}."))
}

fn exit_code(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            say_error(&format!("[ERROR] {problem}"));
            ExitCode::FAILURE
        }
    }
}
