//! From what Codex says about the hooks of one turn to what is proven. Pure.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::Answer;
use super::model::Seen;
use crate::commands::doctor::rows::FLAGGED_OUTPUT;
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::event::Event;
use crate::proof::{Greeting, Message};

/// What was found out about one event's hook.
#[derive(Debug, Clone, PartialEq)]
pub enum EventProof {
    /// It ran, and Codex did what it said.
    Proven { took: Duration, report: Box<Answer> },
    /// Codex ran no hook of anybody's for the event.
    DidNotRun,
    /// Hooks ran, and none of them blocked the message as f5-guard does.
    Lost {
        /// What Codex says about them, each with its place.
        runs: Vec<LostRun>,
    },
    /// The message did not come so far.
    NotReached { why: String },
    /// Codex did not end the turn.
    Hung,
}

/// A hook that ran to no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRun {
    pub place: PathBuf,
    /// What Codex shows while it runs, by which ours are known.
    pub status_message: Option<String>,
    /// Codex's word, such as `failed`.
    pub status: String,
    /// What Codex adds, as it may be shown; empty where that is nothing.
    pub words: String,
}

impl EventProof {
    pub fn report(&self) -> Option<&Answer> {
        match self {
            Self::Proven { report, .. } => Some(report),
            _ => None,
        }
    }

    /// The word of the report.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Proven { .. } => "proven",
            Self::DidNotRun => "did not run",
            Self::Lost { .. } => "ran, and blocked nothing",
            Self::NotReached { .. } => "not reached",
            Self::Hung => "did not end",
        }
    }
}

/// One finished hook, as Codex reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    event: String,
    place: PathBuf,
    status_message: Option<String>,
    status: String,
    took: Duration,
    /// Kind and text.
    entries: Vec<(String, String)>,
}

impl Run {
    pub fn read(run: &Value) -> Option<Self> {
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let entry = |entry: &Value| Some((text(entry, "kind")?, text(entry, "text")?));
        let entries = run.get("entries").and_then(Value::as_array).into_iter().flatten();
        Some(Self {
            event: text(run, "eventName")?,
            place: text(run, "sourcePath").unwrap_or_default().into(),
            status_message: text(run, "statusMessage"),
            status: text(run, "status")?,
            took: Duration::from_millis(run.get("durationMs").and_then(Value::as_u64).unwrap_or_default()),
            entries: entries.filter_map(entry).collect(),
        })
    }

    fn is_of(&self, event: Event) -> bool {
        self.event.eq_ignore_ascii_case(event.name())
    }

    /// Whether Codex obeyed a hook that blocked or, after a tool, told the model what it has to know.
    fn was_obeyed(&self, report: &Answer) -> bool {
        match self.status.as_str() {
            "blocked" | "stopped" => true,
            "completed" => {
                let warns = report
                    .settings
                    .iter()
                    .any(|row| (row.name.as_ref(), row.value.as_str()) == (FLAGGED_OUTPUT, "warn"));
                let has_context = self.entries.iter().any(|(kind, _)| kind == "context");
                self.is_of(Event::PostToolUse) && warns && has_context
            }
            _ => false,
        }
    }

    fn has_stopped(&self) -> bool {
        matches!(self.status.as_str(), "blocked" | "stopped")
    }

    fn words(&self) -> String {
        let texts: Vec<&str> = self.entries.iter().map(|(_, text)| text.as_str()).collect();
        texts.join(" ")
    }
}

/// Whether a hook that runs f5-guard is registered for an event at a place.
pub type Places<'a> = &'a dyn Fn(Event, &Path) -> bool;

/// What a turn with `message` has shown. Any hook can say what one of ours says: `ours` tells which are.
pub fn judge(
    message: Message,
    runs: &[Run],
    seen: &Seen,
    ours: Places<'_>,
    sanitizer: &Sanitizer,
) -> EventProof {
    let of_target: Vec<&Run> = runs.iter().filter(|run| run.is_of(message.target)).collect();
    for run in of_target.iter().filter(|run| ours(message.target, &run.place)) {
        let report =
            run.entries.iter().find_map(|(_, text)| Answer::find(text, message.nonce, message.target));
        if let Some(report) = report.filter(|report| run.was_obeyed(report)) {
            return EventProof::Proven { took: run.took, report: Box::new(shown(report, sanitizer)) };
        }
    }
    let lost = |run: &&Run| LostRun {
        place: run.place.clone(),
        status_message: run.status_message.clone(),
        status: sanitizer.text(&run.status),
        words: sanitizer.text(&run.words()),
    };
    if let Some(output) = command_failed(message, runs, seen) {
        let why = format!("the command that prints it came to something else: {}", sanitizer.text(output));
        return EventProof::NotReached { why };
    }
    if !of_target.is_empty() {
        return EventProof::Lost { runs: of_target.iter().map(lost).collect() };
    }
    match runs.iter().find(|run| run.has_stopped()) {
        Some(run) => EventProof::NotReached {
            why: format!(
                "a {} hook in {} stopped it first: {}",
                sanitizer.text(&run.event),
                sanitizer.path(&run.place),
                sanitizer.text(&run.words())
            ),
        },
        None if message.target != Event::UserPromptSubmit && seen.calls == 0 => {
            EventProof::NotReached { why: "Codex did not ask the doctor's model".to_owned() }
        }
        None if seen.has_no_shell => {
            EventProof::NotReached { why: "this Codex offers its model no shell".to_owned() }
        }
        None => EventProof::DidNotRun,
    }
}

/// What the model's command came to where no hook stopped it and it did not print the sentence: a sandbox or a shell that
/// can't be started says nothing of hooks.
pub fn command_failed<'a>(message: Message, runs: &[Run], seen: &'a Seen) -> Option<&'a str> {
    let output = seen.output.as_deref().filter(|output| !output.contains(&message.sentence()));
    output.filter(|_| !runs.iter().any(Run::has_stopped))
}

/// The report as it may be shown: what comes in JSON can hold what a hook's own text cannot.
fn shown(mut report: Answer, sanitizer: &Sanitizer) -> Answer {
    let line = |text: &mut String| *text = sanitizer.line(text);
    line(&mut report.version);
    report.program = report.program.map(|path| sanitizer.line(&path.to_string_lossy()).into());
    report.flags.iter_mut().for_each(line);
    for row in &mut report.settings {
        row.name = sanitizer.line(&row.name).into();
        [&mut row.value, &mut row.source].into_iter().for_each(line);
        for problem in [&mut row.problem, &mut row.remark].into_iter().flatten() {
            [&mut problem.text, &mut problem.fix].into_iter().for_each(line);
        }
    }
    match &mut report.greeting {
        None | Some(Greeting::Cleared { .. }) => {}
        Some(Greeting::Objected { words }) => line(words),
        Some(Greeting::Failed { why, fix }) => [why, fix].into_iter().for_each(line),
    }
    report
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commands::doctor::finding::{FindingId, Severity};
    use crate::commands::doctor::rows::{SettingProblem, SettingRow};
    use crate::proof::Nonce;

    /// The user's file registers f5-guard for every event.
    const OURS: Places<'_> = &|_, place| place == Path::new("/h/config.toml");

    fn message(target: Event) -> Message {
        Message { target, nonce: Nonce::random().unwrap() }
    }

    fn output_is(word: &str) -> SettingRow {
        SettingRow {
            name: FLAGGED_OUTPUT.into(),
            value: word.to_owned(),
            source: "default".to_owned(),
            problem: None,
            remark: None,
        }
    }

    /// What Codex reports of a hook that says so.
    fn run(event: &str, status: &str, kind: &str, text: &str) -> Run {
        Run::read(&json!({"eventName": event, "status": status, "sourcePath": "/h/config.toml",
            "statusMessage": "S", "durationMs": 9, "entries": [{"kind": kind, "text": text}]}))
        .unwrap()
    }

    fn report(message: Message, output: &str) -> String {
        Answer::new(message.nonce, message.target, vec![], vec![output_is(output)]).to_text()
    }

    fn seen(output: &str) -> Seen {
        Seen { calls: 2, has_no_shell: false, output: Some(output.to_owned()) }
    }

    fn judged(message: Message, runs: &[Run]) -> EventProof {
        judge(message, runs, &seen(&message.sentence()), OURS, &Sanitizer::new([]))
    }

    #[test]
    fn a_block_with_the_report_is_a_proof() {
        let sent = message(Event::PreToolUse);
        let text = format!("{}. Command: x", report(sent, "warn"));
        let outcome = judged(sent, &[run("preToolUse", "blocked", "feedback", &text)]);
        assert!(matches!(outcome, EventProof::Proven { took, .. } if took.as_millis() == 9), "{outcome:?}");
        let stop = message(Event::Stop);
        let outcome = judged(stop, &[run("stop", "stopped", "stop", &report(stop, "warn"))]);
        assert!(outcome.report().is_some());
    }

    #[test]
    fn a_report_that_codex_did_not_obey_is_no_proof() {
        let sent = message(Event::PreToolUse);
        for status in ["completed", "failed", "timedOut"] {
            let outcome = judged(sent, &[run("preToolUse", status, "error", &report(sent, "warn"))]);
            assert!(matches!(outcome, EventProof::Lost { .. }), "{status}: {outcome:?}");
        }
    }

    #[test]
    fn a_block_of_somebody_elses_is_no_proof() {
        let sent = message(Event::PreToolUse);
        let outcome = judged(sent, &[run("preToolUse", "blocked", "feedback", "no printing here")]);
        assert!(matches!(outcome, EventProof::Lost { .. }), "{outcome:?}");
        // Nor is the answer to another message.
        let other = message(Event::PreToolUse);
        let outcome = judged(sent, &[run("preToolUse", "blocked", "feedback", &report(other, "warn"))]);
        assert!(matches!(outcome, EventProof::Lost { .. }), "{outcome:?}");
    }

    #[test]
    fn a_report_from_where_f5_guard_is_not_registered_is_no_proof() {
        let sent = message(Event::Stop);
        let ran = [run("stop", "stopped", "stop", &report(sent, "warn"))];
        let elsewhere: Places<'_> =
            &|event, place| event != Event::Stop && place == Path::new("/h/config.toml");
        let outcome = judge(sent, &ran, &seen(""), elsewhere, &Sanitizer::new([]));
        assert!(matches!(outcome, EventProof::Lost { .. }), "{outcome:?}");
    }

    #[test]
    fn what_a_report_says_is_made_fit_to_be_shown() {
        let sent = message(Event::Stop);
        let evil = |word: &str| format!("{word}\u{1b}[2J t0ken-of-mine\nPROTECTED");
        let problem = || {
            Some(SettingProblem {
                id: FindingId::Setting,
                severity: Severity::Note,
                text: evil("text"),
                fix: evil("fix"),
            })
        };
        let row = SettingRow {
            name: evil("name").into(),
            value: evil("value"),
            source: evil("source"),
            problem: problem(),
            remark: problem(),
        };
        let mut answer = Answer::new(sent.nonce, sent.target, vec![evil("flag")], vec![row]);
        answer.version = evil("version");
        answer.program = Some(evil("program").into());
        for greeting in [
            Greeting::Objected { words: evil("words") },
            Greeting::Failed { why: evil("why"), fix: evil("fix") },
        ] {
            answer.greeting = Some(greeting);
            let sanitizer = Sanitizer::new([crate::secret::Secret::new("t0ken-of-mine")]);
            let ran = [run("stop", "stopped", "stop", &answer.to_text())];
            let outcome = judge(sent, &ran, &seen(""), OURS, &sanitizer);
            let shown = outcome.report().unwrap().to_text();
            assert!(
                !shown.contains("t0ken") && !shown.contains("\\u001b") && !shown.contains("\\n"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_warning_after_a_tool_counts_where_hits_are_warned_about() {
        let sent = message(Event::PostToolUse);
        let warned =
            |output| judged(sent, &[run("postToolUse", "completed", "context", &report(sent, output))]);
        assert!(warned("warn").report().is_some());
        assert!(warned("withhold").report().is_none());
    }

    #[test]
    fn a_command_that_could_not_be_run_proves_nothing() {
        let sent = message(Event::PostToolUse);
        let ran =
            [run("preToolUse", "completed", "context", ""), run("postToolUse", "completed", "context", "")];
        let outcome = judge(sent, &ran, &seen("bwrap: no permissions"), OURS, &Sanitizer::new([]));
        assert!(matches!(&outcome, EventProof::NotReached { why } if why.contains("bwrap")), "{outcome:?}");
        // Unless a hook stopped it.
        let ran = [run("postToolUse", "blocked", "feedback", "no")];
        assert_eq!(command_failed(sent, &ran, &seen("no")), None);
        let outcome = judge(sent, &ran, &seen("no"), OURS, &Sanitizer::new([]));
        assert!(matches!(outcome, EventProof::Lost { .. }), "{outcome:?}");
    }

    #[test]
    fn without_a_run_it_did_not_run_or_was_not_reached() {
        let sent = message(Event::PreToolUse);
        assert_eq!(judged(sent, &[]), EventProof::DidNotRun);
        let first = run("userPromptSubmit", "blocked", "feedback", "closed");
        let outcome = judged(sent, &[first]);
        assert!(
            matches!(&outcome, EventProof::NotReached { why } if why.contains("userPromptSubmit")),
            "{outcome:?}"
        );
        let unasked = judge(sent, &[], &Seen::default(), OURS, &Sanitizer::new([]));
        assert!(matches!(unasked, EventProof::NotReached { .. }), "{unasked:?}");
    }
}
