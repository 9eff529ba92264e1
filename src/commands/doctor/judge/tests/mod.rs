//! One healthy installation, and what the doctor says when one thing is wrong with it.

use std::time::Duration;

use super::judge as diagnose;
use super::settings::{Connection, differences, rows};
use crate::access::Writers;
use crate::codex::layers::{ConfigVerdict, HookSwitches, HooksFeature, Layer, OnlyManaged};
use crate::codex::trust::HookStatus;
use crate::commands::doctor::facts::{BackgroundServer as Background, *};
use crate::commands::doctor::finding::{FindingId, Report, Severity, State, Verdict};
use crate::commands::doctor::proof::{Answer, EventProof, LostRun, Proof};
use crate::commands::doctor::rows::SettingRow;
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::event::Event;
use crate::proof::{Greeting, Message, Nonce};
use crate::settings::{Enforced, Settings, Source};
use crate::system::System;

mod cases;

use cases::{lookalike, no_listing, with};

const CONFIG: &str = "/h/config.toml";
const BINARY: &str = "/h/hooks/f5_guardrails/f5-guard";
const HERE: [(&str, &str); 2] =
    [("F5_GUARDRAILS_API_TOKEN", "planted-token"), ("F5_GUARDRAILS_FAIL_MODE", "closed")];
const SECOND: Duration = Duration::from_secs(1);

fn settings(variables: &[(&str, &str)]) -> Vec<SettingRow> {
    let env = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
    let connection =
        Connection { proxy: None, trust: Ok(("the system's certificate store".into(), vec![])), token: None };
    rows(&Settings::read(&Enforced::default(), &env), &connection, &Sanitizer::new([]))
}

fn hook(event: Event) -> HookFacts {
    HookFacts {
        event,
        layer: Layer::User,
        place: CONFIG.into(),
        command: format!("{BINARY} {}", event.subcommand()),
        runner: Runner::F5Guard(Box::new(CallFacts {
            subcommand: event,
            flags: vec![],
            hook_timeout: None,
            budget: Settings::read(&Enforced::default(), &|_| None).budget(),
            scan_timeout: 10 * SECOND,
            binary: BinaryFacts::Same { path: BINARY.into() },
        })),
        matcher: event.has_matcher().then(|| ".*".to_owned()),
        timeout: 60 * SECOND,
        status: Some(HookStatus::Trusted),
    }
}

fn file(path: &str, layer: Layer, events: &[Event]) -> FileFacts {
    let ours: Vec<_> = events.iter().map(|event| (*event, hook(*event).command)).collect();
    let content = FileContent::Read { hooks: ours.len(), switched_off: vec![], ours };
    FileFacts { path: path.into(), layer, content }
}

fn healthy() -> Facts {
    Facts {
        program: ThisProgram { version: "1.0.0", path: Some(BINARY.into()), system: System::Unix },
        folder: "/w".into(),
        left_out: vec![],
        settings: settings(&HERE),
        differences: vec![],
        proof: Ok(proof()),
        codex: CodexFacts {
            program: Ok("/usr/bin/codex".into()),
            version: Ok("0.169.0".into()),
            home: Ok(HomeFacts { path: "/h".into(), from: "CODEX_HOME", exists: Existence::Exists }),
            config: Some(ConfigVerdict::Accepted),
            switches: Some(HookSwitches { feature: HooksFeature::On, only_managed: OnlyManaged::No }),
            listing: Ok(ListingFacts::default()),
        },
        files: vec![file(CONFIG, Layer::User, &Event::ALL)],
        hooks: Event::ALL.map(hook).into(),
        lookalikes: vec![],
        foreign: vec![],
        writable: vec![],
        log: LogFacts { file: LogFile::Writable("/h/logs/f5.log".into()), problems: vec![] },
        desktop: DesktopToken::NotApplicable,
        visible: VisibleTokens::Seen(vec![]),
        background: BackgroundServer::Same,
        in_background: None,
        profile: None,
        outage: None,
        transcript: None,
        service: ServiceFacts::Asked(Greeting::Cleared { milliseconds: 1000 }),
    }
}

/// Every hook answered.
fn proof() -> Proof {
    let proven = |target| {
        let report = Box::new(Answer::new(Nonce::random().unwrap(), target, vec![], vec![]));
        (target, EventProof::Proven { took: Duration::from_millis(9), report })
    };
    Proof { events: Message::TARGETS.map(proven).into(), greeting: None }
}

/// Codex ran no hook for the events at these places.
fn did_not_run(facts: &mut Facts, indices: &[usize]) {
    for index in indices {
        facts.proof.as_mut().unwrap().events[*index].1 = EventProof::DidNotRun;
    }
}

const ALL: [usize; 4] = [0, 1, 2, 3];

/// A hook of the user's file ran, and said so.
fn lost(facts: &mut Facts, status: &str, words: &str) {
    let run =
        LostRun { place: CONFIG.into(), status_message: None, status: status.into(), words: words.into() };
    facts.proof.as_mut().unwrap().events[1].1 = EventProof::Lost { runs: vec![run] };
}

/// Codex's server with these variables.
fn started_with(variables: &[(&str, &str)]) -> Background {
    let read = |variables: &[(&str, &str)]| {
        let env = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        Settings::read(&Enforced::default(), &env)
    };
    match differences(&read(&HERE), &read(variables), &Sanitizer::new([])) {
        differences if differences.is_empty() => Background::Same,
        settings => Background::Differs { process: 1, settings },
    }
}

#[test]
fn a_server_with_the_same_variables_is_no_finding_and_others_are_named_without_a_secret() {
    assert_eq!(started_with(&HERE), Background::Same);
    let text = |background| after(|f| f.background = background).findings[0].text.clone();
    let none = text(started_with(&[]));
    assert!(none.ends_with("have those: API token: not set; fail mode: open."), "{none}");
    let earlier = text(started_with(&[("F5_GUARDRAILS_API_TOKEN", "earlier-token"), HERE[1]]));
    assert!(earlier.ends_with("have those: API token: another one."), "{earlier}");
}

fn after(change: impl FnOnce(&mut Facts)) -> Report {
    let mut facts = healthy();
    change(&mut facts);
    diagnose(&facts)
}

/// Changes the call of the first hook.
fn call(facts: &mut Facts, change: impl FnOnce(&mut CallFacts)) {
    match &mut facts.hooks[0].runner {
        Runner::F5Guard(call) => change(call),
        other => panic!("{other:?}"),
    }
}

fn second(facts: &mut Facts, change: impl FnOnce(&mut HookFacts)) {
    let mut another = hook(Event::UserPromptSubmit);
    another.place = "/p/.codex/config.toml".into();
    another.layer = Layer::Project;
    change(&mut another);
    facts.hooks.push(another);
}

#[test]
fn a_healthy_installation_is_protected_and_has_no_findings() {
    let report = diagnose(&healthy());
    assert_eq!((report.verdict, report.findings), (Verdict::Protected, vec![]));
}

#[test]
fn unusable_certificates_are_a_problem_and_skipped_ones_a_warning() {
    let with = |trust| {
        let connection = Connection { proxy: None, trust, token: None };
        let env = |name: &str| (name == "F5_GUARDRAILS_API_TOKEN").then(|| "planted-token".into());
        let rows = rows(&Settings::read(&Enforced::default(), &env), &connection, &Sanitizer::new([]));
        let report = after(|facts| facts.settings = rows);
        let finding = report.findings.into_iter().find(|finding| finding.id == FindingId::Certificates);
        finding.map(|finding| finding.severity)
    };
    assert_eq!(with(Ok(("store".into(), vec![]))), None);
    assert_eq!(with(Ok(("store".into(), vec!["A bundle is missing.".into()]))), Some(Severity::Warning));
    assert_eq!(with(Err(("unusable".into(), "correct it".into()))), Some(Severity::Problem));
}

#[test]
fn what_is_true_of_all_hooks_is_said_once() {
    let report = after(|facts| {
        did_not_run(facts, &ALL);
        facts.hooks.iter_mut().for_each(|hook| hook.status = Some(HookStatus::Untrusted));
    });
    assert_eq!(report.findings.len(), 1, "{report:?}");
    assert_eq!(report.findings[0].events, Event::ALL);
}

#[test]
fn the_worst_comes_first_and_a_problem_outweighs_what_is_unknown() {
    let report = after(|facts| {
        did_not_run(facts, &[1]);
        facts.hooks[1].status = Some(HookStatus::Untrusted);
        facts.service = ServiceFacts::Offline;
        facts.background = Background::Unseen;
    });
    let severities: Vec<_> = report.findings.iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Severity::Problem, Severity::Unknown, Severity::Note]);
    assert_eq!(report.verdict.exit_code(), 1);
}

#[test]
fn the_state_says_what_is_missing() {
    let service = |facts: &mut Facts| {
        facts.service = ServiceFacts::Asked(Greeting::Failed { why: "refused".into(), fix: "look".into() });
    };
    let state = |change: &dyn Fn(&mut Facts)| after(change).state;
    assert_eq!(state(&|_| ()), State::Protected);
    assert_eq!(state(&service), State::NotScanning);
    assert_eq!(state(&|facts| with(facts, "F5_GUARDRAILS_API_TOKEN", "")), State::NotScanning);
    assert_eq!(state(&|facts| did_not_run(facts, &[0])), State::NotActive);
    let both = |facts: &mut Facts| {
        service(facts);
        did_not_run(facts, &[0]);
    };
    assert_eq!(state(&both), State::NotActive);
    assert_eq!(state(&|facts| lookalike(facts, None, Listed::Yes)), State::NotSafe);
    assert_eq!(state(&|facts| facts.proof = Err("--no-proof was given".into())), State::NotProven);
    assert_eq!(state(&|facts| facts.service = ServiceFacts::Offline), State::NotProven);
    let observes = |facts: &mut Facts| with(facts, "F5_GUARDRAILS_ENFORCEMENT", "observe");
    assert_eq!(state(&observes), State::Observing);
    let unproven = |facts: &mut Facts| {
        observes(facts);
        facts.proof = Err("--no-proof was given".into());
    };
    assert_eq!(state(&unproven), State::NotProven, "nobody saw that they observe");
    let not_scanning = |facts: &mut Facts| {
        observes(facts);
        service(facts);
    };
    assert_eq!(state(&not_scanning), State::NotScanning);
    let nothing_known = |facts: &mut Facts| {
        no_listing(facts);
        facts.left_out = vec!["others can change /h".into()];
        (facts.hooks, facts.files) = (vec![], vec![]);
        with(facts, "F5_GUARDRAILS_API_TOKEN", "");
    };
    assert_eq!(state(&nothing_known), State::Unknown);
}

/// The words on a setting where each hook has these flags and Codex makes this of it.
fn on_setting(id: FindingId, flags: &[&str], status: HookStatus) -> String {
    let report = after(|facts| {
        let (name, value) = match id {
            FindingId::FailOpen => ("F5_GUARDRAILS_FAIL_MODE", "open"),
            _ => ("F5_GUARDRAILS_ENFORCEMENT", "observe"),
        };
        with(facts, name, value);
        facts.hooks.iter_mut().for_each(|hook| hook.status = Some(status.clone()));
        call(facts, |call| call.flags = flags.iter().map(|&word| word.to_owned()).collect());
    });
    let found = report.findings.iter().find(|finding| finding.id == id).unwrap();
    format!("{}\n{}", found.text, found.fix)
}

#[test]
fn a_flag_that_is_registered_and_skipped_is_not_to_be_registered() {
    let trust =
        "\nStart `codex`, open /hooks and trust it, or run `f5-guard install --trust`, which asks Codex to.";
    let switch = "\nStart `codex`, open /hooks and switch it on.";
    for (id, flags, status, fix) in [
        (FindingId::FailOpen, &["--fail-mode", "closed"][..], HookStatus::Untrusted, trust),
        (FindingId::FailOpen, &["--timeout", "5", "--fail-mode=closed"], HookStatus::Modified, trust),
        (FindingId::FailOpen, &["--fail-mode", "closed"], HookStatus::Disabled, switch),
        (FindingId::ObserveOnly, &["--enforcement", "block"], HookStatus::Untrusted, trust),
    ] {
        let words = on_setting(id, flags, status);
        assert!(words.contains("but Codex skips them.") && words.ends_with(fix), "{words}");
        assert!(
            !words.contains("install --fail-mode") && !words.contains("install --enforcement"),
            "{words}"
        );
    }
    for (flags, status) in [
        (&["--fail-mode", "open"][..], HookStatus::Untrusted),
        (&["--fail-mode"], HookStatus::Untrusted),
        (&[], HookStatus::Untrusted),
        (&["--fail-mode", "closed"], HookStatus::Trusted),
    ] {
        let words = on_setting(FindingId::FailOpen, flags, status);
        assert!(words.contains("`f5-guard install --fail-mode closed`"), "{words}");
    }
}

#[test]
fn a_proof_outweighs_what_files_say() {
    // Another f5-guard, a variable in its path, a status that is new: Codex runs it all the same.
    for change in [
        (|facts| call(facts, |call| call.binary = BinaryFacts::NotLookedAt { why: "a variable".into() }))
            as fn(&mut Facts),
        |facts| facts.hooks[0].status = Some(HookStatus::Unknown("new".into())),
        |facts| facts.codex.switches.as_mut().unwrap().feature = HooksFeature::Off { by: CONFIG.into() },
    ] {
        assert_eq!(after(change).verdict, Verdict::Protected);
    }
}

/// The hook for commands answers with these rows, the others as they are here.
fn answers_otherwise(facts: &mut Facts, change: fn(&mut Vec<SettingRow>)) {
    let own = settings(&HERE);
    for (event, proof) in &mut facts.proof.as_mut().unwrap().events {
        let EventProof::Proven { report, .. } = proof else { continue };
        report.settings.clone_from(&own);
        if *event == Event::PreToolUse {
            change(&mut report.settings);
        }
    }
}

#[test]
fn hooks_that_differ_among_each_other_are_not_safe() {
    assert_eq!(after(|facts| answers_otherwise(facts, |_| ())).findings, []);
    let value = |facts: &mut Facts, name: &'static str, source: bool| {
        let EventProof::Proven { report, .. } = &mut facts.proof.as_mut().unwrap().events[1].1 else {
            return;
        };
        for row in report.settings.iter_mut().filter(|row| row.name == name) {
            *(if source { &mut row.source } else { &mut row.value }) = "otherwise".to_owned();
        }
    };
    for (name, source) in [
        ("base URL", false),
        ("project", false),
        ("API token", true),
        ("fail mode", false),
        ("proxy", false),
        ("trusted roots", false),
    ] {
        let report = after(|facts| {
            answers_otherwise(facts, |_| ());
            value(facts, name, source);
        });
        assert_eq!((report.state, report.verdict), (State::NotSafe, Verdict::NotProtected), "{name}");
        let finding = &report.findings[0];
        assert_eq!((finding.id, &finding.events[..]), (FindingId::HooksDiffer, &[Event::PreToolUse][..]));
        assert!(finding.text.contains(name) && finding.text.contains("otherwise"), "{}", finding.text);
    }
    // What only one of them reads, each is registered with.
    let report = after(|facts| {
        answers_otherwise(facts, |_| ());
        value(facts, "flagged tool output", false);
    });
    assert_eq!(report.findings, []);
    // A row that is missing is a difference, too.
    let report = after(|facts| answers_otherwise(facts, Vec::clear));
    assert_eq!(report.state, State::NotSafe);
}

#[test]
fn a_token_from_another_place_is_a_difference() {
    let here = settings(&HERE);
    let mut there = here.clone();
    assert_eq!(super::settings::differing(&here, &there), []);
    there.iter_mut().filter(|row| row.name == "API token").for_each(|row| row.source = "keyring".to_owned());
    assert_eq!(super::settings::differing(&here, &there)[0].source, "keyring");
}

#[test]
fn a_desktop_app_gets_the_token_in_its_systems_way() {
    let fix = |system| {
        let report = after(|facts| {
            facts.program.system = system;
            facts.desktop = DesktopToken::NotSet;
        });
        report.findings[0].fix.clone()
    };
    let macos = fix(System::MacOs);
    assert!(
        macos.contains("launchctl setenv") && macos.contains("quit") && macos.contains("relaunch"),
        "{macos}"
    );
    assert!(fix(System::Windows).contains("user environment"));
}

#[test]
fn rows_show_nothing_of_the_token_and_no_user_info() {
    let rows = settings(&[
        ("F5_GUARDRAILS_API_TOKEN", "planted-token"),
        ("F5_GUARDRAILS_BASE_URL", "https://ann:hunter2@h.example"),
    ]);
    let shown = format!("{rows:?}");
    assert!(shown.contains("value: \"set\"") && !shown.contains("13"), "{shown}");
    assert!(!shown.contains("planted") && !shown.contains("hunter2") && !shown.contains("ann:"), "{shown}");
}

#[test]
fn a_double_in_one_file_is_not_mended_by_taking_the_only_registration_away() {
    let report = after(|facts| facts.hooks.push(hook(Event::Stop)));
    let fix = &report.findings[0].fix;
    assert!(fix.contains("by hand"), "{fix}");
}

#[test]
fn the_manual_explains_every_finding() {
    let manual = include_str!("../../../../../docs/troubleshooting.md");
    for id in FindingId::ALL {
        assert!(manual.contains(&format!("`{}`", id.as_str())), "{}", id.as_str());
    }
}

#[test]
fn a_server_that_is_no_better_than_this_machine_is_no_finding_of_its_own() {
    let report = after(|facts| {
        did_not_run(facts, &ALL);
        facts.in_background = Some(InBackground { sessions: vec![], proof: facts.proof.clone() });
    });
    assert!(report.findings.iter().all(|finding| finding.id == FindingId::DidNotRun), "{report:?}");
    let untried = after(|facts| {
        facts.proof = Err("--no-proof was given".into());
        facts.in_background = Some(InBackground { sessions: vec![], proof: facts.proof.clone() });
    });
    assert!(untried.findings.iter().all(|finding| finding.id == FindingId::NotProven), "{untried:?}");
}
