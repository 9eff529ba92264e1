//! What a session's file gained since it was last looked at, and this session has not had cleared.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::{Transcript, Unread, unread};
use super::lines::Line;
use super::own_words;
use super::sessions::FOLDERS;
use super::source::Source;
use super::state::{OwnWords, Seal, State};
use super::texts::{self, Fork, Record, Text};

/// Names of tools whose outputs may still come are kept for so many calls.
const MOST_CALLS: usize = 1000;
/// So many files of sessions that this one was forked from are read.
const MOST_FORKS: usize = 16;

/// One text to scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub text: String,
    pub source: Source,
}

/// What there is to scan.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    pub texts: Vec<Found>,
    /// Texts that were passed over because the user allowed them.
    pub allowed: usize,
    /// Why there may be more.
    pub unread: Option<Unread>,
    /// The note that all is cleared as far as the file was read: true once all of the texts are. `None` where that is no
    /// further than it was. It is made of what was read, so that a file which is changed during the scan is none of it.
    pub place: Option<String>,
}

/// What is known of the session.
pub struct Known<'a> {
    pub state: &'a State,
    pub seal: &'a Seal,
    /// The hashes of texts that the user allowed.
    pub allowed: &'a [String],
}

impl Known<'_> {
    /// What a place is sealed with: what is in the file before it, and what was allowed, so that a text which no longer is
    /// comes again.
    fn sealed(&self, mut window: Vec<u8>) -> Vec<u8> {
        self.allowed.iter().for_each(|hash| window.extend_from_slice(hash.as_bytes()));
        window
    }
}

/// Reads on from where everything is cleared, until there are `limit` characters to scan.
pub fn gather(transcript: &mut Transcript, known: &Known<'_>, limit: usize) -> Gathered {
    let mut reading = Reading {
        known,
        lookup: None,
        limit,
        characters: 0,
        has_long: false,
        seen: HashSet::new(),
        calls: HashMap::new(),
        gathered: Gathered::default(),
        from: 0,
        end: 0,
        origins: HashSet::new(),
    };
    if let Err(unread) = reading.read(transcript) {
        reading.gathered.unread.get_or_insert(unread);
    }
    let Reading { from, end, mut gathered, .. } = reading;
    gathered.place = transcript
        .window(end)
        .ok()
        .filter(|_| end > from)
        .map(|window| known.seal.note_place(&transcript.identity, end, &known.sealed(window)));
    gathered
}

struct Reading<'a> {
    known: &'a Known<'a>,
    /// What the state says of texts, once there is one.
    lookup: Option<(HashSet<&'a str>, OwnWords<'a>)>,
    limit: usize,
    characters: usize,
    /// Whether there is a text that is too long by itself: its beginning is scanned, and what is behind it is, too.
    has_long: bool,
    seen: HashSet<String>,
    calls: HashMap<String, String>,
    gathered: Gathered,
    /// Where the file is read from, and up to where all that is in it was gathered.
    from: u64,
    end: u64,
    /// The sessions that this one was forked from, as far as they were read.
    origins: HashSet<Fork>,
}

impl Reading<'_> {
    fn read(&mut self, transcript: &mut Transcript) -> Result<(), Unread> {
        let (identity, length) = (transcript.identity.clone(), transcript.length);
        let window = |offset| Ok(self.known.sealed(transcript.window(offset)?));
        let place = self.known.state.place(self.known.seal, &identity, length, window);
        let from = place.map_err(|error: io::Error| unread(&error))?.unwrap_or_default();
        (self.from, self.end) = (from, from);
        if !transcript.wait_for_whole_line() {
            self.gathered.unread = Some(Unread::Unfinished);
        }
        let mut lines = transcript.lines(from).map_err(|error| unread(&error))?;
        let mut number = 0;
        loop {
            number += 1;
            let entry = match lines.next_line().map_err(|error| unread(&error))? {
                None | Some(Line::Unfinished) => return Ok(()),
                Some(Line::Whole(line)) if line.trim_ascii().is_empty() => continue,
                Some(Line::Whole(line)) => texts::read(line),
                Some(Line::TooLong) => None,
            };
            let Some(entry) = entry else {
                // A hit behind it is one all the same.
                self.gathered.unread.get_or_insert(Unread::Format { line: (from == 0).then_some(number) });
                continue;
            };
            self.take_with_origins(entry.record, transcript)?;
            if self.gathered.unread.is_none() {
                self.end = lines.at();
            }
        }
    }

    /// A forked session's file says only which other one it goes on with.
    fn take_with_origins(&mut self, record: Record, transcript: &Transcript) -> Result<(), Unread> {
        if let Record::Session { forked_from: Some(fork), .. } = &record {
            match self.read_origins(fork.clone(), transcript) {
                Err(large @ Unread::Large { .. }) => return Err(large),
                // A hit in the session's own file is one all the same.
                Err(unread) => {
                    self.gathered.unread.get_or_insert(unread);
                }
                Ok(()) => {}
            }
        }
        self.take(record)
    }

    fn take(&mut self, record: Record) -> Result<(), Unread> {
        match record {
            Record::Nothing | Record::Model { call: None } => {}
            Record::Model { call: Some((call, tool)) } => {
                if self.calls.len() >= MOST_CALLS {
                    self.calls.clear();
                }
                self.calls.insert(call, tool);
            }
            Record::Texts(texts) | Record::Session { texts, .. } => {
                for text in texts {
                    self.add(text)?;
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, text: Text) -> Result<(), Unread> {
        let Known { seal, allowed, .. } = self.known;
        let state = self.known.state;
        let (cleared, own_words) =
            self.lookup.get_or_insert_with(|| (state.cleared(seal), state.own_words(seal)));
        let left = own_words::without(&text.text, own_words);
        let hash = seal.text(&left);
        if left.is_empty() || cleared.contains(hash.as_str()) || self.seen.contains(&hash) {
            return Ok(());
        }
        if !allowed.is_empty() && allowed.contains(&seal.allowing(&left)) {
            self.gathered.allowed += 1;
            return Ok(());
        }
        self.seen.insert(hash);
        let characters = left.chars().count();
        let large = Unread::Large { limit: self.limit };
        if characters <= self.limit {
            if self.characters + characters > self.limit {
                return Err(large);
            }
            self.characters += characters;
        } else if std::mem::replace(&mut self.has_long, true) {
            self.gathered.unread.get_or_insert(large);
            return Ok(());
        }
        let source = match text.source {
            Source::ToolOutput(None) => {
                Source::ToolOutput(text.call.and_then(|call| self.calls.get(&call).cloned()))
            }
            source => source,
        };
        self.gathered.texts.push(Found { text: left.into_owned(), source });
        Ok(())
    }

    fn read_origins(&mut self, fork: Fork, transcript: &Transcript) -> Result<(), Unread> {
        let mut waiting = vec![fork];
        while let Some(fork) = waiting.pop() {
            if self.origins.contains(&fork) {
                continue;
            }
            let files = files_of(&transcript.path, &fork.thread);
            if self.origins.len() + files.len() > MOST_FORKS {
                return Err(Unread::Fork("too many sessions were forked from each other".to_owned()));
            }
            if files.is_empty() {
                return Err(Unread::Fork("it was not found".to_owned()));
            }
            // Which of them Codex goes on with is not known.
            for path in &files {
                self.read_origin(path, &fork, transcript, &mut waiting)?;
            }
            self.origins.insert(fork);
        }
        Ok(())
    }

    fn read_origin(
        &mut self,
        path: &Path,
        fork: &Fork,
        transcript: &Transcript,
        waiting: &mut Vec<Fork>,
    ) -> Result<(), Unread> {
        let of_fork = |unread: Unread| match unread {
            Unread::File(why) => Unread::Fork(why),
            Unread::Elsewhere => Unread::Fork("it is not below Codex's home folder".to_owned()),
            other => other,
        };
        let mut other = Transcript::open(path, home_of(&transcript.path)).map_err(of_fork)?;
        other.until = transcript.until;
        let mut lines = other.lines(0).map_err(|error| of_fork(unread(&error)))?;
        while let Some(line) = lines.next_line().map_err(|error| of_fork(unread(&error)))? {
            let entry = match line {
                Line::Whole(line) if line.trim_ascii().is_empty() => continue,
                Line::Whole(line) => texts::read(line),
                Line::TooLong => None,
                Line::Unfinished => break,
            };
            let Some(entry) = entry else {
                let why = "a line can't be understood".to_owned();
                self.gathered.unread.get_or_insert(Unread::Fork(why));
                continue;
            };
            if fork.before.zip(entry.ordinal).is_some_and(|(before, ordinal)| ordinal >= before) {
                continue;
            }
            if let Record::Session { forked_from: Some(fork), .. } = &entry.record {
                waiting.push(fork.clone());
            }
            self.take(entry.record)?;
        }
        Ok(())
    }
}

/// Codex's home folder, by the path of a session's file in it.
fn home_of(path: &Path) -> Option<&Path> {
    let of_sessions =
        |folder: &&Path| folder.file_name().is_some_and(|name| FOLDERS.iter().any(|known| name == *known));
    path.parent()?.ancestors().find(of_sessions)?.parent()
}

/// The files of a thread, `YEAR/MONTH/DAY/rollout-TIME-THREAD.jsonl` in the same home as `path`, or in its archive. More than
/// one is nothing that Codex writes, and so is a link among the folders: what it leads to is opened as what it is.
fn files_of(path: &Path, thread: &str) -> Vec<PathBuf> {
    let is_id = thread.len() == 36 && thread.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let (true, Some(home)) = (is_id, home_of(path)) else { return Vec::new() };
    let ending = format!("-{thread}.jsonl");
    let [sessions, archive] = FOLDERS.map(|name| home.join(name));
    // All of them: of two files the one that is passed over may be the one that Codex reads. The time is limited.
    let inside =
        |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let days = inside(sessions).flat_map(inside).flat_map(inside);
    let is_of_thread = |file: &PathBuf| {
        file.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(&ending))
    };
    days.flat_map(inside).chain(inside(archive)).filter(is_of_thread).collect()
}

#[cfg(test)]
mod tests;
