//! Plays the scenes and shows what came of them, for a terminal of 80 columns.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anstyle::Style;
use f5_guard::internals::printable::wrapped;
use f5_guard::internals::terminal::{BOLD, GREEN, RED, YELLOW};
use f5_stand_in::f5::{self, F5};
use serde_json::Value;

use super::scenes::{SCENES, Scene, simulation};

pub const WIDTH: usize = 80;
/// Columns before the texts of a scene.
const INDENT: usize = 17;
const FAINT: Style = Style::new().dimmed();

/// What Codex does with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    GoesAhead,
    UserTold,
    ModelWarned,
    Masked,
    Withheld,
    NotRun,
    PromptBlocked,
    TurnEnded,
}

impl Effect {
    fn words(self) -> &'static str {
        match self {
            Self::GoesAhead => "goes ahead",
            Self::UserTold => "goes ahead, with a notice",
            Self::ModelWarned => "goes ahead, the model is warned",
            Self::Masked => "MASKED: the model gets the text below instead",
            Self::Withheld => "WITHHELD: the model never sees the output",
            Self::NotRun => "STOPPED: the tool does not run",
            Self::PromptBlocked => "BLOCKED: the model never sees the prompt",
            Self::TurnEnded => "STOPPED: the turn ends here",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::GoesAhead => GREEN,
            Self::UserTold | Self::ModelWarned | Self::Masked => YELLOW,
            Self::Withheld | Self::NotRun | Self::PromptBlocked | Self::TurnEnded => RED,
        }
    }
}

/// Plays all scenes with this f5-guard. Colours are written as escape sequences: it is up to `out` to keep them.
///
/// # Errors
/// A scene came out otherwise than it has to.
pub fn play(binary: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let api = simulation().tls().start();
    let home = tempfile::tempdir()?;
    let ca = home.path().join("ca.pem");
    api.write_ca(&ca);

    let title = painted("f5-guard demo", BOLD);
    writeln!(out, "{title}: {} hook calls, with payloads as Codex 0.169 sends them.", SCENES.len())?;
    let what = format!(
        "The F5 service is a SIMULATION on {}. It only knows a few well-known patterns; it is no scanner.",
        api.base_url()
    );
    writeln!(out, "{}\n", wrapped(&what, WIDTH, 0))?;
    let mut times = Vec::new();
    for (number, scene) in SCENES.iter().enumerate() {
        let before = api.inputs().len();
        let started = Instant::now();
        let answer = run(scene, binary, &api, &ca, home.path())?;
        let took = started.elapsed();
        show(out, number + 1, scene, &answer, took, &api.inputs().split_off(before))?;
        let effect = answer.effect(scene.subcommand);
        if effect != scene.effect {
            return Err(format!("\"{}\" had to be {:?}, and is {effect:?}", scene.title, scene.effect).into());
        }
        times.push(took);
    }
    summary(out, times)
}

fn painted(text: &str, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

fn show(
    out: &mut impl Write,
    number: usize,
    scene: &Scene,
    answer: &Answer,
    took: Duration,
    scanned: &[String],
) -> std::io::Result<()> {
    let time = format!("{}  {:>4} ms", scene.subcommand, took.as_millis());
    let gap = " ".repeat((WIDTH - 4).saturating_sub(scene.title.len() + time.len()));
    writeln!(out, "{number:>2}. {}{gap}{}", painted(scene.title, BOLD), painted(&time, FAINT))?;
    for option in scene.options() {
        labelled(out, "with", &option, None)?;
    }
    let sent = scanned.join(" | ").replace('\n', " ⏎ ");
    labelled(out, "sent to F5", if sent.is_empty() { "nothing arrived" } else { &sent }, None)?;
    let effect = answer.effect(scene.subcommand);
    labelled(out, "Codex", effect.words(), Some(effect.style()))?;
    for (name, text) in answer.texts() {
        labelled(out, name, text, None)?;
    }
    writeln!(out)
}

fn labelled(out: &mut impl Write, name: &str, text: &str, style: Option<Style>) -> std::io::Result<()> {
    let lines: Vec<String> = text.lines().map(broken).collect();
    let text = lines.join(&format!("\n{}", " ".repeat(INDENT)));
    let text = style.map_or_else(|| text.clone(), |style| painted(&text, style));
    writeln!(out, "    {}{text}", painted(&format!("{name:<width$}", width = INDENT - 4), FAINT))
}

/// Breaks a line where it is too long; one that is not keeps its blanks.
fn broken(line: &str) -> String {
    if INDENT + line.chars().count() <= WIDTH { line.to_owned() } else { wrapped(line, WIDTH, INDENT) }
}

fn summary(out: &mut impl Write, mut times: Vec<Duration>) -> Result<(), Box<dyn Error>> {
    let count = |style: Style| SCENES.iter().filter(|scene| scene.effect.style() == style).count();
    let [clean, notice, stopped] = [GREEN, YELLOW, RED].map(count);
    writeln!(
        out,
        "{} calls: {}, {}, {}.",
        SCENES.len(),
        painted(&format!("{clean} went ahead"), GREEN),
        painted(&format!("{notice} went ahead with a warning, or masked"), YELLOW),
        painted(&format!("{stopped} stopped"), RED)
    )?;
    times.sort();
    let (half, most) = (times[times.len() / 2].as_millis(), times[times.len() - 1].as_millis());
    let build = if cfg!(debug_assertions) { "a build for debugging, " } else { "" };
    let time = format!(
        "Half of them took at most {half} ms, the slowest {most} ms ({build}without the time that a real service takes)."
    );
    writeln!(out, "{}\n", wrapped(&time, WIDTH, 0))?;
    writeln!(out, "{}", painted("Next", BOLD))?;
    writeln!(out, "  See it in Codex, against this simulation (QUICKSTART.md):")?;
    writeln!(out, "    cargo run --example demo -- --serve")?;
    writeln!(out, "  With your own F5 project:")?;
    writeln!(out, "    f5-guard login && f5-guard install")?;
    Ok(())
}

/// What a hook said.
struct Answer {
    /// From stdout; null where there was nothing.
    json: Value,
    /// From stderr with exit code 2, which is what Codex then goes by.
    text: Option<String>,
}

fn run(scene: &Scene, binary: &Path, api: &F5, ca: &Path, home: &Path) -> Result<Answer, Box<dyn Error>> {
    let mut payload: Value = serde_json::from_str(scene.payload)?;
    // That session's file is not here.
    *payload.pointer_mut("/transcript_path").ok_or("the sample has no such field")? = Value::Null;
    for (field, text) in scene.changes {
        *payload.pointer_mut(field).ok_or("the sample has no such field")? = (*text).into();
    }
    let mut command = Command::new(binary);
    command
        .arg(scene.subcommand)
        .env("CODEX_HOME", home)
        .env("F5_GUARDRAILS_API_TOKEN", f5::TOKEN)
        .env("F5_GUARDRAILS_BASE_URL", api.base_url())
        .env("F5_GUARDRAILS_CA_BUNDLE", ca)
        .env("F5_GUARDRAILS_LOG_LEVEL", "off")
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env_remove("F5_GUARDRAILS_ENFORCEMENT")
        .env_remove("F5_GUARDRAILS_FAIL_MODE")
        .env_remove("F5_GUARDRAILS_POST_STRICT");
    for (name, value) in scene.settings {
        command.env(name, if *value == "down" { f5::refusing_url()? } else { (*value).to_owned() });
    }
    // Pipes, as Codex has them.
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().ok_or("no stdin")?.write_all(payload.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    let text = match output.status.code() {
        Some(0) => None,
        Some(2) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        _ => return Err(format!("{}: {}", scene.title, output.status).into()),
    };
    let json = if output.stdout.is_empty() { Value::Null } else { serde_json::from_slice(&output.stdout)? };
    Ok(Answer { json, text })
}

impl Answer {
    fn effect(&self, subcommand: &str) -> Effect {
        let at = |pointer: &str| self.json.pointer(pointer);
        let reason = at("/reason").and_then(Value::as_str).unwrap_or_default();
        if self.json.is_null() {
            Effect::GoesAhead
        } else if at("/hookSpecificOutput/permissionDecision").is_some() {
            Effect::NotRun
        } else if at("/continue") == Some(&Value::Bool(false)) {
            Effect::TurnEnded
        } else if at("/decision").is_some() {
            match subcommand {
                "user-prompt-submit" => Effect::PromptBlocked,
                _ if reason.contains(" masked") => Effect::Masked,
                _ => Effect::Withheld,
            }
        } else if at("/hookSpecificOutput/additionalContext").is_some() {
            Effect::ModelWarned
        } else {
            Effect::UserTold
        }
    }

    /// The texts, by the reader they are for.
    fn texts(&self) -> Vec<(&'static str, &str)> {
        if let Some(text) = &self.text {
            return vec![("both read", text)];
        }
        [
            ("user reads", "/systemMessage"),
            ("both read", "/reason"),
            ("user reads", "/stopReason"),
            ("model reads", "/hookSpecificOutput/permissionDecisionReason"),
            ("model reads", "/hookSpecificOutput/additionalContext"),
        ]
        .into_iter()
        .filter_map(|(name, pointer)| Some((name, self.json.pointer(pointer)?.as_str()?)))
        .collect()
    }
}
