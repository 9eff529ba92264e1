//! What editing does to whole documents, and what shells make of the registered commands.

mod corpus;
mod exclusion;
mod properties;
mod refusals;
mod render;
#[cfg(unix)]
mod shells;
