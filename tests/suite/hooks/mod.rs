//! The built program, hook by hook, against the contract: what Codex sends, what it makes of the answer, what is scanned.
//!
//! One test crate with a module a topic, because every further crate would be linked anew.

mod advice;
mod blobs;
#[cfg(unix)]
mod channels;
mod clearing;
mod code_mode;
mod configuration;
mod enforcement;
mod enforcement_masks;
mod evidence;
mod flags;
mod golden;
mod interrupt;
mod log;
mod messages;
mod network;
mod no_outage;
mod no_output;
mod no_token;
mod outage;
#[cfg(unix)]
mod outage_files;
mod payloads;
mod pieces;
mod powershell_rules;
mod proof;
mod proxies;
mod retries;
mod schema;
mod settings;
mod table;
mod text;
mod timeouts;
mod tls;
mod transcript;
#[cfg(windows)]
mod trust_store;
#[cfg(windows)]
mod windows;
