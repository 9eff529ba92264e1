//! The log file: what is written, where, for whose eyes, and that it never changes a decision.

use std::path::{Path, PathBuf};

use f5_stand_in::f5::{F5, Fault, Outcome, Scanner, Verdict};
use serde_json::Value;

use crate::support::{self, Answer, Event, FailMode, Hook};

const LOG: &str = ".codex/logs/f5_guardrails.log";

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| match serde_json::from_str(line) {
            Ok(Value::Object(object)) => Value::Object(object),
            other => panic!("no JSON object ({other:?}): {line}"),
        })
        .collect()
}

/// The record of the decision: the only line that knows the turn.
#[track_caller]
fn record(answer: &Answer) -> Value {
    let lines = lines(&answer.log());
    let mut records =
        lines.iter().filter(|line| line.to_string().contains("01a201f1-e0b9-7f13-abf1-c96d283d8dcb"));
    let record = records.next().unwrap_or_else(|| panic!("no record of the decision: {answer:?}")).clone();
    assert_eq!(records.next(), None, "one decision, one record: {answer:?}");
    record
}

#[track_caller]
fn has(record: &Value, words: &[&str]) {
    let text = record.to_string();
    for word in words {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
}

#[test]
fn a_hit_is_recorded_with_all_that_belongs_to_it() {
    for event in Event::ALL {
        let api = F5::answering(Verdict::flagged().id("scan-4711"));
        let record = record(&Hook::of(event).strict().against(&api).run().blocked());
        has(&record, &[event.name(), "flagged", "prompt_injection", "scan-4711", "WARN"]);
        has(
            &record,
            &["01a201f1-e0a1-77f1-8b79-24bdeecda0eb", "duration", "characters", "pieces", "decision"],
        );
        if matches!(event, Event::PreToolUse | Event::PostToolUse) {
            has(&record, &["Bash"]);
        }
    }
}

#[test]
fn a_scan_error_is_recorded_with_its_kind() {
    for event in Event::ALL {
        for mode in FailMode::ALL {
            let api = F5::answering(Fault::status(401));
            let record = record(&Hook::of(event).in_mode(mode).against(&api).run().failed_in(mode));
            has(&record, &[event.name(), "error", "WARN", "01a201f1-e0a1-77f1-8b79-24bdeecda0eb"]);
        }
    }
}

#[test]
fn every_call_leaves_one_decision_line_at_every_level() {
    for level in ["off", "error", "warn", "info", "debug", "trace"] {
        for event in Event::ALL {
            let api = F5::answering(Verdict::cleared().id("scan-4711"));
            let hook = Hook::of(event).closed().env("F5_GUARDRAILS_LOG_LEVEL", level);
            let record = record(&hook.against(&api).run().allowed());
            has(&record, &["\"decision\":\"allow\"", "cleared", "scan-4711", "INFO", event.name()]);
        }
        let blank =
            record(&Hook::pre_tool_use().text(" ").env("F5_GUARDRAILS_LOG_LEVEL", level).run().allowed());
        has(&blank, &["\"outcome\":\"blank\""]);
    }
}

/// What no test can know beforehand.
const MEASURED: [&str; 5] = ["timestamp", "duration_ms", "first_byte_ms", "service_ms", "hmac_sha256"];

#[test]
fn a_line_has_the_documented_fields_in_their_order() {
    let scanner = Scanner::failed("prompt_injection").message("Ask the SOC");
    let api = F5::answering(Verdict::flagged().id("scan-4711").scanners([scanner]));
    let hook = Hook::pre_tool_use().text("rm -rf /ü").against(&api);
    let answer = hook.arguments(["--fail-mode", "closed", "--project-id", "p"]).run().blocked();
    let mut line = record(&answer);
    let fields = line.as_object_mut().expect("an object");
    for name in MEASURED {
        let value = fields.insert(name.to_owned(), "…".into());
        assert!(value.is_some(), "{name} is missing in {answer:?}");
    }
    let origin = api.base_url();
    let expected = format!(
        r#"{{"timestamp":"…","level":"WARN","message":"decision","version":"{}","event":"PreToolUse","tool":"Bash","tool_use_id":"{}","session_id":"01a201f1-e0a1-77f1-8b79-24bdeecda0eb","turn_id":"01a201f1-e0b9-7f13-abf1-c96d283d8dcb","decision":"deny","outcome":"flagged","fail_mode":"closed","enforced":["fail-mode","project-id","timeout"],"scanners":[{{"type":"prompt_injection","message":"Ask the SOC"}}],"scan_ids":["scan-4711"],"characters":9,"pieces":1,"duration_ms":"…","first_byte_ms":"…","service_ms":"…","address":"{}","hmac_sha256":"…"}}"#,
        env!("CARGO_PKG_VERSION"),
        Event::PreToolUse.payload("")["tool_use_id"].as_str().expect("an id"),
        origin.trim_end_matches('/'),
    );
    assert_eq!(line.to_string(), expected);
}

#[test]
fn the_service_takes_no_longer_than_the_first_byte_and_that_no_longer_than_all() {
    let api = F5::answering(Verdict::cleared());
    let line = record(&Hook::stop().against(&api).run().allowed());
    let ms = |name: &str| line[name].as_u64().unwrap_or_else(|| panic!("{name}: {line}"));
    assert!(ms("service_ms") <= ms("first_byte_ms") && ms("first_byte_ms") <= ms("duration_ms"), "{line}");
}

/// A hash says whether two texts are the same, and to nobody without the key which they are.
#[test]
fn the_hash_is_keyed_and_the_same_for_the_same_text() {
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("x.log");
    let api = F5::start();
    for (event, text) in
        [(Event::Stop, "yes"), (Event::UserPromptSubmit, "yes"), (Event::UserPromptSubmit, "no")]
    {
        Hook::of(event).text(text).env("F5_GUARDRAILS_LOG_FILE", &path).against(&api).run().allowed();
    }
    let log = lines(&std::fs::read_to_string(&path).expect("the log"));
    let hash = |at: usize| log[at]["hmac_sha256"].as_str().expect("a hash").to_owned();
    assert!(hash(0) == hash(1) && hash(1) != hash(2), "{log:?}");
    let plain = "8a798890fe93817163b10b5f7bd2ca4d25d84c52739a645a889c173eee7d9d3d"; // echo -n yes | sha256sum
    assert_ne!(hash(0), plain);
    assert_eq!(hash(0).len(), 64);
    let key = std::fs::metadata(home.path().join("x.log.key")).expect("the key");
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777, 0o600);
    assert!(key.len() > 0);
}

#[test]
fn without_a_key_there_is_no_hash_and_never_a_plain_one() {
    let api = F5::start();
    let hook = Hook::stop().against(&api);
    std::fs::create_dir_all(hook.home().join(format!("{LOG}.key"))).expect("a folder in its place");
    let line = record(&hook.run().allowed());
    assert_eq!(line.get("hmac_sha256"), None, "{line}");
}

/// Not of the text, and not of files: paths tell names of users and projects.
#[test]
fn no_line_holds_content_a_path_or_a_token() {
    let bundle = "certificates of Ann/root ca.pem";
    for (variable, flag) in [
        ("F5_GUARDRAILS_CA_BUNDLE", None),
        ("F5_GUARDRAILS_CLIENT_CERT", None),
        ("F5_GUARDRAILS_API_TOKEN_FILE", Some("--token-file")),
    ] {
        for event in Event::ALL {
            let api = F5::builder().tls().may_stay_idle().start();
            let hook = Hook::of(event).against(&api).without("F5_GUARDRAILS_CA_BUNDLE").closed();
            let path = hook.home().join(bundle);
            let hook = match flag {
                Some(flag) => hook.arguments([flag.into(), path.into_os_string()]),
                None => hook.env(variable, path),
            };
            let answer = hook.run().blocked();
            let line = record(&answer);
            has(&line, &["not_scanned", "\"cause\"", "\"error\"", "<path>"]);
            let home = answer.home().display().to_string();
            let text = line.to_string();
            for part in [home.as_str(), "Ann", "root ca.pem", support::MARKER, f5_stand_in::f5::TOKEN] {
                assert!(!text.contains(part), "{part}: {text}");
            }
        }
    }
}

#[test]
fn the_lengths_are_those_of_the_text() {
    let api = F5::answering(Verdict::flagged());
    let hook =
        Hook::user_prompt_submit().text(&"ü".repeat(1777)).env("F5_GUARDRAILS_MAX_SCAN_LENGTH", "1000");
    let text = record(&hook.against(&api).run().blocked()).to_string();
    assert!(text.contains("1777"), "{text}");
}

#[test]
fn every_line_is_a_json_object_with_a_time_at_every_level() {
    for level in ["trace", "debug", "info", "warn"] {
        let api = F5::builder().first(Fault::status(503)).always(Verdict::flagged()).start();
        let hook = Hook::pre_tool_use().env("F5_GUARDRAILS_LOG_LEVEL", level);
        let answer = hook.env("F5_GUARDRAILS_TIMEOUT", "abc").against(&api).run().blocked();
        let lines = lines(&answer.log());
        assert!(!lines.is_empty());
        assert!(
            lines.iter().all(|line| line.get("time").or(line.get("timestamp")).is_some_and(Value::is_string))
        );
    }
}

/// The phases that the log tells, each with a time.
#[track_caller]
fn phases(answer: &Answer) -> Vec<String> {
    let named: Vec<Value> =
        lines(&answer.log()).into_iter().filter(|line| line.get("phase").is_some()).collect();
    assert!(named.iter().all(|line| line["ms"].as_f64().is_some_and(|ms| ms >= 0.0)), "{named:?}");
    named.iter().filter_map(|line| line["phase"].as_str()).map(str::to_owned).collect()
}

#[test]
fn the_phases_of_a_call_are_told_at_debug_in_their_order() {
    let api = F5::builder().tls().start();
    let hook = Hook::pre_tool_use().against(&api).env("F5_GUARDRAILS_LOG_LEVEL", "debug");
    // A name, so that there is something to look up.
    let url = api.base_url().replace("127.0.0.1", "localhost");
    let answer = hook.env("F5_GUARDRAILS_BASE_URL", url).run().allowed();
    let order = "settings payload client dns tcp waiting for roots tls request body answer all";
    assert_eq!(phases(&answer).join(" "), order);
}

#[test]
fn reading_the_systems_roots_is_a_phase_of_its_own() {
    let api = F5::builder().tls().start();
    let hook = Hook::pre_tool_use().against(&api).without("F5_GUARDRAILS_CA_BUNDLE");
    let hook = hook.env("F5_GUARDRAILS_LOG_LEVEL", "debug");
    // The system's own store does not know the stand-in.
    assert!(phases(&hook.closed().run().blocked()).contains(&"roots".to_owned()));
}

#[test]
fn phases_are_no_matter_for_the_other_levels() {
    let api = F5::builder().tls().start();
    let hook = Hook::pre_tool_use().against(&api).env("F5_GUARDRAILS_LOG_LEVEL", "info");
    assert_eq!(phases(&hook.run().allowed()), [""; 0]);
}

/// Next to exit code 2 stderr belongs to the answer.
#[test]
fn stderr_has_lines_for_people_where_the_answer_is_elsewhere() {
    for event in Event::ALL {
        let api = F5::answering(Fault::status(401));
        let answer = Hook::of(event).open().against(&api).run().warned();
        assert!(!answer.stderr.trim().is_empty());
        assert!(answer.stderr.lines().all(|line| !line.starts_with('{')), "{}", answer.stderr);
        assert!(!answer.stderr.contains('\u{1b}'), "no colours where nobody looks: {}", answer.stderr);
    }
}

/// The largest characters that JSON leaves as they are, and those that it escapes.
const WIDE: [char; 3] = ['\u{1f6e1}', '"', '\\'];

#[test]
fn no_decision_makes_a_line_of_16_kib() {
    for wide in WIDE {
        let text = wide.to_string().repeat(5_000);
        let mut payload = Event::PreToolUse.payload("text");
        for field in ["session_id", "turn_id", "tool_name"] {
            payload[field] = format!("{text}{}", payload[field].as_str().unwrap_or_default()).into();
        }
        let long: String = text.chars().take(400).collect();
        let scanner = |number: usize| Scanner::failed(&format!("{number}{long}")).message(&long);
        let verdict = Verdict::new(Outcome::Flagged).scanners((0..20).map(scanner)).id(&long);
        let path = format!("/{long}{long}");
        let api = F5::answering(verdict);
        for hook in [
            Hook::pre_tool_use().against(&api),
            Hook::pre_tool_use().closed().env("F5_GUARDRAILS_CLIENT_CERT", &path),
        ] {
            let answer = hook.payload(payload.clone()).run().blocked();
            let log = answer.log();
            let longest = log.lines().map(str::len).max().expect("a line");
            assert!(log.contains("decision") && longest < 16 * 1024, "{longest} bytes");
        }
    }
}

#[test]
fn many_pieces_make_no_line_of_16_kib() {
    let api = F5::answering(Verdict::cleared().id(&"x".repeat(64)));
    let hook =
        Hook::user_prompt_submit().text(&"word ".repeat(20_000)).env("F5_GUARDRAILS_MAX_SCAN_LENGTH", "1000");
    let log = hook.env("F5_GUARDRAILS_LOG_LEVEL", "info").against(&api).run().allowed().log();
    assert!(log.contains("decision") && log.lines().all(|line| line.len() < 16 * 1024), "{log}");
}

#[cfg(unix)]
#[test]
fn the_log_is_private_to_the_user() {
    use std::os::unix::fs::PermissionsExt as _;
    let api = F5::answering(Verdict::flagged());
    let answer = Hook::pre_tool_use().against(&api).run().blocked();
    let mode = |path: PathBuf| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(answer.home().join(LOG)), 0o600);
    assert_eq!(mode(answer.home().join(".codex/logs")) & 0o077, 0, "the folder was made by the program");
}

#[test]
fn the_log_can_be_moved() {
    let api = F5::answering(Verdict::flagged());
    let hook = Hook::pre_tool_use();
    let path = hook.home().join("else/where.log");
    std::fs::create_dir(path.parent().expect("a folder")).expect("a folder");
    let answer = hook.env("F5_GUARDRAILS_LOG_FILE", &path).against(&api).run().blocked();
    assert_eq!(answer.log(), "");
    assert!(!lines(&std::fs::read_to_string(&path).expect("the log")).is_empty());
}

#[test]
fn the_log_can_be_switched_off() {
    for word in ["off", "none", "false", "0", "disabled", "OFF"] {
        let api = F5::answering(Verdict::flagged());
        let answer = Hook::pre_tool_use().env("F5_GUARDRAILS_LOG_FILE", word).against(&api).run().blocked();
        assert!(!answer.home().join(".codex/logs").exists(), "{word}");
        assert!(!answer.home().join(word).exists(), "{word}");
    }
}

#[test]
fn without_a_codex_home_the_log_is_in_the_users_home() {
    let api = F5::answering(Verdict::flagged());
    let answer = Hook::pre_tool_use().without("CODEX_HOME").against(&api).run().blocked();
    assert!(!answer.log().is_empty(), "{answer:?}");
}

/// A log file that cannot be written changes nothing but the log.
fn changes_no_decision(path: impl Fn(&Hook) -> PathBuf) {
    for event in Event::ALL {
        for mode in FailMode::ALL {
            let flagged = F5::answering(Verdict::flagged());
            let hook = Hook::of(event).in_mode(mode).strict().against(&flagged);
            let file = path(&hook);
            hook.env("F5_GUARDRAILS_LOG_FILE", file).run().blocked();
            let broken = F5::answering(Fault::status(500));
            let hook = Hook::of(event).in_mode(mode).against(&broken);
            let file = path(&hook);
            hook.env("F5_GUARDRAILS_LOG_FILE", file).run().failed_in(mode);
            let cleared = F5::start();
            let hook = Hook::of(event).in_mode(mode).against(&cleared).env("F5_GUARDRAILS_LOG_LEVEL", "info");
            let file = path(&hook);
            hook.env("F5_GUARDRAILS_LOG_FILE", file).run().allowed();
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_changes_no_decision() {
    changes_no_decision(|_| PathBuf::from("/dev/full"));
}

#[test]
fn a_folder_in_the_place_of_the_log_changes_no_decision() {
    changes_no_decision(|hook| hook.home().to_owned());
}

#[test]
fn a_path_that_cannot_exist_changes_no_decision() {
    changes_no_decision(|hook| hook.file("a-file", "").join("below/it.log"));
}

#[cfg(unix)]
#[test]
fn a_pipe_without_a_reader_in_the_place_of_the_log_changes_no_decision() {
    changes_no_decision(|hook| {
        let path = hook.home().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo is there");
        assert!(made.success());
        path
    });
}

/// In a folder that others can write to, or in a repository, they would choose the file that is written, and renamed.
#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_the_log_is_not_followed_and_changes_no_decision() {
    use std::os::unix::fs::symlink;
    for target in ["precious", "missing", "large"] {
        for place in [LOG, "x.log"] {
            let api = F5::answering(Verdict::flagged());
            let hook = Hook::pre_tool_use();
            std::fs::create_dir_all(hook.home().join(".codex/logs")).expect("a folder");
            hook.file("precious", "x\n");
            let large = hook.file("large", "");
            std::fs::OpenOptions::new().write(true).open(&large).unwrap().set_len(10 << 20).unwrap();
            let path = hook.home().join(place);
            symlink(hook.home().join(target), &path).expect("a link");
            let answer = hook.env("F5_GUARDRAILS_LOG_FILE", &path).against(&api).run().blocked();
            let home = answer.home();
            assert_eq!(std::fs::read_to_string(home.join("precious")).unwrap(), "x\n", "{place}");
            assert!(!home.join("missing").exists() && path.is_symlink(), "{target} {place}");
            assert_eq!(std::fs::metadata(home.join("large")).unwrap().len(), 10 << 20);
            assert!(!path.with_extension("log.1").exists(), "nothing was renamed");
        }
    }
}

/// The older lines go where a link is: it is replaced, and what it leads to stays.
#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_the_older_log_is_replaced() {
    let api = F5::answering(Verdict::flagged());
    let hook = Hook::pre_tool_use();
    std::fs::create_dir(hook.home().join(".codex/logs")).expect("a folder");
    let large = hook.file(LOG, "");
    std::fs::OpenOptions::new().write(true).open(large).unwrap().set_len(10 << 20).unwrap();
    let precious = hook.file("precious", "x\n");
    let older = hook.home().join(format!("{LOG}.1"));
    std::os::unix::fs::symlink(&precious, &older).expect("a link");
    let answer = hook.against(&api).run().blocked();
    assert!(!answer.log().is_empty(), "{answer:?}");
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "x\n");
    assert!(older.symlink_metadata().unwrap().is_file());
}

/// A link of the system's own.
#[cfg(unix)]
#[test]
fn the_log_can_be_stderr() {
    for path in ["/dev/stderr", "/dev/fd/2"] {
        let api = F5::answering(Fault::status(500));
        let answer = Hook::pre_tool_use().open().env("F5_GUARDRAILS_LOG_FILE", path).against(&api).run();
        let json = answer.stderr.lines().filter(|line| line.starts_with('{')).count();
        assert_eq!(json, 1, "{answer:?}");
        answer.warned();
    }
}

#[test]
fn a_codex_home_that_is_not_absolute_gets_no_log_and_changes_no_decision() {
    let api = F5::answering(Verdict::flagged());
    let answer = Hook::pre_tool_use().closed().env("CODEX_HOME", ".codex").against(&api).run().blocked();
    assert!(!answer.home().join(".codex/logs").exists(), "{answer:?}");
}

#[test]
fn a_large_log_is_set_aside_and_four_older_ones_are_kept() {
    let api = F5::answering(Verdict::flagged());
    let hook = Hook::pre_tool_use();
    std::fs::create_dir(hook.home().join(".codex/logs")).expect("a folder");
    let old = "{}\n".repeat((10 << 20) / 3 + 1);
    hook.file(LOG, &old);
    for number in 1..=4 {
        hook.file(&format!("{LOG}.{number}"), number.to_string());
    }
    let answer = hook.against(&api).run().blocked();
    assert!(answer.log().len() < 10 << 20, "the log goes on in a new file");
    record(&answer);
    let older = |number: usize| std::fs::read_to_string(answer.home().join(format!("{LOG}.{number}")));
    assert_eq!(older(1).expect("the first").len(), old.len());
    assert_eq!([2, 3, 4].map(|number| older(number).expect("it is kept")), ["1", "2", "3"]);
    assert!(older(5).is_err());
}

#[test]
fn of_64_hooks_in_parallel_that_set_the_log_aside_no_line_is_torn_or_lost() {
    const RUNS: usize = 64;
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("shared.log");
    // Full after some of the lines, so that some hooks have opened the file that others set aside.
    let room = 16 * 1024;
    let line = format!("{{\"x\": \"{}\"}}\n", "x".repeat(4_000));
    std::fs::write(&path, line.repeat(((10 << 20) - room) / line.len() + 1)).expect("a large log");
    let api = F5::answering(Verdict::flagged());
    std::thread::scope(|scope| {
        for run in 0..RUNS {
            let mut payload = Event::PreToolUse.payload("x");
            payload["tool_use_id"] = format!("call-{run}-of-them").into();
            let hook =
                Hook::pre_tool_use().payload(payload).env("F5_GUARDRAILS_LOG_FILE", &path).against(&api);
            scope.spawn(move || hook.run().blocked());
        }
    });
    let read = |path: &Path| std::fs::read_to_string(path).expect("the log");
    let (now, before) = (read(&path), read(&home.path().join("shared.log.1")));
    let all = lines(&(before + &now));
    for run in 0..RUNS {
        let id = format!("call-{run}-of-them");
        assert_eq!(all.iter().filter(|line| line["tool_use_id"] == id.as_str()).count(), 1, "{id}");
    }
    let hashes = all.iter().filter_map(|line| line["hmac_sha256"].as_str());
    assert_eq!(hashes.collect::<std::collections::BTreeSet<_>>().len(), 1, "one text, one key");
    assert!(!home.path().join("shared.log.2").exists(), "set aside once");
}

#[test]
fn many_processes_append_whole_lines_to_one_log() {
    const RUNS: usize = 24;
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("shared.log");
    let api = F5::answering(Verdict::flagged());
    std::thread::scope(|scope| {
        for _ in 0..RUNS {
            let hook = Hook::pre_tool_use().env("F5_GUARDRAILS_LOG_FILE", &path).against(&api);
            scope.spawn(move || hook.run().blocked());
        }
    });
    let lines = lines(&std::fs::read_to_string(&path).expect("the log"));
    let records = lines.iter().filter(|line| line.to_string().contains("flagged")).count();
    assert_eq!(records, RUNS);
}
