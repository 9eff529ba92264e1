//! A machine that stalls: the hook is stopped for longer than its own deadline, and then goes on.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::codex::report;
use crate::stage::Stage;
use f5_stand_in::f5::{F5, Fault};
use f5_stand_in::model::Item;

/// Longer than a scan may take, and shorter than what is left of the registered timeout then.
const STALL: Duration = Duration::from_secs(20);

/// The hooks that run in this home.
fn hooks(home: &Path) -> Vec<String> {
    let program = Path::new(env!("CARGO_BIN_EXE_f5-guard"));
    let home = format!("CODEX_HOME={}", home.display());
    let is_hook = |process: &Path| {
        let variables = std::fs::read(process.join("environ")).unwrap_or_default();
        std::fs::read_link(process.join("exe")).is_ok_and(|exe| exe == program)
            && variables.split(|byte| *byte == 0).any(|variable| variable == home.as_bytes())
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let hooks = processes.filter(|process| is_hook(process));
    hooks.map(|process| process.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

fn signal(name: &str, processes: &[String]) {
    assert!(Command::new("kill").arg(name).args(processes).status().unwrap().success());
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn in_closed_mode_a_hook_that_was_stopped_for_20_seconds_still_blocks() {
    // The service that never answers: only f5-guard's own deadline can block.
    let api = F5::builder().always(Fault::HangAfterRequest).tls().start();
    let stage = Stage::new(api, [vec![Item::message("hello")]]).closed().set("F5_GUARDRAILS_TIMEOUT", "10");

    let seen = std::thread::scope(|scope| {
        scope.spawn(|| {
            while stage.api.requests().is_empty() {
                std::thread::yield_now();
            }
            let stopped = hooks(stage.home());
            assert_eq!(stopped.len(), 1, "one hook at the prompt");
            signal("-STOP", &stopped);
            // Not a synchronisation: this is the stall.
            std::thread::sleep(STALL);
            signal("-CONT", &stopped);
        });
        stage.exec("Please answer")
    });

    assert_eq!(seen.hook("UserPromptSubmit"), "Blocked");
    assert_eq!(stage.model.calls(), 0);
    report("user-prompt-submit, closed, stopped for 20 s", "prompt blocked; the model was not called");
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn in_closed_mode_a_hook_of_an_old_registration_answers_before_codex_gives_up() {
    let api = F5::builder().always(Fault::HangAfterRequest).tls().start();
    let stage = Stage::new(api, [vec![Item::message("hello")]]).closed().registered_by_0_1_0();
    // Longer than Codex waits for that registration.
    let stage = stage.set("F5_GUARDRAILS_TIMEOUT", "30");

    let seen = stage.exec("Please answer");

    assert_eq!(seen.hook("UserPromptSubmit"), "Blocked");
    assert_eq!(stage.model.calls(), 0);
    report("user-prompt-submit, closed, registered by 0.1.0, timeout of 30 s", "prompt blocked in time");
}
