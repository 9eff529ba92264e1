//! One thing wrong, and the finding that it leads to.

use std::path::PathBuf;

use super::*;
use crate::transcript::Unread;

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
        // No matter what answered in its place.
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
        (ObserveOnly, Problem, NotProtected, |f| with(f, "F5_GUARDRAILS_ENFORCEMENT", "observe")),
        (ProjectModes, Note, Protected, |f| with(f, "F5_GUARDRAILS_ENFORCEMENT", "project")),
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
        (CodexOld, Problem, NotProtected, |f| {
            f.codex.version = Ok("0.128.0".into());
            did_not_run(f, &ALL);
        }),
        (HooksOff, Problem, NotProtected, |f| {
            let content =
                FileContent::Read { hooks: 0, switched_off: vec!["features.hooks".into()], ours: vec![] };
            f.files.push(FileFacts { path: "/h/work.config.toml".into(), layer: Layer::User, content });
            f.profile = Some("work".into());
            did_not_run(f, &ALL);
        }),
        (BackgroundServer, Problem, NotProtected, |f| {
            let mut there = proof();
            there.events[1].1 = EventProof::Lost { runs: vec![] };
            in_background(f, Ok(there));
        }),
        (BackgroundServer, Warning, Protected, |f| in_background(f, Err("a proxy".into()))),
        (OpenSessions, Note, Protected, |f| {
            in_background(f, Ok(proof()));
            f.in_background.as_mut().unwrap().sessions = vec!["/w".into()];
        }),
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
        (Transcript, Warning, Protected, |f| {
            f.transcript = Some(Unread::Format { line: Some(7) });
        }),
        (Service, Problem, NotProtected, |f| {
            f.service = ServiceFacts::Asked(Greeting::Failed { why: "refused".into(), fix: "look".into() });
        }),
        (ServiceNotTried, Unknown, CannotTell, |f| f.service = ServiceFacts::Offline),
        (ServiceNotTried, Unknown, CannotTell, |f| f.service = ServiceFacts::NotTried),
        // A value that is replaced by another keeps no scan from being tried.
        (ServiceNotTried, Unknown, CannotTell, |f| {
            with(f, "F5_GUARDRAILS_TIMEOUT", "ten");
            f.service = ServiceFacts::Offline;
        }),
        (ServiceObjects, Unknown, CannotTell, |f| {
            f.service = ServiceFacts::Asked(Greeting::Objected { words: "flagged".into() });
        }),
    ]
};

/// A server runs in the background, and its hooks have shown this.
fn in_background(facts: &mut Facts, proof: Result<Proof, String>) {
    facts.in_background = Some(InBackground { sessions: vec![], proof });
}

pub(super) fn lookalike(facts: &mut Facts, status: Option<HookStatus>, listed: Listed) {
    let (event, command) = ("SessionStart".to_owned(), "./f5-guard stop".to_owned());
    let place = "/p/.codex/hooks.json".into();
    facts.lookalikes.push(LookalikeFacts { event, layer: Layer::Project, place, command, status, listed });
}

pub(super) fn differs(facts: &mut Facts, name: &'static str) {
    let source = "F5_GUARDRAILS_BASE_URL in /h/.env".to_owned();
    facts.differences.push(Difference { name: name.into(), value: "x".to_owned(), source });
}

pub(super) fn no_listing(facts: &mut Facts) {
    facts.proof = Err("Codex could not be asked".into());
    facts.codex.listing = Err("it hangs".into());
    facts.codex.switches = None;
    facts.hooks.iter_mut().for_each(|hook| hook.status = None);
}

pub(super) fn listing(facts: &mut Facts) -> &mut ListingFacts {
    facts.codex.listing.as_mut().unwrap()
}

pub(super) fn writable(facts: &mut Facts, who: Writers) {
    facts.writable.push(WritableFacts { path: PathBuf::from("/opt/f5/f5-guard"), who });
}

pub(super) fn with(facts: &mut Facts, name: &'static str, value: &'static str) {
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
