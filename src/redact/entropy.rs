//! Tells a random string from a name, a word or a model's version. A guess by nature: see [`random_runs`].

use std::ops::Range;

/// Shorter pieces are never called random.
const MIN_PIECE: usize = 20;
/// A run of several pieces is more often a name with a version, and has to be longer and more restless.
const MIN_RUN: usize = 24;

/// Where `text` holds a run of letters and digits that looks random, as byte ranges.
///
/// Words change their character class (lower case, upper case, digit) rarely and alternate vowels with
/// consonants; random text does neither. Judged are both each unbroken piece of letters and digits and the run that
/// `-`, `_`, `+`, `~` and `=` hold together, because base64url has dashes of its own; and, where there is no other
/// punctuation, standard base64 with its slashes. UUIDs and plain numbers are not random.
pub fn random_runs(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for run in runs(text, |char| is_base64url(char) || char == '/') {
        let whole = slice(text, &run);
        // A path has slashes too: it is judged segment by segment, base64 as a whole.
        let slashes = whole.matches('/').count();
        if slashes > 0 && whole.len() >= 40 && slashes * 12 <= whole.len() && looks_random(whole) {
            found.push(run);
            continue;
        }
        for segment in runs(whole, is_base64url) {
            let absolute = run.start + segment.start..run.start + segment.end;
            let segment = slice(text, &absolute);
            if looks_random(segment)
                || segment.split(|char: char| !char.is_ascii_alphanumeric()).any(looks_random)
            {
                found.push(absolute);
            }
        }
    }
    found
}

/// Whether the whole of `text` is a UUID with dashes.
pub fn is_uuid(text: &str) -> bool {
    let mut groups = text.split('-');
    [8, 4, 4, 4, 12].iter().all(|&length| {
        groups
            .next()
            .is_some_and(|group| group.len() == length && group.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }) && groups.next().is_none()
}

fn is_base64url(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '+' | '~' | '=')
}

fn slice<'a>(text: &'a str, range: &Range<usize>) -> &'a str {
    text.get(range.clone()).unwrap_or_default()
}

fn runs(text: &str, belongs: impl Fn(char) -> bool) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = None;
    for (at, char) in text.char_indices() {
        match (belongs(char), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                runs.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    runs.extend(start.map(|from| from..text.len()));
    runs
}

/// A key or digest in hexadecimal: no word is that long, however rarely its digits and letters alternate.
fn is_long_hex(text: &str) -> bool {
    text.len() >= 32
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn looks_random(text: &str) -> bool {
    if is_long_hex(text) {
        return true;
    }
    let text = without_uuids(text);
    let mut length = 0_usize;
    let mut pairs = 0_usize;
    let mut changes = 0_usize;
    let mut consonants = 0_usize;
    let mut longest_consonants = 0_usize;
    let mut previous: Option<char> = None;
    for char in text.chars() {
        if !char.is_ascii_alphanumeric() {
            previous = None;
            consonants = 0;
            continue;
        }
        length += 1;
        if let Some(before) = previous {
            pairs += 1;
            let digit_border = before.is_ascii_digit() != char.is_ascii_digit();
            let word_border = before.is_ascii_lowercase() && char.is_ascii_uppercase();
            changes += usize::from(digit_border || word_border);
        }
        let vowel = matches!(char.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
        consonants = if char.is_ascii_digit() || vowel { 0 } else { consonants + 1 };
        longest_consonants = longest_consonants.max(consonants);
        previous = Some(char);
    }
    if pairs + 1 == length {
        length >= MIN_PIECE && (changes * 5 >= pairs || longest_consonants >= 6)
    } else {
        length >= MIN_RUN && (changes * 4 >= pairs || longest_consonants >= 8)
    }
}

/// `text` with every UUID cut out, so that `prefix-<uuid>` is judged by its prefix.
fn without_uuids(text: &str) -> String {
    const UUID: usize = 36;
    let mut rest = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if text.get(at..at + UUID).is_some_and(is_uuid) {
            rest.push('-');
            at += UUID;
        } else {
            rest.extend(text.get(at..).and_then(|tail| tail.chars().next()));
            at += 1; // ASCII only: the runs hold nothing else
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_words_versions_and_ids_are_not_called_random() {
        for text in [
            "gpt-4o-mini-2024-07-18",
            "claude-3-5-sonnet-20241022",
            "anthropic.claude-3-sonnet-20240229-v1:0",
            "meta-llama/Llama-3.1-8B-Instruct",
            "mistralai/Mixtral-8x7B-Instruct-v0.1-GPTQ-4bit-128g-actorder",
            "text-embedding-3-large",
            "openai-compatible",
            "2025-01-31T09:14:05.123456Z",
            "019fb483-2087-7078-b24c-fa57585a52c7",
            "project-019fb483-2087-7078-b24c-fa57585a52c7",
            "anthropic_messages google_generate_content",
            "application/vnd.openxmlformats-officedocument",
            "getProviderSecretValueFromStore",
            "/openai/deployments/customer-support-bot/chat/completions",
            "12345678901234567890123",
            "The answer was withheld because it holds confidential information",
            "$.choices[0].message.content",
            "internationalization-configuration",
        ] {
            assert_eq!(random_runs(text), [], "{text}");
        }
    }

    #[test]
    fn a_random_run_is_found_with_its_borders() {
        let text = "see hooks/T0/x9Kd83hdkA02jfkW8sLq1pZ7 now";
        let found: Vec<&str> = random_runs(text).into_iter().map(|run| &text[run]).collect();
        assert_eq!(found, ["x9Kd83hdkA02jfkW8sLq1pZ7"]);
    }

    #[test]
    fn hex_is_found_even_where_digits_and_letters_rarely_alternate() {
        let secret = "f83f958086960015d43ce5494399284068903851";
        assert_eq!(random_runs(secret), vec![0..40]);
    }

    proptest! {
        #[test]
        fn random_base62_of_forty_characters_is_found(secret in "[A-Za-z0-9]{40}") {
            prop_assert_eq!(random_runs(&secret), vec![0..40]);
        }

        #[test]
        fn random_hex_of_forty_characters_is_found(secret in "[a-f0-9]{40}") {
            prop_assert_eq!(random_runs(&secret), vec![0..40]);
        }

        #[test]
        fn any_text_is_judged_without_a_panic(text in any::<String>()) {
            for run in random_runs(&text) {
                prop_assert!(text.get(run).is_some());
            }
        }
    }
}
