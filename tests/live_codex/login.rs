//! Where hooks find the token, and whether the model's commands see it.

use std::io::Write;
use std::process::Stdio;

use crate::codex::report;
use crate::stage::Stage;
use f5_stand_in::f5::{F5, TOKEN};
use f5_stand_in::model::Item;

const VARIABLE: &str = "F5_GUARDRAILS_API_TOKEN";
/// Prints the names of our variables, and never a value.
const NAMES: &str = "env | cut -d= -f1 | grep '^F5_' | sort";

/// The same command for a model of either kind: as a call of its own, or in a script.
fn call(codex_model: &str) -> Item {
    match codex_model {
        "gpt-5.5" => Item::exec(NAMES),
        _ => Item::Custom {
            name: "exec".to_owned(),
            input: format!("const r = await tools.exec_command({{cmd: {NAMES:?}}}); text(r.output)"),
        },
    }
}

fn turns(codex_model: &str) -> [Vec<Item>; 2] {
    [vec![call(codex_model)], vec![Item::message("All done.")]]
}

/// All hooks of the turn scanned: in closed mode nothing else lets it come to its end.
fn all_scanned(stage: &Stage) {
    for event in ["UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop"] {
        assert!(!stage.scanned(event).is_empty(), "{event} was not scanned");
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn with_an_empty_environment_all_hooks_scan_with_the_stored_token() {
    for codex_model in ["gpt-5.5", "gpt-6.1-sol"] {
        let stage =
            Stage::new(F5::builder().tls().start(), turns(codex_model)).codex_model(codex_model).closed();
        let stage = stage.without(VARIABLE);
        let mut login = crate::codex::f5_guard(stage.home(), stage.variables());
        let login = login.args(["login", "--stdin", "--file"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut login = login.spawn().expect("f5-guard can be started");
        login.stdin.take().expect("a pipe").write_all(TOKEN.as_bytes()).expect("it reads the token");
        assert!(login.wait().expect("it ends").success());

        let seen = stage.exec("Please do it");

        assert_eq!(seen.hook("UserPromptSubmit"), "Completed");
        assert_eq!(seen.hook("Stop"), "Completed");
        all_scanned(&stage);
        let outputs = stage.model.function_outputs().join("\n");
        assert!(!outputs.contains(VARIABLE) && outputs.contains("F5_GUARDRAILS_FAIL_MODE"), "{outputs}");
        report(&format!("{codex_model}, stored token"), "prompt, input, output and answer were scanned");
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_hidden_variable_reaches_the_hooks_and_no_command() {
    for codex_model in ["gpt-5.5", "gpt-6.1-sol"] {
        for hidden in [false, true] {
            let stage = Stage::new(F5::builder().tls().start(), turns(codex_model)).closed();
            let stage = stage.codex_model(codex_model);
            // The names as `install --hide-token` writes them.
            let policy = "[shell_environment_policy]\nexclude = [\"F5_GUARDRAILS_API_TOKEN\", \"F5_GLOBAL_API_TOKEN\"]\n";
            let stage = if hidden { stage.more_config(policy) } else { stage };

            stage.exec("Please do it");

            all_scanned(&stage);
            let outputs = stage.model.function_outputs().join("\n");
            assert!(
                outputs.contains("F5_GUARDRAILS_FAIL_MODE"),
                "the command ran, and sees settings: {outputs}"
            );
            assert_eq!(outputs.contains(VARIABLE), !hidden, "{codex_model}: {outputs}");
            let words = if hidden { "hidden: the command did not see it" } else { "the command saw it" };
            report(&format!("{codex_model}, token in the environment"), words);
        }
    }
}
