//! What is measured.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::Value;

use crate::Outcome;
use crate::process::{Program, Run};
use crate::reference;
use crate::stage::{BUSY, FLAGGED, SLOW, Stage};
use crate::statistics::Figures;

/// Names of the cases that the targets refer to.
pub mod name {
    pub const NOTHING: &str = "a process that does nothing";
    pub const BARE_CLIENT: &str = "bare TLS client";
    pub const PYTHON: &str = "Python with requests";
    pub const VERSION: &str = "f5-guard --version";
    pub const CLEARED: &str = "pre-tool-use cleared";
    pub const FAR: &str = "pre-tool-use at 50 ms round trip";
    pub const LARGE: &str = "post-tool-use of 1 MB, scans of 300 ms";
}

/// Characters of the large tool output.
pub const LARGE_OUTPUT: usize = 1_000_000;

const PROMPT: &str = include_str!("../../tests/samples/codex/user-prompt-submit.json");
const INPUT: &str = include_str!("../../tests/samples/codex/pre-tool-use.Bash.json");
const OUTPUT: &str = include_str!("../../tests/samples/codex/post-tool-use.Bash.json");
const STOP: &str = include_str!("../../tests/samples/codex/stop.json");

/// Each hook with a payload as Codex sends it, and where in it the text to scan is.
const HOOKS: [(&str, &str, &str); 4] = [
    ("user-prompt-submit", PROMPT, "/prompt"),
    ("pre-tool-use", INPUT, "/tool_input/command"),
    ("post-tool-use", OUTPUT, "/tool_response"),
    ("stop", STOP, "/last_assistant_message"),
];

/// One thing to measure.
pub struct Case {
    pub name: String,
    program: Program,
    /// How many of it run at once.
    at_once: usize,
    /// It runs in every round that this divides.
    every: usize,
    expected: Expected,
}

/// What a run has to say, so that a failure is never taken for speed.
#[derive(Clone, Copy)]
enum Expected {
    Nothing,
    Something,
    /// The answer with which Codex stops what the hook was asked about.
    Block,
}

impl Case {
    fn new(name: impl Into<String>, program: Program, expected: Expected) -> Self {
        Self { name: name.into(), program, at_once: 1, every: 1, expected }
    }

    fn every(self, every: usize) -> Self {
        Self { every, ..self }
    }

    fn run(&self) -> Outcome<Run> {
        let run = match self.at_once {
            1 => self.program.run()?,
            count => self.program.run_at_once(count)?,
        };
        let as_expected = match self.expected {
            Expected::Nothing => run.stdout.is_empty(),
            Expected::Something => !run.stdout.is_empty(),
            Expected::Block => blocks(&run.stdout),
        };
        if run.success && as_expected {
            Ok(run)
        } else {
            Err(format!("{}: not what was expected: {:?}", self.name, run.stdout).into())
        }
    }
}

/// Whether `stdout` is an answer that blocks, in any hook's form. The words for people are free to change.
fn blocks(stdout: &str) -> bool {
    let Ok(answer) = serde_json::from_str::<Value>(stdout) else { return false };
    answer["decision"] == "block"
        || answer["continue"] == false
        || answer["hookSpecificOutput"]["permissionDecision"] == "deny"
}

/// A hook run that scans `text`.
pub fn hook(binary: &Path, stage: &Stage, subcommand: &str, text: &str) -> Outcome<Program> {
    let (_, payload, place) =
        HOOKS.iter().find(|(name, ..)| *name == subcommand).ok_or("no such hook subcommand")?;
    let mut payload: Value = serde_json::from_str(payload)?;
    // That session's file is not here: these are calls of a session without one.
    payload["transcript_path"] = Value::Null;
    *payload.pointer_mut(place).ok_or("the sample lacks the field")? = text.into();
    let program = Program::new(binary).args([subcommand]);
    Ok(stage.set_up(program).stdin(payload.to_string()))
}

/// A prompt in a session whose file of some 1 MB was scanned up to this text: `None` for all of it. A flagged text is scanned
/// each time; one that is cleared is new only once.
pub fn prompt_in_session(binary: &Path, stage: &Stage, new: Option<&str>) -> Outcome<Program> {
    let mut payload: Value = serde_json::from_str(PROMPT)?;
    let session = if new.is_some() { "session-with-something-new" } else { "session-without" };
    let file = stage.codex_home().join(format!("sessions/2026/11/26/rollout-2026-{session}.jsonl"));
    payload["transcript_path"] = file.to_str().ok_or("a path that is no text")?.into();
    payload["session_id"] = session.into();
    let says = |text: &str| {
        let message = serde_json::json!({"type": "message", "role": "user",
            "content": [{"type": "input_text", "text": text}]});
        format!("{}\n", serde_json::json!({"type": "response_item", "payload": message}))
    };
    let mut lines: String =
        (0..20).map(|number| says(&format!("Output {number}\n{}", "a line\n".repeat(6_500)))).collect();
    std::fs::create_dir_all(file.parent().ok_or("no folder")?)?;
    std::fs::write(&file, &lines)?;
    let program = stage.set_up(Program::new(binary).args(["user-prompt-submit"])).stdin(payload.to_string());
    let first = program.run()?;
    if !first.success || !first.stdout.is_empty() {
        return Err(format!("the session was not cleared: {}", first.stdout).into());
    }
    if let Some(new) = new {
        lines.push_str(&says(new));
        std::fs::write(&file, &lines)?;
    }
    Ok(program)
}

/// All cases whose name holds `only`, references included. One that can't run here is named on stderr.
pub fn all(binary: &Path, stage: &Stage, only: Option<&str>) -> Outcome<Vec<Case>> {
    let pre = |text: &str| hook(binary, stage, "pre-tool-use", text);
    let at = |address| format!("https://{address}");
    let mut cases = vec![
        Case::new(name::NOTHING, reference::nothing()?, Expected::Nothing),
        Case::new(name::BARE_CLIENT, stage.set_up(reference::bare_client(stage.api())?), Expected::Nothing),
        Case::new(name::VERSION, Program::new(binary).args(["--version"]), Expected::Something),
    ];
    let line = reference::three_round_trips(stage.far_echo())?;
    cases.push(Case::new("three round trips of 50 ms", line, Expected::Nothing).every(4));
    let far = stage.set_up(reference::bare_client(stage.far())?);
    cases.push(
        Case::new(format!("{} at 50 ms round trip", name::BARE_CLIENT), far, Expected::Nothing).every(4),
    );
    match reference::python(stage.api(), &stage.ca()) {
        Some(python) => cases.push(Case::new(name::PYTHON, python, Expected::Nothing).every(4)),
        None => eprintln!("skipped: {} (no python3 with requests here)", name::PYTHON),
    }
    for (subcommand, ..) in HOOKS {
        let cleared = hook(binary, stage, subcommand, "ls -la src")?;
        cases.push(Case::new(format!("{subcommand} cleared"), cleared, Expected::Nothing));
        let flagged = hook(binary, stage, subcommand, FLAGGED)?.env("F5_GUARDRAILS_POST_STRICT", "true");
        cases.push(Case::new(format!("{subcommand} blocked"), flagged, Expected::Block));
    }
    let quiet = prompt_in_session(binary, stage, None)?;
    cases.push(Case::new(
        "user-prompt-submit, 1 MB of session without anything new",
        quiet,
        Expected::Nothing,
    ));
    let new = prompt_in_session(binary, stage, Some(FLAGGED))?;
    cases.push(Case::new("user-prompt-submit, 1 MB of session with a flagged text", new, Expected::Block));
    let ca = pre("ls")?.env("F5_GUARDRAILS_CA_BUNDLE", stage.ca());
    cases.push(Case::new("pre-tool-use, one custom CA", ca, Expected::Nothing));
    let proxied = pre("ls")?.env("HTTPS_PROXY", stage.proxy());
    cases.push(Case::new("pre-tool-use through a proxy", proxied, Expected::Nothing));
    let far = pre("ls")?.env("F5_GUARDRAILS_BASE_URL", at(stage.far()));
    cases.push(Case::new(name::FAR, far, Expected::Nothing).every(4));
    let retried = pre(BUSY)?.env("F5_GUARDRAILS_BASE_URL", at(stage.far()));
    cases.push(Case::new(format!("{}, with a retry", name::FAR), retried, Expected::Nothing).every(4));
    let line = format!("{SLOW}\n");
    let output: String = line.chars().cycle().take(LARGE_OUTPUT).collect();
    let large = hook(binary, stage, "post-tool-use", &output)?;
    cases.push(Case::new(name::LARGE, large, Expected::Nothing).every(8));
    cases.push(Case { at_once: 8, every: 4, ..Case::new("8 hooks at once", pre("ls")?, Expected::Nothing) });
    cases.retain(|case| only.is_none_or(|text| case.name.contains(text)));
    Ok(cases)
}

/// Runs the cases of every list in turns, after one round that does not count; the figures list by list.
pub fn measure(lists: &[Vec<Case>], rounds: usize) -> Outcome<Vec<Vec<Figures>>> {
    let mut runs: Vec<Vec<Vec<Run>>> =
        lists.iter().map(|cases| cases.iter().map(|_| Vec::new()).collect()).collect();
    for case in lists.iter().flatten() {
        case.run()?;
    }
    let longest = lists.iter().map(Vec::len).max().unwrap_or_default();
    for round in 0..rounds {
        for position in 0..longest {
            // Who comes second finds the caches warmer: that is each in its turn.
            let turns = lists.iter().zip(&mut runs);
            let turns: Vec<_> = if round % 2 == 0 { turns.collect() } else { turns.rev().collect() };
            for (cases, runs) in turns {
                let Some((case, runs)) = cases.get(position).zip(runs.get_mut(position)) else { continue };
                if round % case.every == 0 {
                    runs.push(case.run()?);
                }
            }
        }
    }
    let figures = |(cases, runs): (&Vec<Case>, &Vec<Vec<Run>>)| {
        cases.iter().zip(runs).filter_map(|(case, runs)| Figures::of(&case.name, runs)).collect()
    };
    Ok(lists.iter().zip(&runs).map(figures).collect())
}

/// What a dead service costs in `open` mode: `calls` tool calls with their two hooks each, one after the other.
pub fn black_hole(binary: &Path, stage: &Stage, calls: usize) -> Outcome<ExitCode> {
    let started = Instant::now();
    let url = format!("http://{}", stage.black_hole());
    for _ in 0..calls {
        for subcommand in ["pre-tool-use", "post-tool-use"] {
            let run = hook(binary, stage, subcommand, "ls")?.env("F5_GUARDRAILS_BASE_URL", &url).run()?;
            if !run.success || run.stdout.is_empty() {
                return Err("a hook said nothing about the scan that did not happen".into());
            }
        }
    }
    let waited = started.elapsed().as_secs_f64();
    let hooks = calls * 2;
    println!("{calls} tool calls ({hooks} hooks) against a service that never answers: {waited:.1} s");
    Ok(ExitCode::SUCCESS)
}
