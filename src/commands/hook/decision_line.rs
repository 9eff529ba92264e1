//! The line that a call leaves in the log: what was found out about it, in the log's own words.

use std::path::Path;
use std::time::{Instant, SystemTime};

use super::assess::policy_of;
use super::call::Call;
use crate::clock;
use crate::hook::decision::log_word;
use crate::hook::{Action, Assessment, Failure, would_have};
use crate::logging::{
    DecisionLine, MAX_LISTED, MAX_MASKED, MESSAGE, MaskedLine, NAME, ON_STDERR_ONLY, OPERATORS_MESSAGE,
    SCANNER_TYPE, SENTENCE, ScannerLine, WouldHaveLine, fitting,
};
use crate::scan::{Outcome, ScanReport};
use crate::settings::values::Enforcement;
use crate::settings::{Enforced, Settings};
use crate::system::Env;

/// A scan id has at most so many bytes; the service's have 36.
const SCAN_ID: usize = 128;
/// A contact has at most 200 characters.
const CONTACT: usize = 800;
/// What stands where a path was.
const PATH: &str = "<path>";

/// When a call began, when its answer was ready, and when it was out.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    pub started: Instant,
    pub assessed: Instant,
    pub written: Instant,
}

/// What the call was made with.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    pub enforced: &'a Enforced,
    pub settings: &'a Settings,
    pub env: Env<'a>,
}

/// The line, whole but for the hash of the text.
pub fn decision_line(
    call: &Call,
    assessment: &Assessment,
    action: Action,
    setup: Setup<'_>,
    times: Answered,
) -> DecisionLine {
    let name =
        |text: &Option<String>| text.as_deref().map(|text| fitting(text, NAME)).filter(|t| !t.is_empty());
    let milliseconds = |until: Instant| clock::milliseconds(until.saturating_duration_since(times.started));
    let line = DecisionLine {
        timestamp: clock::timestamp(SystemTime::now()),
        level: if went_ahead_clean(assessment, action) { "INFO" } else { "WARN" }.to_owned(),
        message: MESSAGE.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        event: call.event.name().to_owned(),
        tool: name(&call.tool_name),
        tool_use_id: name(&call.tool_use_id),
        session_id: name(&call.session_id),
        turn_id: name(&call.turn_id),
        decision: log_word(call.event, action).to_owned(),
        fail_mode: setup.settings.fail_mode.as_str().to_owned(),
        enforcement: match *setup.settings.enforcement {
            Enforcement::Block => None,
            enforcement => Some(enforcement.as_str().to_owned()),
        },
        would_have: would_have(call.event, assessment, policy_of(setup.settings)).map(|would| {
            WouldHaveLine {
                block: log_word(call.event, would.block).to_owned(),
                project: log_word(call.event, would.project).to_owned(),
            }
        }),
        enforced: setup.enforced.given().map(|(flag, _)| flag.trim_start_matches('-').to_owned()).collect(),
        contact: setup
            .settings
            .contact
            .clone()
            .value
            .filter(|_| action != Action::Allow)
            .map(|text| fitting(&text, CONTACT)),
        characters: call.text.as_ref().map(|text| count(text.chars().count())),
        duration_ms: milliseconds(times.written),
        address: setup.settings.base_url.as_ref().ok().map(|url| fitting(&url.origin(), NAME)),
        ..DecisionLine::default()
    };
    match assessment {
        Assessment::NothingToScan => DecisionLine { outcome: "blank".to_owned(), ..line },
        // Never written: it is no call of the user's.
        Assessment::Proof(_) => line,
        Assessment::NotScanned(failure) => not_scanned(line, failure, setup),
        Assessment::Scanned(report) => {
            DecisionLine { first_byte_ms: report.times.first_byte.map(milliseconds), ..scanned(line, report) }
        }
    }
}

/// Whether a call went ahead and nothing about it is out of the ordinary.
fn went_ahead_clean(assessment: &Assessment, action: Action) -> bool {
    let has_hit = matches!(assessment, Assessment::Scanned(report) if !report.is_cleared());
    action == Action::Allow && !has_hit
}

fn not_scanned(line: DecisionLine, failure: &Failure, setup: Setup<'_>) -> DecisionLine {
    let paths = paths(setup);
    let sentence = |text: &str| fitting(&without_paths(text, &paths), SENTENCE);
    DecisionLine {
        outcome: "not_scanned".to_owned(),
        cause: Some(failure.kind().to_owned()),
        error: Some(sentence(&failure.to_string())),
        fix: Some(sentence(&failure.fix(setup.settings.origins()))),
        ..line
    }
}

fn scanned(line: DecisionLine, report: &ScanReport) -> DecisionLine {
    let mut scanners: Vec<ScannerLine> = Vec::new();
    let mut more_scanners = 0;
    for scanner in &report.scanners {
        let scanner = ScannerLine {
            scanner_type: fitting(&scanner.scanner_type, NAME),
            message: scanner.message.as_deref().map(|message| fitting(message, OPERATORS_MESSAGE)),
        };
        if scanners.contains(&scanner) {
            continue;
        }
        match scanners.len() {
            MAX_LISTED.. => more_scanners += 1,
            _ => scanners.push(scanner),
        }
    }
    let listed = report.scan_ids.iter().take(MAX_LISTED);
    let by_modes = report.by_modes.masked.as_ref();
    DecisionLine {
        outcome: word(&report.outcome).to_owned(),
        outcome_word: match &report.outcome {
            Outcome::Unknown(word) => Some(fitting(word, NAME)),
            _ => None,
        },
        incomplete: !report.complete && !report.is_cleared(),
        scanners,
        more_scanners,
        masked_characters: by_modes.map_or(0, |masked| count(masked.characters)),
        masked: by_modes
            .iter()
            .flat_map(|masked| masked.by_scanner.iter().take(MAX_MASKED))
            .map(|(scanner_type, characters)| MaskedLine {
                scanner_type: fitting(scanner_type, SCANNER_TYPE),
                characters: count(*characters),
            })
            .collect(),
        scan_ids: listed.map(|id| fitting(id, SCAN_ID)).collect(),
        more_scan_ids: count(report.scan_ids.len().saturating_sub(MAX_LISTED)),
        pieces: Some(count(report.pieces)),
        service_ms: report.times.service.map(clock::milliseconds),
        ..line
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Cleared => "cleared",
        Outcome::Unknown(_) => "unknown",
        Outcome::Contradicted => "contradicted",
        Outcome::Redacted => "redacted",
        Outcome::Flagged => "flagged",
        Outcome::Blocked => "blocked",
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The same for people who run a hook by hand, where the level lets it pass.
pub fn tell_people(line: &DecisionLine) {
    let types: Vec<&str> = line.scanners.iter().map(|scanner| scanner.scanner_type.as_str()).collect();
    macro_rules! tell {
        ($level:ident) => {
            tracing::$level!(
                target: ON_STDERR_ONLY,
                event = line.event,
                tool = line.tool,
                decision = line.decision,
                outcome = line.outcome,
                scanners = (!types.is_empty()).then(|| types.join(",")),
                scan_ids = (!line.scan_ids.is_empty()).then(|| line.scan_ids.join(",")),
                cause = line.cause,
                error = line.error,
                duration_ms = line.duration_ms,
                "decision"
            )
        };
    }
    if line.level == "INFO" { tell!(info) } else { tell!(warn) }
}

/// Paths that messages may name, the longest first.
fn paths(Setup { settings, env, .. }: Setup<'_>) -> Vec<String> {
    let tls = &settings.tls;
    let bundles = tls.ca_bundles.iter().flatten().chain(&tls.codex_ca).map(|setting| &setting.value);
    let others = [&settings.token_file, &tls.client_cert, &tls.client_key, &settings.log.file];
    let others = others.into_iter().filter_map(|setting| setting.value.as_ref()).chain(&tls.key_log);
    let homes =
        ["HOME", "USERPROFILE", "APPDATA", "CODEX_HOME", "XDG_CONFIG_HOME"].into_iter().filter_map(env);
    let known = bundles.chain(others).map(|path: &std::path::PathBuf| path.as_path().display().to_string());
    let homes = homes.map(|home| Path::new(&home).display().to_string());
    let mut paths: Vec<String> = known.chain(homes).filter(|path| path.chars().count() > 1).collect();
    paths.sort_unstable_by_key(|path| std::cmp::Reverse(path.len()));
    paths
}

/// The known paths, whole, and whatever else begins like one, up to the next blank.
fn without_paths(text: &str, known: &[String]) -> String {
    let text = known.iter().fold(text.to_owned(), |text, path| text.replace(path.as_str(), PATH));
    let mut shown = String::with_capacity(text.len());
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            shown.push(' ');
        }
        match path_in(word) {
            Some(at) => {
                shown.push_str(word.get(..at).unwrap_or_default());
                shown.push_str(PATH);
                let closing = word.trim_end_matches([')', ',', ';', ':', '.', '"', '\'', '`']);
                shown.push_str(word.get(closing.len().max(at)..).unwrap_or_default());
            }
            None => shown.push_str(word),
        }
    }
    shown
}

/// Where a path begins in a word, after brackets and quotes.
fn path_in(word: &str) -> Option<usize> {
    let rest = word.trim_start_matches(['(', '"', '\'', '`', '=']);
    let at = word.len() - rest.len();
    let drive = rest.get(1..3).is_some_and(|next| matches!(next, ":\\" | ":/"));
    let begins = rest.starts_with(['/', '\\', '~']) || rest.starts_with(PATH) || drive;
    (begins && rest.len() > 1).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_lose_their_paths_and_keep_the_rest() {
        let known = ["/home/John Doe/x y.pem".to_owned(), "/home/John Doe".to_owned()];
        for (text, expected) in [
            (
                "The CA bundle /home/John Doe/x y.pem (from A) holds none.",
                "The CA bundle <path> (from A) holds none.",
            ),
            (
                "The stored tokens in /home/John Doe/.config/t.json can't.",
                "The stored tokens in <path> can't.",
            ),
            ("Put it into /etc/ssl/own.pem.", "Put it into <path>."),
            (r"It is (C:\Users\ann\t.json), too.", "It is (<path>), too."),
            (r"It is \\server\share\t, too.", "It is <path>, too."),
            ("`chmod go-w ~/x` helps", "`chmod go-w <path>` helps"),
            (
                "Set it to https://www.us1.calypsoai.app/x or so.",
                "Set it to https://www.us1.calypsoai.app/x or so.",
            ),
            ("1 and/or 2 / 3", "1 and/or 2 / 3"),
        ] {
            assert_eq!(without_paths(text, &known), expected);
        }
    }
}
