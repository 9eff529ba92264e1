//! Everything that needs no other program and no other machine: the built binary in homes of its own, against servers
//! on loopback. One program, so that the tests of one topic work while those of another wait.

#![allow(clippy::restriction)] // a test may panic

#[path = "../install_support/mod.rs"]
mod install_support;
#[path = "../support/own.rs"]
mod own;
#[cfg(windows)]
#[path = "../support/shells.rs"]
mod shells;
#[path = "../support/mod.rs"]
mod support;
#[cfg(unix)]
#[path = "../support/terminal.rs"]
mod terminal;
#[path = "../tls_support/mod.rs"]
mod tls_support;

#[cfg(unix)]
mod beyond_the_pipe;
mod command_line;
mod demo;
mod documentation;
mod dump_config;
mod evidence;
mod hooks;
mod install_corpus;
mod install_rules;
mod install_scripts;
mod login;
mod reference_pages;
mod screens;
mod secrets;
mod smoketest;
mod third_party;
mod tls_certificates;
mod tls_environment;
mod tls_matrix;
mod tls_network;
mod tls_properties;

use support::home;
