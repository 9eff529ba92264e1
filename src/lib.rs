//! f5-guard puts F5 AI Guardrails between OpenAI Codex and the machine it works on.
//!
//! The binary is a thin shell around this library. From the inside out: [`hook`] is the pure core (payload in,
//! decision and answer out), [`scan`] asks the service, [`transport`] is HTTP and TLS, [`settings`] is what
//! the user configured. [`registration`] and [`file_edit`] change Codex's configuration files, [`installation`] knows
//! where everything is, [`access`] who else can change it, [`codex`] talks to the real Codex, and [`proof`] is how the doctor
//! finds out whether that obeys the hooks.
//! [`tls_diagnostics`] finds out why TLS fails, [`redact`] makes the service's configuration safe to share, [`windows`]
//! knows that system's ways. [`commands`] puts them together, one folder a subcommand.

pub mod access;
pub mod cli;
pub mod codex;
pub mod commands;
pub mod event;
pub mod file_edit;
pub mod hook;
pub mod installation;
pub mod interrupt;
mod json;
pub mod logging;
mod phase;
pub mod printable;
pub mod process;
pub mod proof;
pub mod redact;
pub mod registration;
pub mod scan;
pub mod secret;
pub mod settings;
pub mod stdio;
pub mod supervise;
pub mod system;
pub mod tls_diagnostics;
pub mod token;
pub mod transport;
pub mod windows;
