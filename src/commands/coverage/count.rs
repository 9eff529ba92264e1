//! Counts the texts of sessions: scanned before the model was given them, at the next prompt or tool, or never.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use serde::Serialize;

use super::log::Calls;
use crate::clock;
use crate::transcript::lines::Line;
use crate::transcript::state::{Cleared, How, Index, OwnWords};
use crate::transcript::texts::{self, Record, Text};
use crate::transcript::{Seal, Source, Store, Transcript, own_words};

/// So many names of tools of one session's calls are kept.
const MOST_CALLS: usize = 1000;

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    All,
    Session(String),
}

/// How much of what the model was given was scanned. The names are those of `coverage --json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Coverage {
    pub version: &'static str,
    /// Sub-agents are of their session.
    pub sessions: usize,
    pub files: usize,
    /// Files that could not be read, or not whole.
    pub unreadable: usize,
    #[serde(flatten)]
    pub all: Tally,
    /// Of all texts those that were scanned before the model was given them; `None` without any.
    pub percent: Option<f64>,
    pub kinds: Vec<Row>,
    pub reasons: Vec<Reason>,
}

/// How many texts, and when they were scanned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub texts: u64,
    /// Before the model was given them.
    pub before: u64,
    /// At the next prompt or tool call, after the model was given them once.
    pub later: u64,
    pub never: u64,
}

/// Texts of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    pub kind: String,
    #[serde(flatten)]
    pub tally: Tally,
}

/// Why texts were not scanned before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    pub reason: String,
    pub later: u64,
    pub never: u64,
}

/// Adds up files.
pub struct Counter<'a> {
    store: &'a Store,
    wanted: Wanted,
    calls: Calls,
    key: Option<[u8; 32]>,
    sessions: BTreeSet<String>,
    kinds: BTreeMap<&'static str, Tally>,
    reasons: BTreeMap<String, (u64, u64)>,
    coverage: Coverage,
}

/// When a text was scanned, seen from the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Before,
    Later,
    Never,
}

/// A text that the model was not given yet.
struct Pending {
    kind: &'static str,
    cleared: Option<Cleared>,
    reason: String,
}

/// The id of a file's session, which sub-agents share.
pub fn session_of(store: &Store, path: &Path) -> Option<String> {
    let file = Transcript::open(path, Some(store.home())).ok()?;
    let mut lines = file.lines(0).ok()?;
    match lines.next_line().ok()?? {
        Line::Whole(line) => texts::session_id(line),
        _ => None,
    }
}

impl<'a> Counter<'a> {
    pub fn new(store: &'a Store, wanted: Wanted, calls: Calls) -> Self {
        Self {
            store,
            wanted,
            calls,
            key: store.key().ok(),
            sessions: BTreeSet::new(),
            kinds: BTreeMap::new(),
            reasons: BTreeMap::new(),
            coverage: Coverage { version: env!("CARGO_PKG_VERSION"), ..Coverage::default() },
        }
    }

    pub fn is_empty(&self) -> bool {
        self.coverage.files == 0
    }

    /// Counts one file.
    pub fn add(&mut self, path: &Path) {
        let session = session_of(self.store, path);
        match (&self.wanted, &session) {
            (Wanted::All, _) => {}
            (Wanted::Session(wanted), Some(session)) if wanted == session => {}
            (Wanted::Session(_), _) => return,
        }
        self.coverage.files += 1;
        if self.count(path, session.as_deref().unwrap_or_default()).is_none() {
            self.coverage.unreadable += 1;
        }
        self.sessions.extend(session);
    }

    /// `None` where not all of it could be read.
    fn count(&mut self, path: &Path, session: &str) -> Option<()> {
        let file = Transcript::open(path, Some(self.store.home())).ok()?;
        let state = self.store.state(session);
        let seal = Seal::new(self.key.as_ref().map_or(&[], |key| key.as_slice()), session, "");
        let notes = Notes {
            index: state.index(),
            own_words: state.own_words(&seal),
            seal,
            has_any: self.store.has_state(session),
        };
        let is_logged = self.calls.has_session(session);
        let mut lines = file.lines(0).ok()?;
        let mut tools: HashMap<String, String> = HashMap::new();
        let mut pending: Vec<Pending> = Vec::new();
        let mut is_whole = true;
        loop {
            let entry = match lines.next_line().ok()? {
                None | Some(Line::Unfinished) => break,
                Some(Line::Whole(line)) if line.trim_ascii().is_empty() => continue,
                Some(Line::Whole(line)) => texts::read(line),
                Some(Line::TooLong) => None,
            };
            let Some(entry) = entry else {
                is_whole = false;
                continue;
            };
            match entry.record {
                Record::Nothing => {}
                Record::Model { call } => {
                    let given = entry.timestamp.as_deref().and_then(milliseconds);
                    for text in pending.drain(..) {
                        self.tally(text, given);
                    }
                    if tools.len() >= MOST_CALLS {
                        tools.clear();
                    }
                    tools.extend(call);
                }
                Record::Texts(texts) | Record::Session { texts, .. } => {
                    pending.extend(
                        texts.into_iter().filter_map(|text| self.pending(text, &notes, &tools, is_logged)),
                    );
                }
            }
        }
        is_whole.then_some(())
    }

    /// `None` for our own words.
    fn pending(
        &self,
        text: Text,
        notes: &Notes<'_>,
        tools: &HashMap<String, String>,
        is_logged: bool,
    ) -> Option<Pending> {
        let left = own_words::without(&text.text, &notes.own_words);
        if left.is_empty() {
            return None;
        }
        let cleared = notes.cleared(&left);
        let tool = text.call.as_ref().and_then(|call| tools.get(call)).map(String::as_str);
        let not_scanned = text.call.as_ref().and_then(|call| self.calls.why_not_scanned(call));
        let reason = match (not_scanned, &text.source) {
            (Some(cause), _) => format!("a hook could not scan it: {cause}"),
            _ if !notes.has_any && !is_logged => {
                "no hook ran in that session: before the installation, or hooks were off".to_owned()
            }
            _ if !notes.has_any => "only hooks' own texts were scanned: --transcript was off".to_owned(),
            (None, Source::ToolOutput(_)) => match tool {
                Some("write_stdin") => "write_stdin: Codex calls no hook".to_owned(),
                Some("exec" | "wait") => "a script's own words, or an output that it changed".to_owned(),
                _ => "an output without a hook: failed MCP calls, commands that went on, hooks that were stopped".to_owned(),
            },
            (None, Source::Prompt) => "a prompt without a hook".to_owned(),
            (None, _) => "Codex calls no hook for it".to_owned(),
        };
        Some(Pending { kind: text.source.kind(), cleared, reason })
    }

    fn tally(&mut self, text: Pending, given: Option<u64>) {
        let when = match text.cleared {
            None => When::Never,
            // A hook of its own comes before the model.
            Some(Cleared { how: How::Prompt | How::Output | How::FlaggedOutput, .. }) => When::Before,
            Some(cleared) if given.is_none_or(|given| cleared.at <= given) => When::Before,
            Some(_) => When::Later,
        };
        for tally in [&mut self.coverage.all, self.kinds.entry(text.kind).or_default()] {
            tally.texts += 1;
            *match when {
                When::Before => &mut tally.before,
                When::Later => &mut tally.later,
                When::Never => &mut tally.never,
            } += 1;
        }
        if when != When::Before {
            let (later, never) = self.reasons.entry(text.reason).or_default();
            *(if when == When::Later { later } else { never }) += 1;
        }
    }

    pub fn finish(self) -> Coverage {
        let Coverage { all, .. } = self.coverage;
        #[expect(clippy::cast_precision_loss, reason = "a percentage")]
        let percent = (all.texts > 0).then(|| (all.before as f64 / all.texts as f64 * 1000.0).floor() / 10.0);
        let kinds = self.kinds.into_iter().map(|(kind, tally)| Row { kind: kind.to_owned(), tally });
        let mut reasons: Vec<Reason> = self
            .reasons
            .into_iter()
            .map(|(reason, (later, never))| Reason { reason, later, never })
            .collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.later + reason.never));
        Coverage { sessions: self.sessions.len(), percent, kinds: kinds.collect(), reasons, ..self.coverage }
    }
}

/// What hooks noted of one session.
struct Notes<'a> {
    own_words: OwnWords<'a>,
    index: Index<'a>,
    seal: Seal,
    has_any: bool,
}

impl Notes<'_> {
    fn cleared(&self, text: &str) -> Option<Cleared> {
        if self.index.is_empty() { None } else { self.index.find(&self.seal, text) }
    }
}

fn milliseconds(timestamp: &str) -> Option<u64> {
    let time = clock::parse(timestamp)?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}
