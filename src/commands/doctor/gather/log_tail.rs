//! The last problems of the log, from its JSON lines.

use serde_json::Value;

use crate::commands::doctor::facts::LogProblem;
use crate::commands::doctor::sanitizer::Sanitizer;

/// How many are shown.
pub const SHOWN: usize = 3;

/// The outcomes of a scan that was made: a block is what f5-guard is for, and no problem of it.
const VERDICTS: [&str; 5] = ["flagged", "redacted", "blocked", "contradicted", "unknown"];

/// Reads the last [`SHOWN`] problems, oldest first. `tail` may begin in the middle of a line; what is no line of ours
/// is passed over.
pub fn last_problems(tail: &str, sanitizer: &Sanitizer) -> Vec<LogProblem> {
    let problems = tail.lines().rev().filter_map(|line| problem(line, sanitizer));
    let mut last: Vec<LogProblem> = problems.take(SHOWN).collect();
    last.reverse();
    last
}

fn problem(line: &str, sanitizer: &Sanitizer) -> Option<LogProblem> {
    let line: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| line.get(key).and_then(Value::as_str);
    let level = text("level").filter(|level| matches!(*level, "WARN" | "ERROR"))?;
    if text("outcome").is_some_and(|outcome| VERDICTS.contains(&outcome)) {
        return None;
    }
    let words = match text("message") {
        Some("decision") | None => {
            let keys = ["event", "tool", "decision", "outcome", "error"];
            keys.iter().filter_map(|key| text(key)).collect::<Vec<_>>().join(" · ")
        }
        Some(message) => message.to_owned(),
    };
    Some(LogProblem {
        time: sanitizer.text(text("timestamp").unwrap_or("?")),
        level: level.to_owned(),
        text: sanitizer.text(&words),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn the_last_three_problems_come_in_order_without_escape_sequences_and_secrets() {
        let tail = r#"in the middle of a line"}
{"timestamp":"1","level":"WARN","message":"first"}
{"timestamp":"2","level":"WARN","message":"second"}
{"timestamp":"3","level":"INFO","message":"decision","event":"Stop"}
no JSON
{"timestamp":"3","level":"WARN","message":"decision","event":"Stop","decision":"stop","outcome":"flagged"}
{"timestamp":"4","level":"ERROR","message":"a\u001b[31mb tok-secret-1"}
{"timestamp":"5","level":"WARN","message":"decision","event":"Stop","decision":"notice","outcome":"not_scanned","error":"The connection was refused."}
"#;
        let sanitizer = Sanitizer::new([Secret::new("tok-secret-1")]);
        let shown: Vec<String> = last_problems(tail, &sanitizer)
            .into_iter()
            .map(|p| format!("{} {} {}", p.time, p.level, p.text))
            .collect();
        assert_eq!(
            shown,
            [
                "2 WARN second",
                "4 ERROR a[31mb (redacted)",
                "5 WARN Stop · notice · not_scanned · The connection was refused."
            ]
        );
    }
}
