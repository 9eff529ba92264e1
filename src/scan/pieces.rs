//! Cutting long content into pieces that the service scans one by one.

use crate::printable::ceil_boundary;

/// Pieces overlap by so many characters, or by half of what a piece may have, so that what a scanner looks for (a private
/// key has up to some 3,300 characters) is whole in one of them.
pub const OVERLAP: usize = 4096;

/// The pieces of `text`: none longer than `limit` characters, each overlapping the one before, together covering the
/// whole text.
pub fn pieces(text: &str, limit: usize) -> impl Iterator<Item = &str> {
    let limit = limit.max(1);
    let step = limit - OVERLAP.min(limit / 2);
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let from = rest?;
        let (piece, more) = split_after(from, limit);
        rest = (!more.is_empty()).then(|| split_after(from, step).1);
        Some(piece)
    })
}

/// The first `characters` of a text, and the rest.
pub fn split_after(text: &str, characters: usize) -> (&str, &str) {
    text.split_at_checked(byte_offset(text, characters)).unwrap_or((text, ""))
}

/// The byte offset of the character at `index`, or the text's length where it has fewer.
fn byte_offset(text: &str, index: usize) -> usize {
    let (mut offset, mut left) = (0, index);
    while left > 0 && offset < text.len() {
        // So many bytes hold at most as many characters, which are counted much faster than found one by one.
        let end = ceil_boundary(text, offset.saturating_add(left));
        left = left.saturating_sub(text.get(offset..end).unwrap_or_default().chars().count());
        offset = end;
    }
    offset
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_text_is_one_piece() {
        assert_eq!(pieces("", 1000).collect::<Vec<_>>(), [""]);
        assert_eq!(pieces(&"é".repeat(1000), 1000).count(), 1);
        assert_eq!(pieces(&"é".repeat(1001), 1000).count(), 2);
    }

    proptest! {
        #[test]
        fn an_offset_is_that_of_the_character(text in "[aé€😀\u{301}]{0,40}|\\PC{0,40}", index in 0usize..60) {
            let expected = text.char_indices().nth(index).map_or(text.len(), |(offset, _)| offset);
            prop_assert_eq!(byte_offset(&text, index), expected);
        }

        #[test]
        fn pieces_cover_the_text_overlap_and_keep_the_limit(
            text in proptest::collection::vec(prop_oneof![Just('a'), Just('é'), Just('😀'), any::<char>()], 0..4000),
            limit in 1usize..1500,
        ) {
            let text: String = text.into_iter().collect();
            let start = text.as_ptr() as usize;
            let mut covered = 0;
            let mut last_start_in_chars = None;
            for piece in pieces(&text, limit) {
                prop_assert!(piece.chars().count() <= limit);
                let from = piece.as_ptr() as usize - start;
                prop_assert!(from <= covered, "a gap before {from}");
                prop_assert!(covered < text.len() || text.is_empty(), "a piece too many");
                let from_in_chars = text[..from].chars().count();
                if let Some(last) = last_start_in_chars {
                    prop_assert_eq!(from_in_chars - last, limit - limit / 2);
                }
                last_start_in_chars = Some(from_in_chars);
                covered = from + piece.len();
            }
            prop_assert_eq!(covered, text.len());
        }

        #[test]
        fn what_is_no_longer_than_the_overlap_is_whole_in_a_piece(
            before in 0usize..150_000, after in 0usize..60_000, limit in prop_oneof![1000usize..20_000, Just(50_000)],
            length in 1usize..=OVERLAP,
        ) {
            let length = length.min(limit / 2);
            let key = "k".repeat(length);
            let text = format!("{}{key}{}", "é".repeat(before), "x".repeat(after));
            prop_assert!(pieces(&text, limit).any(|piece| piece.contains(&key)));
        }
    }
}
