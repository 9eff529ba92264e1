//! `f5-guard report` and `f5-guard why`: what the built program says about logs that real hooks have written, and about
//! logs that somebody made up.

use std::path::{Path, PathBuf};

use f5_stand_in::f5::{F5, Fault, Verdict};
use serde_json::Value;

use crate::support::home::Run;
#[cfg(unix)]
use crate::support::program;
use crate::support::{Event, FakeHome, Hook};

/// Somebody with a log.
struct User {
    home: FakeHome,
}

impl User {
    fn new() -> Self {
        let mut home = FakeHome::new();
        home.set("CODEX_HOME", home.codex());
        std::fs::create_dir(home.codex().join("logs")).expect("a folder");
        Self { home }
    }

    fn log(&self) -> PathBuf {
        self.home.codex().join("logs/f5_guardrails.log")
    }

    /// A hook whose line goes into this user's log.
    fn hook(&self, event: Event) -> Hook {
        Hook::of(event).env("F5_GUARDRAILS_LOG_FILE", self.log())
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.home.run(arguments)
    }

    #[track_caller]
    fn says(&self, arguments: &[&str]) -> String {
        self.run(arguments).succeeds("it has something to say")
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.says(&[&["report", "--json"], arguments].concat())).expect("JSON")
    }
}

/// A decision line of a moment ago.
fn line(rest: &str) -> String {
    let now = time::OffsetDateTime::now_utc() - time::Duration::MINUTE;
    let (date, time) = (now.date(), now.time());
    format!(
        "{{\"timestamp\":\"{date}T{:02}:{:02}:{:02}Z\",\"level\":\"INFO\",\"message\":\"decision\"{rest}}}\n",
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// A session with every kind of decision and an outage in it, made by the built hooks.
fn session(user: &User) {
    let run =
        |event: Event, api: &F5, arguments: &[&str]| user.hook(event).arguments(arguments).against(api).run();
    let cleared = F5::start();
    for event in Event::ALL {
        run(event, &cleared, &[]).allowed();
    }
    let flagged = F5::answering(Verdict::flagged().id("scan-4711"));
    run(Event::UserPromptSubmit, &flagged, &["--contact", "the SOC"]).blocked();
    run(Event::PreToolUse, &flagged, &["--contact", "the SOC"]).blocked();
    run(Event::PostToolUse, &flagged, &[]).warned();
    run(Event::PostToolUse, &flagged, &["--post-strict"]).blocked();
    run(Event::Stop, &flagged, &[]).blocked();
    let broken = F5::answering(Fault::status(401));
    run(Event::PreToolUse, &broken, &[]).warned();
    run(Event::PreToolUse, &broken, &["--fail-mode", "closed"]).blocked();
    run(Event::PreToolUse, &cleared, &[]).allowed();
    user.hook(Event::PreToolUse).text(" ").run().allowed();
}

#[test]
fn the_figures_are_those_of_the_calls_that_were_made() {
    let user = User::new();
    session(&user);
    let report = user.json(&[]);
    let count = |pointer: &str| {
        report.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}: {report}"))
    };
    for (pointer, expected) in [
        ("/calls", 14),
        ("/sessions", 1),
        ("/decisions/allow", 7),
        ("/decisions/warn", 2),
        ("/decisions/block", 1),
        ("/decisions/deny", 2),
        ("/decisions/withhold", 1),
        ("/decisions/stop", 1),
        ("/outcomes/cleared", 6),
        ("/outcomes/flagged", 5),
        ("/outcomes/not_scanned", 2),
        ("/outcomes/blank", 1),
        ("/scanners/0/calls", 5),
        ("/not_scanned/0/calls", 2),
        ("/not_scanned/0/went_ahead", 1),
        ("/not_scanned/0/refused", 1),
        ("/outages/0/calls", 2),
        ("/latency/total/calls", 13),
        ("/latency/service/calls", 11),
        ("/days/0/calls", 14),
        ("/unreadable_lines", 0),
    ] {
        assert_eq!(count(pointer), expected, "{pointer}: {report}");
    }
    assert_eq!(report["not_scanned"][0]["name"], "http_status");
    assert_eq!(report["outages"][0]["goes_on"], false);
}

#[test]
fn one_session_can_be_reported_alone() {
    let user = User::new();
    let api = F5::start();
    for id in ["first", "second"] {
        let mut payload = Event::Stop.payload("x");
        payload["session_id"] = id.into();
        user.hook(Event::Stop).payload(payload).against(&api).run().allowed();
    }
    user.hook(Event::PreToolUse).against(&api).run().allowed();
    assert_eq!(user.json(&[])["calls"], 3);
    assert_eq!(user.json(&["--session", "second"])["calls"], 1);
    let last = user.json(&["--session", "last"]);
    assert_eq!(
        (&last["calls"], &last["session"]),
        (&1.into(), &"01a201f1-e0a1-77f1-8b79-24bdeecda0eb".into())
    );
}

#[test]
fn the_screen_is_understandable_without_a_legend() {
    let user = User::new();
    session(&user);
    let screen = user.says(&["report"]);
    for words in ["14 calls in 1 session", "refused", "not scanned", "prompt_injection", "half within", "█"]
    {
        assert!(screen.contains(words), "{words}: {screen}");
    }
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    assert!(!screen.contains('\u{1b}'), "no colours into a pipe");
}

#[test]
fn why_explains_the_last_refusal_and_one_by_its_scan() {
    let user = User::new();
    session(&user);
    let last = user.says(&["why"]);
    for words in ["A call of Bash was refused", "HTTP 401", "closed", "What to do"] {
        assert!(last.contains(words), "{words}: {last}");
    }
    let scan = user.says(&["why", "scan-4711"]);
    for words in [
        "a prompt injection: \"Company policy forbids this\"",
        "Tell the SOC: scan scan-4711",
        "A prompt was blocked",
    ] {
        assert!(scan.contains(words), "{words}: {scan}");
    }
    let five = user.says(&["why", "-n", "5"]);
    assert_eq!(five.matches("  When ").count(), 5, "{five}");
    let missing = user.run(&["why", "scan-9999"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("scan-9999"), "{missing:?}");
}

#[test]
fn an_outage_in_open_mode_does_not_hide_the_last_refusal() {
    let user = User::new();
    let flagged = F5::answering(Verdict::flagged().id("scan-4711"));
    user.hook(Event::UserPromptSubmit).against(&flagged).run().blocked();
    let broken = F5::answering(Fault::status(401));
    for _ in 0..2 {
        user.hook(Event::PreToolUse).open().against(&broken).run().warned();
    }
    for arguments in [&["why"][..], &["why", "last"]] {
        let said = user.says(arguments);
        assert!(said.starts_with("A prompt was blocked\n"), "{said}");
        let since = said.split("  Since then   ").nth(1).unwrap_or_else(|| panic!("{said}"));
        assert!(
            since.starts_with("2 calls went ahead without a scan, the last one ")
                && since.ends_with("`f5-guard why -n 2`\n"),
            "{said}"
        );
    }
    let both = user.says(&["why", "-n", "2"]);
    assert_eq!(both.matches("went ahead without a scan").count(), 2, "{both}");
    let report = user.says(&["why", "--report"]);
    assert!(report.contains("scan-4711") && !report.contains("Since"), "{report}");
}

#[test]
fn a_report_for_the_security_team_has_the_facts_and_no_content() {
    let user = User::new();
    session(&user);
    let report = user.says(&["why", "scan-4711", "--report"]);
    for words in
        ["scan-4711", "PreToolUse", "deny", "flagged", "HMAC-SHA-256", "01a201f1-e0a1-77f1-8b79-24bdeecda0eb"]
    {
        assert!(report.contains(words), "{words}: {report}");
    }
    assert!(!report.contains(crate::support::MARKER), "{report}");
}

#[test]
fn the_page_is_private_and_whole() {
    let user = User::new();
    session(&user);
    let path = user.home.path().join("report.html");
    user.says(&["report", "--html", "report.html"]);
    let page = std::fs::read_to_string(&path).expect("the page");
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    assert!(page.contains("prompt_injection") && page.contains("<svg"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).expect("its mode").permissions().mode() & 0o777, 0o600);
        // Whoever put a link there does not choose what is overwritten.
        let precious = user.home.path().join("precious");
        std::fs::write(&precious, "x").expect("a file");
        std::fs::remove_file(&path).expect("removed");
        std::os::unix::fs::symlink(&precious, &path).expect("a link");
        user.says(&["report", "--html", "report.html"]);
        assert_eq!(std::fs::read_to_string(&precious).expect("it is there"), "x");
    }
    let folder = user.run(&["report", "--html", "."]);
    assert_eq!(folder.code, Some(1), "{folder:?}");
}

/// Everything that somebody could put into a log.
fn hostile() -> String {
    let bad = "\\u001b[2J\\u001b]0;x\\u0007\\u202e<script>alert(1)</script></svg>\\\"'&\\u0000";
    [
        line(&format!(
            ",\"event\":\"{bad}\",\"tool\":\"{bad}\",\"session_id\":\"{bad}\",\"decision\":\"deny\",\"outcome\":\"flagged\",\"scanners\":[{{\"type\":\"{bad}\",\"message\":\"{bad}\"}}],\"scan_ids\":[\"{bad}\"],\"contact\":\"{bad}\""
        )),
        line(&format!(",\"decision\":\"{bad}\",\"outcome\":\"not_scanned\",\"cause\":\"{bad}\",\"error\":\"{bad}\",\"fix\":\"{bad}\"")),
        line(",\"decision\":\"allow\",\"outcome\":\"cleared\",\"duration_ms\":18446744073709551615,\"service_ms\":18446744073709551615,\"first_byte_ms\":0,\"more_scanners\":18446744073709551615"),
        line(",\"duration_ms\":1e400"),
        line(",\"duration_ms\":-5"),
        line(",\"scanners\":{}"),
        "{\"timestamp\":\"9999-12-31T23:59:59Z\",\"message\":\"decision\",\"decision\":\"allow\"}\n".to_owned(),
        "{\"timestamp\":\"0000-01-01T00:00:00+99:99\",\"message\":\"decision\"}\n".to_owned(),
        "[".repeat(100_000) + "\n",
        format!("{}\n", "x".repeat(5 << 20)),
        "\u{1b}[31m\u{0}\n".to_owned(),
        "{\"timestamp\":\"half a li".to_owned(),
    ]
    .concat()
}

#[test]
fn hostile_lines_harm_neither_terminal_nor_page() {
    let user = User::new();
    std::fs::write(user.log(), hostile()).expect("a log");
    let harmless =
        |text: &str| !text.chars().any(|c| c.is_control() && c != '\n') && !text.contains('\u{202e}');
    for arguments in [
        &["report"][..],
        &["report", "--json"],
        &["why"],
        &["why", "-n", "9"],
        &["why", "--report"],
        &["report", "--session", "last"],
    ] {
        let said = user.says(arguments);
        assert!(harmless(&said), "{arguments:?}: {said:?}");
    }
    assert_eq!(user.json(&[])["calls"], 3);
    user.says(&["report", "--html", "x.html"]);
    let page = std::fs::read_to_string(user.home.path().join("x.html")).expect("the page");
    assert!(
        harmless(&page)
            && !page.contains("<script")
            && page.matches("</svg>").count() == page.matches("<svg").count()
    );
}

#[test]
fn without_a_log_both_say_so() {
    let user = User::new();
    assert!(user.says(&["report"]).contains("There is no log yet"));
    let why = user.run(&["why"]);
    assert_eq!(why.code, Some(1));
    assert!(why.stderr.contains("There is no log yet"), "{why:?}");
}

#[test]
fn options_that_cannot_be_used_are_refused_in_words() {
    let user = User::new();
    let said = user.run(&["report", "--since", "yesterday"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("--since can't be used"), "{said:?}");
}

#[test]
fn a_call_of_blank_text_leaves_a_line() {
    let user = User::new();
    user.hook(Event::Stop).text(" ").run().allowed();
    assert_eq!(user.json(&[])["calls"], 1);
}

fn names(value: &Value, path: &str, found: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                found.insert(path.clone());
                names(value, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, path, found)),
        _ => {}
    }
}

#[test]
fn every_name_of_the_json_is_documented() {
    let user = User::new();
    session(&user);
    let mut found = std::collections::BTreeSet::new();
    names(&user.json(&["--session", "last"]), "", &mut found);
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.md"))
        .expect("the page");
    for name in &found {
        let last = name.rsplit('.').next().expect("a name");
        assert!(page.contains(&format!("`{last}`")), "{name}");
    }
}

/// A full set of logs: some 90,000 calls. What it takes is in docs/performance.md; the limit here is on memory, which does
/// not depend on how busy the machine is.
#[cfg(target_os = "linux")]
#[test]
fn a_full_set_of_logs_takes_little_memory() {
    let user = User::new();
    let long = "x".repeat(300);
    for number in 0..5 {
        let mut text = String::new();
        while text.len() < 10 << 20 {
            let call = text.len();
            text.push_str(&line(&format!(
                ",\"event\":\"PreToolUse\",\"tool\":\"tool {call}\",\"session_id\":\"session {call} {number}\",\"decision\":\"deny\",\"outcome\":\"flagged\",\"duration_ms\":{call},\"service_ms\":{call},\"scanners\":[{{\"type\":\"type {call}\",\"message\":\"{long}\"}}]"
            )));
        }
        let suffix = if number == 0 { String::new() } else { format!(".{number}") };
        std::fs::write(user.log().with_extension(format!("log{suffix}")), text).expect("a log");
    }
    let mut shell = user.home.command("/bin/sh");
    // What it may take for itself, in KiB.
    shell.args(["-c", "ulimit -d 100000 && exec \"$0\" report --json"]).arg(program());
    let report = Run::of(&mut shell, b"").succeeds("in little memory");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert!(report["calls"].as_u64().expect("a number") > 80_000, "{}", report["calls"]);
}
