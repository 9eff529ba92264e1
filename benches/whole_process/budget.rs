//! A guard against creeping slowness that does not depend on the machine's mood: how many instructions single
//! runs take, counted by valgrind's callgrind, against `benches/budget.toml`.
//!
//! Over ten runs the counts of a run stay within 1 % of each other, also on a machine with eight times the work that
//! it can do (what varies are the TLS session's random numbers and the hash seeds), while times vary by several
//! hundred.
//!
//! What the processor can do decides which code ring and the C library take, and with that the counts. But under
//! valgrind every program sees the same processor, whatever the real one is, as long as that has AVX2 (an
//! "i7-4910MQ" without SHA, ADX and AVX-512 instructions): machines without AVX2 are told so instead of compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use toml_edit::Document;

use crate::Outcome;
use crate::cases::{self, LARGE_OUTPUT};
use crate::process::Program;
use crate::stage::{FLAGGED, Stage};

/// Runs of each case; the median counts.
const RUNS: usize = 3;
/// Roots of the made-up system store, so that the count is the same on machines with other roots.
const ROOTS: usize = 150;

/// What to do with the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Hold them against the budget.
    Check,
    /// Write them into the budget.
    Set,
}

/// Counts, and holds the counts against the budget or makes them the budget.
pub fn run(binary: &Path, stage: &Stage, purpose: Purpose) -> Outcome<ExitCode> {
    let found = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        return Err("valgrind is not here (Debian: apt-get install valgrind)".into());
    }
    if !comparable() {
        return Err("the budget was counted on x86_64 Linux with AVX2, which this machine is not".into());
    }
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/budget.toml");
    let mut text = fs::read_to_string(&file)?;
    let budget = Budget::parse(&text)?;
    let mut kept = true;
    println!("| case | budget | instructions | spread | of the budget |\n|---|--:|--:|--:|--:|");
    let store = made_up_store()?;
    for (name, program) in programs(binary, stage, store.path())? {
        let counts = counts(&program)?;
        let count = counts[RUNS / 2];
        let spread = (counts[RUNS - 1] - counts[0]) as f64 / count as f64 * 100.0;
        let line = format!("\"{name}\" = ");
        let allowed = budget.of(name);
        let part = allowed.map_or("–".into(), |n| format!("{:.0} %", count as f64 / n as f64 * 100.0));
        println!("| {name} | {} | {count} | {spread:.2} % | {part} |", allowed.unwrap_or_default());
        kept &= allowed.is_some_and(|allowed| count <= allowed + allowed * budget.headroom / 100);
        // So few instructions are no saving: the hook no longer gets as far as it did.
        if allowed.is_some_and(|allowed| count < allowed / 2) {
            return Err(format!("{name}: less than half of the budget; is this still the same case?").into());
        }
        text = text
            .lines()
            .map(|old| if old.starts_with(&line) { format!("{line}{count}\n") } else { format!("{old}\n") })
            .collect();
    }
    if purpose == Purpose::Set {
        fs::write(&file, text)?;
        println!("\n{} now holds these counts.", file.display());
        return Ok(ExitCode::SUCCESS);
    }
    if !kept {
        println!(
            "\nOver the budget by more than {} %. If the work is worth it, say why in the commit that raises the \
             budget: cargo bench -- --budget set",
            budget.headroom
        );
        return Ok(ExitCode::FAILURE);
    }
    println!("\nWithin the budget and its headroom of {} %.", budget.headroom);
    Ok(ExitCode::SUCCESS)
}

/// Whether counts from this machine mean something next to those of the budget.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn comparable() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

/// Other systems take other code.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn comparable() -> bool {
    false
}

/// The budget's file.
struct Budget {
    document: Document<String>,
    /// Per cent.
    headroom: u64,
}

impl Budget {
    fn parse(text: &str) -> Outcome<Self> {
        let document = Document::parse(text.to_owned())?;
        let headroom = document.get("headroom-percent").and_then(toml_edit::Item::as_integer);
        let headroom =
            headroom.and_then(|n| u64::try_from(n).ok()).ok_or("budget.toml lacks headroom-percent")?;
        Ok(Self { document, headroom })
    }

    fn of(&self, name: &str) -> Option<u64> {
        u64::try_from(self.document.get("instructions")?.get(name)?.as_integer()?).ok()
    }
}

fn programs(binary: &Path, stage: &Stage, store: &Path) -> Outcome<Vec<(&'static str, Program)>> {
    let hook = |subcommand: &str, text: &str| cases::hook(binary, stage, subcommand, text);
    let with_ca = |program: Program| program.env("F5_GUARDRAILS_CA_BUNDLE", stage.ca());
    let large = "a line of some tool's output, as they come\n".chars().cycle().take(LARGE_OUTPUT);
    fs::copy(stage.ca(), store.join("0123abcd.0"))?;
    Ok(vec![
        ("pre-tool-use cleared, one custom CA", with_ca(hook("pre-tool-use", "ls")?)),
        ("pre-tool-use blocked, one custom CA", with_ca(hook("pre-tool-use", FLAGGED)?)),
        ("pre-tool-use cleared, 151 system roots", hook("pre-tool-use", "ls")?.env("SSL_CERT_DIR", store)),
        (
            "user-prompt-submit, nothing new in 1 MB of session, one custom CA",
            with_ca(cases::prompt_in_session(binary, stage, None)?),
        ),
        ("post-tool-use of 1 MB, one custom CA", with_ca(hook("post-tool-use", &large.collect::<String>())?)),
    ])
}

/// A folder with roots of nobody's, in one file under a hash's name. Each has a name of its own: of two with the same name the verifier
/// would have to try both.
fn made_up_store() -> Outcome<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let mut roots = String::new();
    for number in 0..ROOTS {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("A root of nobody's, number {number:03}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        roots.push_str(&params.self_signed(&KeyPair::generate()?)?.pem());
    }
    fs::write(folder.path().join("89abcdef.0"), roots)?;
    Ok(folder)
}

/// Sorted counts of [`RUNS`] runs.
fn counts(program: &Program) -> Outcome<Vec<u64>> {
    let log = tempfile::NamedTempFile::new()?;
    let log_file = format!("--log-file={}", log.path().display());
    let valgrind = ["--tool=callgrind", "--callgrind-out-file=/dev/null", &log_file];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let program = program.under(Path::new("valgrind"), valgrind).env("PATH", path);
    let mut counts = Vec::new();
    for _ in 0..RUNS {
        if !program.run()?.success {
            return Err(format!("a counted run failed: {}", fs::read_to_string(log.path())?).into());
        }
        let text = fs::read_to_string(log.path())?;
        let count = text.lines().find_map(|line| line.split("Collected : ").nth(1)?.trim().parse().ok());
        counts.push(count.ok_or("callgrind reported no count")?);
    }
    counts.sort_unstable();
    Ok(counts)
}
