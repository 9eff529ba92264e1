//! What one session has had cleared, line by line, so that parallel hooks only ever append.
//!
//! `c HASH SCOPE HOW TIME` is a text, `x` with the same fields one that was scanned and refused, `y` one that was
//! flagged and let pass, `w HASH SCOPE LENGTH TIME` words of f5-guard's own, `o OFFSET FILE SCOPE SEAL` a place
//! in the session's file before which every text is cleared, `t HASH SCOPE` a turn whose user knows that not all was scanned. Hashes and seals are made with a key that only this user has,
//! and of the session: a line from elsewhere says nothing. Of a line that is lost its texts are scanned once more.

use std::collections::{BTreeSet, HashMap, HashSet};

use memchr::memmem;
use ring::hmac;

use crate::printable::hexadecimal;

/// How the file begins. Another one is another version's.
const HEAD: &[u8] = b"f5-guard transcript 1";
/// A state that has grown beyond this is written anew, with the last of its lines.
pub const GROWN: usize = 2 * 1024 * 1024;
/// So much of it is kept then.
const KEPT: usize = 1024 * 1024;
/// So many lengths of our own words are tried.
const MOST_LENGTHS: usize = 16;

/// Our own words are nobody's verdict.
const NO_SCOPE: &str = "-";

/// How a text came to be cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// As a prompt.
    Prompt,
    /// As a tool's output, which was cleared, or flagged and let pass with a warning.
    Output,
    FlaggedOutput,
    /// From the session's file, with a prompt or with a tool's input.
    WithPrompt,
    WithTool,
}

impl How {
    const ALL: [Self; 5] =
        [Self::Prompt, Self::Output, Self::FlaggedOutput, Self::WithPrompt, Self::WithTool];

    fn letter(self) -> char {
        match self {
            Self::Prompt => 'p',
            Self::Output => 'o',
            Self::FlaggedOutput => 'f',
            Self::WithPrompt => 'u',
            Self::WithTool => 't',
        }
    }
}

/// When and how a text was cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleared {
    pub how: How,
    /// In milliseconds since 1970.
    pub at: u64,
}

/// Makes the hashes and seals of one session under one configuration of the scanners.
#[derive(Clone)]
pub struct Seal {
    key: hmac::Key,
    session: String,
    scope: String,
}

impl Seal {
    /// `scope` names the service, project and token; the same texts are scanned again for another.
    pub fn new(key: &[u8], session: &str, scope: &str) -> Self {
        let scope = if scope.is_empty() { NO_SCOPE } else { scope };
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            session: session.to_owned(),
            scope: scope.replace(char::is_whitespace, "_"),
        }
    }

    /// The same for another scope, as a state names it.
    fn in_scope(&self, scope: &str) -> Self {
        Self { scope: scope.to_owned(), ..self.clone() }
    }

    /// Surrounding white space makes no other text.
    pub fn text(&self, text: &str) -> String {
        self.sign("text", &[text.trim_ascii().as_bytes()])
    }

    /// For [`super::store::Store::allow`]: the same in every session and for every project.
    pub fn allowing(&self, text: &str) -> String {
        let everywhere = Self { session: String::new(), scope: String::new(), key: self.key.clone() };
        everywhere.sign("allow", &[text.trim_ascii().as_bytes()])
    }

    fn place(&self, file: &str, offset: u64, window: &[u8]) -> String {
        self.sign("place", &[file.as_bytes(), &offset.to_be_bytes(), window])
    }

    /// 128 bits in hexadecimal digits, of parts that can't run into each other.
    fn sign(&self, what: &str, parts: &[&[u8]]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        let ours = [what.as_bytes(), self.session.as_bytes(), self.scope.as_bytes()];
        for part in ours.iter().chain(parts) {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        hexadecimal(context.sign().as_ref().get(..16).unwrap_or_default())
    }

    /// The lines that say so.
    pub fn note_text(&self, text: &str, cleared: Cleared) -> String {
        format!("\nc {} {} {} {}", self.text(text), self.scope, cleared.how.letter(), cleared.at)
    }

    /// A text of the session's file that was not cleared: it is scanned again each time, and was scanned.
    pub fn note_hit(&self, text: &str, scanned: Cleared, is_refused: bool) -> String {
        let kind = if is_refused { 'x' } else { 'y' };
        format!("\n{kind} {} {} {} {}", self.text(text), self.scope, scanned.how.letter(), scanned.at)
    }

    pub fn note_own_words(&self, words: &str, at: u64) -> String {
        let words = words.trim_ascii();
        format!("\nw {} {NO_SCOPE} {} {at}", self.in_scope(NO_SCOPE).text(words), words.len())
    }

    /// A turn whose user was told that something of the session was not scanned.
    pub fn note_told(&self, turn: &str) -> String {
        format!("\nt {} {}", self.sign("turn", &[turn.as_bytes()]), self.scope)
    }

    pub fn note_place(&self, file: &str, offset: u64, window: &[u8]) -> String {
        format!("\no {offset} {file} {} {}", self.scope, self.place(file, offset, window))
    }
}

/// A state as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State(Vec<u8>);

impl State {
    /// `None` for what another version wrote.
    pub fn parse(bytes: Vec<u8>) -> Option<Self> {
        bytes.starts_with(HEAD).then_some(Self(bytes))
    }

    /// What a new file has before its first lines.
    pub fn head() -> &'static [u8] {
        HEAD
    }

    /// Whether this session had the text cleared.
    #[cfg(test)]
    pub fn has(&self, seal: &Seal, text: &str) -> bool {
        let line = format!("\nc {} {} ", seal.text(text), seal.scope);
        memmem::find(&self.0, line.as_bytes()).is_some()
    }

    /// Whether this session was refused because of the text.
    pub fn has_refused(&self, seal: &Seal, text: &str) -> bool {
        let line = format!("\nx {} {} ", seal.text(text), seal.scope);
        memmem::find(&self.0, line.as_bytes()).is_some()
    }

    /// Whether this turn's user was told that something of the session was not scanned.
    pub fn has_told(&self, seal: &Seal, turn: &str) -> bool {
        let line = seal.note_told(turn);
        self.lines().any(|known| known == line.trim_start())
    }

    /// The hashes of the texts that this session had cleared, for looking at many texts.
    pub fn cleared(&self, seal: &Seal) -> HashSet<&str> {
        let of_line = |line| match fields(line).as_slice() {
            ["c", hash, scope, ..] if *scope == seal.scope => Some(*hash),
            _ => None,
        };
        self.lines().filter_map(of_line).collect()
    }

    /// Words of ours; of their lengths the last ones.
    pub fn own_words(&self, seal: &Seal) -> OwnWords<'_> {
        let mut own =
            OwnWords { seal: seal.in_scope(NO_SCOPE), hashes: HashSet::new(), lengths: BTreeSet::new() };
        let starts: Vec<usize> = memmem::find_iter(&self.0, b"\nw ").collect();
        for at in starts.into_iter().rev() {
            let Some(["w", hash, NO_SCOPE, length, _]) =
                self.line_at(at).map(fields).as_deref().and_then(|line| <[&str; 5]>::try_from(line).ok())
            else {
                continue;
            };
            let Ok(length) = length.parse::<usize>() else { continue };
            if own.lengths.len() < MOST_LENGTHS || own.lengths.contains(&length) {
                own.lengths.insert(length);
                own.hashes.insert(hash);
            }
        }
        own
    }

    /// The line behind the line feed at a place.
    fn line_at(&self, at: usize) -> Option<&str> {
        let line = self.0.get(at + 1..)?;
        let line = line.get(..memchr::memchr(b'\n', line).unwrap_or(line.len()))?;
        std::str::from_utf8(line).ok()
    }

    /// Where to go on reading the file: the furthest place whose seal holds. `window` gives what is in the file before a
    /// place. A place whose seal does not hold is of another file, or of one that was changed: then no other counts either.
    pub fn place<E>(
        &self,
        seal: &Seal,
        file: &str,
        length: u64,
        window: impl FnOnce(u64) -> Result<Vec<u8>, E>,
    ) -> Result<Option<u64>, E> {
        let mut furthest: Option<(u64, &str)> = None;
        for at in memmem::find_iter(&self.0, b"\no ") {
            if let Some(["o", offset, of, scope, sealed]) = self.line_at(at).map(fields).as_deref() {
                let Ok(offset) = offset.parse::<u64>() else { continue };
                if *of == file && *scope == seal.scope && furthest.is_none_or(|(known, _)| known < offset) {
                    furthest = Some((offset, sealed));
                }
            }
        }
        match furthest {
            Some((offset, sealed)) if offset <= length => {
                let holds = seal.place(file, offset, &window(offset)?) == sealed;
                Ok(holds.then_some(offset))
            }
            // It was cut.
            _ => Ok(None),
        }
    }

    /// For counting: every text that was scanned, in whatever scope.
    pub fn index(&self) -> Index<'_> {
        let mut index = Index { scopes: self.scopes(), texts: HashMap::new() };
        for line in self.lines() {
            if let ["c" | "x" | "y", hash, _, how, at] = fields(line).as_slice() {
                let how = How::ALL.into_iter().find(|known| how.chars().eq([known.letter()]));
                if let (Some(how), Ok(at)) = (how, at.parse()) {
                    index.texts.entry(hash).or_insert(Cleared { how, at });
                }
            }
        }
        index
    }

    /// Every scope that a text was cleared in.
    fn scopes(&self) -> BTreeSet<&str> {
        let mut scopes = BTreeSet::new();
        for line in self.lines() {
            match fields(line).as_slice() {
                ["c" | "x" | "y", _, scope, ..] => scopes.insert(*scope),
                _ => false,
            };
        }
        scopes
    }

    #[cfg(test)]
    pub fn is_grown(&self) -> bool {
        self.0.len() > GROWN
    }

    /// The last of its lines, with the last places.
    pub fn shortened(&self) -> Vec<u8> {
        let from = self.0.len().saturating_sub(KEPT);
        let cut = self.0.get(from..).unwrap_or_default();
        let whole = memchr::memchr(b'\n', cut).and_then(|at| cut.get(at..)).unwrap_or_default();
        [HEAD, whole].concat()
    }

    pub(super) fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok())
    }
}

/// Words of f5-guard's own, by their hashes.
#[derive(Clone)]
pub struct OwnWords<'a> {
    seal: Seal,
    hashes: HashSet<&'a str>,
    /// In bytes.
    pub lengths: BTreeSet<usize>,
}

impl OwnWords<'_> {
    pub fn has(&self, words: &str) -> bool {
        self.hashes.contains(self.seal.text(words).as_str())
    }
}

/// The texts of a state, by their hashes.
#[derive(Debug)]
pub struct Index<'a> {
    scopes: BTreeSet<&'a str>,
    texts: HashMap<&'a str, Cleared>,
}

impl Index<'_> {
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// When and how a text was scanned first.
    pub fn find(&self, seal: &Seal, text: &str) -> Option<Cleared> {
        self.scopes.iter().find_map(|scope| self.texts.get(seal.in_scope(scope).text(text).as_str()).copied())
    }
}

fn fields(line: &str) -> Vec<&str> {
    line.split(' ').take(6).collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn seal(session: &str) -> Seal {
        Seal::new(b"a key of this user's", session, "scope")
    }

    fn state(lines: &[String]) -> State {
        State::parse([HEAD, lines.concat().as_bytes()].concat()).unwrap()
    }

    const NOW: Cleared = Cleared { how: How::WithPrompt, at: 7 };

    fn place(state: &State, seal: &Seal, file: &str, length: u64, window: &[u8]) -> Option<u64> {
        state.place(seal, file, length, |_| Ok::<_, Infallible>(window.to_vec())).unwrap()
    }

    #[test]
    fn a_text_is_cleared_for_its_session_key_and_scope_only() {
        let state = state(&[seal("s").note_text(" text\n", NOW)]);
        assert!(state.has(&seal("s"), "text"));
        assert!(!state.has(&seal("s"), "texts"));
        assert!(!state.has(&seal("another"), "text"));
        assert!(!state.has(&seal("s").in_scope("another"), "text"));
        assert!(!state.has(&Seal::new(b"another key", "s", "scope"), "text"));
        assert!(!state.own_words(&seal("s")).has("text"), "it is cleared, not ours");
        assert_eq!(state.index().find(&Seal::new(b"a key of this user's", "s", ""), "text"), Some(NOW));
    }

    #[test]
    fn a_text_that_was_refused_was_scanned_and_is_not_cleared() {
        for is_refused in [true, false] {
            let state = state(&[seal("s").note_hit("text", NOW, is_refused)]);
            assert!(!state.has(&seal("s"), "text"));
            assert_eq!(state.has_refused(&seal("s"), "text"), is_refused);
            assert_eq!(state.index().find(&seal("s"), "text"), Some(NOW));
        }
    }

    #[test]
    fn a_line_that_was_moved_to_another_scope_says_nothing() {
        let line = seal("s").note_text("text", NOW).replace(" scope ", " other ");
        assert!(!state(&[line]).has(&seal("s").in_scope("other"), "text"));
    }

    #[test]
    fn the_furthest_place_counts_where_its_seal_holds() {
        let at = |offset| seal("s").note_place("1-2", offset, b"before");
        let two = state(&[at(20), at(10)]);
        assert_eq!(place(&two, &seal("s"), "1-2", 30, b"before"), Some(20));
        assert_eq!(place(&two, &seal("s"), "1-2", 15, b"before"), None, "the file was cut");
        assert_eq!(place(&two, &seal("s"), "1-2", 30, b"behind"), None, "the file was rewritten");
        assert_eq!(place(&two, &seal("s"), "1-3", 30, b"before"), None, "another file");
        assert_eq!(place(&two, &seal("t"), "1-2", 30, b"before"), None, "another session");
        let forged = state(&[at(20).replace("o 20", "o 25")]);
        assert_eq!(place(&forged, &seal("s"), "1-2", 30, b"before"), None);
    }

    #[test]
    fn what_another_version_wrote_is_no_state() {
        assert_eq!(
            State::parse(b"f5-guard transcript 2\nc".to_vec()).map(|_| ()),
            Some(()).filter(|()| false)
        );
        assert_eq!(State::parse(Vec::new()), None);
    }

    #[test]
    fn a_torn_line_costs_no_other() {
        let torn = seal("s").note_text("lost", NOW);
        let state = state(&[torn[..9].to_owned(), seal("s").note_text("kept", NOW)]);
        assert!(!state.has(&seal("s"), "lost"));
        assert!(state.has(&seal("s"), "kept"));
    }

    #[test]
    fn a_state_that_has_grown_keeps_its_last_lines() {
        let lines: Vec<String> =
            (0..60_000).map(|n| seal("s").note_text(&format!("text {n}"), NOW)).collect();
        let grown = state(&lines);
        assert!(grown.is_grown());
        let short = State::parse(grown.shortened()).unwrap();
        assert!(!short.is_grown());
        assert!(short.has(&seal("s"), "text 59999"));
        assert!(!short.has(&seal("s"), "text 0"));
    }

    proptest! {
        #[test]
        fn nothing_is_cleared_by_bytes_that_somebody_made_up(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "[a-z ]{0,9}") {
            let state = State([HEAD, &bytes].concat());
            prop_assert!(!state.has(&seal("s"), &text));
            prop_assert_eq!(place(&state, &seal("s"), "1-2", 99, b"x"), None);
            let _ = (state.own_words(&seal("s")).lengths, state.index().find(&seal("s"), &text), state.shortened());
        }

        #[test]
        fn nothing_is_cleared_by_lines_in_the_right_form(hash in "[0-9a-f]{32}", offset in 0u64..99, text in "[a-z ]{0,9}") {
            let state = state(&[format!("\nc {hash} scope p 1"), format!("\nw {hash} scope {} 1", text.len()), format!("\no {offset} 1-2 scope {hash}")]);
            prop_assert!(!state.has(&seal("s"), &text) && !state.own_words(&seal("s")).has(&text));
            prop_assert_eq!(place(&state, &seal("s"), "1-2", 99, b"x"), None);
        }
    }
}
