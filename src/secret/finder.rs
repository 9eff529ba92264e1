//! A secret that comes back in somebody else's text, in whatever spelling programs give to text by themselves.
//!
//! What is looked for is a run of the secret's letters and digits, long enough to be worth hiding: upper and lower case
//! are the same, and whatever stands between them (blanks, invisible characters, quotes, line ends) does not count. It
//! is looked for in the text as it is and backwards; without percent, JSON and HTML escapes, three
//! layers of them; and in what runs of hexadecimal digits and of base64 letters decode to, from each place where a byte
//! can begin. A spelling that is made up to get past this is not found.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Secret;

/// What is shown instead of the secret.
const REDACTED: &str = "(redacted)";

/// Half of a secret's letters and digits in a row are a hit; of a long one so many, of a short one no fewer than these.
const LONGEST_RUN: usize = 16;
const SHORTEST_RUN: usize = 8;
/// A secret with fewer letters and digits is looked for as it is.
const FEWEST: usize = 4;
/// Escapes within escapes are taken off so often.
const LAYERS: usize = 3;
/// The letters of one group, by which most of a text is ruled out.
const GROUP: usize = 4;

/// Base64 as it comes out of the middle of a longer one.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Finds one secret in texts.
#[derive(Debug, Clone)]
pub struct SecretFinder {
    secret: Secret,
    /// Its letters and digits, in lower case.
    letters: Secret,
    /// So many of them in a row are a hit.
    run: usize,
    groups: Groups,
}

/// The groups of letters that the secret has, as bits; other groups can share one.
#[derive(Clone)]
struct Groups([u64; 64]);

impl SecretFinder {
    pub fn new(secret: &Secret) -> Self {
        let letters = String::from_utf8_lossy(&letters(secret.expose().as_bytes())).into_owned();
        let count = letters.len();
        let run = (count / 2).clamp(SHORTEST_RUN, LONGEST_RUN).min(count);
        let groups = Groups::of(letters.as_bytes());
        Self { secret: secret.clone(), letters: Secret::new(letters), run, groups }
    }

    /// For texts of ours: `None` where the secret has so few letters that ordinary words would be taken for it.
    pub fn for_our_words(secret: &Secret) -> Option<Self> {
        Some(Self::new(secret)).filter(|finder| finder.letters.expose().len() >= SHORTEST_RUN)
    }

    /// `text` without the secret: that alone is taken out where it is enough, else nothing of the text is left.
    pub fn without<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.is_in(text) {
            return Cow::Borrowed(text);
        }
        let cut = text.replace(self.secret.expose(), REDACTED);
        Cow::Owned(if self.is_in(&cut) { REDACTED.to_owned() } else { cut })
    }

    /// Whether the secret, or enough of it to be worth hiding, is in `text`.
    pub fn is_in(&self, text: &str) -> bool {
        if self.letters.expose().len() < FEWEST {
            return !self.secret.expose().is_empty() && text.contains(self.secret.expose());
        }
        let mut text = Cow::Borrowed(text.as_bytes());
        for _ in 0..LAYERS {
            if self.is_in_layer(&text) {
                return true;
            }
            match unescaped(&text) {
                Some(inner) => text = Cow::Owned(inner),
                None => return false,
            }
        }
        self.is_in_layer(&text)
    }

    fn is_in_layer(&self, text: &[u8]) -> bool {
        // No spelling has fewer characters than what it spells.
        if text.len() < self.run {
            return false;
        }
        let plain = letters(text);
        let backwards: Vec<u8> = plain.iter().rev().copied().collect();
        self.is_hit(&plain)
            || self.is_hit(&backwards)
            || self.is_in_some(decoded_hex(text, self.run))
            || self.is_in_some(decoded_base64(text, self.run))
    }

    fn is_in_some(&self, texts: impl IntoIterator<Item = Vec<u8>>) -> bool {
        texts.into_iter().any(|text| self.is_hit(&letters(&text)))
    }

    /// Whether enough letters in a row are the secret's.
    fn is_hit(&self, text: &[u8]) -> bool {
        let mut row = GROUP - 1;
        for (end, group) in text.windows(GROUP).enumerate().map(|(start, group)| (start + GROUP, group)) {
            row = if self.groups.holds(group) { row + 1 } else { GROUP - 1 };
            if row >= self.run {
                let found = end.checked_sub(self.run).and_then(|start| text.get(start..end));
                if self.letters.expose().as_bytes().windows(self.run).any(|part| Some(part) == found) {
                    return true;
                }
            }
        }
        false
    }
}

impl Groups {
    fn of(letters: &[u8]) -> Self {
        let mut groups = Self([0; 64]);
        for group in letters.windows(GROUP) {
            let (word, bit) = Self::place(group);
            if let Some(word) = groups.0.get_mut(word) {
                *word |= bit;
            }
        }
        groups
    }

    fn holds(&self, group: &[u8]) -> bool {
        let (word, bit) = Self::place(group);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    fn place(group: &[u8]) -> (usize, u64) {
        let number = group.iter().fold(0u32, |number, byte| (number << 8) | u32::from(*byte));
        // Twelve bits that every bit of the group has a part in (the multiplier is Knuth's).
        let hash = number.wrapping_mul(2_654_435_761) >> 20;
        ((hash >> 6) as usize, 1 << (hash & 63))
    }
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Groups")
    }
}

fn letters(text: &[u8]) -> Vec<u8> {
    text.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect()
}

/// The bytes that runs of hexadecimal digits stand for, from either digit on. What is commonly written before or
/// between two digits (`\x`, `0x`, `:`, a blank) does not end a run.
fn decoded_hex(text: &[u8], fewest: usize) -> Vec<Vec<u8>> {
    let mut runs = vec![Vec::new()];
    let mut before = 0;
    for byte in text {
        let digit = char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (digit, runs.last_mut()) {
            (Some(digit), Some(run)) => run.push(digit),
            // The zero before an x is none of the digits.
            (None, Some(run)) if matches!(byte, b'x' | b'X') => {
                run.truncate(run.len() - usize::from(before == b'0').min(run.len()));
            }
            _ if byte.is_ascii_alphanumeric() => runs.push(Vec::new()),
            _ => {}
        }
        before = *byte;
    }
    let bytes = |digits: &[u8]| {
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit)).collect()
    };
    runs.retain(|run| run.len() >= fewest * 2);
    runs.iter().flat_map(|run| [bytes(run), bytes(run.get(1..).unwrap_or_default())]).collect()
}

/// The bytes that runs of base64 letters stand for, in both alphabets, from each of the four letters on that a group
/// has. Blanks, backslashes and what is not ASCII do not end a run.
fn decoded_base64(text: &[u8], fewest: usize) -> Vec<Vec<u8>> {
    let kept = text.iter().filter(|byte| byte.is_ascii_graphic() && **byte != b'\\');
    let standard: Vec<u8> = kept
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => *byte,
        })
        .collect();
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let runs = standard.split(|byte| !is_letter(byte)).filter(|run| run.len() > fewest);
    let decoded = |rest: &[u8]| {
        // One letter alone at the end is not even a byte.
        let whole = if rest.len() % 4 == 1 { rest.split_last()?.1 } else { rest };
        LENIENT.decode(whole).ok()
    };
    runs.flat_map(|run| (0..4).filter_map(move |from| decoded(run.get(from..)?))).collect()
}

/// The text with one layer of escapes taken off; `None` where there was none.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'\\' | b'&')) {
        return None;
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut changed = false;
    while let Some((first, after)) = rest.split_first() {
        let escape = match first {
            b'%' => number(after, 2, 16),
            b'\\' => backslash(after),
            b'&' => entity(after),
            _ => None,
        };
        match escape {
            Some((character, behind)) => {
                // What is not ASCII is no part of a token.
                plain.push(u8::try_from(character).unwrap_or(b' '));
                rest = behind;
                changed = true;
            }
            None => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    changed.then_some(plain)
}

/// A number of exactly so many digits at the start of `text`, and what follows it.
fn number(text: &[u8], digits: usize, radix: u32) -> Option<(u32, &[u8])> {
    let (number, rest) = text.split_at_checked(digits)?;
    let number = std::str::from_utf8(number)
        .ok()
        .filter(|number| number.bytes().all(|byte| byte.is_ascii_alphanumeric()))?;
    Some((u32::from_str_radix(number, radix).ok()?, rest))
}

/// What follows a backslash in JSON and in most programming languages.
fn backslash(text: &[u8]) -> Option<(u32, &[u8])> {
    let (kind, rest) = text.split_first()?;
    match kind {
        b'u' if rest.first() == Some(&b'{') => {
            let end = rest.iter().position(|byte| *byte == b'}')?;
            let (found, _) = number(rest.get(1..)?, end.checked_sub(1)?, 16)?;
            Some((found, rest.get(end + 1..)?))
        }
        b'u' => number(rest, 4, 16),
        b'x' => number(rest, 2, 16),
        b'n' | b'r' | b't' | b'b' | b'f' => Some((u32::from(b' '), rest)),
        other => Some((u32::from(*other), rest)),
    }
}

/// What follows the `&` of an HTML entity. Of those with names only the common ones for punctuation, which is none of
/// what is looked for.
fn entity(text: &[u8]) -> Option<(u32, &[u8])> {
    let end = text.iter().take(10).position(|byte| *byte == b';')?;
    let (name, rest) = (text.get(..end)?, text.get(end + 1..)?);
    let digits = |text: &[u8], radix| number(text, text.len(), radix).map(|(number, _)| number);
    let character = match name {
        [b'#', b'x' | b'X', hexadecimal @ ..] => digits(hexadecimal, 16)?,
        [b'#', decimal @ ..] => digits(decimal, 10)?,
        b"amp" | b"lt" | b"gt" | b"quot" | b"apos" | b"nbsp" => u32::from(b' '),
        _ => return None,
    };
    Some((character, rest))
}

#[cfg(test)]
mod tests;
