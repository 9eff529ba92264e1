//! What the doctor says: findings, and the verdict that follows from them.

use anstyle::Style;
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::terminal::{GREEN, RED, YELLOW};

/// How bad a finding is; `Ord` ranks the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Note,
    /// To be fixed, but hooks scan all the same.
    Warning,
    /// Whether hooks scan could not be found out.
    Unknown,
    /// Something is not scanned, or not as it was meant.
    Problem,
}

impl Severity {
    /// The word of the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Problem => "problem",
        }
    }
}

macro_rules! finding_ids {
    ($($(#[$doc:meta])* $id:ident => $word:literal,)*) => {
        /// The kinds of findings, with the stable words that scripts and the manual know them by.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum FindingId { $($(#[$doc])* #[serde(rename = $word)] $id,)* }

        impl FindingId {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$id,)*];

            /// The stable word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$id => $word,)* }
            }
        }
    };
}

finding_ids! {
    CodexMissing => "codex-missing",
    CodexUnusable => "codex-unusable",
    CodexOld => "codex-old",
    CodexHome => "codex-home",
    AsRoot => "as-root",
    ConfigRefused => "config-refused",
    ConfigFormat => "config-file",
    HooksOff => "hooks-off",
    ManagedOnly => "managed-only",
    CodexWarning => "codex-warning",
    NotRegistered => "not-registered",
    NotListed => "not-listed",
    TrustUnknown => "trust-unknown",
    Untrusted => "untrusted",
    Modified => "modified",
    Disabled => "disabled",
    Asynchronous => "asynchronous",
    WrongEvent => "wrong-event",
    RegisteredTwice => "registered-twice",
    PythonIntegration => "python-integration",
    Lookalike => "lookalike",
    ForeignHook => "foreign-hook",
    TwoFiles => "two-files",
    TimeoutTooShort => "timeout-too-short",
    OldRegistration => "old-registration",
    ScanTimeCut => "scan-time-cut",
    Matcher => "matcher",
    FlagsDiffer => "flags-differ",
    BinaryMissing => "binary-missing",
    BinaryUnusable => "binary-unusable",
    BinaryDiffers => "binary-differs",
    DidNotRun => "did-not-run",
    BlockLost => "block-lost",
    NotProven => "not-proven",
    HooksDiffer => "hooks-differ",
    Writable => "writable",
    Setting => "setting",
    Token => "token",
    TokenVisible => "token-visible",
    FailOpen => "fail-open",
    ObserveOnly => "observe-only",
    ProjectModes => "project-modes",
    Certificates => "certificates",
    KeyLog => "key-log",
    LogFile => "log-file",
    LogOff => "log-off",
    LogProblems => "log-problems",
    DesktopApps => "desktop-apps",
    BackgroundServer => "background-server",
    OpenSessions => "open-sessions",
    Outage => "outage",
    Transcript => "transcript",
    Service => "service",
    ServiceNotTried => "service-not-tried",
    ServiceObjects => "service-objects",
}

/// One thing found, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub id: FindingId,
    pub severity: Severity,
    /// The hooks it is about; none where it is about everything.
    pub events: Vec<Event>,
    /// What is so, in a sentence.
    pub text: String,
    /// What to do, in a sentence.
    pub fix: String,
}

impl Finding {
    pub(super) fn new(
        id: FindingId,
        severity: Severity,
        text: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { id, severity, events: Vec::new(), text: text.into(), fix: fix.into() }
    }

    pub(super) fn about(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }
}

/// The doctor's conclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All events are scanned.
    Protected,
    /// At least one is not.
    NotProtected,
    /// It could not be found out.
    CannotTell,
}

impl Verdict {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Protected => 0,
            Self::NotProtected => 1,
            Self::CannotTell => 2,
        }
    }

    /// The word of the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::NotProtected => "not_protected",
            Self::CannotTell => "cannot_tell",
        }
    }
}

/// What is true of this installation, in more detail than its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Codex ran the hooks and obeyed them, and they scan.
    Protected,
    /// Codex runs the hooks, and they can't scan.
    NotScanning,
    /// Codex does not run every hook, or does not obey it.
    NotActive,
    /// Codex runs the hooks and obeys them, and they let everything pass.
    Observing,
    /// Codex obeys the hooks, and something else is wrong.
    NotSafe,
    /// Hooks are registered, and whether they protect was not found out.
    NotProven,
    /// Nor was it found out whether they are registered.
    Unknown,
}

impl State {
    /// The best first.
    pub const ALL: [Self; 7] = [
        Self::Protected,
        Self::Observing,
        Self::NotScanning,
        Self::NotActive,
        Self::NotSafe,
        Self::NotProven,
        Self::Unknown,
    ];

    /// The word of the JSON report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::NotScanning => "not_scanning",
            Self::NotActive => "not_active",
            Self::Observing => "observing",
            Self::NotSafe => "not_safe",
            Self::NotProven => "not_proven",
            Self::Unknown => "unknown",
        }
    }

    /// How the text begins.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Protected => "PROTECTED",
            Self::NotScanning => "REGISTERED, NOT SCANNING",
            Self::NotActive => "NOT ACTIVE",
            Self::Observing => "OBSERVING, NOT BLOCKING",
            Self::NotSafe => "NOT PROTECTED",
            Self::NotProven => "REGISTERED, NOT PROVEN",
            Self::Unknown => "CANNOT TELL",
        }
    }

    /// The colour of the heading.
    #[must_use]
    pub fn style(self) -> Style {
        match self {
            Self::Protected => GREEN,
            Self::NotScanning | Self::NotActive | Self::NotSafe => RED,
            Self::Observing | Self::NotProven | Self::Unknown => YELLOW,
        }
    }
}

/// How far it was found out whether Codex runs and obeys the hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// All that can be proven were.
    Proven,
    /// At least one was not.
    NotProven,
    /// Nothing was tried.
    No,
}

/// All findings, worst first, and what follows from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub verdict: Verdict,
    pub state: State,
    pub findings: Vec<Finding>,
}

impl Report {
    /// Says once what is true of several hooks, and sorts. `all` are in the order in which one explains the next.
    pub(super) fn new(all: Vec<Finding>, tried: Tried) -> Self {
        let mut findings: Vec<Finding> = Vec::new();
        for finding in all {
            let same = |other: &&mut Finding| {
                (other.id, other.severity, &other.text, &other.fix)
                    == (finding.id, finding.severity, &finding.text, &finding.fix)
            };
            match findings.iter_mut().find(same) {
                Some(other) => {
                    let new = finding.events.into_iter().filter(|event| !other.events.contains(event));
                    let new: Vec<_> = new.collect();
                    other.events.extend(new);
                }
                None => findings.push(finding),
            }
        }
        findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.id.rank()));
        let verdict = match findings.first().map(|finding| finding.severity) {
            Some(Severity::Problem) => Verdict::NotProtected,
            Some(Severity::Unknown) => Verdict::CannotTell,
            Some(Severity::Warning | Severity::Note) | None => Verdict::Protected,
        };
        let has = |id: FindingId, severity: Severity| {
            findings.iter().any(|finding| finding.id == id && finding.severity >= severity)
        };
        let only = |of: &[FindingId]| {
            let mut problems = findings.iter().filter(|finding| {
                finding.severity == Severity::Problem && finding.id != FindingId::ObserveOnly
            });
            problems.all(|finding| of.contains(&finding.id))
        };
        let is_unknown = findings.iter().any(|finding| finding.severity == Severity::Unknown);
        let state = match verdict {
            Verdict::Protected => State::Protected,
            // What hooks do that observe is known only as far as it is known that they run.
            Verdict::NotProtected if only(&[]) && !is_unknown => State::Observing,
            Verdict::NotProtected if only(&[]) && has(FindingId::NotRegistered, Severity::Unknown) => {
                State::Unknown
            }
            Verdict::NotProtected if only(&[]) => State::NotProven,
            Verdict::CannotTell if has(FindingId::NotRegistered, Severity::Unknown) => State::Unknown,
            Verdict::CannotTell => State::NotProven,
            // Nor is it known that hooks are registered.
            Verdict::NotProtected
                if tried == Tried::No
                    && only(&FindingId::OF_SAFETY)
                    && has(FindingId::NotRegistered, Severity::Unknown) =>
            {
                State::Unknown
            }
            Verdict::NotProtected if tried != Tried::NotProven && only(&FindingId::OF_SCANS) => {
                State::NotScanning
            }
            Verdict::NotProtected if tried != Tried::NotProven && only(&FindingId::OF_SAFETY) => {
                State::NotSafe
            }
            Verdict::NotProtected => State::NotActive,
        };
        Self { verdict, state, findings }
    }

    /// Whether something is found from which the rest follows.
    #[must_use]
    pub fn has_root_cause(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.id.is_root_cause() && finding.severity >= Severity::Unknown)
    }
}

impl FindingId {
    /// What keeps hooks that run from scanning.
    const OF_SCANS: [Self; 5] =
        [Self::Token, Self::Setting, Self::Certificates, Self::Service, Self::BackgroundServer];
    /// What is wrong although hooks run and scan.
    const OF_SAFETY: [Self; 9] = [
        Self::Token,
        Self::Setting,
        Self::Certificates,
        Self::Service,
        Self::BackgroundServer,
        Self::HooksDiffer,
        Self::Lookalike,
        Self::Writable,
        Self::TimeoutTooShort,
    ];

    /// Causes of everything else come first, consequences last.
    fn rank(self) -> u8 {
        match self {
            Self::AsRoot
            | Self::CodexHome
            | Self::CodexMissing
            | Self::CodexUnusable
            | Self::CodexOld
            | Self::ConfigRefused
            | Self::HooksOff
            | Self::ManagedOnly => 0,
            Self::NotListed | Self::NotRegistered => 2,
            Self::DidNotRun | Self::BlockLost | Self::NotProven => 3,
            _ => 1,
        }
    }

    /// Whether this is the cause of what [`FindingId::is_consequence`] where both are found.
    #[must_use]
    pub fn is_root_cause(self) -> bool {
        self.rank() == 0
    }

    /// Whether this follows where a root cause is found.
    #[must_use]
    pub fn is_consequence(self) -> bool {
        self.rank() >= 2
    }
}
