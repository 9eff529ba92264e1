//! What the model is given without any hook: AGENTS.md, skills, developer instructions, the output of `!` commands and of
//! polls. All of it is in the session's own file (`transcript_path`), and is scanned from there.
//!
//! [`lines`] and [`texts`] know the file's format, [`source`] the plain names of what is in it. [`state`] is what one session
//! has had cleared, sealed with a key of this user's; [`own_words`] takes f5-guard's own refusals out of a text. These are
//! pure. [`file`] opens a session's file, [`store`] keeps states and the key, [`gather`] puts them together.
//!
//! Nothing here may turn doubt into "cleared": a state that is missing, not ours or of another file means that everything is
//! read from the start, and what can't be read is [`Unread`], which is *not scanned*.

pub mod file;
pub mod gather;
pub mod lines;
pub mod own_words;
pub mod sessions;
pub mod source;
pub mod state;
pub mod store;
pub mod texts;

pub use file::{Transcript, Unread};
pub use gather::{Gathered, gather};
pub use source::Source;
pub use state::{How, Seal, State};
pub use store::{NO_HOME, Store};
