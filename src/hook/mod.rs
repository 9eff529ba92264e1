//! The pure core of a hook: payload bytes in, decision and answer bytes out.
//!
//! No environment, clock, network or file is touched here. [`payload`] reads what Codex sent, [`decision`]
//! applies the policy to what the scan found, [`message`] finds the words, [`answer`] puts them in exactly the
//! JSON that Codex accepts for the event.

pub mod answer;
pub mod decision;
pub mod event;
mod json;
pub mod message;
pub mod payload;
mod readable;

pub use decision::{Action, Assessment, Failure, Policy, decide};
pub use event::Event;
pub use payload::{MAX_PAYLOAD, Payload, PayloadError};

#[cfg(test)]
use testing::any_json;

#[cfg(test)]
mod testing {
    use proptest::prelude::*;
    use serde_json::Value;

    /// Any JSON value, for property tests.
    pub fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec((any::<String>(), inner), 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }
}
