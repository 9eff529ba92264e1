//! Everything that the doctor looks at. Texts in here are already fit to be shown: no secrets, no control characters.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::proof::Proof;
use super::rows::SettingRow;
use crate::access::Writers;
use crate::codex::layers::{ConfigVerdict, HookSwitches, Layer};
use crate::codex::trust::HookStatus;
use crate::event::Event;
use crate::proof::Greeting;
use crate::settings::Budget;
use crate::settings::Source;
use crate::system::System;
use crate::transcript::Unread;

/// All facts of one examination.
#[derive(Debug, Clone)]
pub struct Facts {
    pub program: ThisProgram,
    /// The folder of the session that was asked about.
    pub folder: PathBuf,
    /// What was not looked at because others can change it and this is root, as sentences without a full stop.
    pub left_out: Vec<String>,
    /// Those of the hooks where they have been asked, else those that hooks would have with this environment.
    pub settings: Vec<SettingRow>,
    /// What the hooks have otherwise than this environment.
    pub differences: Vec<Difference>,
    /// What Codex did with the messages for each hook, or why none was sent.
    pub proof: Result<Proof, String>,
    pub codex: CodexFacts,
    pub files: Vec<FileFacts>,
    /// What runs f5-guard, or the Python integration: as Codex lists it or, where Codex could not be asked, as the files have it.
    pub hooks: Vec<HookFacts>,
    /// What looks like f5-guard and is not certain to be it, under whatever event.
    pub lookalikes: Vec<LookalikeFacts>,
    /// Where others' hooks for a tool's input are, that Codex runs beside ours.
    pub foreign: Vec<PathBuf>,
    pub writable: Vec<WritableFacts>,
    pub log: LogFacts,
    pub desktop: DesktopToken,
    pub visible: VisibleTokens,
    pub background: BackgroundServer,
    /// What was found out by speaking with that server, where one runs.
    pub in_background: Option<InBackground>,
    /// The profile that was asked about.
    pub profile: Option<String>,
    /// An outage that hooks remembered before the service was asked, in a sentence.
    pub outage: Option<String>,
    /// Why hooks could not scan the last session's file.
    pub transcript: Option<Unread>,
    pub service: ServiceFacts,
}

/// This f5-guard.
#[derive(Debug, Clone)]
pub struct ThisProgram {
    pub version: &'static str,
    /// `None` where the system does not say.
    pub path: Option<PathBuf>,
    pub system: System,
}

/// What is known of Codex.
#[derive(Debug, Clone)]
pub struct CodexFacts {
    /// The program, or why there is none.
    pub program: Result<PathBuf, String>,
    /// Its version, or why it is unknown. Means nothing without a program.
    pub version: Result<String, String>,
    /// Its home folder, or why it is unknown.
    pub home: Result<HomeFacts, String>,
    /// Whether it accepts its configuration; `None` where it was not asked.
    pub config: Option<ConfigVerdict>,
    /// The switches over all hooks; `None` where it could not be asked.
    pub switches: Option<HookSwitches>,
    /// What it said beside the hooks themselves, or why it could not be asked for them.
    pub listing: Result<ListingFacts, String>,
}

/// Codex's home folder.
#[derive(Debug, Clone)]
pub struct HomeFacts {
    pub path: PathBuf,
    /// `CODEX_HOME`, or the default.
    pub from: &'static str,
    pub exists: Existence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    Exists,
    Missing,
}

/// What Codex said besides its hooks.
#[derive(Debug, Clone, Default)]
pub struct ListingFacts {
    pub warnings: Vec<String>,
    pub errors: Vec<String>,
    pub unreadable: Vec<String>,
}

/// A file that can hold hooks.
#[derive(Debug, Clone)]
pub struct FileFacts {
    pub path: PathBuf,
    pub layer: Layer,
    pub content: FileContent,
}

#[derive(Debug, Clone)]
pub enum FileContent {
    Absent,
    /// It can't be read or understood, for this reason.
    Unusable(String),
    Read {
        /// Hooks of anybody.
        hooks: usize,
        /// Where it switches hooks off (`features.hooks`, a profile's).
        switched_off: Vec<String>,
        /// Of our events, the commands that run f5-guard, as they are shown.
        ours: Vec<(Event, String)>,
    },
}

/// One registered hook.
#[derive(Debug, Clone)]
pub struct HookFacts {
    pub event: Event,
    pub layer: Layer,
    pub place: PathBuf,
    /// As it may be shown.
    pub command: String,
    pub runner: Runner,
    pub matcher: Option<String>,
    /// How long Codex waits.
    pub timeout: Duration,
    /// What Codex makes of it; `None` where Codex could not be asked.
    pub status: Option<HookStatus>,
}

/// What a command runs.
#[derive(Debug, Clone)]
pub enum Runner {
    F5Guard(Box<CallFacts>),
    /// The Python integration.
    Python,
}

/// A hook that looks like f5-guard.
#[derive(Debug, Clone)]
pub struct LookalikeFacts {
    /// As Codex or the file names it.
    pub event: String,
    pub layer: Layer,
    pub place: PathBuf,
    /// As it may be shown.
    pub command: String,
    /// What Codex makes of it; `None` where Codex could not be asked, or does not list it.
    pub status: Option<HookStatus>,
    pub listed: Listed,
}

impl LookalikeFacts {
    /// Whether Codex runs it, as far as is known.
    pub fn may_run(&self) -> bool {
        let runs = |status: &HookStatus| status.protects() || *status == HookStatus::Asynchronous;
        self.listed == Listed::Yes && self.status.as_ref().is_none_or(runs)
    }
}

/// Whether Codex takes a hook from its file, as far as it could be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    Yes,
    No,
}

/// A command that runs f5-guard.
#[derive(Debug, Clone)]
pub struct CallFacts {
    /// The event that the subcommand is for.
    pub subcommand: Event,
    /// The enforcing flags, without `--hook-timeout`, as they are shown.
    pub flags: Vec<String>,
    /// The timeout that an older version wrote into the command.
    pub hook_timeout: Option<Duration>,
    /// The time of one scan with the settings that this command sees.
    pub budget: Budget,
    /// `F5_GUARDRAILS_TIMEOUT`, or the flag.
    pub scan_timeout: Duration,
    pub binary: BinaryFacts,
}

/// The binary that a command names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BinaryFacts {
    /// Byte for byte this program.
    Same {
        path: PathBuf,
    },
    /// Another f5-guard.
    Other {
        path: PathBuf,
        version: String,
    },
    Missing {
        path: PathBuf,
    },
    /// It is there and is not what it should be, for this reason ("cannot be run (…)").
    Unusable {
        path: PathBuf,
        why: String,
    },
    /// The command looks for it, or names none that can be looked at, for this reason.
    NotLookedAt {
        why: String,
    },
}

impl BinaryFacts {
    /// Where it is, or should be; `None` where that is not known.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Same { path }
            | Self::Other { path, .. }
            | Self::Missing { path }
            | Self::Unusable { path, .. } => Some(path),
            Self::NotLookedAt { .. } => None,
        }
    }
}

/// A managed path that must be the administrator's alone.
#[derive(Debug, Clone)]
pub struct WritableFacts {
    /// What was asked about.
    pub path: PathBuf,
    pub who: Writers,
}

/// The log file.
#[derive(Debug, Clone)]
pub struct LogFacts {
    pub file: LogFile,
    /// The last lines at `warn` and above, oldest first.
    pub problems: Vec<LogProblem>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogFile {
    /// Switched off, or nowhere to put it.
    None {
        by: Source,
    },
    Writable(PathBuf),
    NotWritable(PathBuf, String),
}

/// Which of the variables that hold tokens a command of the model sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VisibleTokens {
    /// Codex ran a command as it runs the model's, and it saw these.
    Seen(Vec<&'static str>),
    /// One of them is set here, and Codex could not be asked to run a command.
    NotProven,
    /// None is set here, and Codex could not be asked.
    NotAsked,
}

/// Whether programs that the desktop starts see the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DesktopToken {
    /// This system has no place of its own for that.
    NotApplicable,
    Set,
    NotSet,
    CannotTell,
}

/// The server that the terminal's `codex` leaves running, whose environment the hooks of later sessions get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackgroundServer {
    /// None runs, or none that could be found on this system.
    NotFound,
    /// Its hooks have the settings of the report.
    Same,
    /// Its hooks have these settings otherwise.
    Differs { process: u32, settings: Vec<Difference> },
    /// It runs, and its variables can't be seen.
    Unseen,
}

/// The background server's own sessions, and what its hooks have shown.
#[derive(Debug, Clone)]
pub struct InBackground {
    /// The folders of the sessions that are open in it.
    pub sessions: Vec<String>,
    /// What it did with the messages for each hook, or why none was sent.
    pub proof: Result<Proof, String>,
}

/// A setting that hooks have otherwise than this environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub name: Cow<'static, str>,
    /// Its value there, as it may be shown.
    pub value: String,
    /// Where it comes from there; empty where that is not known.
    pub source: String,
}

/// What came of the attempt to reach the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceFacts {
    Offline,
    /// A setting prevents it; its own finding says which.
    NotTried,
    Asked(Greeting),
}

/// One line at `warn` or above that tells of something other than a scan's verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogProblem {
    /// As the log has it (RFC 3339).
    pub time: String,
    pub level: String,
    pub text: String,
}
