//! How `f5-guard doctor` finds out whether Codex's hooks run and are obeyed: it sends one fixed sentence through a
//! Codex of its own, and the hook that the sentence is for blocks it and says what it runs with.
//!
//! The sentence must not be a way around a scan. It is only ever the whole text, and carries nothing but an event and a
//! number that `doctor` made up a moment before and wrote to a file of the user's own. Somebody who knew that number could
//! have this one sentence pass, at the events on the way and as often as they like until the hook that it is for has answered
//! or a minute is over, and nothing else.

mod message;
mod moment;
mod nonce;
mod pending;
mod report;
#[cfg(test)]
mod tests;

pub use message::{Message, Part};
pub use moment::Moment;
pub use nonce::Nonce;
pub use pending::{NonceFile, Pending};
pub use report::{Greeting, LONGEST, Report};
