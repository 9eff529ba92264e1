//! What Windows needs and other systems do not: paths that both of its shells read alike, and folders that only
//! administrators can change.
//!
//! [`api`] holds the calls of the operating system. The rest are decisions on plain values, compiled and tested
//! everywhere, but for [`protected_folder`], which puts both together, and [`console`]. Where things are installed, and what is said
//! when that fails, is left to the callers; replacing a program that runs is [`crate::file_edit`]'s.

#[cfg(any(windows, test))]
pub mod access;
#[cfg(windows)]
pub mod api;
#[cfg(windows)]
pub mod console;
#[cfg(windows)]
pub mod credentials;
#[cfg(any(windows, test))]
pub mod plain_path;
#[cfg(windows)]
pub mod protected_folder;
#[cfg(any(windows, test))]
mod sddl;
