//! What f5-guard knows about Codex itself, apart from the hook payloads and answers (see [`crate::hook`]).

pub mod home;
