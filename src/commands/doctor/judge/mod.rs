//! Judges an installation: facts in, findings out. Each finding says what is wrong and what to do about it.
//!
//! Pure: looking at files, running programs and asking Codex is `gather`'s part.

mod codex;
mod hooks;
mod machine;
pub mod settings;
#[cfg(test)]
mod tests;

use super::facts::Facts;
use super::finding::Report;

/// Finds everything that keeps this machine from being protected, or that somebody should know.
pub fn judge(facts: &Facts) -> Report {
    let mut findings = Vec::new();
    codex::judge(facts, &mut findings);
    hooks::judge(facts, &mut findings);
    settings::judge(facts, &mut findings);
    machine::judge(facts, &mut findings);
    Report::new(findings)
}
