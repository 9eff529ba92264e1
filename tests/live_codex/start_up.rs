//! Shells that read a start-up file before they run a hook: bash the one in `BASH_ENV`, zsh `~/.zshenv`. What is not
//! cleared stays blocked whatever such a file writes, and wherever it has the streams lead.

use std::path::Path;
use std::process::Command;

use crate::codex::{self, report};
use crate::stage::Stage;
use f5_stand_in::f5::{F5, Verdict};
use f5_stand_in::model::Item;

/// What a block survives, by the file's line. `$HOME` is Codex's home.
const START_UPS: [&str; 9] = [
    "echo noise",
    "echo noise; echo noise >&2",
    "trap 'echo noise' EXIT",
    "exec 1>&2",
    "exec 2>&1",
    "exec 2>/dev/null",
    "exec 2>&-",
    "exec 2>>\"$HOME/errors\"",
    "trap 'exit 0' EXIT",
];

/// A shell with the file that it reads.
#[derive(Debug, Clone, Copy)]
enum Shell {
    Bash,
    Zsh,
}

impl Shell {
    fn set_up(self, stage: Stage, start_up: &str) -> Stage {
        let (name, stage) = match self {
            Self::Bash => ("start-up.sh", stage),
            Self::Zsh => (".zshenv", stage.started_by(zsh_codex())),
        };
        let file = stage.home().join(name);
        std::fs::write(&file, format!("{start_up}\n")).expect("the home can be written to");
        match self {
            Self::Bash => stage.set("BASH_ENV", &file.display().to_string()),
            Self::Zsh => stage,
        }
    }
}

fn zsh_codex() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live_codex/zsh-codex.sh")
}

/// Whether Codex can be given zsh as the login shell here.
fn zsh_can_be_the_login_shell() -> bool {
    let mut probe = Command::new(zsh_codex());
    probe.args(["-c", "grep -q zsh /etc/passwd"]).env(codex::VARIABLE, "/bin/sh");
    probe.output().is_ok_and(|output| output.status.success())
}

fn stage() -> Stage {
    let api = F5::builder()
        .when("FORBIDDEN", Verdict::flagged())
        .when("POISONED-OUTPUT", Verdict::flagged())
        .may_stay_idle()
        .tls()
        .start();
    let turns = [
        vec![Item::exec("touch marker # FORBIDDEN")],
        vec![Item::exec("printf 'POISONED-%s' OUTPUT")],
        vec![Item::message("Done.")],
    ];
    Stage::new(api, turns).closed().set("F5_GUARDRAILS_POST_STRICT", "true")
}

/// A forbidden prompt, a forbidden command and a poisoned output, all blocked.
fn everything_is_blocked(shell: Shell, start_up: &str) {
    let row = format!("{shell:?}, {start_up}");
    let asked = shell.set_up(stage(), start_up);
    let seen = asked.exec_in_noise("FORBIDDEN-PROMPT");
    assert_eq!((seen.hook("UserPromptSubmit").as_str(), asked.model.calls()), ("Blocked", 0), "{row}");

    let worked = shell.set_up(stage(), start_up);
    let seen = worked.exec_in_noise("Please do it");
    let told = worked.model.function_outputs().join("\n");
    assert!(!worked.file("marker").exists(), "{row}: the command must not run: {told}");
    assert!(seen.hook("PreToolUse").starts_with("Blocked,"), "{row}: {:?}", seen.hooks());
    assert!(
        told.contains("blocked by PreToolUse hook") && told.contains("prompt injection"),
        "{row}: {told}"
    );
    assert_eq!(seen.hook("PostToolUse"), "Blocked", "{row}: {:?}", seen.hooks());
    assert!(!worked.model.was_given("POISONED-OUTPUT"), "{row}: {told}");
    assert_eq!(worked.model.calls(), 3, "{row}");
    report(&format!("start-up file ({row})"), "prompt blocked, command not run, output withheld");
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_block_survives_what_the_file_in_bash_env_does() {
    for start_up in START_UPS {
        everything_is_blocked(Shell::Bash, start_up);
    }
}

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_block_survives_what_zshenv_does() {
    if !zsh_can_be_the_login_shell() {
        report("start-up file (Zsh)", "SKIPPED: it takes Linux, root and zsh");
        return;
    }
    for start_up in START_UPS {
        everything_is_blocked(Shell::Zsh, start_up);
    }
}
