//! A session while the service is out of reach: what it costs, in requests, and what the user and the model are told.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::app_server::HookRun;
use crate::codex::report;
use crate::stage::Stage;
use f5_stand_in::f5::{F5, Fault};
use f5_stand_in::model::Item;
use serde_json::json;

const CALLS: usize = 20;

/// The model calls a tool twenty times, which makes forty hooks, and then answers.
fn twenty_calls() -> Vec<Vec<Item>> {
    let calls = (0..CALLS).map(|number| vec![Item::exec(format!("printf 'TOOL-%s' {number}"))]);
    calls.chain([vec![Item::message("Done.")]]).collect()
}

/// A port that answers no attempt to connect, as where a firewall drops them: its queue is full.
struct Dropping {
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
    address: SocketAddr,
}

impl Dropping {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.9:0").expect("an address of loopback");
        let backlog = nix::sys::socket::Backlog::new(0).expect("a length");
        nix::sys::socket::listen(&listener, backlog).expect("it listens");
        let address = listener.local_addr().expect("an address");
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200));
        let waiting = (0..4).filter_map(|_| connect().ok()).collect();
        Self { _listener: listener, _waiting: waiting, address }
    }
}

/// The sentences that the user is shown of the hooks of a turn.
fn shown(hooks: &[HookRun]) -> Vec<String> {
    hooks
        .iter()
        .flat_map(|hook| &hook.entries)
        .filter(|(kind, _)| kind == "warning")
        .map(|(_, text)| text.clone())
        .collect()
}

fn stage(api: F5) -> Stage {
    Stage::new(api, twenty_calls()).set("F5_GUARDRAILS_TIMEOUT", "10")
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_session_of_twenty_tool_calls_costs_one_wait_or_two() {
    // Accepts connections and says nothing, not even in the handshake; and the same once it was sent the text, which may
    // be the cause, so that another text has to wait, too.
    for (fault, waits) in [(Fault::HangOnConnect, 1), (Fault::HangAfterRequest, 2)] {
        let stage = stage(F5::builder().always(fault.clone()).tls().may_stay_idle().start()).open();
        let begun = Instant::now();

        let hooks = stage.app("Please do it");

        let took = begun.elapsed();
        let told = shown(&hooks);
        assert_eq!(told.len(), waits, "{told:?}");
        assert!(told[waits - 1].to_lowercase().ends_with("next try in 15 s."), "{told:?}");
        // Each try asks for the session's texts, too.
        assert!(stage.api.connections() <= 4, "{fault:?}: {} connections", stage.api.connections());
        assert_eq!(stage.model.function_outputs().len(), CALLS, "each tool ran");
        let to_the_model = stage.model.developer_texts();
        let count = to_the_model.iter().filter(|text| text.contains("this output was not scanned")).count();
        assert_eq!(count, CALLS, "the model learns of each output");
        report(&format!("open, {fault:?}, 20 calls, {took:?}"), &told.join(" | "));
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_port_that_drops_packets_costs_one_wait_and_one_notice() {
    let dropping = Dropping::new();
    let stage = stage(F5::builder().never_called().tls().start())
        .open()
        .set("F5_GUARDRAILS_BASE_URL", &format!("https://{}", dropping.address));
    let begun = Instant::now();

    let hooks = stage.app("Please do it");

    let took = begun.elapsed();
    let told = shown(&hooks);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(stage.model.function_outputs().len(), CALLS, "each tool ran");
    report(&format!("open, packets dropped, 20 calls, {took:?}"), &told.join(" | "));
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn in_closed_mode_no_tool_runs_and_two_hooks_wait() {
    // The prompt is scanned, then the service falls silent.
    let api = F5::builder()
        .when_request(|scan| scan.metadata("hook") != Some("UserPromptSubmit"), Fault::HangAfterRequest)
        .tls()
        .start();
    let turns = (0..CALLS).map(|number| vec![Item::exec(format!("touch marker-{number}"))]);
    let stage = Stage::new(api, turns.chain([vec![Item::message("Done.")]]))
        .closed()
        .set("F5_GUARDRAILS_TIMEOUT", "10");
    let begun = Instant::now();

    let seen = stage.exec("Please do it");

    let took = begun.elapsed();
    assert_eq!(seen.hook("PreToolUse"), vec!["Blocked"; CALLS].join(","));
    assert_eq!(seen.hook("Stop"), "Stopped");
    assert!((0..CALLS).all(|number| !stage.file(&format!("marker-{number}")).exists()));
    let own = stage.api.scans().iter().filter(|scan| scan.metadata("part").is_none()).count();
    assert!(own <= 3, "the prompt's, and at most two that wait");
    let told = stage.model.function_outputs();
    assert!(told[2].contains("can't reach 127.0.0.1:"), "{told:?}");
    report(&format!("closed, 20 refusals, {took:?}"), &told[..3].join(" | "));
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_service_that_comes_back_scans_again_and_the_user_is_told_once() {
    let api = F5::builder().first(Fault::HangAfterRequest).first(Fault::HangAfterRequest).tls().start();
    // The tool takes longer than the wait for the next try.
    let turns = [
        vec![Item::function(
            "exec_command",
            json!({"cmd": "sleep 16; printf 'TOOL-%s' ONE", "yield_time_ms": 30_000}),
        )],
        vec![Item::exec("printf 'TOOL-%s' TWO")],
        vec![Item::message("Done.")],
    ];
    // The scan API counts requests.
    let stage = Stage::new(api, turns)
        .open()
        .set("F5_GUARDRAILS_TIMEOUT", "10")
        .set("F5_GUARDRAILS_TRANSCRIPT", "off");

    let hooks = stage.app("Please do it");

    let told = shown(&hooks);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[1].contains("Nothing is scanned until it answers"), "{told:?}");
    assert!(told[2].contains("everything is scanned from now on"), "{told:?}");
    assert_eq!(stage.scanned("PostToolUse"), ["TOOL-ONE", "TOOL-TWO"]);
    report("open, the service comes back", &told.join(" | "));
}
