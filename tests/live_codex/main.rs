//! The real Codex with the built hooks, on loopback: each row of the decision table is seen to take effect.
//!
//! `F5_GUARD_TEST_CODEX=/path/to/codex cargo test --test live_codex -- --ignored`
//!
//! Nothing here is a golden file or a look at f5-guard's own output: a row counts when Codex itself acted on it (the
//! model was not called, the tool did not run, the model got the reason instead of the output, the turn ended). The
//! F5 API, the model and the MCP server are stand-ins; Codex and f5-guard are real. Each test prints what it saw.
//!
//! On Windows without the tests whose scripted tool call is a line for a Unix shell: prompts, patches, MCP tools and
//! answers need no shell but the one that runs the hook.

#![allow(clippy::restriction)] // a test may panic

mod answers;
mod app_server;
mod code_mode;
mod codex;
#[cfg(unix)] // the command is a line for a Unix shell
mod enforcement;
mod evidence;
#[cfg(unix)] // the command is a line for a Unix shell
mod faults;
#[cfg(unix)] // the command is a line for a Unix shell
mod login;
mod messages;
#[cfg(target_os = "linux")] // a port with a full queue
mod outage;
mod outputs;
mod prompts;
mod stage;
#[cfg(target_os = "linux")] // the hook is found below /proc
mod stall;
#[cfg(unix)] // the files are scripts for Unix shells
mod start_up;
mod tools;
#[cfg(unix)] // the command is a line for a Unix shell
mod transcript;
