//! Documents that are refused, with the place and the reason.

use crate::codex::layers::ConfigFormat;
use crate::registration::{
    KnownBinaries, Launcher, Registration, RegistrationOptions, RemovalScope, Wanted, install, remove,
};

fn refusal(file: ConfigFormat, bytes: &[u8]) -> String {
    let launcher = Launcher::Unix { binary: "/opt/f5-guard".into() };
    let registration = Registration::new(&RegistrationOptions::default(), &launcher, None).unwrap();
    let wanted = Wanted {
        registration: Some(registration),
        hooks_feature: file == ConfigFormat::ConfigToml,
        ..Wanted::default()
    };
    install(file, Some(bytes), &wanted, &KnownBinaries::default()).unwrap_err().to_string()
}

#[test]
fn invalid_toml_is_refused_with_line_and_column() {
    let message = refusal(ConfigFormat::ConfigToml, b"a = 1\n[features\nhooks = true\n");
    assert!(message.starts_with("line 2, column 10: not valid TOML"), "{message}");
    let message = refusal(ConfigFormat::ConfigToml, b"[a]\nb = 1\n\n[a]\nb = 2\n");
    assert!(message.starts_with("line 4, column 2: not valid TOML"), "{message}");
}

#[test]
fn invalid_json_is_refused_with_line_and_column() {
    let message = refusal(ConfigFormat::HooksJson, b"{\n  \"hooks\": {},\n}\n");
    assert_eq!(message, "line 3, column 1: not valid JSON: trailing comma");
    let message = refusal(ConfigFormat::HooksJson, b"{\n  // no comments\n  \"hooks\": {}\n}\n");
    assert!(message.starts_with("line 2, column 3: not valid JSON"), "{message}");
    let message = refusal(ConfigFormat::HooksJson, b"{\"hooks\": {\"Stop\": [], \"Stop\": []}}");
    assert_eq!(message, "line 1, column 24: not valid JSON: the key `Stop` stands twice in one object");
}

#[test]
fn a_file_that_codex_would_refuse_whole_is_refused() {
    let message = refusal(ConfigFormat::HooksJson, b"{\"version\": 1, \"hooks\": {}}");
    assert!(message.contains("the root key `version`"), "{message}");
    let message = refusal(ConfigFormat::HooksJson, "\u{feff}{\"hooks\": {}}".as_bytes());
    assert!(message.contains("byte order mark"), "{message}");
}

#[test]
fn unexpected_shapes_are_named_by_their_place() {
    let toml = |text: &str| refusal(ConfigFormat::ConfigToml, text.as_bytes());
    assert_eq!(toml("hooks = \"on\"\n"), "`hooks` should be a table but is a string");
    assert_eq!(toml("[hooks]\nStop = \"x\"\n"), "`hooks.Stop` should be an array but is a string");
    assert_eq!(toml("[hooks.Stop]\nx = 1\n"), "`hooks.Stop` should be an array but is a table");
    assert_eq!(toml("[hooks]\nStop = [1]\n"), "`hooks.Stop[0]` should be a table but is a number");
    assert_eq!(toml("features = []\n"), "`features` should be a table but is an array");
    assert_eq!(toml("[features]\nhooks = 1\n"), "`features.hooks` should be a boolean but is a number");
    assert_eq!(
        toml("[[hooks.Stop]]\nhooks = [{ command = \"a\" }, 1]\n"),
        "`hooks.Stop[0].hooks[1]` should be a table but is a number"
    );
    let message = refusal(ConfigFormat::HooksJson, b"[]");
    assert_eq!(message, "`(the whole document)` should be a table but is an array");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert_eq!(
        refusal(ConfigFormat::ConfigToml, b"a = \"\xe9\"\n"),
        "line 1, column 6: this is not UTF-8 text"
    );
}

#[test]
fn a_removal_refuses_what_it_cannot_read() {
    let error = remove(ConfigFormat::ConfigToml, b"= 1", &RemovalScope::default(), &KnownBinaries::default());
    assert!(error.is_err());
}
