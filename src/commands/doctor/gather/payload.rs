//! The ordinary payloads that the registered commands are tried with: whole, with blank text in them.
//!
//! Blank text is what a hook never sends, so that a trial costs no scan; it is not a way around one.

use std::path::Path;

use serde_json::{Value, json};

use crate::event::Event;
use crate::logging::read::DOCTORS_SESSION;

/// What Codex would send for this event in `cwd`, with a blank in place of the text.
pub fn blank(event: Event, cwd: &Path) -> Vec<u8> {
    let mut payload = json!({
        "session_id": DOCTORS_SESSION, "turn_id": DOCTORS_SESSION, "transcript_path": null,
        "cwd": cwd.to_string_lossy(), "hook_event_name": event.name(), "model": "none",
        "permission_mode": "default",
    });
    let own = match event {
        Event::UserPromptSubmit => json!({"prompt": " "}),
        Event::PreToolUse => {
            json!({"tool_name": "Bash", "tool_input": {"command": " "}, "tool_use_id": "f5-guard-doctor"})
        }
        Event::PostToolUse => json!({"tool_name": "Bash", "tool_input": {"command": " "},
            "tool_response": " ", "tool_use_id": "f5-guard-doctor"}),
        Event::Stop => json!({"stop_hook_active": false, "last_assistant_message": " "}),
        Event::SubagentStop => json!({"stop_hook_active": false, "last_assistant_message": " ",
            "agent_id": "f5-guard-doctor", "agent_type": "none", "agent_transcript_path": null}),
    };
    if let (Value::Object(all), Value::Object(own)) = (&mut payload, own) {
        all.extend(own);
    }
    payload.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_payload_is_read_as_its_event_with_blank_text() {
        for event in Event::ALL {
            let payload = crate::hook::payload::parse(&blank(event, Path::new("/w"))).unwrap();
            assert_eq!(payload.event.name(), event.name());
            assert!(payload.content.trim().is_empty(), "{payload:?}");
        }
    }
}
