//! Shows what f5-guard does, without an account and without a network.
//!
//! It builds the binary, starts a *simulation* of the F5 service on loopback, feeds it payloads as Codex sends
//! them, and prints what was scanned and what Codex gets. Run it with `cargo run --example demo`.
//!
//! `cargo run --example demo -- --serve` only starts the simulation, for trying f5-guard by hand.

#![allow(clippy::restriction)] // a program for developers may panic

mod play;
mod scenes;
mod serve;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const USAGE: &str = "\
Shows what f5-guard does, against a simulated F5 service.

  cargo run --example demo                           play all scenes
  cargo run --example demo -- --serve                only run the service, on port 8475
  cargo run --example demo -- --serve --port NUMBER  on another port (0: any free one)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // Colours go where they are wanted: to a terminal, and without NO_COLOR.
    let out = &mut anstream::stdout();
    let done = match arguments.as_slice() {
        [] => build().and_then(|binary| play::play(&binary, out)),
        ["--serve"] => serve::serve(serve::PORT, out),
        ["--serve", "--port", port] => match port.parse() {
            Ok(port) => serve::serve(port, out),
            Err(_) => Err(format!("{port} is not a port: give a number up to 65535.").into()),
        },
        ["--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("These arguments are not known: {}\n\n{USAGE}", arguments.join(" ")).into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the binary beside this example and returns its path.
fn build() -> Result<PathBuf, Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--bin", "f5-guard", "--manifest-path"])
        .arg(manifest)
        .status()?;
    if !status.success() {
        return Err("building f5-guard failed".into());
    }
    let example = std::env::current_exe()?;
    let profile = example.parent().and_then(Path::parent).ok_or("the example has no build folder")?;
    Ok(profile.join(format!("f5-guard{}", std::env::consts::EXE_SUFFIX)))
}
