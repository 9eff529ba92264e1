//! The variables that the model's commands are kept from seeing, in every form that TOML has for the list.

use crate::codex::layers::ConfigFormat;
use crate::registration::{
    EditRecord, KnownBinaries, RemovalScope, Wanted, hidden_names, hides, install, remove, renew_record,
};

const FILE: ConfigFormat = ConfigFormat::ConfigToml;
const BOTH: &str = r#""F5_GUARDRAILS_API_TOKEN", "F5_GLOBAL_API_TOKEN""#;

fn hidden(text: &str) -> String {
    let wanted = Wanted { hidden: hidden_names(), ..Wanted::default() };
    install(FILE, Some(text.as_bytes()), &wanted, &KnownBinaries::default()).unwrap().text.unwrap()
}

fn record(before: &str, after: &str) -> EditRecord {
    let scope = RemovalScope::default();
    renew_record(FILE, Some(before.as_bytes()), after, &scope, &KnownBinaries::default()).unwrap()
}

fn removed(text: &str, record: Option<&EditRecord>) -> String {
    let scope = RemovalScope { record, ..RemovalScope::default() };
    remove(FILE, text.as_bytes(), &scope, &KnownBinaries::default()).unwrap().text.unwrap_or_default()
}

#[test]
fn each_form_of_the_list_is_extended_in_its_own_style() {
    for (before, after) in [
        ("", format!("[shell_environment_policy]\nexclude = [{BOTH}]\n")),
        ("a = 1", format!("a = 1\n\n[shell_environment_policy]\nexclude = [{BOTH}]\n")),
        (
            "[shell_environment_policy]\r\ninherit = \"core\" # mine\r\n\r\n[b]\r\n",
            format!(
                "[shell_environment_policy]\r\ninherit = \"core\" # mine\r\nexclude = [{BOTH}]\r\n\r\n[b]\r\n"
            ),
        ),
        (
            "[shell_environment_policy]\nexclude = ['AWS_*', ] # mine\n",
            "[shell_environment_policy]\nexclude = ['AWS_*', \"F5_GUARDRAILS_API_TOKEN\", \"F5_GLOBAL_API_TOKEN\" ] # mine\n".into(),
        ),
        (
            "[shell_environment_policy]\nexclude = [\n    \"AWS_*\", # cloud\n    # more\n]\n",
            "[shell_environment_policy]\nexclude = [\n    \"AWS_*\", # cloud\n    \"F5_GUARDRAILS_API_TOKEN\",\n    \"F5_GLOBAL_API_TOKEN\",\n    # more\n]\n".into(),
        ),
        (
            "shell_environment_policy = { inherit = \"all\" }\n",
            format!("shell_environment_policy = {{ inherit = \"all\", exclude = [{BOTH}] }}\n"),
        ),
        (
            "shell_environment_policy.exclude = []\nx = 1\n",
            format!("shell_environment_policy.exclude = [{BOTH}]\nx = 1\n"),
        ),
        (
            "shell_environment_policy.inherit = \"all\"\n",
            format!("shell_environment_policy.inherit = \"all\"\nshell_environment_policy.exclude = [{BOTH}]\n"),
        ),
        (
            "[shell_environment_policy.set]\nA = \"1\"\n",
            format!("[shell_environment_policy.set]\nA = \"1\"\n\n[shell_environment_policy]\nexclude = [{BOTH}]\n"),
        ),
    ] {
        let got = hidden(before);
        assert_eq!(got, after, "{before}");
        assert!(hides(FILE, got.as_bytes()).unwrap(), "{got}");
        assert_eq!(hidden(&got), got, "a second run changes nothing");
        assert_eq!(removed(&got, Some(&record(before, &got))), before, "{got}");
    }
}

#[test]
fn a_pattern_that_covers_the_names_will_do() {
    for text in [
        "[shell_environment_policy]\nexclude = [\"F5_*\"]\n",
        "shell_environment_policy.exclude = ['*token*']\n",
    ] {
        assert_eq!(hidden(text), text);
    }
    let partly = "[shell_environment_policy]\nexclude = [\"F5_GLOBAL_*\"]\n";
    assert_eq!(
        hidden(partly),
        "[shell_environment_policy]\nexclude = [\"F5_GLOBAL_*\", \"F5_GUARDRAILS_API_TOKEN\"]\n"
    );
}

#[test]
fn where_the_record_no_longer_fits_exactly_our_names_go() {
    let mine = "[shell_environment_policy]\nexclude = [\"A\"]\n";
    let after = hidden(mine);
    let touched = after.replace("\"A\", ", "\"A\", \"B\", ");
    assert_eq!(
        removed(&touched, Some(&record(mine, &after))),
        "[shell_environment_policy]\nexclude = [\"A\", \"B\"]\n"
    );
    let after = hidden("a = 1\n");
    let touched = after.replace("exclude", "inherit = \"all\"\nexclude");
    assert_eq!(
        removed(&touched, Some(&record("a = 1\n", &after))),
        "a = 1\n\n[shell_environment_policy]\ninherit = \"all\"\n"
    );
    let touched = after.replace("[shell", "# a note\n[shell").replace("exclude", "  exclude");
    assert_eq!(removed(&touched, Some(&record("a = 1\n", &after))), "a = 1\n\n# a note\n");
}

#[test]
fn names_that_the_user_had_before_stay() {
    let mine = "[shell_environment_policy]\nexclude = [\"F5_GLOBAL_API_TOKEN\"]\n";
    let after = hidden(mine);
    let touched = after.replace("[\"F5_GLOBAL", "[\"X\", \"F5_GLOBAL");
    assert_eq!(
        removed(&touched, Some(&record(mine, &after))),
        "[shell_environment_policy]\nexclude = [\"X\", \"F5_GLOBAL_API_TOKEN\"]\n"
    );
    // Without a record nobody knows whose they are.
    assert_eq!(removed(&after, None), after);
}

#[test]
fn what_is_not_a_list_is_refused_with_its_place() {
    for (text, place) in [
        ("shell_environment_policy = 1\n", "`shell_environment_policy`"),
        ("shell_environment_policy.exclude = \"A\"\n", "`shell_environment_policy.exclude`"),
    ] {
        let wanted = Wanted { hidden: hidden_names(), ..Wanted::default() };
        let error = install(FILE, Some(text.as_bytes()), &wanted, &KnownBinaries::default()).unwrap_err();
        assert!(error.to_string().contains(place), "{error}");
    }
}
