//! The service's configuration as a document that is safe to share: providers, projects, tokens and which providers
//! each project has added, may use and has enabled.
//!
//! Reads through a [`PageSource`], so that all but [`Service`] is tested without a network; redacts with [`crate::redact`]. Keeps
//! the JSON keys of the Python dump, because support scripts read them. The clock and the progress display belong to
//! the caller.

mod collection;
mod cursor;
mod document;
mod highlight;
mod intern;
mod read;
mod service;
mod source;
mod write;

pub use collection::Collection;
pub use document::{Contents, Document, Header, Outcome, Relation, Relationship};
pub use highlight::{Highlight, ProviderLine, highlights};
pub use intern::Shared;
pub use read::{CONCURRENCY, Progress, read};
pub use service::Service;
pub use source::{Failure, FetchError, PageSource, Query};
pub use write::{WriteError, check_place, write_file, write_json};

#[cfg(test)]
mod tests;
