//! Settings from the environment: what is unreadable falls back to the safe side and says so.

use f5_stand_in::f5::{F5, Fault, Verdict};

use crate::support::{Hook, everywhere};

#[test]
fn an_unreadable_fail_mode_counts_as_closed() {
    everywhere(|event, _| {
        for word in ["clsoed", "fail-open", "7", "öpen"] {
            let api = F5::answering(Fault::status(500));
            let hook = Hook::of(event).env("F5_GUARDRAILS_FAIL_MODE", word);
            hook.against(&api).run().blocked().notes(&["F5_GUARDRAILS_FAIL_MODE"]);
        }
    });
}

/// `start` and `end` with something between them that is no text.
fn no_text(start: &str, end: &str) -> std::ffi::OsString {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt as _;
        std::ffi::OsString::from_vec([start.as_bytes(), b"\xff", end.as_bytes()].concat())
    }
    #[cfg(windows)]
    {
        use std::os::windows::ffi::OsStringExt as _;
        const LONE_SURROGATE: u16 = 0xd800;
        let units: Vec<u16> =
            start.encode_utf16().chain([LONE_SURROGATE]).chain(end.encode_utf16()).collect();
        std::ffi::OsString::from_wide(&units)
    }
}

#[test]
fn a_fail_mode_that_is_no_text_counts_as_closed() {
    let api = F5::answering(Fault::status(500));
    Hook::pre_tool_use().env("F5_GUARDRAILS_FAIL_MODE", no_text("op", "en")).against(&api).run().blocked();
}

#[test]
fn a_token_that_is_no_text_is_a_scan_error() {
    for mode in crate::support::FailMode::ALL {
        let api = F5::builder().never_called().start();
        let hook = Hook::pre_tool_use().in_mode(mode).against(&api);
        hook.env("F5_GUARDRAILS_API_TOKEN", no_text("to", "ken"))
            .run()
            .failed_in(mode)
            .says(&["F5_GUARDRAILS_API_TOKEN", "token"]);
    }
}

#[test]
fn an_unreadable_strict_switch_counts_as_strict() {
    for word in ["maybe", "2", "treu"] {
        let api = F5::answering(Verdict::flagged());
        let hook = Hook::post_tool_use().env("F5_GUARDRAILS_POST_STRICT", word);
        hook.against(&api).run().blocked().notes(&["F5_GUARDRAILS_POST_STRICT"]);
    }
}

#[test]
fn switches_read_the_usual_words() {
    for word in ["1", "true", "TRUE", "yes", "on"] {
        let api = F5::answering(Verdict::flagged());
        Hook::post_tool_use().env("F5_GUARDRAILS_POST_STRICT", word).against(&api).run().blocked();
    }
    for word in ["0", "false", "False", "no", "off", "none", "disabled"] {
        let api = F5::answering(Verdict::flagged());
        Hook::post_tool_use().env("F5_GUARDRAILS_POST_STRICT", word).against(&api).run().warned();
    }
}

#[test]
fn bad_numbers_fall_back_to_the_default_with_a_warning() {
    for name in ["F5_GUARDRAILS_TIMEOUT", "F5_GUARDRAILS_MAX_SCAN_LENGTH"] {
        for number in ["abc", "-1", "0", "1e999", "NaN", "99999999999999999999999"] {
            let api = F5::start();
            Hook::pre_tool_use().closed().env(name, number).against(&api).run().allowed().notes(&[name]);
        }
    }
}

#[test]
fn a_bad_log_level_falls_back_to_the_default_with_a_warning() {
    let api = F5::start();
    let hook = Hook::pre_tool_use().closed().env("F5_GUARDRAILS_LOG_LEVEL", "loud");
    hook.against(&api).run().allowed().notes(&["F5_GUARDRAILS_LOG_LEVEL"]);
}

#[test]
fn a_secret_put_into_the_wrong_variable_is_not_repeated() {
    for name in ["F5_GUARDRAILS_FAIL_MODE", "F5_GUARDRAILS_TIMEOUT", "F5_GUARDRAILS_LOG_LEVEL"] {
        let api = F5::answering(Fault::status(500));
        let answer = Hook::pre_tool_use().env(name, f5_stand_in::f5::TOKEN).against(&api).run();
        answer.codex();
    }
}

#[test]
fn the_scan_length_keeps_room_for_the_overlap() {
    for length in ["1", "512", "513", "600"] {
        let api = F5::builder().when("EVIL", Verdict::flagged()).start();
        let hook = Hook::pre_tool_use().open().text(&format!("{}EVIL", "x".repeat(1500)));
        hook.env("F5_GUARDRAILS_MAX_SCAN_LENGTH", length).against(&api).run().blocked();
    }
}

/// Hooks run in the session's folder: a relative path would be one in the repository.
#[test]
fn a_log_path_that_is_not_absolute_is_an_error_in_closed_mode() {
    everywhere(|event, _| {
        let api = F5::builder().never_called().start();
        let hook = Hook::of(event).closed().env("F5_GUARDRAILS_LOG_FILE", "x.log").against(&api);
        let answer = hook.run().blocked().says(&["F5_GUARDRAILS_LOG_FILE is not an absolute path"]);
        assert!(!answer.home().join("x.log").exists(), "{answer:?}");
    });
}

#[test]
fn a_log_path_that_is_not_absolute_is_ignored_in_open_mode() {
    everywhere(|event, _| {
        let api = F5::start();
        let hook = Hook::of(event).open().env("F5_GUARDRAILS_LOG_FILE", "./x.log").against(&api);
        let answer = hook.run().allowed().notes(&["F5_GUARDRAILS_LOG_FILE is not an absolute path"]);
        assert!(!answer.home().join("x.log").exists(), "{answer:?}");
    });
}
