//! Text from elsewhere (a server, a tool's name) made safe to show on a terminal and to the model; text cut between
//! characters; numbers, durations and bytes as people read them.

use std::fmt;
use std::path::Path;
use std::time::Duration;

/// The longest path that is shown whole, in characters.
const LONGEST_PATH: usize = 300;

/// Removes control characters and the invisible ones that reorder text, folds white space to single
/// blanks, trims, and cuts after `max` characters (the cut is marked with `…`).
pub fn printable(text: &str, max: usize) -> String {
    // Most texts are our own.
    if text.len() <= max && is_plain(text.as_bytes()) {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut count = 0;
    let mut blank = false;
    for character in text.chars() {
        if character.is_whitespace() {
            blank = count > 0;
            continue;
        }
        if !is_shown(character) {
            continue;
        }
        if count + usize::from(blank) >= max {
            shown.push('…');
            break;
        }
        if blank {
            shown.push(' ');
            count += 1;
            blank = false;
        }
        shown.push(character);
        count += 1;
    }
    shown
}

/// Removes the same characters, and keeps lines, tabs and blanks as they are.
#[must_use]
pub fn printable_lines(text: &str) -> String {
    let keeps = |character: &char| matches!(character, '\n' | '\t') || is_shown(*character);
    text.chars().filter(keeps).collect()
}

/// A path as it may be shown.
#[must_use]
pub fn shown_path(path: &Path) -> String {
    printable(&path.to_string_lossy(), LONGEST_PATH)
}

/// An address as one word for shells; a quote in a URL may be written as `%27`.
#[must_use]
pub fn shell_word(address: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:".contains(c);
    if address.chars().all(plain) {
        address.to_owned()
    } else {
        format!("'{}'", address.replace('\'', "%27"))
    }
}

/// Breaks text into lines of at most `width` characters at its blanks; a longer word has a line of its own. What is in
/// backticks is one word, so that a command can be copied. Lines after the first begin with `indent` blanks, and the first
/// has as much room as if it did, too.
#[must_use]
pub fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let mut out = String::new();
    let mut column = indent;
    for word in words(text) {
        let length = word.chars().count();
        if column > indent && column + 1 + length > width {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if column > indent {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// The parts between blanks; none ends within backticks.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(' ');
        let mut in_code = false;
        let end = rest.char_indices().find(|(at, character)| {
            if *character == '`' {
                // One without another behind it quotes nothing.
                in_code = !in_code && rest.get(at + 1..).is_some_and(|behind| behind.contains('`'));
            }
            *character == ' ' && !in_code
        });
        let (word, behind) = rest.split_at_checked(end.map_or(rest.len(), |(at, _)| at))?;
        rest = behind;
        (!word.is_empty()).then_some(word)
    })
}

/// ASCII with no blank but single ones between words.
fn is_plain(text: &[u8]) -> bool {
    let mut before = b' ';
    let plain = text.iter().all(|byte| {
        let fits = byte.is_ascii_graphic() || (*byte == b' ' && before != b' ');
        before = *byte;
        fits
    });
    plain && (before != b' ' || text.is_empty())
}

/// Whether it is a blank or something to see.
#[must_use]
pub fn is_shown(character: char) -> bool {
    !(character.is_control() || is_invisible_format(character))
}

/// Zero-width, bidirectional, filler, tag and variation characters: they show nothing, but change how the rest is read.
fn is_invisible_format(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{115F}' | '\u{1160}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E01EF}')
}

/// The last boundary of characters that is not behind `at`.
pub fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default()
}

/// The first boundary of characters that is not before `at`.
pub fn ceil_boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}

/// Two digits a byte.
pub fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// `1 character`, `2 characters`.
pub fn counted<N: fmt::Display + PartialEq + From<u8>>(number: N, one: &str) -> String {
    let end = if number == N::from(1) { "" } else { "s" };
    format!("{number} {one}{end}")
}

/// A duration for people: whole or decimal seconds.
pub fn seconds(duration: &Duration) -> String {
    let seconds = (duration.as_secs_f64() * 10.0).round() / 10.0;
    format!("{seconds} s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_and_bidi_overrides_lose_their_effect() {
        assert_eq!(printable("  a\u{1b}[31mred\u{202e}\r\n\tend\u{7} ", 80), "a[31mred end");
    }

    #[test]
    fn an_address_is_one_word_of_a_command() {
        assert_eq!(shell_word("http://127.0.0.1:8475"), "http://127.0.0.1:8475");
        assert_eq!(shell_word("http://[::1]:1/a'$(b)"), "'http://[::1]:1/a%27$(b)'");
    }

    #[test]
    fn long_text_is_cut_and_the_cut_is_marked() {
        assert_eq!(printable("abc def", 4), "abc…");
        assert_eq!(printable("abc def", 5), "abc d…");
        assert_eq!(printable("abc def", 7), "abc def");
    }

    #[test]
    fn lines_are_broken_at_blanks_and_long_words_stay_whole() {
        assert_eq!(wrapped("aa bb cc", 7, 2), "aa bb\n  cc");
        assert_eq!(wrapped("aa bbbbbbbbbb cc", 7, 2), "aa\n  bbbbbbbbbb\n  cc");
        assert_eq!(wrapped("", 7, 2), "");
    }

    #[test]
    fn what_is_in_backticks_stays_on_one_line() {
        assert_eq!(wrapped("run (`a b c`), or", 9, 0), "run\n(`a b c`),\nor");
        assert_eq!(wrapped("`a b` c `d e`.", 6, 0), "`a b`\nc\n`d e`.");
        assert_eq!(wrapped("it`s a lone one", 6, 0), "it`s a\nlone\none");
    }

    proptest! {
        #[test]
        fn a_plain_text_is_as_it_would_be_without_the_short_cut(text in "[ a-c~\t\u{a0}]{0,12}") {
            let shown = printable(&text, 100);
            prop_assert_eq!(&shown, &text.split_whitespace().collect::<Vec<_>>().join(" "));
        }

        #[test]
        fn nothing_invisible_survives_and_the_limit_holds(text in any::<String>(), max in 1usize..50) {
            let shown = printable(&text, max);
            prop_assert!(shown.chars().count() <= max + 1);
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_invisible_format(c)));
        }
    }

    #[test]
    fn seconds_are_short() {
        assert_eq!(seconds(&Duration::from_secs(10)), "10 s");
        assert_eq!(seconds(&Duration::from_millis(667)), "0.7 s");
    }
}
