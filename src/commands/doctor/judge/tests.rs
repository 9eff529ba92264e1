//! One healthy installation, and what the doctor says when one thing is wrong with it.

use std::path::PathBuf;
use std::time::Duration;

use super::judge as diagnose;
use super::settings::{Connection, differences, rows};
use crate::access::Writers;
use crate::codex::layers::{ConfigVerdict, HookSwitches, HooksFeature, OnlyManaged};
use crate::codex::trust::HookStatus;
use crate::commands::doctor::facts::{BackgroundServer as Background, *};
use crate::commands::doctor::finding::{FindingId, Report, Severity, State, Verdict};
use crate::commands::doctor::proof::{Answer, EventProof, LostRun, Proof};
use crate::commands::doctor::sanitizer::Sanitizer;
use crate::event::Event;
use crate::proof::{Message, Nonce};
use crate::settings::{Enforced, Settings, Source};
use crate::system::System;

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
        outage: None,
        transcript: None,
        service: ServiceFacts::Cleared { took: SECOND },
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

type Case = (FindingId, Severity, Verdict, fn(&mut Facts));

/// One thing wrong, the finding it leads to, and the verdict.
const CASES: &[Case] = {
    use FindingId::*;
    use Severity::*;
    use Verdict::*;
    &[
        (CodexMissing, Unknown, CannotTell, |f| {
            f.codex.program = Err("nowhere".into());
            no_listing(f);
        }),
        (CodexUnusable, Unknown, CannotTell, no_listing),
        (CodexUnusable, Warning, Protected, |f| f.codex.version = Err("node: not found".into())),
        (CodexHome, Unknown, CannotTell, |f| {
            no_listing(f);
            f.codex.home = Err("HOME is not set".into());
        }),
        (CodexHome, Warning, Protected, |f| {
            f.codex.home.as_mut().unwrap().exists = Existence::Missing;
        }),
        (AsRoot, Note, Protected, |f| f.left_out = vec!["others can change /w".into()]),
        (AsRoot, Unknown, CannotTell, |f| {
            no_listing(f);
            f.left_out = vec!["others can change /h".into()];
            f.codex.home = Err("it is not root's".into());
            f.codex.listing = Err("it was not asked".into());
        }),
        (NotRegistered, Unknown, CannotTell, |f| {
            no_listing(f);
            f.left_out = vec!["others can change /h".into()];
            f.codex.home = Err("it is not root's".into());
            f.codex.listing = Err("it was not asked".into());
            f.hooks = vec![];
            f.files = vec![];
        }),
        (ConfigRefused, Problem, NotProtected, |f| {
            did_not_run(f, &ALL);
            let message = "invalid type".to_owned();
            let file = Some(CONFIG.into());
            f.codex.config = Some(ConfigVerdict::Refused { file, position: Some((3, 7)), message });
        }),
        (ConfigRefused, Problem, NotProtected, |f| {
            did_not_run(f, &ALL);
            listing(f).errors.push("/c:1:1".into());
        }),
        // What Codex says of its files is not what it does.
        (ConfigRefused, Warning, Protected, |f| listing(f).errors.push("/c:1:1".into())),
        (ConfigFormat, Note, Protected, |f| {
            f.codex.config = Some(ConfigVerdict::CannotTell { reason: "too old".into() });
        }),
        (ConfigFormat, Warning, Protected, |f| {
            f.files.push(FileFacts {
                path: "/x".into(),
                layer: Layer::Project,
                content: FileContent::Unusable("permission denied".into()),
            });
        }),
        (HooksOff, Problem, NotProtected, |f| {
            did_not_run(f, &ALL);
            f.codex.switches.as_mut().unwrap().feature = HooksFeature::Off { by: CONFIG.into() };
        }),
        (HooksOff, Warning, Protected, |f| {
            let content =
                FileContent::Read { hooks: 0, switched_off: vec!["profile work".into()], ours: vec![] };
            f.files.push(FileFacts { path: "/x".into(), layer: Layer::Project, content });
        }),
        (ManagedOnly, Note, Protected, |f| {
            f.codex.switches.as_mut().unwrap().only_managed = OnlyManaged::Yes;
        }),
        (CodexWarning, Warning, Protected, |f| listing(f).warnings.push("two files".into())),
        (CodexWarning, Warning, Protected, |f| listing(f).unreadable.push("no trustStatus".into())),
        (NotRegistered, Problem, NotProtected, |f| {
            did_not_run(f, &[2]);
            f.hooks.remove(2);
        }),
        // Of a sub-agent's hook nothing is tried.
        (NotRegistered, Problem, NotProtected, |f| drop(f.hooks.remove(4))),
        (NotListed, Problem, NotProtected, |f| {
            did_not_run(f, &[2]);
            f.hooks.remove(2);
        }),
        (NotRegistered, Problem, NotProtected, |f| {
            no_listing(f);
            f.hooks.clear();
        }),
        (TrustUnknown, Unknown, NotProtected, |f| {
            did_not_run(f, &[0]);
            f.hooks[0].status = Some(HookStatus::Unknown("pending".into()));
        }),
        (TrustUnknown, Unknown, CannotTell, |f| {
            no_listing(f);
            f.hooks[0].status = None;
        }),
        (Untrusted, Problem, NotProtected, |f| {
            did_not_run(f, &[0]);
            f.hooks[0].status = Some(HookStatus::Untrusted);
        }),
        (Modified, Problem, NotProtected, |f| {
            did_not_run(f, &[0]);
            f.hooks[0].status = Some(HookStatus::Modified);
        }),
        (Disabled, Problem, NotProtected, |f| {
            did_not_run(f, &[0]);
            f.hooks[0].status = Some(HookStatus::Disabled);
        }),
        (Asynchronous, Problem, NotProtected, |f| {
            did_not_run(f, &[0]);
            f.hooks[0].status = Some(HookStatus::Asynchronous);
        }),
        (WrongEvent, Problem, NotProtected, |f| {
            did_not_run(f, &[0]);
            call(f, |call| call.subcommand = Event::Stop);
        }),
        (RegisteredTwice, Warning, Protected, |f| second(f, |_| ())),
        // Another entry scans the event, so that this one's trouble is no problem.
        (Untrusted, Warning, Protected, |f| {
            second(f, |hook| hook.status = Some(HookStatus::Untrusted));
        }),
        (PythonIntegration, Warning, Protected, |f| second(f, |hook| hook.runner = Runner::Python)),
        (NotRegistered, Problem, NotProtected, |f| {
            did_not_run(f, &[0]);
            f.hooks[0].runner = Runner::Python;
        }),
        // Whoever answered for it.
        (NotRegistered, Problem, NotProtected, |f| f.hooks[0].runner = Runner::Python),
        (NotRegistered, Problem, NotProtected, |f| drop(f.hooks.remove(0))),
        (Lookalike, Problem, NotProtected, |f| lookalike(f, Some(HookStatus::Trusted), Listed::Yes)),
        (Lookalike, Problem, NotProtected, |f| lookalike(f, Some(HookStatus::Untrusted), Listed::Yes)),
        (Lookalike, Problem, NotProtected, |f| lookalike(f, None, Listed::Yes)),
        (Lookalike, Warning, Protected, |f| lookalike(f, None, Listed::No)),
        (ForeignHook, Note, Protected, |f| f.foreign.push("/h/config.toml".into())),
        (TwoFiles, Warning, Protected, |f| {
            f.files.push(file("/h/hooks.json", Layer::User, &[Event::Stop]));
        }),
        (TimeoutTooShort, Problem, NotProtected, |f| f.hooks[0].timeout = 10 * SECOND),
        (OldRegistration, Warning, Protected, |f| f.hooks[0].timeout = 30 * SECOND),
        (OldRegistration, Warning, Protected, |f| call(f, |call| call.hook_timeout = Some(15 * SECOND))),
        (ScanTimeCut, Warning, Protected, |f| call(f, |call| call.budget.cut_by_hook = true)),
        (Matcher, Warning, Protected, |f| f.hooks[1].matcher = Some("Bash".into())),
        (Matcher, Problem, NotProtected, |f| {
            did_not_run(f, &[1]);
            f.hooks[1].matcher = Some("apply_patch".into());
        }),
        (FlagsDiffer, Warning, Protected, |f| {
            call(f, |call| call.flags = vec!["--fail-mode".into(), "closed".into()]);
        }),
        (BinaryMissing, Problem, NotProtected, |f| {
            did_not_run(f, &[0]);
            call(f, |call| call.binary = BinaryFacts::Missing { path: BINARY.into() });
        }),
        (BinaryUnusable, Problem, NotProtected, |f| {
            did_not_run(f, &[0]);
            let why = "is not executable".to_owned();
            call(f, |call| call.binary = BinaryFacts::Unusable { path: BINARY.into(), why });
        }),
        (BinaryUnusable, Unknown, CannotTell, |f| {
            no_listing(f);
            let why = "its path holds a variable".to_owned();
            call(f, |call| call.binary = BinaryFacts::NotLookedAt { why });
        }),
        (BinaryDiffers, Warning, Protected, |f| {
            let version = "0.9.0".to_owned();
            call(f, |call| call.binary = BinaryFacts::Other { path: BINARY.into(), version });
        }),
        (DidNotRun, Problem, NotProtected, |f| did_not_run(f, &[3])),
        // Another program's hook is not ours.
        (DidNotRun, Problem, NotProtected, |f| {
            lost(f, "completed", "");
            f.hooks[1].place = "/elsewhere".into();
        }),
        (BlockLost, Problem, NotProtected, |f| lost(f, "failed", "hook exited with code 127")),
        (BlockLost, Problem, NotProtected, |f| lost(f, "completed", "")),
        (BlockLost, Problem, NotProtected, |f| f.proof.as_mut().unwrap().events[3].1 = EventProof::Hung),
        (NotProven, Problem, NotProtected, |f| lost(f, "blocked", "f5-guard is not there.")),
        (NotProven, Unknown, CannotTell, |f| f.proof = Err("--no-proof was given".into())),
        (NotProven, Unknown, CannotTell, |f| {
            let why = "a foreign hook stopped it".to_owned();
            f.proof.as_mut().unwrap().events[1].1 = EventProof::NotReached { why };
        }),
        (HooksDiffer, Warning, Protected, |f| differs(f, "base URL")),
        (HooksDiffer, Note, Protected, |f| differs(f, "log level")),
        (Writable, Problem, NotProtected, |f| writable(f, Writers::Others(vec!["/opt".into()]))),
        (Writable, Warning, Protected, |f| writable(f, Writers::CannotTell("no access".into()))),
        (Setting, Warning, Protected, |f| with(f, "F5_GUARDRAILS_TIMEOUT", "ten")),
        (Setting, Problem, NotProtected, |f| with(f, "F5_GUARDRAILS_BASE_URL", "http://h.example")),
        (Token, Problem, NotProtected, |f| with(f, "F5_GUARDRAILS_API_TOKEN", "")),
        (Token, Problem, NotProtected, |f| with(f, "F5_GUARDRAILS_API_TOKEN", "with a blank")),
        (TokenVisible, Warning, Protected, |f| {
            f.visible = VisibleTokens::Seen(vec!["F5_GUARDRAILS_API_TOKEN"]);
        }),
        (TokenVisible, Note, Protected, |f| f.visible = VisibleTokens::NotProven),
        (FailOpen, Note, Protected, |f| with(f, "F5_GUARDRAILS_FAIL_MODE", "open")),
        (KeyLog, Warning, Protected, |f| with(f, "SSLKEYLOGFILE", "/tmp/keys")),
        (LogFile, Warning, Protected, |f| {
            f.log.file =
                crate::commands::doctor::facts::LogFile::NotWritable("/l".into(), "read-only".into());
        }),
        (LogOff, Note, Protected, |f| {
            f.log.file = crate::commands::doctor::facts::LogFile::None { by: Source::Flag("--log") };
        }),
        (LogProblems, Note, Protected, |f| {
            let text = "decision".to_owned();
            f.log.problems.push(LogProblem { time: "1".into(), level: "WARN".into(), text });
        }),
        (DesktopApps, Note, Protected, |f| f.desktop = DesktopToken::NotSet),
        (DesktopApps, Note, Protected, |f| f.desktop = DesktopToken::CannotTell),
        (BackgroundServer, Note, Protected, |f| f.background = Background::Unseen),
        (BackgroundServer, Problem, NotProtected, |f| f.background = started_with(&[])),
        (BackgroundServer, Problem, NotProtected, |f| {
            f.background = started_with(&[("F5_GUARDRAILS_API_TOKEN", "earlier-token")]);
        }),
        (BackgroundServer, Problem, NotProtected, |f| {
            f.background = started_with(&[("F5_GUARDRAILS_API_TOKEN", "planted-token")]);
        }),
        (BackgroundServer, Warning, Protected, |f| {
            f.background = started_with(&[HERE[0], HERE[1], ("F5_GUARDRAILS_LOG_LEVEL", "info")]);
        }),
        (Outage, Note, Protected, |f| f.outage = Some("Hooks could not reach it.".into())),
        (Outage, Warning, CannotTell, |f| {
            f.outage = Some("Hooks could not reach it.".into());
            f.service = ServiceFacts::Offline;
        }),
        (Transcript, Warning, Protected, |f| f.transcript = Some(7)),
        (Service, Problem, NotProtected, |f| {
            f.service = ServiceFacts::Failed { why: "refused".into(), fix: "look".into() };
        }),
        (ServiceNotTried, Unknown, CannotTell, |f| f.service = ServiceFacts::Offline),
        (ServiceNotTried, Unknown, CannotTell, |f| f.service = ServiceFacts::NotTried),
        // A value that is replaced by another keeps no scan from being tried.
        (ServiceNotTried, Unknown, CannotTell, |f| {
            with(f, "F5_GUARDRAILS_TIMEOUT", "ten");
            f.service = ServiceFacts::Offline;
        }),
        (ServiceObjects, Unknown, CannotTell, |f| {
            f.service = ServiceFacts::Objected { words: "flagged".into() };
        }),
    ]
};

fn lookalike(facts: &mut Facts, status: Option<HookStatus>, listed: Listed) {
    let (event, command) = ("SessionStart".to_owned(), "./f5-guard stop".to_owned());
    let place = "/p/.codex/hooks.json".into();
    facts.lookalikes.push(LookalikeFacts { event, layer: Layer::Project, place, command, status, listed });
}

fn differs(facts: &mut Facts, name: &'static str) {
    let source = "F5_GUARDRAILS_BASE_URL in /h/.env".to_owned();
    facts.differences.push(Difference { name: name.into(), value: "x".to_owned(), source });
}

fn no_listing(facts: &mut Facts) {
    facts.proof = Err("Codex could not be asked".into());
    facts.codex.listing = Err("it hangs".into());
    facts.codex.switches = None;
    facts.hooks.iter_mut().for_each(|hook| hook.status = None);
}

fn listing(facts: &mut Facts) -> &mut ListingFacts {
    facts.codex.listing.as_mut().unwrap()
}

fn writable(facts: &mut Facts, who: Writers) {
    facts.writable.push(WritableFacts { path: PathBuf::from("/opt/f5/f5-guard"), who });
}

fn with(facts: &mut Facts, name: &'static str, value: &'static str) {
    let mut variables = vec![(name, value)];
    for other in [("F5_GUARDRAILS_API_TOKEN", "planted-token"), ("F5_GUARDRAILS_FAIL_MODE", "closed")] {
        if other.0 != name {
            variables.push(other);
        }
    }
    facts.settings = settings(&variables);
}

#[test]
fn each_fault_leads_to_its_finding_and_verdict() {
    for (index, (id, severity, verdict, change)) in CASES.iter().enumerate() {
        let report = after(change);
        let found: Vec<_> = report.findings.iter().map(|finding| (finding.id, finding.severity)).collect();
        assert!(found.contains(&(*id, *severity)), "case {index}: no {id:?} {severity:?} in {found:?}");
        assert_eq!(report.verdict, *verdict, "case {index}, {id:?}: {found:?}");
    }
}

#[test]
fn every_finding_has_a_case_and_a_fix() {
    let mut without_a_case: Vec<FindingId> = FindingId::ALL.to_vec();
    for (.., change) in CASES {
        for finding in after(change).findings {
            without_a_case.retain(|id| *id != finding.id);
            assert!(!finding.text.is_empty(), "{finding:?}");
            // The service's own fix is the transport's sentence, here a word of the case.
            let is_sentence = finding.fix.ends_with('.') && finding.fix.len() > 10;
            assert!(is_sentence || finding.id == FindingId::Service, "{finding:?}");
        }
    }
    // Comes from the transport's notes, for which the row has a test of its own.
    assert_eq!(without_a_case, [FindingId::Certificates]);
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
    assert_eq!(with(Err(("unusable".into(), "mend it".into()))), Some(Severity::Problem));
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
        facts.service = ServiceFacts::Failed { why: "refused".into(), fix: "look".into() };
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
    let nothing_known = |facts: &mut Facts| {
        no_listing(facts);
        facts.left_out = vec!["others can change /h".into()];
        (facts.hooks, facts.files) = (vec![], vec![]);
        with(facts, "F5_GUARDRAILS_API_TOKEN", "");
    };
    assert_eq!(state(&nothing_known), State::Unknown);
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
    let manual = include_str!("../../../../docs/troubleshooting.md");
    for id in FindingId::ALL {
        assert!(manual.contains(&format!("`{}`", id.as_str())), "{}", id.as_str());
    }
}
