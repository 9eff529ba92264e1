//! From what Codex says about the hooks of one turn to what is proven. Pure.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::Answer;
use super::model::Seen;
use crate::commands::doctor::judge::settings::FLAGGED_OUTPUT;
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::event::Event;
use crate::proof::Message;

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

    fn words(&self) -> String {
        let texts: Vec<&str> = self.entries.iter().map(|(_, text)| text.as_str()).collect();
        texts.join(" ")
    }
}

/// What a turn with `message` has shown.
pub fn judge(message: Message, runs: &[Run], seen: &Seen, sanitizer: &Sanitizer) -> EventProof {
    let of_target: Vec<&Run> = runs.iter().filter(|run| run.is_of(message.target)).collect();
    for run in &of_target {
        let report =
            run.entries.iter().find_map(|(_, text)| Answer::find(text, message.nonce, message.target));
        if let Some(report) = report.filter(|report| run.was_obeyed(report)) {
            return EventProof::Proven { took: run.took, report: Box::new(report) };
        }
    }
    let lost = |run: &&Run| LostRun {
        place: run.place.clone(),
        status_message: run.status_message.clone(),
        status: sanitizer.text(&run.status),
        words: sanitizer.text(&run.words()),
    };
    let stopped = |run: &&&Run| matches!(run.status.as_str(), "blocked" | "stopped");
    // A sandbox or a shell that can't be started says nothing of hooks.
    let output = seen.output.as_ref().filter(|output| !output.contains(&message.sentence()));
    if let (Some(output), None) = (output, runs.iter().collect::<Vec<_>>().iter().find(stopped)) {
        let why = format!("the command that prints it came to something else: {}", sanitizer.text(output));
        return EventProof::NotReached { why };
    }
    if !of_target.is_empty() {
        return EventProof::Lost { runs: of_target.iter().map(lost).collect() };
    }
    match runs.iter().find(|run| stopped(&run)) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commands::doctor::facts::SettingRow;
    use crate::proof::Nonce;

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
        judge(message, runs, &seen(&message.sentence()), &Sanitizer::new([]))
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
        let outcome = judge(sent, &ran, &seen("bwrap: no permissions"), &Sanitizer::new([]));
        assert!(matches!(&outcome, EventProof::NotReached { why } if why.contains("bwrap")), "{outcome:?}");
        // Unless a hook stopped it.
        let ran = [run("postToolUse", "blocked", "feedback", "no")];
        let outcome = judge(sent, &ran, &seen("no"), &Sanitizer::new([]));
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
        let unasked = judge(sent, &[], &Seen::default(), &Sanitizer::new([]));
        assert!(matches!(unasked, EventProof::NotReached { .. }), "{unasked:?}");
    }
}
