//! The pure core of a hook: payload bytes in, decision and answer bytes out.
//!
//! No environment, clock, network or file is touched here. [`payload`] reads what Codex sent, [`decision`]
//! applies the policy to what the scan found, [`message`] finds the words, [`answer`] puts them in exactly the
//! JSON that Codex accepts for the event.

pub mod answer;
pub mod code_mode;
pub mod decision;
mod input;
pub mod masked_message;
pub mod message;
pub mod payload;
mod readable;

pub use decision::{
    Action, Assessment, Failure, Outage, Policy, Proof, UNTIL_IT_ANSWERS, Unscanned, decide, would_have,
};
pub use input::Input;
pub use message::{News, Part};
pub use payload::{Payload, PayloadError};
pub use readable::with_readings;
