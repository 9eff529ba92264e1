//! The JSON that Codex accepts for each event.
//!
//! Codex (measured on 0.169.0) drops an answer whole when it carries a field that the event does not support,
//! and then goes ahead. So each answer is a struct with exactly the fields that are known to work.

use serde::Serialize;

use super::decision::Action;
use super::message::Words;
use crate::event::Event;

#[derive(Serialize)]
#[serde(untagged)]
enum Answer<'a> {
    Notice(Notice<'a>),
    /// `UserPromptSubmit` and `PostToolUse`: the prompt is blocked, the output replaced by the reason.
    Block(Block<'a>),
    Deny(Deny<'a>),
    Context(Context<'a>),
    Stop(Stop<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notice<'a> {
    system_message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Block<'a> {
    decision: &'static str,
    reason: &'a str,
    system_message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deny<'a> {
    hook_specific_output: DenyOutput<'a>,
    system_message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DenyOutput<'a> {
    hook_event_name: &'static str,
    permission_decision: &'static str,
    permission_decision_reason: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    hook_specific_output: ContextOutput<'a>,
    /// The user need not see what the model is told.
    #[serde(skip_serializing_if = "str::is_empty")]
    system_message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContextOutput<'a> {
    hook_event_name: &'static str,
    additional_context: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stop<'a> {
    #[serde(rename = "continue")]
    proceed: bool,
    stop_reason: &'a str,
    suppress_output: bool,
    system_message: &'a str,
}

/// The line to write on stdout; `None` where silence means "go ahead".
///
/// # Errors
/// None that can happen with these structs; the type is serde's.
pub fn render(event: Event, action: Action, words: &Words) -> Result<Option<String>, serde_json::Error> {
    let Words { notice: system_message, reason, .. } = words;
    let hook_event_name = event.name();
    let answer = match (action, event) {
        // Without a word to the model it is a notice for the user.
        (Action::Warn, Event::PostToolUse) if !reason.is_empty() => Answer::Context(Context {
            hook_specific_output: ContextOutput { hook_event_name, additional_context: reason },
            system_message,
        }),
        // The user knows already, or there is nothing to know.
        (Action::Allow | Action::Warn, _) if system_message.is_empty() => return Ok(None),
        (Action::Allow | Action::Warn, _) => Answer::Notice(Notice { system_message }),
        (Action::Block | Action::Mask, Event::UserPromptSubmit | Event::PostToolUse) => {
            Answer::Block(Block { decision: "block", reason, system_message })
        }
        (Action::Block | Action::Mask, Event::PreToolUse) => Answer::Deny(Deny {
            hook_specific_output: DenyOutput {
                hook_event_name,
                permission_decision: "deny",
                permission_decision_reason: reason,
            },
            system_message,
        }),
        (Action::Block | Action::Mask, Event::Stop | Event::SubagentStop) => {
            Answer::Stop(Stop { proceed: false, stop_reason: reason, suppress_output: true, system_message })
        }
    };
    serde_json::to_string(&answer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(event: Event, action: Action) -> String {
        rendered_with("N", event, action)
    }

    fn rendered_with(notice: &str, event: Event, action: Action) -> String {
        let words = Words { notice: notice.into(), reason: "R".into(), whole: "W".into() };
        render(event, action, &words).unwrap().unwrap_or_default()
    }

    #[test]
    fn without_a_notice_only_the_model_is_told_of_an_output() {
        for event in Event::ALL {
            assert_eq!(rendered_with("", event, Action::Allow), "");
            let warned = rendered_with("", event, Action::Warn);
            let context = r#"{"hookSpecificOutput":{"hookEventName":"PostToolUse","additionalContext":"R"}}"#;
            assert_eq!(warned, if event == Event::PostToolUse { context } else { "" });
            assert!(!rendered_with("", event, Action::Block).is_empty(), "a block is never silent");
        }
    }

    #[test]
    fn what_goes_ahead_may_come_with_a_notice() {
        for event in Event::ALL {
            assert_eq!(rendered(event, Action::Allow), r#"{"systemMessage":"N"}"#);
        }
    }

    #[test]
    fn each_event_gets_exactly_the_fields_that_codex_accepts() {
        let stop = r#"{"continue":false,"stopReason":"R","suppressOutput":true,"systemMessage":"N"}"#;
        let block = r#"{"decision":"block","reason":"R","systemMessage":"N"}"#;
        let notice = r#"{"systemMessage":"N"}"#;
        for (event, warn, blocked) in [
            (Event::UserPromptSubmit, notice, block),
            (
                Event::PreToolUse,
                notice,
                r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"R"},"systemMessage":"N"}"#,
            ),
            (
                Event::PostToolUse,
                r#"{"hookSpecificOutput":{"hookEventName":"PostToolUse","additionalContext":"R"},"systemMessage":"N"}"#,
                block,
            ),
            (Event::Stop, notice, stop),
            (Event::SubagentStop, notice, stop),
        ] {
            assert_eq!(rendered(event, Action::Warn), warn);
            assert_eq!(rendered(event, Action::Block), blocked);
        }
    }
}
