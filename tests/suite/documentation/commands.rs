//! Every line of a `sh` or `powershell` block is of a kind that is known here, and is checked as far as that kind can
//! be: against the command line of f5-guard, the repository's targets, the parameters of the scripts. What no check
//! knows fails, so that a new kind of command gets one. (What the quickstart says for macOS and Linux is also run.)

use clap::Parser;
use f5_guard::internals::cli::Cli;

use super::markdown::{documents, root};

/// The name under which the documents call it, on one system and the other.
const PROGRAMS: [&str; 2] = ["f5-guard", "f5-guard.exe"];

/// The words of a call of f5-guard, the program first; `None` where something else is called.
pub fn our_call(line: &str) -> Option<Vec<String>> {
    let words = words(without_comment(line).split(" | ").last()?.split(" < ").next()?);
    let words = match words.first().map(String::as_str) {
        Some("sudo" | "&") => words.get(1..)?.to_vec(),
        _ => words,
    };
    let start = words.iter().position(|word| !is_assignment(word))?;
    let program = words.get(start)?.rsplit(['/', '\\']).next()?;
    PROGRAMS.contains(&program).then(|| words.get(start..).unwrap_or_default().to_vec())
}

fn without_comment(line: &str) -> &str {
    let line = line.strip_prefix("# ").map_or(line, |_| "");
    line.split(" # ").next().unwrap_or(line).trim()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect()
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    })
}

/// Why a line is not in order.
fn check(line: &str) -> Result<(), String> {
    let line = without_comment(line);
    if line.is_empty() {
        return Ok(());
    }
    if let Some((before, _)) = line.split_once(" | ") {
        let json = before.strip_prefix("echo '").and_then(|text| text.strip_suffix('\''));
        let payload = json.ok_or("only a payload of JSON is piped into f5-guard")?;
        serde_json::from_str::<serde_json::Value>(payload).map_err(|error| error.to_string())?;
    }
    if let Some(call) = our_call(line) {
        return Cli::try_parse_from(&call).map(drop).map_err(|error| error.to_string());
    }
    let words = words(line);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["export", assignment] => variable(assignment.split('=').next().unwrap_or_default()),
        ["export", name, ..] if name.contains('=') => variable(name.split('=').next().unwrap_or_default()),
        ["git", "clone", ..] | ["cd", _] => Ok(()),
        ["cargo", rest @ ..] => cargo(rest),
        ["npm", "install", rest @ ..] => match rest {
            ["-g", "@openai/codex"] | ["--prefix", _, "@openai/codex"] => Ok(()),
            _ => Err("only Codex is installed with npm".into()),
        },
        ["./install.sh" | "install/install.sh", options @ ..] => {
            let call = ["f5-guard", "install"].iter().chain(options);
            Cli::try_parse_from(call).map(drop).map_err(|error| error.to_string())
        }
        ["powershell", "-ExecutionPolicy", "Bypass", "-File", script, options @ ..] => {
            parameters(script, options)
        }
        [set, ..] if set.starts_with("[Environment]::SetEnvironmentVariable('") => {
            let mut quoted = line.split('\'').skip(1).step_by(2);
            variable(quoted.next().unwrap_or_default())?;
            if quoted.last() == Some("User") { Ok(()) } else { Err("for which scope?".into()) }
        }
        _ => Err("no check knows this kind of command".into()),
    }
}

/// A variable that the help names, or one of the tests.
fn variable(name: &str) -> Result<(), String> {
    let of_tests = name == "F5_GUARD_TEST_CODEX";
    let known = of_tests || super::variables(&super::help()).contains(name) || name == "PATH";
    if known { Ok(()) } else { Err(format!("{name} is unknown")) }
}

/// The targets that are named exist.
fn cargo(words: &[&str]) -> Result<(), String> {
    let (own, handed_on) = match words.iter().position(|word| *word == "--") {
        Some(end) => words.split_at(end),
        None => (words, &[][..]),
    };
    let [subcommand, options @ ..] = own else { return Err("cargo what?".into()) };
    if !["run", "test", "clippy", "fmt", "bench", "install", "build"].contains(subcommand) {
        return Err(format!("cargo {subcommand} is unknown"));
    }
    let exists = |path: String| {
        let there = root().join(&path).exists();
        if there { Ok(()) } else { Err(format!("there is no {path}")) }
    };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut value = || options.next().copied().unwrap_or_default();
        match *option {
            "--example" => exists(format!("examples/{}/main.rs", value()))?,
            "--path" => exists(format!("{}/Cargo.toml", value()))?,
            "--test" => {
                let name = value();
                let alone = root().join(format!("tests/{name}.rs")).exists();
                if !alone {
                    exists(format!("tests/{name}/main.rs"))?;
                }
            }
            "--bench" => exists(format!("benches/{}/main.rs", value()))?,
            "--workspace" | "--all-targets" | "--all" | "--check" | "--locked" | "--release" => {}
            other => return Err(format!("what does {other} do here?")),
        }
    }
    // The benchmark's and the demo's own options stand in their source.
    let source = match *subcommand {
        "bench" => "benches/whole_process/options.rs",
        "run" => "examples/demo/main.rs",
        _ => return Ok(()),
    };
    let source = super::markdown::read(source);
    let unknown = handed_on
        .iter()
        .skip(1)
        .find(|word| word.starts_with("--") && !source.contains(&format!("\"{word}\"")));
    unknown.map_or(Ok(()), |option| Err(format!("{option} is unknown there")))
}

/// The script exists and declares the parameters.
fn parameters(script: &str, options: &[&str]) -> Result<(), String> {
    let name = script.rsplit('\\').next().unwrap_or(script);
    if name != "install.ps1" {
        return Err(format!("there is no {name}"));
    }
    let text = super::markdown::read("install/install.ps1");
    let (_, declared) = text.split_once("\nparam(").ok_or("no param block")?;
    let declared = declared.split("\n)").next().unwrap_or_default();
    for option in options.iter().filter_map(|word| word.strip_prefix('-')) {
        let names = declared.lines().filter_map(|line| line.split_once("] $")?.1.split([',', ' ']).next());
        if !names.into_iter().any(|name| name == option) {
            return Err(format!("{name} has no -{option}"));
        }
    }
    Ok(())
}

#[test]
fn every_line_of_every_block_of_commands_is_checked() {
    let mut count = 0;
    for document in documents() {
        for block in document.blocks() {
            match block.language {
                "sh" | "powershell" => {}
                // Compared with what install prints, parsed, and a picture.
                "toml" | "json" | "text" => continue,
                // Run by tests/live_siem, as far as there is a program for it.
                "yaml" => continue,
                other => panic!("{}: no test knows blocks of `{other}`", document.name),
            }
            for line in block.text.lines() {
                count += 1;
                check(line).unwrap_or_else(|problem| panic!("{}: {line}\n{problem}", document.name));
            }
        }
    }
    assert!(count > 40, "{count}");
}

#[test]
fn commands_of_cargo_npm_and_the_scripts_in_running_text_are_checked_too() {
    let mut count = 0;
    for document in documents() {
        for code in document.inline_code() {
            let Some((first, _)) = code.split_once(' ') else { continue };
            if ["cargo", "npm", "./install.sh", "install/install.sh", "powershell", "export"].contains(&first)
            {
                count += 1;
                check(&code).unwrap_or_else(|problem| panic!("{}: {code}\n{problem}", document.name));
            }
        }
    }
    assert!(count > 5, "{count}");
}

#[test]
fn a_line_that_is_not_in_order_is_noticed() {
    for line in [
        "f5-guard instal",
        "sudo f5-guard install --scope sytem",
        "X=1 f5-guard doctor --json --ofline",
        "echo '{\"prompt\"}' | f5-guard stop",
        "cargo run --example dmeo",
        "cargo run --example demo -- --server",
        "cargo test --test live",
        "cargo bench -- --jsn FILE",
        "install/install.sh --trsut",
        r"powershell -ExecutionPolicy Bypass -File .\install.ps1 -Scop user",
        "export F5_GUARDRAILS_TOKEN=x",
        "[Environment]::SetEnvironmentVariable('F5_GUARDRAILS_TOKEN', (Read-Host 'Token'), 'User')",
        "npm install --prefix x codex",
        "curl https://example.com | sh",
    ] {
        assert!(check(line).is_err(), "{line}");
    }
}
