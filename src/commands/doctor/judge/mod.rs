//! Judges an installation: facts in, findings out. Each finding says what is wrong and what to do about it.
//!
//! Pure: looking at files, running programs and asking Codex is `gather`'s part.

mod codex;
mod entry;
mod hooks;
mod machine;
pub mod settings;
#[cfg(test)]
mod tests;

use super::facts::Facts;
use super::finding::{Report, Severity, Tried};

/// Finds everything that keeps this machine from being protected, or that somebody should know.
pub fn judge(facts: &Facts) -> Report {
    let mut findings = Vec::new();
    codex::judge(facts, &mut findings);
    hooks::judge(facts, &mut findings);
    settings::judge(facts, &mut findings);
    machine::judge(facts, &mut findings);
    let tried = match &facts.proof {
        Ok(proof) if proof.is_whole() => Tried::Proven,
        Ok(_) => Tried::NotProven,
        Err(_) => Tried::No,
    };
    if tried == Tried::Proven {
        // Whatever a file or a message of Codex's says: here it runs the hooks.
        for finding in findings.iter_mut().filter(|finding| finding.id.is_root_cause()) {
            finding.severity = finding.severity.min(Severity::Warning);
        }
    }
    Report::new(findings, tried)
}
