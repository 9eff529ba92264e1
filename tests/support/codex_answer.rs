//! What Codex 0.169.0 makes of a hook's exit code, stdout and stderr, written down from what was observed. With exit
//! code 2 the text on stderr is the reason, whatever is on stdout; with nothing there the action goes ahead, and at the
//! end of a turn the text begins it again. With exit code 0 stdout is parsed strictly: an answer with one field that the
//! event does not support is dropped as a whole, so that the action goes ahead. Every other end is a failed hook.
//!
//! Stricter than Codex where f5-guard's own contract is: exactly the fields of its decision table, and no others; and
//! next to exit code 2 one line on stderr (and a masked text after it), with the same answer as JSON on stdout or nothing.

use serde_json::{Map, Value};

use super::Event;

/// What happens to the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It goes ahead and nobody is told anything.
    None,
    /// It goes ahead and the user is told.
    Notice,
    /// It goes ahead; the user and the model are told.
    NoticeAndContext,
    /// It goes ahead; the model is told.
    Context,
    /// It does not happen: the prompt is not sent, the tool does not run, its output is withheld, the turn ends.
    Block,
}

/// An answer that Codex accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodexAnswer {
    pub effect: Effect,
    /// `systemMessage`: for the user. There is none next to an exit code.
    pub system_message: Option<String>,
    /// `reason`, `permissionDecisionReason`, `stopReason` or the text on stderr.
    pub reason: Option<String>,
    /// `additionalContext`: for the model.
    pub context: Option<String>,
}

impl CodexAnswer {
    /// All words, for whomever they are.
    pub fn shown(&self) -> String {
        [&self.system_message, &self.reason, &self.context]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Reads an answer to `event`.
///
/// # Errors
/// Why Codex, or f5-guard's contract, does not accept it.
pub fn read(event: Event, code: Option<i32>, stdout: &str, stderr: &str) -> Result<CodexAnswer, String> {
    let answer = match code {
        Some(0) => json(event, stdout)?,
        Some(2) => exit_code(event, stdout, stderr)?,
        _ => return Err("the hook failed".to_owned()),
    };
    let shown = answer.shown();
    let layout: &[char] = if is_masked(&shown) { &['\n', '\t'] } else { &['\n'] };
    match shown.chars().find(|character| character.is_control() && !layout.contains(character)) {
        Some(control) => Err(format!("a control character in a message: {control:?}")),
        None => Ok(answer),
    }
}

/// A masked text follows the first line, with lines of its own.
fn is_masked(text: &str) -> bool {
    text.lines().any(|line| line.contains("F5") && line.ends_with(':') && line.contains("masked"))
}

fn exit_code(event: Event, stdout: &str, stderr: &str) -> Result<CodexAnswer, String> {
    if matches!(event, Event::Stop | Event::SubagentStop) {
        return Err("exit code 2 begins the turn again, without end".to_owned());
    }
    let reason = stderr.strip_suffix('\n').ok_or("stderr holds no whole line")?;
    if reason.trim().is_empty() || (reason.lines().count() != 1 && !is_masked(reason)) {
        return Err("stderr holds something else than one line with the reason".to_owned());
    }
    let as_json = json(event, stdout)?;
    if !stdout.is_empty() && as_json.effect != Effect::Block {
        return Err("stdout says something else than the exit code".to_owned());
    }
    // What is next to it on stdout counts for nothing.
    let reason = Some(reason.trim().to_owned());
    Ok(CodexAnswer { effect: Effect::Block, system_message: None, reason, context: None })
}

fn json(event: Event, stdout: &str) -> Result<CodexAnswer, String> {
    if stdout.is_empty() {
        return Ok(CodexAnswer { effect: Effect::None, system_message: None, reason: None, context: None });
    }
    let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(stdout) else {
        return Err("not one JSON object".to_owned());
    };
    // A parsed map holds every key once; a repeated field, which Codex refuses, shows in the length.
    let compact = serde_json::to_string(&fields).map_err(|error| error.to_string())?;
    if compact.len() != stdout.trim_end_matches('\n').len() {
        return Err("repeated keys or stray white space".to_owned());
    }
    let mut fields = Fields(fields);
    let system_message = fields.text("systemMessage")?;
    let answer = match event {
        Event::UserPromptSubmit => decision(&mut fields, system_message)?,
        Event::PreToolUse => permission(&mut fields, system_message)?,
        Event::PostToolUse => after_tool(&mut fields, system_message)?,
        Event::Stop | Event::SubagentStop => stop(&mut fields, system_message)?,
    };
    fields.end()?;
    if answer.reason.is_some() && answer.reason == answer.system_message {
        return Err("the reason and the systemMessage are the same, and Codex shows both".to_owned());
    }
    Ok(answer)
}

fn decision(fields: &mut Fields, system_message: Option<String>) -> Result<CodexAnswer, String> {
    let decision = fields.text("decision")?;
    let reason = fields.text("reason")?;
    match (decision.as_deref(), &reason) {
        (Some("block"), Some(_)) => {
            Ok(CodexAnswer { effect: Effect::Block, system_message, reason, context: None })
        }
        (None, None) => notice(system_message),
        (decision, reason) => Err(format!("decision {decision:?} with reason {reason:?}")),
    }
}

fn notice(system_message: Option<String>) -> Result<CodexAnswer, String> {
    if system_message.is_none() {
        return Err("an object that says nothing".to_owned());
    }
    Ok(CodexAnswer { effect: Effect::Notice, system_message, reason: None, context: None })
}

fn permission(fields: &mut Fields, system_message: Option<String>) -> Result<CodexAnswer, String> {
    let Some(mut specific) = fields.specific("PreToolUse")? else { return notice(system_message) };
    let permission = specific.text("permissionDecision")?;
    let reason = specific.text("permissionDecisionReason")?;
    specific.end()?;
    match (permission.as_deref(), &reason) {
        (Some("deny"), Some(_)) => {
            Ok(CodexAnswer { effect: Effect::Block, system_message, reason, context: None })
        }
        (permission, reason) => Err(format!("permissionDecision {permission:?} with reason {reason:?}")),
    }
}

fn after_tool(fields: &mut Fields, system_message: Option<String>) -> Result<CodexAnswer, String> {
    let Some(mut specific) = fields.specific("PostToolUse")? else { return decision(fields, system_message) };
    let context = specific.text("additionalContext")?;
    specific.end()?;
    if context.is_none() {
        return Err("the model has to be told".to_owned());
    }
    let effect = if system_message.is_some() { Effect::NoticeAndContext } else { Effect::Context };
    Ok(CodexAnswer { effect, system_message, reason: None, context })
}

fn stop(fields: &mut Fields, system_message: Option<String>) -> Result<CodexAnswer, String> {
    let goes_on = fields.0.shift_remove("continue");
    let suppressed = fields.0.shift_remove("suppressOutput");
    let reason = fields.text("stopReason")?;
    match (goes_on, suppressed) {
        (None, None) if reason.is_none() => notice(system_message),
        (Some(Value::Bool(false)), Some(Value::Bool(true)))
            if reason.is_some() && system_message.is_some() =>
        {
            Ok(CodexAnswer { effect: Effect::Block, system_message, reason, context: None })
        }
        other => Err(format!("continue and suppressOutput are {other:?}, stopReason {reason:?}")),
    }
}

/// The fields that nobody has asked for yet.
struct Fields(Map<String, Value>);

impl Fields {
    /// A text that says something, where the field is there at all.
    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.0.shift_remove(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text)),
            Some(other) => Err(format!("{name} is {other}")),
        }
    }

    fn specific(&mut self, event: &str) -> Result<Option<Fields>, String> {
        let mut specific = match self.0.shift_remove("hookSpecificOutput") {
            None => return Ok(None),
            Some(Value::Object(specific)) => Fields(specific),
            Some(other) => return Err(format!("hookSpecificOutput is {other}")),
        };
        match specific.text("hookEventName")? {
            Some(name) if name == event => Ok(Some(specific)),
            other => Err(format!("hookEventName is {other:?}")),
        }
    }

    fn end(&self) -> Result<(), String> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!("unsupported field {name}")),
        }
    }
}
