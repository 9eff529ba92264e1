//! The `f5-guard` binary; everything it does is in the library.

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    f5_guard::main(Instant::now(), std::env::args_os())
}
