//! Judges an installation: facts in, findings out. Each finding says what is wrong and what to do about it.
//!
//! Pure. Looking at files, running programs and asking Codex is left to the `doctor` command, which also shows the
//! result.

mod codex;
pub mod facts;
mod finding;
mod hooks;
pub mod log_tail;
mod machine;
pub mod payload;
pub mod screen;
pub mod settings;
#[cfg(test)]
mod tests;

pub use facts::Facts;
pub use finding::{Diagnosis, Finding, FindingId, Severity, Verdict};

/// Finds everything that keeps this machine from being protected, or that somebody should know.
#[must_use]
pub fn diagnose(facts: &Facts) -> Diagnosis {
    let mut findings = Vec::new();
    codex::judge(facts, &mut findings);
    hooks::judge(facts, &mut findings);
    settings::judge(facts, &mut findings);
    machine::judge(facts, &mut findings);
    Diagnosis::new(findings)
}
