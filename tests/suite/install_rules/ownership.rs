//! Whose hooks they are: what `install` and `uninstall` take for theirs, and what a repository can't make them take.

use std::fs;
use std::path::PathBuf;

use f5_guard::internals::event::Event;
use serde_json::{Value, json};

use super::INSTALL;
use crate::install_support::Home;

/// What version 0.1.0 registered for a user: four hooks, 15 s, the timeout in the command.
fn old_registration(binary: &str, options: &str) -> String {
    let events = [Event::UserPromptSubmit, Event::PreToolUse, Event::PostToolUse, Event::Stop];
    let hooks = events.map(|event| {
        let matcher = if event.has_matcher() { "matcher = \".*\"\n" } else { "" };
        let command = Value::from(format!("{binary} {} --hook-timeout 15{options}", event.subcommand()));
        format!(
            "[[hooks.{0}]]\n{matcher}[[hooks.{0}.hooks]]\ntype = \"command\"\ncommand = {command}\ntimeout = 15\n\
             statusMessage = \"{1}\"\n\n",
            event.name(),
            event.status_message()
        )
    });
    format!("[features]\nhooks = true\n\n{}", hooks.concat())
}

/// The script that 0.1.0 checked into projects.
const OLD_SCRIPT: &str = "for g in \"${CODEX_HOME:-$HOME/.codex}/hooks/f5_guardrails/f5-guard\" \
\"$(command -v f5-guard)\"; do if [ -f \"$g\" ] && [ -x \"$g\" ]; then \"$g\" \"$@\"; s=$?; \
if [ $s -ne 126 ] && [ $s -ne 127 ]; then exit $s; fi; fi; done; \
echo \"F5 Guardrails could not check this: this project wants f5-guard, and none is installed that runs. \
Install it (f5-guard install), or ask whoever set this project up.\" >&2; \
if [ \"$1\" = stop ]; then exit 1; fi; exit 2";

fn old_project_registration(options: &str) -> String {
    old_registration(&format!("/bin/sh -c '{OLD_SCRIPT}' f5-guard"), options)
}

struct Project {
    home: Home,
    folder: PathBuf,
}

impl Project {
    fn new() -> Self {
        let home = Home::new();
        let folder = home.path().join("repo");
        fs::create_dir_all(folder.join(".codex")).unwrap();
        Self { home, folder }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(".codex").join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(".codex").join(name)).unwrap()
    }

    fn install(&self, more: &[&str]) -> crate::install_support::Run {
        let folder = self.folder.to_str().unwrap();
        let line = ["install", "--scope", "project", folder, "--no-trust", "--skip-smoketest"];
        self.home.run(&[&line, more].concat())
    }

    fn uninstall(&self) -> String {
        self.home
            .run(&["uninstall", "--scope", "project", self.folder.to_str().unwrap()])
            .succeeds("uninstall")
    }
}

/// The hooks of a `hooks.json`, by event.
fn json_hooks(event: &str, commands: &[&str]) -> String {
    let handlers: Vec<Value> =
        commands.iter().map(|command| json!({"type": "command", "command": command})).collect();
    json!({"hooks": {event: [{"hooks": handlers}]}}).to_string()
}

#[test]
fn a_script_of_a_repository_that_looks_like_ours_is_reported_and_left_alone() {
    for event in ["SessionStart", "Stop", "PreToolUse"] {
        for command in [
            "./hooks/f5_guardrails/f5-guard stop",
            "hooks/f5_guardrails/f5-guard stop --base-url https://elsewhere.example",
            "/bin/sh ./hooks/f5_guardrails/f5-guard stop",
            "$HOME/.codex/hooks/f5_guardrails/f5-guard stop",
            "python3 hooks/f5_guardrails/stop.py",
        ] {
            let project = Project::new();
            let before = json_hooks(event, &[command]);
            project.write("hooks.json", &before);

            let said = project.install(&[]).succeeds(command);

            assert!(said.contains("LOOKS LIKE IT") && said.contains(command), "{event} {command}: {said}");
            let hooks: Value = serde_json::from_str(&project.read("hooks.json")).unwrap();
            assert_eq!(hooks["hooks"][event][0]["hooks"][0]["command"], command, "{event}");
            assert!(!said.contains("Kept"), "{said}");
            project.uninstall();
            assert_eq!(project.read("hooks.json"), before, "{event} {command}");
        }
    }
}

#[test]
fn a_command_of_ours_with_something_more_in_it_is_not_taken_over_from_a_repository() {
    for more in
        [" --project-id \"$(touch pwned)\"", " ; touch pwned", " --base-url $X", " && ./x", " --bogus"]
    {
        let project = Project::new();
        let command = format!("/bin/sh -c '{OLD_SCRIPT}' f5-guard stop{more}");
        project.write("hooks.json", &json_hooks("Stop", &[&command]));
        let said = project.install(&[]).succeeds(more);
        assert!(said.contains("LOOKS LIKE IT"), "{more}: {said}");
        assert!(project.read("hooks.json").contains(&Value::from(command.as_str()).to_string()), "{more}");
    }
}

#[test]
fn options_that_a_repository_carries_are_kept_only_where_somebody_agrees() {
    let options = " --fail-mode closed --base-url https://elsewhere.example";
    for registration in [old_project_registration(options), new_project_registration()] {
        let project = Project::new();
        project.write("config.toml", &registration);

        let said = project.install(&[]).refuses();
        assert!(
            said.contains("--base-url https://elsewhere.example") && said.contains("--keep-options"),
            "{said}"
        );
        assert!(said.contains("--fail-mode closed"), "{said}");
        project.install(&["--dry-run"]).refuses();
        // One of two is not enough.
        project.install(&["--base-url", "https://f5.example"]).refuses();
        assert_eq!(project.read("config.toml"), registration);

        project
            .install(&["--base-url", "https://f5.example", "--fail-mode", "closed"])
            .succeeds("given again");
        let text = project.read("config.toml");
        assert!(!text.contains("elsewhere") && text.contains("https://f5.example"), "{text}");

        project.write("config.toml", &registration);
        let said = project.install(&["--keep-options"]).succeeds("agreed");
        assert!(said.contains("Kept from the existing registration") && said.contains("elsewhere"), "{said}");
        // For both families of systems.
        assert_eq!(project.read("config.toml").matches("elsewhere").count(), 2 * Event::ALL.len());
    }
}

/// As it is registered now, with those options.
fn new_project_registration() -> String {
    let project = Project::new();
    let options = ["--fail-mode", "closed", "--base-url", "https://elsewhere.example"];
    project.install(&options).succeeds("install");
    project.read("config.toml")
}

#[test]
fn a_repositorys_token_file_is_kept_only_where_somebody_agrees() {
    let project = Project::new();
    let token = project.home.path().join("token");
    std::fs::write(&token, "planted\n").unwrap();
    let option = ["--token-file", token.to_str().unwrap()];
    project.install(&option).succeeds("install");
    let before = project.read("config.toml");
    let said = project.install(&[]).refuses();
    assert!(said.contains("--token-file ") && said.contains("--keep-options"), "{said}");
    assert!(!said.contains("planted"), "{said}");
    assert_eq!(project.read("config.toml"), before);
    project.install(&["--keep-options"]).succeeds("agreed");
    assert_eq!(project.read("config.toml").matches("--token-file").count(), 2 * Event::ALL.len());
}

#[test]
fn a_repositorys_matcher_is_an_option_too() {
    let project = Project::new();
    project.install(&["--matcher", "Bash"]).succeeds("install");
    let said = project.install(&[]).refuses();
    assert!(said.contains("--matcher Bash"), "{said}");
    project.install(&["--matcher", ".*"]).succeeds("given again");
    assert_eq!(project.read("config.toml").matches("matcher = \".*\"").count(), 2);
}

#[test]
fn a_matcher_is_kept_for_a_user() {
    let home = Home::new();
    home.run(&[&INSTALL[..], &["--matcher", "Bash|mcp__.*", "--post-strict"]].concat()).succeeds("install");
    let before = home.read("config.toml");
    let said = home.run(&INSTALL).succeeds("again");
    assert!(said.contains("--matcher Bash|mcp__.*") && said.contains("--post-strict true"), "{said}");
    assert_eq!(home.read("config.toml"), before);
}

#[test]
fn a_registration_of_version_0_1_0_is_upgraded_in_place_and_can_be_uninstalled() {
    let home = Home::new();
    let binary = home.binary();
    let old = old_registration(binary.to_str().unwrap(), " --fail-mode closed");
    home.write("config.toml", format!("# mine\n{old}").as_bytes());
    home.run(&["uninstall", "--scope", "user"]).succeeds("uninstall");
    assert!(!home.read("config.toml").contains("f5-guard"), "{}", home.read("config.toml"));

    home.write("config.toml", old.as_bytes());
    let said = home.run(&INSTALL).succeeds("upgrade");
    assert!(said.contains("Kept from the existing registration") && !said.contains("LOOKS LIKE"), "{said}");
    let text = home.read("config.toml");
    assert_eq!(
        (text.matches("timeout = 60").count(), text.matches("timeout = 15").count()),
        (5, 0),
        "{text}"
    );
    assert_eq!(
        (text.matches("--fail-mode closed").count(), text.matches("hook-timeout").count()),
        (5, 0),
        "{text}"
    );

    let project = Project::new();
    project.write("config.toml", &old_project_registration(""));
    project.install(&[]).succeeds("upgrade of a project");
    let text = project.read("config.toml");
    assert_eq!((text.matches("timeout = 60").count(), text.matches("command -v").count()), (5, 0), "{text}");
    project.write("config.toml", &old_project_registration(""));
    project.uninstall();
    assert!(!project.read("config.toml").contains("f5-guard"), "{}", project.read("config.toml"));
}

#[test]
fn a_replaced_registration_that_was_trusted_is_said_to_need_trust_again() {
    let home = Home::new();
    let old = old_registration(home.binary().to_str().unwrap(), "");
    home.write("config.toml", old.as_bytes());
    let said = home.run(&INSTALL).succeeds("upgrade without trust");
    assert!(!said.contains("that you had trusted"), "{said}");
    let key = Value::from(format!("{}:stop:0:0", home.codex().join("config.toml").display()));
    home.write("config.toml", format!("{old}[hooks.state.{key}]\ntrusted_hash = \"sha256:1\"\n").as_bytes());
    let said = home.run(&INSTALL).succeeds("upgrade");
    assert!(said.contains("that you had trusted") && said.contains("once"), "{said}");
    let said = home.run(&INSTALL).succeeds("again, with nothing to change");
    assert!(!said.contains("that you had trusted"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_home_that_is_named_otherwise_than_before_has_no_second_registration() {
    let home = Home::new();
    let link = home.path().join("link");
    std::os::unix::fs::symlink(home.codex(), &link).unwrap();
    let home = home.set("CODEX_HOME", link.to_str().unwrap());
    home.run(&INSTALL).succeeds("through a link");
    let real = home.codex();
    let home = home.set("CODEX_HOME", real.to_str().unwrap());
    let said = home.run(&INSTALL).succeeds("by its own name");
    assert!(!said.contains("LOOKS LIKE"), "{said}");
    let text = home.read("config.toml");
    assert_eq!(text.matches("[[hooks.Stop]]").count(), 1, "{text}");
    assert!(!text.contains("/link/"), "{text}");
}
