//! What a hook was called for.

use std::sync::Arc;

use crate::event::Event;
use crate::hook::{Input, Payload};
use crate::scan::mask::Masked;
use crate::secret::Hidden;

/// What is known about the call once its payload was looked at.
#[derive(Debug, Clone)]
pub struct Call {
    pub event: Event,
    pub tool_name: Option<String>,
    pub input: Input,
    pub session_id: Option<String>,
    pub turn_id: Option<String>,
    pub tool_use_id: Option<String>,
    /// The text to scan; `None` where the payload could not be read.
    pub text: Option<Arc<String>>,
    /// Whether the session has a file of its own.
    pub has_transcript: bool,
}

impl Call {
    pub fn unread(event: Event) -> Self {
        Self {
            event,
            tool_name: None,
            input: Input::default(),
            session_id: None,
            turn_id: None,
            tool_use_id: None,
            text: None,
            has_transcript: false,
        }
    }

    /// The same without what is hidden: names and ids come from the model and from servers.
    pub fn without(mut self, hidden: &Hidden) -> Self {
        let texts = [&mut self.tool_name, &mut self.session_id, &mut self.turn_id, &mut self.tool_use_id];
        texts.into_iter().flatten().for_each(|text| hidden.clean(text));
        Self { input: self.input.without(hidden), ..self }
    }

    /// The same without what is masked of the text, in case a name or an id repeats it.
    pub fn without_masked(mut self, masked: Option<&Masked>) -> Self {
        let (Some(masked), Some(text)) = (masked, self.text.clone()) else { return self };
        let texts = [&mut self.tool_name, &mut self.session_id, &mut self.turn_id, &mut self.tool_use_id];
        masked.clean(texts.into_iter().flatten().chain(self.input.texts_mut()), &text);
        self
    }

    pub fn of(payload: &Payload) -> Self {
        Self {
            event: payload.event,
            tool_name: payload.tool_name.clone(),
            input: payload.input.clone(),
            session_id: payload.session_id.clone(),
            turn_id: payload.turn_id.clone(),
            tool_use_id: payload.tool_use_id.clone(),
            text: Some(Arc::clone(&payload.content)),
            has_transcript: payload.transcript_path.is_some(),
        }
    }
}
