//! Scanning a text with the F5 service: request, answer, pieces, errors.

mod batches;
mod client;
mod endpoint;
mod error;
pub mod mask;
mod pieces;
pub mod report;
mod request;
#[doc(hidden)] // for examples/fuzz
pub mod response;
mod scanner;
mod tally;

pub use client::{MAX_CHARACTERS, ScanClient, ScanJob, Scanned};
#[cfg(test)]
pub use error::examples as error_examples;
pub use error::{ScanError, StatusError};
pub use report::{Outcome, ScanReport};
pub use request::{Metadata, ScanDirection};
