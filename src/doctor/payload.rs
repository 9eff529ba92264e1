//! The ordinary payloads that the registered commands are tried with: whole, with blank text in them.
//!
//! Blank text is what a hook never sends, so that a trial costs no scan; it is not a way around one.

use std::path::Path;

use serde_json::{Value, json};

use crate::registration::HookEvent;

/// What Codex would send for this event in `cwd`, with a blank in place of the text.
#[must_use]
pub fn blank(event: HookEvent, cwd: &Path) -> Vec<u8> {
    let mut payload = json!({
        "session_id": "f5-guard-doctor", "turn_id": "f5-guard-doctor", "transcript_path": null,
        "cwd": cwd.to_string_lossy(), "hook_event_name": event.name(), "model": "none",
        "permission_mode": "default",
    });
    let own = match event {
        HookEvent::UserPromptSubmit => json!({"prompt": " "}),
        HookEvent::PreToolUse => {
            json!({"tool_name": "Bash", "tool_input": {"command": " "}, "tool_use_id": "f5-guard-doctor"})
        }
        HookEvent::PostToolUse => json!({"tool_name": "Bash", "tool_input": {"command": " "},
            "tool_response": " ", "tool_use_id": "f5-guard-doctor"}),
        HookEvent::Stop => json!({"stop_hook_active": false, "last_assistant_message": " "}),
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
        for event in HookEvent::ALL {
            let payload = crate::hook::payload::parse(&blank(event, Path::new("/w"))).unwrap();
            assert_eq!(payload.event.name(), event.name());
            assert!(payload.content.trim().is_empty(), "{payload:?}");
        }
    }
}
