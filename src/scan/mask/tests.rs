use proptest::prelude::*;

use super::*;

fn claim(scanner_type: &str, positions: &[(usize, usize)]) -> Claim {
    Claim { scanner_type: scanner_type.to_owned(), objects: true, positions: positions.to_vec() }
}

/// The text as it is shown under the mask of one piece.
fn shown(piece: &str, redacted: &str, claims: &[Claim]) -> Option<String> {
    Mask::of_redacted(piece, redacted, claims).map(|mask| mask.over(piece).text(piece))
}

fn found(kind: &str, data: &str) -> Option<Vec<(usize, usize)>> {
    positions(kind, Json::parse(data).unwrap())
}

#[test]
fn the_services_mask_and_the_scanners_spans_both_count() {
    let text = "mail ann@example.com now";
    assert_eq!(shown(text, "mail *************** now", &[]).as_deref(), Some("mail *************** now"));
    // The vendor's own example is off by some characters.
    let off = [claim("pii_detection", &[(3, 18)])];
    assert_eq!(shown(text, "mail *************** now", &off).as_deref(), Some("mai***************** now"));
}

#[test]
fn a_masked_text_that_differs_otherwise_is_not_trusted() {
    let text = "key ABC, *done*";
    for redacted in [
        text,
        "key ***, *done* ",
        "key **, *done*",
        "key ****, *done*",
        "key ###, *done*",
        "KEY ***, *done*",
        "key [AWS], *done*",
        "",
        "*",
    ] {
        assert_eq!(Mask::of_redacted(text, redacted, &[claim("secret", &[(4, 7)])]), None, "{redacted}");
    }
    assert!(Mask::of_redacted(text, "key ***, *done*", &[]).is_some());
}

#[test]
fn a_place_that_the_text_does_not_have_is_not_trusted() {
    for bad in [(4, 16), (16, 16), (usize::MAX - 1, usize::MAX)] {
        assert_eq!(Mask::of_redacted("key ABC, *done*", "key ***, *done*", &[claim("secret", &[bad])]), None);
    }
    assert!(Mask::of_redacted("key ABC", "key ***", &[claim("secret", &[(4, 7), (7, 7)])]).is_some());
}

#[test]
fn beyond_ascii_each_unit_counts() {
    // ABC is in characters 2..5, in UTF-16 units 3..6, in bytes 6..9, which are beyond the others' end.
    let text = "😀éABC x";
    for (positions, expected) in [((2, 5), "***** x"), ((3, 6), "******x"), ((6, 9), "😀é*** x")] {
        let mask = Mask::of_flagged(text, &[claim("secret", &[positions])]).unwrap();
        let masked = mask.over(text).text(text);
        assert_eq!(masked, expected, "{positions:?}");
    }
}

#[test]
fn positions_are_found_where_the_vendors_schema_has_them() {
    for (kind, data, expected) in [
        (
            "pii_detection",
            r#"{"type":"pii_detection","detections":{"credit_card":[[239,262]]}}"#,
            vec![(239, 262)],
        ),
        ("regex", r#"{"type":"regex","matches":[[0,20],[30,31]]}"#, vec![(0, 20), (30, 31)]),
        ("keyword", r#"{"type":"keyword","matches":{"bad":[[0,3]]}}"#, vec![(0, 3)]),
        ("secret", r#"{"type":"secret","matches":{"regex":{"AWS":[[0,20]]}}}"#, vec![(0, 20)]),
        (
            "named_entity",
            r#"{"entities":[{"person":{"category":"person","score":97.3,"span":[296,304],"span_text":": Jane D"}}]}"#,
            vec![(296, 304)],
        ),
        ("demographic", r#"{"age":{"young":[[1,2]]},"ethnicity":{}}"#, vec![(1, 2)]),
        ("topics", r#"{"detections":{"sports":1.062,"music":0}}"#, vec![]),
        ("prompt_injection", r#"{"scores":{"malicious":[97.5],"two":[1,2]}}"#, vec![]),
        ("toxicity", r#"{"insult":0.0}"#, vec![]),
        ("custom", r#"{"type":"custom","words":["a","b"]}"#, vec![]),
        ("pii_detection", r#"{"detections":null}"#, vec![]),
    ] {
        assert_eq!(found(kind, data), Some(expected), "{data}");
    }
}

#[test]
fn what_may_be_a_position_and_can_not_be_read_is_not_passed_over() {
    for data in [
        r#"{"detections":{"email":[[5]]}}"#,
        r#"{"detections":{"email":[[5,9,12]]}}"#,
        r#"{"detections":{"email":[["5","9"]]}}"#,
        r#"{"detections":{"email":[[9,5]]}}"#,
        r#"{"detections":{"email":[[-1,5]]}}"#,
        r#"{"detections":{"email":[[1.5,5]]}}"#,
        r#"{"detections":{"email":[[1,99999999999999999999999]]}}"#,
        r#"{"detections":{"email":[[1,null]]}}"#,
        r#"{"detections":{"email":5}}"#,
        r#"{"detections":"5-9"}"#,
        r#"{"matches":[[0,2],7]}"#,
        r#"{"entities":[{"person":{"span":"296"}}]}"#,
        r#"{"detections":{"a":[[[[[[[[[[[[[[1,2]]]]]]]]]]]]]]}}"#,
    ] {
        assert_eq!(found("pii_detection", data), None, "{data}");
    }
}

#[test]
fn what_no_span_claims_is_counted_for_the_one_without_spans() {
    let text = "a@b.example and AKIA1234";
    let redacted = "*********** and ********";
    let by = |claims: &[Claim]| Mask::of_redacted(text, redacted, claims).unwrap().over(text).by_scanner;
    let pii = || claim("pii_detection", &[(0, 11)]);
    let (secret, custom) = (claim("secret", &[]), claim("custom", &[]));
    let counted =
        |of: &[(&str, usize)]| of.iter().map(|(kind, n)| ((*kind).to_owned(), *n)).collect::<Vec<_>>();
    assert_eq!(by(&[pii(), secret.clone()]), counted(&[("pii_detection", 11), ("secret", 8)]));
    assert_eq!(by(&[pii(), secret.clone(), custom]), counted(&[("pii_detection", 11)]));
    assert_eq!(by(&[pii()]), counted(&[("pii_detection", 19)]));
    assert_eq!(by(&[secret]), counted(&[("secret", 19)]));
    assert_eq!(by(&[]), counted(&[]));
}

#[test]
fn what_is_masked_once_is_masked_wherever_it_is() {
    let text = "token s3cr3t-99, again s3cr3t-99; ab ab";
    let redacted = "token *********, again s3cr3t-99; ** ab";
    let masked = Mask::of_redacted(text, redacted, &[]).unwrap().over(text);
    assert_eq!(masked.text(text), "token *********, again *********; ** ab", "short words are left alone");
    assert_eq!(masked.characters, 20);
    let mut name = "mcp__s3cr3t-99__x".to_owned();
    masked.clean(&mut name, text);
    assert_eq!(name, "mcp__*********__x");
}

#[test]
fn asterisks_of_the_text_itself_are_not_counted_as_masked() {
    let text = "**bold** key1*key2 **";
    let masked = Mask::of_redacted(text, "**bold** ********* **", &[]).unwrap().over(text);
    assert_eq!((masked.characters, masked.text(text).as_str()), (9, "**bold** ********* **"));
}

#[test]
fn a_text_is_masked_where_it_was_not_and_only_by_more_asterisks() {
    assert!(is_masked("key ABC", "key ***") && is_masked("key ABC", "***"));
    for other in ["key ABC", "key ABC\n", "KEY", ""] {
        assert!(!is_masked("key ABC", other), "{other}");
    }
    assert!(!is_masked("a **bold** word", "**bold**"));
}

fn text() -> impl Strategy<Value = String> {
    let letter =
        prop_oneof![Just('a'), Just('*'), Just('é'), Just('😀'), Just('\n'), Just(' '), any::<char>()];
    proptest::collection::vec(letter, 1..120).prop_map(|letters| letters.into_iter().collect())
}

/// The text with asterisks at the characters for which `is_masked` says so.
fn masked_at(text: &str, is_masked: impl Fn(usize) -> bool) -> String {
    text.chars().enumerate().map(|(at, letter)| if is_masked(at) { '*' } else { letter }).collect()
}

proptest! {
    #[test]
    fn no_character_inside_a_mask_or_span_survives(
        text in text(), mask in proptest::collection::vec(any::<bool>(), 120),
        spans in proptest::collection::vec((0usize..130, 0usize..10), 0..4), unit in 0..3,
    ) {
        let redacted = masked_at(&text, |at| mask[at]);
        // The same places as the service may count them.
        let places: Vec<usize> = match unit {
            0 => (0..=text.chars().count()).collect(),
            1 => text.chars().scan(0, |at, letter| Some(std::mem::replace(at, *at + letter.len_utf16())))
                .chain([text.encode_utf16().count()]).collect(),
            _ => text.char_indices().map(|(at, _)| at).chain([text.len()]).collect(),
        };
        let last = places.len() - 1;
        let spans: Vec<(usize, usize)> =
            spans.into_iter().map(|(from, length)| (from.min(last), (from + length).min(last))).collect();
        let counted: Vec<(usize, usize)> = spans.iter().map(|(from, to)| (places[*from], places[*to])).collect();
        let Some(mask_of_it) = Mask::of_redacted(&text, &redacted, &[claim("secret", &counted)]) else {
            prop_assert_eq!(redacted, text);
            return Ok(());
        };
        let shown: Vec<char> = mask_of_it.over(&text).text(&text).chars().collect();
        prop_assert_eq!(shown.len(), text.chars().count());
        for (at, letter) in text.chars().enumerate() {
            let hidden = mask[at] || spans.iter().any(|(from, to)| (*from..*to).contains(&at));
            prop_assert!(shown[at] == '*' || (shown[at] == letter && !hidden), "{at} of {text:?}: {shown:?}");
        }
    }

    #[test]
    fn what_is_masked_in_either_of_two_overlapping_pieces_is_masked(
        text in text(), limit in 2usize..60, masks in proptest::collection::vec(any::<u64>(), 120),
    ) {
        let mut whole = Mask::default();
        let mut hidden = vec![false; text.chars().count()];
        for (number, piece) in crate::scan::pieces::pieces(&text, limit).enumerate() {
            let start = piece.as_ptr() as usize - text.as_ptr() as usize;
            let bits = masks.get(number).copied().unwrap_or_default();
            let redacted = masked_at(piece, |at| bits >> (at % 64) & 1 == 1);
            let Some(mask) = Mask::of_redacted(piece, &redacted, &[]) else { continue };
            whole.add(mask, start);
            let before = text[..start].chars().count();
            for (at, (ours, theirs)) in piece.chars().zip(redacted.chars()).enumerate() {
                hidden[before + at] |= ours != theirs;
            }
        }
        let masked = whole.over(&text);
        for ((letter, shown), hidden) in text.chars().zip(masked.text(&text).chars()).zip(hidden) {
            prop_assert!(shown == '*' || (shown == letter && !hidden), "{text:?}");
        }
    }

    #[test]
    fn any_answer_is_taken_or_left_without_a_panic(
        text in text(), redacted in text(), positions in proptest::collection::vec(any::<(usize, usize)>(), 0..3),
        near in proptest::collection::vec((0usize..300, 0usize..300), 0..3), data in crate::json::testing::any_json(),
    ) {
        let positions = [positions, near].concat();
        for redacted in [&redacted, &text.replace('a', "*")] {
            if let Some(mask) = Mask::of_redacted(&text, redacted, &[claim("x", &positions)]) {
                prop_assert_eq!(mask.over(&text).text(&text).chars().count(), text.chars().count());
            }
        }
        let written = data.to_string();
        let _ = positions_of(&written);
        let _ = is_masked(&text, &redacted);
    }
}

fn positions_of(data: &str) -> Option<Vec<(usize, usize)>> {
    found("pii_detection", data)
}
