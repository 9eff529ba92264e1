//! What f5-guard knows about the real Codex: where it lives, how to ask it about hooks and trust, which
//! shell runs a hook, and which files can hold one.
//!
//! Facts here were measured on Codex 0.169.0 unless a comment names another source. What a hook receives and
//! answers is left to the hook modules; editing the user's files is left to the registration.

pub mod app_server;
pub mod background;
pub mod home;
pub mod layer;
pub mod layers;
pub mod listing;
pub mod locate;
pub mod start;
pub mod trust;
pub mod version;
#[cfg(unix)]
pub mod websocket;
pub mod worktree;
