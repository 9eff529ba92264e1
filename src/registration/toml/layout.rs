//! Where everything stands in a TOML text: sections, entries, values and their commas, by byte range.
//!
//! `toml_edit` decides whether the text is valid; this module reads the event stream of `toml_parser`, the parser
//! below `toml_edit`, because printing a `toml_edit` document would change line endings and some white space.

use std::borrow::Cow;
use std::ops::Range;

use toml_parser::Source;
use toml_parser::parser::{Event, EventKind, RecursionGuard, parse_document};

use super::super::error::DocumentError;
use super::super::sequence::{Item, Sequence};

/// Deeper values than this were refused by `toml_edit` before.
const MAX_DEPTH: u32 = 128;

/// The parts of a key, unquoted, and where each stands.
type Key = Vec<(String, Range<usize>)>;

/// A header line and what stands below it; the first section of a text has no header.
#[derive(Debug, Clone, Default)]
pub struct Section {
    pub header: Option<Header>,
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub struct Header {
    pub path: Vec<String>,
    /// `[[…]]` rather than `[…]`.
    pub is_array: bool,
    /// From the first bracket to the last.
    pub range: Range<usize>,
}

/// `key = value`, where the key may be dotted.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: Key,
    pub value: Value,
    /// From the key's first character to the value's last.
    pub range: Range<usize>,
}

#[derive(Debug, Clone)]
pub struct Value {
    pub range: Range<usize>,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub enum Kind {
    Scalar,
    Array { sequence: Sequence, values: Vec<Value> },
    Inline { sequence: Sequence, entries: Vec<Entry> },
}

/// Reads the layout of a text that `toml_edit` accepts.
///
/// # Errors
/// [`DocumentError::NotEquivalent`] where the event stream is not what such a text gives.
pub fn read(text: &str) -> Result<Vec<Section>, DocumentError> {
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let mut events: Vec<Event> = Vec::with_capacity(tokens.len());
    let mut receiver = |event: Event| {
        let skip = matches!(event.kind(), EventKind::Whitespace | EventKind::Comment | EventKind::Newline);
        if !skip {
            events.push(event);
        }
    };
    let mut failure = None;
    parse_document(&tokens, &mut RecursionGuard::new(&mut receiver, MAX_DEPTH), &mut failure);
    if failure.is_some() {
        return Err(lost());
    }
    Reader { source, events: &events, next: 0 }.sections()
}

fn lost() -> DocumentError {
    DocumentError::not_equivalent("the layout of the TOML text could not be followed")
}

struct Reader<'a> {
    source: Source<'a>,
    events: &'a [Event],
    next: usize,
}

impl Reader<'_> {
    fn sections(mut self) -> Result<Vec<Section>, DocumentError> {
        let mut sections = vec![Section::default()];
        while let Some(event) = self.peek() {
            match event.kind() {
                EventKind::StdTableOpen => sections.push(self.section(EventKind::StdTableClose)?),
                EventKind::ArrayTableOpen => sections.push(self.section(EventKind::ArrayTableClose)?),
                _ => {
                    let entry = self.entry()?;
                    sections.last_mut().ok_or_else(lost)?.entries.push(entry);
                }
            }
        }
        Ok(sections)
    }

    fn section(&mut self, close: EventKind) -> Result<Section, DocumentError> {
        let open = self.take()?;
        let (key, end) = self.key(close)?;
        let path = key.into_iter().map(|(name, _)| name).collect();
        let is_array = close == EventKind::ArrayTableClose;
        let header = Header { path, is_array, range: open.span().start()..end };
        Ok(Section { header: Some(header), entries: Vec::new() })
    }

    fn entry(&mut self) -> Result<Entry, DocumentError> {
        let (key, _) = self.key(EventKind::KeyValSep)?;
        let start = key.first().ok_or_else(lost)?.1.start;
        let value = self.value()?;
        Ok(Entry { key, range: start..value.range.end, value })
    }

    /// The parts of a key up to the event `until`, and where that event ends.
    fn key(&mut self, until: EventKind) -> Result<(Key, usize), DocumentError> {
        let mut parts = Vec::new();
        loop {
            let event = self.take()?;
            match event.kind() {
                EventKind::SimpleKey => {
                    let raw = self.source.get(event).ok_or_else(lost)?;
                    let mut name = Cow::Borrowed("");
                    raw.decode_key(&mut name, &mut ());
                    parts.push((name.into_owned(), range(&event)));
                }
                EventKind::KeySep => {}
                kind if kind == until => return Ok((parts, event.span().end())),
                _ => return Err(lost()),
            }
        }
    }

    fn value(&mut self) -> Result<Value, DocumentError> {
        let event = self.take()?;
        match event.kind() {
            EventKind::Scalar => Ok(Value { range: range(&event), kind: Kind::Scalar }),
            EventKind::ArrayOpen => {
                let (sequence, values) =
                    self.list(&event, EventKind::ArrayClose, Self::value, |v| v.range.clone())?;
                Ok(Value { range: sequence.open..sequence.close + 1, kind: Kind::Array { sequence, values } })
            }
            EventKind::InlineTableOpen => {
                let (sequence, entries) =
                    self.list(&event, EventKind::InlineTableClose, Self::entry, |e| e.range.clone())?;
                Ok(Value {
                    range: sequence.open..sequence.close + 1,
                    kind: Kind::Inline { sequence, entries },
                })
            }
            _ => Err(lost()),
        }
    }

    fn list<T>(
        &mut self,
        open: &Event,
        close: EventKind,
        read: fn(&mut Self) -> Result<T, DocumentError>,
        range_of: fn(&T) -> Range<usize>,
    ) -> Result<(Sequence, Vec<T>), DocumentError> {
        let mut sequence = Sequence { open: open.span().start(), close: 0, items: Vec::new() };
        let mut nodes = Vec::new();
        loop {
            let event = self.peek().ok_or_else(lost)?;
            let kind = event.kind();
            if kind == close {
                sequence.close = event.span().start();
                self.next += 1;
                return Ok((sequence, nodes));
            } else if kind == EventKind::ValueSep {
                sequence.items.last_mut().ok_or_else(lost)?.comma = Some(event.span().start());
                self.next += 1;
            } else {
                let node = read(self)?;
                sequence.items.push(Item { range: range_of(&node), comma: None });
                nodes.push(node);
            }
        }
    }

    fn peek(&self) -> Option<Event> {
        self.events.get(self.next).copied()
    }

    fn take(&mut self) -> Result<Event, DocumentError> {
        let event = self.peek().ok_or_else(lost)?;
        self.next += 1;
        Ok(event)
    }
}

fn range(event: &Event) -> Range<usize> {
    event.span().start()..event.span().end()
}
