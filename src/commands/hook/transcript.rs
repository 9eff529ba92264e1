//! A hook and its session's own file: what of it is scanned next to the call's own text, and what is noted as cleared.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::call::Call;
use super::reply::Reply;
use crate::event::Event;
use crate::hook::{Action, Assessment, Failure, Part, Payload, Policy, decide, with_readings};
use crate::installation;
use crate::outage::{Key, Moment};
use crate::scan::report::{ByModes, ScanTimes};
use crate::scan::{MAX_CHARACTERS, Outcome, ScanReport, Scanned};
use crate::settings::Settings;
use crate::supervise::supervise;
use crate::system::Env;
use crate::transcript::gather::{Found, Known};
use crate::transcript::state::Cleared;
use crate::transcript::{Gathered, How, Seal, Source, State, Store, Transcript, Unread, gather, own_words};

/// What a hook of this event does with its session's file.
pub struct Session<'a> {
    payload: &'a Payload,
    /// Whether `f5-guard allow-text` has an effect here.
    may_allow: bool,
    kept: Option<Kept>,
    /// Why the file could not even be opened.
    unopened: Option<Unread>,
    gathered: Gathered,
}

/// Reading a session's file takes at most this part of the time that is left for the scan.
const PART_FOR_READING: u32 = 4;

/// Where this session's notes are. Without it everything is scanned each time.
#[derive(Clone)]
struct Kept {
    store: Store,
    session: String,
    seal: Seal,
}

impl Kept {
    fn state(&self) -> State {
        self.store.state(&self.session)
    }

    /// A note that can't be written costs another scan of the same text, and no more.
    fn note(&self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        if let Err(error) = self.store.append(&self.session, &lines.concat()) {
            tracing::debug!("what was cleared in this session can't be noted: {error}");
        }
    }
}

/// What came of a session's texts.
pub struct Verdict {
    pub assessment: Assessment,
    pub part: Part,
}

impl<'a> Session<'a> {
    /// `None` where there is nothing to do: it is switched off, or the session has no file.
    /// The scan has to be over at `deadline`.
    pub fn open(payload: &'a Payload, settings: &Settings, env: Env<'_>, deadline: Instant) -> Option<Self> {
        let path = payload.transcript_path.as_deref().filter(|_| *settings.transcript)?;
        if payload.event.ends_a_turn() {
            return None;
        }
        let store = Store::of_this_user(env);
        let scope = Key::of(settings);
        let scope = scope.as_ref().map_or("", Key::as_str);
        let kept = store.clone().zip(session_id(payload)).and_then(|(store, session)| {
            let seal = store.seal(session, scope).ok()?;
            Some(Kept { store, session: session.to_owned(), seal })
        });
        let may_allow = settings.allowed_texts.unwrap_or_else(|| !installation::is_managed_program(env));
        let mut session = Self { payload, may_allow, kept, unopened: None, gathered: Gathered::default() };
        if payload.event != Event::PostToolUse {
            session.read(Path::new(path), store.as_ref(), deadline);
        }
        Some(session)
    }

    fn read(&mut self, path: &Path, store: Option<&Store>, deadline: Instant) {
        let time = deadline.saturating_duration_since(Instant::now()) / PART_FOR_READING;
        let until = Instant::now() + time;
        let (path, home) = (path.to_owned(), store.map(|store| store.home().to_owned()));
        let (kept, may_allow) = (self.kept.clone(), self.may_allow);
        let work = move || read(&path, home, kept.as_ref(), may_allow, until);
        // It stops by itself at `until`, unless the file's disk hangs.
        match supervise(until + time / 2, work) {
            Ok(Ok(gathered)) => self.gathered = gathered,
            Ok(Err(unread)) => self.unopened = Some(unread),
            Err(_) => self.unopened = Some(Unread::Slow),
        }
    }

    /// The texts to scan, as they are sent.
    pub fn texts(&self) -> Vec<String> {
        self.gathered.texts.iter().map(|found| with_readings(&found.text)).collect()
    }

    /// Whether nothing is new, and all could be read.
    pub fn is_quiet(&self) -> bool {
        self.gathered.texts.is_empty() && self.unread().is_none()
    }

    fn unread(&self) -> Option<&Unread> {
        self.unopened.as_ref().or(self.gathered.unread.as_ref())
    }

    /// Notes what was cleared, and what was refused.
    pub fn note(&self, own: &Assessment, results: &[Scanned], policy: Policy) {
        let Some(kept) = &self.kept else { return };
        let passes = |index: usize| matches!(results.get(index), Some(Ok(report)) if report.is_cleared());
        let (now, how) = match self.payload.event {
            Event::UserPromptSubmit => (Moment::now().as_millis(), How::WithPrompt),
            _ => (Moment::now().as_millis(), How::WithTool),
        };
        let seal = &kept.seal;
        let mut lines = self.about_this_call(seal, own, policy, now);
        let found = self.gathered.texts.iter().enumerate().filter(|(index, _)| passes(*index));
        lines.extend(found.map(|(_, found)| seal.note_text(&found.text, Cleared { how, at: now })));
        let hits = to_blame(self.hits(results), |(found, report)| is_alone(found, report));
        lines.extend(hits.iter().map(|(found, report)| {
            let assessment = Assessment::Scanned((*report).clone()).under(policy.enforcement);
            let is_refused = decide(self.payload.event, &assessment, policy) == Action::Block;
            seal.note_hit(&found.text, Cleared { how, at: now }, is_refused)
        }));
        let all_pass = (0..self.gathered.texts.len()).all(passes);
        lines.extend(self.gathered.place.clone().filter(|_| all_pass));
        kept.note(&lines);
    }

    /// Whether this turn was told that something of the session was not scanned; from now on it was. Where that can't be
    /// noted it is told each time.
    pub fn has_told_turn(&self) -> bool {
        let Some((kept, turn)) = self.kept.as_ref().zip(self.payload.turn_id.as_deref()) else {
            return false;
        };
        let is_told = kept.state().has_told(&kept.seal, turn);
        if !is_told {
            kept.note(&[kept.seal.note_told(turn)]);
        }
        is_told
    }

    /// The call's own text, which will be in the file, too.
    fn about_this_call(&self, seal: &Seal, own: &Assessment, policy: Policy, at: u64) -> Vec<String> {
        let how = match (self.payload.event, own, decide(self.payload.event, own, policy)) {
            (Event::UserPromptSubmit, Assessment::Scanned(report), _) if report.is_cleared() => How::Prompt,
            (Event::PostToolUse, Assessment::Scanned(report), _) if report.is_cleared() => How::Output,
            (Event::PostToolUse, Assessment::Scanned(report), Action::Warn) if report.complete => {
                How::FlaggedOutput
            }
            _ => return Vec::new(),
        };
        let texts =
            [self.payload.content.as_str()].into_iter().chain(self.payload.shown.iter().map(String::as_str));
        texts
            .filter(|text| !text.trim_ascii().is_empty())
            .map(|text| seal.note_text(text, Cleared { how, at }))
            .collect()
    }

    /// The texts that are not cleared, by themselves or together with others.
    fn hits<'r>(&self, results: &'r [Scanned]) -> Vec<(&Found, &'r ScanReport)> {
        let found = self.gathered.texts.iter().zip(results);
        let hits = found.filter_map(|(found, result)| Some((found, result.as_ref().ok()?)));
        hits.filter(|(_, report)| !report.is_cleared()).collect()
    }

    /// What stands against this call although nothing can be scanned now.
    pub fn known(&self, policy: Policy) -> Option<Verdict> {
        self.known_hit(|_| true, policy)
    }

    /// A text that this session was refused for stays flagged where it can't be scanned again.
    fn known_hit(&self, is_open: impl Fn(usize) -> bool, policy: Policy) -> Option<Verdict> {
        let kept = self.kept.as_ref()?;
        let open: Vec<&Found> = self
            .gathered
            .texts
            .iter()
            .enumerate()
            .filter(|(index, _)| is_open(*index))
            .map(|(_, found)| found)
            .collect();
        if open.is_empty() {
            return None;
        }
        let state = kept.state();
        let report = |found: &Found| ScanReport {
            // Whatever mode decides: it was refused.
            outcome: Outcome::Blocked,
            scanners: Vec::new(),
            scan_ids: Vec::new(),
            pieces: 0,
            characters: found.text.chars().count(),
            complete: true,
            times: ScanTimes::default(),
            by_modes: ByModes::default(),
        };
        let refused = open.into_iter().filter(|found| state.has_refused(&kept.seal, &found.text));
        let refused: Vec<_> = refused.map(|found| (found, report(found))).collect();
        self.hit(&refused.iter().map(|(found, report)| (*found, report)).collect::<Vec<_>>(), policy)
    }

    fn hit(&self, hits: &[(&Found, &ScanReport)], policy: Policy) -> Option<Verdict> {
        // What is masked in another text is none of this call's, and what is said of it may repeat it.
        let assessed = hits.iter().map(|(found, report)| {
            let assessment = Assessment::Scanned((*report).clone().unmasked()).under(policy.enforcement);
            (decide(self.payload.event, &assessment, policy), found, report, assessment)
        });
        let assessed: Vec<_> = assessed.collect();
        // What a text alone may do says nothing of one that is only known together with it.
        let strictest = assessed.iter().map(|(action, ..)| *action).max()?;
        let strictest = assessed.into_iter().filter(|(action, ..)| *action == strictest).collect();
        let against = to_blame(strictest, |(_, found, report, _)| is_alone(found, report));
        let number = against.len();
        let (_, found, report, assessment) = against.into_iter().next()?;
        let is_alone = is_alone(found, report);
        let named = |source: &Source| match number {
            number if !is_alone => format!("one of {number} texts of this session"),
            1 => source.to_string(),
            number => format!("{source} and {} more", number - 1),
        };
        let allow = self.kept.as_ref().filter(|_| self.may_allow && is_alone);
        Some(Verdict {
            assessment,
            part: Part {
                source: named(&found.source),
                unnamed: named(&found.source.unnamed()),
                kind: if is_alone { found.source.kind() } else { "transcript" },
                allow: allow.map(|kept| kept.seal.allowing(&found.text)),
            },
        })
    }

    /// What stands against this call; `None` for nothing. The strictest of what the texts came to; of what is as strict, a
    /// hit.
    pub fn verdict(&self, results: &[Scanned], policy: Policy) -> Option<Verdict> {
        let is_open = |index: usize| results.get(index).is_none_or(Result::is_err);
        let verdicts =
            [self.hit(&self.hits(results), policy), self.known_hit(is_open, policy), self.unscanned(results)];
        let rank = |verdict: &Verdict| decide(self.payload.event, &verdict.assessment, policy);
        // The first of several: they are in the order in which they are reported.
        verdicts.into_iter().flatten().rev().max_by_key(rank)
    }

    fn unscanned(&self, results: &[Scanned]) -> Option<Verdict> {
        let found = self.gathered.texts.iter().zip(results);
        let failed: Vec<_> =
            found.filter_map(|(found, result)| Some((found, result.as_ref().err()?))).collect();
        if let [(found, error), others @ ..] = failed.as_slice() {
            // Of several that went together no one is to blame.
            let named = |source: &Source| if others.is_empty() { source.to_string() } else { String::new() };
            return Some(Verdict {
                assessment: Assessment::NotScanned(Failure::Scan((*error).clone())),
                part: Part {
                    source: named(&found.source),
                    unnamed: named(&found.source.unnamed()),
                    kind: found.source.kind(),
                    allow: None,
                },
            });
        }
        let unread = self.unread()?.clone();
        Some(Verdict {
            assessment: Assessment::NotScanned(Failure::Transcript(unread)),
            part: Part { kind: "transcript", ..Part::default() },
        })
    }
}

fn read(
    path: &Path,
    home: Option<PathBuf>,
    kept: Option<&Kept>,
    may_allow: bool,
    until: Instant,
) -> Result<Gathered, Unread> {
    let mut file = Transcript::open(path, home.as_deref())?;
    file.until = Some(until);
    let allowed = kept.filter(|_| may_allow).map(|kept| kept.store.allowed()).unwrap_or_default();
    // A key that nobody has is as good as none: nothing was sealed with it.
    let unsealed = Seal::new(&[], "", "");
    let state = kept.map_or_else(State::default, Kept::state);
    let seal = kept.map_or(&unsealed, |kept| &kept.seal);
    Ok(gather(&mut file, &Known { state: &state, seal, allowed: &allowed }, MAX_CHARACTERS))
}

/// Those that are flagged by themselves; where there is none, all that are together.
fn to_blame<T>(hits: Vec<T>, is_alone: impl Fn(&T) -> bool) -> Vec<T> {
    let has_one = hits.iter().any(&is_alone);
    hits.into_iter().filter(|hit| !has_one || is_alone(hit)).collect()
}

/// Whether the verdict is on this text, and not on several together.
fn is_alone(found: &Found, report: &ScanReport) -> bool {
    report.characters <= with_readings(&found.text).chars().count()
}

/// Notes the words of an answer that the model is given, so that they are not taken for somebody else's. What they repeat of
/// a call that was not scanned is nobody's but the call's.
pub fn note_own_words(call: &Call, reply: &Reply, is_scanned: bool, settings: &Settings, env: Env<'_>) {
    let is_given = matches!(
        (call.event, reply.action),
        (Event::PreToolUse, Action::Block) | (Event::PostToolUse, Action::Block | Action::Warn)
    );
    if !is_given || !*settings.transcript || !call.has_transcript {
        return;
    }
    let session = call.session_id.clone().filter(|id| !id.is_empty());
    let Some((store, session)) = Store::of_this_user(env).zip(session) else { return };
    let Ok(seal) = store.seal(&session, "") else { return };
    let tool = call.tool_name.as_deref().unwrap_or_default();
    let command =
        call.text.as_ref().filter(|_| matches!(tool, "Bash" | "apply_patch")).map(|text| text.as_str());
    let now = Moment::now().as_millis();
    let [reason, _] = &reply.said;
    // The other way of saying it has the command in it.
    let said = if is_scanned { reply.said.as_slice() } else { std::slice::from_ref(reason) };
    let lines: Vec<String> = said
        .iter()
        .filter(|words| !words.trim_ascii().is_empty())
        .flat_map(|words| match call.event {
            Event::PreToolUse if is_scanned => own_words::refusal(words.trim_ascii(), tool, command).to_vec(),
            _ => vec![words.clone()],
        })
        .map(|words| seal.note_own_words(&words, now))
        .collect();
    Kept { store, session, seal }.note(&lines);
}

/// A session without an id can't be distinguished from others: nothing of it is noted.
fn session_id(payload: &Payload) -> Option<&str> {
    payload.session_id.as_deref().filter(|id| !id.is_empty())
}
