//! What the smoke test says: line by line as text, or as one JSON object at the end.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::checks::{Problem, Scan, Step};
use anstyle::Style;

use crate::printable::{counted, printable, wrapped};
use crate::scan::ScanReport;
use crate::secret::Hidden;
use crate::settings::Origins;
use crate::stdio::say_error;
use crate::terminal::{GREEN, Paint, RED, YELLOW, fitted, width};
use crate::tls_diagnostics::Report as Diagnosis;
use crate::transport::{Exchange, ExchangeResult, Message};

/// How the report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text(Paint),
    Json,
}

/// How the scan ended, for the last line.
enum Ending {
    Cleared { took: Duration },
    Flagged { words: String },
    Failed,
}

/// Columns of a mark with the blank behind it, of a step's name, and before a step's words.
const MARK: usize = 7;
const NAME: usize = 12;
const WORDS: usize = MARK + NAME + 1;

/// A report in the making.
pub struct Report {
    format: Format,
    /// What no line may show, whatever it was made of.
    hidden: Hidden,
    steps: Vec<Value>,
    warnings: Vec<String>,
    exchanges: Option<Vec<Exchange>>,
    diagnosis: Option<Diagnosis>,
    /// The first thing that makes a scan impossible, or what the diagnosis found.
    problem: Option<Problem>,
    /// Wrong, but not in the way of a scan.
    lesser_problem: Option<Problem>,
    scan_problem: Option<Problem>,
    ending: Ending,
}

impl Report {
    pub fn start(format: Format, hidden: Hidden) -> Self {
        let report = Self {
            format,
            hidden,
            steps: Vec::new(),
            warnings: Vec::new(),
            exchanges: None,
            diagnosis: None,
            problem: None,
            lesser_problem: None,
            scan_problem: None,
            ending: Ending::Failed,
        };
        report.line(&format!("f5-guard {} smoke test", env!("CARGO_PKG_VERSION")));
        report
    }

    /// A sentence that is no failure.
    pub fn warn(&mut self, words: &str) {
        self.row("warn", YELLOW, words);
        self.warnings.push(words.to_owned());
    }

    /// Something to be read before it happens: on stderr where stdout is JSON.
    pub fn announce(&self, words: &str) {
        match self.format {
            Format::Text(_) => self.line(words),
            Format::Json => say_error(&self.hidden.without(words)),
        }
    }

    pub fn step(&mut self, step: Step) {
        match &step.result {
            Ok(detail) => self.result("ok", GREEN, step.name, detail),
            Err(problem) => self.failed(step.name, problem),
        }
        for note in &step.notes {
            self.below(&format!("Note: {note}"));
        }
        self.steps.push(match &step.result {
            Ok(detail) => json!({"step": step.name, "ok": true, "detail": detail, "notes": step.notes}),
            Err(Problem { cause, fix }) => {
                json!({"step": step.name, "ok": false, "cause": cause, "fix": fix, "notes": step.notes})
            }
        });
        if let Err(problem) = step.result {
            let place = if step.stops_scan { &mut self.problem } else { &mut self.lesser_problem };
            place.get_or_insert(problem);
        }
    }

    pub fn diagnosis(&mut self, found: Diagnosis) {
        self.line(&format!("\n{}", fitted(&self.hidden.without(&found.text()))));
        if !found.verdict.verdict.works() {
            let problem = Problem {
                cause: found.verdict.sentence.clone(),
                fix: found.verdict.fix.first().cloned().unwrap_or_default(),
            };
            self.problem.get_or_insert(problem);
        }
        self.diagnosis = Some(found);
    }

    pub fn exchanges(&mut self, exchanges: Option<Vec<Exchange>>) {
        for (index, exchange) in exchanges.iter().flatten().enumerate() {
            self.line(&exchange_text(index + 1, exchange));
        }
        self.exchanges = exchanges;
    }

    pub fn scan(&mut self, scan: Scan, origins: Origins) {
        let name = "Scan";
        match scan {
            Scan::Done { report, took } if report.is_cleared() => {
                let detail = format!("cleared in {} ms", took.as_millis());
                self.result("ok", GREEN, name, &detail);
                self.steps.push(json!({"step": name, "ok": true, "detail": detail}));
                self.ending = Ending::Cleared { took };
            }
            Scan::Done { report, .. } => {
                let words = objection(&report);
                self.result("hit", YELLOW, name, &words);
                self.steps.push(json!({"step": name, "ok": false, "cause": words, "fix": FLAGGED_FIX}));
                self.ending = Ending::Flagged { words };
            }
            Scan::Failed(error) => {
                let problem = Problem { cause: error.to_string(), fix: error.fix(origins) };
                self.failed(name, &problem);
                self.steps
                    .push(json!({"step": name, "ok": false, "cause": problem.cause, "fix": problem.fix}));
                self.scan_problem = Some(problem);
            }
            Scan::NotTried => {
                let why = "not tried: a step before it failed";
                self.result("--", YELLOW, name, why);
                self.steps.push(json!({"step": name, "ok": false, "cause": why}));
            }
        }
    }

    /// Writes the last line, or the JSON object. Whether everything works.
    pub fn finish(self) -> bool {
        let problem = self.problem.as_ref().or(self.scan_problem.as_ref()).or(self.lesser_problem.as_ref());
        let (passed, result, mark, style, words) = match (&self.ending, problem) {
            (_, Some(Problem { cause, fix })) => {
                (false, "failed", "FAIL", RED, format!("Smoke test failed: {cause} Fix: {fix}"))
            }
            (Ending::Cleared { took }, None) => {
                let words = format!("Smoke test passed: cleared in {} ms", took.as_millis());
                (true, "cleared", "ok", GREEN, words)
            }
            (Ending::Flagged { words }, None) => {
                let words = format!("Smoke test flagged: the API works, but {words} {FLAGGED_FIX}");
                (false, "flagged", "hit", YELLOW, words)
            }
            (Ending::Failed, None) => {
                (false, "failed", "FAIL", RED, "Smoke test failed: nothing was scanned.".to_owned())
            }
        };
        match self.format {
            Format::Text(_) => self.row(mark, style, &words),
            Format::Json => self.print_json(passed, result, &words),
        }
        passed
    }

    fn print_json(&self, passed: bool, result: &str, words: &str) {
        let mut object = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "passed": passed,
            "result": result,
            "summary": words,
            "steps": self.steps,
            "warnings": self.warnings,
        });
        let took = match self.ending {
            Ending::Cleared { took } => Some(json!(took.as_millis())),
            _ => None,
        };
        let further = [
            ("duration_ms", took),
            ("exchanges", self.exchanges.as_ref().map(|exchanges| json!(exchanges))),
            ("tls_diagnostics", self.diagnosis.as_ref().map(|diagnosis| json!(diagnosis))),
        ];
        if let Some(object) = object.as_object_mut() {
            object.extend(further.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        }
        clean(&mut object, &self.hidden);
        print(&format!("{object:#}"));
    }

    fn failed(&self, name: &str, problem: &Problem) {
        self.result("FAIL", RED, name, &problem.cause);
        self.below(&format!("Fix: {}", problem.fix));
    }

    /// A step's mark, name and words.
    fn result(&self, mark: &str, style: Style, name: &str, words: &str) {
        self.line(&format!("{} {name:<NAME$} {}", self.mark(mark, style), self.wrapped(words, WORDS)));
    }

    /// What else there is to say about a step.
    fn below(&self, words: &str) {
        self.line(&format!("{:WORDS$}{}", "", self.wrapped(words, WORDS)));
    }

    /// A mark, and words of no step.
    fn row(&self, mark: &str, style: Style, words: &str) {
        self.line(&format!("{} {}", self.mark(mark, style), self.wrapped(words, MARK)));
    }

    /// Without what is hidden: a line break in it would keep it from being recognised.
    fn wrapped(&self, words: &str, indent: usize) -> String {
        wrapped(&self.hidden.without(words), width(), indent)
    }

    /// A line of the text report; nothing where the report is JSON.
    fn line(&self, text: &str) {
        if self.format != Format::Json {
            let lines: Vec<_> = text.lines().map(|line| self.hidden.without(line)).collect();
            print(&lines.join("\n"));
        }
    }

    /// Such as `[ok]`, padded to the width of the widest.
    fn mark(&self, word: &str, style: Style) -> String {
        let padding = " ".repeat(4_usize.saturating_sub(word.len()));
        match self.format {
            Format::Text(paint) => format!("[{}]{padding}", paint.word(word, style)),
            Format::Json => String::new(),
        }
    }
}

const FLAGGED_FIX: &str = "Look at the scanners of this F5 project: a greeting should pass them, or nearly every prompt will be blocked.";

fn print(text: &str) {
    // Nothing can be done about a closed terminal, and it must not become a panic.
    let _ = writeln!(io::stdout(), "{text}");
}

/// Takes what is hidden out of every text.
fn clean(value: &mut Value, hidden: &Hidden) {
    match value {
        Value::String(text) => hidden.clean(text),
        Value::Array(items) => items.iter_mut().for_each(|item| clean(item, hidden)),
        Value::Object(fields) => fields.values_mut().for_each(|field| clean(field, hidden)),
        _ => {}
    }
}

fn objection(report: &ScanReport) -> String {
    let scanners: Vec<String> = report
        .scanners
        .iter()
        .map(|scanner| match &scanner.message {
            Some(message) => format!("{} ({message})", scanner.scanner_type),
            None => scanner.scanner_type.clone(),
        })
        .collect();
    let by = if scanners.is_empty() { "a scanner".to_owned() } else { printable(&scanners.join(", "), 400) };
    let id = report.scan_ids.first().map_or_else(String::new, |id| format!(", scan {}", printable(id, 60)));
    format!("the greeting was {} by {by}{id}.", report.outcome)
}

fn exchange_text(number: usize, exchange: &Exchange) -> String {
    let mut out = format!("HTTP exchange {number}\n");
    message_text(&mut out, '>', &exchange.request, "");
    match &exchange.result {
        ExchangeResult::Unanswered => out.push_str("< (no answer before the time was up)"),
        ExchangeResult::Failed { error, total_ms } => {
            out.push_str(&format!("< (failed after {} ms: {error})", total_ms.as_millis()));
        }
        ExchangeResult::Response { message, head_ms, total_ms } => {
            let times =
                format!(" (head after {} ms, whole after {} ms)", head_ms.as_millis(), total_ms.as_millis());
            message_text(&mut out, '<', message, &times);
        }
    }
    out.trim_end().to_owned()
}

fn message_text(out: &mut String, mark: char, message: &Message, times: &str) {
    out.push_str(&format!("{mark} {}{times}\n", message.line));
    for (name, value) in &message.headers {
        out.push_str(&format!("{mark} {name}: {value}\n"));
    }
    out.push_str(&format!("{mark} ({} of body)\n", counted(message.body_bytes, "byte")));
    if let Some(body) = &message.body {
        out.push_str(&format!("{mark} {body}\n"));
    }
}
