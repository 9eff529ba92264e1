//! The built `f5-guard` over a corpus of configuration files: install, install again, uninstall, and every byte is as
//! before. Without a Codex; `install_live` does the same with the real one.

use std::fs;

use crate::install_support::{Home, corpus};
use f5_guard::internals::codex::layers::ConfigFormat;
use f5_guard::internals::event::Event;
use f5_guard::internals::registration::{Owner, registered};

fn name_of(file: ConfigFormat) -> &'static str {
    match file {
        ConfigFormat::ConfigToml => "config.toml",
        ConfigFormat::HooksJson => "hooks.json",
        ConfigFormat::RequirementsToml => "requirements.toml",
    }
}

/// How often each event is registered for us in the home, over both files; and how often for Python.
fn registrations(home: &Home) -> Vec<(usize, usize)> {
    let count = |event: Event, owner: Owner| {
        let of = |file: ConfigFormat| {
            let bytes = fs::read(home.codex().join(name_of(file))).unwrap_or_default();
            let events = registered(file, &bytes, &home.places()).unwrap();
            let groups =
                events.into_iter().filter(|found| found.event == event.name()).flat_map(|e| e.groups);
            groups.flat_map(|group| group.handlers).filter(|handler| handler.owner == owner).count()
        };
        of(ConfigFormat::ConfigToml) + of(ConfigFormat::HooksJson)
    };
    Event::ALL.map(|event| (count(event, Owner::Ours), count(event, Owner::Python))).into()
}

#[test]
fn every_file_of_the_corpus_comes_back_to_the_byte() {
    for (path, file, bytes) in corpus() {
        let home = Home::new();
        home.write(name_of(file), &bytes);
        let before = home.contents();
        let arguments = ["install", "--skip-smoketest", "--no-trust"];
        let story = path.display().to_string();

        home.run(&arguments).succeeds(&story);
        assert_eq!(registrations(&home), [(1, 0); 5], "{story}");
        let installed = home.contents();
        home.run(&arguments).succeeds(&story);
        home.is_as(&installed, &format!("a second run changes no byte: {story}"));
        home.run(&["uninstall"]).succeeds(&story);
        home.is_as(&before, &story);
    }
}

#[test]
fn a_changed_registration_and_a_changed_format_come_back_to_the_byte_too() {
    for (path, file, bytes) in corpus() {
        let home = Home::new();
        home.write(name_of(file), &bytes);
        let before = home.contents();
        let story = path.display().to_string();
        for arguments in [
            &["--format", "toml"][..],
            &["--format", "json", "--fail-mode", "closed"],
            &["--matcher", "Bash"],
        ] {
            let line = [&["install", "--skip-smoketest", "--no-trust"], arguments].concat();
            home.run(&line).succeeds(&story);
            assert_eq!(registrations(&home), [(1, 0); 5], "{story} {arguments:?}");
        }
        home.run(&["uninstall"]).succeeds(&story);
        home.is_as(&before, &story);
    }
}

#[test]
fn what_others_add_between_install_and_uninstall_stays() {
    for (path, file, bytes) in corpus().into_iter().filter(|(_, file, _)| *file == ConfigFormat::ConfigToml) {
        let home = Home::new();
        home.write(name_of(file), &bytes);
        home.run(&["install", "--skip-smoketest", "--no-trust", "--format", "toml"]).succeeds("install");
        let text = fs::read(home.codex().join("config.toml")).unwrap();
        let newline: &[u8] = if text.ends_with(b"\n") { b"" } else { b"\n" };
        let added = b"[profiles.added-later]\nmodel = \"x\"\n";
        home.write("config.toml", &[&text, newline, added].concat());

        home.run(&["uninstall"]).succeeds("uninstall");

        let left = fs::read(home.codex().join("config.toml")).unwrap();
        assert!(left.ends_with(added), "{}: {}", path.display(), String::from_utf8_lossy(&left));
        let events = registered(file, &left, &home.places()).unwrap();
        let ours =
            events.iter().flat_map(|e| &e.groups).flat_map(|g| &g.handlers).any(|h| h.owner == Owner::Ours);
        assert!(!ours, "{}", path.display());
    }
}

#[test]
fn a_dry_run_shows_the_very_change_and_writes_nothing() {
    for (path, file, bytes) in corpus() {
        let home = Home::new();
        home.write(name_of(file), &bytes);
        let before = home.contents();
        let said = home.run(&["install", "--dry-run"]).succeeds(&path.display().to_string());
        let said = said.replace("f5-guard.exe", "f5-guard");
        assert!(
            said.contains("+++ ") && said.contains("f5-guard' pre-tool-use")
                || said.contains("f5-guard pre-tool-use"),
            "{said}"
        );
        home.is_as(&before, &path.display().to_string());
        assert!(!home.codex().join("hooks").exists());
    }
}
