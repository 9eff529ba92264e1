//! What the doctor says: findings, and the verdict that follows from them.

use crate::event::Event;

/// How bad a finding is; `Ord` ranks the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Note,
    /// To be mended, but hooks scan all the same.
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
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FindingId { $($(#[$doc])* $id,)* }

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
    TwoFiles => "two-files",
    TimeoutTooShort => "timeout-too-short",
    OldRegistration => "old-registration",
    ScanTimeCut => "scan-time-cut",
    Matcher => "matcher",
    FlagsDiffer => "flags-differ",
    BinaryMissing => "binary-missing",
    BinaryUnusable => "binary-unusable",
    BinaryDiffers => "binary-differs",
    CommandFails => "command-fails",
    CommandSlow => "command-slow",
    CommandNotRun => "command-not-run",
    Writable => "writable",
    Setting => "setting",
    Token => "token",
    TokenVisible => "token-visible",
    FailOpen => "fail-open",
    Certificates => "certificates",
    KeyLog => "key-log",
    LogFile => "log-file",
    LogOff => "log-off",
    LogProblems => "log-problems",
    DesktopApps => "desktop-apps",
    BackgroundServer => "background-server",
    Outage => "outage",
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

/// All findings, worst first, and the verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub verdict: Verdict,
    pub findings: Vec<Finding>,
}

impl Report {
    /// Says once what is true of several hooks, and sorts.
    pub(super) fn new(all: Vec<Finding>) -> Self {
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
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let verdict = match findings.first().map(|finding| finding.severity) {
            Some(Severity::Problem) => Verdict::NotProtected,
            Some(Severity::Unknown) => Verdict::CannotTell,
            Some(Severity::Warning | Severity::Note) | None => Verdict::Protected,
        };
        Self { verdict, findings }
    }
}
