//! Where a text is masked: the service's own masking and the spans that its scanners report, taken together.
//!
//! A masked text is only as good as what shows that nothing else has to be masked, so whatever is not understood makes
//! it count for nothing. The service does not say in which unit it counts spans: in text beyond ASCII what lies between
//! them is masked in characters, in UTF-16 units and in bytes, as far as the text has so many.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use crate::json::Json;
use crate::printable::{ceil_boundary, floor_boundary, is_shown};

/// What the service masks with, one for each character.
const MASK: char = '*';
/// Nobody nests what a scanner found so deeply.
const DEEPEST: usize = 12;
/// What was masked in one place is masked wherever else the text has it, if it has so many characters. Of less, ordinary
/// words would be taken for it.
const SHORTEST_REPEAT: usize = 6;
/// Looking for that may take so many steps, because the answer waits. Beyond them the first parts alone are looked for,
/// and at the ends of the text, which alone are shown of a long one.
const MOST_STEPS: usize = 20_000_000;
const END: usize = 16 * 1024;
/// What stands where a name, an id or a message was that repeats something of what is masked.
const REPEATS: &str = "(masked)";

/// The scanner types that the vendor's schema has, and ours for none: they repeat nothing, whatever is masked.
pub const TYPES: [&str; 17] = [
    "audit_term",
    "blacklist",
    "custom",
    "demographic",
    "genai",
    "keyword",
    "legal",
    "named_entity",
    "pii_detection",
    "prompt_injection",
    "regex",
    "secret",
    "sentiment_analysis",
    "source_code",
    "topics",
    "toxicity",
    "unnamed scanner",
];

/// Parts of a text, in order and apart from each other, from character to character.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans(Vec<Range<usize>>);

impl Spans {
    fn of(mut ranges: Vec<Range<usize>>) -> Self {
        ranges.retain(|range| !range.is_empty());
        ranges.sort_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        Self(merged)
    }

    /// What of these is in none of `others`.
    fn without(&self, others: &Self) -> Self {
        let mut left = Vec::new();
        for range in &self.0 {
            let mut from = range.start;
            let first = others.0.partition_point(|other| other.end <= range.start);
            for other in others.0.iter().skip(first).take_while(|other| other.start < range.end) {
                left.push(from..other.start.max(from));
                from = from.max(other.end);
            }
            left.push(from.min(range.end)..range.end);
        }
        Self::of(left)
    }

    fn characters(&self, text: &str) -> usize {
        self.0.iter().map(|range| text.get(range.clone()).map_or(0, |part| part.chars().count())).sum()
    }
}

/// What the text has at one of these ranges, where that is long enough to be looked for elsewhere; each once.
fn parts<'a>(text: &'a str, ranges: &[Range<usize>]) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    let parts = ranges.iter().filter_map(|range| Some(text.get(range.clone())?.trim()));
    parts.filter(|part| part.chars().nth(SHORTEST_REPEAT - 1).is_some() && seen.insert(*part)).collect()
}

/// Wherever the text has what it has at one of these ranges. They are looked for as they were found: of ranges side by side
/// that were taken together, the text may have each alone elsewhere.
fn repeats<'a>(text: &'a str, ranges: &[Range<usize>]) -> HashMap<&'a str, Vec<Range<usize>>> {
    let mut parts = parts(text, ranges);
    let ends = if parts.len().saturating_mul(text.len()) <= MOST_STEPS {
        [0..text.len(), 0..0]
    } else {
        parts.truncate(MOST_STEPS / (2 * END));
        [0..floor_boundary(text, END), floor_boundary(text, text.len().saturating_sub(END))..text.len()]
    };
    let places = |part: &'a str| {
        let finder = memchr::memmem::Finder::new(part);
        let mut places = Vec::new();
        for end in &ends {
            let found = finder.find_iter(text.get(end.clone()).unwrap_or_default().as_bytes());
            places.extend(found.map(|at| end.start + at..end.start + at + part.len()));
        }
        (part, places)
    };
    parts.into_iter().map(places).collect()
}

/// Each six characters in a row, in lower case, whatever blanks and invisible ones stand between them.
fn runs(text: &str) -> impl Iterator<Item = [char; SHORTEST_REPEAT]> {
    let shown = text.chars().filter(|letter| !letter.is_whitespace() && is_shown(*letter));
    let mut run = ['\0'; SHORTEST_REPEAT];
    let runs = shown.flat_map(char::to_lowercase).map(move |letter| {
        run.rotate_left(1);
        if let Some(last) = run.last_mut() {
            *last = letter;
        }
        run
    });
    runs.skip(SHORTEST_REPEAT - 1)
}

/// What one scanner reports of where it found something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub scanner_type: String,
    /// Whether it objects to the text.
    pub objects: bool,
    /// From the first position to the one behind the last, in whatever unit.
    pub positions: Vec<(usize, usize)>,
}

/// The positions in a scanner's `data`, wherever in it they are; `None` where something there may be one and can't be
/// read.
///
/// The vendor's schema has them as `[start, end]` in `detections` and `matches`, of which some are nested by kind, and as
/// the `span` of an entity. In `scores`, and in the `detections` of topics, single numbers are none, but lists of them are.
pub fn positions(kind: &str, data: Json<'_>) -> Option<Vec<(usize, usize)>> {
    let mut found = Vec::new();
    let is_scored = kind.trim().eq_ignore_ascii_case("topics");
    for (key, value) in data.fields() {
        match key.as_ref() {
            _ if value.is_null() => {}
            "detections" if is_scored => collect(value, Place::Anything, DEEPEST, &mut found)?,
            "detections" | "matches" => collect(value, Place::Positions, DEEPEST, &mut found)?,
            _ => collect(value, Place::Anything, DEEPEST, &mut found)?,
        }
    }
    Some(found)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing but positions is expected.
    Positions,
    Anything,
}

fn collect(value: Json<'_>, place: Place, depth: usize, found: &mut Vec<(usize, usize)>) -> Option<()> {
    if value.is_object() {
        let depth = depth.checked_sub(1)?;
        for (key, value) in value.fields() {
            let place = if key == "scores" {
                Place::Anything
            } else if key == "span" {
                Place::Positions
            } else {
                place
            };
            collect(value, place, depth, found)?;
        }
        return Some(());
    }
    if !value.is_array() {
        return (place == Place::Anything).then_some(());
    }
    let depth = depth.checked_sub(1)?;
    let mut scalars = 0;
    for item in value.items() {
        if item.is_object() || item.is_array() {
            collect(item, place, depth, found)?;
        } else if place == Place::Positions || !item.is_string() {
            scalars += 1;
        }
    }
    if scalars > 0 {
        found.push(pair(value)?);
    }
    Some(())
}

fn pair(value: Json<'_>) -> Option<(usize, usize)> {
    let mut items = value.items();
    let mut number = || items.next()?.as_scalar()?.parse::<usize>().ok();
    let pair = (number()?, number()?);
    (items.next().is_none() && pair.0 <= pair.1).then_some(pair)
}

/// Where a text, or a piece of it, is masked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mask {
    /// All of it, what scanners found included, as it was found.
    all: Vec<Range<usize>>,
    by_scanner: BTreeMap<String, Vec<Range<usize>>>,
}

impl Mask {
    /// The mask of a piece that the service redacted; `None` where its masking can't be trusted: it has another length
    /// than the piece, differs from it by more than asterisks, or not at all, or a scanner reports a place that the piece
    /// does not have.
    pub fn of_redacted(piece: &str, redacted: &str, claims: &[Claim]) -> Option<Self> {
        let masked = masking(piece, redacted)?;
        if masked.0.is_empty() {
            return None;
        }
        Self::of_claims(piece, masked, claims)
    }

    /// The mask of a piece that the service passed with a hit: what its scanners report.
    pub fn of_flagged(piece: &str, claims: &[Claim]) -> Option<Self> {
        Self::of_claims(piece, Spans::default(), claims)
    }

    fn of_claims(piece: &str, masked: Spans, claims: &[Claim]) -> Option<Self> {
        let has_positions = claims.iter().any(|claim| !claim.positions.is_empty());
        let units = Units::of(if has_positions { piece } else { "" });
        let mut by_scanner: BTreeMap<String, Vec<Range<usize>>> = BTreeMap::new();
        for claim in claims {
            for position in &claim.positions {
                let ranges = by_scanner.entry(claim.scanner_type.clone()).or_default();
                units.add_ranges(*position, ranges)?;
            }
        }
        let claimed = Spans::of(by_scanner.values().flatten().cloned().collect());
        // Masked by a scanner that does not say where it found something.
        let unclaimed = masked.without(&claimed);
        let objecting: BTreeSet<&str> =
            claims.iter().filter(|claim| claim.objects).map(|claim| claim.scanner_type.as_str()).collect();
        let silent: Vec<&str> =
            objecting.iter().copied().filter(|kind| !by_scanner.contains_key(*kind)).collect();
        let only = match (silent.as_slice(), objecting.len()) {
            ([one], _) => Some((*one).to_owned()),
            ([], 1) => objecting.first().map(|one| (*one).to_owned()),
            _ => None,
        };
        if let (Some(only), false) = (only, unclaimed.0.is_empty()) {
            by_scanner.entry(only).or_default().extend(unclaimed.0);
        }
        let all = by_scanner.values().flatten().cloned().chain(masked.0).collect();
        Some(Self { all, by_scanner })
    }

    /// Takes in the mask of a piece that begins at the byte `start` of the text.
    pub fn add(&mut self, piece: Self, start: usize) {
        let shifted = |range: Range<usize>| range.start + start..range.end + start;
        self.all.extend(piece.all.into_iter().map(shifted));
        for (scanner_type, ranges) in piece.by_scanner {
            self.by_scanner.entry(scanner_type).or_default().extend(ranges.into_iter().map(shifted));
        }
    }

    /// What this mask makes of the text.
    pub fn over(mut self, text: &str) -> Masked {
        self.all.sort_by_key(|range| range.start);
        let repeats = repeats(text, &self.all);
        let spans = Spans::of(repeats.values().flatten().cloned().chain(self.all).collect());
        let count = |(scanner_type, mut ranges): (String, Vec<Range<usize>>)| {
            let again: Vec<_> = parts(text, &ranges).iter().filter_map(|part| repeats.get(part)).collect();
            ranges.extend(again.into_iter().flatten().cloned());
            let characters = Spans::of(ranges).characters(text);
            (characters > 0).then_some((scanner_type, characters))
        };
        let mut by_scanner: Vec<(String, usize)> = self.by_scanner.into_iter().filter_map(count).collect();
        by_scanner.sort_by_key(|(_, characters)| std::cmp::Reverse(*characters));
        let mut masked = Masked { characters: spans.characters(text), by_scanner: Vec::new(), spans };
        // The service can repeat what was masked in whatever it says.
        masked.clean(by_scanner.iter_mut().map(|(scanner_type, _)| scanner_type), text);
        masked.by_scanner = by_scanner;
        masked
    }
}

/// How a text is masked that may be shown so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked {
    spans: Spans,
    /// How many characters are.
    pub characters: usize,
    /// How many of them are known to be what a scanner of that type found; two scanners may have found the same.
    pub by_scanner: Vec<(String, usize)>,
}

impl Masked {
    /// The text with an asterisk for each masked character.
    #[must_use]
    pub fn text(&self, original: &str) -> String {
        let mut masked = String::with_capacity(original.len());
        let mut from = 0;
        for range in &self.spans.0 {
            masked.push_str(original.get(from..range.start).unwrap_or_default());
            let count = original.get(range.clone()).unwrap_or_default().chars().count();
            masked.extend(std::iter::repeat_n(MASK, count));
            from = range.end;
        }
        masked.push_str(original.get(from..).unwrap_or_default());
        masked
    }

    /// Takes away those texts that have six characters in a row of what is masked in the original: more of it, or less, may
    /// be masked than what they repeat, and they may be cut.
    pub fn clean<'a>(&self, texts: impl IntoIterator<Item = &'a mut String>, original: &str) {
        let mut texts: Vec<&mut String> =
            texts.into_iter().filter(|text| !TYPES.contains(&text.as_str())).collect();
        let mut known: HashMap<_, bool> =
            texts.iter().flat_map(|text| runs(text)).map(|run| (run, false)).collect();
        if known.is_empty() {
            return;
        }
        for part in self.spans.0.iter().filter_map(|range| original.get(range.clone())) {
            runs(part).for_each(|run| {
                known.entry(run).and_modify(|is_masked| *is_masked = true);
            });
        }
        for text in &mut texts {
            if runs(text).any(|run| known.get(&run) == Some(&true)) {
                REPEATS.clone_into(text);
            }
        }
    }
}

/// Where `redacted` has an asterisk and `piece` something else; `None` where they differ in any other way.
fn masking(piece: &str, redacted: &str) -> Option<Spans> {
    let mut theirs = redacted.chars();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    // Asterisks of the text itself, between two that are not: they belong to what is masked around them.
    let mut between = false;
    for (at, ours) in piece.char_indices() {
        let end = at + ours.len_utf8();
        match theirs.next()? {
            MASK if ours == MASK => {}
            MASK => {
                match ranges.last_mut() {
                    Some(last) if last.end == at || between => last.end = end,
                    _ => ranges.push(at..end),
                }
                between = true;
            }
            same if same == ours => between = false,
            _ => return None,
        }
    }
    theirs.next().is_none().then_some(Spans(ranges))
}

/// The places of a text in each unit in which positions may be counted.
struct Units<'a> {
    text: &'a str,
    /// Of text beyond ASCII: where each character begins, and the text's length.
    characters: Vec<usize>,
    /// Of text beyond ASCII: the character that each UTF-16 unit belongs to.
    utf16: Vec<Range<usize>>,
}

impl<'a> Units<'a> {
    fn of(text: &'a str) -> Self {
        let (mut characters, mut utf16) = (Vec::new(), Vec::new());
        if !text.is_ascii() {
            for (at, character) in text.char_indices() {
                characters.push(at);
                let place = at..at + character.len_utf8();
                utf16.extend(std::iter::repeat_n(place, character.len_utf16()));
            }
            characters.push(text.len());
        }
        Self { text, characters, utf16 }
    }

    /// Adds what lies between two positions, in each unit; `None` where the text does not reach so far in any.
    fn add_ranges(&self, (start, end): (usize, usize), ranges: &mut Vec<Range<usize>>) -> Option<()> {
        if end > self.text.len() {
            return None;
        }
        ranges.push(floor_boundary(self.text, start)..ceil_boundary(self.text, end));
        if let (Some(start), Some(end)) = (self.characters.get(start), self.characters.get(end)) {
            ranges.push(*start..*end);
        }
        if let (Some(first), Some(last)) = (self.utf16.get(start), self.utf16.get(end.saturating_sub(1))) {
            if start < end {
                ranges.push(first.start..last.end);
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
