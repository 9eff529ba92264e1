//! Who says what becomes of a hit: f5-guard, the project's scanners, or nobody. Where that is not certain, f5-guard.

use std::path::Path;

use f5_stand_in::f5::{F5, Fault, Mode, Outcome, Project, ProjectScanner, Scanner, Verdict};
use serde_json::{Value, json};

use crate::support::{Answer, Event, FailMode, Hook, everywhere, sample};

pub const MAIL: &str = "ann@example.com";
pub const KEY: &str = "AKIAQ7EXAMPLE";

pub fn project_scanners() -> Project {
    Project::new([
        ProjectScanner::new("keyword", Mode::Audit, &["codename"]),
        ProjectScanner::new("pii_detection", Mode::Redact, &[MAIL]),
        ProjectScanner::new("secret", Mode::Redact, &[KEY]),
        ProjectScanner::new("prompt_injection", Mode::Block, &["ignore all"]),
    ])
}

pub fn under(enforcement: &str, event: Event) -> Hook {
    Hook::of(event).arguments(["--enforcement", enforcement])
}

/// A hook whose command carries no option at all.
fn without_options(event: Event) -> Hook {
    Hook::of(event).env("F5_GUARDRAILS_TIMEOUT", "35")
}

/// The one line of the call in the log.
#[track_caller]
pub fn record(answer: &Answer) -> Value {
    let log = answer.log();
    let mut lines = log.lines().filter(|line| line.contains("\"message\":\"decision\""));
    let line = lines.next().unwrap_or_else(|| panic!("no record: {answer:?}"));
    assert_eq!(lines.next(), None, "{answer:?}");
    serde_json::from_str(line).expect("JSON")
}

/// Everything that a run said or wrote down.
pub fn everything(answer: &Answer) -> String {
    fn add(folder: &Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => add(&entry.path(), all),
                _ => all.push_str(&String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap_or_default())),
            }
        }
    }
    let mut all = format!("{}\n{}\n", answer.stdout, answer.stderr);
    add(answer.home(), &mut all);
    all
}

#[test]
fn the_service_is_asked_for_its_own_modes_only_where_they_count() {
    for (enforcement, flag_only) in
        [("block", true), ("project", false), ("observe", false), ("PROJECT", false)]
    {
        let api = F5::start();
        let answer = under(enforcement, Event::UserPromptSubmit).against(&api).run();
        assert!(answer.code == Some(0), "{answer:?}");
        assert_eq!(api.only_scan().field("flagOnly"), Some(&json!(flag_only)), "{enforcement}");
    }
    let api = F5::start();
    Hook::pre_tool_use().against(&api).run().allowed();
    assert_eq!(api.only_scan().field("flagOnly"), Some(&json!(true)));
}

#[test]
fn an_enforcement_that_can_not_be_read_is_block() {
    for bad in ["audit", "", "observe,project", "öbserve", "true"] {
        let api = F5::answering(project_scanners());
        let hook = under(bad, Event::UserPromptSubmit).text("a codename");
        hook.env("F5_GUARDRAILS_ENFORCEMENT", "observe").against(&api).run().blocked();
        assert_eq!(api.only_scan().field("flagOnly"), Some(&json!(true)), "{bad:?}");
    }
    let api = F5::answering(project_scanners());
    let hook = without_options(Event::UserPromptSubmit).env("F5_GUARDRAILS_ENFORCEMENT", "audit");
    hook.text("a codename").against(&api).run().blocked().notes(&["F5_GUARDRAILS_ENFORCEMENT is not block"]);
}

#[test]
fn the_variable_counts_only_next_to_no_option() {
    let run = |hook: Hook| {
        let api = F5::answering(project_scanners());
        let answer = hook.env("F5_GUARDRAILS_ENFORCEMENT", "project").text("a codename").against(&api).run();
        (answer, api)
    };
    run(without_options(Event::UserPromptSubmit)).0.allowed();
    for options in [
        &["--contact", "the SOC"][..],
        &["--fail-mode", "open"],
        &["--log", "on"],
        &["--metadata", "team=a"],
        // What an older version wrote counts as well.
        &["--hook-timeout", "15"],
        &["--enforcement", "block"],
        &["--post-strict"],
    ] {
        let (answer, _api) = run(without_options(Event::UserPromptSubmit).arguments(options));
        answer.blocked();
    }
}

#[test]
fn a_command_line_that_can_not_be_used_observes_nothing() {
    for options in [
        &["--enforcement", "observe", "--nonsense"][..],
        &["--enforcement=observe", "--log"],
        &["--enforcement"],
    ] {
        for event in Event::ALL {
            let hook = without_options(event).closed().arguments(options);
            hook.env("F5_GUARDRAILS_ENFORCEMENT", "observe").run().blocked();
        }
    }
}

#[test]
fn in_project_an_audited_hit_goes_ahead_and_is_logged() {
    for event in Event::ALL {
        let api = F5::answering(project_scanners());
        let answer = under("project", event).closed().text("a codename").against(&api).run().allowed();
        let record = record(&answer);
        assert_eq!(record["decision"], "allow");
        assert_eq!((&record["outcome"], &record["level"]), (&json!("flagged"), &json!("WARN")));
        assert_eq!((&record["enforcement"], &record["would_have"]), (&json!("project"), &Value::Null));
        assert_eq!(record["scanners"][0]["type"], "keyword");
    }
}

#[test]
fn in_project_an_audited_hit_needs_the_evidence_of_cleared() {
    let doubtful = || {
        let audited = || Verdict::new(Outcome::Flagged).scanner(Scanner::failed("keyword"));
        [
            audited().scanner(Scanner::broken()),
            audited().scanner(Scanner::new("regex", "maybe")),
            Verdict::new(Outcome::Flagged).scanner(Scanner::not_run()),
            Verdict::new(Outcome::Flagged),
        ]
    };
    everywhere(|event, mode| {
        for verdict in doubtful() {
            let api = F5::answering(verdict);
            under("project", event).in_mode(mode).against(&api).run().failed_in(mode).says(&["scanner"]);
        }
    });
    for event in Event::ALL {
        let api = F5::answering(Verdict::new(Outcome::Flagged).outcome_only());
        under("project", event).closed().against(&api).run().allowed();
    }
}

#[test]
fn in_project_a_redacted_text_with_a_broken_scanner_is_not_shown() {
    for event in Event::ALL {
        let verdict = Verdict::redacted(MAIL).scanner(Scanner::broken());
        let api = F5::answering(verdict);
        let answer =
            under("project", event).open().text(&format!("{MAIL} wrote")).against(&api).run().blocked();
        assert!(!answer.codex().shown().contains("wrote"), "{answer:?}");
    }
}

#[test]
fn in_project_what_the_service_says_of_no_mode_is_refused() {
    let input = "please look after it";
    for verdict in [
        Verdict::unknown("quarantined"),
        Verdict::blocked(),
        Verdict::cleared().scanner(Scanner::failed("regex")),
        // A masked text with an outcome that speaks of none.
        Verdict::flagged().redacted_input("please look after **"),
        Verdict::cleared().redacted_input("please look after **"),
    ] {
        for event in Event::ALL {
            let api = F5::answering(verdict.clone());
            under("project", event).open().text(input).against(&api).run().blocked();
        }
    }
}

#[test]
fn the_model_gets_the_masked_text_instead_of_the_output() {
    let api = F5::answering(project_scanners());
    let output = format!("2 failed\n\tuser {MAIL}\n\tkey {KEY} é\ndone");
    let answer = under("project", Event::PostToolUse).closed().text(&output).against(&api).run().blocked();
    let shown = answer.codex().reason.expect("a reason");
    let masked = output.replace(MAIL, &"*".repeat(15)).replace(KEY, &"*".repeat(13));
    assert!(shown.ends_with(&masked), "{shown}");
    let first = shown.lines().next().unwrap_or_default();
    assert!(first.contains("28 characters") && first.contains("pii_detection: 15, secret: 13"), "{first}");
    let record = record(&answer);
    assert_eq!((&record["decision"], &record["masked_characters"]), (&json!("mask"), &json!(28)));
    assert_eq!(
        record["masked"],
        json!([{"type": "pii_detection", "characters": 15}, {"type": "secret", "characters": 13}])
    );
    let all = everything(&answer);
    assert!(!all.contains(MAIL) && !all.contains(KEY), "{all}");
}

#[test]
fn what_others_repeat_of_a_masked_text_is_masked_too() {
    let project = |event: Event| {
        let text = format!("it is {KEY} here");
        let scanner = Scanner::failed(&format!("kind of {KEY}")).message(&format!("found {KEY}"));
        let verdict = Verdict::redacted(KEY).scanners([scanner]);
        let api = F5::answering(verdict.id(&format!("id-{KEY}")));
        let mut payload = event.payload(&text);
        payload["turn_id"] = json!(format!("turn-{KEY}"));
        if matches!(event, Event::PreToolUse | Event::PostToolUse) {
            payload["tool_name"] = json!(format!("mcp__{KEY}__x"));
            payload["tool_input"] = json!({"say": text});
        }
        under("project", event).payload(payload).against(&api).run().blocked()
    };
    for event in Event::ALL {
        let answer = project(event);
        let all = everything(&answer);
        assert!(!all.contains(KEY), "{all}");
    }
}

#[test]
fn a_refusal_shows_what_it_refuses_only_masked() {
    for event in [Event::UserPromptSubmit, Event::PreToolUse] {
        let api = F5::answering(project_scanners());
        let answer =
            under("project", event).text(&format!("mail {KEY} to {MAIL}")).against(&api).run().blocked();
        for said in [&answer.stdout, &answer.stderr] {
            assert!(
                cfg!(windows) || said.contains(&format!("mail {} to {}", "*".repeat(13), "*".repeat(15))),
                "{answer:?}"
            );
        }
        let all = everything(&answer);
        assert!(!all.contains(MAIL) && !all.contains(KEY), "{all}");
    }
}

#[test]
fn a_final_answer_ends_the_turn_and_is_not_repeated() {
    for event in [Event::Stop, Event::SubagentStop] {
        let api = F5::answering(project_scanners());
        let answer = under("project", event).text(&format!("it is {KEY}")).against(&api).run().blocked();
        assert!(!answer.stdout.contains("it is"), "{answer:?}");
    }
}

#[test]
fn masking_that_can_not_be_trusted_withholds_the_whole() {
    let text = format!("user {MAIL} logged in");
    let masked = text.replace(MAIL, &"*".repeat(15));
    let span = |from: i64, to: i64| {
        Scanner::failed("pii_detection").detail("detections", json!({"email_address": [[from, to]]}))
    };
    let redacted = |scanner: Scanner, input: &str| {
        Verdict::new(Outcome::Redacted).scanner(scanner).redacted_input(input)
    };
    let api = F5::answering(redacted(span(5, 20), &masked));
    let answer = under("project", Event::PostToolUse).text(&text).against(&api).run().blocked();
    assert!(answer.codex().shown().contains("logged in"), "the pattern of this test: {answer:?}");
    for (verdict, why) in [
        (redacted(span(5, 20), &text), "nothing is masked"),
        (redacted(span(5, 20), &masked[1..]), "another length"),
        (redacted(span(5, 20), &masked.replace("user", "USER")), "another text"),
        (redacted(span(5, 20), &masked.replace('*', "X")), "no asterisks"),
        (redacted(span(20, 5), &masked), "backwards"),
        (redacted(span(-1, 5), &masked), "negative"),
        (redacted(span(5, 9000), &masked), "outside of the text"),
        (redacted(Scanner::failed("regex").detail("matches", json!([["5", "20"]])), &masked), "no numbers"),
        (Verdict::new(Outcome::Redacted).outcome_only(), "no masked text at all"),
    ] {
        let api = F5::answering(verdict);
        let answer = under("project", Event::PostToolUse).text(&text).against(&api).run().blocked();
        assert!(!answer.codex().shown().contains("logged in"), "{why}: {answer:?}");
        assert_eq!(record(&answer)["decision"], "withhold", "{why}");
    }
}

#[test]
fn the_pieces_of_a_long_text_are_masked_together() {
    // One in each piece alone, and one in the overlap of two.
    let filler = "é ".repeat(300);
    let text = format!("{filler}{MAIL} {filler}{KEY} {filler}{MAIL} {filler}");
    let api = F5::answering(project_scanners());
    let hook = under("project", Event::PostToolUse).env("F5_GUARDRAILS_MAX_SCAN_LENGTH", "1000");
    let answer = hook.text(&text).against(&api).run().blocked();
    assert!(api.scans().len() > 2);
    let shown = answer.codex().reason.expect("a reason");
    assert!(shown.contains(&"*".repeat(15)) && shown.contains(&"*".repeat(13)), "{shown}");
    let all = everything(&answer);
    assert!(!all.contains(MAIL) && !all.contains(KEY));
}

#[test]
fn one_piece_that_can_not_be_trusted_withholds_all() {
    let filler = "x ".repeat(600);
    let text = format!("{filler}{MAIL} {filler}{KEY} {filler}");
    for bad in [
        Verdict::new(Outcome::Redacted).redacted_input("gone").into(),
        Verdict::new(Outcome::Redacted).redacted_input("gone").scanner(Scanner::broken()).into(),
        Fault::status(500).into(),
        Verdict::redacted("x").scanner(Scanner::broken()).into(),
        Verdict::blocked().into(),
        Verdict::unknown("odd").into(),
    ] {
        let bad: f5_stand_in::f5::Reply = bad;
        let api = F5::builder().when(KEY, bad).always(project_scanners()).start();
        let hook = under("project", Event::PostToolUse).open().env("F5_GUARDRAILS_MAX_SCAN_LENGTH", "1000");
        let answer = hook.text(&text).against(&api).run().blocked();
        assert!(!answer.codex().shown().contains("x x x"), "{answer:?}");
    }
}

#[test]
fn a_flagged_piece_does_not_excuse_one_that_has_to_be_masked() {
    // More pieces than are under way at once.
    let filler = "x ".repeat(5_000);
    for text in [format!("codename {filler}{KEY}"), format!("{KEY} {filler} codename")] {
        for event in [Event::UserPromptSubmit, Event::PostToolUse] {
            let api = F5::answering(project_scanners());
            let hook = under("project", event).env("F5_GUARDRAILS_MAX_SCAN_LENGTH", "1000");
            let answer = hook.text(&text).against(&api).run().blocked();
            assert!(!everything(&answer).contains(KEY));
        }
    }
}

#[test]
fn a_hit_is_not_lost_where_another_piece_takes_too_long() {
    let filler = "x ".repeat(600);
    let text = format!("{KEY} {filler} slow {filler}");
    for event in [Event::UserPromptSubmit, Event::PostToolUse, Event::Stop] {
        let api = F5::builder().when("slow", Fault::HangAfterRequest).always(project_scanners()).start();
        let hook = Hook::of(event).arguments(["--enforcement", "project", "--timeout", "1.5"]).open();
        hook.env("F5_GUARDRAILS_MAX_SCAN_LENGTH", "1000").text(&text).against(&api).run().blocked();
    }
}

#[test]
fn an_audited_hit_next_to_an_unscanned_piece_follows_the_fail_mode() {
    let text = format!("codename {} slow", "x ".repeat(900));
    everywhere(|event, mode| {
        let api = F5::builder().when("slow", Fault::status(500)).always(project_scanners()).start();
        let hook = under("project", event).in_mode(mode).env("F5_GUARDRAILS_MAX_SCAN_LENGTH", "1000");
        hook.text(&text).against(&api).run().failed_in(mode).says(&["500"]);
    });
}

#[test]
fn a_long_masked_output_is_cut_to_what_codex_passes_on() {
    for letter in ["x", "é", "😀", "\""] {
        let text = format!("begin {MAIL} {}{KEY} {}{MAIL} end", letter.repeat(9_000), letter.repeat(9_000));
        let api = F5::answering(project_scanners());
        let answer = under("project", Event::PostToolUse).text(&text).against(&api).run().blocked();
        let json: Value = serde_json::from_str(&answer.stdout).expect("JSON");
        let mut ways = vec![json["reason"].as_str().unwrap_or_default()];
        // Windows' answers are JSON alone.
        ways.extend(cfg!(unix).then_some(answer.stderr.as_str()));
        for said in ways {
            assert!(said.len() <= 10_000, "{} bytes", said.len());
            assert!(said.contains("begin ***") && said.trim_end().ends_with("*** end"), "{said}");
            assert!(said.contains("leaves out"), "{said}");
        }
        let all = everything(&answer);
        assert!(!all.contains(MAIL) && !all.contains(KEY));
    }
}

#[test]
fn a_masked_copy_does_not_show_what_base64_still_says() {
    use base64::Engine as _;
    let blob = base64::engine::general_purpose::STANDARD.encode(format!("the key is {KEY}, they said"));
    let mut payload = sample("post-tool-use.Bash");
    payload["tool_name"] = json!("mcp__files__read");
    payload["tool_response"] =
        json!({"content": [{"type": "resource", "resource": {"uri": "x", "blob": blob}}]});
    let api = F5::answering(project_scanners());
    let answer = under("project", Event::PostToolUse).payload(payload).against(&api).run().blocked();
    assert!(api.inputs().concat().contains(KEY), "the pattern of this test");
    assert!(!answer.codex().shown().contains(&blob[..20]), "{answer:?}");
    // Nor where Codex cut the output for the hook.
    let cut = format!("Warning: truncated output (original token count: 84448)\n{KEY} data:;base64,{blob} …");
    let mut payload = Event::PostToolUse.payload(&cut);
    payload["tool_use_id"] = json!("exec-336e8698-8ccc-443b-a377-c71e27220383");
    let api = F5::answering(project_scanners());
    let answer = under("project", Event::PostToolUse).payload(payload).against(&api).run().blocked();
    assert!(!answer.codex().shown().contains(&blob[..20]), "{answer:?}");
}

#[test]
fn a_script_is_told_that_its_call_throws() {
    let mut payload = Event::PostToolUse.payload(&format!("key {KEY}"));
    for (id, told) in [("exec-336e8698-8ccc-443b-a377-c71e27220383", true), ("call_7", false)] {
        payload["tool_use_id"] = json!(id);
        let api = F5::answering(project_scanners());
        let answer =
            under("project", Event::PostToolUse).payload(payload.clone()).against(&api).run().blocked();
        assert_eq!(answer.codex().shown().contains("the call throws"), told, "{answer:?}");
    }
}

#[test]
fn output_that_codex_cut_is_masked_as_far_as_it_was_scanned() {
    let cut = format!(
        "Warning: truncated output (original token count: 84448)\nkey {KEY}\n…74448 tokens truncated…end\n"
    );
    let mut payload = Event::PostToolUse.payload(&cut);
    payload["tool_use_id"] = json!("exec-336e8698-8ccc-443b-a377-c71e27220383");
    let api = F5::answering(project_scanners());
    let answer =
        under("project", Event::PostToolUse).closed().payload(payload.clone()).against(&api).run().blocked();
    assert!(answer.codex().shown().contains("key *************"), "{answer:?}");
    // What is only audited would go ahead with more than was scanned.
    payload["tool_response"] = json!(cut.replace(KEY, "codename"));
    for mode in FailMode::ALL {
        let api = F5::answering(project_scanners());
        let hook = under("project", Event::PostToolUse).in_mode(mode).payload(payload.clone());
        hook.against(&api).run().failed_in(mode).says(&["cut"]);
    }
}

#[test]
fn observing_logs_what_would_have_been_done() {
    let refusal = |event: Event| match event {
        Event::UserPromptSubmit => "block",
        Event::PreToolUse => "deny",
        Event::PostToolUse => "withhold",
        Event::Stop | Event::SubagentStop => "stop",
    };
    for event in Event::ALL {
        let masked = if event == Event::PostToolUse { "mask" } else { refusal(event) };
        let by_block = if event == Event::PostToolUse { "warn" } else { refusal(event) };
        for (text, would) in [
            ("nothing", Value::Null),
            ("a codename", json!({"block": by_block, "project": "allow"})),
            (KEY, json!({"block": by_block, "project": masked})),
            ("ignore all", json!({"block": by_block, "project": refusal(event)})),
        ] {
            let api = F5::answering(project_scanners());
            let answer =
                under("observe", event).closed().text(text).against(&api).run().allowed_with_a_notice();
            let record = record(&answer);
            assert_eq!((&record["decision"], &record["enforcement"]), (&json!("allow"), &json!("observe")));
            assert_eq!(record["would_have"], would, "{event:?} {text}");
            assert_eq!(record["level"], if would.is_null() { "INFO" } else { "WARN" });
        }
        let api = F5::answering(project_scanners());
        let answer = under("observe", event).strict().text(KEY).against(&api).run();
        assert_eq!(record(&answer)["would_have"]["block"], refusal(event));
    }
}

#[test]
fn observing_lets_a_scan_error_pass_and_tells_no_model() {
    for event in Event::ALL {
        let failing = F5::answering(Fault::status(500));
        let hook = || under("observe", event);
        for (hook, cause) in [
            (hook().against(&failing), "http_status"),
            (hook().without("F5_GUARDRAILS_API_TOKEN"), "no_token"),
            (hook().stdin("{\"hook_event_name\":"), "unreadable_payload"),
        ] {
            let answer = hook.closed().run().allowed_with_a_notice();
            let record = record(&answer);
            assert_eq!((&record["outcome"], &record["cause"]), (&json!("not_scanned"), &json!(cause)));
            assert_eq!(record["decision"], "warn");
            assert!(
                record["would_have"]["block"] != "warn" && record["would_have"]["project"] != "warn",
                "{record}"
            );
        }
    }
}

#[test]
fn a_session_is_told_once_that_it_is_only_observed() {
    let api = F5::answering(project_scanners());
    let first = under("observe", Event::UserPromptSubmit).against(&api).run().allowed_with_a_notice();
    assert!(first.codex().shown().contains("only observes"), "{first:?}");
    let kept =
        std::fs::read_to_string(first.home().join(".codex/f5_guardrails/outage.json")).expect("a note");
    let second = under("observe", Event::PostToolUse).text(KEY);
    let folder = second.home().join(".codex/f5_guardrails");
    std::fs::create_dir_all(&folder).expect("a folder");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).expect("a private folder");
    }
    let file = folder.join("outage.json");
    std::fs::write(&file, kept).expect("a file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("a private file");
    }
    second.against(&api).run().allowed();
}

#[cfg(unix)]
#[test]
fn a_signal_blocks_unless_one_only_observes() {
    for event in Event::ALL {
        for enforcement in ["observe", "project"] {
            let api = F5::answering(Fault::HangAfterRequest);
            let hook = under(enforcement, event).closed().against(&api);
            let answer = hook.run_while(|id| {
                while api.scans().is_empty() {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                let kill = std::process::Command::new("kill").args(["-TERM", &id.to_string()]).status();
                assert!(kill.expect("kill is there").success());
            });
            match enforcement {
                "observe" => drop(answer.allowed_with_a_notice().says(&["enforcement observe"])),
                _ => drop(answer.blocked()),
            }
        }
    }
}

/// The rows of the table in docs/enforcement.md: enforcement, request, and the cells for flagged, redacted and blocked.
fn documented() -> Vec<[String; 5]> {
    let text = include_str!("../../../docs/enforcement.md");
    let rows = text.lines().filter(|line| line.starts_with('|') && line.contains("`flagOnly: "));
    let cells = |row: &str| -> Vec<String> {
        row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()
    };
    rows.map(|row| cells(row).try_into().expect("five cells")).collect()
}

#[test]
fn the_documented_table_is_what_the_hooks_do() {
    let rows = documented();
    assert_eq!(rows.len(), 3);
    for [enforcement, request, cells @ ..] in rows {
        let enforcement = enforcement.split(' ').next().unwrap_or_default().to_owned();
        for (cell, text) in cells.iter().zip(["a codename", KEY, "ignore all"]) {
            for event in Event::ALL {
                let api = F5::answering(project_scanners());
                let answer = under(&enforcement, event).closed().strict().text(text).against(&api).run();
                let flag_only = api.only_scan().field("flagOnly").cloned();
                assert_eq!(request, format!("flagOnly: {}", flag_only.expect("the field")));
                let masks = event == Event::PostToolUse && cell == "masked";
                let decision = record(&answer)["decision"].clone();
                match cell.as_str() {
                    "goes ahead, logged" => assert_eq!(decision, "allow", "{enforcement} {text} {answer:?}"),
                    "refused" | "masked" => {
                        assert_eq!(decision == "mask", masks, "{enforcement} {text}");
                        answer.blocked();
                    }
                    other => panic!("{other}?"),
                }
            }
        }
    }
}
