//! Whether a command of the model sees the variables that hold tokens: Codex runs one, with the environment that it
//! gives to commands, and the command answers with names only.

use std::path::Path;

use serde_json::{Value, json};

use crate::codex::app_server::AppServer;
use crate::commands::doctor::facts::VisibleTokens;
use crate::secret::SECRET_VARIABLES;
use crate::system::Env;

/// Asks Codex (`command/exec`), which applies the `shell_environment_policy` that holds in `folder`. No model is asked,
/// nothing is written.
pub fn ask(server: &mut AppServer, folder: &Path) -> Option<VisibleTokens> {
    let read_only = json!({"type": "readOnly"});
    let asked = server.call(
        "command/exec",
        json!({"command": command(), "cwd": folder, "sandboxPolicy": read_only, "timeoutMs": 10_000}),
    );
    match asked {
        Ok(answer) => read(&answer),
        // A Codex without the call, or a system without its sandbox.
        Err(_) => None,
    }
}

/// What is known where Codex could not be asked.
pub fn unasked(env: Env<'_>) -> VisibleTokens {
    let set = |name: &&str| env(name).is_some_and(|value| !value.is_empty());
    if SECRET_VARIABLES.iter().any(set) { VisibleTokens::NotProven } else { VisibleTokens::NotAsked }
}

/// Prints a line to know that it ran, and the name of each variable that is set. Never a value.
fn command() -> Vec<String> {
    if cfg!(windows) {
        let tests = SECRET_VARIABLES.map(|name| format!("if defined {name} echo {name}"));
        return ["cmd.exe".into(), "/D".into(), "/C".into(), format!("echo {RAN}&{}", tests.join("&"))]
            .into();
    }
    let tests = SECRET_VARIABLES.map(|name| format!("if [ -n \"${{{name}:+x}}\" ]; then echo {name}; fi"));
    ["/bin/sh".into(), "-c".into(), format!("echo {RAN}; {}", tests.join("; "))].into()
}

const RAN: &str = "f5-guard-ran";

fn read(answer: &Value) -> Option<VisibleTokens> {
    let stdout = answer.get("stdout").and_then(Value::as_str).unwrap_or_default();
    let has = |line: &str| stdout.lines().any(|found| found.trim() == line);
    if !has(RAN) {
        return None;
    }
    Some(VisibleTokens::Seen(SECRET_VARIABLES.into_iter().filter(|name| has(name)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stdout: &str) -> Option<VisibleTokens> {
        read(&json!({"exitCode": 0, "stdout": stdout, "stderr": ""}))
    }

    #[test]
    fn only_a_command_that_ran_proves_that_nothing_is_seen() {
        assert_eq!(said("f5-guard-ran\r\n"), Some(VisibleTokens::Seen(vec![])));
        assert_eq!(
            said("f5-guard-ran\nF5_GLOBAL_API_TOKEN\n"),
            Some(VisibleTokens::Seen(vec!["F5_GLOBAL_API_TOKEN"]))
        );
        assert_eq!(said(""), None);
        assert_eq!(read(&Value::Null), None);
    }

    #[cfg(unix)]
    #[test]
    fn the_command_prints_names_and_never_a_value() {
        let command = command();
        let run = |value: &str| {
            let mut shell = std::process::Command::new(&command[0]);
            shell.args(&command[1..]).env("F5_GUARDRAILS_API_TOKEN", value).env_remove("F5_GLOBAL_API_TOKEN");
            String::from_utf8(shell.output().unwrap().stdout).unwrap()
        };
        assert_eq!(run("planted; $(id)"), "f5-guard-ran\nF5_GUARDRAILS_API_TOKEN\n");
        assert_eq!(run(""), "f5-guard-ran\n");
    }
}
