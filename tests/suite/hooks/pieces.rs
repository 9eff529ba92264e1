//! Text longer than one request may hold: no piece of it stays unscanned.

use std::time::Duration;

use f5_stand_in::f5::{F5, Fault, Verdict};

use crate::support::{Event, FailMode, Hook, everywhere};

const LIMIT: usize = 1000;
/// Half of the limit, because that is less than 4,096.
const OVERLAP: usize = LIMIT / 2;
/// At most so many characters of one text are scanned.
const CAP: usize = 2_000_000;

/// Text of which every part is in one place only.
fn unique_text(characters: usize) -> Vec<char> {
    (0..)
        .flat_map(|number: usize| format!("<{number}é😀>").chars().collect::<Vec<_>>())
        .take(characters)
        .collect()
}

fn text(characters: &[char]) -> String {
    characters.iter().collect()
}

fn hook(event: Event) -> Hook {
    Hook::of(event).env("F5_GUARDRAILS_MAX_SCAN_LENGTH", LIMIT.to_string())
}

/// Where each piece is in the text, in order.
fn spans(whole: &[char], pieces: &[String]) -> Vec<(usize, usize)> {
    let whole = text(whole);
    let mut spans: Vec<(usize, usize)> = pieces
        .iter()
        .map(|piece| {
            let byte = whole.find(piece.as_str()).expect("a piece is a part of the text");
            let start = whole[..byte].chars().count();
            (start, start + piece.chars().count())
        })
        .collect();
    spans.sort_unstable();
    spans
}

#[test]
fn the_pieces_cover_the_whole_text_and_overlap() {
    for length in [LIMIT + 1, LIMIT + OVERLAP, 2 * LIMIT, 4321] {
        let whole = unique_text(length);
        let api = F5::start();
        hook(Event::UserPromptSubmit).closed().text(&text(&whole)).against(&api).run().allowed();
        let spans = spans(&whole, &api.inputs());
        assert_eq!(spans.first().map(|span| span.0), Some(0));
        assert_eq!(spans.last().map(|span| span.1), Some(length));
        for pair in spans.windows(2) {
            assert!(pair[1].0 + OVERLAP <= pair[0].1, "{length}: {spans:?}");
        }
        assert!(spans.iter().all(|(start, end)| end - start <= LIMIT), "{length}: {spans:?}");
        assert!(spans.len() <= length / (LIMIT - OVERLAP) + 1, "more pieces than needed: {spans:?}");
    }
}

#[test]
fn text_of_just_the_limit_is_one_piece() {
    let whole = text(&unique_text(LIMIT));
    let api = F5::start();
    hook(Event::UserPromptSubmit).closed().text(&whole).against(&api).run().allowed();
    assert_eq!(api.inputs(), [whole]);
}

#[test]
fn a_hit_in_any_piece_is_a_hit() {
    for event in [Event::UserPromptSubmit, Event::PreToolUse, Event::Stop, Event::SubagentStop] {
        for position in [0, 2500, 4990] {
            let mut whole = unique_text(5000);
            whole.splice(position..position + 4, "EVIL".chars());
            let api = F5::builder().when("EVIL", Verdict::flagged()).start();
            hook(event).open().text(&text(&whole)).against(&api).run().blocked();
        }
    }
}

#[test]
fn an_attack_that_lies_across_a_border_is_found() {
    let attack = "EVIL".repeat(100);
    for start in (0..1600).step_by(97) {
        let mut whole = unique_text(2000);
        whole.splice(start..start + 400, attack.chars());
        let api = F5::builder().when(&attack, Verdict::blocked()).start();
        hook(Event::PreToolUse).open().text(&text(&whole)).against(&api).run().blocked();
    }
}

#[test]
fn a_key_of_4096_characters_is_whole_in_one_piece_wherever_it_stands() {
    let key = format!("BEGIN{}END", "k".repeat(4088));
    for start in [0, 45_000, 45_904, 45_905, 49_999, 50_000, 91_807, 91_808, 91_809, 95_904] {
        let whole = format!("{}{key}{}", "é".repeat(start), "x".repeat(100_000 - start));
        let api = F5::builder().when(&key, Verdict::flagged()).start();
        Hook::of(Event::PreToolUse).open().text(&whole).against(&api).run().blocked();
    }
}

/// A text with a piece that can't be scanned at `trouble` and one that is flagged, later, at `evil`.
fn hit_next_to_failure(characters: usize, trouble: usize, evil: usize) -> (F5, String) {
    let mut whole = unique_text(characters);
    whole.splice(trouble..trouble + 5, "BREAK".chars());
    whole.splice(evil..evil + 4, "EVIL".chars());
    let late = Verdict::flagged().after(Duration::from_millis(150));
    let api = F5::builder().when("BREAK", Fault::status(401)).when("EVIL", late).start();
    (api, text(&whole))
}

#[test]
fn a_failed_piece_never_hides_a_hit() {
    for (trouble, evil) in [(0, 4990), (4990, 0)] {
        let (api, whole) = hit_next_to_failure(5000, trouble, evil);
        hook(Event::PreToolUse).open().text(&whole).against(&api).run().blocked();
    }
}

#[test]
fn a_failed_piece_without_a_hit_is_a_scan_error() {
    everywhere(|event, mode| {
        let mut whole = unique_text(3000);
        whole.splice(1500..1505, "BREAK".chars());
        let api = F5::builder().when("BREAK", Fault::status(401)).start();
        hook(event).in_mode(mode).text(&text(&whole)).against(&api).run().failed_in(mode).says(&["401"]);
    });
}

#[test]
fn a_hit_answers_without_waiting_for_the_rest() {
    let mut whole = unique_text(3000);
    whole.splice(0..4, "EVIL".chars());
    // Everything else hangs: waiting for it would lead to "deadline", and in fail mode open let it pass.
    let api = F5::builder().when("EVIL", Verdict::flagged()).always(Fault::HangAfterRequest).start();
    let answer = hook(Event::PreToolUse).open().text(&text(&whole)).against(&api).run().blocked();
    assert!(answer.codex().shown().contains("F5 Guardrails found"), "{answer:?}");
}

#[test]
fn eight_pieces_are_scanned_at_once_and_never_more() {
    let slow = Verdict::cleared().after(Duration::from_millis(40));
    let api = F5::builder().hold_until(8).always(slow).start();
    hook(Event::UserPromptSubmit).closed().text(&text(&unique_text(15_000))).against(&api).run().allowed();
    assert!(api.scans().len() > 16);
    assert_eq!(api.most_at_once(), 8);
}

#[test]
fn each_piece_has_its_retries() {
    let api = F5::builder().first(Fault::status(503)).first(Fault::status(503)).start();
    hook(Event::PreToolUse).closed().text(&text(&unique_text(3000))).against(&api).run().allowed();
}

#[test]
fn an_older_service_is_asked_without_scan_direction_for_every_piece() {
    let api = F5::builder().without_scan_direction().start();
    hook(Event::PreToolUse).closed().text(&text(&unique_text(5000))).against(&api).run().allowed();
}

#[test]
fn the_usual_limit_is_50_000_characters() {
    let api = F5::start();
    Hook::user_prompt_submit().closed().text(&"😀".repeat(50_000)).against(&api).run().allowed();
    assert_eq!(api.only_scan().input().map(|input| input.chars().count()), Some(50_000));
    let api = F5::start();
    Hook::user_prompt_submit().closed().text(&"x".repeat(50_001)).against(&api).run().allowed();
    assert_eq!(api.scans().len(), 2);
}

#[test]
fn two_million_characters_are_scanned_whole() {
    let api = F5::start();
    Hook::pre_tool_use().closed().text(&"x".repeat(CAP)).against(&api).run().allowed();
}

#[test]
fn beyond_two_million_characters_the_rest_is_a_scan_error() {
    for mode in FailMode::ALL {
        let api = F5::start();
        let whole = format!("{}TAIL", "x".repeat(CAP));
        let hook = Hook::pre_tool_use().in_mode(mode).text(&whole);
        hook.against(&api).run().failed_in(mode).says(&["2,000,000", "2000000"]);
        assert!(
            api.inputs().iter().all(|input| !input.contains("TAIL")),
            "only the first 2,000,000 are sent"
        );
    }
}

#[test]
fn a_hit_within_the_first_two_million_characters_counts() {
    let api = F5::builder().when("EVIL", Verdict::flagged()).start();
    let whole = format!("{}EVIL{}", "x".repeat(CAP - 4), "y".repeat(1000));
    Hook::pre_tool_use().open().text(&whole).against(&api).run().blocked();
}

#[test]
fn a_hit_next_to_an_unscanned_rest_withholds_an_output_in_closed_mode() {
    let api = F5::builder().when("EVIL", Verdict::flagged()).start();
    let whole = format!("{}EVIL{}", "x".repeat(CAP - 4), "y".repeat(1000));
    Hook::post_tool_use().closed().text(&whole).against(&api).run().blocked().says(&["F5 Guardrails found"]);
    Hook::post_tool_use().open().text(&whole).against(&api).run().warned();
}

#[test]
fn a_hit_next_to_a_failed_piece_withholds_an_output_in_closed_mode() {
    for (trouble, evil) in [(0, 2990), (2990, 0)] {
        let (api, whole) = hit_next_to_failure(3000, trouble, evil);
        hook(Event::PostToolUse)
            .closed()
            .text(&whole)
            .against(&api)
            .run()
            .blocked()
            .says(&["F5 Guardrails found"]);
        hook(Event::PostToolUse).open().text(&whole).against(&api).run().warned();
    }
}

#[test]
fn a_hit_that_leaves_pieces_unsent_withholds_an_output_in_closed_mode() {
    let mut whole = unique_text(9000);
    whole.splice(0..4, "EVIL".chars());
    let api = F5::builder().when("EVIL", Verdict::flagged()).always(Fault::HangAfterRequest).start();
    hook(Event::PostToolUse)
        .closed()
        .text(&text(&whole))
        .against(&api)
        .run()
        .blocked()
        .says(&["F5 Guardrails found"]);
}

#[test]
fn a_hit_in_text_that_was_scanned_whole_is_a_warning_in_closed_mode() {
    let mut whole = unique_text(900);
    whole.splice(0..4, "EVIL".chars());
    let api = F5::builder().when("EVIL", Verdict::flagged()).start();
    hook(Event::PostToolUse).closed().text(&text(&whole)).against(&api).run().warned();
}
