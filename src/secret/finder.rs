//! A secret that comes back in somebody else's text, in whatever spelling programs give to text by themselves.
//!
//! What is looked for is a run of the secret's letters and digits, long enough to be worth hiding: upper and lower case
//! are the same, and whatever stands between them (blanks, invisible characters, quotes, line ends) does not count. It
//! is looked for in the text as it is and backwards; without percent, JSON and HTML escapes, three
//! layers of them; and in what runs of hexadecimal digits and of base64 letters decode to, from each place where a byte
//! can begin. A spelling that is made up to get past this is not found.
//!
//! Every answer and every line of the log is searched, so each layer is read once, and nothing is copied.

use std::borrow::Cow;

use super::Secret;

/// What is shown instead of the secret.
pub const REDACTED: &str = "(redacted)";

/// Half of a secret's letters and digits in a row are a hit; of a long one so many, of a short one no fewer than these.
const LONGEST_RUN: usize = 16;
const SHORTEST_RUN: usize = 8;
/// A secret with fewer letters and digits is looked for as it is.
const FEWEST: usize = 4;
/// Escapes within escapes are taken off so often.
const LAYERS: usize = 3;
/// The letters of one group, by which most of a text is ruled out.
const GROUP: usize = 4;

/// Finds one secret in texts.
#[derive(Debug, Clone)]
pub struct SecretFinder {
    secret: Secret,
    /// Its letters and digits are so many,
    letters: usize,
    /// and so many of them in a row are a hit.
    run: usize,
    runs: Runs,
}

/// What is a hit: the secret's letters and digits in lower case.
#[derive(Clone)]
struct Runs {
    /// Each run of them, forwards and backwards, its last letter in the lowest byte.
    all: Vec<u128>,
    /// The groups of letters in them, as bits; other groups can share one.
    groups: [u64; 64],
}

/// The letters that went by, as far as they matter.
#[derive(Debug, Clone, Copy)]
struct Reading {
    last: u128,
    /// How many of the last ones are in groups of the secret's.
    row: usize,
}

impl SecretFinder {
    pub fn new(secret: &Secret) -> Self {
        let letters: Vec<u8> = secret.expose().bytes().filter_map(letter).collect();
        let run = (letters.len() / 2).clamp(SHORTEST_RUN, LONGEST_RUN).min(letters.len());
        Self { secret: secret.clone(), letters: letters.len(), run, runs: Runs::of(&letters, run) }
    }

    /// For texts of ours: `None` where the secret has so few letters that ordinary words would be taken for it.
    pub fn for_our_words(secret: &Secret) -> Option<Self> {
        Some(Self::new(secret)).filter(|finder| finder.letters >= SHORTEST_RUN)
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
        if self.letters < FEWEST {
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
        let mut plain = Reading::START;
        text.iter().any(|byte| self.ends_a_hit(&mut plain, *byte))
            || self.is_in_hex(text)
            || self.is_in_base64(text)
    }

    /// The bytes that runs of hexadecimal digits stand for, from either digit on. What is commonly written before or
    /// between two digits (`\x`, `0x`, `:`, a blank) does not end a run.
    fn is_in_hex(&self, text: &[u8]) -> bool {
        let mut readings = [Reading::START; 2];
        // The digits before, how many of them there are, and what was read before the last one.
        let (mut pair, mut digits, mut undone) = (0u8, 0usize, readings);
        let mut before = 0;
        for byte in text {
            let digit = char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            if let Some(digit) = digit {
                undone = readings;
                pair = (pair << 4) | digit;
                digits += 1;
                if let (true, Some(reading)) = (digits > 1, readings.get_mut(digits % 2)) {
                    if self.ends_a_hit(reading, pair) {
                        return true;
                    }
                }
            } else if matches!(byte, b'x' | b'X') {
                // The zero before an x is none of the digits.
                if before == b'0' && digits > 0 {
                    (readings, digits, pair) = (undone, digits - 1, pair >> 4);
                }
            } else if byte.is_ascii_alphanumeric() {
                (readings, digits) = ([Reading::START; 2], 0);
            }
            before = *byte;
        }
        false
    }

    /// The bytes that runs of base64 letters stand for, in both alphabets, from each of the four letters on that a group
    /// has. Blanks, backslashes and what is not ASCII do not end a run.
    fn is_in_base64(&self, text: &[u8]) -> bool {
        let mut readings = [Reading::START; 4];
        let (mut bits, mut letters) = (0u32, 0usize);
        for byte in text {
            let Some(value) = base64_value(*byte) else {
                if byte.is_ascii_graphic() && *byte != b'\\' {
                    if self.is_in_last_bits(readings, bits, letters) {
                        return true;
                    }
                    (readings, letters) = ([Reading::START; 4], 0);
                }
                continue;
            };
            bits = (bits << 6) | u32::from(value);
            letters += 1;
            // The last four letters are a group of those that began with the first of them.
            if let (true, Some(reading)) = (letters > 3, readings.get_mut(letters % 4)) {
                let [_, bytes @ ..] = bits.to_be_bytes();
                if bytes.into_iter().any(|byte| self.ends_a_hit(reading, byte)) {
                    return true;
                }
            }
        }
        self.is_in_last_bits(readings, bits, letters)
    }

    /// The one or two bytes at the end of a run whose length is no multiple of four.
    fn is_in_last_bits(&self, mut readings: [Reading; 4], bits: u32, letters: usize) -> bool {
        let ends = [(2, [bits >> 4, 0], 1), (3, [bits >> 10, bits >> 2], 2)];
        ends.into_iter().filter(|(rest, ..)| letters >= *rest).any(|(rest, bytes, count)| {
            let reading = readings.get_mut((letters - rest) % 4);
            reading.is_some_and(|reading| {
                bytes.into_iter().take(count).any(|byte| self.ends_a_hit(reading, byte.to_le_bytes()[0]))
            })
        })
    }

    /// Whether enough letters in a row are the secret's, now that this byte has come.
    fn ends_a_hit(&self, reading: &mut Reading, byte: u8) -> bool {
        let Some(letter) = letter(byte) else { return false };
        reading.last = (reading.last << 8) | u128::from(letter);
        reading.row = if self.runs.have_group(reading.last) { reading.row + 1 } else { GROUP - 1 };
        reading.row >= self.run && self.runs.all.contains(&(reading.last & mask(self.run)))
    }
}

impl Reading {
    const START: Self = Self { last: 0, row: GROUP - 1 };
}

impl Runs {
    fn of(letters: &[u8], run: usize) -> Self {
        let mut runs = Self { all: Vec::new(), groups: [0; 64] };
        if run < FEWEST {
            return runs;
        }
        let number = |letters: &mut dyn Iterator<Item = &u8>| {
            letters.fold(0, |number: u128, letter| (number << 8) | u128::from(*letter))
        };
        for part in letters.windows(run) {
            runs.all.extend([number(&mut part.iter()), number(&mut part.iter().rev())]);
        }
        for group in letters.windows(GROUP) {
            for group in [number(&mut group.iter()), number(&mut group.iter().rev())] {
                let (word, bit) = Self::place(group);
                if let Some(word) = runs.groups.get_mut(word) {
                    *word |= bit;
                }
            }
        }
        runs
    }

    fn have_group(&self, last: u128) -> bool {
        let (word, bit) = Self::place(last);
        self.groups.get(word).is_some_and(|word| word & bit != 0)
    }

    #[allow(clippy::cast_possible_truncation)] // the four letters of a group
    fn place(last: u128) -> (usize, u64) {
        // Twelve bits that every bit of the group has a part in (the multiplier is Knuth's).
        let hash = (last as u32).wrapping_mul(2_654_435_761) >> 20;
        ((hash >> 6) as usize, 1 << (hash & 63))
    }
}

impl std::fmt::Debug for Runs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Runs")
    }
}

/// The bits of so many letters.
fn mask(letters: usize) -> u128 {
    u128::MAX >> (128 - 8 * letters.clamp(1, LONGEST_RUN))
}

fn letter(byte: u8) -> Option<u8> {
    byte.is_ascii_alphanumeric().then(|| byte.to_ascii_lowercase())
}

fn base64_value(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
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
