//! The recipe of docs/siem.md for the OpenTelemetry Collector, with a real one:
//! `F5_GUARD_TEST_OTELCOL=/path/to/otelcol-contrib cargo test --test live_siem -- --ignored`

#![allow(clippy::restriction)] // a test may panic

#[path = "support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use f5_stand_in::f5::{F5, Fault, Verdict};
use serde_json::Value;

use support::{Event, Hook};

/// A collector that takes so long is stuck.
const STUCK: Duration = Duration::from_secs(60);

/// The block of the document that configures the collector.
fn recipe() -> &'static str {
    let page = include_str!("../docs/siem.md");
    let (_, section) = page.split_once("## OpenTelemetry Collector").expect("the section");
    let (_, block) = section.split_once("```yaml\n").expect("a block");
    block.split_once("```").expect("its end").0
}

/// Takes what is exported as OTLP in JSON, one request after the other.
fn receiver() -> (String, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut input = BufReader::new(stream);
            // One connection carries many requests.
            loop {
                let mut length = 0;
                let mut lines = 0;
                loop {
                    let mut line = String::new();
                    if input.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                        break;
                    }
                    lines += 1;
                    let lower = line.to_ascii_lowercase();
                    if let Some(value) = lower.strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a length");
                    }
                }
                if lines == 0 {
                    break;
                }
                let mut body = vec![0; length];
                input.read_exact(&mut body).expect("a body");
                let answer =
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
                input.get_mut().write_all(answer.as_bytes()).expect("answered");
                let _ = sender.send(serde_json::from_slice(&body).expect("OTLP in JSON"));
            }
        }
    });
    (url, received)
}

/// Ends with the test.
struct Collector(Child);

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn records(export: &Value) -> Vec<Value> {
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let resources = list(export, "resourceLogs");
    let scopes = resources.iter().flat_map(|resource| list(resource, "scopeLogs"));
    scopes.flat_map(|scope| list(&scope, "logRecords")).collect()
}

/// A text among the attributes of a record.
fn attribute<'a>(record: &'a Value, name: &str) -> Option<&'a str> {
    let attributes = record["attributes"].as_array()?;
    attributes.iter().find(|attribute| attribute["key"] == name)?["value"]["stringValue"].as_str()
}

#[test]
#[ignore = "needs an OpenTelemetry Collector with the filelog receiver: set F5_GUARD_TEST_OTELCOL and run with --ignored"]
fn a_collector_with_the_recipe_exports_every_decision() {
    let Some(program) = std::env::var_os("F5_GUARD_TEST_OTELCOL") else {
        panic!("F5_GUARD_TEST_OTELCOL is not set");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("f5_guardrails.log");
    // A line that is for finding faults, before those that count.
    let hook = |event: Event| {
        Hook::of(event).env("F5_GUARDRAILS_LOG_FILE", &log).env("F5_GUARDRAILS_LOG_LEVEL", "debug")
    };
    hook(Event::UserPromptSubmit).against(&F5::start()).run().allowed();
    hook(Event::PreToolUse).against(&F5::answering(Verdict::flagged().id("scan-4711"))).run().blocked();
    hook(Event::PostToolUse).against(&F5::answering(Fault::status(401))).run().warned();
    let lines = std::fs::read_to_string(&log).expect("the log");
    assert!(lines.lines().count() > 10, "other lines are there, too");

    let (url, received) = receiver();
    let path = log.display().to_string();
    let config = recipe().replace("/home/*/.codex/logs/f5_guardrails.log", &path).replace(
        "endpoint: https://otlp.example.com",
        &format!("endpoint: {url}\n    compression: none\n    encoding: json"),
    ) + "  telemetry:\n    metrics:\n      level: none\n";
    assert!(config.contains(&url) && config.contains(&path), "{config}");
    let file = folder.path().join("collector.yaml");
    std::fs::write(&file, config).expect("written");
    let mut command = Command::new(program);
    command.arg("--config").arg(file).stdout(Stdio::null()).stderr(Stdio::inherit());
    let _collector = Collector(command.spawn().expect("the collector starts"));

    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.extend(records(&received.recv_timeout(STUCK).expect("an export")));
    }
    let facts: Vec<_> = seen
        .iter()
        .map(|record| {
            ["event", "decision", "outcome"].map(|name| attribute(record, name).unwrap_or_default())
        })
        .collect();
    assert_eq!(
        facts,
        [
            ["UserPromptSubmit", "allow", "cleared"],
            ["PreToolUse", "deny", "flagged"],
            ["PostToolUse", "warn", "not_scanned"]
        ]
    );
    let severities: Vec<_> =
        seen.iter().map(|record| record["severityText"].as_str().unwrap_or_default()).collect();
    assert_eq!(severities, ["INFO", "WARN", "WARN"]);
    for (record, line) in
        seen.iter().zip(lines.lines().filter(|line| line.contains("\"message\":\"decision\"")))
    {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let nanoseconds: i128 = record["timeUnixNano"].as_str().expect("a time").parse().expect("a number");
        let shown = time::OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).expect("a time");
        let stamp = line["timestamp"].as_str().expect("a time");
        let second = format!(
            "{:02}:{:02}:{:02}.{:06}",
            shown.hour(),
            shown.minute(),
            shown.second(),
            shown.microsecond()
        );
        assert!(stamp.contains(&second), "{stamp} {second}");
    }
}
