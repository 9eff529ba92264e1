//! What is shown as the program's output is that.

use std::process::Command;

use tempfile::TempDir;

use super::markdown::{Document, read};

/// The blocks of `docs/report.md` that show output: the beginning of a report, and an explanation.
fn shown() -> [String; 2] {
    let page = Document::read("docs/report.md");
    let blocks = page.blocks().into_iter().filter(|block| block.language == "text");
    blocks.map(|block| block.text).collect::<Vec<_>>().try_into().expect("two blocks of output")
}

#[test]
fn the_registrations_shown_are_those_that_install_prints() {
    let deployment = Document::read("docs/deployment.md");
    let shown: Vec<_> = deployment.blocks().into_iter().filter(|block| block.language == "toml").collect();
    let printed = [vec!["config-toml"], vec!["requirements-toml", "--fail-mode", "closed"]];
    assert_eq!(shown.len(), printed.len());
    if cfg!(windows) {
        return; // its own paths are in what it prints
    }
    for (shown, arguments) in shown.iter().zip(printed) {
        let output = Command::new(env!("CARGO_BIN_EXE_f5-guard"))
            .args(["install", "--print"])
            .args(&arguments)
            .env_clear()
            .env("HOME", "/home/you")
            .output()
            .expect("the program starts");
        assert_eq!(shown.text, String::from_utf8_lossy(&output.stdout), "{arguments:?}: {output:?}");
    }
}

/// The golden file is what the program makes of some calls (src/commands/report/screen.rs).
#[test]
fn the_report_shown_is_the_beginning_of_the_golden_one() {
    let [report, _] = shown();
    let golden = read("src/commands/report/screen.golden.txt");
    assert!(golden.starts_with(&report), "{golden}");
}

#[test]
fn the_explanation_shown_is_what_why_says_of_the_log_line_shown() {
    let page = Document::read("docs/log.md");
    let block = page.blocks().into_iter().find(|block| block.language == "json").expect("a line");
    let line: serde_json::Value = serde_json::from_str(&block.text).expect("JSON");
    let home = TempDir::new().expect("a temporary folder");
    std::fs::create_dir(home.path().join("logs")).expect("a folder for the log");
    std::fs::write(home.path().join("logs/f5_guardrails.log"), format!("{line}\n")).expect("a log");

    let output = Command::new(env!("CARGO_BIN_EXE_f5-guard"))
        .arg("why")
        .env("CODEX_HOME", home.path())
        .env_remove("F5_GUARDRAILS_LOG_FILE")
        .env("NO_COLOR", "1")
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    let [_, explanation] = shown();
    // How long ago that was depends on when this runs.
    assert_eq!(without_age(&said), without_age(&explanation), "{output:?}");
}

fn without_age(text: &str) -> String {
    let lines = text.trim_end().lines().map(|line| match line.split_once(" UTC (") {
        Some((time, _)) => time,
        None => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}
