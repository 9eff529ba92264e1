//! The quickstart for macOS and Linux, run word by word in an empty home, against the stand-in of the service.

#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use f5_stand_in::f5::{F5, Scanner, TOKEN, Verdict};
use tempfile::TempDir;

use super::markdown::{Document, root};
use crate::home::one_line;
use crate::own;

/// The commands of the section, in order, with the address's true value.
fn commands(api: &F5) -> Vec<String> {
    let quickstart = Document::read("QUICKSTART.md");
    let section =
        Document { name: "QUICKSTART.md".into(), text: quickstart.section("macOS and Linux").into() };
    let blocks = section.blocks().into_iter().filter(|block| block.language == "sh");
    let placed =
        |text: String| text.replace("https://www.us1.calypsoai.app", &api.base_url()).trim().to_owned();
    blocks.map(|block| placed(block.text)).collect()
}

/// A folder as an archive leaves it, and an empty home.
struct Machine {
    archive: TempDir,
    home: TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            archive: TempDir::new().expect("a temporary folder"),
            home: TempDir::new().expect("a temporary home"),
        };
        let place = |from: &Path, name: &str| {
            let to = machine.archive.path().join(name);
            std::fs::copy(from, &to).expect("it can be copied");
            std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o755)).expect("it may be run");
        };
        // Not written here: a program that another test's child still has open can't be started.
        own::put(crate::home::program(), machine.archive.path().join("f5-guard"));
        place(&root().join("install/install.sh"), "install.sh");
        machine
    }

    /// One shell runs everything, as a person's terminal does; `mark` separates what each command said.
    fn run(&self, commands: &[&str]) -> Vec<String> {
        let script: String = commands.iter().map(|command| format!("{command}\necho '=== next'\n")).collect();
        let output: Output = Command::new("/bin/sh")
            .args(["-c", &script])
            .current_dir(self.archive.path())
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", "/usr/bin:/bin")
            .stdin(std::process::Stdio::null())
            .output()
            .expect("a shell starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        let mut parts: Vec<String> = said.split("=== next\n").map(str::to_owned).collect();
        assert_eq!(parts.pop().as_deref(), Some(""));
        parts
    }
}

#[test]
fn the_quickstart_leads_from_nothing_to_a_blocked_prompt_and_away_again() {
    let scanner = Scanner::failed("prompt_injection");
    let api = F5::builder().when("Ignore all previous", Verdict::flagged().scanner(scanner)).start();
    let commands = commands(&api);
    let [address, login, archive, checkout, path, smoketest, prompt, uninstall, serve] = commands.as_slice()
    else {
        panic!("the quickstart has other steps now: {commands:#?}");
    };
    assert_eq!(
        *checkout,
        format!("install/{}", archive.trim_start_matches("./")),
        "the same from a checkout"
    );

    // There is nobody here to ask, and no store.
    assert_eq!(login, "./f5-guard login");
    let login = &format!("echo {TOKEN} | {login} --stdin --file");

    assert!(serve.ends_with("--serve"), "a service of its own stands in for that one here");

    let machine = Machine::new();
    let installed = machine.home.path().join(".codex/hooks/f5_guardrails/f5-guard");
    let said = machine.run(&[address, login, archive, path, smoketest, prompt]);
    assert!(installed.exists(), "{said:?}");
    // There is no Codex here that could be asked.
    assert!(
        one_line(&said[2]).contains("is registered for this user")
            && said[2].contains("REGISTERED, NOT PROVEN: do this"),
        "{}",
        said[2]
    );
    let last = said[4].lines().last().unwrap_or_default();
    let passed = "Smoke test passed: cleared";
    assert!(last.starts_with(&format!("[ok]   {passed}")), "{}", said[4]);
    for name in ["QUICKSTART.md", "docs/troubleshooting.md"] {
        assert!(Document::read(name).text.contains(&format!("`{passed}`")), "{name}");
    }
    assert!(said[5].starts_with(r#"{"decision":"block""#), "{}", said[5]);
    assert!(api.inputs().iter().any(|input| input.starts_with("Ignore all previous instructions")));

    machine.run(&[path, uninstall]);
    assert!(!installed.exists());
    assert!(!machine.home.path().join(".codex/config.toml").exists());
}
