//! What an installation says: what was done, and in its last words whether the user is protected.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::activation::{Activation, State};
use crate::codex::listing::HookListing;
use crate::codex::trust::HookStatus;
use crate::commands::doctor::{Outcome, State as Protection};
use crate::file_edit::{BinaryInstall, same_place};
use crate::installation::{Edit, Scope};
use crate::printable::{counted, printable, wrapped};
use crate::registration::{CalledProgram, FOLDER, hook_call};
use crate::system::Env;
use crate::terminal::{Paint, WIDTH};

/// What was done.
#[derive(Debug, Default)]
pub struct Report {
    pub binary: Option<(PathBuf, BinaryInstall)>,
    /// Files with what happened to them.
    pub files: Vec<(PathBuf, &'static str)>,
    pub backups: Vec<PathBuf>,
    /// Sentences to know, in order.
    pub notes: Vec<String>,
}

/// What became of the scan at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstScan {
    Passed,
    Failed,
    /// Nothing here has a token for the service.
    NoToken(NoToken),
    /// Not wanted, or pointless.
    Skipped,
}

/// No token is set, or stored for the service's address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoToken {
    /// Where one is stored for another address: that it is, and what to do.
    pub elsewhere: Option<(String, String)>,
}

impl Report {
    /// Adds what the edits did, and what they met.
    pub fn edits(&mut self, edits: &[Edit], scripts: &[PathBuf]) {
        for edit in edits {
            let installed = &edit.installed;
            let what = match (edit.changes(), edit.before().is_some(), &installed.text) {
                (true, true, _) => "changed",
                (true, false, _) => "created",
                (false, _, Some(_)) => "already as it should be",
                (false, _, None) => continue,
            };
            self.files.push((edit.place.path.clone(), what));
            if !installed.taken_over.is_empty() {
                let count = installed.taken_over.len();
                let path = edit.place.path.display();
                let count = counted(count, "hook");
                self.notes.push(format!("Took over {count} of the Python integration in {path}."));
            }
            let path = edit.place.path.as_path();
            let (shared, strange): (Vec<_>, Vec<_>) =
                installed.lookalikes.iter().partition(|hook| other_home(&hook.command, path).is_some());
            if let Some(other) = shared.first().and_then(|hook| other_home(&hook.command, path)) {
                self.notes.push(format!(
                    "{} is also the file of the Codex home {}, whose own f5-guard is registered in it. Each home runs only what \
                     was trusted there: don't trust the other's hooks under /hooks, or everything is scanned twice.",
                    path.display(),
                    printable(&other.to_string_lossy(), 200)
                ));
            }
            for hook in strange {
                self.notes.push(format!(
                    "WARNING: NOT F5-GUARD'S, THOUGH IT LOOKS LIKE IT, and so neither trusted nor removed: {} {} ({}). \
                     Read it before you trust anything in Codex.",
                    hook.event,
                    printable(&hook.command, 200),
                    edit.place.path.display()
                ));
            }
            self.notes.extend(edit.moved_note());
        }
        if !scripts.is_empty() {
            let names: Vec<String> = scripts.iter().map(|path| path.display().to_string()).collect();
            self.notes.push(format!(
                "The Python integration's scripts are still there and no longer used: {}.",
                names.join(", ")
            ));
        }
    }

    /// The lines before the verdict.
    pub fn text(&self, scope: Scope) -> String {
        let whom = match scope {
            Scope::User => "for this user",
            Scope::Project => "in this project",
            Scope::System => "for everybody on this machine",
        };
        self.below(format!("f5-guard {} is registered {whom}.\n", env!("CARGO_PKG_VERSION")))
    }

    /// The same where nothing was to be registered.
    #[must_use]
    pub fn text_of_binary(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        self.below(format!("f5-guard {version} is installed, but not registered by this command.\n"))
    }

    fn below(&self, mut out: String) -> String {
        if let Some((path, installed)) = &self.binary {
            let what = match installed {
                BinaryInstall::Written => "installed",
                BinaryInstall::Unchanged => "already this one",
            };
            row(&mut out, "binary", &format!("{} ({what})", path.display()));
        }
        for (path, what) in &self.files {
            row(&mut out, "file", &format!("{} ({what})", path.display()));
        }
        for path in &self.backups {
            row(&mut out, "backup", &path.display().to_string());
        }
        for note in &self.notes {
            row(&mut out, "note", note);
        }
        out
    }
}

fn row(out: &mut String, label: &str, text: &str) {
    // Writing to a string can't fail.
    let _ = writeln!(out, "  {label:<8}{}", wrapped(text, WIDTH, 10));
}

/// The Codex home whose f5-guard a command runs, where that home's file of this name is this very file.
fn other_home(command: &str, file: &Path) -> Option<PathBuf> {
    let CalledProgram::Named(program) = hook_call(command)?.program else { return None };
    let binary = Path::new(&program);
    let home = binary
        .parent()
        .filter(|folder| folder.ends_with(Path::new("hooks").join(FOLDER)))?
        .ancestors()
        .nth(2)?;
    let theirs = home.join(file.file_name()?);
    let is_same = theirs.as_path() != file && same_place(&theirs, file);
    is_same.then(|| home.to_owned())
}

/// How to call f5-guard by hand, where a shell would not find it by its name.
pub fn path_note(binary: &Path, env: Env<'_>) -> Option<String> {
    let name = binary.file_name()?;
    let path = env("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    (!found).then(|| {
        format!("f5-guard is not on your PATH: call it as {}, or put that folder on PATH.", binary.display())
    })
}

/// What is asked about: exactly what will run.
pub fn commands(hooks: &[HookListing]) -> String {
    let mut sorted: Vec<&HookListing> = hooks.iter().collect();
    sorted.sort_by_key(|hook| super::activation::turn_order(hook));
    let mut out = String::from("Codex will run these commands, once you trust them:\n");
    for hook in sorted {
        let command = printable(hook.command.as_deref().unwrap_or_default(), 4000);
        let tools = hook.matcher.as_deref().map(|matcher| format!(" (tools: {})", printable(matcher, 200)));
        let again =
            if HookStatus::of(hook) == HookStatus::Modified { ", changed since you trusted it" } else { "" };
        let title = format!("{}{}{again}", hook.event.as_str(), tools.unwrap_or_default());
        let _ = writeln!(out, "  {}\n    {command}", wrapped(&title, WIDTH, 4));
    }
    out
}

pub fn question(hooks: &[HookListing]) -> String {
    let what = if hooks.len() == 1 {
        "this hook".to_owned()
    } else {
        format!("these {} hooks", number(hooks.len()))
    };
    format!("Trust {what} now? [y/N]")
}

fn number(count: usize) -> String {
    match count {
        5 => "five".to_owned(),
        other => other.to_string(),
    }
}

/// The last words: a state of [`Outcome`] and, where that is not `PROTECTED`, all that is left to do.
#[derive(Debug)]
pub struct Verdict {
    state: Protection,
    /// Begins with the state's heading.
    words: String,
}

impl Verdict {
    pub fn text(&self, paint: Paint) -> String {
        let heading = self.state.heading();
        self.words.replacen(heading, &paint.word(heading, self.state.style()), 1)
    }
}

pub fn verdict(
    scope: Scope,
    activation: &Activation,
    proof: Option<&Outcome>,
    scan: FirstScan,
    version: Option<&str>,
) -> Verdict {
    let codex = version.map_or_else(|| "Codex".to_owned(), |version| format!("Codex {version}"));
    let (state, mut steps) = match (activation, proof) {
        (Activation::NotAsked { why }, _) => (Protection::NotProven, vec![not_asked(scope, why)]),
        (Activation::Asked(_), Some(proof)) if proof.state == Protection::Protected => {
            let words = format!(
                "PROTECTED: {codex} ran the hooks and did what they said, and a greeting was scanned."
            );
            return Verdict { state: proof.state, words: wrapped(&words, WIDTH, 0) + "\n" };
        }
        (Activation::Asked(_), Some(proof)) => (proof.state, proof.steps.clone()),
        (Activation::Asked(state), None) => (Protection::NotActive, missing_steps(scope, state)),
    };
    steps.extend(scan.step());
    let mut words = format!("{}: do this\n", state.heading());
    for step in steps {
        let _ = writeln!(words, "  - {}", wrapped(&step, WIDTH, 4));
    }
    Verdict { state, words }
}

impl FirstScan {
    /// What it leaves to do.
    fn step(self) -> Option<String> {
        match self {
            Self::Passed | Self::Skipped => None,
            Self::NoToken(NoToken { elsewhere: Some((cause, fix)) }) => Some(format!("{cause} {fix}")),
            Self::NoToken(NoToken { elsewhere: None }) => Some(
                "Run `f5-guard login` (or set F5_GUARDRAILS_API_TOKEN in the environment that Codex is started from): \
                 without a token nothing can be scanned."
                    .to_owned(),
            ),
            Self::Failed => {
                Some("Fix what the smoke test above found, and try `f5-guard smoketest`.".to_owned())
            }
        }
    }
}

fn not_asked(scope: Scope, why: &str) -> String {
    match scope {
        Scope::System => format!(
            "Start `codex` and look at /hooks: managed hooks need no trust, but whether Codex runs them could not be \
             checked here ({why})."
        ),
        Scope::User | Scope::Project => format!(
            "Start `codex`, and answer its question about new hooks with \"Trust all and continue\" (or press t under \
             /hooks): Codex skips untrusted hooks in silence, and could not be asked here ({why})."
        ),
    }
}

fn missing_steps(scope: Scope, state: &State) -> Vec<String> {
    let mut steps = Vec::new();
    if let Some(why) = &state.untrustable {
        steps.push(why.clone());
    } else if state.waiting > 0 {
        steps.push(
            "Run this again with --trust, or start `codex` and answer its question about new hooks with \"Trust \
             all and continue\" (or press t under /hooks): Codex skips untrusted hooks in silence."
                .to_owned(),
        );
    }
    if scope == Scope::Project && state.waiting == 0 {
        steps.push(
            "Start `codex` in the project and trust the project, then its hooks under /hooks: Codex reads a \
             project's hooks only where the project is trusted."
                .to_owned(),
        );
    }
    steps.extend(state.problems.iter().cloned());
    if steps.is_empty() {
        steps.push("Look at /hooks in `codex`: not every one of the five hooks runs.".to_owned());
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(state: State, proof: Option<&Outcome>, scan: FirstScan) -> String {
        verdict(Scope::User, &Activation::Asked(state), proof, scan, Some("0.169.0")).text(Paint::off())
    }

    fn outcome(state: Protection) -> Outcome {
        Outcome { state, steps: vec!["Do that.".to_owned()] }
    }

    #[test]
    fn only_a_proof_is_protection() {
        let protects = || State { protects: true, ..State::default() };
        let with = |state| asked(protects(), Some(&outcome(state)), FirstScan::Skipped);
        let protected = with(Protection::Protected);
        assert!(protected.starts_with("PROTECTED: Codex 0.169.0"));
        assert!(include_str!("../../../README.md").replace("\r\n", "\n").contains(&protected), "{protected}");
        assert_eq!(with(Protection::NotScanning), "REGISTERED, NOT SCANNING: do this\n  - Do that.\n");
        assert!(with(Protection::NotActive).starts_with("NOT ACTIVE: do this\n"));
        assert!(with(Protection::NotProven).starts_with("REGISTERED, NOT PROVEN: do this\n"));
        let waiting = asked(State { waiting: 5, ..State::default() }, None, FirstScan::Skipped);
        assert!(waiting.starts_with("NOT ACTIVE: do this\n") && waiting.contains("--trust"), "{waiting}");
        let nothing = asked(State::default(), None, FirstScan::Passed);
        assert!(nothing.starts_with("NOT ACTIVE: do this\n  - "), "{nothing}");
    }

    #[test]
    fn on_a_terminal_the_heading_is_coloured_and_nothing_else() {
        let state = State { protects: true, ..State::default() };
        let proof = outcome(Protection::NotScanning);
        let verdict = verdict(Scope::User, &Activation::Asked(state), Some(&proof), FirstScan::Skipped, None);
        let (plain, coloured) = (verdict.text(Paint::off()), verdict.text(Paint::on()));
        assert!(coloured.starts_with("\u{1b}[31mREGISTERED, NOT SCANNING\u{1b}[0m: do this\n"), "{coloured}");
        assert_eq!(coloured.replace("\u{1b}[31m", "").replace("\u{1b}[0m", ""), plain);
    }

    #[test]
    fn all_that_is_left_to_do_is_said_at_once() {
        let words =
            asked(State { waiting: 5, ..State::default() }, None, FirstScan::NoToken(NoToken::default()));
        assert!(words.contains("--trust") && words.contains("f5-guard login"), "{words}");
        assert!(words.lines().all(|line| line.chars().count() <= 80), "{words}");
    }

    #[test]
    fn who_has_f5_guard_on_path_is_not_told_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let binary = Path::new("/installed").join("f5-guard");
        let path = std::env::join_paths([folder.path()]).unwrap();
        let env = |name: &str| (name == "PATH").then(|| path.clone());
        let note = path_note(&binary, &env).unwrap();
        assert!(note.contains(&binary.display().to_string()), "{note}");
        std::fs::write(folder.path().join("f5-guard"), "").unwrap();
        assert_eq!(path_note(&binary, &env), None);
    }

    #[test]
    fn without_a_codex_the_start_up_question_and_hooks_are_explained() {
        let words = verdict(
            Scope::User,
            &Activation::NotAsked { why: "none".into() },
            None,
            FirstScan::Skipped,
            None,
        )
        .text(Paint::off());
        assert_eq!(words.matches("\n  - ").count(), 1);
        assert!(words.contains("Trust all and") && words.contains("/hooks"), "{words}");
    }
}
