//! What a person gets who starts a hook on a terminal. Codex always writes a payload to stdin.

use std::process::ExitCode;

use crate::event::Event;
use crate::stdio::say_error;

/// Says what this command is for, instead of waiting for a payload. Should something else than a person be there, the
/// exit code blocks, where that starts no endless loop.
pub fn explain(event: Event) -> ExitCode {
    say_error(&words(event));
    ExitCode::from(if event.ends_a_turn() { 1 } else { 2 })
}

fn words(event: Event) -> String {
    format!(
        "`f5-guard {}` is run by Codex, which sends it something to scan on stdin. There is nothing to do by hand.\n\
         Does it work?  f5-guard doctor\n\
         Remove it:     f5-guard uninstall\n\
         All commands:  f5-guard --help",
        event.subcommand()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_learns_who_runs_it_and_how_to_remove_it() {
        let words = words(Event::Stop);
        assert!(words.starts_with("`f5-guard stop` is run by Codex") && words.contains("f5-guard uninstall"));
    }
}
