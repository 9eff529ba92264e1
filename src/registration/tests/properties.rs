//! Properties of installing and removing, over generated documents in every style that TOML and JSON have for hooks.

use crate::codex::layers::ConfigFormat;
use crate::event::Event;
use crate::registration::model::EventGroups;
use crate::registration::{
    KnownBinaries, Launcher, Owner, Python, Registration, RegistrationOptions, RemovalScope, Wanted,
    hidden_names, install, registered, remove, renew_record,
};
use crate::settings::Enforced;
use proptest::prelude::*;

const EVENTS: [&str; 6] =
    ["UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SubagentStop", "SessionStart"];

const OLD: &str = "/old/hooks/f5_guardrails/f5-guard";
const NEW: &str = "/home/ann/.codex/hooks/f5_guardrails/f5-guard";

fn places() -> KnownBinaries {
    KnownBinaries { binaries: vec![OLD.into(), NEW.into()], python: Python::TakenOver }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Hook {
    Foreign,
    Lookalike,
    Python,
    Ours,
}

impl Hook {
    /// As it stands under this event.
    fn command(self, event: &str) -> String {
        let known = Event::from_name(event).unwrap_or(Event::Stop);
        match self {
            Self::Foreign => "bash \\\"$HOME/audit it.sh\\\"".to_owned(),
            Self::Lookalike => "f5-guard stop".to_owned(),
            Self::Python => format!("python3 /h/.codex/hooks/f5_guardrails/{}", known.python_script()),
            Self::Ours => format!("{OLD} {} --hook-timeout 9", known.subcommand()),
        }
    }
}

#[derive(Debug, Clone)]
struct Group {
    matcher: Option<&'static str>,
    hooks: Vec<Hook>,
}

#[derive(Debug, Clone, Copy)]
enum Style {
    /// `[[hooks.Stop]]`, and `[[hooks.Stop.hooks]]` or `hooks = […]` in it.
    Tables { inner: bool },
    /// `[hooks]`, `Stop = […]`.
    Static { lines: bool, comma: bool },
    /// `hooks = { Stop = […] }`.
    Inline,
    /// `hooks.Stop = […]`.
    Dotted,
}

#[derive(Debug, Clone)]
struct Config {
    style: Style,
    events: Vec<(&'static str, Vec<Group>)>,
    features: &'static str,
    policy: &'static str,
    noise: Vec<&'static str>,
    crlf: bool,
    bom: bool,
    final_newline: bool,
}

fn hook(ours: bool) -> impl Strategy<Value = Hook> {
    prop_oneof![
        4 => Just(Hook::Foreign),
        1 => Just(Hook::Lookalike),
        2 => Just(Hook::Python),
        1 => Just(if ours { Hook::Ours } else { Hook::Foreign }),
    ]
}

fn events(ours: bool) -> impl Strategy<Value = Vec<(&'static str, Vec<Group>)>> {
    let matcher = prop_oneof![Just(None), Just(Some(".*")), Just(Some("Bash|apply_patch"))];
    let group = (matcher, prop::collection::vec(hook(ours), 1..4))
        .prop_map(|(matcher, hooks)| Group { matcher, hooks })
        .boxed();
    prop::sample::subsequence(EVENTS.to_vec(), 0..=6).prop_flat_map(move |names| {
        let groups = prop::collection::vec(prop::collection::vec(group.clone(), 1..4), names.len());
        groups.prop_map(move |groups| names.iter().copied().zip(groups).collect())
    })
}

fn config(ours: bool) -> impl Strategy<Value = Config> {
    let style = prop_oneof![
        any::<bool>().prop_map(|inner| Style::Tables { inner }),
        (any::<bool>(), any::<bool>()).prop_map(|(lines, comma)| Style::Static { lines, comma }),
        Just(Style::Inline),
        Just(Style::Dotted),
    ];
    let features = prop::sample::select(vec![
        "",
        "features = { web = true, codex_hooks = false }\n",
        "features = {}\n",
        "features.codex_hooks = true # old\nfeatures.web = true\n",
        "[features]\nhooks = true\n",
        "\t[features] # flags\n\tcodex_hooks = true\n\thooks = false\n\n",
        "[features]\n",
        "[features.multi]\nenabled = true\n",
    ]);
    let policy = prop::sample::select(vec![
        "",
        "shell_environment_policy.exclude = ['A_*',] # mine\n",
        "shell_environment_policy.inherit = \"core\"\n",
        "shell_environment_policy = { exclude = [], set = { A = \"1\" } }\n",
        "shell_environment_policy = {}\n",
        "[shell_environment_policy]\n",
        "[shell_environment_policy]\nexclude = [\"f5_guardrails_api_token\"]\n",
        "[shell_environment_policy]\nexclude = [\n\t\"A\", # a\n\t# none yet\n\t'*SECRET*' # last\n]\nset.B = '2'\n",
        "[shell_environment_policy.set]\nA = \"1\"\n",
    ]);
    let noise = prop::sample::select(vec![
        "# a comment\n",
        "\n",
        "[mcp_servers.\"a b\"] # x\nargs = [\n  \"-y\", # [[hooks.Stop]]\n]\n",
        "[[skills.config]]\npath = 'C:\\x'\n",
        "[profiles.p.features]\nhooks = false\n",
        "[text]\nt = \"\"\"\n[[hooks.Stop]]\n\"\"\"\n",
    ]);
    let rest = (prop::collection::vec(noise, 0..6), any::<bool>(), any::<bool>(), any::<bool>());
    (style, events(ours), features, policy, rest).prop_map(
        |(style, events, features, policy, (mut noise, crlf, bom, final_newline))| {
            let mut seen = Vec::new();
            noise.retain(|text| {
                !text.contains("[mcp") && !text.contains("[prof") && !text.contains("[text") || {
                    let new = !seen.contains(text);
                    seen.push(*text);
                    new
                }
            });
            Config { style, events, features, policy, noise, crlf, bom, final_newline }
        },
    )
}

fn inline(event: &str, group: &Group) -> String {
    let hooks: Vec<String> = group
        .hooks
        .iter()
        .map(|hook| format!("{{ type = \"command\",command = \"{}\" }}", hook.command(event)))
        .collect();
    let matcher = group.matcher.map_or(String::new(), |matcher| format!("matcher = '{matcher}', "));
    format!("{{ {matcher}hooks = [{}]}}", hooks.join(", "))
}

fn toml(config: &Config) -> String {
    let list = |event: &str, groups: &[Group]| {
        groups.iter().map(|group| inline(event, group)).collect::<Vec<_>>().join(", ")
    };
    let mut root = String::new();
    let mut hooks = String::new();
    for (event, groups) in &config.events {
        match config.style {
            Style::Tables { inner } => {
                for group in groups {
                    hooks += &format!("[[hooks.{event}]]\n");
                    if let Some(matcher) = group.matcher {
                        hooks += &format!("matcher = \"{matcher}\" # tools\n");
                    }
                    if !inner {
                        hooks += &format!(
                            "  hooks = [{}]\n",
                            inline(event, group)
                                .split_once("hooks = [")
                                .unwrap()
                                .1
                                .trim_end_matches('}')
                                .trim_end_matches(']')
                        );
                        continue;
                    }
                    for hook in &group.hooks {
                        hooks += &format!(
                            "\n[[hooks.{event}.hooks]]\ntype = \"command\"\ncommand = \"{}\"\n",
                            hook.command(event)
                        );
                    }
                }
            }
            Style::Static { lines, comma } => {
                if hooks.is_empty() {
                    hooks += "[hooks]\n";
                }
                let comma = if comma { "," } else { "" };
                if lines {
                    let items = groups
                        .iter()
                        .map(|group| inline(event, group))
                        .collect::<Vec<_>>()
                        .join(", # next\n\t");
                    hooks += &format!("{event} = [\n\t{items}{comma} # last\n]\n");
                } else {
                    hooks += &format!("{event} = [{}{comma}]\n", list(event, groups));
                }
            }
            Style::Dotted => root += &format!("hooks.{event} = [ {} ]\n", list(event, groups)),
            Style::Inline => {}
        }
    }
    if matches!(config.style, Style::Inline) {
        let events: Vec<String> = config
            .events
            .iter()
            .map(|(event, groups)| format!("{event} = [{}]", list(event, groups)))
            .collect();
        root += &format!("hooks = {{ {} }} # inline\n", events.join(", "));
    }
    let in_root = config.features.starts_with("features");
    let (first, later) = if in_root { (config.features, "") } else { ("", config.features) };
    let policy_in_root = config.policy.starts_with("shell");
    let (first_policy, later_policy) = if policy_in_root { (config.policy, "") } else { ("", config.policy) };
    let half = config.noise.len() / 2;
    let text = [
        "model = \"x\"\n",
        first,
        first_policy,
        &root,
        &config.noise[..half].concat(),
        later,
        later_policy,
        &hooks,
        &config.noise[half..].concat(),
    ]
    .concat();
    finish(text, config.crlf, config.bom, config.final_newline)
}

fn finish(mut text: String, crlf: bool, bom: bool, final_newline: bool) -> String {
    if !final_newline {
        text.truncate(text.trim_end_matches('\n').len());
    }
    if crlf {
        text = text.replace('\n', "\r\n");
    }
    if bom { format!("\u{feff}{text}") } else { text }
}

/// JSON over lines, on one line, or anything between, as `widths` says.
fn json(events: &[(&'static str, Vec<Group>)], spaces: &[&str]) -> String {
    let mut turn = 0;
    let mut gap = || {
        turn += 1;
        spaces[turn % spaces.len()]
    };
    let mut out = format!("{{{}\"hooks\"{}:{}{{", gap(), gap(), gap());
    for (index, (event, groups)) in events.iter().enumerate() {
        out += &format!("{}{}\"{event}\":{}[", if index > 0 { "," } else { "" }, gap(), gap());
        for (index, group) in groups.iter().enumerate() {
            out += &format!("{}{}{{{}", if index > 0 { "," } else { "" }, gap(), gap());
            if let Some(matcher) = group.matcher {
                out += &format!("\"matcher\":\"{matcher}\"{},{}", gap(), gap());
            }
            out += &format!("\"hooks\":{}[", gap());
            for (index, hook) in group.hooks.iter().enumerate() {
                let comma = if index > 0 { "," } else { "" };
                let command = hook.command(event);
                out += &format!(
                    "{comma}{}{{\"type\":\"command\",{}\"command\":\"{command}\"{}}}",
                    gap(),
                    gap(),
                    gap()
                );
            }
            out += &format!("{}]{}}}", gap(), gap());
        }
        out += &format!("{}]", gap());
    }
    out + &format!("{}}}{}}}{}", gap(), gap(), gap())
}

fn wanted(file: ConfigFormat, mode: &str) -> Wanted {
    let options = RegistrationOptions {
        matcher: None,
        enforced: Enforced { fail_mode: Some(mode.into()), ..Enforced::default() },
    };
    let launcher = Launcher::Unix { binary: NEW.into() };
    Wanted {
        registration: Some(Registration::new(&options, &launcher, None).unwrap()),
        hooks_feature: file == ConfigFormat::ConfigToml,
        hidden: if file == ConfigFormat::ConfigToml { hidden_names() } else { Vec::new() },
        ..Wanted::default()
    }
}

fn hooks_of(events: &[EventGroups], kind: impl Fn(Owner) -> bool) -> Vec<(String, String)> {
    let mut hooks = Vec::new();
    for event in events {
        for handler in event.groups.iter().flat_map(|group| &group.handlers).filter(|h| kind(h.owner)) {
            hooks.push((event.event.clone(), handler.command().to_owned()));
        }
    }
    hooks.sort_by(|a, b| a.0.cmp(&b.0));
    hooks
}

fn check(file: ConfigFormat, text: &str) -> Result<(), TestCaseError> {
    let places = places();
    let read = |text: &str| registered(file, text.as_bytes(), &places).unwrap();
    let foreign = |owner: Owner| !owner.is_replaced();
    let before = read(text);
    let first = install(file, Some(text.as_bytes()), &wanted(file, "open"), &places);
    let first = first.map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
    let once = first.text.unwrap();
    let after = read(&once);
    prop_assert_eq!(hooks_of(&before, foreign), hooks_of(&after, foreign), "{}\n=>\n{}", text, once);
    prop_assert_eq!(hooks_of(&after, Owner::is_replaced).len(), 5, "{}\n=>\n{}", text, once);

    let again = install(file, Some(once.as_bytes()), &wanted(file, "open"), &places).unwrap();
    prop_assert!(!again.changed, "{}", once);

    let scope = RemovalScope::default();
    let record = renew_record(file, Some(text.as_bytes()), &once, &scope, &places).unwrap();
    let second = install(file, Some(once.as_bytes()), &wanted(file, "closed"), &places).unwrap();
    prop_assert!(second.moved.is_empty(), "an update in place moves nobody");
    let second = second.text.unwrap();
    let scope = RemovalScope { record: Some(&record), ..RemovalScope::default() };
    let record = renew_record(file, Some(once.as_bytes()), &second, &scope, &places).unwrap();
    let scope = RemovalScope { record: Some(&record), ..RemovalScope::default() };
    let removed = remove(file, second.as_bytes(), &scope, &places).unwrap();
    if hooks_of(&before, |owner| owner == Owner::Ours).is_empty() {
        prop_assert_eq!(removed.text.as_deref(), Some(text), "{}", second);
    }
    let bare = remove(file, second.as_bytes(), &RemovalScope::default(), &places).unwrap().text.unwrap();
    let bare = read(&bare);
    prop_assert_eq!(hooks_of(&bare, foreign), hooks_of(&before, foreign));
    prop_assert!(hooks_of(&bare, |owner| owner == Owner::Ours).is_empty());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn generated_toml_comes_back_to_the_byte(config in config(false)) {
        check(ConfigFormat::ConfigToml, &toml(&config))?;
    }

    #[test]
    fn generated_toml_with_hooks_of_ours_ends_with_one_each(config in config(true)) {
        check(ConfigFormat::ConfigToml, &toml(&config))?;
    }

    #[test]
    fn generated_json_comes_back_to_the_byte(
        events in events(false),
        spaces in prop::collection::vec(prop::sample::select(vec!["", " ", "\n", "\n  ", "\r\n\t", "\n    "]), 1..7),
    ) {
        check(ConfigFormat::HooksJson, &json(&events, &spaces))?;
    }

    #[test]
    fn generated_json_with_hooks_of_ours_ends_with_one_each(events in events(true)) {
        check(ConfigFormat::HooksJson, &json(&events, &["\n  ", " ", ""]))?;
    }
}
