//! What Windows needs and other systems do not: paths that both of its shells read alike, folders that only
//! administrators can change, and the replacing of a program that runs.
//!
//! [`api`] holds every call of the operating system. The rest are decisions on plain values, compiled and tested
//! everywhere. Where things are installed, and what is said when that fails, is left to the callers.

pub mod access;
#[cfg(windows)]
pub mod api;
pub mod plain_path;
#[cfg(windows)]
pub mod protected_folder;
pub mod replace;
mod sddl;
