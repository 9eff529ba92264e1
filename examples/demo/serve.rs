//! The simulated service alone, for a terminal in which somebody tries f5-guard.

use std::error::Error;
use std::io::Write;

use f5_stand_in::f5::{F5, TOKEN};

use super::scenes::simulation;

/// The same at each start, so that an address that was set stays right.
pub const PORT: u16 = 8475;

/// Serves until the process is ended.
pub fn serve(port: u16, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let api = start(port)?;
    out.write_all(words(&api).as_bytes())?;
    out.flush()?;
    loop {
        std::thread::park();
    }
}

/// Plain HTTP, which f5-guard accepts for this machine, so that no certificate has to be set.
pub fn start(port: u16) -> Result<F5, String> {
    simulation().may_stay_idle().start_at(port).map_err(|error| {
        format!(
            "port {port} can't be used: {error}.\nPerhaps this demo already runs in another terminal. If something \
             else has the port, take another one:\n  cargo run --example demo -- --serve --port {}",
            port.checked_add(1).unwrap_or(PORT)
        )
    })
}

pub fn words(api: &F5) -> String {
    format!(
        "A SIMULATION of the F5 service runs until you press Ctrl-C. It only\n\
         knows a few well-known patterns; it is no scanner. In the terminal in which\n\
         you try f5-guard, run:\n\n\
         export F5_GUARDRAILS_API_TOKEN={TOKEN}\n\
         export F5_GUARDRAILS_BASE_URL={}\n",
        api.base_url()
    )
}
