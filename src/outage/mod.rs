//! What one hook remembers of an outage of the service for the hooks after it, so that an outage costs one timeout or two,
//! and not one at every tool call.
//!
//! | state | what a hook does |
//! |---|---|
//! | no record | scans |
//! | suspected | scans. One text that was sent got no answer, or a gateway's error; another one in a row makes it an outage |
//! | waiting, for 15, 30, 60, then 120 s | does not go to the network: the content is *not scanned*, and the fail mode decides |
//! | due | the first hook claims the try and scans; the others wait for what comes of it |
//! | being tried | waits within its own deadline; a claim that has run out makes it due again |
//!
//! An answer of the service removes the record. So does doubt: a record that can't be read, is somebody else's, is older than
//! ten minutes or from the future counts as none. What is written down here can only ever make a text "not scanned".
//!
//! [`record`] and [`ledger`] are pure: what is remembered, an event and the time in, what follows from it out. [`sign`] says
//! which failures can't have been caused by what was scanned, [`store`] is the file.

mod cause;
pub mod key;
pub mod ledger;
pub mod record;
pub mod remembered;
pub mod sign;
pub mod store;

pub use cause::Cause;
pub use key::{Key, SessionKey, TextDigest};
pub use ledger::Ledger;
pub use record::{Advice, ClaimId, Moment, Record};
pub use sign::{Attempted, Sign, sign};
pub use store::Store;
