//! Installs into, updates and removes from every configuration file in `fixtures/configs`.

use std::path::{Path, PathBuf};

use crate::codex::layers::ConfigFormat;
use crate::event::Event;
use crate::registration::{
    EditRecord, KnownBinaries, Launcher, ManagedDirs, Owner, Python, Registration, RegistrationOptions,
    RemovalScope, Wanted, hidden_names, install, our_trust_keys, registered, remove, renew_record,
};
use crate::settings::Enforced;

const SOURCE: &str = "/home/ann/.codex/config.toml";

fn places() -> KnownBinaries {
    KnownBinaries { binaries: vec!["/opt/F5 Guardrails/f5-guard".into()], python: Python::TakenOver }
}

fn wanted(file: ConfigFormat, options: &RegistrationOptions) -> Wanted {
    let unix = Launcher::Unix { binary: "/opt/F5 Guardrails/f5-guard".into() };
    let windows = Launcher::Windows { binary: r"C:\ProgramData\F5\f5-guard.exe".into() };
    let managed = file == ConfigFormat::RequirementsToml;
    let places = managed.then_some(&windows);
    let dir = |dir: &str| managed.then(|| dir.to_owned());
    Wanted {
        registration: Some(Registration::new(options, &unix, places).expect("these values need no refusal")),
        hooks_feature: file != ConfigFormat::HooksJson,
        managed_dirs: ManagedDirs {
            managed_dir: dir("/opt/F5 Guardrails"),
            windows_managed_dir: dir(r"C:\ProgramData\F5"),
        },
        hidden: if file == ConfigFormat::ConfigToml { hidden_names() } else { Vec::new() },
    }
}

fn places_of(file: ConfigFormat) -> KnownBinaries {
    let mut places = places();
    if file == ConfigFormat::RequirementsToml {
        places.binaries.push(r"C:\ProgramData\F5\f5-guard.exe".into());
    }
    places
}

fn closed() -> RegistrationOptions {
    RegistrationOptions {
        matcher: Some("Bash|mcp__.*".into()),
        enforced: Enforced {
            fail_mode: Some("closed".into()),
            timeout: Some("90".into()),
            ..Enforced::default()
        },
    }
}

fn corpus() -> Vec<(PathBuf, ConfigFormat, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/configs");
    let kinds = [
        ("toml", ConfigFormat::ConfigToml),
        ("json", ConfigFormat::HooksJson),
        ("requirements", ConfigFormat::RequirementsToml),
    ];
    let mut found = Vec::new();
    for (folder, file) in kinds {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            found.push((path, file, bytes));
        }
    }
    assert!(found.len() > 30, "the corpus is there");
    found
}

fn installed(file: ConfigFormat, bytes: &[u8], options: &RegistrationOptions) -> String {
    let result = install(file, Some(bytes), &wanted(file, options), &places_of(file));
    let result = result.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)));
    result.text.unwrap()
}

fn record(file: ConfigFormat, before: &[u8], after: &str, old: Option<&EditRecord>) -> EditRecord {
    let scope = RemovalScope { record: old, ..RemovalScope::default() };
    renew_record(file, Some(before), after, &scope, &places_of(file)).unwrap()
}

fn removed(file: ConfigFormat, text: &str, record: Option<&EditRecord>) -> String {
    let keys = our_trust_keys(file, text.as_bytes(), SOURCE, &places_of(file)).unwrap();
    let managed_dirs = wanted(file, &RegistrationOptions::default()).managed_dirs;
    let scope = RemovalScope { trust_keys: &keys, record, managed_dirs };
    remove(file, text.as_bytes(), &scope, &places_of(file)).unwrap().text.unwrap_or_default()
}

/// Every line that is not ours, without the white space that separates sections.
fn kept_lines(text: &str) -> Vec<&str> {
    text.split('\n').filter(|line| !line.trim().is_empty()).collect()
}

#[test]
fn each_event_is_registered_once_and_nothing_of_python_is_left() {
    for (path, file, bytes) in corpus() {
        let text = installed(file, &bytes, &RegistrationOptions::default());
        let events = registered(file, text.as_bytes(), &places_of(file)).unwrap();
        for event in Event::ALL {
            let found = events.iter().find(|found| found.event == event.name()).unwrap();
            let owners: Vec<Owner> =
                found.groups.iter().flat_map(|group| &group.handlers).map(|handler| handler.owner).collect();
            let count = |owner| owners.iter().filter(|found| **found == owner).count();
            assert_eq!((count(Owner::Ours), count(Owner::Python)), (1, 0), "{}: {text}", path.display());
        }
    }
}

#[test]
fn a_second_run_changes_no_byte() {
    for (path, file, bytes) in corpus() {
        let once = installed(file, &bytes, &RegistrationOptions::default());
        let again = install(
            file,
            Some(once.as_bytes()),
            &wanted(file, &RegistrationOptions::default()),
            &places_of(file),
        );
        let again = again.unwrap();
        assert!(!again.changed, "{}", path.display());
        assert_eq!(again.text.as_deref(), Some(once.as_str()), "{}", path.display());
    }
}

#[test]
fn uninstall_after_install_gives_the_same_bytes() {
    for (path, file, bytes) in corpus() {
        let text = installed(file, &bytes, &RegistrationOptions::default());
        let record = record(file, &bytes, &text, None);
        assert_eq!(removed(file, &text, Some(&record)).as_bytes(), bytes, "{}", path.display());
    }
}

#[test]
fn uninstall_after_a_changed_reinstall_gives_the_bytes_of_before_the_first() {
    for (path, file, bytes) in corpus() {
        let first = installed(file, &bytes, &RegistrationOptions::default());
        let remembered = record(file, &bytes, &first, None);
        let second = installed(file, first.as_bytes(), &closed());
        assert!(second.contains("--fail-mode closed"), "{}", path.display());
        let remembered = record(file, first.as_bytes(), &second, Some(&remembered));
        assert_eq!(removed(file, &second, Some(&remembered)).as_bytes(), bytes, "{}", path.display());
    }
}

#[test]
fn a_changed_reinstall_says_what_a_fresh_install_says() {
    for (path, file, bytes) in corpus() {
        let first = installed(file, &bytes, &RegistrationOptions::default());
        let second = installed(file, first.as_bytes(), &closed());
        let fresh = installed(file, &bytes, &closed());
        let read = |text: &str| registered(file, text.as_bytes(), &places_of(file)).unwrap();
        assert_eq!(read(&second), read(&fresh), "{}", path.display());
    }
}

#[test]
fn uninstall_keeps_what_was_added_elsewhere_since() {
    for (path, file, bytes) in corpus() {
        if file == ConfigFormat::HooksJson {
            continue;
        }
        let text = installed(file, &bytes, &RegistrationOptions::default());
        let record = record(file, &bytes, &text, None);
        let added = "[added_since]\nx = 1 # by hand\n";
        let edited = format!("{text}{added}");
        let after = removed(file, &edited, Some(&record));
        assert!(after.ends_with(added), "{}: {after}", path.display());
        let original = String::from_utf8(bytes).unwrap();
        let rest = after.strip_suffix(added).unwrap().trim_end();
        assert_eq!(rest, original.trim_end(), "{}", path.display());
    }
}

#[test]
fn without_a_record_exactly_our_hooks_go() {
    for (path, file, bytes) in corpus() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = installed(file, &bytes, &RegistrationOptions::default());
        let after = removed(file, &text, None);
        let events = registered(file, after.as_bytes(), &places_of(file)).unwrap();
        let ours =
            events.iter().flat_map(|e| &e.groups).flat_map(|g| &g.handlers).any(|h| h.owner == Owner::Ours);
        assert!(!ours, "{name}: {after}");
        if name.contains("python") || name.contains("features") || file == ConfigFormat::HooksJson {
            continue; // these come back only with a record, or have another layout then
        }
        let original = String::from_utf8(bytes).unwrap();
        let before = kept_lines(&original);
        let mut after_lines = kept_lines(&after).into_iter().peekable();
        for line in before {
            let flag = line.contains("hooks = false")
                || line.contains("codex_hooks")
                || line.starts_with("features = {");
            let array = line.contains("[]")
                || line.contains("[ ]")
                || line.contains("{}")
                || ["PreToolUse = [", "]"].contains(&line);
            if flag || array {
                continue; // the flag stays on, and an array that only ours stood in goes
            }
            assert!(after_lines.any(|found| found.trim_end() == line.trim_end()), "{name}: {line}\n{after}");
        }
    }
}

#[test]
fn trust_that_codex_wrote_goes_with_the_hooks() {
    for (path, file, bytes) in corpus() {
        if file != ConfigFormat::ConfigToml {
            continue;
        }
        let text = installed(file, &bytes, &RegistrationOptions::default());
        let keys = our_trust_keys(file, text.as_bytes(), SOURCE, &places()).unwrap();
        assert_eq!(keys.len(), 5);
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let state = text.contains("[hooks.state");
        let inline = text.contains("hooks = {");
        if inline {
            continue; // Codex rewrites such a file when it adds trust; only the record can take that back
        }
        let mut trusted = text.clone();
        if !state {
            trusted.push_str(&format!("{newline}[hooks.state]{newline}"));
        }
        for key in &keys {
            trusted.push_str(&format!(
                "{newline}[hooks.state.\"{key}\"]{newline}trusted_hash = \"sha256:1\"{newline}"
            ));
        }
        // The user trusted the hooks in Codex itself, so the record knows nothing of it.
        let record = record(file, &bytes, &text, None);
        let scope = RemovalScope { trust_keys: &keys, record: None, managed_dirs: ManagedDirs::default() };
        let structural = remove(file, trusted.as_bytes(), &scope, &places()).unwrap().text.unwrap();
        assert!(!structural.contains("sha256:1"), "{}: {structural}", path.display());
        let scope = RemovalScope { record: Some(&record), ..scope };
        let after = remove(file, trusted.as_bytes(), &scope, &places()).unwrap().text.unwrap_or_default();
        assert_eq!(after.as_bytes(), bytes, "{}", path.display());
        // Our own install knows of it, and remembers the trust too.
        let remembered = EditRecord::between(Some(std::str::from_utf8(&bytes).unwrap()), &trusted);
        let scope = RemovalScope { record: Some(&remembered), ..scope };
        let after = remove(file, trusted.as_bytes(), &scope, &places()).unwrap();
        assert_eq!(after.text.unwrap_or_default().as_bytes(), bytes, "{}", path.display());
    }
}

#[test]
fn trust_goes_in_whatever_form_of_toml_it_is_written() {
    for (before, after) in [
        ("hooks.state.\"K\".trusted_hash = \"x\" # ours\na = 1\n", "a = 1\n"),
        ("[hooks]\n  state.K.trusted_hash = \"x\"\n  state.K.enabled = true\n[b]\n", "[hooks]\n[b]\n"),
        ("[hooks.state]\nK.enabled = true\nL.enabled = true\n", "[hooks.state]\nL.enabled = true\n"),
        (
            "[hooks.state]\nK = { trusted_hash = \"x\" }\nL.enabled = true\n",
            "[hooks.state]\nL.enabled = true\n",
        ),
        (
            "[hooks]\nstate = { L.enabled = true, K.enabled = true }\n",
            "[hooks]\nstate = { L.enabled = true }\n",
        ),
        (
            "hooks = { state.K.enabled = true, state.L.enabled = true, state . K . x = [1] }\n",
            "hooks = { state.L.enabled = true }\n",
        ),
        ("[hooks.state.K]\nenabled = true\n\n[hooks.state.L]\na.b = 1\n", "\n[hooks.state.L]\na.b = 1\n"),
        ("[hooks.state]\nK.a.b = 1\n\n[hooks.state.K.c]\nd = 1\n\n[e]\n", "\n[e]\n"),
    ] {
        let keys = ["K".to_owned()];
        let scope = RemovalScope { trust_keys: &keys, ..RemovalScope::default() };
        let removed = remove(ConfigFormat::ConfigToml, before.as_bytes(), &scope, &places());
        let removed = removed.unwrap_or_else(|error| panic!("{error}: {before}"));
        assert_eq!(removed.text.unwrap_or_default(), after, "{before}");
    }
}

/// What Codex makes of a file when it writes trust into it: LF, no byte order mark, and its records.
fn trusted_by_codex(text: &str, keys: &[String]) -> String {
    let mut trusted = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    if !trusted.is_empty() && !trusted.ends_with('\n') {
        trusted.push('\n');
    }
    if !trusted.contains("[hooks.state") {
        trusted.push_str("\n[hooks.state]\n");
    }
    for key in keys {
        trusted.push_str(&format!("\n[hooks.state.\"{key}\"]\ntrusted_hash = \"sha256:1\"\n"));
    }
    trusted
}

#[test]
fn what_codex_restyled_comes_back_to_the_byte() {
    let mut restyled = 0;
    for (path, file, bytes) in corpus() {
        let text = installed(file, &bytes, &RegistrationOptions::default());
        if file != ConfigFormat::ConfigToml || text.contains("hooks = {") {
            continue;
        }
        let remembered = record(file, &bytes, &text, None);
        let keys = our_trust_keys(file, text.as_bytes(), SOURCE, &places()).unwrap();
        let trusted = trusted_by_codex(&text, &keys);
        let scope = RemovalScope { trust_keys: &keys, record: Some(&remembered), ..RemovalScope::default() };
        let remembered = renew_record(file, Some(text.as_bytes()), &trusted, &scope, &places()).unwrap();
        assert_eq!(removed(file, &trusted, Some(&remembered)).as_bytes(), bytes, "{}", path.display());
        // And with a changed registration on top of it.
        let changed = installed(file, trusted.as_bytes(), &closed());
        let scope = RemovalScope { record: Some(&remembered), ..scope };
        let remembered = renew_record(file, Some(trusted.as_bytes()), &changed, &scope, &places()).unwrap();
        assert_eq!(removed(file, &changed, Some(&remembered)).as_bytes(), bytes, "{}", path.display());
        restyled += usize::from(bytes.contains(&b'\r') || bytes.starts_with(b"\xef\xbb\xbf"));
    }
    assert!(restyled >= 2, "{restyled} files had another style than Codex's");
}

#[test]
fn where_the_record_no_longer_fits_the_flag_that_we_added_goes_too() {
    let file = ConfigFormat::ConfigToml;
    for bytes in [
        &b"a = 1\n"[..],
        b"[features]\nweb = true\n",
        b"features.web = true\n",
        b"features = { web = true }\n",
    ] {
        let text = installed(file, bytes, &RegistrationOptions::default());
        let record = record(file, bytes, &text, None);
        let touched = text.replace("timeout = 60", "timeout = 61");
        assert_eq!(removed(file, &touched, Some(&record)).as_bytes(), bytes, "{text}");
    }
    let text = installed(file, b"[features]\nhooks = true\n", &RegistrationOptions::default());
    let record = record(file, b"[features]\nhooks = true\n", &text, None);
    let touched = text.replace("timeout = 60", "timeout = 61");
    assert_eq!(removed(file, &touched, Some(&record)), "[features]\nhooks = true\n");
}
