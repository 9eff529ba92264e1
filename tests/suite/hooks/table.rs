//! The decision table: each event with each verdict, and with a scan error in both fail modes.

use f5_stand_in::f5::{F5, Fault, Scanner, Verdict};

use crate::support::{Event, FailMode, Hook, everywhere};

fn not_cleared() -> [(&'static str, Verdict); 5] {
    [
        ("flagged", Verdict::flagged()),
        ("blocked", Verdict::blocked()),
        ("redacted", Verdict::redacted("look after")),
        ("unknown", Verdict::unknown("quarantined")),
        ("bare", Verdict::flagged().outcome_only()),
    ]
}

#[test]
fn what_is_cleared_goes_ahead_in_silence() {
    everywhere(|event, mode| {
        for verdict in
            [Verdict::cleared(), Verdict::cleared().outcome_only(), Verdict::cleared().without_id()]
        {
            let api = F5::answering(verdict);
            Hook::of(event).in_mode(mode).against(&api).run().allowed();
            api.only_scan();
        }
    });
}

#[test]
fn what_is_not_cleared_is_stopped_before_it_happens() {
    everywhere(|event, mode| {
        if event == Event::PostToolUse {
            return;
        }
        for (word, verdict) in not_cleared() {
            let api = F5::answering(verdict);
            let answer = Hook::of(event).in_mode(mode).against(&api).run().blocked();
            assert!(answer.codex().shown().contains("F5 Guardrails"), "{word}: {answer:?}");
        }
    });
}

#[test]
fn tool_output_that_is_not_cleared_is_marked_as_untrusted() {
    for mode in FailMode::ALL {
        for (word, verdict) in not_cleared() {
            if word == "unknown" && mode == FailMode::Closed {
                continue; // could be a scan error as well
            }
            let api = F5::answering(verdict);
            let answer = Hook::post_tool_use().in_mode(mode).against(&api).run().warned();
            let context = answer.codex().context.expect("the model is told");
            assert!(context.contains("untrusted"), "{context}");
        }
    }
}

#[test]
fn tool_output_that_is_not_cleared_is_withheld_in_strict_mode() {
    for mode in FailMode::ALL {
        for (_, verdict) in not_cleared() {
            let api = F5::answering(verdict);
            Hook::post_tool_use().in_mode(mode).strict().against(&api).run().blocked();
        }
    }
}

#[test]
fn the_strict_mode_for_tool_output_does_not_touch_the_other_events() {
    for event in [Event::UserPromptSubmit, Event::PreToolUse, Event::Stop, Event::SubagentStop] {
        let cleared = F5::start();
        Hook::of(event).strict().against(&cleared).run().allowed();
        let flagged = F5::answering(Verdict::flagged());
        Hook::of(event).strict().against(&flagged).run().blocked();
    }
}

#[test]
fn a_scan_error_follows_the_fail_mode() {
    everywhere(|event, mode| {
        let api = F5::answering(Fault::status(500));
        Hook::of(event).in_mode(mode).against(&api).run().failed_in(mode).says(&["500"]);
    });
}

#[test]
fn a_scan_error_in_strict_mode_follows_the_fail_mode_as_well() {
    for mode in FailMode::ALL {
        let api = F5::answering(Fault::status(500));
        Hook::post_tool_use().in_mode(mode).strict().against(&api).run().failed_in(mode);
    }
}

#[test]
fn the_model_is_told_that_an_output_was_not_scanned() {
    let api = F5::answering(Fault::status(500));
    let answer = Hook::post_tool_use().open().against(&api).run().warned();
    let context = answer.codex().context.expect("the model is told");
    assert!(context.contains("not scanned") || context.contains("not been scanned"), "{context}");
}

#[test]
fn open_is_the_fail_mode_without_a_word_about_it() {
    for event in Event::ALL {
        let api = F5::answering(Fault::status(500));
        Hook::of(event).against(&api).run().warned();
    }
}

#[test]
fn cleared_with_a_broken_scanner_is_a_scan_error() {
    everywhere(|event, mode| {
        let api = F5::answering(Verdict::cleared().scanner(Scanner::broken()));
        Hook::of(event).in_mode(mode).against(&api).run().failed_in(mode).says(&["scanner"]);
    });
}

#[test]
fn cleared_by_scanners_of_which_none_ran_is_a_scan_error() {
    everywhere(|event, mode| {
        let api = F5::answering(Verdict::cleared().scanners([Scanner::not_run(), Scanner::not_run()]));
        Hook::of(event).in_mode(mode).against(&api).run().failed_in(mode).says(&["scanner"]);
    });
}

#[test]
fn one_scanner_that_did_not_run_beside_one_that_did_is_no_error() {
    for event in Event::ALL {
        let api = F5::answering(Verdict::cleared().scanner(Scanner::not_run()));
        Hook::of(event).closed().against(&api).run().allowed();
    }
}

#[test]
fn a_broken_scanner_never_hides_a_hit() {
    for event in [Event::UserPromptSubmit, Event::PreToolUse, Event::Stop, Event::SubagentStop] {
        let api = F5::answering(Verdict::flagged().scanner(Scanner::broken()));
        Hook::of(event).open().against(&api).run().blocked();
    }
}
