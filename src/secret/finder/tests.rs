use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;
use written_out::letters;

fn finder(token: &str) -> SecretFinder {
    SecretFinder::new(&Secret::new(token))
}

fn each(text: &str, spell: impl Fn(char) -> String) -> String {
    text.chars().map(spell).collect()
}

fn half_of_the_letters(token: &str) -> String {
    let half = letters(token.as_bytes()).len().div_ceil(2).max(SHORTEST_RUN);
    let ends = (0..=token.len()).find(|end| letters(&token.as_bytes()[..*end]).len() == half);
    token[..ends.expect("a token of ASCII with so many letters")].to_owned()
}

/// Every way in which a token is spelt here, with its name.
fn spellings(token: &str) -> Vec<(&'static str, String)> {
    let hex = |between: &str| {
        let pairs: Vec<String> = token.bytes().map(|byte| format!("{byte:02x}")).collect();
        pairs.join(between)
    };
    let wide: Vec<u8> = token.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        ("as it is", token.to_owned()),
        ("with Bearer", format!("Bearer {token}")),
        ("in upper case", token.to_uppercase()),
        ("in lower case", token.to_lowercase()),
        ("backwards", token.chars().rev().collect()),
        ("with blanks", each(token, |c| format!("{c} "))),
        ("with line ends", each(token, |c| format!("{c}\r\n"))),
        ("with what is invisible", each(token, |c| format!("{c}\u{200b}\u{ad}\u{34f}"))),
        ("with dashes", each(token, |c| format!("{c}-"))),
        ("in halves", format!("{}\" + \"{}", &token[..token.len() / 2], &token[token.len() / 2..])),
        ("half of its letters", half_of_the_letters(token) + "…"),
        ("percent", each(token, |c| format!("%{:02X}", u32::from(c)))),
        ("percent, twice", each(token, |c| format!("%25{:02x}", u32::from(c)))),
        ("JSON", each(token, |c| format!("\\u{:04x}", u32::from(c)))),
        ("JSON in JSON", each(token, |c| format!("\\\\u{:04x}", u32::from(c)))),
        ("Rust", each(token, |c| format!("\\u{{{:x}}}", u32::from(c)))),
        ("C", each(token, |c| format!("\\x{:02x}", u32::from(c)))),
        ("HTML, decimal", each(token, |c| format!("&#{};", u32::from(c)))),
        ("HTML, hexadecimal", each(token, |c| format!("&#x{:x};", u32::from(c)))),
        ("hexadecimal", hex("")),
        ("hexadecimal, upper case", hex("").to_uppercase()),
        ("hexadecimal with colons", hex(":")),
        ("hexadecimal as numbers", format!("0x{}", hex(", 0x"))),
        ("hexadecimal, one digit off", format!("a{}", hex(""))),
        ("base64", BASE64.encode(token)),
        ("base64, one byte later", BASE64.encode(format!("x{token}"))),
        ("base64, two bytes later", BASE64.encode(format!("xy{token}yx"))),
        ("base64 for URLs", URL_SAFE_NO_PAD.encode(format!("?>~{token}?>~"))),
        ("base64 in lines", BASE64.encode(token).chars().map(|c| format!("{c}\n")).collect()),
        ("base64 of a login", format!("Basic {}", BASE64.encode(format!("token:{token}")))),
        ("base64 of UTF-16", BASE64.encode(wide)),
        ("base64 after letters", format!("abc{}", BASE64.encode(token))),
        ("base64 in percent", each(&BASE64.encode(token), |c| format!("%{:02x}", u32::from(c)))),
    ]
}

/// The same search, with each text that it looks in written out.
mod written_out {
    use base64::Engine as _;
    use base64::alphabet::STANDARD;
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );

    pub fn is_in_layer(secret: &str, run: usize, text: &[u8]) -> bool {
        let secret = letters(secret.as_bytes());
        let is_hit = |text: &[u8]| {
            let text = letters(text);
            let backwards: Vec<u8> = text.iter().rev().copied().collect();
            secret
                .windows(run)
                .any(|part| [&text, &backwards].iter().any(|text| text.windows(run).any(|own| own == part)))
        };
        text.len() >= run
            && (is_hit(text)
                || decoded_hex(text, run).iter().chain(&decoded_base64(text, run)).any(|text| is_hit(text)))
    }

    pub fn letters(text: &[u8]) -> Vec<u8> {
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
            digits
                .chunks_exact(2)
                .map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit))
                .collect()
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
}

fn assert_hidden(token: &str, before: &str, after: &str) {
    for (name, spelt) in spellings(token) {
        let text = format!("{before}{spelt}{after}");
        let shown = finder(token).without(&text);
        assert!(!shown.contains(&spelt) && shown.contains(REDACTED), "{name}: {text:?} became {shown:?}");
    }
}

#[test]
fn each_spelling_of_a_token_is_found() {
    for token in
        ["planted-token-7Qx2vLm9Rt4Wz8", "eyJhbGciOiJI.UzI1NiIsInR5cCI6IkpXVCJ9.e30", "0123456789abcdef"]
    {
        assert_hidden(token, "The token ", " is not valid.");
    }
}

#[test]
fn only_the_token_is_taken_out_where_that_is_enough() {
    let finder = finder("planted-token-7Qx2vLm9Rt4Wz8");
    let shown = finder.without("Bearer planted-token-7Qx2vLm9Rt4Wz8 has expired");
    assert_eq!(shown, "Bearer (redacted) has expired");
    let shown = finder.without("planted-token-7Qx2vLm9Rt4Wz8 or PLANTED-TOKEN-7QX2VLM9RT4WZ8");
    assert_eq!(shown, "(redacted)");
}

#[test]
fn an_ordinary_text_stays_as_it_is() {
    let finder = finder("planted-token-7Qx2vLm9Rt4Wz8");
    for text in [
        "",
        "Company policy forbids this: see https://policy.example/a%20b?c=d&e=f",
        "019fb483-2087-7078-b24c-fa57585a52c7",
        "a token was planted",
        "Qx2vLm9",
        "\\ % & \\u \\u{ \\u{} \\x %g &; &#; &#x;",
    ] {
        assert_eq!(finder.without(text), text);
    }
}

#[test]
fn a_token_of_few_letters_is_taken_out_as_it_is() {
    assert_eq!(finder("a!b").without("xa!by"), "x(redacted)y");
    assert_eq!(finder("").without("anything"), "anything");
    assert_eq!(finder("abcd").without("the abcd"), "the (redacted)");
}

#[test]
fn our_own_words_are_not_taken_for_a_token_of_hardly_any_letters() {
    let for_our_words = |token: &str| SecretFinder::for_our_words(&Secret::new(token));
    assert!(for_our_words("to\u{fffd}ken").is_none() && for_our_words("").is_none());
    assert!(for_our_words("Tok-3n-0f8").is_some());
}

#[test]
fn debug_shows_nothing_of_it() {
    let shown = format!("{:?}", finder("planted-token-7Qx2vLm9Rt4Wz8")).to_lowercase();
    assert!(!shown.contains("planted") && !shown.contains("7qx2"), "{shown}");
}

proptest! {
    #[test]
    fn whatever_the_token_and_the_text_around_it_are(
        token in "[A-Za-z0-9]{4}[!-~]{4,40}[A-Za-z0-9]{8}",
        before in "([a-z]{1,9} ){0,5}",
        after in "( [a-z]{1,9}){0,5}",
    ) {
        assert_hidden(&token, &before, &after);
    }

    #[test]
    fn no_text_is_too_strange(token in any::<String>(), text in any::<String>()) {
        let _ = finder(&token).without(&text);
    }

    #[test]
    fn words_are_not_taken_for_a_token(token in "[A-Z0-9]{20,60}", text in "([a-z]{1,9}[ ,.]){0,60}") {
        prop_assert_eq!(finder(&token).without(&text), text.as_str());
    }

    #[test]
    fn one_reading_finds_what_is_found_where_everything_is_written_out(
        token in "[a-c0-1]{8,24}",
        parts in prop::collection::vec((0..40usize, 0..9usize, "[a-c0-1A-B=+/_ .x\\\\\n-]{0,3}"), 1..4),
    ) {
        let finder = finder(&token);
        let mut text = String::new();
        for (spelling, cut, between) in parts {
            let all = spellings(&token);
            let spelt = &all[spelling % all.len()].1;
            text += &spelt.chars().skip(cut).collect::<String>();
            text += &between;
        }
        // The zero of a `0x` counts until the x has come.
        let found = finder.is_in_layer(text.as_bytes());
        let expected = written_out::is_in_layer(&token, finder.run, text.as_bytes());
        prop_assert!(found == expected || found && text.contains("0x"), "{}", text);
    }
}
