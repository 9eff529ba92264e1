//! The exact bytes of the answers, kept in `tests/golden/` (see its README for how they are written anew).

use std::path::{Path, PathBuf};

use f5_stand_in::f5::{F5, Fault, Mode, Project, ProjectScanner, Reply, Verdict};

use crate::support::{Event, Hook};

/// A name, what the service says, and the settings.
struct Case {
    name: &'static str,
    reply: Reply,
    prepare: fn(Hook) -> Hook,
}

fn cases() -> Vec<Case> {
    let case = |name, reply: Reply, prepare| Case { name, reply, prepare };
    let modes = || {
        Reply::from(Project::new([
            ProjectScanner::new("keyword", Mode::Audit, &["codename"]),
            ProjectScanner::new("pii_detection", Mode::Redact, &["ann@example.com"]),
            ProjectScanner::new("secret", Mode::Redact, &["AKIAQ7EXAMPLE"]),
            ProjectScanner::new("prompt_injection", Mode::Block, &["ignore all"]),
        ]))
    };
    vec![
        case("flagged", Verdict::flagged().into(), Hook::open),
        case("blocked", Verdict::blocked().into(), Hook::open),
        case("redacted", Verdict::redacted("look after").into(), Hook::open),
        case("unknown-outcome", Verdict::unknown("quarantined").into(), Hook::open),
        case("outcome-only", Verdict::flagged().outcome_only().into(), Hook::open),
        case("flagged-strict", Verdict::flagged().into(), Hook::strict),
        case("status-401-open", Fault::status(401).into(), Hook::open),
        case("status-401-closed", Fault::status(401).into(), Hook::closed),
        case("status-503-open", Fault::status(503).into(), Hook::open),
        case("status-503-closed", Fault::status(503).into(), Hook::closed),
        case("no-token-open", Verdict::cleared().into(), |hook| {
            hook.open().without("F5_GUARDRAILS_API_TOKEN")
        }),
        case("no-token-closed", Verdict::cleared().into(), |hook| {
            hook.closed().without("F5_GUARDRAILS_API_TOKEN")
        }),
        case("project-cleared", modes(), |hook| project(hook).text("nothing of note")),
        case("project-flagged", modes(), |hook| project(hook).text("a codename")),
        case("project-redacted", modes(), |hook| project(hook).text(TWO_SECRETS)),
        case("project-redacted-untrusted", Verdict::redacted("x").redacted_input("gone").into(), project),
        case("project-blocked", modes(), |hook| project(hook).text("ignore all of it")),
        case("project-unknown-outcome", Verdict::unknown("quarantined").into(), project),
        case("project-status-503-open", Fault::status(503).into(), |hook| project(hook).open()),
        case("project-status-503-closed", Fault::status(503).into(), |hook| project(hook).closed()),
        case("observe-cleared", modes(), |hook| observe(hook).text("nothing of note")),
        case("observe-flagged", modes(), |hook| observe(hook).text("a codename")),
        case("observe-redacted", modes(), |hook| observe(hook).text(TWO_SECRETS)),
        case("observe-blocked", modes(), |hook| observe(hook).text("ignore all of it")),
        case("observe-unknown-outcome", Verdict::unknown("quarantined").into(), observe),
        case("observe-status-503-closed", Fault::status(503).into(), |hook| observe(hook).closed()),
    ]
}

const TWO_SECRETS: &str = "3 tests failed\n\tfor ann@example.com\nwith key AKIAQ7EXAMPLE";

fn project(hook: Hook) -> Hook {
    hook.arguments(["--enforcement", "project"])
}

fn observe(hook: Hook) -> Hook {
    hook.arguments(["--enforcement", "observe"])
}

/// What goes to stdout is in a `.json` file; what goes to stderr where the exit code is 2, in a `.txt` file.
fn file(event: Event, case: &Case, kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{}.{}.{kind}", event.name(), case.name))
}

/// The answer's files, with the stand-in's port, which differs from run to run, made equal.
fn answer(event: Event, case: &Case) -> Vec<(PathBuf, String)> {
    let api = F5::builder().always(case.reply.clone()).may_stay_idle().start();
    let answer = (case.prepare)(Hook::of(event).against(&api)).run();
    answer.codex();
    let text = |text: &str| text.replace(&api.address().to_string(), "127.0.0.1:PORT");
    let mut files = vec![(file(event, case, "json"), text(&answer.stdout))];
    if answer.code == Some(2) {
        files.push((file(event, case, "txt"), text(&answer.stderr)));
    }
    files
}

#[test]
fn the_answers_are_byte_for_byte_the_golden_ones() {
    let mut differences = Vec::new();
    for event in Event::ALL {
        for case in cases() {
            for (path, actual) in answer(event, &case) {
                let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| format!("({error})"));
                if actual != expected {
                    differences
                        .push(format!("{}\n  expected {expected}\n  got      {actual}", path.display()));
                }
            }
        }
    }
    assert!(differences.is_empty(), "see tests/golden/README.md\n{}", differences.join("\n"));
}

#[test]
fn every_golden_file_belongs_to_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let expected: Vec<PathBuf> = Event::ALL
        .into_iter()
        .flat_map(|event| cases().into_iter().map(move |case| (event, case)))
        .flat_map(|(event, case)| ["json", "txt"].map(|kind| file(event, &case, kind)))
        .collect();
    for entry in std::fs::read_dir(folder).expect("the golden files") {
        let path = entry.expect("an entry").path();
        let is_golden = path.extension().is_some_and(|extension| extension != "md");
        assert!(!is_golden || expected.contains(&path), "{} belongs to no case", path.display());
    }
}

#[cfg(unix)]
#[test]
fn a_block_by_exit_code_has_both_files_and_no_other_answer_has() {
    for event in Event::ALL {
        for case in cases() {
            let json = std::fs::read_to_string(file(event, &case, "json")).expect("a golden file");
            let blocks = ["\"decision\":\"block\"", "\"permissionDecision\":\"deny\""]
                .iter()
                .any(|word| json.contains(word));
            assert_eq!(file(event, &case, "txt").exists(), blocks, "{event:?} {}", case.name);
        }
    }
}

#[test]
#[ignore = "writes the golden files anew instead of testing anything"]
fn write_the_golden_files() {
    for event in Event::ALL {
        for case in cases() {
            for (path, text) in answer(event, &case) {
                std::fs::write(path, text).expect("tests/golden can be written to");
            }
        }
    }
}
