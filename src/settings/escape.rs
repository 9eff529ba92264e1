//! Free text in a registered command. PowerShell and `cmd.exe` agree on no quoting, so that on Windows a command can hold
//! plain words only. Every other character is written there as its bytes, each as `~` and two digits: `soc~40example.com`.

/// The text with every character that `is_plain` does not accept as its bytes, and a `~` that could be taken for one.
pub fn escaped(text: &str, is_plain: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        let looks_escaped = character == '~' && byte_at(text.as_bytes(), at).is_some();
        if is_plain(character) && !looks_escaped {
            out.push(character);
        } else {
            let mut buffer = [0; 4];
            let bytes = character.encode_utf8(&mut buffer).bytes();
            bytes.for_each(|byte| out.push_str(&format!("~{byte:02X}")));
        }
    }
    out
}

/// The text as it was before. What is not an escape stays as it is.
pub fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte_at(bytes, at) {
            Some(escaped) => {
                out.push(escaped);
                at += 3;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// The byte that is written as `~` and two digits at this place.
fn byte_at(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    match bytes.get(at..at + 3)? {
        [b'~', high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_plain_stays_and_the_rest_is_bytes() {
        let plain = |character: char| character.is_ascii_alphanumeric() || ".=~".contains(character);
        assert_eq!(escaped("soc@example.com", plain), "soc~40example.com");
        assert_eq!(escaped("site=Köln~", plain), "site=K~C3~B6ln~");
        assert_eq!(escaped("~40 ~4g", |_| true), "~7E40 ~4g");
        assert_eq!(unescaped("~FF~4"), "~FF~4", "no text");
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_read_back(text in "[~0-9A-F@ aé\u{1f6e1}]{0,20}", any in any::<String>()) {
            for text in [text, any] {
                prop_assert_eq!(unescaped(&escaped(&text, |c| c.is_ascii_alphanumeric())), text.clone());
                prop_assert_eq!(unescaped(&escaped(&text, |_| true)), text);
            }
        }
    }
}
