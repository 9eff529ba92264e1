//! Loopback stand-ins for the F5 scan API and for the model behind Codex.

pub mod config_api;
