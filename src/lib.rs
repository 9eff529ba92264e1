//! f5-guard puts F5 AI Guardrails between OpenAI Codex and the machine it works on.
//!
//! The binary is a thin shell around this library. From the inside out: [`hook`] is the pure core (payload in,
//! decision and answer out), [`scan`] asks the service, [`transport`] is HTTP and TLS, [`settings`] is what
//! the user configured. [`registration`] and [`file_edit`] change Codex's configuration files, [`installation`] knows
//! where everything is, [`access`] who else can change it, [`codex`] talks to the real Codex, and [`proof`] is how the doctor
//! finds out whether that obeys the hooks.
//! [`tls_diagnostics`] finds out why TLS fails, [`redact`] makes the service's configuration safe to share, [`windows`]
//! knows that system's ways. [`commands`] puts them together, one folder a subcommand.

#![cfg_attr(test, allow(clippy::restriction))] // a test may panic

mod access;
mod cli;
mod clock;
mod codex;
mod commands;
mod event;
mod file_edit;
mod hook;
mod installation;
mod interrupt;
mod json;
mod logging;
mod outage;
mod phase;
mod printable;
mod process;
mod proof;
mod redact;
mod registration;
mod scan;
mod secret;
mod settings;
mod stdio;
mod supervise;
mod system;
mod terminal;
mod tls_diagnostics;
mod token;
mod transcript;
mod transport;
mod windows;

#[doc(hidden)]
pub mod internals;

pub use commands::main;
