//! The pure core of a hook: payload bytes in, decision and answer bytes out.
//!
//! No environment, clock, network or file is touched here. [`payload`] reads what Codex sent, [`assessment`]
//! says what came of its scan, [`decision`] applies the policy to that, [`message`] finds the words, [`answer`] puts them in exactly the
//! JSON that Codex accepts for the event.

pub mod answer;
pub mod assessment;
pub mod code_mode;
pub mod decision;
mod input;
pub mod masked_message;
pub mod message;
pub mod payload;
mod readable;

pub use assessment::{Assessment, Failure, Outage, Proof, UNTIL_IT_ANSWERS};
pub use decision::{Action, Policy, Unscanned, decide, would_have};
pub use input::Input;
pub use message::{News, Part};
pub use payload::{Payload, PayloadError};
pub use readable::with_readings;
