//! Whether a profile's settings act in the trial as they do with `codex --profile`.

use super::*;

/// What a profile says.
const PROFILES: &[(&str, &str)] = &[
    ("empty", ""),
    ("hooks off", "[features]\nhooks = false\n"),
    ("hooks off by their older name", "[features]\ncodex_hooks = false\n"),
    ("another model", "model = \"gpt-6.1-sol\"\n"),
    ("one hook off", "[hooks.state.\"KEY\"]\nenabled = false\n"),
    ("another trust", "[hooks.state.\"KEY\"]\ntrusted_hash = \"sha256:0\"\n"),
];

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn with_a_profile_the_prompts_hook_is_proven_where_codex_exec_runs_it() {
    for (name, text) in PROFILES {
        let machine = Machine::trusted();
        let key = format!("{}:user_prompt_submit:0:0", machine.config().display());
        fs::write(machine.home().join("work.config.toml"), text.replace("KEY", &key)).unwrap();
        let (_, report) = machine.doctor_with(&["--profile", "work"]);
        let events = report["proof"]["events"].as_array().unwrap();
        let proven =
            events.iter().any(|event| event["event"] == "UserPromptSubmit" && event["result"] == "proven");
        let prompts = Model::playing([vec![Item::message("ok")]]);
        machine.exec_with(&prompts, &["--profile", "work"], &format!("please {FLAGGED}"));
        assert_eq!(proven, !prompts.was_given(FLAGGED), "{name}: {report:#}");
        assert_eq!(report["profile"], "work");
    }
}

#[test]
#[ignore = "needs the real Codex; set F5_GUARD_TEST_CODEX"]
fn codexs_server_takes_a_profile_in_no_other_way() {
    let machine = Machine::trusted();
    fs::write(machine.home().join("work.config.toml"), "model = \"gpt-6.1-sol\"\n").unwrap();
    for arguments in [
        &["--profile", "work", "app-server", "--print-startup-config"][..],
        &["app-server", "--profile", "work", "--print-startup-config"],
        &["-c", "profile=\"work\"", "app-server", "--print-startup-config"],
    ] {
        let output =
            machine.run(&real_codex(), &arguments.iter().map(ToString::to_string).collect::<Vec<_>>());
        let said = String::from_utf8_lossy(&output.stderr);
        // Where Codex begins to take it, that is the better way.
        assert!(
            !output.status.success() || String::from_utf8_lossy(&output.stdout).contains("error"),
            "{arguments:?}: {said}"
        );
    }
}
