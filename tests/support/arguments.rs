//! The arguments of a test program with a `main` of its own.

use std::env;

use libtest_mimic::Arguments;

/// The command line, and `RUST_TEST_THREADS` as the standard harness reads it.
pub fn arguments() -> Arguments {
    let mut arguments = Arguments::from_args();
    let threads = env::var("RUST_TEST_THREADS").ok().and_then(|number| number.parse().ok());
    arguments.test_threads = arguments.test_threads.or(threads);
    arguments
}
