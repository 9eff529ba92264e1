//! Loopback stand-ins for the F5 scan API and for the model behind Codex.
//!
//! Every stand-in listens on 127.0.0.1 with a port of its own, serves each connection on a thread, and stops when it is
//! dropped. They are simulations for tests, demo and benches; nothing of them is part of the shipped program.

pub mod config_api;
pub mod f5;
pub mod http;
mod loopback;
pub mod mcp;
pub mod model;
pub mod proxy;
mod server;
pub mod tls;
